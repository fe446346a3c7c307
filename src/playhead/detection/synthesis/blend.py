"""Blending of a rectangle of pixels into an image.

`none` leaves a hard edge, `feather` a soft one, `poisson` keeps the gradients of the pasted pixels
and the colours of the image around them. Mixing all three, a network cannot rely on edge artefacts.
"""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

__all__ = ["contrast_left", "feather_mask", "mixed", "poisson", "quick_side"]

Bytes = NDArray[np.uint8]
Floats32 = NDArray[np.float32]
Bounds = tuple[int, int, int, int]

_LEAST_RAMP = 2


def feather_mask(size: tuple[int, int], core: Bounds) -> Floats32:
    """The weight of a paste at each of its pixels: float32 (height, width) above 0 up to 1.

    size: (width, height). core: `x1, y1, x2, y2` with weight 1; from there to the edge, the weight
    falls smoothly. If the core ends less than two pixels from the edge, the ramp starts inside it.
    """
    (width, height), (x1, y1, x2, y2) = size, core
    rows = _ramp(height, y1, height - y2)
    return rows[:, None] * _ramp(width, x1, width - x2)


def mixed(target: Bytes, source: Bytes, mask: Floats32) -> Bytes:
    """`source` over `target`, both (h, w, 3), weighted by `mask` (h, w)."""
    below = target.astype(np.float32)
    return _rounded(below + (source - below) * mask[..., None])


def poisson(target: Bytes, source: Bytes) -> Bytes:
    """Gradient-domain blending over a whole rectangle, both (h, w, 3).

    The border of one pixel is the target's; inside, the discrete Laplacian is the source's. Solved
    exactly: the harmonic function with the border's difference is added to the source; the sine
    transform (DST-I) turns its equation into a division. A rectangle less than 3 pixels wide or
    high is all border. ("Poisson Image Editing", 2003.)
    """
    height, width, _ = source.shape
    if min(height, width) < 3:
        return target.copy()
    added = np.moveaxis(target, 2, 0).astype(np.float32, order="C") - np.moveaxis(source, 2, 0)
    added[:, 1:-1, 1:-1] = _harmonic(added)
    return _rounded(source + np.moveaxis(added, 0, 2))


def contrast_left(pasted: Bytes, source: Bytes, core: Bounds) -> float:
    """The share of the contrast of `source` left in `pasted`, both (h, w, 3): 1 all, 0 none.

    core: `x1, y1, x2, y2` of the object; its outline counts too. Computed as the regression slope
    of the pixel differences of one image on the other's, so that structure of the target does not
    count. Poisson blending loses contrast where it would exceed white or black.
    """
    x1, y1, x2, y2 = core
    part = np.s_[max(y1 - 1, 0) : y2 + 1, max(x1 - 1, 0) : x2 + 1]
    shared, own = 0.0, 0.0
    for axis in (0, 1):
        steps = np.diff(source[part].astype(np.float32), axis=axis)
        shared += float(np.vdot(steps, np.diff(pasted[part].astype(np.float32), axis=axis)))
        own += float(np.vdot(steps, steps))
    return shared / own if own else 0.0


def quick_side(length: int) -> int:
    """The largest side up to `length` for which `poisson` is fast, at least 3."""
    return max(int(scipy.fft.prev_fast_len(max(length - 1, 2), real=True)) + 1, 3)


def _harmonic(edge: Floats32) -> Floats32:
    """The harmonic function with this border (C, h, w); its interior is (C, h - 2, w - 2)."""
    channels, high, wide = edge.shape
    sums = np.zeros((channels, high - 2, wide - 2), np.float32)
    sums[:, 0] += edge[:, 0, 1:-1]
    sums[:, -1] += edge[:, -1, 1:-1]
    sums[:, :, 0] += edge[:, 1:-1, 0]
    sums[:, :, -1] += edge[:, 1:-1, -1]
    waves = _sines(sums)
    waves /= np.add.outer(_own_values(high - 2), _own_values(wide - 2))
    # Both transforms together multiply by 4 (h - 1) (w - 1).
    waves /= np.float32(4 * (high - 1) * (wide - 1))
    return _sines(waves)


def _sines(values: Floats32) -> Floats32:
    """The sine transform (DST-I) of each channel; up to a scale, it is its own inverse."""
    return np.asarray(scipy.fft.dstn(values, type=1, axes=(1, 2), overwrite_x=True), np.float32)


def _own_values(count: int) -> Floats32:
    """The eigenvalues of the second difference between two fixed ends, signs turned."""
    angles = np.pi * np.arange(1, count + 1) / (count + 1)
    return (2 - 2 * np.cos(angles)).astype(np.float32)


def _ramp(length: int, before: int, after: int) -> Floats32:
    centres = np.arange(length, dtype=np.float32) + np.float32(0.5)
    rise = np.minimum(
        centres / max(before, _LEAST_RAMP), (length - centres) / max(after, _LEAST_RAMP)
    ).clip(0, 1)
    ramp: Floats32 = (rise * rise * (3 - 2 * rise)).astype(np.float32)
    return ramp


def _rounded(values: NDArray[np.floating]) -> Bytes:
    rounded: Bytes = np.rint(values).clip(0, 255).astype(np.uint8)
    return rounded
