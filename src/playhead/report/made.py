"""How it was made: the curves of a training run and the versions, as every report shows them."""

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from playhead.learning.log import read_rows
from playhead.report.curves import Line

__all__ = ["training_curves", "versions"]


def training_curves(run: Path) -> list[Line]:
    """The loss over the steps, and each metric over the epochs, from the log of a run folder.

    Raises PlayheadError for a folder without a readable log.
    """
    rows = read_rows(run / "log.jsonl")
    steps = [row for row in rows if row["kind"] == "step" and row["loss"] is not None]
    epochs = [row for row in rows if row.get("metrics")]
    curves = [
        Line(kind="loss", name="loss", x=[r["step"] for r in steps], y=[r["loss"] for r in steps])
    ]
    for name in epochs[0]["metrics"] if epochs else ():
        x, y = [row["epoch"] for row in epochs], [row["metrics"][name] for row in epochs]
        curves.append(Line(kind="metric", name=name, x=x, y=y))
    return curves


def versions() -> dict[str, str]:
    """What made a report; packages that are not installed are left out."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for name in ("playhead", "numpy", "openvino", "av", "torch", "timm"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
