"""The report of normalisation: what was repaired, left out or noticed, counted by kind."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from playhead.detection.labels.parsed import Problem
from playhead.events.images import ImageSet
from playhead.output import counted, print_error, print_table

__all__ = ["OUTCOMES", "Kind", "NormaliseReport", "Repair", "SourceReport"]

_EXAMPLES = 5
"""Most examples of each kind in the report."""
_WIDTH = 60
"""Most characters of an example in the printed table."""


class Repair(StrEnum):
    """The findings once labels are matched to their images, as named in reports."""

    UNREADABLE_IMAGE = "unreadable image"
    NO_USABLE_BOX = "labels without a usable box"
    UNSURE = "image that an unused label may belong to"
    NO_LABEL = "image without a label"
    AMBIGUOUS = "label that matches several images"
    WRONG_SHAPE = "declared size with another aspect ratio"
    OUTSIDE = "outside the image"
    TOO_SMALL = "too small"
    OTHER_SPLIT = "image in two splits"
    NO_GROUP = "name without a group"
    CLIPPED = "extends past the edge"
    SCALED = "declared size of another scale"
    DUPLICATE = "duplicate"
    UNWANTED = "class not requested"
    SCORE = "score"
    EMPTY = "label without boxes"
    TAKEN_EMPTY = "image without a label, kept as empty"
    SAME_NAME = "two images with one name"
    COPY = "the same image twice"
    OTHER_NAME = "the same image under two names"


Kind = Problem | Repair

OUTCOMES: dict[Kind, str] = {
    Problem.UNREADABLE_LABELS: "file left out",
    Repair.UNREADABLE_IMAGE: "image left out",
    Repair.NO_USABLE_BOX: "image left out",
    Repair.UNSURE: "image left out",
    Repair.NO_LABEL: "image left out",
    Problem.MISSING_IMAGE: "label left out",
    Repair.AMBIGUOUS: "label left out",
    Problem.UNKNOWN_IMAGE: "label left out",
    Repair.WRONG_SHAPE: "label left out",
    Problem.COLUMNS: "box left out",
    Problem.NOT_A_NUMBER: "box left out",
    Problem.NOT_FINITE: "box left out",
    Problem.IN_PIXELS: "box left out",
    Problem.NO_AREA: "box left out",
    Problem.UNKNOWN_CLASS: "box left out",
    Repair.OUTSIDE: "box left out",
    Repair.TOO_SMALL: "box left out",
    Repair.OTHER_SPLIT: "the first one is used",
    Repair.NO_GROUP: "separate group",
    Repair.CLIPPED: "clipped",
    Repair.SCALED: "boxes scaled",
    Problem.POLYGON: "replaced by the box around it",
    Repair.DUPLICATE: "box left out",
    Repair.UNWANTED: "box left out",
    Problem.CROWD: "box left out",
    Repair.SCORE: "score left out",
    Repair.EMPTY: "kept without objects",
    Repair.TAKEN_EMPTY: "kept without objects",
    Repair.SAME_NAME: "kept under the names of their sources",
    Repair.COPY: "labels merged",
    Repair.OTHER_NAME: "kept, in one group",
}
"""The consequence of each kind, the greatest loss first."""
_FAILURES: tuple[Kind, ...] = (Problem.UNREADABLE_LABELS, Repair.UNREADABLE_IMAGE)


@dataclass(slots=True)
class SourceReport:
    """The findings in one source.

    roots: the folders of its labels and images
    labels: number of label files, or of images of a document; read and kept: numbers of boxes
    cases: for each kind, the number and the first examples
    """

    name: str
    path: Path
    format: str
    roots: Sequence[Path]
    labels: int = 0
    read: int = 0
    kept: int = 0
    cases: dict[Kind, tuple[int, list[str]]] = field(default_factory=dict)

    def add(self, kind: Kind, where: str, what: str = "") -> None:
        """Count one case; the first few are stored as examples."""
        count, examples = self.cases.get(kind, (0, []))
        if count < _EXAMPLES:
            text = f"{where}: {what}" if what else where
            examples.append(text.encode(errors="backslashreplace").decode())
        self.cases[kind] = count + 1, examples

    def total(self, *kinds: Kind) -> int:
        """The number of cases of these kinds."""
        return sum(self.cases[kind][0] for kind in kinds if kind in self.cases)

    def first(self, kind: Kind) -> str:
        """The first example of a kind, without the folder of the source, cut to fit a terminal."""
        text = self.cases[kind][1][0]
        for root in (*self.roots, *(root.resolve() for root in self.roots)):
            text = text.removeprefix(f"{root}/")
        if len(text) > _WIDTH:
            path, colon, rest = text.partition(": ")
            text = f".../{path.rpartition('/')[2]}{colon}{rest}"
        return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."

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
                str(kind): {"count": count, "outcome": OUTCOMES[kind], "examples": examples}
                for kind, (count, examples) in self.cases.items()
            },
        }


@dataclass(frozen=True, slots=True)
class NormaliseReport:
    """The merged data set, and the findings in all sources.

    out: the folder that was written, None for a dry run
    """

    out: Path | None
    images: ImageSet
    sources: Sequence[SourceReport]
    warnings: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            "job": "detection",
            "out": None if self.out is None else str(self.out),
            "dry_run": self.out is None,
            "images": len(self.images),
            "groups": len({image.group for image in self.images.images}),
            "boxes": sum(self.images.count().values()),
            "classes": self.images.count(),
            "failed_files": self.failed,
            "splits": {
                split: {"images": len(part), "boxes": sum(part.count().values())}
                for split, part in self._splits().items()
            },
            "warnings": list(self.warnings),
            "sources": [source.to_json() for source in self.sources],
        }

    @property
    def failed(self) -> int:
        """Number of files that could not be read."""
        return sum(source.total(*_FAILURES) for source in self.sources)

    def describe(self) -> str:
        """A summary of the set, in a line."""
        groups = counted(len({image.group for image in self.images.images}), "group")
        boxes = counted(sum(self.images.count().values()), "box", "es")
        text = f"{counted(len(self.images), 'image')} in {groups} with {boxes}"
        return f"{text}: nothing was written" if self.out is None else f"{self.out}: {text}"

    def repair_rows(self) -> list[dict[str, Any]]:
        """A row for each kind and source, the greatest loss first; a single source is not named."""
        rows = []
        for kind, outcome in OUTCOMES.items():
            for source in self.sources:
                if kind not in source.cases:
                    continue
                row: dict[str, Any] = {"source": source.name} if len(self.sources) > 1 else {}
                row |= {"count": source.total(kind), "found": str(kind), "outcome": outcome}
                rows.append(row | {"first": source.first(kind)})
        return rows

    def class_rows(self) -> list[dict[str, Any]]:
        """A row for each class, with its boxes in each split."""
        parts = {split: part.count() for split, part in self._splits().items()}
        return [
            {"class": name, "boxes": count} | {split: part[name] for split, part in parts.items()}
            for name, count in self.images.count().items()
        ]

    def _splits(self) -> dict[str, ImageSet]:
        images = self.images.images
        names = sorted({image.split for image in images if image.split})
        return {
            name: self.images.chosen([k for k, image in enumerate(images) if image.split == name])
            for name in names
        }

    def print(self) -> None:
        """Print every finding, the warnings, and the boxes of each class."""
        print_table(self.repair_rows())
        for warning in self.warnings:
            print_error(f"warning: {warning}")
        print_table(self.class_rows())
        sys.stdout.write(f"{self.describe()}\n")
        totals = {kind: sum(source.total(kind) for source in self.sources) for kind in _FAILURES}
        if self.failed:
            kinds = ", ".join(f"{kind}: {count}" for kind, count in totals.items() if count)
            files = counted(self.failed, "file")
            sys.stdout.write(f"exit code 3: {files} could not be read ({kinds})\n")
