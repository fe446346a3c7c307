"""The style `image`: an overlay image, scaled to each hidden region.

It is rotated like the stored image, so that it is upright when displayed, and scaled to the
region's box; only the part inside the image is computed.
"""

import math
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from playhead.errors import ConfigError
from playhead.media.planes import Planes
from playhead.redaction.hide_masks import Cover
from playhead.redaction.images import read_image

__all__ = ["Overlay"]

RGB = NDArray[np.uint8]
Window = tuple[int, int, int, int]
Turn = tuple[bool, bool, bool]

_CACHED = 64
_CACHED_PIXELS = 256 * 256  # larger ones are not cached, to save memory


class Overlay:
    """An image to draw over regions.

    path: an image file; None: a hatching of two greys
    colour: shown through its transparent parts, instead of the hidden pixels
    Raises ConfigError if the file does not exist; MediaError and LimitError as `read_image` does.
    """

    def __init__(self, path: Path | None, colour: tuple[int, int, int]) -> None:
        self._image = _hatching() if path is None else _opaque(path, colour)
        self._turned: dict[Turn, Image.Image] = {}
        self._cached = lru_cache(_CACHED)(self._scaled)

    def draw(self, image: Planes, cover: Cover) -> None:
        """Draw over the hidden samples of one region."""
        layout = image.layout
        turn = (layout.transpose, layout.flip_x, layout.flip_y)
        shown = self._under(cover, (layout.width, layout.height), turn)
        # Rows of the matrix: red, green, blue; the last one is black.
        black, *ends = (np.array(image.values(rgb)) for rgb in _CORNERS)
        weights = (np.stack(ends, axis=1) - black[:, None]) / 255
        for index, (plane, step) in enumerate(zip(image.planes, image.steps, strict=True)):
            part, hidden = cover.on(plane, step)
            values = _averaged(shown @ weights[index].astype(np.float32), *step) + black[index]
            fitting = values[: part.shape[0], : part.shape[1]]
            top = (1 << image.depth) - 1
            np.copyto(part, np.rint(fitting).clip(0, top).astype(plane.dtype), where=hidden)

    def _under(self, cover: Cover, size: tuple[int, int], turn: Turn) -> NDArray[np.float32]:
        """(h, w, 3) for the cover's mask: the overlay, its edge repeated where the mask is wider.

        size: (width, height) of the stored image
        """
        x1, y1, x2, y2 = cover.box
        left, top = math.floor(x1), math.floor(y1)
        across, down = math.ceil(x2) - left, math.ceil(y2) - top
        x, y = max(left, 0), max(top, 0)
        right, bottom = min(left + across, size[0]), min(top + down, size[1])
        visible = (x - left, y - top, right - left, bottom - top)
        small = (right - x) * (bottom - y) <= _CACHED_PIXELS
        scale = self._cached if small else self._scaled
        height, width = cover.mask.shape
        before_x, before_y = x - cover.x, y - cover.y
        after_x, after_y = cover.x + width - right, cover.y + height - bottom
        edges = ((before_y, after_y), (before_x, after_x), (0, 0))
        return np.pad(scale((across, down), visible, turn), edges, mode="edge")

    def _scaled(self, size: tuple[int, int], visible: Window, turn: Turn) -> NDArray[np.float32]:
        """The part `visible` of the overlay scaled to `size`; float32 (rows, columns, 3)."""
        if turn not in self._turned:
            self._turned[turn] = _as_stored(self._image, turn)
        image = self._turned[turn]
        scale_x, scale_y = image.width / size[0], image.height / size[1]
        x1, y1, x2, y2 = visible
        source = (x1 * scale_x, y1 * scale_y, x2 * scale_x, y2 * scale_y)
        shown = image.resize((x2 - x1, y2 - y1), Image.Resampling.BILINEAR, box=source)
        return np.asarray(shown, np.float32)


_CORNERS = ((0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255))
"""Colours that determine the conversion from RGB to planes, since it is linear."""


def _averaged(values: NDArray[np.float32], step_x: int, step_y: int) -> NDArray[np.float32]:
    """The mean of every step_y x step_x values; both sides are multiples of the steps."""
    if (step_x, step_y) == (1, 1):
        return values
    height, width = values.shape
    cells = values.reshape(height // step_y, step_y, width // step_x, step_x)
    means: NDArray[np.float32] = cells.mean(axis=(1, 3))
    return means


def _as_stored(image: Image.Image, turn: Turn) -> Image.Image:
    """From displayed to stored: mirrored first, then transposed; the reverse of `Layout`."""
    transpose, flip_x, flip_y = turn
    if flip_x:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if flip_y:
        image = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    return image.transpose(Image.Transpose.TRANSPOSE) if transpose else image


def _opaque(path: Path, colour: tuple[int, int, int]) -> Image.Image:
    if not path.exists():
        raise ConfigError(f"{path}: no such image file; give the image for style.image")
    pixels, info = read_image(path)
    front = Image.fromarray(pixels)
    if info.alpha is None:
        return front
    behind = Image.new("RGB", front.size, colour)
    return Image.composite(front, behind, Image.fromarray(info.alpha))


def _hatching() -> Image.Image:
    """Diagonal stripes of two greys, 256x256."""
    across, down = np.meshgrid(np.arange(256), np.arange(256))
    stripes = np.where((across + down) % 64 < 32, 112, 144).astype(np.uint8)
    return Image.fromarray(stripes).convert("RGB")
