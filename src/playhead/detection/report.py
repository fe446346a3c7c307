"""The page of a detector: its figures by class, its curves, and its worst mistakes to look at.

One file that needs no network. It holds crops of the pictures, and says so on top.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from playhead.decisions.boxes import iou
from playhead.detection.crops import Crop, crops_of, picture_names, worst_mistakes
from playhead.detection.evaluate import (
    ClassFigures,
    PictureEvaluation,
    measure_pictures,
)
from playhead.events.images import PictureSet
from playhead.metrics.confusion import Thresholds, confusion_matrix
from playhead.metrics.curves import Curve
from playhead.metrics.detection import OVERLAPS
from playhead.metrics.mistakes import KINDS, Mistake, find_mistakes
from playhead.metrics.thresholds import at_threshold
from playhead.report.curves import Line
from playhead.report.made import training_curves, versions
from playhead.report.markup import asset, chart_parts, json_in_html, picture_uri, write_page

__all__ = ["write_detector_report"]

PACKAGE = "playhead.detection"
THRESHOLDS = np.linspace(0.01, 1, 100)
RECALLS = np.linspace(0, 1, 101)
LINES = 8
"""Lines of a chart at most, each with a colour of its own."""


def write_detector_report(
    truth: PictureSet,
    predictions: PictureSet,
    out: Path,
    *,
    title: str,
    run: Path | None = None,
    config: str = "",
    thresholds: Thresholds | None = None,
    result: PictureEvaluation | None = None,
) -> Path:
    """Write the page and return its path; both sets hold the same pictures in one order.

    run: a run folder, for its curves and its configuration; config: YAML, instead of the run's
    thresholds: where a class is believed; without one, where its F1 is best
    result: what `measure_pictures` said at these thresholds, where it is known already
    Raises LabelError for sets that do not belong together, PlayheadError for a run without a log.
    """
    result = result or measure_pictures(truth, predictions, thresholds=thresholds)
    mistakes = find_mistakes(truth, predictions, thresholds=result.thresholds)
    crops = crops_of(worst_mistakes(mistakes, truth.classes), truth, predictions)
    if run is not None and not config:
        config = (run / "config.yaml").read_text(encoding="utf-8")
    names = picture_names(truth)
    document = {
        **_figures(result),
        "summary": _summary(truth, result),
        "note": _note(truth),
        "confusion": confusion_matrix(truth, predictions, thresholds=result.thresholds).to_json(),
        "kinds": list(KINDS),
        "mistake_rows": _mistake_rows(mistakes, truth.classes),
        "mistakes": [_mistake(one, names, truth, predictions) for one in crops],
        "training": [_line(one) for one in (training_curves(run) if run else ())],
        "config": config,
        "versions": versions(),
    }
    parts = {
        **chart_parts(asset("detector.js", PACKAGE), asset("detector.css", PACKAGE)),
        "data": json_in_html(document),
    }
    return write_page(asset("detector.html", PACKAGE), out, title=title, parts=parts)


def _figures(result: PictureEvaluation) -> dict[str, Any]:
    """Tiles, tables and curves of an evaluation."""
    document = result.to_json()
    metrics = document["metrics"]
    tiles = {
        "mAP50": metrics["ap50"],
        "mAP50-95": metrics["ap50_95"],
        "precision": metrics["precision"],
        "recall": metrics["recall"],
        "mAP small": metrics["ap_small"],
        "mAP medium": metrics["ap_medium"],
        "mAP large": metrics["ap_large"],
    }
    known = _with_lines(result)
    few = len(known) < len(result.classes) and len(known) == LINES
    return {
        "tiles": [{"name": name, "value": value} for name, value in tiles.items()],
        "classes": list(result.classes),
        "rows": result.rows(),
        "threshold_note": result.threshold_note(),
        "lines_note": f"Lines of the {LINES} classes with most boxes." if few else "",
        "precision_recall": [_at_recalls(label, one.curve) for label, one in known.items()],
        "f1": [_f1_line(label, one) for label, one in known.items()],
        "by_overlap": [
            {"name": label, "x": OVERLAPS.round(2).tolist(), "y": _rounded(one.by_overlap)}
            for label, one in known.items()
        ],
    }


def _with_lines(result: PictureEvaluation) -> dict[str, ClassFigures]:
    """The classes that have boxes, of many those with most."""
    known = [label for label, one in result.classes.items() if one.boxes]
    most = sorted(known, key=lambda label: -result.classes[label].boxes)[:LINES]
    return {label: result.classes[label] for label in known if label in most}


def _at_recalls(label: str, curve: Curve) -> dict[str, Any]:
    """The best precision at each recall or above, None beyond the last: its mean is AP50."""
    envelope = np.maximum.accumulate(curve.precision[::-1])[::-1]
    places = np.searchsorted(curve.recall, RECALLS, side="left")
    precision = [round(float(envelope[at]), 4) if at < len(envelope) else None for at in places]
    return {"name": label, "x": RECALLS.round(2).tolist(), "y": precision}


def _f1_line(label: str, one: ClassFigures) -> dict[str, Any]:
    values = [at_threshold(one.hits, float(at)).f1 for at in THRESHOLDS]
    return {"name": label, "x": THRESHOLDS.round(2).tolist(), "y": _rounded(values)}


def _summary(truth: PictureSet, result: PictureEvaluation) -> str:
    boxes = sum(one.boxes for one in result.classes.values())
    classes = _count(len(truth.classes), "class", "es")
    return f"{_count(len(truth), 'picture')}, {_count(boxes, 'box', 'es')} of {classes}"


def _count(number: int, thing: str, plural: str = "s") -> str:
    return f"{number:,} {thing}{'' if number == 1 else plural}"


def _note(truth: PictureSet) -> str:
    """In words how many pictures are not there to be cut from."""
    gone = sum(not one.path.is_file() for one in truth.pictures)
    if not gone:
        return ""
    return f"{gone:,} of {len(truth):,} pictures are not on disk: their mistakes have no crop."


def _mistake_rows(mistakes: Sequence[Mistake], classes: Sequence[str]) -> list[dict[str, Any]]:
    counts = Counter((one.label, one.kind) for one in mistakes)
    return [{"class": label, **{kind: counts[label, kind] for kind in KINDS}} for label in classes]


def _mistake(
    crop: Crop, names: Sequence[str], truth: PictureSet, found: PictureSet
) -> dict[str, Any]:
    """One mistake for the page: its crop, its boxes, and in words what it is."""
    one = crop.mistake
    real, made = truth.pictures[one.picture], found.pictures[one.picture]
    true = None if one.true is None else real.boxes[one.true]
    seen = None if one.found is None else made.boxes[one.found]
    x, y, width, height = crop.view
    low, high = np.array([x, y]), np.array([x + width, y + height])
    near = [
        _rounded(box, 1)
        for place, box in enumerate(real.boxes)
        if place != one.true and (box[:2] < high).all() and (box[2:] > low).all()
    ]
    return {
        "label": one.label,
        "kind": one.kind,
        "picture": names[one.picture],
        "words": _words(crop, truth, found),
        "view": list(crop.view),
        "src": None if crop.picture is None else picture_uri(crop.picture),
        "why": crop.why,
        "true": None if true is None else _rounded(true, 1),
        "found": None if seen is None else _rounded(seen, 1),
        "near": near,
    }


def _words(crop: Crop, truth: PictureSet, found: PictureSet) -> str:
    one = crop.mistake
    real, made = truth.pictures[one.picture], found.pictures[one.picture]
    score = "" if one.score is None else f"score {one.score:.2f}"
    if one.kind == "missed":
        x1, y1, x2, y2 = real.boxes[one.true]
        size = f"{x2 - x1:.0f}x{y2 - y1:.0f} pixels"
        return f"{size}, {f'seen with {score}' if score else 'not seen at all'}"
    if one.found is None or one.true is None:
        return score
    shared = iou(made.boxes[[one.found]], real.boxes[[one.true]])[0, 0]
    match one.kind:
        case "wrong class":
            return f"{score}, where a {truth.classes[real.labels[one.true]]} is"
        case "duplicate":
            return f"{score}, of what a surer box found"
        case _:
            return f"{score}, overlap {shared:.2f}"


def _line(curve: Line) -> dict[str, Any]:
    return {"kind": curve.kind, "name": curve.name, "x": list(curve.x), "y": list(curve.y)}


def _rounded(values: Sequence[float] | np.ndarray, digits: int = 4) -> list[float]:
    return [round(float(value), digits) for value in values]
