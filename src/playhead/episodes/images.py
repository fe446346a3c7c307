"""What images tell of a season whose sound does not tell enough.

Reading images takes far longer than reading sound, so by default only those of episodes are read
in which sound found no opening or no ending, and of a few others to compare them with. Where the
other episode's segment is known from its sound, its boundaries are carried over.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from playhead.episodes.credits import find_credits, on_black
from playhead.episodes.decide import THRESHOLD
from playhead.episodes.image_matching import ImageRun, at_speed, find_image_runs
from playhead.episodes.looks import LOOKS_RATE, Looks, read_looks, shot_changes_near
from playhead.episodes.segments import (
    EpisodeResult,
    Evidence,
    Segment,
    first_names,
    in_conflict,
)
from playhead.errors import FileFailure
from playhead.media import open_video

__all__ = ["Images", "add_image_segments"]

Images = Literal["auto", "always", "never"]

_SONGS = ("opening", "ending")
_REFERENCES = 3
"""Episodes with the segment that another one lacks, whose images are read too."""
_REACH = 16
"""Two episodes without a segment are compared if they are at most so far apart."""
_SHORTEST = 6.0
_LONGEST = 0.4
"""Share of an episode: longer common images are not an opening."""
_COVERED = 0.8
"""Share of a partner's segment that common images must cover for its boundaries to be taken."""
_PART = 0.5
"""Of the longest run at a place: shorter ones are of something that shares a part of it."""
_PROBES = 3
"""Episodes whose images are read first where no episode of the season has a kind of segment."""
_EQUAL = 0.9
"""Two episodes whose images agree for so much of both are the same."""
_UNCLEAR = 0.1
"""An occurrence so near to the middle of its episode is neither opening nor ending."""
_NEAR = 0.75
"""Seconds around a boundary in which a shot change is taken for it."""
_SURE = 0.85
"""The confidence of images alone stays below this."""


@dataclass(frozen=True, slots=True)
class _Shared:
    """What an episode shares with a partner, in seconds; known: boundaries are the partner's."""

    partner: int
    start: float
    end: float
    distinct: int
    alike: float
    known: bool


def add_image_segments(
    paths: Sequence[Path],
    results: Sequence[EpisodeResult],
    *,
    speeds: Sequence[float] = (),
    images: Images = "auto",
    threshold: float = THRESHOLD,
    store: Path | None = None,
    tell: Callable[[str], None] = lambda note: None,
) -> tuple[EpisodeResult, ...]:
    """The results of a season with openings, endings and credits that images show.

    paths: the files of the results; speeds: how much faster each plays than the season, 1 without
    images: auto reads those of episodes that lack a segment, always those of all, never none
    store: the folder of stored looks; the default one if None
    tell: is called with a note before each file that is read
    A file whose images cannot be read keeps its result, with a note.
    """
    rates = [*speeds, *[1.0] * (len(results) - len(speeds))]
    season = _Season(paths, list(results), rates, store, tell)
    if images == "never" or not results:
        return tuple(results)
    if images == "always":
        season.read(range(len(results)))
    heard = [n for n, result in enumerate(results) if any(_of(result, kind) for kind in _SONGS)]
    for kind in _SONGS:
        lacking = [n for n, result in enumerate(results) if not _of(result, kind)]
        known = [n for n in range(len(results)) if n not in lacking]
        # A season may have none of a kind: a few episodes tell.
        unsure = bool(heard) and not known and images == "auto"
        if unsure and not season.probe(kind, lacking[:_PROBES], threshold):
            continue
        season.search(kind, lacking, known, threshold)
    if images == "always":
        season.support()
    return tuple(season.results)


