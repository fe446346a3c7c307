"""The page of a spotting report: one HTML file.

Its script matches events itself, so that tolerance and threshold can be changed on the page.
"""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from playhead.inference.scores import Scores
from playhead.report.curves import TRAINING_SECTION
from playhead.report.markup import asset, clock, element, escape, write_page
from playhead.report.provenance import provenance
from playhead.report.strips import film_strip
from playhead.report.tables import table, tiles
from playhead.spotting.report_data import Report, ShownMistake, Timeline

__all__ = ["write_report_page"]

PACKAGE = "playhead.spotting"
MAX_CURVE_POINTS = 20_000
NO_SCORE = 255
MISTAKES = """<h2>The worst mistakes</h2>
<p class="note">The outlined frame is the event itself. Misses with the lowest scores come first,
then false positives with the highest.</p>
"""


def write_report_page(report: Report, path: Path) -> Path:
    """Write the report as one self-contained file and return its path.

    Raises ValueError for a metric that is NaN or infinite.
    """
    titles = ["AP at", *(f"{tolerance:g} s" for tolerance in report.ap_tolerances)]
    mistakes = "".join(map(_mistake, report.mistakes))
    return write_page(
        asset("report.html", PACKAGE),
        path,
        title=report.title,
        parts={
            "summary": escape(report.summary),
            "tiles": tiles(report.tiles),
            "mistakes": element("section", MISTAKES + mistakes) if mistakes else "",
            "ap_table": table(titles, ((name, *values) for name, values in report.ap.items())),
            "training": TRAINING_SECTION,
            "provenance": provenance(report.versions, report.config),
        },
        styles=asset("report.css", PACKAGE),
        data={
            "classes": list(report.classes),
            "tolerance": report.tolerance,
            "threshold": report.threshold,
            "videos": [_timeline(line, report.classes) for line in report.timelines],
            "ap": {"tolerances": list(report.ap_tolerances), "series": dict(report.ap)},
            "curves": [line.to_json() for line in report.precision_recall],
            "training": [line.to_json() for line in report.training],
        },
        scripts=[asset("report.js", PACKAGE)],
        charts=True,
    )


def _timeline(line: Timeline, classes: Sequence[str]) -> dict[str, Any]:
    index = {name: i for i, name in enumerate(classes)}
    return {
        "name": line.name,
        "duration": line.duration,
        "truth": [{"c": index[e.label], "t": round(e.start, 4)} for e in line.truth.events],
        "predictions": [
            {"c": index[e.label], "t": round(e.start, 4), "s": round(e.score, 4)}
            for e in line.predictions.events
        ],
        "scores": None if line.scores is None else _scores(line.scores, classes),
    }


def _scores(scores: Scores, classes: Sequence[str]) -> dict[str, Any] | None:
    """Score curves as bytes, one curve for each of `classes`.

    A long curve is reduced to the maxima of a few grid points each. A class without scores gets a
    curve without values.
    """
    points = len(scores.times)
    if points == 0:
        return None
    stride = -(-points // MAX_CURVE_POINTS)
    padding = -points % stride
    padded = np.pad(scores.values, ((0, padding), (0, 0)), constant_values=np.nan)
    known = np.where(np.isnan(padded), -1.0, padded).reshape(-1, stride, len(scores.classes))
    highest = known.max(axis=1)
    levels = np.where(highest < 0, NO_SCORE, np.rint(highest * (NO_SCORE - 1))).astype(np.uint8)
    spacing = (scores.times[-1] - scores.times[0]) / max(1, points - 1)
    columns = {name: levels[:, i] for i, name in enumerate(scores.classes)}
    unknown = np.full(len(levels), NO_SCORE, dtype=np.uint8)
    return {
        "start": float(scores.times[0]),
        "step": float(spacing * stride),
        "values": [
            base64.b64encode(columns.get(name, unknown).tobytes()).decode() for name in classes
        ],
    }


def _mistake(mistake: ShownMistake) -> str:
    missed = mistake.kind == "miss"
    kind = element(
        "span", "✕ miss" if missed else "◆ false positive", "bad" if missed else "false-positive"
    )
    score = "" if mistake.score is None else f", score {mistake.score:.2f}"
    where = f" {mistake.label} at {clock(mistake.time)} in {mistake.video}{score}"
    strip = film_strip(mistake.frames, name=mistake.video, time=mistake.time)
    return element("div", element("h3", kind + escape(where)) + strip, "strip")
