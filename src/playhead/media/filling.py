"""Filling: holes of an image, one plane at a time, from what lies around them (push-pull).

What is averaged to ever coarser grids until none has a hole comes back level by level: each hole is
filled from the next coarser grid, interpolated ("The Lumigraph", 1996). Every value is a weighted
mean of known ones and of nothing that a hole covers.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["RING", "fill", "push_pull", "spread"]

RING = 2
"""Samples around the mask from which `fill` is made, in width."""

Plane = NDArray[Any]
Mask = NDArray[np.bool_]
Values = NDArray[np.float32]


def fill(part: Plane, hidden: Mask, otherwise: int) -> None:
    """Fill the hidden samples of `part` smoothly from the ring of `RING` samples around them.

    part: (h, w) with at least the ring around the hidden samples, as far as the plane reaches
    otherwise: the value where there is no ring, because everything is hidden

    Every value is a weighted mean of the ring's.
    """
    ring = spread(hidden, RING) & ~hidden
    if not ring.any():
        part[hidden] = otherwise
        return
    # What is hidden is left out here, before anything is computed.
    values = push_pull(np.where(ring, part, 0).astype(np.float32), ring)
    np.copyto(part, np.rint(values).astype(part.dtype), where=hidden)


def spread(mask: Mask, reach: int) -> Mask:
    """The mask and all samples within `reach` of it, across, down and diagonally."""
    return _spread_rows(_spread_rows(mask, reach).T, reach).T


def _spread_rows(mask: Mask, reach: int) -> Mask:
    wider = mask.copy()
    for distance in range(1, reach + 1):
        wider[distance:] |= mask[:-distance]
        wider[:-distance] |= mask[distance:]
    return wider


def push_pull(values: Values, known: Mask) -> Values:
    """`values` where `known`, elsewhere what the next coarser grid says.

    (h, w), 0 where not known; some are known.
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
    """Half as many rows and columns, rounded up; what would lie past the edge counts as 0."""
    height, width = values.shape
    rows = values[::2].copy()
    rows[: height // 2] += values[1::2]
    summed = rows[:, ::2].copy()
    summed[:, : width // 2] += rows[:, 1::2]
    return summed


def _doubled(values: Values) -> Values:
    """Twice as many rows, linearly between the old ones: a quarter before and after each."""
    doubled = np.empty((2 * len(values), values.shape[1]), np.float32)
    doubled[0], doubled[-1] = values[0], values[-1]
    near, far = np.float32(0.75) * values, np.float32(0.25) * values
    np.add(near[1:], far[:-1], out=doubled[2::2])
    np.add(near[:-1], far[1:], out=doubled[1:-1:2])
    return doubled