class _Season:
    """The results of a season while its images are read and compared."""

    def __init__(
        self,
        paths: Sequence[Path],
        results: list[EpisodeResult],
        rates: Sequence[float],
        store: Path | None,
        tell: Callable[[str], None],
    ) -> None:
        self.paths = paths
        self.heard = tuple(results)
        self.results = results
        self.rates = rates
        self.store = store
        self.tell = tell
        self.looks: dict[int, Looks | None] = {}
        self.hashes: dict[int, NDArray[np.uint64]] = {}
        self.runs: dict[tuple[int, int], list[ImageRun]] = {}

    def search(
        self, kind: str, lacking: Sequence[int], known: Sequence[int], threshold: float
    ) -> None:
        """Add segments of a kind to the episodes that lack one; known: those that have it."""
        partners: dict[int, list[int]] = {}
        for number in lacking:
            near = sorted(known, key=lambda n: abs(n - number))[:_REFERENCES]
            others = [n for n in lacking if n != number and abs(n - number) <= _REACH]
            partners[number] = [*near, *others]
        self.read({*lacking, *(n for near in partners.values() for n in near)})
        for number in lacking:
            look = self.looks[number]
            if look is None or _of(self.results[number], kind):
                continue
            candidates = self.candidates(number, partners[number])
            if kind == "ending":
                credits = find_credits(look, self.results[number].duration)
                candidates = _with_credits(candidates, credits)
            for candidate in candidates:
                if kind == candidate.kind or (kind, candidate.kind) == ("ending", "credits"):
                    self.add(number, candidate, threshold)

    def probe(self, kind: str, lacking: Sequence[int], threshold: float) -> bool:
        """Whether a search of these episodes alone adds a segment; if so, it is taken back."""
        before = list(self.results)
        self.search(kind, lacking, (), threshold)
        added = any(
            len(new.segments) > len(old.segments)
            for new, old in zip(self.results, before, strict=True)
        )
        if added:  # with all episodes the answer is better
            self.results = [
                replace(new, segments=old.segments, rejected=old.rejected)
                for new, old in zip(self.results, before, strict=True)
            ]
        return added

    def support(self) -> None:
        """Add the evidence of images to segments that were found by sound."""
        for number in range(len(self.heard)):
            if self.looks[number] is None:
                continue
            near = [n for n in range(len(self.heard)) if 0 < abs(n - number) <= _REACH]
            candidates = self.candidates(number, near)
            segments = tuple(_supported(s, candidates) for s in self.results[number].segments)
            self.results[number] = replace(self.results[number], segments=segments)

    def read(self, numbers: Iterable[int]) -> None:
        """Read the images of episodes, once."""
        for number in sorted(set(numbers) - set(self.looks)):
            path, result = self.paths[number], self.results[number]
            self.tell(f"images of {path.name}")
            self.looks[number] = None
            with FileFailure(path) as failure:
                look = read_looks(path, folder=self.store)
                if not result.duration:  # of a film without sound
                    with open_video(path) as video:
                        result = replace(result, duration=video.duration)
                self.looks[number] = look
                self.hashes[number] = at_speed(look.hashes, self.rates[number])
            if failure.reason:
                result = _noted(result, "its images cannot be read")
            self.results[number] = result

    def candidates(self, number: int, partners: Sequence[int]) -> list[Segment]:
        """What an episode shares with others as segments, the most trusted first."""
        look = self.looks[number]
        readable = [n for n in partners if self.looks[n] is not None]
        if look is None:
            return []
        shared = [item for n in readable for item in self._shared(number, n)]
        groups = _groups(shared)
        return _segments(number, groups, self.results, look, partners=len(readable))

    def add(self, number: int, candidate: Segment, threshold: float) -> None:
        """Add a segment, as rejected if it is not trusted or others lie there."""
        result, path = self.results[number], self.paths[number]
        placed = candidate
        with FileFailure(path) as failure:
            placed = _at_shot_changes(path, candidate)
        if failure.reason:  # the boundaries of the sampled images stay
            result = _noted(result, "no shot changes can be read at boundaries found by images")
        taken = any(
            placed.kind == other.kind or in_conflict(placed, other) for other in result.segments
        )
        if placed.confidence >= threshold and not taken:
            segments = sorted((*result.segments, placed), key=lambda segment: segment.start)
            self.results[number] = replace(result, segments=tuple(segments))
        else:
            segments = sorted({*result.rejected, placed}, key=lambda segment: segment.start)
            self.results[number] = replace(result, rejected=tuple(segments))

    def _shared(self, number: int, partner: int) -> list[_Shared]:
        a, b = sorted((number, partner))
        if (a, b) not in self.runs:
            self.tell(f"comparing images of {self.paths[a].name} and {self.paths[b].name}")
            self.runs[a, b] = find_image_runs(
                self.hashes[a], self.hashes[b], shortest=round(_SHORTEST * LOOKS_RATE)
            )
            longest = max(len(self.hashes[a]), len(self.hashes[b]))
            if any(run.end - run.start >= _EQUAL * longest for run in self.runs[a, b]):
                self.runs[a, b] = []
                note = f"the same images as {self.paths[a].name}"
                self.results[b] = _noted(self.results[b], note)
        seen = [
            _seen(
                run, partner, number, self.heard, self.rates, duration=self.results[number].duration
            )
            for run in self.runs[a, b]
        ]
        return [item for item in seen if item is not None]


