"""Command-line options of the executors, shared by the commands that process files."""

from typing import Annotated, Literal

import typer

__all__ = ["ExecutorName", "Workers"]

ExecutorName = Annotated[
    Literal["serial", "processes"],
    typer.Option("--executor", help="One file after the other, or several in worker processes."),
]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Worker processes. Default: one for every two cores.")
]
