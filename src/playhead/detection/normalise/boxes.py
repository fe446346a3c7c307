"""Boxes of one picture: of known classes, inside the picture, with an area, each once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import iou
from playhead.detection.labels.raw import Fault, RawBox, RawPicture
from playhead.detection.normalise.config import NormaliseConfig, SourceConfig
from playhead.detection.normalise.report import Repair, SourceTally

__all__ = ["Naming", "Saying", "merged"]

_SAME_SHAPE = 0.01
"""Difference in height over width up to which two sizes are of one picture, scaled."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Naming:
    """From what a source calls a class to what the set calls it.

    own: the classes that the source's numbers count; wanted: those of the set, empty for all
    """

    source: SourceConfig
    own: Sequence[str]
    map: Mapping[str, str | None]
    wanted: Sequence[str]

    def known(self) -> list[str]:
        """The classes of the set that this source can speak of."""
        labels: list[int | str] = [0]
        if self.source.class_ is None:
            labels = [*range(len(self.own)), *self.source.classes]
        names = (self.name(label) for label in labels)
        said = [name for name in names if name is not None and self.is_wanted(name)]
        return list(dict.fromkeys(said))

    def names(self, labels: Iterable[str]) -> list[str]:
        """What the source calls its classes, before `map`; labels: those that its boxes have."""
        if self.source.class_ is not None:
            return [self.source.class_]
        given = (name for name in self.source.classes.values() if name is not None)
        return list(dict.fromkeys([*self.own, *given, *labels]))

    def name(self, label: int | str) -> str | None:
        """The class of a label; None for one that is to be left out.

        Raises KeyError for a number outside the source's list.
        """
        if self.source.class_ is not None:
            return self._mapped(self.source.class_)
        for key in (label, str(label)):
            if key in self.source.classes:
                return self._mapped(self.source.classes[key])
        if isinstance(label, str):
            return self._mapped(label)
        if label >= len(self.own):
            raise KeyError(label)
        name = self.own[label]
        return self._mapped(self.source.classes.get(name, name))

    def is_wanted(self, name: str) -> bool:
        """Whether a class is one of the set."""
        return not self.wanted or name in self.wanted

    def may_be_wanted(self, label: int | str) -> bool:
        """Whether a label is of a class of the set, or of none that is known."""
        try:
            name = self.name(label)
        except KeyError:
            return True
        return name is not None and self.is_wanted(name)

    def _mapped(self, name: str | None) -> str | None:
        return None if name is None else self.map.get(name, name)


@dataclass(frozen=True, slots=True)
class Saying:
    """What one source says of one picture.

    known: the classes that it could have said; root: the folder of the pictures it speaks of
    """

    raw: RawPicture
    naming: Naming
    tally: SourceTally
    known: Sequence[str]
    root: Path

    def is_alone(self) -> bool:
        """Whether the label file speaks of this picture only."""
        return self.raw.file.suffix.lower() in {".txt", ".xml"}

    def is_broken(self) -> bool:
        """Whether the source has boxes of this picture that could not be read."""
        return self.raw.broken or (self.is_alone() and str(self.raw.file) in self.tally.broken)

    def shows_objects(self) -> bool:
        """Whether the picture shows objects of the set by this source, usable or not."""
        return self.is_broken() or any(
            self.naming.may_be_wanted(one.label) for one in self.raw.boxes
        )


@dataclass(frozen=True, slots=True)
class _Kept:
    box: Box
    label: str
    where: str
    tally: SourceTally


def merged(
    sayings: Sequence[Saying], size: tuple[int, int], config: NormaliseConfig
) -> tuple[NDArray[np.float64], list[str]]:
    """The boxes (N, 4) of a picture of this size and their classes, over all that speak of it.

    Boxes are clipped to the picture; of two of a class with an IoU of `config.duplicates` or more
    the one of the earlier source stays. Whatever is changed or left out is counted.
    """
    kept = [one for saying in sayings for one in _usable(saying, size, config)]
    unique = _without_duplicates(kept, config.duplicates)
    for one in unique:
        one.tally.kept += 1
    boxes = np.array([one.box for one in unique], np.float64).reshape(-1, 4)
    return boxes, [one.label for one in unique]


