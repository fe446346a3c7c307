"""Cells of tables of clips: names of splits, labels that are spelled alike, seconds, mistakes.

Lists of videos and indices of clips are read with these.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from playhead.errors import LabelError
from playhead.output import counted

__all__ = ["SPLITS", "merged_labels", "refuse_mistakes", "seconds", "split_name"]

SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("valid", "val", "validate", "validation"), "valid"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Splits by the names that lists and folders use."""

LONGEST = 999_999
"""Seconds: the times in the name of a clip have six digits."""

_SHOWN = 20
"""Mistakes that an error lists; the others are counted."""


def split_name(text: str | None) -> str | None:
    """The split that a table or a folder names, None for an empty cell: `val` is `valid`."""
    return SPLITS.get(text.casefold(), text) if text else None


def merged_labels(labels: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """The label that each spelling stands for, and a note for those that were merged.

    Spellings that differ only in case or in spaces are one label, spelled as most clips do.
    """
    spellings = Counter(labels)
    alike: dict[str, list[str]] = {}
    for spelling in sorted(spellings, key=lambda text: (-spellings[text], text)):
        alike.setdefault(" ".join(spelling.split()).casefold(), []).append(spelling)
    notes = [
        f"labels that differ only in case or spaces are one: {', '.join(map(repr, names))} count "
        f"as {' '.join(names[0].split())!r}"
        for names in alike.values()
        if len(names) > 1
    ]
    return {name: " ".join(names[0].split()) for names in alike.values() for name in names}, notes


def refuse_mistakes(path: Path, mistakes: Sequence[str], remedy: str) -> None:
    """Raise LabelError with all mistakes of a table, each with its line, unless there are none."""
    if mistakes:
        more = len(mistakes) - _SHOWN
        listed = "; ".join(mistakes[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
        raise LabelError(f"{path}: {counted(len(mistakes), 'mistake')}: {listed}; {remedy}")


def seconds(column: str, cell: str) -> float | None:
    """The seconds in a cell, None if it is empty. Raises LabelError if they are none."""
    if not cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not 0 <= value <= LONGEST:
        raise LabelError(f"{column} needs seconds from 0, got {cell!r}")
    return value
