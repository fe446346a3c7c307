"""What an episode shares of its images with others, as one episode sees it, and as segments."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from playhead.episodes.images.credits import on_black
from playhead.episodes.images.looks import LOOKS_RATE, Looks
from playhead.episodes.images.matching import ImageRun
from playhead.episodes.segments import EpisodeResult, Evidence, Segment, first_names

__all__ = ["SHORTEST", "SONGS", "Shared", "grouped", "seen_by", "shared_segments"]

SONGS = ("opening", "ending")

SHORTEST = 6.0

_LONGEST = 0.4
"""Share of an episode: longer common images are not an opening."""

_COVERED = 0.8
"""Share of a partner's segment that common images must cover for its boundaries to be taken."""

_PART = 0.5
"""Of the longest run at a place: shorter ones are of something that shares a part of it."""

_UNCLEAR = 0.1
"""An occurrence so near to the middle of its episode is neither opening nor ending."""

_SURE = 0.85
"""The confidence of images alone stays below this."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What an episode shares with a partner, in seconds; known: boundaries are the partner's."""

    partner: int
    start: float
    end: float
    distinct: int
    alike: float
    known: bool


def seen_by(
    run: ImageRun,
    partner: int,
    number: int,
    heard: Sequence[EpisodeResult],
    rates: Sequence[float],
    *,
    duration: float,
) -> Shared | None:
    """A run as one of its two episodes sees it, in seconds of its file.

    None if it is a small part of what the partner's sound knows: two openings share some images.
    """
    start, end, lag = run.start, run.end, run.lag
    if partner < number:  # the run is that of the earlier episode
        start, end, lag = start + lag, end + lag, -lag
    # The first frame that agrees comes up to an interval late, and so does the first that does not.
    first = (start - 0.5) / LOOKS_RATE if start else 0.0
    last = (end - 0.5) / LOOKS_RATE
    known = False
    for segment in heard[partner].segments:
        begin = segment.start * rates[partner] - lag / LOOKS_RATE
        stop = segment.end * rates[partner] - lag / LOOKS_RATE
        common = min(stop, last) - max(begin, first)
        if segment.kind in SONGS and common > 0 and stop - begin > 2 * common:
            return None
        if segment.kind in SONGS and common >= _COVERED * (stop - begin):
            first, last, known = begin, stop, True
            break
    first, last = max(first / rates[number], 0.0), min(last / rates[number], duration)
    if duration - last < 1 / LOOKS_RATE:
        last = duration
    return Shared(partner, first, last, run.distinct, run.alike, known)


def grouped(shared: Iterable[Shared]) -> list[list[Shared]]:
    """What is shared with several partners at one place, in groups."""
    groups: list[list[Shared]] = []
    for item in sorted(shared, key=lambda item: (not item.known, -item.distinct)):
        for group in groups:
            common = min(item.end, group[0].end) - max(item.start, group[0].start)
            if common > 0.5 * min(item.end - item.start, group[0].end - group[0].start):
                group.append(item)
                break
        else:
            groups.append([item])
    return groups


def shared_segments(
    number: int,
    groups: Iterable[Sequence[Shared]],
    results: Sequence[EpisodeResult],
    looks: Looks,
    *,
    partners: int,
) -> list[Segment]:
    """The groups of an episode as segments, the most trusted first."""
    duration = results[number].duration
    segments = []
    for group in groups:
        # Credits may share their first cards with an ending: the longest runs are of one thing.
        longest = max(item.end - item.start for item in group)
        long = [item for item in group if item.end - item.start >= _PART * longest]
        best = [item for item in group if item.known] or long
        start = float(np.median([item.start for item in best]))
        end = float(np.median([item.end for item in best]))
        place = (start + end) / 2 / duration if duration else 0.5
        if not SHORTEST <= end - start <= _LONGEST * duration or abs(place - 0.5) < _UNCLEAR:
            continue
        kind = "opening" if place < 0.5 else "ending"
        away = start / duration if kind == "opening" else 1 - end / duration
        span = slice(round(start * LOOKS_RATE), max(round(end * LOOKS_RATE), 1))
        if kind == "ending" and float(np.mean(on_black(looks)[span])) > 0.5:
            kind = "credits"
        names = sorted({item.partner for item in group})
        images = round(float(np.median([item.distinct for item in group])))
        alike = float(np.mean([item.alike for item in group]))
        told = first_names([Path(results[n].video).name for n in names])
        segments.append(
            Segment(
                kind=kind,
                start=start,
                end=end,
                confidence=round(_confidence(images, len(names), partners, away), 4),
                cluster=_cluster(kind, group, results),
                evidence=(
                    Evidence(
                        kind="image",
                        score=round(alike, 4),
                        detail=f"{images} images as in {told}",
                    ),
                ),
            )
        )
    return sorted(segments, key=lambda segment: -segment.confidence)


def _confidence(images: int, agree: int, partners: int, away: float) -> float:
    """A probability: rises with the distinct images, the episodes that agree, and the place."""
    logit = (
        -2.0
        + 1.2 * np.log(images / 4)
        + 1.2 * np.log(agree)
        + 0.5 * agree / max(partners, 1)
        + 1.5 * max(0.0, 1 - away / 0.4)
    )
    return float(_SURE / (1 + np.exp(-logit)))


def _cluster(kind: str, group: Sequence[Shared], results: Sequence[EpisodeResult]) -> int:
    """The number of the repeated thing, as a partner has it, or else a new one."""
    numbers = [
        segment.cluster
        for item in group
        for segment in results[item.partner].segments
        if segment.cluster is not None
        and segment.kind == kind
        and (item.known or segment.evidence[0].kind == "image")
    ]
    if numbers:
        return max(numbers, key=numbers.count)
    used = [s.cluster for result in results for s in result.segments if s.cluster is not None]
    return max(used, default=-1) + 1
