"""CSV of boxes: `image,label,score,x1,y1,x2,y2`, a common format of competitions.

Corners are pixels of the displayed image. A row with only an image means that it has no objects.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from playhead.detection.labels.names import split_of
from playhead.detection.labels.parsed import (
    ParsedBox,
    ParsedImage,
    ParsedLabels,
    Problem,
    Report,
    checked_box,
    finite_numbers,
)
from playhead.errors import LabelError
from playhead.events.images import ImageSet
from playhead.events.source import csv_rows, read_text

__all__ = ["COLUMNS", "boxes_text", "check_names", "parse"]

COLUMNS = ("image", "label", "score", "x1", "y1", "x2", "y2")
_REQUIRED = tuple(name for name in COLUMNS if name != "score")


def parse(path: Path, report: Report) -> ParsedLabels:
    """The boxes of a CSV, images in the order of their first row; `score` may be left out.

    Raises LabelError for a broken table or a row without an image.
    """
    if read_text(path).strip() == ",".join(COLUMNS):
        return ParsedLabels(None, [])  # a header without rows: predictions of no objects
    boxes: dict[str, list[ParsedBox | None]] = {}
    for where, cells in csv_rows(path, _REQUIRED, ("score",)):
        name = cells.pop("image").replace("\\", "/")
        if not name:
            raise LabelError(f"{where}: the image column is empty; give the image's file name")
        of_image = boxes.setdefault(name, [])
        if any(cells.values()):
            of_image.append(_parse_row(int(where.rpartition(" ")[2]), cells, where, report))
    images = [
        ParsedImage(
            name=name,
            file=path,
            boxes=[box for box in of_image if box is not None],
            split=split_of(Path(name)),
            broken=None in of_image,
        )
        for name, of_image in boxes.items()
    ]
    return ParsedLabels(None, images)


def _parse_row(line: int, cells: dict[str, str], where: str, report: Report) -> ParsedBox | None:
    if not cells["label"]:
        report(Problem.UNKNOWN_CLASS, where, "has a box without a label")
        return None
    texts = [*(cells[name] for name in COLUMNS[3:]), cells.get("score") or "1"]
    numbers = finite_numbers(texts, where, report)
    if numbers is None:
        return None
    x1, y1, x2, y2, score = numbers
    return checked_box(
        line,
        cells["label"],
        (x1, y1, x2, y2),
        score if cells.get("score") else None,
        where=where,
        report=report,
    )


def check_names(names: Iterable[str]) -> None:
    """Raise LabelError for a name with leading or trailing spaces, which a CSV cannot represent."""
    for name in names:
        if name != name.strip():
            raise LabelError(
                f"{name!r}: has leading or trailing spaces, which a CSV cannot represent; rename "
                "it, or choose another format"
            )


def boxes_text(images: ImageSet, names: Sequence[str]) -> str:
    """All boxes of a set as CSV; an image without boxes has a row of its own."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    check_names((*names, *images.classes))
    for image, name in zip(images.images, names, strict=True):
        for row, label in enumerate(image.labels.tolist()):
            corners = (repr(value) for value in image.boxes[row].tolist())
            writer.writerow([name, images.classes[label], str(image.scores[row]), *corners])
        if not len(image.labels):
            writer.writerow([name, *[""] * (len(COLUMNS) - 1)])
    return text.getvalue()
