"""Styles: what stands in place of hidden samples, one plane of a picture at a time.

`fill` is a function of the samples around the mask alone. `mosaic` and `blur` are made of what they
hide and keep some of it: they are weak.
"""

import math
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from playhead.events.model import Box

__all__ = ["RING", "blur", "fill", "mosaic"]

RING = 2
"""Samples around the mask from which `fill` is made, in width."""

_PASSES = 3

Plane = NDArray[Any]
Mask = NDArray[np.bool_]
Values = NDArray[np.float32]


def fill(part: Plane, hidden: Mask, otherwise: int) -> None:
    """Fill the hidden samples of `part` smoothly from the ring of `RING` samples around them.

    part: (h, w) with at least the ring around the hidden samples, as far as the plane reaches
    otherwise: the value where there is no ring, because everything is hidden

    The ring is averaged to ever coarser grids until none has a hole; then each hole is filled from
    the next coarser grid, interpolated (push-pull, as in "The Lumigraph", 1996). Every
    value is a weighted mean of the ring's.
    """
    ring = _spread(hidden, RING) & ~hidden
    if not ring.any():
        part[hidden] = otherwise
        return
    # What is hidden is left out here, before anything is computed.
    values = _filled(np.where(ring, part, 0).astype(np.float32), ring)
    np.copyto(part, np.rint(values).astype(part.dtype), where=hidden)


def mosaic(part: Plane, hidden: Mask, box: Box, cells: int) -> None:
    """Paint hidden samples with the mean of their cell, the box having `cells` across and down.

    box: in samples, counted from the first of `part`, over whose edges it may reach
    """
    height, width = part.shape
    rows = _cuts(box[1], box[3], height, cells)
    columns = _cuts(box[0], box[2], width, cells)
    sums = np.add.reduceat(part.astype(np.float64), rows, axis=0)
    sums = np.add.reduceat(sums, columns, axis=1)
    heights, widths = np.diff(rows, append=height), np.diff(columns, append=width)
    means = np.rint(sums / np.outer(heights, widths)).astype(part.dtype)
    np.copyto(part, means.repeat(heights, axis=0).repeat(widths, axis=1), where=hidden)


def blur(part: Plane, hidden: Mask, box: Box, strength: float) -> None:
    """Blur the hidden samples with a Gaussian of `strength` times the box's width and height.

    The Gaussian is three running means of its variance, so a large box costs no more a sample.
    """
    values = part.astype(np.float32)
    for axis, sigma in ((0, strength * (box[3] - box[1])), (1, strength * (box[2] - box[0]))):
        length = _running_length(sigma, part.shape[axis])
        for _ in range(_PASSES):
            values = scipy.ndimage.uniform_filter1d(values, length, axis=axis, mode="nearest")
    top = np.iinfo(part.dtype).max
    np.copyto(part, np.rint(values).clip(0, top).astype(part.dtype), where=hidden)


def _spread(mask: Mask, reach: int) -> Mask:
    """The mask and all samples within `reach` of it, across, down and diagonally."""
    return _spread_rows(_spread_rows(mask, reach).T, reach).T


def _spread_rows(mask: Mask, reach: int) -> Mask:
    wider = mask.copy()
    for distance in range(1, reach + 1):
        wider[distance:] |= mask[:-distance]
        wider[:-distance] |= mask[distance:]
    return wider


def _filled(values: Values, known: Mask) -> Values:
    """`values` where `known`, elsewhere what the next coarser grid says.

    (h, w), 0 where not known; some are known.
    """
    if known.all():
        return values
    height, width = values.shape
    count = _sum_of_four(known.astype(np.float32))
    means = _sum_of_four(values)
    means /= np.maximum(count, 1)
    coarse = _filled(means, count > 0)
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


def _cuts(start: float, stop: float, length: int, cells: int) -> NDArray[np.intp]:
    """Where the cells of `start` to `stop` begin among `length` samples; the first is 0.

    A cell has two samples at least, or a small box would stay as it is.
    """
    count = max(1, min(cells, int(stop - start) // 2))
    cuts = np.floor(np.linspace(start, stop, count + 1)[1:-1])
    return np.unique([0, *cuts[(cuts > 0) & (cuts < length)]]).astype(np.intp)


def _running_length(sigma: float, length: int) -> int:
    """Samples of each running mean: together their variance is sigma squared.

    Never more than reaches from end to end of the part.
    """
    wanted = math.sqrt(12 * sigma**2 / _PASSES + 1)
    return max(1, min(round(wanted), 2 * length))
