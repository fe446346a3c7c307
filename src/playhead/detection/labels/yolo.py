"""YOLO: a text file a picture, each line `class cx cy w h [score]`.

`class` is a number from 0 in the list of `classes.txt`; the middle and the sides of the box are
shares of the sides of the displayed picture. A file without lines means a picture without objects.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from playhead.detection.labels.raw import Fault, RawBox, Report, label_lines, refuse
from playhead.errors import LabelError
from playhead.events.images import LabelledPicture
from playhead.files import write_text

__all__ = [
    "CLASSES",
    "check_classes",
    "label_text",
    "parse_labels",
    "read_classes",
    "write_classes",
]

CLASSES = "classes.txt"
_LARGEST_SHARE = 1.5
_YAML = ("data.yaml", "data.yml", "dataset.yaml")


def parse_labels(path: Path, report: Report, *, in_pixels: bool = False) -> list[RawBox]:
    """The boxes of a label file, with corners as shares, or in pixels where the file has those."""
    boxes = []
    for number, line in label_lines(path, report):
        box = _parse_line(number, line.split(), f"{path}: line {number}", report, in_pixels)
        if box is not None:
            boxes.append(box)
    return boxes


def label_text(picture: LabelledPicture, *, scores: bool) -> str:
    """The label file of a picture, with ten digits a share; `scores` adds the sixth column."""
    width, height = picture.size
    if len(picture.boxes) and min(width, height) < 1:
        raise LabelError(
            f"{picture.path}: its size is not known, and YOLO needs shares of it; name the folder "
            "of the pictures"
        )
    x1, y1, x2, y2 = picture.boxes.T
    columns = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height)
    lines = []
    for row, label in enumerate(picture.labels.tolist()):
        cells = [str(label), *(f"{column[row]:.10g}" for column in columns)]
        lines.append(" ".join([*cells, str(picture.scores[row])] if scores else cells))
    return "".join(f"{line}\n" for line in lines)


def read_classes(folder: Path) -> tuple[str, ...] | None:
    """The classes that stand in `classes.txt` or `data.yaml` of a folder; None without either.

    Raises LabelError for a list that is empty or has a gap.
    """
    for name in (CLASSES, f"labels/{CLASSES}", "obj.names"):
        if (folder / name).is_file():
            return _class_lines(folder / name)
    for name in _YAML:
        if (folder / name).is_file():
            return _yaml_classes(folder / name)
    return None


def write_classes(classes: Sequence[str], folder: Path) -> None:
    """Write `classes.txt`, a name a line."""
    check_classes(classes)
    write_text(folder / CLASSES, "".join(f"{name}\n" for name in classes))


def check_classes(classes: Sequence[str]) -> None:
    """Raise LabelError for a name that `classes.txt` cannot hold."""
    for name in classes:
        if not name.strip() or name != name.strip() or "\n" in name or "\r" in name:
            raise LabelError(f"{name!r}: a class is one line without spaces around it; rename it")


def _parse_line(
    number: int, cells: list[str], where: str, report: Report, in_pixels: bool
) -> RawBox | None:
    try:
        label, *values = [float(cell) for cell in cells]
    except ValueError:
        text = " ".join(cells)[:60]
        report(Fault.NOT_A_NUMBER, where, f"needs numbers `class cx cy w h`, got {text!r}")
        return None
    if not all(map(math.isfinite, (label, *values))):
        report(Fault.NOT_FINITE, where, f"needs finite numbers, got {' '.join(cells)!r}")
        return None
    if label != int(label) or label < 0:
        report(Fault.UNKNOWN_CLASS, where, f"a class is a whole number from 0, got {cells[0]}")
        return None
    polygon = len(values) >= 6 and len(values) % 2 == 0
    if len(values) not in (4, 5) and not polygon:
        report(Fault.COLUMNS, where, f"has {len(cells)} columns; needs 5, or 6 with a score")
        return None
    largest = max(map(abs, values if polygon else values[:4]))
    if not in_pixels and largest > _LARGEST_SHARE:
        report(
            Fault.IN_PIXELS,
            where,
            f"has {largest:g}, which is no share of a picture's side; boxes in pixels need "
            "`units: pixels` of `detection normalise`",
        )
        return None
    if polygon:
        report(
            Fault.POLYGON,
            where,
            f"has the {len(values) // 2} points of a polygon, needs 5 columns; "
            "`detection normalise` makes it a box",
        )
    corners = _around(values) if polygon else _corners(*values[:4])
    if corners[0] >= corners[2] or corners[1] >= corners[3]:
        report(Fault.NO_AREA, where, "the box has no area; remove the line")
        return None
    return RawBox(number, int(label), corners, values[4] if len(values) == 5 else None)


def _corners(cx: float, cy: float, w: float, h: float) -> tuple[float, float, float, float]:
    return cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2


def _around(points: list[float]) -> tuple[float, float, float, float]:
    """The box around the points of a polygon, x and y in turn."""
    xs, ys = points[::2], points[1::2]
    return min(xs), min(ys), max(xs), max(ys)


def _class_lines(path: Path) -> tuple[str, ...]:
    lines = list(label_lines(path, refuse))
    names = tuple(name for _, name in lines)
    if not names:
        raise LabelError(f"{path}: names no class; needs one a line")
    if lines[-1][0] != len(names):
        raise LabelError(
            f"{path}: has a blank line between classes, which would shift their numbers; remove it"
        )
    return names


def _yaml_classes(path: Path) -> tuple[str, ...]:
    try:
        # Every value as it is written: YAML makes numbers and truths of such names as 1 and no.
        document: Any = yaml.load(path.read_text(encoding="utf-8-sig"), yaml.BaseLoader)
    except (OSError, RecursionError, ValueError, yaml.YAMLError) as error:
        # Also for what nests too deep.
        reason = " ".join(str(error).split())
        raise LabelError(f"{path}: cannot be read as YAML: {reason}") from error
    names = document.get("names") if isinstance(document, dict) else None
    if isinstance(names, dict) and set(names) == {str(number) for number in range(len(names))}:
        names = [names[str(number)] for number in range(len(names))]
    if not isinstance(names, list) or not names:
        raise LabelError(f"{path}: needs `names`, a list of classes or a mapping from 0 on")
    for name in names:
        if not isinstance(name, str) or not name:
            raise LabelError(f"{path}: needs `names`, each a text, got {name!r:.60}")
    return tuple(names)
