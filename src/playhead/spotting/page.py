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
from playhead.spotting.report_data import Report, ShownMistake, Table, Timeline

__all__ = ["write_report_page"]

PACKAGE = "playhead.spotting"
MAX_CURVE_POINTS = 20_000
NO_SCORE = 255
LEAD = 1.0  # seconds
MISTAKES = """<h2>The worst mistakes</h2>
<p class="note">The outlined frame is the event itself; clips are the two seconds around it, and
play under the pointer. Misses with the lowest scores come first, then false positives with the
highest.</p>
"""


def write_report_page(report: Report, path: Path) -> Path:
    """Write the report as one self-contained file and return its path.

    Raises ValueError for a metric that is NaN or infinite.
    """
    within = [f"±{tolerance}" for tolerance in report.ap_frames]
    mistakes = "".join(map(_mistake, report.mistakes))
    return write_page(
        asset("report.html", PACKAGE),
        path,
        title=report.title,
        parts={
            "summary": escape(report.summary),
            "tiles": tiles(report.tiles),
            "note": element("p", escape(report.note), "note") if report.note else "",
            "metrics": _folded("Every metric beside chance", report.metrics),
            "counts": _counts(report),
            "mistakes": element("section", MISTAKES + mistakes) if mistakes else "",
            "ap_table": table(
                ["AP within frames", *within],
                ((name, *values) for name, values in report.ap.items()),
            ),
            "training": TRAINING_SECTION,
            "provenance": provenance(report.versions, report.config),
        },
        styles=asset("report.css", PACKAGE),
        data={
            "classes": list(report.classes),
            "tolerance": report.tolerance,
            "threshold": report.threshold,
            "videos": [_timeline(line, report.classes) for line in report.timelines],
            "ap": {"tolerances": list(report.ap_frames), "series": dict(report.ap)},
            "curves": [line.to_json() for line in report.precision_recall],
            "training": [line.to_json() for line in report.training],
        },
        scripts=[asset("report.js", PACKAGE)],
        charts=True,
    )


def _counts(report: Report) -> str:
    """The numbers of events by class and by video, at the scores that the decisions chose."""
    if report.per_class is None or report.per_video is None:
        return ""
    text = (
        f"A hit is within {report.tolerance / 2:.2f} s. Events were decided with a minimum score "
        f"of {report.threshold:.2f}; “best F1” is that of the best minimum score on these videos."
    )
    return element(
        "section",
        element("h2", "Found and true events")
        + element("p", escape(text), "note")
        + _table(report.per_class)
        + element("h3", "By video", "by-video")
        + _table(report.per_video),
    )


def _folded(summary: str, content: Table | None) -> str:
    if content is None:
        return ""
    return element("details", element("summary", escape(summary)) + _table(content))


def _table(content: Table) -> str:
    return table(content.titles, content.rows, bold=content.bold)


def _timeline(line: Timeline, classes: Sequence[str]) -> dict[str, Any]:
    index = {name: i for i, name in enumerate(classes)}
    return {
        "name": line.name,
        "duration": line.duration,
        "link": line.link,
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
    play = "" if mistake.link is None else " " + _play(mistake.link, mistake.time)
    strip = film_strip(mistake.frames, name=mistake.video, time=mistake.time)
    if mistake.clip is not None:
        strip = element("div", _video(mistake.clip, where.strip()) + strip, "moment")
    return element("div", element("h3", kind + escape(where) + play) + strip, "strip")


def _video(clip: bytes, title: str) -> str:
    source = "data:video/mp4;base64," + base64.b64encode(clip).decode()
    attributes = "controls loop muted playsinline"
    return f'<video {attributes} title="{escape(title)}" src="{source}"></video>'


def _play(link: str, time: float) -> str:
    """A link to the video in the folder of the page or near it, a second before the event."""
    target = escape(f"{link}#t={max(0.0, time - LEAD):.2f}")
    return f'<a class="play" target="_blank" href="{target}">▶ video</a>'
