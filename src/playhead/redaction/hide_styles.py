"""The weak styles `mosaic` and `blur`, one plane of an image at a time.

Their result is computed from the hidden samples and keeps some of their content. `fill`, which
keeps nothing, is in `media.filling`.
"""

import math
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from playhead.events.model import Box

__all__ = ["blur", "mosaic"]

_PASSES = 3

Plane = NDArray[Any]
Mask = NDArray[np.bool_]


def mosaic(part: Plane, hidden: Mask, box: Box, cells: int) -> None:
    """Paint hidden samples with the mean of their cell, the box having `cells` across and down.

    box: in samples of `part`; may extend past its edges
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


def _cuts(start: float, stop: float, length: int, cells: int) -> NDArray[np.intp]:
    """The starts of the cells from `start` to `stop` among `length` samples; the first is 0.

    A cell has at least two samples, or a small box would be unchanged.
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
