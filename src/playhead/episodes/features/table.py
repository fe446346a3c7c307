"""Prepared clips: an NPZ of features each, and `features.csv`, which lists them.

mfcc     float32 (20, columns)  of the sound, zeros at the end up to a multiple of 8 columns
frames   uint8 (T, 66, 88, 3)   RGB, one a second, letterboxed with black
text     bool (T, 27, 36)       boxes of text in these frames, letterboxed alike
seconds  float64 ()             length of the clip
start    float64 ()             its start in the episode, 0 for a clip that is a whole file
record   str                    JSON: what it was made of, so that a later run skips it
"""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from playhead.errors import LabelError
from playhead.events.formats.columns import UNREADABLE
from playhead.events.source import csv_rows
from playhead.files import atomic_path, inside, write_text

__all__ = [
    "FEATURES",
    "FRAME_SIZE",
    "NONE",
    "TABLE",
    "FeatureRow",
    "Features",
    "part_of",
    "read_features",
    "read_record",
    "read_table",
    "write_features",
    "write_table",
]

FEATURES = ".npz"
TABLE = "features.csv"
FRAME_SIZE = (88, 66)
"""Width and height of a frame."""
NONE = "none"
"""The label of a clip without a boundary."""

Part = Literal["start", "end"]
COLUMNS = ("name", "file", "group", "seconds", "label", "split")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Features:
    """The features of one clip; see the module for shapes and units."""

    mfcc: NDArray[np.float32]
    frames: NDArray[np.uint8]
    text: NDArray[np.bool_]
    seconds: float
    start: float = 0.0
    record: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count = len(self.frames)
        shapes = (self.mfcc.shape[:1], self.frames.shape, self.text.shape)
        if shapes != ((20,), (count, *FRAME_SIZE[::-1], 3), (count, 27, 36)):
            raise LabelError(
                f"features of {count} frames need MFCC (20, columns), frames ({count}, 66, 88, 3) "
                f"and text ({count}, 27, 36), got {self.mfcc.shape}, {self.frames.shape} and "
                f"{self.text.shape}"
            )
        if not (math.isfinite(self.seconds) and self.seconds > 0 and np.isfinite(self.mfcc).all()):
            raise LabelError("features need a length above 0 s and finite MFCC")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureRow:
    """A row of `features.csv`.

    name: ends in `_start` (the label is where the opening ends) or `_end` (where the ending starts)
    file: relative to the table; group: the series, which folds keep on one side
    label: seconds from the clip's start; None if the clip has no such boundary
    labelled: False if it is unknown whether there is one
    """

    name: str
    file: str
    group: str
    seconds: float
    label: float | None = None
    labelled: bool = True
    split: str | None = None


def part_of(name: str) -> Part | None:
    """`start` or `end` by the last part of a clip's name, None for any other name."""
    stem = PurePosixPath(name).name
    return "start" if stem.endswith("_start") else "end" if stem.endswith("_end") else None


def write_features(features: Features, path: Path) -> None:
    """Write NPZ without pickles, atomically."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            mfcc=features.mfcc,
            frames=features.frames,
            text=features.text,
            seconds=np.float64(features.seconds),
            start=np.float64(features.start),
            record=np.str_(json.dumps(dict(features.record))),
        )


def read_features(path: Path) -> Features:
    """Read the features of a clip. Raises LabelError if the file is not one of them."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return Features(
                mfcc=file["mfcc"].astype(np.float32, copy=False),
                frames=file["frames"].astype(np.uint8, copy=False),
                text=file["text"].astype(np.bool_, copy=False),
                seconds=float(file["seconds"]),
                start=float(file["start"]) if "start" in file else 0.0,
                record=json.loads(str(file["record"])) if "record" in file else {},
            )
    except (*UNREADABLE, KeyError, TypeError, LabelError) as error:
        raise LabelError(f"{path}: not a file of features: {error}") from error


def read_record(path: Path) -> dict[str, Any] | None:
    """What a file of features was made of, and its `seconds`; None if it is not a complete one."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {**json.loads(str(file["record"])), "seconds": float(file["seconds"])}
    except (*UNREADABLE, KeyError, TypeError):
        return None


def write_table(rows: Sequence[FeatureRow], path: Path) -> None:
    """Write `features.csv` atomically; a label that is not known is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        label = NONE if row.label is None else repr(float(row.label))
        writer.writerow(
            [
                *(row.name, row.file, row.group, repr(float(row.seconds))),
                *(label if row.labelled else "", row.split or ""),
            ]
        )
    write_text(path, text.getvalue())


def read_table(path: Path, *, skip_missing: bool = False) -> tuple[FeatureRow, ...]:
    """Read `features.csv`, or that of a folder; the files that it lists exist.

    skip_missing: leave out rows whose file does not exist, as after an interrupted run
    Raises LabelError naming the line for a missing file, one outside of the folder, a name twice,
    a label outside of the clip, or a number that is not one.
    """
    path = path / TABLE if path.is_dir() else path
    rows: dict[str, FeatureRow] = {}
    for where, cells in csv_rows(path, COLUMNS, ()):
        name = cells["name"]
        if name in rows:
            raise LabelError(f"{where}: {name} is listed twice; remove one")
        if not inside(path.parent, cells["file"]).is_file():
            if skip_missing:
                continue
            raise LabelError(
                f"{where}: {cells['file']}: there is no such file; prepare the clips again"
            )
        label = cells["label"]
        boundary = None if label in ("", NONE) else _number(where, "label", label)
        seconds = _number(where, "seconds", cells["seconds"])
        if boundary is not None and boundary > seconds:
            raise LabelError(f"{where}: label {boundary} s, but the clip has only {seconds} s")
        rows[name] = FeatureRow(
            name=name,
            file=cells["file"],
            group=cells["group"] or name,
            seconds=seconds,
            label=boundary,
            labelled=label != "",
            split=cells["split"] or None,
        )
    return tuple(rows.values())


def _number(where: str, column: str, cell: str) -> float:
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise LabelError(f"{where}: {column} needs seconds from 0, got {cell!r}")
    return number
