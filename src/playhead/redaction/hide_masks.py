"""Masks: which samples of an image's planes a region hides.

A luma pixel is hidden if the region's shape covers any part of it; a chroma sample if any of its
luma pixels is hidden. So neither brightness nor colour of a hidden pixel is left. As a side effect,
a pixel beside the mask that shares its chroma sample with a hidden one keeps its brightness and
takes the mask's colour; with subsampled chroma, this affects one pixel.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from playhead.errors import LabelError
from playhead.events.model import Box
from playhead.media.planes import Planes

__all__ = ["Cover", "Region", "Shape", "cover_of", "grouped"]

Shape = Literal["ellipse", "box"]

Window = tuple[int, int, int, int]  # x1, y1, x2, y2 of luma pixels, half-open

# Far past every image, and still small enough for fourth powers to be precise.
_FARTHEST = 1e9


@dataclass(frozen=True, slots=True)
class Region:
    """A region to hide: a box in displayed pixels, or the ellipse inside it.

    The box may extend past the image; a box without area hides nothing.
    Raises LabelError for invalid coordinates (NaN, infinity, beyond 1e9).
    """

    box: Box
    shape: Shape = "ellipse"

    def __post_init__(self) -> None:
        if not all(abs(number) <= _FARTHEST for number in self.box):  # false for NaN
            raise LabelError(
                f"a region to hide is {self.box}, but needs four numbers between -1e9 and 1e9"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Cover:
    """The pixels that one region, or several together, hide in an image as it is stored.

    x, y: first luma pixel of the mask; like the mask's size they are multiples of the image's
        chroma steps, so that every chroma sample lies in it whole
    mask: (h, w), True for a hidden luma pixel; pixels past the image's edge are False
    box: of the region, in stored luma pixels
    """

    x: int
    y: int
    mask: NDArray[np.bool_]
    box: Box

    def on(
        self, plane: NDArray[Any], step: tuple[int, int], margin: int = 0
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """A view of the plane under the mask, and which of its samples are hidden.

        step: luma pixels per sample of the plane, across and down
        margin: samples that the view is extended by on every side, within the plane
        """
        mask = _coarse(self.mask, *step)
        left, top = self.x // step[0], self.y // step[1]
        x, y = max(left - margin, 0), max(top - margin, 0)
        height, width = mask.shape
        part = plane[y : top + height + margin, x : left + width + margin]
        if not margin:
            return part, mask[: part.shape[0], : part.shape[1]]
        hidden = np.zeros(part.shape, np.bool_)
        inner = hidden[top - y : top - y + height, left - x : left - x + width]
        inner[...] = mask[: inner.shape[0], : inner.shape[1]]
        return part, hidden

    def box_on(self, step: tuple[int, int]) -> Box:
        """The box in samples of a plane, relative to the first sample of the mask."""
        x1, y1, x2, y2 = self.box
        across, down = step
        left, top = self.x, self.y
        return (x1 - left) / across, (y1 - top) / down, (x2 - left) / across, (y2 - top) / down


def cover_of(image: Planes, region: Region) -> Cover | None:
    """The pixels of `image` that `region` hides; None if none."""
    height, width = image.planes[0].shape
    box = image.stored_box(region.box)
    x1, y1, x2, y2 = box
    left, right = max(math.floor(x1), 0), min(math.ceil(x2), width)
    top, bottom = max(math.floor(y1), 0), min(math.ceil(y2), height)
    if not (x1 < x2 and y1 < y2 and left < right and top < bottom):
        return None
    step_x = max(step[0] for step in image.steps)
    step_y = max(step[1] for step in image.steps)
    x, y = left // step_x * step_x, top // step_y * step_y
    mask = np.zeros((_up(bottom - y, step_y), _up(right - x, step_x)), np.bool_)
    inner = mask[top - y : bottom - y, left - x : right - x]
    match region.shape:
        case "box":
            inner[...] = True
        case "ellipse":
            inner[...] = _ellipse(np.arange(left, right), np.arange(top, bottom), box)
        case _:
            raise LabelError(f'unknown shape "{region.shape}" of a region; use ellipse or box')
    return Cover(x, y, mask, box)


def grouped(covers: Sequence[Cover], margin: int) -> list[Cover]:
    """Join covers that are within `margin` luma pixels of each other.

    The box of a joined cover is the box around its mask.
    """
    apart: list[tuple[Window, list[Cover]]] = []
    for cover in covers:
        around, members = _window(cover), [cover]
        # A joined group is larger, and may now be near to others.
        while near := [group for group in apart if _is_near(group[0], around, margin)]:
            for group in near:
                apart.remove(group)
                around, members = _around(around, group[0]), members + group[1]
        apart.append((around, members))
    return [_joined(around, members) for around, members in apart]


def _ellipse(columns: NDArray[np.intp], rows: NDArray[np.intp], box: Box) -> NDArray[np.bool_]:
    """Pixels whose point nearest to the centre lies inside the ellipse: (rows, columns).

    Uses twice the distances, and diameters, without division, so the test is exact for boxes on
    halves or quarters of a pixel.
    """
    x1, y1, x2, y2 = box
    width, height = x2 - x1, y2 - y1
    across = (_from_centre(columns, x1 + x2) * height) ** 2
    down = (_from_centre(rows, y1 + y2) * width) ** 2
    inside: NDArray[np.bool_] = down[:, None] + across < (width * height) ** 2
    return inside


def _from_centre(pixels: NDArray[np.intp], twice_centre: float) -> NDArray[np.float64]:
    """Twice the distance from the centre to the nearest point of each pixel."""
    before, after = twice_centre - 2.0 * (pixels + 1), 2.0 * pixels - twice_centre
    nearest: NDArray[np.float64] = np.maximum(np.maximum(before, after), 0)
    return nearest


def _coarse(mask: NDArray[np.bool_], step_x: int, step_y: int) -> NDArray[np.bool_]:
    """One entry for each sample of step_y x step_x pixels: whether any of them is hidden."""
    pixels = [mask[y::step_y, x::step_x] for y in range(step_y) for x in range(step_x)]
    return reduce(np.logical_or, pixels)


def _up(length: int, step: int) -> int:
    return -(-length // step) * step


def _window(cover: Cover) -> Window:
    height, width = cover.mask.shape
    return cover.x, cover.y, cover.x + width, cover.y + height


def _is_near(a: Window, b: Window, margin: int) -> bool:
    across = a[0] < b[2] + margin and b[0] < a[2] + margin
    return across and a[1] < b[3] + margin and b[1] < a[3] + margin


def _around(a: Window, b: Window) -> Window:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _joined(around: Window, members: Sequence[Cover]) -> Cover:
    if len(members) == 1:
        return members[0]
    x1, y1, x2, y2 = around
    mask = np.zeros((y2 - y1, x2 - x1), np.bool_)
    for cover in members:
        height, width = cover.mask.shape
        x, y = cover.x - x1, cover.y - y1
        mask[y : y + height, x : x + width] |= cover.mask
    return Cover(x1, y1, mask, around)
