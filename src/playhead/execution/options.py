"""Command-line options that the commands of several jobs share."""

from typing import Annotated, Literal

import typer

__all__ = ["Device", "ExecutorName", "Json", "Overrides", "Workers"]

ExecutorName = Annotated[
    Literal["serial", "processes"],
    typer.Option("--executor", help="One file after the other, or several in worker processes."),
]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Worker processes. Default: one for every two cores.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Device = Annotated[
    Literal["auto", "cpu", "cuda"], typer.Option(help="auto uses CUDA if it is available.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="key=value over the configuration; may be repeated."),
]
