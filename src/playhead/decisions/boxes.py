"""Boxes: the detections of one label in one image, their IoU, and non-maximum suppression.

A box is `x1, y1, x2, y2` in pixels, floats, half-open. A box with no area or a non-finite number
overlaps nothing; `Boxes.valid` and `nms` drop it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from playhead.errors import PlayheadError

__all__ = ["Boxes", "cover", "iou", "kept_indices", "nms", "paired_iou"]

_BLOCK = 128
"""Boxes compared with each other at once, to bound memory and time."""


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """N boxes of one label in one image, each with its score.

    Raises PlayheadError for shapes other than (N, 4) and (N,).
    """

    boxes: NDArray[np.float32]  # (N, 4)
    scores: NDArray[np.float32]  # (N,)

    def __post_init__(self) -> None:
        n = len(self.scores)
        if self.boxes.shape != (n, 4) or self.scores.shape != (n,):
            raise PlayheadError(
                f"boxes are {self.boxes.shape} and scores {self.scores.shape}; "
                "(N, 4) and (N,) are needed"
            )

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def empty(cls) -> Self:
        """No boxes."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Concatenate several sets of boxes in their order; an empty sequence gives no boxes."""
        if not parts:
            return cls.empty()
        return cls(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.scores for part in parts]),
        )

    def chosen(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> Self:
        """The boxes selected by a mask or by indices, in that order."""
        return type(self)(self.boxes[index], self.scores[index])

    def above(self, threshold: float) -> Self:
        """The boxes with a score of `threshold` or more; a NaN score is below every threshold."""
        return self.chosen(self.scores >= threshold)

    def valid(self) -> Self:
        """The boxes that have an area, finite corners and a finite score."""
        return self.chosen((_areas(self.boxes) > 0) & np.isfinite(self.scores))

    def scaled(self, sx: float, sy: float, dx: float = 0.0, dy: float = 0.0) -> Self:
        """The boxes in the pixels of another image: x * sx + dx, y * sy + dy."""
        scale = np.array([sx, sy, sx, sy], np.float32)
        shift = np.array([dx, dy, dx, dy], np.float32)
        return type(self)(self.boxes * scale + shift, self.scores)


def iou(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """Intersection over union of (N, 4) and (M, 4) boxes → (N, M), 0 if a box has no area."""
    shared = _intersection(a, b)
    union = _areas(a)[:, None] + _areas(b)[None, :] - shared
    return _ratio(shared, union)


def paired_iou(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """Intersection over union of each box with its partner, (N, 4) and (N, 4) → (N,), as `iou`."""
    shared = _shared(_finite(a).T, _finite(b).T)
    return _ratio(shared, _areas(a) + _areas(b) - shared)


def cover(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """Intersection over area of `a`, (N, 4) and (M, 4) boxes → (N, M), 0 if a box has no area."""
    shared = _intersection(a, b)
    return _ratio(shared, np.broadcast_to(_areas(a)[:, None], shared.shape))


def nms(detections: Boxes, overlap: float, most: int | None = None) -> Boxes:
    """Greedy non-maximum suppression → the kept boxes in descending order of score.

    overlap: a box is removed if its IoU with a kept box is greater than this
    most: the most boxes to keep; None for all
    In a tie of scores the earlier box comes first.
    """
    detections = detections.valid()
    return detections.chosen(kept_indices(detections, overlap, most))


def kept_indices(detections: Boxes, overlap: float, most: int | None = None) -> NDArray[np.intp]:
    """Indices of the boxes that `nms` keeps, in descending order of score; all must be valid."""
    order = np.argsort(-detections.scores, kind="stable")
    kept = order[:0]
    for start in range(0, len(order), _BLOCK):
        block = order[start : start + _BLOCK]
        block = block[(iou(detections.boxes[kept], detections.boxes[block]) <= overlap).all(axis=0)]
        stays = np.ones(len(block), bool)
        removes = iou(detections.boxes[block], detections.boxes[block]) > overlap
        for index in range(len(block) - 1):
            if stays[index]:
                stays[index + 1 :] &= ~removes[index, index + 1 :]
        kept = np.concatenate([kept, block[stays]])
        if most is not None and len(kept) >= most:
            break
    return kept[:most]


def _areas(boxes: NDArray[np.floating]) -> NDArray[np.float64]:
    corners = _finite(boxes)
    sides = np.maximum(corners[:, 2:] - corners[:, :2], 0.0)
    return sides[:, 0] * sides[:, 1]


def _intersection(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    # One coordinate at a time: NumPy is fast if the innermost axis is long.
    return _shared(_finite(a).T[:, :, None], np.ascontiguousarray(_finite(b).T))


def _shared(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """The area that boxes share, each given as four arrays of coordinates that broadcast."""
    (left, top, right, bottom), (x1, y1, x2, y2) = a, b
    width = np.maximum(np.minimum(right, x2) - np.maximum(left, x1), 0.0)
    height = np.maximum(np.minimum(bottom, y2) - np.maximum(top, y1), 0.0)
    shared: NDArray[np.float64] = width * height
    return shared


def _finite(boxes: NDArray[np.floating]) -> NDArray[np.float64]:
    # A box with a NaN becomes one without area, so that the NaN cannot spread or cause warnings.
    corners = np.asarray(boxes, np.float64)
    return np.where(np.isfinite(corners).all(axis=1, keepdims=True), corners, 0.0)


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
