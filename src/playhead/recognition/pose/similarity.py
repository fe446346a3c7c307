"""The similarity of poses, as COCO's evaluation defines it: OKS.

OKS is the mean over joints of exp(-d² / (2 s² k²)): d is the distance of the two positions of a
joint, s² the area of the person, and k = 2 sigma how far annotators place that joint apart.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["MIN_CONFIDENCE", "distinct", "pose_boxes", "similarities"]

MIN_CONFIDENCE = 0.2
"""A joint with a lower confidence counts neither for a box nor for a similarity."""

SIGMA = 0.08
"""About the mean of COCO's sigmas for the joints of a body."""

SAME = 0.6
"""Two poses in one image that are more similar than this are one person, seen twice."""

Array = NDArray[np.float32]


def similarities(a: Array, b: Array, sigma: float = SIGMA) -> NDArray[np.float64]:
    """Poses (N, J, 3) and (M, J, 3) → (N, M), from 0 to 1, over the joints that both have seen.

    The area is that of the box round the joints of the larger pose. 0 if they share no joint.
    """
    seen = (a[:, None, :, 2] >= MIN_CONFIDENCE) & (b[None, :, :, 2] >= MIN_CONFIDENCE)
    squares = np.square(a[:, None, :, :2] - b[None, :, :, :2], dtype=np.float64).sum(axis=-1)
    area = np.maximum(_areas(a)[:, None], _areas(b)[None, :])
    spread = 2 * np.maximum(area, 1.0) * (2 * sigma) ** 2
    near = np.where(seen, np.exp(-squares / spread[..., None]), 0.0).sum(axis=-1)
    shared = seen.sum(axis=-1)
    mean: NDArray[np.float64] = np.divide(near, shared, out=np.zeros_like(near), where=shared > 0)
    return mean


def distinct(points: Array) -> list[int]:
    """Indices of the poses (N, J, 3) that are not similar to an earlier one that stays."""
    same = similarities(points, points) > SAME
    kept: list[int] = []
    for index in range(len(points)):
        if not same[index, kept].any():
            kept.append(index)
    return kept


def pose_boxes(points: Array) -> Array:
    """The box round the joints of each pose, (N, J, 3) → (N, 4): x1, y1, x2, y2.

    Joints of low confidence are left out, unless fewer than two others remain.
    """
    seen = points[..., 2] >= MIN_CONFIDENCE
    seen[seen.sum(axis=-1) < 2] = True
    low = np.where(seen[..., None], points[..., :2], np.inf).min(axis=-2)
    high = np.where(seen[..., None], points[..., :2], -np.inf).max(axis=-2)
    return np.concatenate([low, high], axis=-1).astype(np.float32)


def _areas(points: Array) -> NDArray[np.float64]:
    boxes = pose_boxes(points).astype(np.float64)
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
