"""Openings as other sets label them: spans of episodes, checked, and what they say in advance.

A set is a JSON object of episodes, `{ID: {url, name, start, end}}`, with times as `h:mm:ss`. A
person who types two times swaps them easily; the checker finds such rows.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from playhead.episodes.features.contest import contest_score
from playhead.episodes.features.table import part_of
from playhead.errors import LabelError
from playhead.events.source import JsonEntry, read_json

__all__ = [
    "Finding",
    "IntroLabel",
    "Prior",
    "check_intros",
    "contest_priors",
    "corrected",
    "intro_priors",
    "prior_of",
    "read_intros",
]

LONGEST = 300.0
"""Seconds: what is longer is no opening."""
_TIME = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:\.\d+)?)")

Problem = Literal["swapped", "empty", "long", "repeated", "contradicts"]


@dataclass(frozen=True, slots=True)
class IntroLabel:
    """Where the opening of an episode lies, as it was typed: seconds, possibly swapped."""

    name: str
    start: float
    end: float
    title: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A row that the checker doubts: the position of the row, its problem, and a line on it."""

    row: int
    name: str
    problem: Problem
    detail: str


@dataclass(frozen=True, slots=True)
class Prior:
    """The spread of values in seconds: how many, their 5 %, 50 % and 95 % quantiles.

    constant: the contest's score if the median is the answer to all
    """

    count: int
    low: float
    median: float
    high: float
    constant: float


def read_intros(path: Path) -> tuple[IntroLabel, ...]:
    """Read a set of labels. Raises LabelError naming the entry for a time that is not one."""
    rows = []
    for name, value in JsonEntry.of(read_json(path), str(path)).values.items():
        entry = JsonEntry.of(value, f"{path}: {name}")
        start, end = (_seconds(entry, key) for key in ("start", "end"))
        rows.append(IntroLabel(name, start, end, entry.optional_text("name") or ""))
    return tuple(rows)


def check_intros(labels: Sequence[IntroLabel]) -> list[Finding]:
    """The rows that are wrong or doubtful, in their order; a row can have several problems.

    swapped: the start is after the end; empty: they are equal; long: over 300 s; repeated: an
    episode of an earlier row; contradicts: the same, but with other times
    """
    findings = []
    first: dict[str, int] = {}
    for row, label in enumerate(labels):

        def add(problem: Problem, detail: str, row: int = row, name: str = label.name) -> None:
            findings.append(Finding(row, name, problem, detail))

        if label.start > label.end:
            add("swapped", f"starts at {label.start:g} s, after its end at {label.end:g} s")
        if label.start == label.end:
            add("empty", f"starts and ends at {label.start:g} s")
        if abs(label.end - label.start) > LONGEST:
            add("long", f"is {abs(label.end - label.start):g} s long")
        earlier = first.setdefault(label.name, row)
        if earlier != row:
            same = corrected(labels[earlier]) == corrected(label)
            add("repeated" if same else "contradicts", f"is also row {earlier}")
    return findings


def corrected(label: IntroLabel) -> IntroLabel:
    """The label with its start before its end."""
    low, high = sorted((label.start, label.end))
    return replace(label, start=low, end=high)


def intro_priors(labels: Iterable[IntroLabel]) -> dict[str, Prior]:
    """The priors of `start` and `length`, of labels that are neither empty nor too long."""
    spans = [corrected(label) for label in labels]
    kept = [span for span in spans if 0 < span.end - span.start <= LONGEST]
    return {
        "start": prior_of([span.start for span in kept]),
        "length": prior_of([span.end - span.start for span in kept]),
    }


def contest_priors(labels: Mapping[str, float | None]) -> dict[str, Prior]:
    """The priors of the contest's labels: of `start` (where openings end), `end`, and `all`."""
    known = {name: label for name, label in labels.items() if label is not None}
    return {
        "start": prior_of([label for name, label in known.items() if part_of(name) == "start"]),
        "end": prior_of([label for name, label in known.items() if part_of(name) == "end"]),
        "all": prior_of(list(known.values())),
    }


def prior_of(values: ArrayLike) -> Prior:
    """The spread of values (N,); NaN without any."""
    array = np.asarray(values, np.float64)
    if not array.size:
        return Prior(0, *[float("nan")] * 4)
    low, median, high = np.quantile(array, (0.05, 0.5, 0.95)).tolist()
    return Prior(len(array), low, median, high, contest_score(array - median))


def _seconds(entry: JsonEntry, key: str) -> float:
    text = entry.text(key)
    parts = _TIME.fullmatch(text)
    if parts is None or float(parts[2]) >= 60 or float(parts[3]) >= 60:
        raise LabelError(f"{entry.where}: {key!r} needs a time as h:mm:ss, got {text!r}")
    return 3600.0 * int(parts[1] or 0) + 60.0 * int(parts[2]) + float(parts[3])
