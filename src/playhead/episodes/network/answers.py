"""Answers of a network to clips, with all its scores: one JSON file a clip."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playhead.events.source import JsonEntry, read_json
from playhead.files import write_text

__all__ = ["ANSWER", "ANSWERS", "PRESENT", "BoundaryAnswer", "read_answer", "write_answer"]

ANSWER, ANSWERS = ".answer.json", "answers.csv"
"""The suffix of the file of one clip, and the name of the contest's rows of all."""

PRESENT = 0.5
"""The probability from which there is a boundary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundaryAnswer:
    """The answer to one clip; seconds from the start of the clip.

    clip: its name, which ends in `_start` or `_end`
    first: the answer before the second look, the same without one
    presence: the probability that there is a boundary, 1 if the network does not say
    start: the second at which the part begins that the network saw
    moments: the probability of each second from `start`, empty if the network has no such scores
    """

    clip: str
    seconds: float
    first: float
    presence: float
    start: int = 0
    moments: tuple[float, ...] = ()

    @property
    def answer(self) -> float | None:
        """The seconds, or None if there is no boundary."""
        return self.seconds if self.presence >= PRESENT else None

    def probability_near(self, seconds: float, tolerance: float = 1.0) -> float | None:
        """The probability of a boundary in a moment whose middle is within `tolerance` of a time.

        None if the network has no scores of moments.
        """
        if not self.moments:
            return None
        near = [
            score
            for index, score in enumerate(self.moments)
            if abs(self.start + index + 0.5 - seconds) <= tolerance
        ]
        return self.presence * sum(near)

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            "clip": self.clip,
            "seconds": round(self.seconds, 3),
            "first": round(self.first, 3),
            "presence": round(self.presence, 4),
            "start": self.start,
            "moments": [round(score, 6) for score in self.moments],
        }


def write_answer(answer: BoundaryAnswer, path: Path) -> None:
    """Write one answer with all its scores, atomically."""
    write_text(path, json.dumps(answer.to_json()) + "\n")


def read_answer(path: Path) -> BoundaryAnswer:
    """Read an answer back. Raises LabelError naming the entry that is missing or wrong."""
    entry = JsonEntry.of(read_json(path), str(path))
    return BoundaryAnswer(
        clip=entry.text("clip"),
        seconds=entry.number("seconds"),
        first=entry.number("first"),
        presence=entry.number("presence"),
        start=entry.whole("start"),
        moments=tuple(float(score) for _, score in entry.items("moments")),
    )
