"""Answers of a network to clips, kept as a table and as one JSON file a clip."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playhead.events.source import JsonEntry, read_json
from playhead.files import write_text

__all__ = [
    "ANSWER",
    "ANSWERS",
    "BoundaryAnswer",
    "read_answer",
    "write_answer",
    "write_answers",
]

ANSWER, ANSWERS = ".answer.json", "answers.csv"
"""The suffix of the file of one clip, and the name of the table of all."""

COLUMNS = ("clip", "kind", "seconds", "first", "presence")


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundaryAnswer:
    """The answer to one clip; seconds from the start of the whole clip.

    clip: its name; kind: opening or ending
    first: the answer before the second look, the same without one
    presence: the probability that there is a boundary, 1 if the network does not say
    start: the second at which the part begins that the network saw
    moments: the probability of each second from `start`, empty if the network has no such scores
    """

    clip: str
    kind: str
    seconds: float
    first: float
    presence: float
    start: int = 0
    moments: tuple[float, ...] = ()

    @property
    def present(self) -> bool:
        """Whether there is a boundary."""
        return self.presence >= 0.5

    def probability_near(self, seconds: float, tolerance: float = 1.0) -> float | None:
        """The probability of the moments within `tolerance` of a time, if there are scores."""
        if not self.moments:
            return None
        middles = (self.start + index + 0.5 for index in range(len(self.moments)))
        near = (
            score
            for middle, score in zip(middles, self.moments, strict=True)
            if abs(middle - seconds) <= tolerance
        )
        return self.presence * sum(near)

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            "clip": self.clip,
            "kind": self.kind,
            "seconds": round(self.seconds, 3),
            "first": round(self.first, 3),
            "presence": round(self.presence, 4),
            "start": self.start,
            "moments": [round(score, 6) for score in self.moments],
        }


def write_answer(answer: BoundaryAnswer, path: Path) -> None:
    """Write one answer with all its scores, atomically."""
    write_text(path, json.dumps(answer.to_json(), indent=1) + "\n")


def read_answer(path: Path) -> BoundaryAnswer:
    """Read an answer back. Raises LabelError naming the entry that is missing or wrong."""
    entry = JsonEntry.of(read_json(path), str(path))
    return BoundaryAnswer(
        clip=entry.text("clip"),
        kind=entry.text("kind"),
        seconds=entry.number("seconds"),
        first=entry.number("first"),
        presence=entry.number("presence"),
        start=entry.whole("start"),
        moments=tuple(float(score) for _, score in entry.items("moments")),
    )


def write_answers(answers: Sequence[BoundaryAnswer], path: Path) -> None:
    """Write the table `clip,kind,seconds,first,presence`, atomically."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for answer in answers:
        values = answer.to_json()
        writer.writerow([values[name] for name in COLUMNS])
    write_text(path, text.getvalue())
