"""Filling holes of an image plane from the samples around them (push-pull, "The Lumigraph", 1996).

Push: the known samples are averaged to coarser and coarser grids until no grid cell is unknown.
Pull: level by level, unknown samples are interpolated from the next coarser grid. So every value is
a weighted mean of known samples and never depends on a hidden one.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["RING", "fill", "push_pull", "spread"]

RING = 2
"""Width in samples of the ring around the mask that `fill` interpolates from."""

Plane = NDArray[Any]
Mask = NDArray[np.bool_]
Values = NDArray[np.float32]


def fill(part: Plane, hidden: Mask, otherwise: int) -> None:
    """Fill the hidden samples of `part` smoothly from the ring of `RING` samples around them.

    part: (h, w), which includes the ring around the hidden samples where the plane has one
    otherwise: the value if there is no ring because everything is hidden
    """
    ring = spread(hidden, RING) & ~hidden
    if not ring.any():
        part[hidden] = otherwise
        return
    # Hidden samples are removed before anything is computed.
    values = push_pull(np.where(ring, part, 0).astype(np.float32), ring)
    np.copyto(part, np.rint(values).astype(part.dtype), where=hidden)


def spread(mask: Mask, reach: int) -> Mask:
    """The mask dilated by `reach` samples in all eight directions."""
    return _spread_rows(_spread_rows(mask, reach).T, reach).T


def _spread_rows(mask: Mask, reach: int) -> Mask:
    wider = mask.copy()
    for distance in range(1, reach + 1):
        wider[distance:] |= mask[:-distance]
        wider[:-distance] |= mask[distance:]
    return wider


def push_pull(values: Values, known: Mask) -> Values:
    """`values` where `known`, elsewhere interpolated from the next coarser grid.

    values: (h, w), 0 where unknown; known: (h, w), not all False
    """
    if known.all():
        return values
    height, width = values.shape
    count = _sum_of_four(known.astype(np.float32))
    means = _sum_of_four(values)
    means /= np.maximum(count, 1)
    coarse = push_pull(means, count > 0)
    smooth = _doubled(_doubled(coarse).T).T[:height, :width]
    return np.where(known, values, smooth)


def _sum_of_four(values: Values) -> Values:
    """Sums of 2x2 blocks, (h, w) → (h / 2, w / 2) rounded up; outside the edge counts as 0."""
    height, width = values.shape
    rows = values[::2].copy()
    rows[: height // 2] += values[1::2]
    summed = rows[:, ::2].copy()
    summed[:, : width // 2] += rows[:, 1::2]
    return summed


def _doubled(values: Values) -> Values:
    """Twice as many rows by linear interpolation, a quarter of a row before and after each."""
    doubled = np.empty((2 * len(values), values.shape[1]), np.float32)
    doubled[0], doubled[-1] = values[0], values[-1]
    near, far = np.float32(0.75) * values, np.float32(0.25) * values
    np.add(near[1:], far[:-1], out=doubled[2::2])
    np.add(near[:-1], far[1:], out=doubled[1:-1:2])
    return doubled
