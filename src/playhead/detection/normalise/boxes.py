"""Merging of an image's boxes: mapped classes, clipped to the image, without duplicates."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import iou
from playhead.detection.labels.parsed import ParsedImage, Problem
from playhead.detection.normalise.config import NormaliseConfig
from playhead.detection.normalise.report import Repair
from playhead.detection.normalise.sources import LabelSource, MergedImage

__all__ = ["merge_boxes"]

_SAME_SHAPE = 0.01
"""Relative difference in aspect ratio up to which a declared size is the image's size, scaled."""
_ROUNDING = 0.01
"""Pixels past the edge that do not count as a repair."""


_Corners = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class _Box:
    corners: _Corners
    label: str
    where: str
    source: LabelSource


def merge_boxes(
    image: MergedImage, settings: NormaliseConfig
) -> tuple[NDArray[np.float64], list[str]] | None:
    """The boxes (N, 4) of an image and their classes, from all of its labels.

    Boxes are clipped to the image; of two boxes of a class with an IoU of `settings.duplicates` or
    more, that of the earlier source is kept. Every change is counted. Returns None if the image has
    objects but no usable box: it must not pass for an image without objects.
    """
    boxes: list[_Box] = []
    unusable: tuple[LabelSource, ParsedImage] | None = None
    for source, parsed in image.labels:
        usable, lost = _usable_boxes(source, parsed, image.size, settings.min_size)
        boxes += usable
        if lost and unusable is None:
            unusable = source, parsed
    unique = _without_duplicates(boxes, settings.duplicates)
    for box in unique:
        box.source.report.kept += 1
    if not unique and unusable is not None:
        source, parsed = unusable
        source.report.add(Repair.NO_USABLE_BOX, f"{parsed.file}: {image.name}")
        return None
    corners = np.array([box.corners for box in unique], np.float64).reshape(-1, 4)
    return corners, [box.label for box in unique]


def _usable_boxes(
    source: LabelSource, parsed: ParsedImage, size: tuple[int, int], min_size: float
) -> tuple[list[_Box], bool]:
    """The boxes of one source for an image, and whether some of its objects were lost."""
    report, lost = source.report, parsed.broken
    report.read += len(parsed.boxes)
    if not parsed.boxes and not lost:
        report.add(Repair.EMPTY, f"{parsed.file}: {parsed.name}")
    scale = _scale(source, parsed, size)
    boxes = []
    for box in parsed.boxes:
        where = parsed.where(box)
        try:
            label = source.class_of(box.label)
        except IndexError:
            known = ", ".join(f"{number} {name}" for number, name in enumerate(source.numbered))
            known = known or ", ".join(map(str, source.config.classes))
            report.add(Problem.UNKNOWN_CLASS, where, f"class {box.label}; known are {known}")
            lost = True
            continue
        if label is None:
            report.add(Repair.UNWANTED, where, f"class {source.name_of(box.label)}")
            continue
        corners = None
        if scale is not None:
            if box.score is not None:
                report.add(Repair.SCORE, where)
            scaled = (value * scale[axis % 2] for axis, value in enumerate(box.corners))
            corners, repair, what = _clipped(tuple(scaled), size, min_size)
            if repair is not None:
                report.add(repair, where, what)
        if corners is None:
            lost = True
        else:
            boxes.append(_Box(corners, label, where, source))
    return boxes, lost


def _scale(
    source: LabelSource, parsed: ParsedImage, size: tuple[int, int]
) -> tuple[float, float] | None:
    """The factors from a file's coordinates to pixels; None if its aspect ratio is another."""
    if parsed.fractions:
        return float(size[0]), float(size[1])
    if parsed.size is None or parsed.size == size:
        return 1.0, 1.0
    (width, height), where = parsed.size, f"{parsed.file}: {parsed.name}"
    what = f"{width}x{height}, the image has {size[0]}x{size[1]}"
    if abs(height / width / (size[1] / size[0]) - 1) > _SAME_SHAPE:
        source.report.add(Repair.WRONG_SHAPE, where, what)
        return None
    source.report.add(Repair.SCALED, where, what)
    return size[0] / width, size[1] / height


def _clipped(
    corners: tuple[float, ...], size: tuple[int, int], min_size: float
) -> tuple[_Corners | None, Repair | None, str]:
    """The part of a box inside the image, None if too little is left; the repair; its details."""
    x1, y1, x2, y2 = corners
    left, top = max(x1, 0.0), max(y1, 0.0)
    right, bottom = min(x2, float(size[0])), min(y2, float(size[1]))
    width, height = right - left, bottom - top
    if width <= 0 or height <= 0:
        what = f"{x1:.1f}, {y1:.1f}, {x2:.1f}, {y2:.1f} in {size[0]}x{size[1]}"
        return None, Repair.OUTSIDE, what
    if min(width, height) < min_size:
        return None, Repair.TOO_SMALL, f"{width:.2f} x {height:.2f}"
    over = max(left - x1, top - y1, x2 - right, y2 - bottom)
    repair = Repair.CLIPPED if over > _ROUNDING else None
    return (left, top, right, bottom), repair, f"by {over:.2f} pixels"


def _without_duplicates(boxes: Sequence[_Box], least: float) -> list[_Box]:
    if len(boxes) < 2:
        return list(boxes)
    corners = np.array([box.corners for box in boxes], np.float64)
    overlaps = iou(corners, corners)
    kept: list[int] = []
    for index, box in enumerate(boxes):
        same = (k for k in kept if boxes[k].label == box.label and overlaps[k, index] >= least)
        twin = next(same, None)
        if twin is None:
            kept.append(index)
        else:
            box.source.report.add(Repair.DUPLICATE, box.where, f"of {boxes[twin].where}")
    return [boxes[index] for index in kept]
