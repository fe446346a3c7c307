"""Layers: one object's picture, what it covers of each pixel, and which pixels are which part."""

import math
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["OWNED", "Bounds", "Layer", "Mask", "canvas_of", "canvas_scale", "finished"]

Bools = NDArray[np.bool_]
OWNED = 64
"""Of 255: how much of a pixel an object must cover to own it."""

_FINE_UP_TO = 700_000  # pixels: a larger canvas is not drawn at double size


@dataclass(frozen=True, slots=True)
class Bounds:
    """The whole pixels of the picture that an object may touch."""

    left: int
    top: int
    width: int
    height: int

    @classmethod
    def of(cls, box: tuple[float, float, float, float], size: tuple[int, int]) -> Self | None:
        """Clip a box to a picture of (width, height); None where nothing is left."""
        left, top = max(math.floor(box[0]) - 1, 0), max(math.floor(box[1]) - 1, 0)
        right, low = min(math.ceil(box[2]) + 1, size[0]), min(math.ceil(box[3]) + 1, size[1])
        if right - left < 1 or low - top < 1:
            return None
        return cls(left, top, right - left, low - top)


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """The pixels of one part, which may reach out of the picture."""

    pixels: Bools
    left: int
    top: int
    whole: float  # pixels that the part would have if nothing hid any of it


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One object, to be laid over what is further away."""

    depth: float  # metres
    picture: Image.Image  # RGB
    alpha: Image.Image  # L
    left: int
    top: int
    parts: dict[int, Mask] = field(default_factory=dict)

    def add_part(self, number: int, pixels: Bools, place: tuple[int, int], whole: float) -> None:
        """Say which pixels, from (column, row) on, are a part of the object."""
        self.parts[number] = Mask(pixels, place[0], place[1], whole)


def canvas_scale(bounds: Bounds) -> int:
    """How much finer than the picture an object is drawn."""
    return 2 if bounds.width * bounds.height < _FINE_UP_TO else 1


def canvas_of(bounds: Bounds, fine: int, colour: tuple[int, ...]) -> Image.Image:
    """A canvas on which nothing covers anything yet; `colour` is what edges are mixed with."""
    return Image.new("RGBA", (bounds.width * fine, bounds.height * fine), (*colour, 0))


def finished(canvas: Image.Image, fine: int) -> tuple[Image.Image, Image.Image]:
    """The canvas at the picture's scale: RGB, and how much is covered (L)."""
    small = canvas.reduce(fine) if fine > 1 else canvas
    return small.convert("RGB"), small.getchannel("A")
