"""Headers of label tables: which column is which, by its name, a common other name, or as told.

Case, spaces and `_-.` in a name do not matter, nor does a unit of seconds: `Start time (s)` is
`starttime`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from playhead.errors import LabelError

__all__ = ["COLUMNS", "Header", "as_columns", "is_known", "plain", "read_header"]

NAMES = {
    "video": "file filename videofile videofilename videoname videopath mediafile mediafilename",
    "label": "class classname event eventname action actionname behavior behaviour category",
    "time": "timestamp seconds second secs sec timeseconds start starttime startseconds onset begin"
    " begintime",
    "frame": "frameindex startframe",
    "end": "endtime endseconds endframe stop stoptime finish",
    "score": "confidence conf probability",
    "x1": "xmin",
    "y1": "ymin",
    "x2": "xmax",
    "y2": "ymax",
    "view": "camera",
    "track": "trackid",
}
COLUMNS = tuple(NAMES)
"""The columns of a label table."""

COLUMN_OF = {
    **{name: column for column, names in NAMES.items() for name in names.split()},
    **{column: column for column in COLUMNS},
}
UNIT = re.compile(r"[(\[]\s*(s|sec|secs|seconds?)\s*[)\]]$")


@dataclass(frozen=True, slots=True)
class Header:
    """The columns of a table.

    at: where each known column stands, from 0; ignored: the names of the others
    """

    at: dict[str, int]
    ignored: tuple[str, ...]
    width: int


def plain(name: str) -> str:
    """The name of a column without what does not matter."""
    return re.sub(r"[\s_.-]", "", UNIT.sub("", name.strip().casefold()))


def is_known(name: str) -> bool:
    """Whether a column of this name is one of COLUMNS."""
    return plain(name) in COLUMN_OF


def as_columns(text: str) -> dict[str, str]:
    """Columns from `time=Zeit,label=Aktion`. Raises LabelError for other text and other columns."""
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    columns = {name.strip().lower(): header.strip() for name, _, header in pairs}
    if not pairs or not all(columns.values()) or len(columns) < len(pairs):
        raise LabelError(f"columns {text!r}: needs pairs as in time=Zeit,label=Aktion")
    _check_columns(columns)
    return columns


def read_header(
    path: Path, header: Sequence[str], columns: Mapping[str, str] | None, notes: list[str]
) -> Header:
    """Which column of a table is which; names of columns that are ignored are noted.

    columns: the name in the table of some known columns, which then have no other
    Raises LabelError if a named column is missing, or two columns could be the same.
    """
    told = dict(columns or {})
    _check_columns(told)
    at = {column: _find(path, header, column, name) for column, name in told.items()}
    if {"time", "frame"} & set(told):  # the one that was not named is ignored
        told |= dict.fromkeys(("time", "frame"), "")
    places: dict[str, list[int]] = {}
    for place, name in enumerate(header):
        column = COLUMN_OF.get(plain(name))
        if column is not None and column not in told and place not in at.values():
            places.setdefault(column, []).append(place)
    for column, several in places.items():
        exact = [place for place in several if plain(header[place]) == column] or several
        if len(exact) > 1:
            names = [header[place] for place in exact]
            raise LabelError(
                f"{path}: the column {names[0]!r} appears twice; keep one"
                if len(set(map(plain, names))) == 1
                else f"{path}: {' and '.join(map(repr, names))} could both be the {column}; choose "
                f"with --columns {column}={names[0]}"
            )
        at[column] = exact[0]
    ignored = tuple(name for place, name in enumerate(header) if name and place not in at.values())
    for name in ignored:
        close = get_close_matches(plain(name), [c for c in COLUMNS if c not in at], 1, 0.75)
        if close and len(plain(name)) > 2:
            notes.append(
                f"{path}: the column {name!r} is ignored, but looks like {close[0]}; if it is, "
                f"give --columns {close[0]}={name}"
            )
    if ignored:
        notes.append(f"{path}: ignored columns: {', '.join(ignored)}")
    return Header(at, ignored, len(header))


def _check_columns(columns: Mapping[str, str]) -> None:
    for column in columns:
        if column not in COLUMNS:
            raise LabelError(
                f"columns: {column!r} is not a column; choose from {', '.join(COLUMNS)}"
            )


def _find(path: Path, header: Sequence[str], column: str, name: str) -> int:
    places = [place for place, known in enumerate(header) if known == name] or [
        place for place, known in enumerate(header) if plain(known) == plain(name)
    ]
    if len(places) != 1:
        raise LabelError(
            f"{path}: --columns {column}={name}: {'no' if not places else 'more than one'} column "
            f"is named {name!r}; the header is {', '.join(header) or 'empty'}"
        )
    return places[0]
