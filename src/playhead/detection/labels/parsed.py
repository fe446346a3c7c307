"""Parsed labels: what label files contain, before they are matched to image files.

A parser passes each problem to a `Report` and continues where it can. Strict reading gives it
`refuse`, which raises at the first one; `detection normalise` counts them.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from playhead.errors import LabelError
from playhead.events.source import read_text

__all__ = [
    "ParsedBox",
    "ParsedImage",
    "ParsedLabels",
    "Problem",
    "Report",
    "checked_box",
    "finite_numbers",
    "label_lines",
    "refuse",
]


class Problem(StrEnum):
    """What a parser can find wrong, as a report names it."""

    CROWD = "crowd annotation"
    POLYGON = "polygon"
    COLUMNS = "wrong number of values"
    NOT_A_NUMBER = "not a number"
    NOT_FINITE = "not finite"
    IN_PIXELS = "pixels instead of fractions"
    NO_AREA = "no area"
    UNKNOWN_CLASS = "unknown class"
    UNKNOWN_IMAGE = "annotation of an unknown image"
    UNREADABLE_LABELS = "unreadable label file"
    MISSING_IMAGE = "label without an image"


Report = Callable[[Problem, str, str], None]
"""Takes a problem, its place (`file: line 3`), and what was given and is needed."""


def refuse(problem: Problem, where: str, what: str) -> None:
    """The report of strict reading: LabelError for every problem but a crowd annotation."""
    if problem is not Problem.CROWD:
        raise LabelError(f"{where}: {what}")


@dataclass(frozen=True, slots=True)
class ParsedBox:
    """A box as a file has it.

    place: number of its line, object or annotation; label: number or name of its class
    corners: x1, y1, x2, y2; score: None where the file has none
    """

    place: int
    label: int | str
    corners: tuple[float, float, float, float]
    score: float | None = None


@dataclass(frozen=True, slots=True)
class ParsedImage:
    """What one file says about one image.

    name: path of the image under the root of the source, with or without its suffix
    unit: what `ParsedBox.place` counts; size: (width, height) as the file declares it
    fractions: the corners are fractions of the sides of the image, not pixels
    path: the image file, where the labels name it; broken: some boxes could not be parsed
    """

    name: str
    file: Path
    boxes: Sequence[ParsedBox]
    unit: str = "line"
    size: tuple[int, int] | None = None
    fractions: bool = False
    group: str = ""
    split: str | None = None
    path: Path | None = None
    broken: bool = False

    def where(self, box: ParsedBox) -> str:
        """The place of a box, as `file: line 3`."""
        return f"{self.file}: {self.unit} {box.place}"


@dataclass(frozen=True, slots=True)
class ParsedLabels:
    """All labels of a source.

    classes: None where labels are numbers that nothing names
    splits: of image files, where lists name them; these override the `split` of an image
    """

    classes: tuple[str, ...] | None
    images: Sequence[ParsedImage] = field(repr=False)
    splits: Mapping[Path, str] = field(default_factory=dict, repr=False)


def label_lines(path: Path, report: Report) -> list[tuple[int, str]] | None:
    """The lines of a text file that are not blank, numbered from 1; None for an unreadable file."""
    try:
        text = read_text(path) if path.stat().st_size else ""
    except (OSError, LabelError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        report(Problem.UNREADABLE_LABELS, str(path), str(reason).removeprefix(f"{path}: "))
        return None
    lines = enumerate(text.split("\n"), start=1)
    return [(number, stripped) for number, line in lines if (stripped := line.strip())]


def finite_numbers(values: Iterable[Any], where: str, report: Report) -> list[float] | None:
    """The values as finite numbers; None, with a report, where one is not."""
    given = list(values)
    try:
        numbers = [float(value) for value in given]
    except (TypeError, ValueError, OverflowError):
        report(Problem.NOT_A_NUMBER, where, f"needs numbers, got {_short(given)}")
        return None
    if not all(map(math.isfinite, numbers)):
        report(Problem.NOT_FINITE, where, f"needs finite numbers, got {_short(given)}")
        return None
    return numbers


def checked_box(
    place: int,
    label: int | str,
    corners: tuple[float, float, float, float],
    score: float | None,
    *,
    where: str,
    report: Report,
) -> ParsedBox | None:
    """The box; None, with a report, where it has no area."""
    x1, y1, x2, y2 = corners
    if not (x1 < x2 < math.inf and y1 < y2 < math.inf):
        size = f"{x2 - x1:g} x {y2 - y1:g}"
        report(Problem.NO_AREA, where, f"the box has no area ({size}); remove it")
        return None
    return ParsedBox(place, label, corners, score)


def _short(values: Sequence[Any]) -> str:
    text = " ".join(value if isinstance(value, str) else repr(value) for value in values)
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
