"""What matching a season answers: the segments of every episode, each with its evidence.

Times are seconds from the first presented video frame; a segment is the half-open span
`[start, end)`. A segment that was found but is not trusted stands under `rejected`, so that a
person sees it; only `segments` are written to chapters and skip lists.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from playhead.errors import LabelError

__all__ = ["KINDS", "EpisodeResult", "Evidence", "Segment", "first_names", "in_conflict"]

KINDS = ("opening", "ending", "recap", "eyecatch", "credits")
"""What a segment can be; credits are end credits without a repeated song."""

_IN_COMMON = 0.2
"""Two segments may share so much of the shorter one: boundaries are not exact."""

EVIDENCE_KINDS = ("sound", "image", "credits", "network")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One reason for a segment.

    kind: sound, image, credits or network
    score: in [0, 1], comparable only among evidence of one kind
    detail: one line for a person, e.g. "same sound in S01E02, S01E03 and 3 more"
    Raises LabelError for an unknown kind or a score outside [0, 1].
    """

    kind: str
    score: float
    detail: str

    def __post_init__(self) -> None:
        if self.kind not in EVIDENCE_KINDS:
            raise LabelError(
                f"unknown kind of evidence {self.kind!r}; the kinds are {', '.join(EVIDENCE_KINDS)}"
            )
        if not 0 <= self.score <= 1:
            raise LabelError(f"{self.kind} evidence: score {self.score} is not between 0 and 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One span of an episode, in seconds from its first video frame.

    confidence: calibrated probability that the segment is right
    cluster: number of the repeated thing in its season, so two openings are two clusters; None if
        it does not come from a repetition
    snapped_start, snapped_end: the nearest shot change or key frame, where that was asked for
    locked: corrected by a person, and therefore kept when the season is matched again
    Raises LabelError for an unknown kind, a negative or non-finite time, a span that does not end
    after it starts, or a confidence outside [0, 1].
    """

    kind: str
    start: float
    end: float
    confidence: float
    cluster: int | None = None
    snapped_start: float | None = None
    snapped_end: float | None = None
    evidence: tuple[Evidence, ...] = ()
    locked: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise LabelError(f"unknown kind {self.kind!r}; the kinds are {', '.join(KINDS)}")
        if not 0 <= self.start < self.end < math.inf:
            raise LabelError(
                f"{self.kind}: a span from {self.start} s to {self.end} s must start at 0 s or "
                "later and end after it starts"
            )
        if not 0 <= self.confidence <= 1:
            raise LabelError(
                f"{self.kind} at {self.start} s: confidence {self.confidence} is not between "
                "0 and 1"
            )
        for name in ("snapped_start", "snapped_end"):
            snapped = getattr(self, name)
            if snapped is not None and not 0 <= snapped < math.inf:
                raise LabelError(
                    f"{self.kind} at {self.start} s: {name} is {snapped}; it must be 0 s or later"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeResult:
    """The segments of one episode, in order of their start.

    video: path relative to the season folder, with forward slashes
    duration: in seconds
    rejected: segments below the confidence threshold, which are shown but not written
    notes: what a person should know, e.g. "no sound", "the same recording as S01E03.mkv"
    Raises LabelError for a duration that is negative or not finite.
    """

    video: str
    duration: float
    segments: tuple[Segment, ...]
    rejected: tuple[Segment, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.duration < math.inf:
            raise LabelError(
                f"{self.video}: the duration is {self.duration} s; it must be finite and not "
                "negative"
            )


class Span(Protocol):
    """Anything with a start and an end, in one unit."""

    @property
    def start(self) -> float:
        """Where it starts."""

    @property
    def end(self) -> float:
        """Where it ends."""


def in_conflict(first: Span, second: Span) -> bool:
    """Whether two spans of one episode overlap so much that only one can be a segment."""
    common = min(first.end, second.end) - max(first.start, second.start)
    return common > _IN_COMMON * min(first.end - first.start, second.end - second.start)


def first_names(names: Sequence[str]) -> str:
    """At most three names, for evidence: `a, b, c and 2 more`."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
