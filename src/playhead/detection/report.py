"""The report of a detector: metrics by class, curves, and crops of its worst mistakes.

One self-contained HTML file. It contains crops of the images, and says so at the top.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from playhead.decisions.boxes import iou
from playhead.detection.crops import Crop, crops_of, image_names, worst_mistakes
from playhead.detection.evaluate import ImageEvaluation, measure_images
from playhead.events.images import ImageSet
from playhead.metrics.confusion import Thresholds, confusion_matrix
from playhead.metrics.curves import Curve
from playhead.metrics.detection import OVERLAPS
from playhead.metrics.mistakes import KINDS, find_mistakes
from playhead.metrics.thresholds import at_threshold
from playhead.output import counted
from playhead.report.curves import TRAINING_SECTION, Line, training_curves
from playhead.report.images import image_uri
from playhead.report.markup import asset, escape, write_page
from playhead.report.provenance import provenance, versions
from playhead.report.tables import table, tiles

__all__ = ["write_detector_report"]

PACKAGE = "playhead.detection"
THRESHOLDS = np.linspace(0.01, 1, 100)
RECALLS = np.linspace(0, 1, 101)
MAX_LINES = 8
"""Most lines in a chart, each in its own colour."""

TILES = {
    "mAP50": "ap50",
    "mAP50-95": "ap50_95",
    "precision": "precision",
    "recall": "recall",
    "mAP small": "ap_small",
    "mAP medium": "ap_medium",
    "mAP large": "ap_large",
}
TITLES = {
    "ap50": "AP50",
    "ap50_95": "AP50-95",
    "f1": "F1",
    "ap_small": "small",
    "ap_medium": "medium",
    "ap_large": "large",
    "ap50 in": "AP50 in",
    "ap50_95 in": "AP50-95 in",
}


def write_detector_report(
    truth: ImageSet,
    predictions: ImageSet,
    out: Path,
    *,
    title: str,
    run: Path | None = None,
    config: str = "",
    thresholds: Thresholds | None = None,
    result: ImageEvaluation | None = None,
) -> Path:
    """Write the report and return its path; both sets list the same images in one order.

    run: a run folder, for its training curves and configuration
    config: YAML, instead of the configuration of the run
    thresholds: confidence thresholds, one for all or by class; the best F1 on these images if None
    result: the result of `measure_images` for these sets, if it was called already
    Raises LabelError for sets of other images or classes, PlayheadError for a run without a log.
    """
    result = result or measure_images(truth, predictions, thresholds=thresholds)
    metrics = result.to_json()["metrics"]
    mistakes = find_mistakes(truth, predictions, thresholds=result.thresholds)
    counts = Counter((mistake.label, mistake.kind) for mistake in mistakes)
    crops = crops_of(worst_mistakes(mistakes, truth.classes), truth, predictions)
    names = image_names(truth)
    rows = result.rows()
    columns = list(rows[0]) if rows else []
    if run is not None and not config:
        config = (run / "config.yaml").read_text(encoding="utf-8")

    # Charts show the classes that have boxes, the most frequent ones of many.
    charted = [label for label, figures in result.classes.items() if figures.boxes]
    if len(charted) > MAX_LINES:
        frequent = sorted(charted, key=lambda label: -result.classes[label].boxes)[:MAX_LINES]
        charted = [label for label in charted if label in frequent]
    figures = {label: result.classes[label] for label in charted}
    few = len(charted) == MAX_LINES < len(result.classes)
    return write_page(
        asset("detector.html", PACKAGE),
        out,
        title=title,
        parts={
            "summary": escape(_summary(truth, result)),
            "tiles": tiles({name: metrics[key] for name, key in TILES.items()}),
            "classes": table(
                [TITLES.get(column, column) for column in columns],
                [[row.get(column) for column in columns] for row in rows],
                bold={len(result.classes)},
            ),
            "threshold_note": escape(result.threshold_note()),
            "lines_note": f"Lines of the {MAX_LINES} classes with most boxes." if few else "",
            "kinds": table(
                ["class", *KINDS],
                [[label, *(counts[label, kind] for kind in KINDS)] for label in truth.classes],
            ),
            "missing_note": escape(_missing_note(truth)),
            "training": TRAINING_SECTION,
            "provenance": provenance(versions(), config),
        },
        styles=asset("detector.css", PACKAGE),
        data={
            "classes": list(result.classes),
            "precision_recall": [
                _precision_line(label, measured.curve).to_json()
                for label, measured in figures.items()
            ],
            "f1": [
                Line(
                    name=label,
                    x=THRESHOLDS.round(2).tolist(),
                    y=[round(at_threshold(measured.hits, float(t)).f1, 4) for t in THRESHOLDS],
                ).to_json()
                for label, measured in figures.items()
            ],
            "by_overlap": [
                Line(
                    name=label, x=OVERLAPS.round(2).tolist(), y=_rounded(measured.by_overlap, 4)
                ).to_json()
                for label, measured in figures.items()
            ],
            "confusion": confusion_matrix(
                truth, predictions, thresholds=result.thresholds
            ).to_json(),
            "kinds": list(KINDS),
            "counts": [[label, kind, count] for (label, kind), count in counts.items()],
            "mistakes": [_mistake(crop, names, truth, predictions) for crop in crops],
            "training": [line.to_json() for line in (training_curves(run) if run else ())],
        },
        scripts=[asset("detector.js", PACKAGE)],
        charts=True,
    )


def _precision_line(label: str, curve: Curve) -> Line:
    """The highest precision at each recall or above, None beyond the last; its mean is AP50."""
    envelope = np.maximum.accumulate(curve.precision[::-1])[::-1]
    indices = np.searchsorted(curve.recall, RECALLS, side="left")
    precision = [round(float(envelope[i]), 4) if i < len(envelope) else None for i in indices]
    return Line(name=label, x=RECALLS.round(2).tolist(), y=precision)


def _summary(truth: ImageSet, result: ImageEvaluation) -> str:
    boxes = sum(figures.boxes for figures in result.classes.values())
    classes = counted(len(truth.classes), "class", "es")
    return f"{counted(len(truth), 'image')}, {counted(boxes, 'box', 'es')} of {classes}"


def _missing_note(truth: ImageSet) -> str:
    missing = sum(not image.path.is_file() for image in truth.images)
    if not missing:
        return ""
    return f"{missing:,} of {len(truth):,} images are not on disk: their mistakes have no crop."


def _mistake(
    crop: Crop, names: Sequence[str], truth: ImageSet, predictions: ImageSet
) -> dict[str, Any]:
    """One mistake for the page's script: its crop, its boxes, and a description."""
    mistake = crop.mistake
    annotated, predicted = truth.images[mistake.image], predictions.images[mistake.image]
    true = None if mistake.true is None else annotated.boxes[mistake.true]
    detection = None if mistake.found is None else predicted.boxes[mistake.found]
    x, y, width, height = crop.window
    low, high = np.array([x, y]), np.array([x + width, y + height])
    others = [
        _rounded(box, 1)
        for index, box in enumerate(annotated.boxes)
        if index != mistake.true and (box[:2] < high).all() and (box[2:] > low).all()
    ]
    return {
        "label": mistake.label,
        "kind": mistake.kind,
        "image": names[mistake.image],
        "description": _description(crop, truth, predictions),
        "window": list(crop.window),
        "src": None if crop.pixels is None else image_uri(crop.pixels),
        "reason": crop.reason,
        "true": None if true is None else _rounded(true, 1),
        "found": None if detection is None else _rounded(detection, 1),
        "others": others,
    }


def _description(crop: Crop, truth: ImageSet, predictions: ImageSet) -> str:
    mistake = crop.mistake
    annotated, predicted = truth.images[mistake.image], predictions.images[mistake.image]
    score = "" if mistake.score is None else f"score {mistake.score:.2f}"
    if mistake.kind == "missed":
        x1, y1, x2, y2 = annotated.boxes[mistake.true]
        size = f"{x2 - x1:.0f}x{y2 - y1:.0f} pixels"
        return f"{size}, {f'detected with {score}' if score else 'not detected at all'}"
    if mistake.found is None or mistake.true is None:
        return score
    overlap = iou(predicted.boxes[[mistake.found]], annotated.boxes[[mistake.true]])[0, 0]
    match mistake.kind:
        case "wrong class":
            return f"{score}, on a {truth.classes[annotated.labels[mistake.true]]}"
        case "duplicate":
            return f"{score}, on an object that a box with a higher score matches"
        case _:
            return f"{score}, IoU {overlap:.2f}"


def _rounded(values: Sequence[float] | np.ndarray, digits: int) -> list[float]:
    return [round(float(value), digits) for value in values]
