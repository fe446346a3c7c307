"""Evaluation of detections in labelled images: metrics of every class, and their means.

Average precision follows COCO. Precision and recall hold at a threshold: a given one, or the best
F1 of the class. The latter is chosen on the evaluated images themselves, so it is optimistic; the
result records where each threshold comes from.
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
from playhead.metrics.detection import measure_classes
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
    "default": f"{DEFAULT_THRESHOLD}, the default, since no detection is correct",
}
"""How `threshold_note` describes each source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFigures:
    """The metrics of one class; NaN if it has no true boxes.

    boxes: true boxes, without ignored ones; images: that have such a box
    chosen: precision, recall and F1 at the threshold; source: where the threshold comes from
    small, medium, large: AP50-95 of boxes up to 32² pixels, up to 96², and larger
    by_overlap: AP at IoU .5, .55, ... .95; hits: at IoU .5, for curves
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
    def threshold(self) -> float:
        """The threshold of the class; the default if no detection is correct."""
        return DEFAULT_THRESHOLD if self.chosen.threshold is None else self.chosen.threshold

    @property
    def curve(self) -> Curve:
        """Precision and recall as functions of the threshold."""
        return hits_curve(self.hits)

    def columns(self) -> dict[str, Any]:
        """As a plain mapping; undefined values are None."""
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
    """The metrics of the predictions on `images` images, by class.

    ignore_below: narrower boxes were ignored, in pixels
    """

    images: int
    classes: dict[str, ClassFigures]
    ignore_below: float = 0
    intervals: Intervals = field(default_factory=dict)

    @property
    def thresholds(self) -> dict[str, float]:
        """The confidence threshold of each class."""
        return {label: figures.threshold for label, figures in self.classes.items()}

    def metrics(self) -> dict[str, float]:
        """Means over the classes with true boxes: ap50, ap50_95, precision, recall, f1, ap_small...

        NaN if no class has any.
        """
        known = [figures for figures in self.classes.values() if figures.boxes]
        return {
            "ap50": _mean([figures.ap50 for figures in known]),
            "ap50_95": _mean([figures.ap50_95 for figures in known]),
            "precision": _mean([figures.chosen.precision for figures in known]),
            "recall": _mean([figures.chosen.recall for figures in known]),
            "f1": _mean([figures.chosen.f1 for figures in known]),
            "ap_small": _mean([figures.small for figures in known]),
            "ap_medium": _mean([figures.medium for figures in known]),
            "ap_large": _mean([figures.large for figures in known]),
        }

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping; undefined values are None."""
        document: dict[str, Any] = {
            "job": "detection",
            "images": self.images,
            "metrics": {name: number(value) for name, value in self.metrics().items()},
            "per_class": {
                label: {**figures.columns(), "threshold_source": figures.source}
                for label, figures in self.classes.items()
            },
        }
        if self.ignore_below:
            document["ignore_below"] = self.ignore_below
        if self.intervals:
            document["intervals"] = {
                label: {
                    name: [number(interval.low), number(interval.high)]
                    for name, interval in intervals.items()
                }
                for label, intervals in self.intervals.items()
            }
        return document

    def threshold_note(self) -> str:
        """Where the thresholds come from, by class if the sources differ, and what is ignored."""
        by_source: dict[ThresholdSource, list[str]] = {}
        for label, figures in self.classes.items():
            by_source.setdefault(figures.source, []).append(label)
        parts = [
            f"{SOURCES[source]} ({', '.join(labels)})" if len(by_source) > 1 else SOURCES[source]
            for source, labels in by_source.items()
        ]
        note = f"Thresholds of precision, recall, F1 and confusion: {'; '.join(parts)}."
        if self.ignore_below:
            note += f" Boxes narrower than {self.ignore_below:g} pixels are ignored."
        return note

    def rows(self) -> list[dict[str, Any]]:
        """A row for each class, and a row of means if there are several."""
        rows = [{"class": label, **figures.columns()} for label, figures in self.classes.items()]
        if len(rows) > 1:
            means = {name: number(value) for name, value in self.metrics().items()}
            boxes = sum(figures.boxes for figures in self.classes.values())
            rows.append({**rows[0], **means, "class": ALL, "boxes": boxes, "threshold": None})
        return [{**row, **self._range(str(row["class"]))} for row in rows]

    def _range(self, label: str) -> dict[str, str | None]:
        return {
            f"{name} in": (
                None if np.isnan(interval.low) else f"{interval.low:.3f} to {interval.high:.3f}"
            )
            for name, interval in self.intervals.get(label, {}).items()
        }


