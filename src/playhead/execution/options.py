"""Command-line options that the commands of several jobs share."""

import math
from pathlib import Path
from typing import Annotated, Literal

import typer

from playhead.errors import ConfigError

__all__ = [
    "ConfigName",
    "Device",
    "ExecutorName",
    "Json",
    "Out",
    "Overrides",
    "Resume",
    "RunFolder",
    "Weights",
    "Workers",
    "parse_weights",
]

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
ConfigName = Annotated[str, typer.Argument(help="A packaged name, or a path to YAML.")]
Out = Annotated[Path, typer.Option("--out", help="The folder to write into.")]
RunFolder = Annotated[
    Path | None, typer.Option("--out", help="The run folder. Default: runs/CONFIG.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Continue a stopped run.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="key=value over the configuration; may be repeated."),
]
Weights = Annotated[
    str | None, typer.Option(help="Weight of each member in the mean: 2,1. Default: equal.")
]


def parse_weights(text: str, count: int, members: str) -> tuple[float, ...]:
    """The value of --weights: `2,1` as the weights of `count` members, which an error names.

    Raises ConfigError unless they are as many numbers above 0.
    """
    try:
        weights = tuple(float(weight) for weight in text.split(","))
    except ValueError:
        weights = ()
    usable = all(math.isfinite(weight) and weight > 0 for weight in weights)
    if len(weights) != count or not usable:
        raise ConfigError(
            f"--weights {text}: {count} {members} need {count} numbers above 0, such as "
            f"--weights {','.join(['1'] * count)}"
        )
    return weights
