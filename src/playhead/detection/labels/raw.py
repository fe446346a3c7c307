"""Raw labels: what label files say of pictures, before it is held against the pictures.

Every reader here tells each fault that it meets to a `Report` and goes on where it can. A strict
reading hands over `refuse`, which raises at the first one; `detection normalise` counts them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from playhead.errors import LabelError
from playhead.events.source import read_text

__all__ = ["Fault", "RawBox", "RawPicture", "RawSet", "Report", "label_lines", "refuse"]


class Fault(StrEnum):
    """What a reader can find in label files, in the words of a report."""

    # harmless: read all the same
    BOM = "byte-order mark"
    CRLF = "lines end in CR LF"
    CROWD = "crowd left out"
    BESIDE = "labels of another kind beside"
    # a box that cannot be used
    COLUMNS = "wrong number of values"
    NOT_A_NUMBER = "not a number"
    NOT_FINITE = "not finite"
    IN_PIXELS = "pixels where shares are needed"
    POLYGON = "polygon made its box"
    NO_AREA = "no area"
    UNKNOWN_CLASS = "unknown class"
    # a file or a picture that cannot be used
    UNREADABLE_LABELS = "label file that cannot be read"
    UNREADABLE_FOLDER = "folder that cannot be read"
    UNREAD = "label file of another kind or place"
    MISSING_PICTURE = "label without a picture"
    NAMELESS = "label that does not say of which picture"
    AMBIGUOUS = "label that fits several pictures"
    TWICE = "two pictures of one number"
    OTHER_SPLIT = "one picture in two splits"
    # an entry of a document of many pictures
    ENTRY = "entry that cannot be used"
    OF_LOST = "box of a picture left out"
    OTHER_JSON = "JSON that is no COCO"


_HARMLESS = frozenset({Fault.BOM, Fault.CRLF, Fault.CROWD, Fault.BESIDE})

Report = Callable[[Fault, str, str], None]
"""Takes a fault, its place (`file: line 3`) and what was got, needed and helps."""


def refuse(fault: Fault, where: str, what: str) -> None:
    """The report of a strict reading: LabelError for whatever is not harmless."""
    if fault not in _HARMLESS:
        raise LabelError(f"{where}: {what}")


@dataclass(frozen=True, slots=True)
class RawBox:
    """A box as a file has it.

    place: number of its line, object or annotation; label: its number in a list of classes, or its
    name; corners: x1, y1, x2, y2; score: None where the file gives none
    """

    place: int
    label: int | str
    corners: tuple[float, float, float, float]
    score: float | None = None


@dataclass(frozen=True, slots=True)
class RawPicture:
    """What one file says of one picture.

    names: what the picture may be called under its root, the likeliest first, with a suffix where
    the file gives one; unit: what the places of the boxes count; size: as the file declares it
    shares: the corners are shares of the picture's sides, not pixels; path: where the file says it
    broken: there are boxes of this picture that are not among `boxes`, or may be: its labels cannot
    be read
    """

    names: tuple[str, ...]
    file: Path
    boxes: Sequence[RawBox]
    unit: str = "line"
    size: tuple[int, int] | None = None
    shares: bool = False
    group: str = ""
    split: str | None = None
    path: Path | None = None
    broken: bool = False

    def where(self, box: RawBox) -> str:
        """The place of a box, as `file: line 3`."""
        return f"{self.file}: {self.unit} {box.place}"


@dataclass(frozen=True, slots=True)
class RawSet:
    """All that a source says; `classes` None where it names none and its labels are numbers."""

    classes: tuple[str, ...] | None
    pictures: list[RawPicture] = field(repr=False)


def label_lines(path: Path, report: Report) -> Iterator[tuple[int, str]]:
    """The lines of a text file that are not blank, numbered from 1; none for an empty file."""
    try:
        if not path.stat().st_size:
            return
        text = read_text(path)
    except (OSError, LabelError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        report(Fault.UNREADABLE_LABELS, str(path), str(reason).removeprefix(f"{path}: "))
        return
    with path.open("rb") as file:
        if file.read(3) == b"\xef\xbb\xbf":
            report(Fault.BOM, str(path), "begins with a byte-order mark")
    lines = text.split("\n")
    if len(lines) > 1 and lines[0].endswith("\r"):
        report(Fault.CRLF, str(path), "its lines end in CR LF")
    for number, line in enumerate(lines, start=1):
        if stripped := line.strip():
            yield number, stripped
