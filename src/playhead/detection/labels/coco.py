"""COCO: one JSON file for a whole set, boxes `[x, y, width, height]` in pixels from 0.

Ground truth is a document of `images`, `annotations` and `categories`. Predictions are a list of
results with scores; their ids refer to a ground truth document (`Ids`), or are explained by
`file_name` and `category` in each result, which this module writes. Crowd annotations mark a region
of many objects and are dropped by default.

A box that cannot be used is a problem that a report can count. An image, category or annotation
without its ids makes the whole document unusable, since boxes could belong to any image.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
from playhead.events.source import JsonEntry, read_json

__all__ = ["Id", "Ids", "parse", "results_text", "truth_text"]

Id = int | str


@dataclass(frozen=True, slots=True)
class Ids:
    """The ids of a COCO document: names and sizes of images, names of classes."""

    images: Mapping[Id, str] = field(repr=False)
    sizes: Mapping[Id, tuple[int, int] | None] = field(repr=False)
    classes: Mapping[Id, str]

    @classmethod
    def read(cls, path: Path) -> "Ids":
        """The ids of a document of ground truth."""
        return cls.of(JsonEntry.of(read_json(path), str(path)))

    @classmethod
    def of(cls, document: JsonEntry) -> "Ids":
        """The ids of a parsed document.

        Raises LabelError for an image or a category without id or name, or a repeated id.
        """
        images: dict[Id, str] = {}
        sizes: dict[Id, tuple[int, int] | None] = {}
        for index, value in document.items("images"):
            entry = JsonEntry.of(value, f"{document.where}: image {index}")
            _learn(images, _id(entry, "id"), entry.text("file_name").replace("\\", "/"), entry)
            has_size = {"width", "height"} <= entry.values.keys()
            size = (entry.whole("width"), entry.whole("height")) if has_size else (0, 0)
            sizes[_id(entry, "id")] = size if all(size) else None
        classes: dict[Id, str] = {}
        for index, value in document.items("categories"):
            entry = JsonEntry.of(value, f"{document.where}: category {index}")
            _learn(classes, _id(entry, "id"), entry.text("name").strip(), entry)
        return cls(images, sizes, classes)


def parse(
    path: Path,
    report: Report,
    ids: Ids | None = None,
    *,
    crowds: bool = False,
    split: str | None = None,
) -> ParsedLabels:
    """The boxes of a JSON file.

    ids: the ids that a list of results refers to; crowds: keep crowds, as boxes of score 0
    split: of the images whose names do not contain a split
    Raises LabelError for a file that is not COCO JSON, an entry without its ids, two images or
    categories with one id, or if no annotation belongs to one of the images.
    """
    document = read_json(path)
    unit = "result" if isinstance(document, list) else "annotation"
    if isinstance(document, list):
        entries = [
            JsonEntry.of(value, f"{path}: result {index}")
            for index, value in enumerate(document, start=1)
        ]
        ids = ids or _ids_of_results(entries)
    else:
        whole = JsonEntry.of(document, str(path))
        ids = Ids.of(whole)
        entries = [
            JsonEntry.of(value, f"{path}: annotation {index}")
            for index, value in whole.items("annotations")
        ]
    boxes: dict[Id, list[ParsedBox | None]] = {number: [] for number in ids.images}
    for index, entry in enumerate(entries, start=1):
        number = _id(entry, "image_id")
        if number not in boxes:
            what = f"has the image_id {number!r}, but the file has no such image"
            report(Problem.UNKNOWN_IMAGE, entry.where, what)
            continue
        boxes[number].append(_parse_box(index, entry, ids, report, crowds=crowds))
    if entries and not any(boxes.values()):
        raise LabelError(
            f"{path}: no {unit} has the image_id of one of the {len(boxes)} images; use the same "
            "ids for both"
        )
    images = [
        ParsedImage(
            name=name,
            file=path,
            boxes=[box for box in boxes[number] if box is not None],
            unit=unit,
            size=ids.sizes.get(number),
            split=split_of(Path(name)) or split,
            broken=None in boxes[number],
        )
        for number, name in ids.images.items()
    ]
    return ParsedLabels(tuple(dict.fromkeys(ids.classes.values())), images)


def _parse_box(
    index: int, entry: JsonEntry, ids: Ids, report: Report, *, crowds: bool
) -> ParsedBox | None:
    category, where = _id(entry, "category_id"), entry.where
    crowd = entry.values.get("iscrowd") or 0
    if crowd not in (0, 1):
        raise LabelError(f"{where}: 'iscrowd' needs 0 or 1, got {crowd!r:.40}")
    if crowd and not crowds:
        report(Problem.CROWD, where, "is a crowd annotation, not a box of one object")
        return None
    if category not in ids.classes:
        names = ", ".join(f"{number!r} {name}" for number, name in ids.classes.items())
        what = f"has category {category!r}; known are {names or 'none'}"
        report(Problem.UNKNOWN_CLASS, where, what)
        return None
    bbox, score = entry.values.get("bbox"), entry.values.get("score")
    if not isinstance(bbox, list) or len(bbox) != 4:
        report(Problem.COLUMNS, where, f"needs a bbox of 4 numbers, got {bbox!r:.40}")
        return None
    numbers = finite_numbers([*bbox, 1.0 if score is None else score], where, report)
    if numbers is None:
        return None
    x, y, width, height, confidence = numbers
    kept_score = 0.0 if crowd else None if score is None else confidence
    corners = (x, y, x + width, y + height)
    label = ids.classes[category]
    return checked_box(index, label, corners, kept_score, where=where, report=report)


def _ids_of_results(entries: Sequence[JsonEntry]) -> Ids:
    """The ids as explained by `file_name` and `category` in each result."""
    images: dict[Id, str] = {}
    classes: dict[Id, str] = {}
    for entry in entries:
        if not {"file_name", "category"} <= entry.values.keys():
            raise LabelError(
                f"{entry.where}: has ids only; give the COCO document of the ground truth with "
                "these ids, or add a 'file_name' and a 'category' to each result"
            )
        _learn(images, _id(entry, "image_id"), entry.text("file_name"), entry)
        _learn(classes, _id(entry, "category_id"), entry.text("category"), entry)
    return Ids(images, {}, classes)


def _learn(names: dict[Id, str], number: Id, name: str, entry: JsonEntry) -> None:
    if names.setdefault(number, name) != name:
        raise LabelError(
            f"{entry.where}: {name!r} and {names[number]!r} share the id {number!r}, so boxes may "
            "belong to either; use unique ids"
        )


def _id(entry: JsonEntry, key: str) -> Id:
    value = entry.values.get(key)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise LabelError(
            f"{entry.where}: {key!r} must be an integer or a string, got {value!r:.40}"
        )
    return value


def truth_text(images: ImageSet, names: Sequence[str]) -> str:
    """A ground truth document; images and classes are numbered from 1 in their order."""
    document = {
        "images": [
            {"id": number, "file_name": name, "width": image.size[0], "height": image.size[1]}
            for number, (image, name) in enumerate(zip(images.images, names, strict=True), start=1)
        ],
        "annotations": [
            {"id": index, "iscrowd": 0, "area": row["bbox"][2] * row["bbox"][3], **row}
            for index, row in enumerate(_rows(images), start=1)
        ],
        "categories": [
            {"id": number, "name": name} for number, name in enumerate(images.classes, start=1)
        ],
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n"


def results_text(images: ImageSet, names: Sequence[str], ids: Ids | None = None) -> str:
    """A list of results, with the ids of `ids`, or from 1 in the order of images and classes.

    Raises LabelError for an image or a class that `ids` does not have.
    """
    image_ids: dict[str, Id] = {name: number for number, name in enumerate(names, start=1)}
    classes: dict[str, Id] = {name: number for number, name in enumerate(images.classes, start=1)}
    if ids is not None:
        image_ids = {name: number for number, name in ids.images.items()}
        classes = {name: number for number, name in ids.classes.items()}
    results = []
    for row in _rows(images, scores=True):
        name = names[row["image_id"] - 1]
        label = images.classes[row["category_id"] - 1]
        if name not in image_ids or label not in classes:
            raise LabelError(
                f"{name}: the COCO document does not have this image or its class {label!r}, so "
                "the results cannot use its ids"
            )
        row |= {"image_id": image_ids[name], "category_id": classes[label]}
        results.append(row | {"file_name": name, "category": label})
    return json.dumps(results, ensure_ascii=False, allow_nan=False) + "\n"


def _rows(images: ImageSet, *, scores: bool = False) -> list[dict[str, Any]]:
    rows = []
    for number, image in enumerate(images.images, start=1):
        for row_number, label in enumerate(image.labels.tolist()):
            x1, y1, x2, y2 = image.boxes[row_number].tolist()
            row = {"image_id": number, "category_id": label + 1, "bbox": [x1, y1, x2 - x1, y2 - y1]}
            # The shortest text of a float32 reads back as the same float32.
            rows.append(row | ({"score": float(str(image.scores[row_number]))} if scores else {}))
    return rows