def measure_images(
    truth: ImageSet,
    predictions: ImageSet,
    *,
    thresholds: Thresholds | None = None,
    source: ThresholdSource = "given",
    ignore_below: float = 0,
) -> ImageEvaluation:
    """Evaluate predictions against the ground truth; both sets list the same images in one order.

    thresholds: for precision and recall, one for all or by class; a class without one gets the
    threshold with the best F1 on these images. source: where the given thresholds come from
    ignore_below: narrower boxes are ignored, in pixels of the image, see `measure_classes`
    True boxes of score 0 are crowds: predictions on them are ignored, and they are never missed.
    Raises LabelError if the sets have other images or classes; `labels.pairing` aligns them.
    """
    classes: dict[str, ClassFigures] = {}
    for label, measured in measure_classes(truth, predictions, min_width=ignore_below).items():
        threshold = thresholds.get(label) if isinstance(thresholds, Mapping) else thresholds
        if threshold is None:
            chosen = best_f1_threshold(measured.hits)
        else:
            chosen = at_threshold(measured.hits, threshold)
        best: ThresholdSource = "default" if chosen.threshold is None else "evaluated images"
        classes[label] = ClassFigures(
            boxes=measured.boxes,
            images=len(np.unique(measured.ranked.truths)),
            ap50=measured.ap50,
            ap50_95=measured.ap50_95,
            small=measured.small,
            medium=measured.medium,
            large=measured.large,
            chosen=chosen,
            source=best if threshold is None else source,
            by_overlap=tuple(measured.ap[0].tolist()),
            hits=measured.hits,
        )
    return ImageEvaluation(images=len(truth), classes=classes, ignore_below=ignore_below)


def measure_bundle(
    bundle: Bundle,
    truth: ImageSet,
    options: PredictOptions | None = None,
    *,
    source: ThresholdSource = "bundle",
    ignore_below: float = 0,
) -> tuple[ImageSet, ImageEvaluation]:
    """Run a bundle on labelled images; its predictions, and their metrics at its thresholds.

    ignore_below: narrower boxes are ignored, in pixels of the image
    """
    predictions = predict_set([bundle], truth, options)
    decisions = decisions_of(bundle)
    thresholds = {label: decisions.threshold(label) for label in truth.classes}
    return predictions, measure_images(
        truth, predictions, thresholds=thresholds, source=source, ignore_below=ignore_below
    )


class PairedSets(NamedTuple):
    """The ground truth and the predictions, with the same images and classes in the same order.

    unpredicted: number of images that the predictions do not list; they have no detections here
    """

    truth: ImageSet
    predictions: ImageSet
    unpredicted: int


def read_sets(
    truth: Path,
    predictions: Path,
    *,
    split: str | None = None,
    images: Path | None = None,
    classes: Sequence[str] | None = None,
) -> PairedSets:
    """Read the ground truth and the predictions for it.

    split: only the images of this split; images: the folder of the images
    classes: only these; if None, predictions of a class that the truth does not have are refused
    Raises LabelError for invalid labels, labels that do not belong together, or predictions that
    list none of the requested images.
    """
    everything = read_image_set(truth, images=images, crowds=True)
    ids = truth if truth.suffix.lower() == ".json" else None
    loaded = read_image_set(predictions, images=images, like=everything, ids=ids)
    whole = everything if classes is None else everything.of_classes(classes, source=truth)
    paired = pair(whole, loaded, ignore_classes=classes is not None)
    # The ids of a COCO document list every image, also those without a result.
    listed = {image.path for image in loaded.images if ids is None or len(image.labels)}
    wanted = whole if split is None else of_split(whole, split, truth)
    missing = sum(image.path not in listed for image in wanted.images)
    if missing == len(wanted):
        raise LabelError(
            f"{predictions}: has no predictions for any of the {missing} images of {truth}"
            f"{'' if split is None else f' in the split {split}'}; run `detection predict` on them "
            "first"
        )
    indices = [k for k, image in enumerate(whole.images) if split in (None, image.split)]
    return PairedSets(wanted, paired.chosen(indices), missing)


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def number(value: float) -> float | None:
    """A metric rounded to four digits, None for NaN."""
    return None if np.isnan(value) else round(float(value), 4)