def _with_credits(candidates: Sequence[Segment], credits: Segment | None) -> list[Segment]:
    """The candidates of an episode with its credits, the last choice.

    Text on black ends where it ends, common images of it where the shorter credits do.
    """
    if credits is None:
        return list(candidates)
    for candidate in candidates:
        common = min(candidate.end, credits.end) - max(candidate.start, credits.start)
        if candidate.kind == "credits" and common > 0:
            evidence = (*credits.evidence, *candidate.evidence)
            trust = max(candidate.confidence, credits.confidence)
            credits = replace(
                credits, confidence=trust, cluster=candidate.cluster, evidence=evidence
            )
            break
    return [*(other for other in candidates if other.kind != "credits"), credits]


def _of(result: EpisodeResult, kind: str) -> Segment | None:
    return next((segment for segment in result.segments if segment.kind == kind), None)


def _noted(result: EpisodeResult, note: str) -> EpisodeResult:
    return result if note in result.notes else replace(result, notes=(*result.notes, note))


def _seen(
    run: ImageRun,
    partner: int,
    number: int,
    heard: Sequence[EpisodeResult],
    rates: Sequence[float],
    *,
    duration: float,
) -> _Shared | None:
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
        if segment.kind in _SONGS and common > 0 and stop - begin > 2 * common:
            return None
        if segment.kind in _SONGS and common >= _COVERED * (stop - begin):
            first, last, known = begin, stop, True
            break
    first, last = max(first / rates[number], 0.0), min(last / rates[number], duration)
    if duration - last < 1 / LOOKS_RATE:
        last = duration
    return _Shared(partner, first, last, run.distinct, run.alike, known)


def _groups(shared: Iterable[_Shared]) -> list[list[_Shared]]:
    """What is shared with several partners at one place, in groups."""
    groups: list[list[_Shared]] = []
    for item in sorted(shared, key=lambda item: (not item.known, -item.distinct)):
        for group in groups:
            common = min(item.end, group[0].end) - max(item.start, group[0].start)
            if common > 0.5 * min(item.end - item.start, group[0].end - group[0].start):
                group.append(item)
                break
        else:
            groups.append([item])
    return groups


def _segments(
    number: int,
    groups: Iterable[Sequence[_Shared]],
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
        if not _SHORTEST <= end - start <= _LONGEST * duration or abs(place - 0.5) < _UNCLEAR:
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


def _cluster(kind: str, group: Sequence[_Shared], results: Sequence[EpisodeResult]) -> int:
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


def _supported(segment: Segment, candidates: Iterable[Segment]) -> Segment:
    """A segment with the evidence of a candidate that agrees with it."""
    if segment.evidence and segment.evidence[0].kind != "sound":
        return segment
    for candidate in candidates:
        common = min(segment.end, candidate.end) - max(segment.start, candidate.start)
        whole = max(segment.end, candidate.end) - min(segment.start, candidate.start)
        if segment.kind == candidate.kind and common > 0.5 * whole:
            return replace(segment, evidence=(*segment.evidence, *candidate.evidence))
    return segment


def _at_shot_changes(path: Path, segment: Segment) -> Segment:
    """A segment from shot change to shot change, where there is one near the boundary."""
    with open_video(path) as video:
        times = []
        for time in (segment.start, segment.end):
            inside = 0 < time < video.duration
            near = shot_changes_near(video, time, seconds=_NEAR) if inside else np.empty(0)
            times.append(float(near[np.abs(near - time).argmin()]) if len(near) else time)
    start, end = times
    return replace(segment, start=round(start, 4), end=round(end, 4)) if end > start else segment
