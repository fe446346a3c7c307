"""Confusion: which class is taken for which, at the thresholds of the classes.

First every class is matched with itself, as for average precision, so that the diagonal holds the
hits that precision and recall count. Then the boxes that are left over are matched across the
classes, the surest first: a box that lies right is not called confused because a larger object
around it overlaps as much. What is left is missed, or was found where nothing is.
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

__all__ = ["Confusion", "Thresholds", "believed", "confusion_matrix"]

Thresholds = Mapping[str, float] | float
"""The score from which a class is believed: one for all, or each its own."""


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """counts: (C + 1, C + 1), rows what is true, columns what was found, the background last."""

    classes: tuple[str, ...]
    counts: NDArray[np.intp]

    def rows(self) -> list[dict[str, Any]]:
        """A row for each true class and for where nothing is."""
        columns = (*self.classes, "missed")
        return [
            {"true": true, **dict(zip(columns, row, strict=True))}
            for true, row in zip((*self.classes, "nothing"), self.counts.tolist(), strict=True)
        ]

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping; the last row and column are the background."""
        return {"classes": list(self.classes), "counts": self.counts.tolist()}


def confusion_matrix(
    truth: ImageSet, found: ImageSet, *, thresholds: Thresholds, overlap: float = 0.5
) -> Confusion:
    """Count pairs of true and found boxes that overlap enough; both sets hold the same images.

    Raises LabelError for sets that do not belong together, or a class without a threshold.
    """
    check_sets(truth, found)
    real = BoxTable.true(truth)
    made = BoxTable.found(found)
    made = made.chosen(np.flatnonzero(believed(made, truth.classes, thresholds)))
    n = len(truth.classes)
    counts = np.zeros((n + 1, n + 1), np.intp)

    match = match_boxes(real, made, overlaps=[overlap])
    taken, counted = match.taken[0, 0], match.counted[0, 0]
    hits = np.flatnonzero(counted & (taken >= 0))
    np.add.at(counts, (made.labels[hits], made.labels[hits]), 1)

    missed = match.sought[0].copy()
    missed[taken[hits]] = False
    left = real.chosen(np.flatnonzero(missed)), made.chosen(np.flatnonzero(counted & (taken < 0)))
    across = match_boxes(_one_class(left[0]), _one_class(left[1]), overlaps=[overlap], most=None)
    other = across.taken[0, 0]
    true = np.full(len(left[1]), n)
    true[other >= 0] = left[0].labels[other[other >= 0]]
    np.add.at(counts, (true, left[1].labels), 1)

    alone = np.ones(len(left[0]), np.bool_)
    alone[other[other >= 0]] = False
    counts[:, n] = np.bincount(left[0].labels[alone], minlength=n + 1)
    return Confusion(truth.classes, counts)


def believed(
    found: BoxTable, classes: tuple[str, ...], thresholds: Thresholds
) -> NDArray[np.bool_]:
    """Which boxes score at least the threshold of their class.

    Raises LabelError for a class without a threshold.
    """
    if isinstance(thresholds, Mapping):
        missing = [label for label in classes if label not in thresholds]
        if missing:
            raise LabelError(
                f"no threshold is given for {', '.join(missing)}; each class needs one"
            )
        limits = np.array([thresholds[label] for label in classes])
    else:
        limits = np.full(len(classes), thresholds)
    single = limits.astype(np.float32)  # as detectors compare
    enough: NDArray[np.bool_] = found.scores.astype(np.float32) >= single[found.labels]
    return enough


def _one_class(table: BoxTable) -> BoxTable:
    return replace(table, labels=np.zeros_like(table.labels))
