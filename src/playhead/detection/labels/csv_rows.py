"""Rows: a CSV of boxes, `picture,label,score,x1,y1,x2,y2`, as competitions ask for it.

Corners are pixels of the displayed picture. A row with a picture alone says that nothing is in it.
"""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from playhead.detection.labels.finding import split_of
from playhead.detection.labels.raw import Fault, RawBox, RawPicture, RawSet, Report
from playhead.errors import LabelError
from playhead.events.images import PictureSet
from playhead.events.source import csv_rows, read_text

__all__ = ["COLUMNS", "check_names", "parse", "rows_text"]

COLUMNS = ("picture", "label", "score", "x1", "y1", "x2", "y2")
_REQUIRED = tuple(name for name in COLUMNS if name != "score")


def parse(path: Path, report: Report) -> RawSet:
    """What a CSV says, pictures in the order of their first row; the score may be left out."""
    boxes: dict[str, list[RawBox | None]] = {}
    for where, cells in _rows(path):
        name = cells["picture"].replace("\\", "/")
        if not name:
            report(Fault.NAMELESS, where, "names no picture")
            continue
        of_picture = boxes.setdefault(name, [])
        if any(value for key, value in cells.items() if key != "picture"):
            row = int(where.rpartition(" ")[2])
            of_picture.append(_parse_row(row, cells, where, report))
    return RawSet(None, [_picture(path, name, found) for name, found in boxes.items()])


def check_names(names: Iterable[str]) -> None:
    """Raise LabelError for a name that does not come back from a CSV as it was."""
    for name in names:
        if name != name.strip():
            raise LabelError(
                f"{name!r}: a CSV holds names without spaces around them; rename it, or choose "
                "another format"
            )


def rows_text(found: PictureSet, names: Sequence[str]) -> str:
    """All boxes of a set as rows; a picture without any has a row of its own."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    check_names((*names, *found.classes))
    for one, name in zip(found.pictures, names, strict=True):
        for row, label in enumerate(one.labels.tolist()):
            corners = (repr(value) for value in one.boxes[row].tolist())
            writer.writerow([name, found.classes[label], str(one.scores[row]), *corners])
        if not len(one.labels):
            writer.writerow([name, *[""] * (len(COLUMNS) - 1)])
    return text.getvalue()


def _rows(path: Path) -> list[tuple[str, dict[str, str]]]:
    if len(read_text(path).split()) == 1 and read_text(path).strip() == ",".join(COLUMNS):
        return []  # nothing was found, which is an answer
    return list(csv_rows(path, _REQUIRED, ("score",)))


def _picture(path: Path, name: str, boxes: Sequence[RawBox | None]) -> RawPicture:
    usable = [box for box in boxes if box is not None]
    broken = len(usable) < len(boxes)
    return RawPicture((name,), path, usable, split=split_of(Path(name)), broken=broken)


def _parse_row(place: int, cells: dict[str, str], where: str, report: Report) -> RawBox | None:
    if not cells["label"]:
        report(Fault.UNKNOWN_CLASS, where, "has a box without a label")
        return None
    texts = [cells[name] for name in COLUMNS[3:]]
    score = cells.get("score") or None
    try:
        x1, y1, x2, y2 = map(float, texts)
        sure = None if score is None else float(score)
    except ValueError:
        report(Fault.NOT_A_NUMBER, where, f"needs numbers with a point, got {texts}, {score}")
        return None
    if not all(map(math.isfinite, (x1, y1, x2, y2, sure or 0.0))):
        report(Fault.NOT_FINITE, where, f"needs finite numbers, got {texts}, {score}")
        return None
    if x1 >= x2 or y1 >= y2:
        report(Fault.NO_AREA, where, f"the box {', '.join(texts)} has no area; remove the row")
        return None
    return RawBox(place, cells["label"], (x1, y1, x2, y2), sure)
