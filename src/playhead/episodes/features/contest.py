"""The contest's files: rows of labels and answers, and its score.

A label row is `NAME_start SECONDS` (where the opening ends) or `NAME_end SECONDS` (where the ending
starts). An answer row is `NAME_start.mp4,s,66.000`, with `e` for endings. The word `none` for a
clip without a boundary is our addition.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from playhead.episodes.features.table import NONE, part_of
from playhead.errors import LabelError
from playhead.events.source import read_text
from playhead.files import write_text

__all__ = [
    "FREE_SECONDS",
    "AnswerScore",
    "Answers",
    "contest_score",
    "read_answers",
    "read_labels",
    "score_answers",
    "write_answers",
    "write_labels",
]

FREE_SECONDS = 1.0
"""An error up to this long costs nothing."""

Answers = dict[str, float | None]
"""Seconds from the start of each clip by its name, None where there is no boundary."""


def contest_score(errors: ArrayLike) -> float:
    """The mean of max(0, |error| - 1 s) of errors in seconds (N,); NaN without any."""
    costs = np.maximum(0, np.abs(np.asarray(errors, np.float64)) - FREE_SECONDS)
    return float(costs.mean()) if costs.size else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerScore:
    """The score of answers to `clips` clips with a label, in seconds; lower is better.

    score: the contest's, over the clips that have a boundary and an answer; NaN without any
    missed: clips with a boundary whose answer is `none`; false: clips without one whose answer is a
        time
    """

    clips: int
    score: float
    missed: int
    false: int

    def to_json(self) -> dict[str, float | int | None]:
        """As a plain mapping; a score that is not a number is None."""
        score = None if math.isnan(self.score) else self.score
        return {"clips": self.clips, "score": score, "missed": self.missed, "false": self.false}


def score_answers(
    answers: Mapping[str, float | None], labels: Mapping[str, float | None]
) -> AnswerScore:
    """Score answers by their labels; answers without a label do not count.

    Raises LabelError if a clip with a label is not among the answers.
    """
    for name in labels:
        if name not in answers:
            raise LabelError(f"{name}: has a label, but no answer; the score needs all clips")
    pairs = [(answers[name], label) for name, label in labels.items()]
    errors = [a - label for a, label in pairs if a is not None and label is not None]
    return AnswerScore(
        clips=len(labels),
        score=contest_score(errors),
        missed=sum(a is None and label is not None for a, label in pairs),
        false=sum(a is not None and label is None for a, label in pairs),
    )


def read_labels(path: Path) -> Answers:
    """Read label rows. Raises LabelError naming the line for a wrong row or a name twice."""
    labels: Answers = {}
    for where, line in _lines(path):
        cells = line.rsplit(None, 1)
        if len(cells) != 2:
            raise LabelError(f"{where}: needs `NAME_start SECONDS`, got {line[:40]!r}")
        _add(labels, where, *cells)
    return labels


def write_labels(labels: Mapping[str, float | None], path: Path) -> None:
    """Write label rows atomically. Raises LabelError for a name that a row cannot hold."""
    rows = []
    for name, seconds in labels.items():
        if name != name.strip() or len(name.splitlines()) != 1:
            raise LabelError(
                f"{name!r}: a name in a label row has no line break, and no space at its ends"
            )
        rows.append(f"{name} {NONE if seconds is None else repr(float(seconds))}\n")
    write_text(path, "".join(rows))


def read_answers(path: Path) -> Answers:
    """Read answer rows. Raises LabelError naming the line for a wrong row or a name twice."""
    answers: Answers = {}
    for where, line in _lines(path):
        name, *rest = line.rsplit(",", 2)
        if len(rest) != 2:
            raise LabelError(f"{where}: needs `NAME_start.mp4,s,SECONDS`, got {line[:40]!r}")
        name = name.removesuffix(".mp4")
        _add(answers, where, name, rest[1].strip())
        if rest[0].strip() != (part_of(name) or "")[:1]:
            raise LabelError(f"{where}: {name} has the type {rest[0].strip()!r}; needs s or e")
    return answers


def write_answers(answers: Mapping[str, float | None], path: Path) -> None:
    """Write answer rows atomically, to the millisecond.

    Raises LabelError for a name that ends neither in `_start` nor in `_end`, or has a line break.
    """
    rows = []
    for name, seconds in answers.items():
        part = part_of(name)
        if part is None or len(name.splitlines()) != 1:
            raise LabelError(f"{name!r}: the name of a clip must end in _start or _end")
        rows.append(f"{name}.mp4,{part[0]},{NONE if seconds is None else f'{seconds:.3f}'}\n")
    write_text(path, "".join(rows))


def _lines(path: Path) -> Sequence[tuple[str, str]]:
    """The lines of a text that are not empty, each with its location."""
    lines = enumerate(read_text(path).splitlines(), start=1)
    return [(f"{path}: line {number}", line.strip()) for number, line in lines if line.strip()]


def _add(answers: Answers, where: str, name: str, cell: str) -> None:
    if part_of(name) is None:
        raise LabelError(f"{where}: {name!r}: the name of a clip must end in _start or _end")
    if name in answers:
        raise LabelError(f"{where}: {name} is listed twice; remove one")
    try:
        seconds = None if cell == NONE else float(cell)
    except ValueError:
        seconds = math.nan
    if seconds is not None and not 0 <= seconds < math.inf:
        raise LabelError(f"{where}: {name} needs seconds from 0, or {NONE}, got {cell!r}")
    answers[name] = seconds
