"""The table of what was repaired: what is lost first, in lines that fit a terminal."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from playhead.detection.labels.raw import Fault
from playhead.detection.normalise.report import OUTCOMES, Count, Kind, Repair, SourceTally

__all__ = ["repair_rows"]

_WIDTH = 100
_GAP = 2
_NAME = 14
"""Of a source, at most."""
_LEAST = 16
"""Of the first place of a kind, however wide the other columns are."""

_SEVERITY = (
    "folder left out",
    "file left out",
    "picture left out",
    "label left out",
    "box left out",
    "the first holds",
    "a group of its own",
    "clipped",
    "boxes scaled",
    "box made around it",
)
"""What became of a case, the worst first; all else loses and changes nothing."""
_NOTHING_LOST = frozenset({Repair.DUPLICATE, Repair.UNWANTED, Fault.CROWD})
"""Boxes that were left out and are not missed."""


def repair_rows(tallies: Sequence[SourceTally]) -> list[dict[str, Any]]:
    """A row for each source and kind of case, the worst first, in 100 columns.

    A single source is not named.
    """
    cases = [(tally, kind, one) for tally in tallies for kind, one in tally.counts.items()]
    cases.sort(key=lambda case: (_rank(case[1]), -case[2].count))
    rows: list[dict[str, Any]] = [
        ({"source": _elided(tally.name, _NAME)} if len(tallies) > 1 else {})
        | {
            "count": one.count,
            "found": str(kind),
            "outcome": OUTCOMES[kind],
        }
        for tally, kind, one in cases
    ]
    room = max(_WIDTH - _taken(rows), _LEAST)
    firsts = (_first(one, tally.roots, room) for tally, _, one in cases)
    return [row | {"first": first} for row, first in zip(rows, firsts, strict=True)]


def _rank(kind: Kind) -> tuple[int, int]:
    outcome = OUTCOMES[kind]
    if kind in _NOTHING_LOST or outcome not in _SEVERITY:
        return len(_SEVERITY), int(kind in {Fault.BOM, Fault.CRLF})
    return _SEVERITY.index(outcome), 0


def _taken(rows: Sequence[Mapping[str, Any]]) -> int:
    """The columns that a printed table takes, the gap behind it too."""
    titles = rows[0] if rows else ()
    return sum(max(len(title), *(len(str(row[title])) for row in rows)) + _GAP for title in titles)


def _first(count: Count, roots: Sequence[Path], room: int) -> str:
    """Where a case came up first, and what was wrong there if there is room for it."""
    place = _relative(count.where, roots)
    whole = f"{place}: {count.what}" if count.what else place
    if len(whole) <= room:
        return whole
    file = f".../{place.rpartition('/')[2]}"
    return _elided(place if len(place) <= room else file, room)


def _relative(where: str, roots: Sequence[Path]) -> str:
    """A place without the folder that it lies in."""
    for root in roots:
        for form in (root, root.resolve()):
            if where.startswith(f"{form}/"):
                return where[len(f"{form}/") :]
    return where


def _elided(text: str, width: int) -> str:
    """A text with its middle left out where it is too long: the end tells more than the start."""
    if len(text) <= width:
        return text
    head = (width - 3) // 3
    return f"{text[:head]}...{text[head + 3 - width :]}"
