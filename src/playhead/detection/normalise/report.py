"""What was repaired, left out or only noticed while labels became one set, counted by kind."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from playhead.detection.labels.raw import Fault
from playhead.events.images import PictureSet

__all__ = ["OUTCOMES", "Count", "Kind", "NormaliseReport", "Repair", "SourceTally", "counted"]


class Repair(StrEnum):
    """What comes to light once labels are held against their pictures, in the words of a report."""

    EMPTY = "label file without boxes"
    ALL_BROKEN = "label file without a usable box"
    SCORE = "score"
    SCALED = "size other than the picture's"
    WRONG_SIZE = "shape other than the picture's"
    CLIPPED = "reaches over the edge"
    OUTSIDE = "outside the picture"
    TOO_SMALL = "too small"
    DUPLICATE = "duplicate"
    UNWANTED = "class not asked for"
    UNREADABLE_PICTURE = "picture that cannot be read"
    SAME_NAME = "two pictures of one name"
    COPY = "the same picture twice"
    OTHER_NAME = "the same picture under two names"
    OTHER_PICTURE = "label of a kind of picture not read"
    NO_LABEL = "picture that no label speaks of"
    UNSURE = "picture that an unused label may mean"
    HELD_EMPTY = "picture without a label, as asked"
    SPACES = "class name with spaces around it"
    NO_GROUP = "name without a group"


Kind = Fault | Repair

OUTCOMES: dict[Kind, str] = {
    Fault.BOM: "read",
    Fault.CRLF: "read",
    Fault.CROWD: "box left out",
    Fault.BESIDE: "not read",
    Fault.COLUMNS: "box left out",
    Fault.NOT_A_NUMBER: "box left out",
    Fault.NOT_FINITE: "box left out",
    Fault.IN_PIXELS: "box left out",
    Fault.POLYGON: "box made around it",
    Fault.NO_AREA: "box left out",
    Fault.UNKNOWN_CLASS: "box left out",
    Fault.UNREADABLE_LABELS: "file left out",
    Fault.UNREADABLE_FOLDER: "folder left out",
    Fault.UNREAD: "file left out",
    Fault.MISSING_PICTURE: "label left out",
    Fault.NAMELESS: "label left out",
    Fault.AMBIGUOUS: "label left out",
    Fault.TWICE: "picture left out",
    Fault.OTHER_SPLIT: "the first holds",
    Fault.ENTRY: "label left out",
    Fault.OF_LOST: "box left out",
    Fault.OTHER_JSON: "passed over",
    Repair.EMPTY: "kept without objects",
    Repair.ALL_BROKEN: "picture left out",
    Repair.SCORE: "score left out",
    Repair.SCALED: "boxes scaled",
    Repair.WRONG_SIZE: "label left out",
    Repair.CLIPPED: "clipped",
    Repair.OUTSIDE: "box left out",
    Repair.TOO_SMALL: "box left out",
    Repair.DUPLICATE: "box left out",
    Repair.UNWANTED: "box left out",
    Repair.UNREADABLE_PICTURE: "picture left out",
    Repair.SAME_NAME: "kept apart",
    Repair.COPY: "labels merged",
    Repair.OTHER_NAME: "kept, in one group",
    Repair.OTHER_PICTURE: "label left out",
    Repair.NO_LABEL: "picture left out",
    Repair.UNSURE: "picture left out",
    Repair.HELD_EMPTY: "kept without objects",
    Repair.SPACES: "read without them",
    Repair.NO_GROUP: "a group of its own",
}


BOX_FAULTS = frozenset(
    kind for kind, outcome in OUTCOMES.items() if isinstance(kind, Fault) and outcome[:3] == "box"
) - {Fault.CROWD, Fault.POLYGON}


@dataclass(frozen=True, slots=True)
class Count:
    """How often something happened; where first, and what was got there; the first few of both."""

    count: int = 0
    where: str = ""
    what: str = ""
    examples: tuple[str, ...] = ()


@dataclass(slots=True)
class SourceTally:
    """What one source gave, and what became of it.

    roots: the folders of its labels and pictures
    names: what it calls its classes; labels: label files, or pictures of a document
    read and kept: boxes
    broken: the label files of which a reader left something out, folders that it could not list
    """

    name: str
    path: Path
    format: str
    most_examples: int
    roots: Sequence[Path] = ()
    names: Sequence[str] = ()
    labels: int = 0
    read: int = 0
    kept: int = 0
    counts: dict[Kind, Count] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)

    def add(self, kind: Kind, where: str, what: str = "") -> None:
        """Count one case; the first few are kept as examples, of names of any bytes too."""
        where, what = (one.encode(errors="backslashreplace").decode() for one in (where, what))
        known = self.counts.get(kind, Count(0, where, what))
        examples = known.examples
        if len(examples) < self.most_examples:
            examples = (*examples, f"{where}: {what}" if what else where)
        self.counts[kind] = replace(known, count=known.count + 1, examples=examples)

    def count(self, *kinds: Kind) -> int:
        """How often any of these happened."""
        return sum(self.counts.get(kind, Count()).count for kind in kinds)

    def fault(self, kind: Fault, where: str, what: str) -> None:
        """Count what a reader of labels tells."""
        self.add(kind, where, what)
        if kind in BOX_FAULTS:
            self.broken.add(where.rpartition(": ")[0])
        elif kind in {Fault.UNREADABLE_LABELS, Fault.UNREADABLE_FOLDER}:
            self.broken.add(where)

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            "name": self.name,
            "path": str(self.path),
            "format": self.format,
            "labels": self.labels,
            "boxes_read": self.read,
            "boxes_kept": self.kept,
            "found": {
                str(kind): {
                    "count": one.count,
                    "outcome": OUTCOMES[kind],
                    "examples": list(one.examples),
                }
                for kind, one in self.counts.items()
            },
        }


@dataclass(frozen=True, slots=True)
class NormaliseReport:
    """The set that sources became, and all that happened on the way.

    out: the folder that was written, None for a dry run
    """

    out: Path | None
    made: PictureSet
    sources: Sequence[SourceTally]
    warnings: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            "job": "detection",
            "out": None if self.out is None else str(self.out),
            "dry_run": self.out is None,
            "pictures": len(self.made),
            "groups": len({one.group for one in self.made.pictures}),
            "boxes": sum(self.made.count().values()),
            "classes": self.made.count(),
            "failed_files": self.failed,
            "splits": {split: _counts(part) for split, part in self._splits().items()},
            "warnings": list(self.warnings),
            "sources": [one.to_json() for one in self.sources],
        }

    @property
    def failed(self) -> int:
        """How many files, or folders of them, could not be read at all."""
        return sum(self._failures().values())

    def describe_failed(self) -> str:
        """Which files could not be read, in a line; empty for none."""
        said = ", ".join(f"{kind}: {count}" for kind, count in self._failures().items())
        return f"{counted(self.failed, 'file')} could not be read ({said})" if said else ""

    def _failures(self) -> dict[Kind, int]:
        kinds: tuple[Kind, ...] = (
            Fault.UNREADABLE_LABELS,
            Fault.UNREADABLE_FOLDER,
            Repair.UNREADABLE_PICTURE,
        )
        counts = {kind: sum(one.count(kind) for one in self.sources) for kind in kinds}
        return {kind: count for kind, count in counts.items() if count}

    def rows(self) -> list[dict[str, Any]]:
        """A row for each class, with its boxes in each split."""
        parts = {split: part.count() for split, part in self._splits().items()}
        return [
            {"class": name, "boxes": count} | {split: part[name] for split, part in parts.items()}
            for name, count in self.made.count().items()
        ]

    def describe(self) -> str:
        """What was made, in a line."""
        groups = counted(len({one.group for one in self.made.pictures}), "group")
        boxes = counted(sum(self.made.count().values()), "box", "es")
        said = f"{counted(len(self.made), 'picture')} in {groups} with {boxes}"
        return f"{said}: nothing was written" if self.out is None else f"{self.out}: {said}"

    def _splits(self) -> dict[str, PictureSet]:
        names = dict.fromkeys(one.split for one in self.made.pictures if one.split)
        pictures = self.made.pictures
        return {
            name: self.made.chosen([p for p, one in enumerate(pictures) if one.split == name])
            for name in sorted(names)
        }


def counted(number: int, thing: str, plural: str = "s") -> str:
    """A number of things in words, as `1 box`."""
    return f"{number} {thing}{'' if number == 1 else plural}"


def _counts(part: PictureSet) -> dict[str, int]:
    return {"pictures": len(part), "boxes": sum(part.count().values())}
