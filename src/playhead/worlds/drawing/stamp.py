"""Stamps: small sprites of premultiplied colour, blended into a frame with NumPy alone.

For what is drawn often and small, as distant players and balls: a stamp is made once, kept, and
laid at whole pixels. Larger objects are layers (`layer.py`).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Stamp", "capsule_cover", "disc", "lay"]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Stamp:
    """A coloured image to lay over a frame: frame * keep / 256 + paint."""

    paint: NDArray[np.uint16]  # (h, w, 4), premultiplied
    keep: NDArray[np.uint16]  # (h, w, 1), 0..256
    left: int  # from the anchor to the first column
    top: int


def lay(frame: Bytes, stamp: Stamp, column: int, row: int) -> None:
    """Blend a stamp into a frame (H, W, 4) with its anchor at (column, row), clipped."""
    x, y = column + stamp.left, row + stamp.top
    height, width = stamp.keep.shape[:2]
    x0, y0 = max(x, 0), max(y, 0)
    x1, y1 = min(x + width, frame.shape[1]), min(y + height, frame.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    part = frame[y0:y1, x0:x1]
    inner = (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x))
    mixed = np.multiply(part, stamp.keep[inner])
    mixed >>= 8
    mixed += stamp.paint[inner]
    part[...] = mixed


def disc(
    radius: float, shift: tuple[float, float], rgb: tuple[int, int, int], alpha: float,
    squash: float = 1.0,
) -> Stamp:  # fmt: skip
    """A round spot; squash below 1 flattens it (a shadow on the ground)."""
    reach = math.ceil(radius + 1.5)
    axis = np.arange(-reach, reach + 1, dtype=np.float32)
    away = np.hypot(axis[None, :] - shift[0], (axis[:, None] - shift[1]) / squash)
    cover = np.clip(radius + 0.5 - away, 0, 1)[..., None] * np.float32(alpha)
    paint = np.zeros((*cover.shape[:2], 4), np.uint16)
    paint[..., :3] = cover * np.array(rgb, np.float32)
    return Stamp(paint, np.rint(256 * (1 - cover)).astype(np.uint16), -reach, -reach)


def capsule_cover(x: Floats, y: Floats, start: Any, along: Any, radius: Any) -> Floats:
    """How much of each pixel, 0..1, a rod with round ends covers.

    x, y: pixel centres; start: column and row of one end; along: columns and rows from there to
    the other; radius: pixels. All may be arrays that broadcast, which draws many rods at once.
    """
    x, y, (dx, dy) = x - start[0], y - start[1], along
    part = np.clip((x * dx + y * dy) / np.maximum(dx * dx + dy * dy, np.float32(1e-6)), 0, 1)
    cover: Floats = np.clip(radius + 0.5 - np.hypot(x - part * dx, y - part * dy), 0, 1)
    return cover
