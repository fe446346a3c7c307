"""The page: a report as one HTML file that needs no network.

The caller gives plain data (events, scores, metrics, pictures); matching at a tolerance happens in
the page, so that its slider can change it.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.events.model import VideoEvents
from playhead.inference.scores import Scores
from playhead.report.curves import Line
from playhead.report.markup import asset, chart_parts, json_in_html, picture_uri, write_page

__all__ = ["Report", "Strip", "Timeline", "write_html"]

PACKAGE = "playhead.spotting"
CURVE_POINTS = 20_000
UNSEEN = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """One video: what is true, what was predicted, and the scores in between."""

    name: str
    duration: float
    truth: VideoEvents
    predictions: VideoEvents
    scores: Scores | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """A mistake as pictures in time order; `pictures` are (seconds, RGB uint8 (H, W, 3)).

    There are none where the video is not there or cannot be read at this place.
    """

    video: str
    kind: str
    label: str
    time: float
    score: float | None
    pictures: Sequence[tuple[float, NDArray[np.uint8]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that a page shows.

    ap: for each name (a class, or the mean) the AP at each of `ap_tolerances`, in seconds.
    training: curves of kind `loss` (over steps) and `metric` (over epochs).
    """

    title: str
    summary: str
    tiles: Mapping[str, float]
    classes: Sequence[str]
    timelines: Sequence[Timeline] = ()
    tolerance: float = 1.0
    threshold: float = 0.2
    ap_tolerances: Sequence[float] = ()
    ap: Mapping[str, Sequence[float]] = field(default_factory=dict)
    precision_recall: Sequence[Line] = ()
    strips: Sequence[Strip] = ()
    training: Sequence[Line] = ()
    config: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)


def write_html(report: Report, path: Path) -> Path:
    """Write the report as one self-contained file and return its path."""
    parts = {
        **chart_parts(asset("report.js", PACKAGE)),
        "data": json_in_html(_document(report)),
    }
    return write_page(asset("report.html", PACKAGE), path, title=report.title, parts=parts)


def _document(report: Report) -> dict[str, Any]:
    return {
        "title": report.title,
        "summary": report.summary,
        "tiles": [{"name": name, "value": value} for name, value in report.tiles.items()],
        "classes": list(report.classes),
        "tolerance": report.tolerance,
        "threshold": report.threshold,
        "videos": [_timeline(line, report.classes) for line in report.timelines],
        "ap": {"tolerances": list(report.ap_tolerances), "series": dict(report.ap)},
        "curves": [
            {"name": one.name, "recall": list(one.x), "precision": list(one.y)}
            for one in report.precision_recall
        ],
        "strips": [_strip(strip) for strip in report.strips],
        "training": [
            {"kind": one.kind, "name": one.name, "x": list(one.x), "y": list(one.y)}
            for one in report.training
        ],
        "config": report.config,
        "versions": dict(report.versions),
    }


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
    """Score curves as bytes; of a long video the maximum of every few grid points.

    A class that the model does not know was seen nowhere.
    """
    points = len(scores.times)
    if points == 0:
        return None
    stride = -(-points // CURVE_POINTS)
    padding = -points % stride
    padded = np.pad(scores.values, ((0, padding), (0, 0)), constant_values=np.nan)
    seen = np.where(np.isnan(padded), -1.0, padded).reshape(-1, stride, len(scores.classes))
    highest = seen.max(axis=1)
    levels = np.where(highest < 0, UNSEEN, np.rint(highest * (UNSEEN - 1))).astype(np.uint8)
    spacing = (scores.times[-1] - scores.times[0]) / max(1, points - 1)
    columns = {name: levels[:, i] for i, name in enumerate(scores.classes)}
    unseen = np.full(len(levels), UNSEEN, dtype=np.uint8)
    return {
        "start": float(scores.times[0]),
        "step": float(spacing * stride),
        "values": [
            base64.b64encode(columns.get(name, unseen).tobytes()).decode() for name in classes
        ],
    }


def _strip(strip: Strip) -> dict[str, Any]:
    distances = [abs(time - strip.time) for time, _ in strip.pictures]
    nearest = distances.index(min(distances)) if distances else None
    return {
        "video": strip.video,
        "kind": strip.kind,
        "label": strip.label,
        "time": strip.time,
        "score": strip.score,
        "pictures": [
            {"time": round(time, 4), "src": picture_uri(picture), "middle": i == nearest}
            for i, (time, picture) in enumerate(strip.pictures)
        ],
    }
