"""Crops: the worst mistakes of a detector, cut out of their pictures to be looked at.

Of each class and each kind of mistake the surest false boxes and the largest missed objects. A
picture that is not there, or is not the labelled one, is said: its mistakes have no crop.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from playhead.detection.labels.read import UnseenPicture
from playhead.errors import PlayheadError
from playhead.events.images import LabelledPicture, PictureSet
from playhead.media.stills import read_still
from playhead.metrics.mistakes import KINDS, Mistake

__all__ = ["Crop", "crops_of", "picture_names", "worst_mistakes"]

MOST = 6
MOST_IN_ALL = 240
SIDE = 320
LEAST_SIDE = 48
AROUND = 1.8

RGB = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """A mistake and the square around it.

    view: x, y, width and height of the crop, pixels of the picture; picture: RGB, at most 320 a
    side; None where the picture could not be had, and `why` says why not
    """

    mistake: Mistake
    view: tuple[int, int, int, int]
    picture: RGB | None
    why: str = ""


def worst_mistakes(mistakes: Sequence[Mistake], classes: Sequence[str]) -> list[Mistake]:
    """Up to six of each kind in each class, fewer where there are many classes."""
    most = max(1, min(MOST, MOST_IN_ALL // max(1, len(classes) * len(KINDS))))
    groups: dict[tuple[str, str], list[Mistake]] = {}
    for one in mistakes:
        groups.setdefault((one.label, one.kind), []).append(one)
    return [
        one
        for label in classes
        for kind in KINDS
        for one in sorted(groups.get((label, kind), ()), key=_weight, reverse=True)[:most]
    ]


def crops_of(mistakes: Sequence[Mistake], truth: PictureSet, found: PictureSet) -> list[Crop]:
    """The crop of each mistake, in their order; each picture is read once."""
    crops: dict[int, Crop] = {}
    for place in sorted({one.picture for one in mistakes}):
        real, made = truth.pictures[place], found.pictures[place]
        pixels = _pixels(real)
        for number, one in enumerate(mistakes):
            if one.picture == place:
                crops[number] = _crop(one, real, made, pixels)
    return [crops[number] for number in range(len(mistakes))]


def picture_names(pictures: PictureSet) -> list[str]:
    """The name of each picture, with as many of its folders as tell it from the others."""
    parts = [one.path.parts for one in pictures.pictures]
    names = [one.path.name for one in pictures.pictures]
    for depth in range(2, max(map(len, parts), default=0) + 1):
        times = Counter(names)
        names = [
            name if times[name] == 1 else "/".join(part[-depth:])
            for name, part in zip(names, parts, strict=True)
        ]
    return names


def _weight(one: Mistake) -> float:
    """How bad: a missed object by its size, a false box by how sure it was."""
    return one.size if one.kind == "missed" else one.score or 0.0


def _pixels(picture: LabelledPicture) -> RGB | str:
    """The pixels of a picture, or in words why there are none."""
    if isinstance(picture, UnseenPicture):
        return "not in the folder of the pictures"
    if not picture.path.is_file():
        return "not on disk"
    try:
        pixels = read_still(picture.path)
    except PlayheadError as error:
        return str(error).replace(f"{picture.path}: ", "")
    height, width = pixels.shape[:2]
    if all(picture.size) and picture.size != (width, height):
        return f"is {width}x{height}, the labels are of {picture.size[0]}x{picture.size[1]} pixels"
    return pixels


def _crop(
    mistake: Mistake, real: LabelledPicture, made: LabelledPicture, pixels: RGB | str
) -> Crop:
    corners = [made.boxes[mistake.found]] if mistake.found is not None else []
    corners += [real.boxes[mistake.true]] if mistake.true is not None else []
    if isinstance(pixels, str):
        return Crop(mistake, _view(np.array(corners), real.size), None, pixels)
    height, width = pixels.shape[:2]
    view = _view(np.array(corners), (width, height))
    x, y, w, h = view
    return Crop(mistake, view, _shrunk(pixels[y : y + h, x : x + w]))


def _view(boxes: NDArray[np.float64], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """A square around boxes (N, 4), moved into the picture and cut at its sides."""
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    side = max(LEAST_SIDE, float((high - low).max()) * AROUND)
    start = (low + high) / 2 - side / 2
    if not all(size):
        x, y = np.floor(start).astype(int)
        return int(x), int(y), round(side), round(side)
    limits = np.array(size, float)
    start = np.clip(start, 0, np.maximum(limits - side, 0))
    x, y = np.minimum(np.floor(start), limits - 1).astype(int)
    right, bottom = np.minimum(np.ceil(start + side), limits).astype(int)
    return int(x), int(y), int(right - x), int(bottom - y)


def _shrunk(picture: RGB) -> RGB:
    height, width = picture.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    if scale == 1:
        return np.ascontiguousarray(picture)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX))
