"""Layers: images of single objects, composed from far to near, with the owner of every pixel.

The pixels that an object owns once all layers are added are its visible ones: the exact ground
truth of a composed frame.
"""

import math
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from playhead.events.model import Box

__all__ = ["NOBODY", "OWNED", "Bounds", "Canvas", "Composition", "Layer", "Mask"]

Bools = NDArray[np.bool_]
OWNED = 64
"""Of 255: how much of a pixel an object must cover to own it."""

NOBODY = -1
"""The owner of pixels that show no object."""

_DOUBLED_UP_TO = 700_000  # pixels: a larger canvas is not drawn at double resolution


@dataclass(frozen=True, slots=True)
class Bounds:
    """The whole pixels of a frame that an object may touch."""

    left: int
    top: int
    width: int
    height: int

    @classmethod
    def of(cls, box: tuple[float, float, float, float], size: tuple[int, int]) -> Self | None:
        """Clip a box to a frame of (width, height); None if it lies outside."""
        left, top = max(math.floor(box[0]) - 1, 0), max(math.floor(box[1]) - 1, 0)
        right, low = min(math.ceil(box[2]) + 1, size[0]), min(math.ceil(box[3]) + 1, size[1])
        if right - left < 1 or low - top < 1:
            return None
        return cls(left, top, right - left, low - top)


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """The pixels of an object or a part of it, which may reach out of the frame."""

    pixels: Bools
    left: int
    top: int
    whole: float  # pixels that it would have if nothing hid any of it


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One object, drawn over those further away; clipped to its frame."""

    depth: float  # metres
    image: Image.Image  # RGB
    alpha: Image.Image  # L
    left: int
    top: int
    parts: dict[int, Mask] = field(default_factory=dict)  # by the number of the part, from 1

    @property
    def mask(self) -> Mask:
        """The pixels of the whole object."""
        pixels = np.asarray(self.alpha) >= OWNED
        return Mask(pixels, self.left, self.top, float(pixels.sum()))


class Canvas:
    """Where an object is drawn: transparent, at twice the frame's resolution unless it is large."""

    def __init__(self, bounds: Bounds, colour: tuple[int, int, int]) -> None:
        """colour: what the object's edges are mixed with."""
        self.bounds = bounds
        self.fine = 2 if bounds.width * bounds.height < _DOUBLED_UP_TO else 1
        size = (bounds.width * self.fine, bounds.height * self.fine)
        self.image = Image.new("RGBA", size, (*colour, 0))
        self.draw = ImageDraw.Draw(self.image)

    def place(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, 2) columns and rows of the frame → of the canvas."""
        placed: NDArray[np.float64] = (points - (self.bounds.left, self.bounds.top)) * self.fine
        return placed

    def layer(self, depth: float) -> Layer:
        """The drawing, at the resolution of the frame."""
        small = self.image.reduce(self.fine) if self.fine > 1 else self.image
        rgb, alpha = small.convert("RGB"), small.getchannel("A")
        return Layer(depth, rgb, alpha, self.bounds.left, self.bounds.top)


class Composition:
    """A frame to which layers are added, far ones first."""

    def __init__(self, background: Image.Image) -> None:
        """background: RGB, drawn over in place."""
        self.image = background
        self.owner = np.full((background.height, background.width), NOBODY, np.int16)

    def add(self, layer: Layer, owner: int) -> None:
        """Draw a layer over all that were added before."""
        self.image.paste(layer.image, (layer.left, layer.top), layer.alpha)
        width, height = layer.alpha.size
        below = self.owner[layer.top : layer.top + height, layer.left : layer.left + width]
        below[np.asarray(layer.alpha) >= OWNED] = owner

    def visible(self, mask: Mask, owner: int) -> tuple[Box, int] | None:
        """The bounding box of the pixels of a mask that are the owner's, and their number."""
        height, width = mask.pixels.shape
        left, top = max(mask.left, 0), max(mask.top, 0)
        right = min(mask.left + width, self.owner.shape[1])
        low = min(mask.top + height, self.owner.shape[0])
        if right <= left or low <= top:
            return None
        inside = mask.pixels[top - mask.top : low - mask.top, left - mask.left : right - mask.left]
        owned = inside & (self.owner[top:low, left:right] == owner)
        rows, columns = np.flatnonzero(owned.any(axis=1)), np.flatnonzero(owned.any(axis=0))
        if not len(rows):
            return None
        box = (
            float(left + columns[0]), float(top + rows[0]),
            float(left + columns[-1] + 1), float(top + rows[-1] + 1),
        )  # fmt: skip
        return box, int(owned.sum())
