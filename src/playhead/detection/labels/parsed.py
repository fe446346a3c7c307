"""Parsed labels: the content of label files, before they are matched to image files.

A parser passes each problem to a `Report` and continues if it can. Strict reading passes `refuse`,
which raises at the first problem; `detection normalise` counts them.
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
    """The problems of a parser, as named in reports."""

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
"""Takes a problem, its position (`file: line 3`), and what was given and is needed."""


def refuse(problem: Problem, where: str, what: str) -> None:
    """The report of strict reading: LabelError for every problem except a crowd annotation."""
    if problem is not Problem.CROWD:
        raise LabelError(f"{where}: {what}")


@dataclass(frozen=True, slots=True)
class ParsedBox:
    """A box as in the file.

    index: number of its line, object or annotation; label: number or name of its class
    corners: x1, y1, x2, y2; score: None if the file has none
    """

    index: int
    label: int | str
    corners: tuple[float, float, float, float]
    score: float | None = None


@dataclass(frozen=True, slots=True)
class ParsedImage:
    """The labels of one image in one file.

    name: path of the image under the root of the source, with or without its suffix
    unit: what `ParsedBox.index` counts; size: (width, height) as declared in the file
    fractions: the corners are fractions of the image's sides, not pixels
    path: the image file, if the labels give it; broken: some boxes could not be parsed
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
        """The position of a box, as `file: line 3`."""
        return f"{self.file}: {self.unit} {box.index}"


@dataclass(frozen=True, slots=True)
class ParsedLabels:
    """All labels of a source.

    classes: None if labels are numbers without names
    splits: of image files in split lists; these override the `split` of an image
    """

    classes: tuple[str, ...] | None
    images: Sequence[ParsedImage] = field(repr=False)
    splits: Mapping[Path, str] = field(default_factory=dict, repr=False)


def label_lines(path: Path, report: Report) -> list[tuple[int, str]] | None:
    """The non-blank lines of a text file, numbered from 1; None if it cannot be read."""
    try:
        text = read_text(path) if path.stat().st_size else ""
    except (OSError, LabelError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        report(Problem.UNREADABLE_LABELS, str(path), str(reason).removeprefix(f"{path}: "))
        return None
    lines = enumerate(text.split("\n"), start=1)
    return [(number, stripped) for number, line in lines if (stripped := line.strip())]


def finite_numbers(values: Iterable[Any], where: str, report: Report) -> list[float] | None:
    """The values as finite numbers; None, and a report, if one is not."""
    values = list(values)
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError, OverflowError):
        report(Problem.NOT_A_NUMBER, where, f"needs numbers, got {_short(values)}")
        return None
    if not all(map(math.isfinite, numbers)):
        report(Problem.NOT_FINITE, where, f"needs finite numbers, got {_short(values)}")
        return None
    return numbers


def checked_box(
    index: int,
    label: int | str,
    corners: tuple[float, float, float, float],
    score: float | None,
    *,
    where: str,
    report: Report,
) -> ParsedBox | None:
    """The box; None, and a report, if it has no area."""
    x1, y1, x2, y2 = corners
    if not (x1 < x2 < math.inf and y1 < y2 < math.inf):
        size = f"{x2 - x1:g} x {y2 - y1:g}"
        report(Problem.NO_AREA, where, f"the box has no area ({size}); remove it")
        return None
    return ParsedBox(index, label, corners, score)


def _short(values: Sequence[Any]) -> str:
    text = " ".join(value if isinstance(value, str) else repr(value) for value in values)
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
