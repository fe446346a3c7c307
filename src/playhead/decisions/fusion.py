"""Fusion: boxes of several detectors, of which those of one object become one.

After "Weighted boxes fusion: Ensembling boxes from different object detection models" (2021): the
fused box is the mean of its boxes weighted by their scores, so that even a poor box helps to place
it, where suppression would throw it away. One difference: of a detector's boxes of one object only
the surest score counts, so that one that finds an object twice says no more than one that finds it
once.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes, iou
from playhead.errors import PlayheadError

__all__ = ["SAME", "fuse", "fuse_classes"]

SAME = 0.55
"""IoU from which two boxes are of one object, as the paper found best."""


def fuse_classes(
    found: Sequence[Mapping[str, Boxes]],
    *,
    weights: Sequence[float] | None = None,
    same: float = SAME,
) -> dict[str, Boxes]:
    """`fuse` for each class that a detector knows, in the order in which they are first named.

    Of a class only those count that know it: another one's silence says nothing about it.
    """
    shares = _checked(weights, len(found))
    labels = dict.fromkeys(label for one in found for label in one)
    fused = {}
    for label in labels:
        knowing = [place for place, one in enumerate(found) if label in one]
        those = [found[place][label] for place in knowing]
        fused[label] = fuse(those, weights=[shares[place] for place in knowing], same=same)
    return fused


def fuse(
    found: Sequence[Boxes], *, weights: Sequence[float] | None = None, same: float = SAME
) -> Boxes:
    """The boxes of one class in one image, fused, in falling order of score.

    found: one Boxes a detector; weights: how far each is trusted, equally by default, only their
    ratios count; same: the IoU from which a box is of an object that is known already.
    A box goes to the object whose fused box it overlaps most, the surest boxes first. The score
    of an object is the weighted mean of the scores that the detectors give it, 0 where one does
    not see it: of two detectors that are equally trusted, one alone is believed half.
    Raises PlayheadError for weights that are negative, not finite, all 0 or not one a detector.
    """
    shares = _checked(weights, len(found))
    boxes = Boxes.joined([one.valid() for one in found])
    owners = np.repeat(np.arange(len(found)), [len(one.valid()) for one in found])
    trust = np.asarray(shares)[owners] * boxes.scores
    objects = _Objects(len(found), len(boxes))
    for place in np.argsort(-trust, kind="stable").tolist():
        if trust[place] > 0:
            objects.take(boxes.boxes[place], boxes.scores[place], trust[place], owners[place], same)
    return objects.fused(np.asarray(shares))


class _Objects:
    """The objects known so far: their fused boxes, and what each detector says of them."""

    def __init__(self, detectors: int, most: int) -> None:
        self._sums = np.zeros((most, 4))
        self._trust = np.zeros(most)
        self._fused = np.zeros((most, 4))
        self._scores = np.zeros((most, detectors))
        self._count = 0

    def take(
        self, box: NDArray[np.float32], score: float, trust: float, owner: int, same: float
    ) -> None:
        """Put a box to the object that it is of, or let it be a new one."""
        overlaps = iou(box[None], self._fused[: self._count])[0]
        place = int(overlaps.argmax()) if self._count else 0
        if not self._count or overlaps[place] < same:
            place = self._count
            self._count += 1
        self._sums[place] += box.astype(np.float64) * trust
        self._trust[place] += trust
        self._fused[place] = self._sums[place] / self._trust[place]
        self._scores[place, owner] = max(self._scores[place, owner], score)

    def fused(self, shares: NDArray[np.float64]) -> Boxes:
        scores = self._scores[: self._count] @ shares / shares.sum()
        order = np.argsort(-scores, kind="stable")
        boxes = self._fused[: self._count][order]
        return Boxes(boxes.astype(np.float32), scores[order].astype(np.float32))


def _checked(weights: Sequence[float] | None, count: int) -> list[float]:
    """One weight a detector; of those that know a class one at least must be above 0."""
    if not count:
        raise PlayheadError("a fusion needs the boxes of at least one detector, got none")
    shares = np.ones(count) if weights is None else np.asarray(weights, np.float64)
    if shares.shape != (count,) or not (np.isfinite(shares) & (shares >= 0)).all():
        raise PlayheadError(f"{count} detectors need as many weights of 0 or more, got {weights}")
    if not shares.sum() > 0:
        raise PlayheadError(f"of {count} detectors one at least needs a weight above 0")
    return [float(share) for share in shares]