def _usable(saying: Saying, size: tuple[int, int], config: NormaliseConfig) -> list[_Kept]:
    raw, tally = saying.raw, saying.tally
    tally.read += len(raw.boxes)
    if not raw.boxes and not saying.is_broken():
        tally.add(Repair.EMPTY, str(raw.file), "" if saying.is_alone() else raw.names[0])
    scale = _scale(saying, size)
    if scale is None:
        return []
    found = []
    for box in raw.boxes:
        label = _label(saying, box)
        if label is None:
            continue
        if box.score is not None:
            tally.add(Repair.SCORE, raw.where(box))
        corners = _inside(box, scale, size, config.min_size, saying)
        if corners is not None:
            found.append(_Kept(corners, label, raw.where(box), tally))
    return found


def _scale(saying: Saying, size: tuple[int, int]) -> tuple[float, float] | None:
    """From the numbers of a file to pixels of the picture; None where they do not fit it."""
    raw, tally = saying.raw, saying.tally
    if raw.shares:
        return float(size[0]), float(size[1])
    if raw.size is None or raw.size == size:
        return 1.0, 1.0
    said = f"{raw.size[0]}x{raw.size[1]}, the picture has {size[0]}x{size[1]}"
    where = f"{raw.file}: {raw.names[0]}"
    shape, true_shape = raw.size[1] / raw.size[0], size[1] / size[0]
    if abs(shape / true_shape - 1) > _SAME_SHAPE:
        tally.add(Repair.WRONG_SIZE, where, said)
        return None
    tally.add(Repair.SCALED, where, said)
    return size[0] / raw.size[0], size[1] / raw.size[1]


def _label(saying: Saying, box: RawBox) -> str | None:
    raw, tally, naming = saying.raw, saying.tally, saying.naming
    try:
        name = naming.name(box.label)
    except KeyError:
        known = ", ".join(f"{place} {name}" for place, name in enumerate(naming.own))
        known = known or ", ".join(map(str, naming.source.classes))
        tally.add(Fault.UNKNOWN_CLASS, raw.where(box), f"class {box.label}; known are {known}")
        return None
    if name is None or not naming.is_wanted(name):
        tally.add(Repair.UNWANTED, raw.where(box), str(name or box.label))
        return None
    return name


def _inside(
    box: RawBox,
    scale: tuple[float, float],
    size: tuple[int, int],
    min_size: float,
    saying: Saying,
) -> Box | None:
    """The part of a box inside the picture, in its pixels; None where too little is left."""
    raw, tally = saying.raw, saying.tally
    sx, sy = scale
    x1, y1, x2, y2 = box.corners
    x1, y1, x2, y2 = x1 * sx, y1 * sy, x2 * sx, y2 * sy
    left, top = max(x1, 0.0), max(y1, 0.0)
    right, bottom = min(x2, float(size[0])), min(y2, float(size[1]))
    if left >= right or top >= bottom:
        said = f"{x1:.1f}, {y1:.1f}, {x2:.1f}, {y2:.1f} in {size[0]}x{size[1]}"
        tally.add(Repair.OUTSIDE, raw.where(box), said)
        return None
    if min(right - left, bottom - top) < min_size:
        tally.add(Repair.TOO_SMALL, raw.where(box), f"{right - left:.2f} x {bottom - top:.2f}")
        return None
    over = max(left - x1, top - y1, x2 - right, y2 - bottom)
    # What rounding in the file moves over the edge is nothing to speak of.
    if over > 0.01:
        tally.add(Repair.CLIPPED, raw.where(box), f"by {over:.2f} pixels")
    return left, top, right, bottom


def _without_duplicates(found: Sequence[_Kept], least: float) -> list[_Kept]:
    if len(found) < 2:
        return list(found)
    overlaps = iou(*(np.array([one.box for one in found], np.float64),) * 2)
    kept: list[int] = []
    for place, one in enumerate(found):
        twin = next(
            (
                other
                for other in kept
                if found[other].label == one.label and overlaps[other, place] >= least
            ),
            None,
        )
        if twin is None:
            kept.append(place)
        else:
            one.tally.add(Repair.DUPLICATE, one.where, f"of {found[twin].where}")
    return [found[place] for place in kept]
