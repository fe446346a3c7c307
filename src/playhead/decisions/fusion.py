"""Weighted boxes fusion: the boxes of several detectors on one object are merged into one.

After "Weighted boxes fusion: Ensembling boxes from different object detection models" (2021): the
fused box is the mean of its boxes weighted by their scores, so that every box improves the position
instead of being suppressed. One difference: each detector contributes only its highest score per
object, so that a duplicate detection does not count twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes, iou
from playhead.errors import PlayheadError

__all__ = ["SAME", "Fused", "fuse", "fuse_classes", "fuse_objects"]

SAME = 0.55
"""IoU at which two boxes are taken as the same object, the best value in the paper."""


@dataclass(frozen=True, slots=True, eq=False)
class Fused:
    """The N objects that D detectors found, in descending order of score.

    boxes: the fused box and the score of each object
    members: (N, D), the index of each detector's highest box of the object among its valid boxes
        (see `Boxes.valid`), or -1 for a detector that misses it
    """

    boxes: Boxes
    members: NDArray[np.intp]


def fuse_classes(
    detections: Sequence[Mapping[str, Boxes]],
    *,
    weights: Sequence[float] | None = None,
    same: float = SAME,
) -> dict[str, Boxes]:
    """Apply `fuse` to each class that any detector has, in order of first appearance.

    A class is fused only over the detectors that were trained on it: the others cannot miss it.
    """
    shares = _checked(weights, len(detections))
    labels = dict.fromkeys(label for boxes in detections for label in boxes)
    fused = {}
    for label in labels:
        owners = [index for index, boxes in enumerate(detections) if label in boxes]
        those = [detections[index][label] for index in owners]
        fused[label] = fuse(those, weights=[shares[index] for index in owners], same=same)
    return fused


def fuse(
    detections: Sequence[Boxes], *, weights: Sequence[float] | None = None, same: float = SAME
) -> Boxes:
    """Fuse the boxes of one class in one image → boxes in descending order of score.

    detections: one Boxes per detector
    weights: one per detector, equal by default; only their ratios count
    same: minimum IoU with an object's fused box for a box to join it
    In descending order of weighted score, each box joins the object it overlaps most. The score of
    an object is the weighted mean of the detectors' scores, with 0 for a detector that misses it:
    an object that only one of two equal detectors finds gets half its score.
    Raises PlayheadError for weights that are negative, not finite, all 0 or not one per detector.
    """
    return fuse_objects(detections, weights=weights, same=same).boxes


def fuse_objects(
    detections: Sequence[Boxes], *, weights: Sequence[float] | None = None, same: float = SAME
) -> Fused:
    """The same, with the boxes that each object was fused from, to fuse more than their scores."""
    shares = _checked(weights, len(detections))
    valid = [part.valid() for part in detections]
    counts = [len(part) for part in valid]
    boxes = Boxes.joined(valid)
    owners = np.repeat(np.arange(len(detections)), counts)
    rows = np.arange(len(boxes)) - np.repeat(np.cumsum(counts) - counts, counts)
    weighted = np.asarray(shares)[owners] * boxes.scores
    objects = _Objects(len(detections), len(boxes))
    for index in np.argsort(-weighted, kind="stable").tolist():
        if weighted[index] > 0:
            at = objects.take(boxes.boxes[index], weighted[index], same)
            objects.score(at, owners[index], boxes.scores[index], rows[index])
    return objects.fused(np.asarray(shares))


class _Objects:
    """The objects so far: their fused boxes, and the score of each detector for each."""

    def __init__(self, detectors: int, capacity: int) -> None:
        self._sums = np.zeros((capacity, 4))
        self._weights = np.zeros(capacity)
        self._fused = np.zeros((capacity, 4))
        self._scores = np.zeros((capacity, detectors))
        self._members = np.full((capacity, detectors), -1)
        self._count = 0

    def take(self, box: NDArray[np.float32], weighted: float, same: float) -> int:
        """Merge a box into the object it overlaps most, or start a new one; returns its index."""
        overlaps = iou(box[None], self._fused[: self._count])[0]
        index = int(overlaps.argmax()) if self._count else 0
        if not self._count or overlaps[index] < same:
            index = self._count
            self._count += 1
        self._sums[index] += box.astype(np.float64) * weighted
        self._weights[index] += weighted
        self._fused[index] = self._sums[index] / self._weights[index]
        return index

    def score(self, index: int, owner: int, score: float, row: int) -> None:
        """Note a detector's box of an object, of which the highest counts."""
        if score > self._scores[index, owner]:
            self._scores[index, owner], self._members[index, owner] = score, row

    def fused(self, shares: NDArray[np.float64]) -> Fused:
        scores = self._scores[: self._count] @ shares / shares.sum()
        order = np.argsort(-scores, kind="stable")
        boxes = self._fused[: self._count][order]
        return Fused(
            Boxes(boxes.astype(np.float32), scores[order].astype(np.float32)),
            self._members[: self._count][order],
        )


def _checked(weights: Sequence[float] | None, count: int) -> list[float]:
    """One weight per detector, at least one of them above 0."""
    if not count:
        raise PlayheadError("a fusion needs the boxes of at least one detector, got none")
    shares = np.ones(count) if weights is None else np.asarray(weights, np.float64)
    if shares.shape != (count,) or not (np.isfinite(shares) & (shares >= 0)).all():
        raise PlayheadError(f"{count} detectors need as many weights of 0 or more, got {weights}")
    if not shares.sum() > 0:
        raise PlayheadError(f"at least one of {count} detectors needs a weight above 0")
    return [float(share) for share in shares]
