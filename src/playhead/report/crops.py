"""Crops of boxes with their surroundings, and drawing of boxes."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw

from playhead.report.images import RGB, resize

__all__ = ["CropWindow", "boxed_crop", "crop_window", "draw_boxes"]

YELLOW = (255, 214, 10)


class CropWindow(NamedTuple):
    """A part of an image: its upper left corner and its size, in whole pixels."""

    x: int
    y: int
    width: int
    height: int

    def of(self, image: RGB) -> RGB:
        """These pixels of an image (H, W, 3)."""
        return image[self.y : self.y + self.height, self.x : self.x + self.width]


def crop_window(
    boxes: ArrayLike, size: tuple[int, int] | None, *, context: float = 2.0, min_side: float = 48
) -> CropWindow:
    """The square around boxes, moved into the image, and clipped where it is larger.

    boxes: (N, 4) or (4,), x1 y1 x2 y2 in pixels; size: width and height of the image, None where
        they are unknown and nothing is clipped
    context: side of the square as a multiple of the longer side of the boxes' hull
    min_side: minimum side in pixels, since a tiny object is recognised by its surroundings
    """
    corners = np.atleast_2d(np.asarray(boxes, np.float64))
    low, high = corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)
    side = max(min_side, float((high - low).max()) * context)
    start = (low + high) / 2 - side / 2
    if size is None:
        x, y = np.floor(start).astype(int).tolist()
        return CropWindow(x, y, round(side), round(side))
    limits = np.array(size, np.float64)
    start = np.clip(start, 0, np.maximum(limits - side, 0))
    x, y = np.minimum(np.floor(start), limits - 1).astype(int).tolist()
    right, bottom = np.minimum(np.ceil(start + side), limits).astype(int).tolist()
    return CropWindow(x, y, right - x, bottom - y)


def draw_boxes(
    image: RGB, boxes: ArrayLike, *, colour: tuple[int, int, int] = YELLOW, width: int = 1
) -> RGB:
    """A copy of an RGB image (H, W, 3) with the outlines of boxes.

    boxes: (N, 4) or (4,), x1 y1 x2 y2 in pixels of `image`; colour: RGB, beside a black line, so
        that it is visible on any background
    width: of the coloured line in pixels, from the edge of the box outwards
    """
    canvas = Image.fromarray(image)
    pen = ImageDraw.Draw(canvas)
    for x1, y1, x2, y2 in np.atleast_2d(np.asarray(boxes, np.float64)).round().astype(int).tolist():
        right, bottom = max(x1, x2), max(y1, y2)
        pen.rectangle((x1 - width, y1 - width, right + width, bottom + width), outline=(0, 0, 0))
        for k in range(width):
            pen.rectangle((x1 - k, y1 - k, right + k, bottom + k), outline=colour)
    return np.asarray(canvas)


def boxed_crop(
    image: RGB,
    boxes: ArrayLike,
    *,
    context: float = 2.2,
    min_side: float = 48,
    longest: int = 128,
    colour: tuple[int, int, int] = YELLOW,
) -> RGB:
    """The surroundings of boxes, with the boxes drawn, enlarged or reduced to `longest` pixels.

    image: RGB (H, W, 3); boxes: (N, 4) or (4,), x1 y1 x2 y2 in pixels of `image`
    context, min_side: see `crop_window`; longest: pixels of the longer side of the crop
    """
    height, width = image.shape[:2]
    window = crop_window(boxes, (width, height), context=context, min_side=min_side)
    crop = resize(window.of(image), longest, enlarge=True)
    offset = np.array([window.x, window.y, window.x, window.y])
    scale = longest / max(window.width, window.height)
    return draw_boxes(crop, (np.asarray(boxes, np.float64) - offset) * scale, colour=colour)
