"""Curves: named lines for the charts of a page, drawn by `assets/charts.js`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playhead.learning.log import joined_rows

__all__ = ["TRAINING_SECTION", "Line", "log_curves", "training_curves"]

TRAINING_SECTION = """<section id="training-section">
<h2>Training</h2>
<div class="pair"><div id="loss-chart" class="chart"></div>
<div id="metric-chart" class="chart"></div></div>
</section>"""
"""Where `trainingCharts` of `assets/charts.js` draws training curves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A named line, such as precision over recall; kind: groups lines into charts."""

    name: str
    x: Sequence[float]
    y: Sequence[float | None]
    kind: str = ""

    def to_json(self) -> dict[str, Any]:
        """As `lines` of `assets/charts.js` takes it."""
        return {"kind": self.kind, "name": self.name, "x": list(self.x), "y": list(self.y)}


def training_curves(run: Path) -> list[Line]:
    """The loss over the steps and each metric over the epochs, from the log of a run folder.

    Those of a run that it goes on from come first. Where epochs have fewer steps than
    `training.log_steps`, the loss is that of the epochs. Kinds: `loss` and `metric`.
    Raises PlayheadError if the folder has no readable log.
    """
    return log_curves(joined_rows(run))


def log_curves(rows: Sequence[Mapping[str, Any]]) -> list[Line]:
    """`training_curves` of the rows of a log."""
    losses = [row for row in rows if row.get("loss") is not None]
    steps = [row for row in losses if row["kind"] == "step"] or losses
    epochs = [row for row in rows if row.get("metrics")]
    curves = [
        Line(kind="loss", name="loss", x=[r["step"] for r in steps], y=[r["loss"] for r in steps])
    ]
    for name in epochs[0]["metrics"] if epochs else ():
        x, y = [row["epoch"] for row in epochs], [row["metrics"].get(name) for row in epochs]
        curves.append(Line(kind="metric", name=name, x=x, y=y))
    return curves
