"""What images tell of a season whose sound does not tell enough.

Reading images takes far longer than reading sound, so by default only those of episodes are read
in which sound found no opening or no ending, and of a few others to compare them with. Where the
other episode's segment is known from its sound, its boundaries are carried over.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from playhead.episodes.decide import THRESHOLD
from playhead.episodes.images.credits import find_credits
from playhead.episodes.images.looks import LOOKS_RATE, Looks, read_looks, shot_changes_near
from playhead.episodes.images.matching import ImageRun, at_speed, find_image_runs
from playhead.episodes.images.shared import (
    SHORTEST,
    SONGS,
    Shared,
    grouped,
    seen_by,
    shared_segments,
)
from playhead.episodes.segments import (
    EpisodeResult,
    Segment,
    in_conflict,
)
from playhead.errors import FileFailure
from playhead.media import open_video

__all__ = ["Images", "add_image_segments"]

Images = Literal["auto", "always", "never"]

_REFERENCES = 3
"""Episodes with the segment that another one lacks, whose images are read too."""
_REACH = 16
"""Two episodes without a segment are compared if they are at most so far apart."""
_PROBES = 3
"""Episodes whose images are read first where no episode of the season has a kind of segment."""
_EQUAL = 0.9
"""Two episodes whose images agree for so much of both are the same."""
_NEAR = 0.75
"""Seconds around a boundary in which a shot change is taken for it."""


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
    heard = [n for n, result in enumerate(results) if any(_of(result, kind) for kind in SONGS)]
    for kind in SONGS:
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
        groups = grouped(shared)
        return shared_segments(number, groups, self.results, look, partners=len(readable))

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

    def _shared(self, number: int, partner: int) -> list[Shared]:
        a, b = sorted((number, partner))
        if (a, b) not in self.runs:
            self.tell(f"comparing images of {self.paths[a].name} and {self.paths[b].name}")
            self.runs[a, b] = find_image_runs(
                self.hashes[a], self.hashes[b], shortest=round(SHORTEST * LOOKS_RATE)
            )
            longest = max(len(self.hashes[a]), len(self.hashes[b]))
            if any(run.end - run.start >= _EQUAL * longest for run in self.runs[a, b]):
                self.runs[a, b] = []
                note = f"the same images as {self.paths[a].name}"
                self.results[b] = _noted(self.results[b], note)
        seen = [
            seen_by(
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
