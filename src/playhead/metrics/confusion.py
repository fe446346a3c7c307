"""Confusion matrix of detections, at the confidence thresholds of the classes.

First every class is matched with itself, as for average precision, so that the diagonal holds the
hits of precision and recall. Then the remaining boxes are matched across classes in descending
order of score; so a correct box is not counted as confused with a larger object around it. The rest
are misses and detections of background.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.errors import LabelError
from playhead.events.images import ImageSet
from playhead.metrics.box_matching import BoxTable, match_boxes
from playhead.metrics.detection import check_sets

__all__ = ["Confusion", "Thresholds", "above_threshold", "confusion_matrix"]

Thresholds = Mapping[str, float] | float
"""Confidence threshold: one for all classes, or one per class."""


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """counts: (C + 1, C + 1), rows ground truth, columns detections, the background last."""

    classes: tuple[str, ...]
    counts: NDArray[np.intp]

    def rows(self) -> list[dict[str, Any]]:
        """A row for each true class and for the background."""
        columns = (*self.classes, "missed")
        return [
            {"true": true, **dict(zip(columns, row, strict=True))}
            for true, row in zip((*self.classes, "nothing"), self.counts.tolist(), strict=True)
        ]

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping; the last row and column are the background."""
        return {"classes": list(self.classes), "counts": self.counts.tolist()}


def confusion_matrix(
    truth: ImageSet, detections: ImageSet, *, thresholds: Thresholds, overlap: float = 0.5
) -> Confusion:
    """Count pairs of ground truth boxes and detections; both sets have the same images.

    overlap: minimum IoU of a pair
    Raises LabelError if the sets do not match, or a class has no threshold.
    """
    check_sets(truth, detections)
    real = BoxTable.of_truth(truth)
    detected = BoxTable.of_detections(detections)
    kept = above_threshold(detected, truth.classes, thresholds)
    detected = detected.chosen(np.flatnonzero(kept))
    n = len(truth.classes)
    counts = np.zeros((n + 1, n + 1), np.intp)

    match = match_boxes(real, detected, overlaps=[overlap])
    taken, counted = match.taken[0, 0], match.counted[0, 0]
    hits = np.flatnonzero(counted & (taken >= 0))
    np.add.at(counts, (detected.labels[hits], detected.labels[hits]), 1)

    missed = match.sought[0].copy()
    missed[taken[hits]] = False
    left = (
        real.chosen(np.flatnonzero(missed)),
        detected.chosen(np.flatnonzero(counted & (taken < 0))),
    )
    across = match_boxes(_one_class(left[0]), _one_class(left[1]), overlaps=[overlap], most=None)
    other = across.taken[0, 0]
    true = np.full(len(left[1]), n)
    true[other >= 0] = left[0].labels[other[other >= 0]]
    np.add.at(counts, (true, left[1].labels), 1)

    unmatched = np.ones(len(left[0]), np.bool_)
    unmatched[other[other >= 0]] = False
    counts[:, n] = np.bincount(left[0].labels[unmatched], minlength=n + 1)
    return Confusion(truth.classes, counts)


def above_threshold(
    detections: BoxTable, classes: tuple[str, ...], thresholds: Thresholds
) -> NDArray[np.bool_]:
    """Whether each box scores at least the threshold of its class → bool (N,).

    Raises LabelError if a class has no threshold.
    """
    if isinstance(thresholds, Mapping):
        missing = [label for label in classes if label not in thresholds]
        if missing:
            raise LabelError(
                f"there is no threshold for {', '.join(missing)}; each class needs one"
            )
        limits = np.array([thresholds[label] for label in classes])
    else:
        limits = np.full(len(classes), thresholds)
    single = limits.astype(np.float32)  # as detectors do
    enough: NDArray[np.bool_] = detections.scores.astype(np.float32) >= single[detections.labels]
    return enough


def _one_class(table: BoxTable) -> BoxTable:
    return replace(table, labels=np.zeros_like(table.labels))
