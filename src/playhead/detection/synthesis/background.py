"""Backgrounds: images without their objects, every labelled hole filled from its surroundings.

`texture` fills holes of any size with patches of the rest of the image. `grain` is faster and as
good for small holes: push-pull colours from a ring around the hole, plus the fine structure of the
surroundings, mirrored at its edge. `smooth` omits the fine structure, which leaves a blob that a
network may learn to recognise. Nothing of the covered object is left in a hole.
"""

import math

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from playhead.detection.synthesis.pasting_config import Filling
from playhead.detection.synthesis.texture import textured
from playhead.media.filling import push_pull, spread

__all__ = ["clean_background", "hidden_by"]

Bytes = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Floats32 = NDArray[np.float32]

_RING = 4
_CONTEXT = 64  # minimum pixels around the holes that are used
_GRAIN = 4.0  # pixels: finer structure than this is mirrored
_MIRRORS = 3
_EMPTY = 128


def clean_background(
    image: Bytes,
    boxes: NDArray[np.floating],
    *,
    margin: float = 0.1,
    filling: Filling = "texture",
) -> Bytes:
    """A copy of the image, RGB (H, W, 3), with each of (N, 4) boxes filled from its surroundings.

    margin: filled on each side of a box too, as a share of that side, at least two pixels
    If too little of the image is left for `texture`, `grain` is used.
    """
    hidden = hidden_by(boxes, image.shape[:2], margin)
    cleaned = image.copy()
    if hidden.all():
        cleaned[...] = _EMPTY
    elif hidden.any():
        part = _around(hidden)
        cleaned[part] = _filled(image[part], hidden[part], filling)
    return cleaned


def hidden_by(boxes: NDArray[np.floating], shape: tuple[int, ...], margin: float) -> Mask:
    """The pixels of an image of `shape` (height, width) that boxes with their margins cover."""
    hidden = np.zeros(shape[:2], bool)
    finite = np.asarray(boxes, np.float64)
    for x1, y1, x2, y2 in finite[np.isfinite(finite).all(axis=1)].tolist():
        across, down = max(margin * (x2 - x1), 2.0), max(margin * (y2 - y1), 2.0)
        rows = slice(max(math.floor(y1 - down), 0), max(math.ceil(y2 + down), 0))
        hidden[rows, max(math.floor(x1 - across), 0) : max(math.ceil(x2 + across), 0)] = True
    return hidden


def _around(hidden: Mask) -> tuple[slice, slice]:
    """The bounding rectangle of all holes, extended by its own size on every side."""
    parts = []
    for length, some in zip(hidden.shape, (hidden.any(axis=1), hidden.any(axis=0)), strict=True):
        first, last = np.flatnonzero(some)[[0, -1]].tolist()
        reach = max(last + 1 - first + _RING, _CONTEXT)
        parts.append(slice(max(first - reach, 0), min(last + 1 + reach, length)))
    return parts[0], parts[1]


def _filled(image: Bytes, hidden: Mask, filling: Filling) -> Bytes:
    texture = textured(image, hidden) if filling == "texture" else None
    if texture is not None:
        return texture
    known = np.where(hidden[..., None], 0, image).astype(np.float32)
    ring = spread(hidden, _RING) & ~hidden
    filled = np.stack([push_pull(np.where(ring, known[..., c], 0), ring) for c in range(3)], axis=2)
    if filling != "smooth":
        filled[hidden] += _mirrored_grain(known, hidden)
    result = image.copy()
    result[hidden] = np.rint(filled[hidden]).clip(0, 255)
    return result


def _mirrored_grain(known: Floats32, hidden: Mask) -> Floats32:
    """For each hidden pixel (N,) in order, the fine structure at its mirror image → (N, 3)."""
    weight = scipy.ndimage.gaussian_filter((~hidden).astype(np.float32), _GRAIN)
    smooth = scipy.ndimage.gaussian_filter(known, (_GRAIN, _GRAIN, 0))
    fine = known - smooth / np.maximum(weight, 1e-6)[..., None]
    rows, columns = _mirror_images(hidden)
    grain: Floats32 = np.where(hidden[rows, columns, None], 0, fine[rows, columns])
    return grain


def _mirror_images(hidden: Mask) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The pixel that mirrors each hidden pixel at the nearest point of the hole's edge.

    Positions outside the image are reflected back into it; positions in a hole are mirrored again,
    a few times.
    """
    nearest = scipy.ndimage.distance_transform_edt(
        hidden, return_distances=False, return_indices=True
    )
    places = np.stack(np.nonzero(hidden))
    lengths = np.array(hidden.shape)[:, None]
    for _ in range(_MIRRORS):
        again = hidden[places[0], places[1]]
        if not again.any():
            break
        at = places[:, again]
        image = 2 * nearest[:, at[0], at[1]] - at
        image = np.abs(image) % np.maximum(2 * lengths - 2, 1)
        places[:, again] = np.minimum(image, 2 * lengths - 2 - image)
    return places[0], places[1]
