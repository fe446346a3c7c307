"""Measuring what was found in labelled images: figures of every class, and their means.

Average precision as COCO counts it. Precision and recall hold at a threshold: one that is given, or
the class's own with the best F1. The latter is chosen on the very images that are measured and so
flatters; where each threshold comes from is part of the result.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from playhead.decisions.detection_config import DEFAULT_THRESHOLD
from playhead.detection.intervals import ALL, Intervals
from playhead.detection.labels.pairing import pair
from playhead.detection.labels.read import of_split, read_image_set
from playhead.detection.predict import PredictOptions, predict_set
from playhead.errors import LabelError
from playhead.events.images import ImageSet
from playhead.inference.bundle import Bundle
from playhead.inference.detectors.custom import decisions_of
from playhead.metrics.confusion import Thresholds
from playhead.metrics.curves import F1, Curve, hits_curve
from playhead.metrics.detection import ClassDetection, measure_classes
from playhead.metrics.matching import ScoredHits
from playhead.metrics.thresholds import at_threshold, best_f1_threshold

__all__ = [
    "ClassFigures",
    "ImageEvaluation",
    "PairedSets",
    "ThresholdSource",
    "measure_bundle",
    "measure_images",
    "number",
    "read_sets",
]

ThresholdSource = Literal["given", "bundle", "validation images", "evaluated images", "default"]

SOURCES: dict[ThresholdSource, str] = {
    "given": "as given",
    "bundle": "those of the bundle",
    "validation images": "those of the bundle, chosen on these same validation images unless its "
    "configuration gives them",
    "evaluated images": "chosen on these same images for the best F1, so that these figures are "
    "optimistic",
    "default": f"{DEFAULT_THRESHOLD}, the default, since no detection is right",
}
"""What each source means, as the end of a sentence on thresholds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFigures:
    """How one class fared; NaN where it has no boxes.

    boxes: true ones that count; images: with such a box; chosen: at the threshold of the class
    source: where that threshold comes from
    small, medium, large: AP50-95 of boxes up to 32², to 96², and beyond
    by_overlap: AP at overlaps .5, .55 to .95; hits: at overlap .5, for curves
    """

    boxes: int
    images: int
    ap50: float
    ap50_95: float
    small: float
    medium: float
    large: float
    chosen: F1
    source: ThresholdSource
    by_overlap: tuple[float, ...] = field(repr=False)
    hits: ScoredHits = field(repr=False)

    @property
    def believed(self) -> float:
        """The threshold of the class; the default one where nothing was a hit."""
        return DEFAULT_THRESHOLD if self.chosen.threshold is None else self.chosen.threshold

    @property
    def curve(self) -> Curve:
        """Precision and recall over the threshold."""
        return hits_curve(self.hits)

    def columns(self) -> dict[str, Any]:
        """As a plain mapping; what cannot be said is None."""
        known = self.boxes > 0
        return {
            "boxes": self.boxes,
            "ap50": number(self.ap50),
            "ap50_95": number(self.ap50_95),
            "precision": number(self.chosen.precision) if known else None,
            "recall": number(self.chosen.recall) if known else None,
            "f1": number(self.chosen.f1) if known else None,
            "threshold": self.chosen.threshold,
            "ap_small": number(self.small),
            "ap_medium": number(self.medium),
            "ap_large": number(self.large),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageEvaluation:
    """How what was found in `images` images compares with the truth, by class."""

    images: int
    classes: dict[str, ClassFigures]
    intervals: Intervals = field(default_factory=dict)

    @property
    def thresholds(self) -> dict[str, float]:
        """Where each class is believed."""
        return {label: one.believed for label, one in self.classes.items()}

    def metrics(self) -> dict[str, float]:
        """Means over the classes that have boxes: ap50, ap50_95, precision, recall, f1, by size.

        NaN where no class has any.
        """
        known = [one for one in self.classes.values() if one.boxes]
        return {
            "ap50": _mean([one.ap50 for one in known]),
            "ap50_95": _mean([one.ap50_95 for one in known]),
            "precision": _mean([one.chosen.precision for one in known]),
            "recall": _mean([one.chosen.recall for one in known]),
            "f1": _mean([one.chosen.f1 for one in known]),
            "ap_small": _mean([one.small for one in known]),
            "ap_medium": _mean([one.medium for one in known]),
            "ap_large": _mean([one.large for one in known]),
        }

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping; what cannot be said is null."""
        document = {
            "job": "detection",
            "images": self.images,
            "metrics": {name: number(value) for name, value in self.metrics().items()},
            "per_class": {
                label: {**one.columns(), "threshold_source": one.source}
                for label, one in self.classes.items()
            },
        }
        if self.intervals:
            document["intervals"] = {
                label: {name: [number(one.low), number(one.high)] for name, one in rows.items()}
                for label, rows in self.intervals.items()
            }
        return document

    def threshold_note(self) -> str:
        """A sentence on where the thresholds come from; it names classes where they differ."""
        by_source: dict[ThresholdSource, list[str]] = {}
        for label, figures in self.classes.items():
            by_source.setdefault(figures.source, []).append(label)
        parts = [
            f"{SOURCES[source]} ({', '.join(labels)})" if len(by_source) > 1 else SOURCES[source]
            for source, labels in by_source.items()
        ]
        return f"Thresholds of precision, recall, F1 and confusion: {'; '.join(parts)}."

    def rows(self) -> list[dict[str, Any]]:
        """A row for each class, and one for all of them where they are several."""
        rows = [{"class": label, **one.columns()} for label, one in self.classes.items()]
        if len(rows) > 1:
            means = {name: number(value) for name, value in self.metrics().items()}
            boxes = sum(one.boxes for one in self.classes.values())
            rows.append({**rows[0], **means, "class": ALL, "boxes": boxes, "threshold": None})
        return [{**row, **self._range(str(row["class"]))} for row in rows]

    def _range(self, label: str) -> dict[str, str | None]:
        return {
            f"{name} in": None if np.isnan(one.low) else f"{one.low:.3f} to {one.high:.3f}"
            for name, one in self.intervals.get(label, {}).items()
        }


def measure_images(
    truth: ImageSet,
    predictions: ImageSet,
    *,
    thresholds: Thresholds | None = None,
    source: ThresholdSource = "given",
) -> ImageEvaluation:
    """Compare what was found with the truth; both hold the same images in one order.

    thresholds: for precision and recall, one for all or by class; where none is given, the one with
    the best F1 in these images. source: where the given ones come from
    True boxes of score 0 are crowds, which are neither missed nor found.
    Raises LabelError for sets that do not belong together; `labels.pairing` makes them.
    """
    measured = measure_classes(truth, predictions)
    return ImageEvaluation(
        images=len(truth),
        classes={
            label: _figures(one, _threshold(thresholds, label), source)
            for label, one in measured.items()
        },
    )


def measure_bundle(
    bundle: Bundle,
    truth: ImageSet,
    options: PredictOptions | None = None,
    *,
    source: ThresholdSource = "bundle",
) -> tuple[ImageSet, ImageEvaluation]:
    """Run a bundle on labelled images; its predictions, and their figures at its thresholds."""
    predictions = predict_set([bundle], truth, options)
    decisions = decisions_of(bundle)
    thresholds = {label: decisions.threshold(label) for label in truth.classes}
    return predictions, measure_images(truth, predictions, thresholds=thresholds, source=source)


class PairedSets(NamedTuple):
    """A true set and what was found in its images, in the same order of images and classes.

    unpredicted: images that the predictions do not speak of, which count as without finds
    """

    truth: ImageSet
    found: ImageSet
    unpredicted: int


def read_sets(
    truth: Path,
    predictions: Path,
    *,
    split: str | None = None,
    images: Path | None = None,
    classes: Sequence[str] | None = None,
) -> PairedSets:
    """Read a true set and what was found in it.

    split: only its images; images: the folder that holds them
    classes: only these; without it, predictions of a class that the truth does not know are refused
    Raises LabelError for labels that are wrong or do not belong together, or where not one of the
    images asked for was predicted.
    """
    everything = read_image_set(truth, images=images, crowds=True)
    ids = truth if truth.suffix.lower() == ".json" else None
    made = read_image_set(predictions, images=images, like=everything, ids=ids)
    whole = everything if classes is None else everything.of_classes(classes, source=truth)
    found = pair(whole, made, ignore_classes=classes is not None)
    # By the numbers of a document every image is named, also those without a result.
    spoken = {one.path for one in made.images if ids is None or len(one.labels)}
    real = whole if split is None else of_split(whole, split, truth)
    missing = sum(one.path not in spoken for one in real.images)
    if missing == len(real):
        raise LabelError(
            f"{predictions}: holds predictions of none of the {missing} images of {truth}"
            f"{'' if split is None else f' in the split {split}'}; predict those first"
        )
    places = [place for place, one in enumerate(whole.images) if split in (None, one.split)]
    return PairedSets(real, found.chosen(places), missing)


def _figures(
    measured: ClassDetection, threshold: float | None, source: ThresholdSource
) -> ClassFigures:
    hits = measured.hits
    if threshold is None:
        chosen = best_f1_threshold(hits)
        source = "default" if chosen.threshold is None else "evaluated images"
    else:
        chosen = at_threshold(hits, threshold)
    return ClassFigures(
        boxes=measured.boxes,
        images=len(np.unique(measured.ranked.truths)),
        ap50=measured.ap50,
        ap50_95=measured.ap50_95,
        small=measured.small,
        medium=measured.medium,
        large=measured.large,
        chosen=chosen,
        source=source,
        by_overlap=tuple(measured.ap[0].tolist()),
        hits=hits,
    )


def _threshold(thresholds: Thresholds | None, label: str) -> float | None:
    return thresholds.get(label) if isinstance(thresholds, Mapping) else thresholds


def _mean(values: Sequence[float]) -> float:
    """The mean of the values that are known."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def number(value: float) -> float | None:
    """A figure with four digits, None for one that is not known."""
    return None if np.isnan(value) else round(float(value), 4)
