"""COCO: one JSON file for a whole set, boxes `[x, y, width, height]` in pixels from 0.

True boxes stand in a document of `images`, `annotations` and `categories`; found ones in a list of
results with scores, which needs to know what its numbers mean: from `Ids`, or from `file_name` and
`category` in each result, as they are written here. Crowd annotations mark a region of many
objects, are no boxes of one, and are left out.

What is wrong with one entry is a fault, and what nobody can tell the picture of is no box of any: a
picture whose entry cannot be used is broken, so that it does not pass for one without objects.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from playhead.detection.labels.coco_ids import Id, Ids, as_id, reason, require_id, spelled
from playhead.detection.labels.finding import split_of
from playhead.detection.labels.raw import Fault, RawBox, RawPicture, RawSet, Report
from playhead.errors import LabelError
from playhead.events.images import PictureSet
from playhead.events.source import JsonEntry, read_json

__all__ = ["Ids", "parse", "parse_files", "results_text", "truth_text"]


def parse(path: Path, report: Report, ids: Ids | None = None, *, crowds: bool = False) -> RawSet:
    """What a JSON file says; `ids` are those that a list of results counts by.

    crowds: keep them, as boxes of score 0
    Raises LabelError for a file that is no JSON of this kind, of which no annotation is of one of
    its pictures, or where one number means two classes.
    """
    return _parse_document(path, read_json(path), report, ids, crowds=crowds)


def parse_files(
    paths: Sequence[Path], report: Report, ids: Ids | None = None, *, crowds: bool = False
) -> Iterator[tuple[Path, RawSet]]:
    """What each of several JSON files says, as `parse` does; those that are no COCO are faults.

    Where none is, the first is refused for what it lacks.
    """
    others = []
    for path in paths:
        document = read_json(path)
        if _is_coco(document):
            yield path, _parse_document(path, document, report, ids, crowds=crowds)
        else:
            others.append(path)
    if others and len(others) == len(paths):
        parse(others[0], report, ids, crowds=crowds)
    for path in others:
        what = "has no `images` and is no list of results; move it out of the folder of labels"
        report(Fault.OTHER_JSON, str(path), what)


def truth_text(found: PictureSet, names: Sequence[str]) -> str:
    """A document of true boxes; pictures and classes are numbered from 1 in their order."""
    document = {
        "images": [
            {"id": number, "file_name": name, "width": one.size[0], "height": one.size[1]}
            for number, (one, name) in enumerate(zip(found.pictures, names, strict=True), start=1)
        ],
        "annotations": [
            {"id": place, "iscrowd": 0, "area": row["bbox"][2] * row["bbox"][3], **row}
            for place, row in enumerate(_rows(found), start=1)
        ],
        "categories": [
            {"id": number, "name": name} for number, name in enumerate(found.classes, start=1)
        ],
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n"


def results_text(found: PictureSet, names: Sequence[str], ids: Ids | None = None) -> str:
    """A list of results; numbered as in `ids`, or from 1 in the order of pictures and classes.

    Raises LabelError for a picture or a class that `ids` do not know.
    """
    pictures: dict[str, Id] = {name: number for number, name in enumerate(names, start=1)}
    classes: dict[str, Id] = {name: number for number, name in enumerate(found.classes, start=1)}
    if ids is not None:
        pictures = {name: number for number, name in ids.pictures.items()}
        classes = {name: number for number, name in ids.classes.items()}
    results = []
    for row in _rows(found, scores=True):
        name = names[row["image_id"] - 1]
        label = found.classes[row["category_id"] - 1]
        if name not in pictures or label not in classes:
            raise LabelError(
                f"{name}: the picture or its class {label!r} is not in the document that the "
                "results are to be numbered after"
            )
        row |= {"image_id": pictures[name], "category_id": classes[label]}
        results.append(row | {"file_name": name, "category": label})
    return json.dumps(results, ensure_ascii=False, allow_nan=False) + "\n"


def _rows(found: PictureSet, *, scores: bool = False) -> list[dict[str, Any]]:
    rows = []
    for number, one in enumerate(found.pictures, start=1):
        for place, label in enumerate(one.labels.tolist()):
            x1, y1, x2, y2 = one.boxes[place].tolist()
            row = {"image_id": number, "category_id": label + 1, "bbox": [x1, y1, x2 - x1, y2 - y1]}
            # The shortest text of a float32 is read as the same float32 again.
            rows.append(row | ({"score": float(str(one.scores[place]))} if scores else {}))
    return rows


def _is_coco(document: Any) -> bool:
    """Whether JSON is a document of images or a list of results; an empty list finds nothing."""
    if isinstance(document, list):
        return not document or any(isinstance(one, dict) and "image_id" in one for one in document)
    return isinstance(document, dict) and "images" in document


def _parse_document(
    path: Path, document: Any, report: Report, ids: Ids | None, *, crowds: bool
) -> RawSet:
    if isinstance(document, list):
        return _parse_results(path, document, report, ids)
    entry = JsonEntry.of(document, str(path))
    known = Ids.of(entry, report)
    boxes: dict[Id, list[RawBox | None]] = {}
    for place, value in entry.items("annotations"):
        where = f"{path}: annotation {place}"
        read = _parse_annotation(place, value, where, known, report, crowds=crowds)
        if read is not None:
            boxes.setdefault(read[0], []).append(read[1])
    if entry.values["annotations"] and not boxes.keys() & (known.pictures.keys() | known.lost):
        raise LabelError(
            f"{path}: no annotation has the image_id of one of its {len(known.pictures)} images; "
            "give both the same ids"
        )
    return RawSet(tuple(dict.fromkeys(known.classes.values())), _pictures(path, known, boxes))


def _parse_annotation(
    place: int, value: Any, where: str, ids: Ids, report: Report, *, crowds: bool = False
) -> tuple[Id, RawBox | None] | None:
    """The picture of an annotation, None where it has none, and its box, where it can be used."""
    picture: Id | None = None
    try:
        one = JsonEntry.of(value, where)
        picture = spelled(require_id(one, "image_id"), ids.pictures, ids.lost)
        label, crowd = spelled(require_id(one, "category_id"), ids.classes), _is_crowd(one)
    except LabelError as error:
        fault = Fault.NAMELESS if picture is None else Fault.ENTRY
        report(fault, where, reason(error, where))
        return None if picture is None else (picture, None)
    if picture in ids.lost:
        report(Fault.OF_LOST, where, f"is of image {picture!r}, which is left out")
        return picture, None
    if crowd and not crowds:
        report(Fault.CROWD, where, "is a crowd, not a box of one object")
        return picture, None
    if picture not in ids.pictures:
        what = f"is of image {picture!r}, which the file does not have"
        report(Fault.NAMELESS, where, what)
        return None
    if label not in ids.classes:
        names = ", ".join(f"{number!r} {name}" for number, name in ids.classes.items())
        report(Fault.UNKNOWN_CLASS, where, f"has category {label!r}; known are {names or 'none'}")
        return picture, None
    box = _parse_box(place, one, ids.classes[label], report)
    return picture, replace(box, score=0.0) if box is not None and crowd else box


def _is_crowd(one: JsonEntry) -> bool:
    value = one.values.get("iscrowd")
    if value in (None, 0, "0"):
        return False
    if value in (1, "1"):
        return True
    raise LabelError(f"{one.where}: 'iscrowd' needs 0 or 1, got {value!r:.40}")


def _parse_box(place: int, one: JsonEntry, label: str, report: Report) -> RawBox | None:
    bbox, score = one.values.get("bbox"), one.values.get("score")
    if not isinstance(bbox, list) or len(bbox) != 4:
        report(Fault.COLUMNS, one.where, f"needs a bbox of 4 numbers, got {bbox!r:.40}")
        return None
    numbers = [*bbox, 0.0 if score is None else score]
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in numbers):
        report(Fault.NOT_A_NUMBER, one.where, f"needs numbers, got {numbers!r:.60}")
        return None
    try:
        x, y, width, height, sure = map(float, numbers)
    except OverflowError:  # a whole number of some hundred digits
        x = y = width = height = sure = math.inf
    if not all(map(math.isfinite, (x, y, width, height, sure))):
        report(Fault.NOT_FINITE, one.where, f"needs finite numbers, got {numbers!r:.60}")
        return None
    corners = (x, y, x + width, y + height)
    if not (x < corners[2] < math.inf and y < corners[3] < math.inf):
        report(Fault.NO_AREA, one.where, f"its box of {width:g} x {height:g} has no area")
        return None
    return RawBox(place, label, corners, None if score is None else sure)


def _parse_results(path: Path, document: list[Any], report: Report, ids: Ids | None) -> RawSet:
    boxes: dict[Id, list[RawBox | None]] = {}
    names: dict[Id, str] = {} if ids is None else dict(ids.pictures)
    classes: dict[Id, str] = {} if ids is None else dict(ids.classes)
    known = Ids(names, {} if ids is None else ids.sizes, classes)
    for place, value in enumerate(document, start=1):
        where = f"{path}: result {place}"
        if ids is None and isinstance(value, dict):
            _learn(JsonEntry(where, value), names, "image_id", "file_name")
            _learn(JsonEntry(where, value), classes, "category_id", "category")
        read = _parse_annotation(place, value, where, known, report)
        if read is not None:
            boxes.setdefault(read[0], []).append(read[1])
    return RawSet(tuple(dict.fromkeys(classes.values())), _pictures(path, known, boxes, "result"))


def _learn(one: JsonEntry, names: dict[Id, str], number_key: str, key: str) -> None:
    """Take what a number means from a result that says it; one without is told when it is read."""
    number = as_id(one.values.get(number_key))
    if number is None:
        return
    if key not in one.values:
        raise LabelError(
            f"{one.where}: results are numbers alone; name the COCO document of the true boxes "
            f"that they count by, or give each a {key!r}"
        )
    name = one.text(key)
    if names.setdefault(number, name) != name:
        raise LabelError(f"{one.where}: {key} {name!r} has the number of {names[number]!r}")


def _pictures(
    path: Path, ids: Ids, boxes: Mapping[Id, list[RawBox | None]], unit: str = "annotation"
) -> list[RawPicture]:
    read = [
        RawPicture(
            names=(name,),
            file=path,
            boxes=[box for box in boxes.get(number, ()) if box is not None],
            unit=unit,
            size=ids.sizes.get(number),
            split=split_of(Path(name)),
            broken=None in boxes.get(number, ()),
        )
        for number, name in ids.pictures.items()
    ]
    return read + [RawPicture((name,), path, (), unit, broken=True) for name in ids.broken]
