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

from playhead.episodes.credits import find_credits, on_black
from playhead.episodes.decide import THRESHOLD
from playhead.episodes.image_matching import ImageRun, at_speed, find_image_runs
from playhead.episodes.looks import LOOKS_RATE, Looks, read_looks, shot_changes_near
from playhead.episodes.segments import EpisodeResult, Evidence, Segment
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
    found = list(results)
    lacking = _lacking(found) if images != "never" else {}
    wanted = {n for numbers in lacking.values() for n in numbers}
    for kind, numbers in lacking.items():
        known = [n for n in range(len(found)) if _of(found[n], kind)]
        for number in numbers:
            wanted |= set(sorted(known, key=lambda n: abs(n - number))[:_REFERENCES])
    if images == "always":
        wanted = set(range(len(found)))
    looks: dict[int, Looks] = {}
    for number in sorted(wanted):
        tell(f"images of {paths[number].name}")
        with FileFailure(paths[number]) as failure:
            looks[number] = read_looks(paths[number], folder=store)
            if not found[number].duration:  # of a film without sound
                with open_video(paths[number]) as video:
                    found[number] = replace(found[number], duration=video.duration)
        if failure.reason:
            found[number] = _noted(found[number], "its images cannot be read")
    rates = {n: speeds[n] if n < len(speeds) else 1.0 for n in looks}
    hashes = {n: at_speed(look.hashes, rates[n]) for n, look in looks.items()}
    lacks = {n for numbers in lacking.values() for n in numbers}
    shared: dict[int, list[_Shared]] = {n: [] for n in looks}
    for a in looks:
        for b in (n for n in looks if n > a):
            if images != "always" and not ({a, b} & lacks):
                continue
            if b - a > _REACH and a in lacks and b in lacks:
                continue
            tell(f"comparing images of {paths[a].name}")
            runs = find_image_runs(hashes[a], hashes[b], shortest=round(_SHORTEST * LOOKS_RATE))
            longest = max(len(hashes[a]), len(hashes[b]))
            if any(run.end - run.start >= _EQUAL * longest for run in runs):
                found[b] = _noted(found[b], f"the same images as {paths[a].name}")
                continue
            for run in runs:
                shared[a].append(_seen(run, b, a, found, rates, turned=False))
                shared[b].append(_seen(run, a, b, found, rates, turned=True))
    for number in sorted(looks):
        missing = [kind for kind, numbers in lacking.items() if number in numbers]
        result, look = found[number], looks[number]
        candidates = _candidates(number, shared[number], found, look, partners=len(looks) - 1)
        result = _supported(result, candidates)
        songs = [
            segment
            for segment in candidates
            if segment.kind in missing or (segment.kind == "credits" and "ending" in missing)
        ]
        result = _added(result, songs, paths[number], threshold)
        ended = _of(result, "ending") or _of(result, "credits")
        if "ending" in missing and not ended:
            with_credits = find_credits(look, result.duration)
            if with_credits is not None:
                result = _added(result, [with_credits], paths[number], threshold)
        found[number] = result
    return tuple(found)


def _lacking(results: Sequence[EpisodeResult]) -> dict[str, list[int]]:
    """The episodes that lack an opening, and those that lack an ending, where it is worth a look.

    A season without any ending may have none; one without anything may have no usable sound.
    """
    nothing = not any(_of(result, kind) for result in results for kind in _SONGS)
    return {
        kind: [n for n, result in enumerate(results) if not _of(result, kind)]
        for kind in _SONGS
        if nothing or any(_of(result, kind) for result in results)
    }


def _of(result: EpisodeResult, kind: str) -> Segment | None:
    return next((segment for segment in result.segments if segment.kind == kind), None)


def _noted(result: EpisodeResult, note: str) -> EpisodeResult:
    return result if note in result.notes else replace(result, notes=(*result.notes, note))


def _seen(
    run: ImageRun,
    partner: int,
    number: int,
    results: Sequence[EpisodeResult],
    rates: dict[int, float],
    *,
    turned: bool,
) -> _Shared:
    """A run as one of its two episodes sees it, in seconds of its file."""
    start, end, lag = run.start, run.end, run.lag
    if turned:
        start, end, lag = start + lag, end + lag, -lag
    # The first frame that agrees comes up to an interval late, and so does the first that does not.
    first = (start - 0.5) / LOOKS_RATE if start else 0.0
    last = (end - 0.5) / LOOKS_RATE
    duration = results[number].duration
    known = False
    for segment in results[partner].segments:
        begin = segment.start * rates[partner] - lag / LOOKS_RATE
        stop = segment.end * rates[partner] - lag / LOOKS_RATE
        common = min(stop, last) - max(begin, first)
        if segment.kind in _SONGS and common >= 0.8 * (stop - begin):
            first, last, known = begin, stop, True
            break
    first, last = max(first / rates[number], 0.0), min(last / rates[number], duration)
    if duration - last < 1 / LOOKS_RATE:
        last = duration
    return _Shared(partner, first, last, run.distinct, run.alike, known)


def _candidates(
    number: int,
    shared: Sequence[_Shared],
    results: Sequence[EpisodeResult],
    looks: Looks,
    *,
    partners: int,
) -> list[Segment]:
    """What an episode shares with others as segments, the most trusted first."""
    duration = results[number].duration
    groups: list[list[_Shared]] = []
    for item in sorted(shared, key=lambda item: (not item.known, -item.distinct)):
        for group in groups:
            common = min(item.end, group[0].end) - max(item.start, group[0].start)
            if common > 0.5 * min(item.end - item.start, group[0].end - group[0].start):
                group.append(item)
                break
        else:
            groups.append([item])
    segments = []
    for group in groups:
        best = [item for item in group if item.known] or group
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
        told = ", ".join(Path(results[n].video).name for n in names[:3])
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
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
                        detail=f"{images} images as in {told}{more}",
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


def _supported(result: EpisodeResult, candidates: Iterable[Segment]) -> EpisodeResult:
    """Segments found by sound with the evidence of images that agree with them."""
    segments = []
    for segment in result.segments:
        for candidate in candidates:
            common = min(segment.end, candidate.end) - max(segment.start, candidate.start)
            whole = max(segment.end, candidate.end) - min(segment.start, candidate.start)
            if segment.kind == candidate.kind and common > 0.5 * whole:
                segment = replace(segment, evidence=(*segment.evidence, *candidate.evidence))
                break
        segments.append(segment)
    return replace(result, segments=tuple(segments))


def _added(
    result: EpisodeResult, candidates: Sequence[Segment], path: Path, threshold: float
) -> EpisodeResult:
    """The result with one segment of each kind, unless a segment of it lies there already."""
    accepted, rejected = list(result.segments), list(result.rejected)
    for candidate in candidates:
        taken = any(
            candidate.kind == other.kind
            or min(candidate.end, other.end) - max(candidate.start, other.start)
            > 0.2 * min(candidate.end - candidate.start, other.end - other.start)
            for other in accepted
        )
        with FileFailure(path):  # else the boundary is that of the sampled frames
            candidate = _at_shot_changes(path, candidate)
        enough = candidate.confidence >= threshold
        (accepted if enough and not taken else rejected).append(candidate)
    return replace(
        result,
        segments=tuple(sorted(accepted, key=lambda segment: segment.start)),
        rejected=tuple(sorted(rejected, key=lambda segment: segment.start)),
    )


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
