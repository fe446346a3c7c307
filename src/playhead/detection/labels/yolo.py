"""YOLO: one text file an image, each line `class cx cy w h [score]`.

`class` counts from 0 in `classes.txt` or `data.yaml`; the centre and the sides of the box are
fractions of the displayed image's sides. An empty file means an image without objects.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from playhead.detection.labels.parsed import (
    ParsedBox,
    ParsedImage,
    Problem,
    Report,
    checked_box,
    finite_numbers,
    label_lines,
    refuse,
)
from playhead.errors import LabelError
from playhead.events.images import LabelledImage
from playhead.files import write_text

__all__ = [
    "CLASSES",
    "check_classes",
    "find_data_yaml",
    "label_text",
    "parse_file",
    "read_classes",
    "read_data_yaml",
    "write_classes",
]

CLASSES = "classes.txt"
_CLASS_FILES = (CLASSES, f"labels/{CLASSES}", "obj.names")
_DATA_YAML = ("data.yaml", "data.yml", "dataset.yaml")
_LARGEST_FRACTION = 1.5


def parse_file(path: Path, name: str, report: Report, *, split: str | None = None) -> ParsedImage:
    """The boxes of a label file, as fractions of the image's sides; name: of the image."""
    lines = label_lines(path, report)
    parsed = [
        _parse_line(number, line.split(), f"{path}: line {number}", report)
        for number, line in lines or ()
    ]
    boxes = [box for box in parsed if box is not None]
    broken = lines is None or len(boxes) < len(parsed)
    return ParsedImage(name, path, boxes, fractions=True, split=split, broken=broken)


def _parse_line(number: int, cells: list[str], where: str, report: Report) -> ParsedBox | None:
    values = finite_numbers(cells, where, report)
    if values is None:
        return None
    label, *values = values
    if label != int(label) or label < 0:
        what = f"a class must be an integer from 0, got {cells[0]}"
        report(Problem.UNKNOWN_CLASS, where, what)
        return None
    polygon = len(values) >= 6 and len(values) % 2 == 0
    if len(values) not in (4, 5) and not polygon:
        report(Problem.COLUMNS, where, f"has {len(cells)} columns; needs 5, or 6 with a score")
        return None
    largest = max(map(abs, values if polygon else values[:4]))
    if largest > _LARGEST_FRACTION:
        what = f"{largest:g} is not a fraction of a side; YOLO labels in pixels are not supported"
        report(Problem.IN_PIXELS, where, what)
        return None
    score = None
    if polygon:
        what = f"has a polygon of {len(values) // 2} points, needs 5 columns"
        report(Problem.POLYGON, where, f"{what}; convert it with `detection normalise`")
        xs, ys = values[::2], values[1::2]
        corners = min(xs), min(ys), max(xs), max(ys)
    else:
        cx, cy, w, h, *scores = values
        corners = cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2
        score = scores[0] if scores else None
    return checked_box(number, int(label), corners, score, where=where, report=report)


def label_text(image: LabelledImage, *, scores: bool) -> str:
    """The label file of an image, with ten digits a number; `scores` adds the sixth column."""
    width, height = image.size
    if len(image.boxes) and min(width, height) < 1:
        raise LabelError(
            f"{image.path}: the image size is unknown, and YOLO labels need it; give the folder of "
            "the images"
        )
    x1, y1, x2, y2 = image.boxes.T
    columns = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height)
    lines = []
    for row, label in enumerate(image.labels.tolist()):
        cells = [str(label), *(f"{column[row]:.10g}" for column in columns)]
        lines.append(" ".join([*cells, str(image.scores[row])] if scores else cells))
    return "".join(f"{line}\n" for line in lines)


def read_classes(folders: Sequence[Path], data_yaml: Path | None = None) -> tuple[str, ...] | None:
    """The classes in `classes.txt`, `obj.names` or `data.yaml` of the first folder that has one.

    data_yaml: read instead of these. Returns None if there is no such file.
    Raises LabelError for a list that is empty or has a gap.
    """
    for folder in folders if data_yaml is None else ():
        path = next((folder / name for name in _CLASS_FILES if (folder / name).is_file()), None)
        if path is not None:
            return _listed_classes(path)
        data_yaml = find_data_yaml([folder])
        if data_yaml is not None:
            break
    if data_yaml is None:
        return None
    names = read_data_yaml(data_yaml).get("names")
    if isinstance(names, dict) and set(names) == {str(number) for number in range(len(names))}:
        names = [names[str(number)] for number in range(len(names))]
    if not isinstance(names, list) or not names:
        raise LabelError(f"{data_yaml}: needs `names`, a list of classes or a mapping from 0 on")
    for name in names:
        if not isinstance(name, str) or not name:
            raise LabelError(f"{data_yaml}: each of `names` must be a string, got {name!r:.60}")
    return tuple(name.strip() for name in names)


def _listed_classes(path: Path) -> tuple[str, ...]:
    lines = label_lines(path, refuse) or []
    if not lines:
        raise LabelError(f"{path}: lists no class; write one a line")
    if lines[-1][0] != len(lines):
        raise LabelError(
            f"{path}: has a blank line between classes, which would shift their numbers; remove it"
        )
    return tuple(name for _, name in lines)


def find_data_yaml(folders: Sequence[Path]) -> Path | None:
    """The `data.yaml` of the first folder that has one."""
    candidates = (folder / name for folder in folders for name in _DATA_YAML)
    return next((path for path in candidates if path.is_file()), None)


def read_data_yaml(path: Path) -> dict[str, Any]:
    """The content of a `data.yaml`; LabelError if it is not a YAML mapping."""
    try:
        # Every value as text: YAML would turn names such as 1 and no into numbers and booleans.
        document: Any = yaml.load(path.read_text(encoding="utf-8-sig"), yaml.BaseLoader)
    except (OSError, RecursionError, ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise LabelError(f"{path}: cannot be read as YAML: {reason}") from error
    if not isinstance(document, dict):
        raise LabelError(f"{path}: needs `names`, a list of classes or a mapping from 0 on")
    return document


def write_classes(classes: Sequence[str], folder: Path) -> None:
    """Write `classes.txt`, a name a line."""
    check_classes(classes)
    write_text(folder / CLASSES, "".join(f"{name}\n" for name in classes))


def check_classes(classes: Sequence[str]) -> None:
    """Raise LabelError for a name that `classes.txt` cannot represent."""
    for name in classes:
        if not name.strip() or name != name.strip() or "\n" in name or "\r" in name:
            raise LabelError(
                f"{name!r}: a class name is one line without leading or trailing spaces; rename it"
            )
