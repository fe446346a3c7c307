"""What the numbers of a COCO document mean: which pictures and classes it has.

A picture whose entry cannot be used, or shares its number with another, is broken and its number is
lost: nobody can tell what boxes are its own, and it must not pass for one without objects.
"""

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playhead.detection.labels.raw import Fault, Report
from playhead.errors import LabelError
from playhead.events.source import JsonEntry, read_json

__all__ = ["Id", "Ids", "as_id", "reason", "require_id", "spelled"]

Id = int | str
"""Of a picture or a class: a whole number by the rules, a text in many a file."""
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class Ids:
    """What the numbers of a COCO document mean: names and sizes of pictures, names of classes.

    lost: the numbers of pictures that are left out; broken: the names of those that have one
    """

    pictures: Mapping[Id, str] = field(repr=False)
    sizes: Mapping[Id, tuple[int, int] | None] = field(repr=False)
    classes: Mapping[Id, str]
    lost: frozenset[Id] = frozenset()
    broken: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path, report: Report) -> "Ids":
        """The ids of a document of true boxes."""
        return cls.of(JsonEntry.of(read_json(path), str(path)), report)

    @classmethod
    def of(cls, entry: JsonEntry, report: Report) -> "Ids":
        """The ids of a document of true boxes that is read.

        Raises LabelError where one number means two classes.
        """
        images = [
            _parse_image(value, f"{entry.where}: image {place}", report)
            for place, value in entry.items("images")
        ]
        by_number: dict[Id, list[_Image]] = {}
        for one in images:
            if one.number is not None:
                by_number.setdefault(one.number, []).append(one)
        sure = {number: same[0] for number, same in by_number.items() if _is_one(same, report)}
        kept = {one.where for number in sure for one in by_number[number]}
        return cls(
            pictures={number: str(one.name) for number, one in sure.items()},
            sizes={number: one.size for number, one in sure.items()},
            classes=_parse_classes(entry, report),
            lost=frozenset(by_number.keys() - sure.keys()),
            broken=tuple(one.name for one in images if one.name and one.where not in kept),
        )


def as_id(value: Any) -> Id | None:
    """An id, also one written as a float; None for what is none."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int | str) and not isinstance(value, bool) else None


def require_id(one: JsonEntry, key: str) -> Id:
    """The id under `key`; LabelError where there is none."""
    number = as_id(one.values.get(key))
    if number is None:
        got = one.values.get(key)
        raise LabelError(f"{one.where}: {key!r} needs a whole number, got {got!r:.40}")
    return number


def spelled(number: Id, *known: Container[Id]) -> Id:
    """An id as it is known: what is a number in one list of a file is a text in the other."""
    other: Id = number
    if isinstance(number, int):
        other = str(number)
    elif _WHOLE.fullmatch(number):
        other = int(number)
    return next((one for one in (number, other) if any(one in ids for ids in known)), number)


def reason(error: LabelError, where: str) -> str:
    """What is wrong at a place, without the place."""
    return str(error).removeprefix(f"{where}: ")


@dataclass(frozen=True, slots=True)
class _Image:
    """An entry of a picture; what cannot be told of it is None."""

    where: str
    number: Id | None
    name: str | None
    size: tuple[int, int] | None
    usable: bool


def _parse_image(value: Any, where: str, report: Report) -> _Image:
    one = JsonEntry(where, value if isinstance(value, dict) else {})
    number, name = as_id(one.values.get("id")), None
    try:
        JsonEntry.of(value, where)
        name = one.text("file_name").replace("\\", "/")
        require_id(one, "id")
        size = _size(one)
    except LabelError as error:
        fault = Fault.NAMELESS if name is None else Fault.ENTRY
        report(fault, where, reason(error, where))
        return _Image(where, number, name, None, usable=False)
    return _Image(where, number, name, size, usable=True)


def _is_one(same: Sequence[_Image], report: Report) -> bool:
    """Whether entries of one number are one usable picture; nobody can tell whose boxes are else.

    An entry may stand twice.
    """
    first, *others = same
    if not others:
        return first.usable
    if all((one.name, one.size, one.usable) == (first.name, first.size, True) for one in same):
        for one in others:
            what = f"has the id {one.number!r} of {one.name!r} again; remove one"
            report(Fault.ENTRY, one.where, what)
        return True
    for one in same:
        if one.usable:
            other = first if one is not first else others[0]
            what = f"has the id {one.number!r} of {other.name or other.where!r}; give it another"
            report(Fault.TWICE, one.where, what)
    return False


def _parse_classes(entry: JsonEntry, report: Report) -> dict[Id, str]:
    classes: dict[Id, str] = {}
    for place, value in entry.items("categories"):
        where = f"{entry.where}: category {place}"
        try:
            one = JsonEntry.of(value, where)
            number, name = require_id(one, "id"), one.text("name")
        except LabelError as error:
            report(Fault.ENTRY, where, reason(error, where))
            continue
        if classes.setdefault(number, name) != name:
            raise LabelError(
                f"{where}: has the id {number!r} of {classes[number]!r}, so its boxes may be "
                "either; give each class an id of its own"
            )
    return classes


def _size(one: JsonEntry) -> tuple[int, int] | None:
    if "width" not in one.values or "height" not in one.values:
        return None
    size = one.whole("width"), one.whole("height")
    return size if all(size) else None
