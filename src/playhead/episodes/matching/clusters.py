"""From the sound that pairs of episodes share to what repeats in a season.

Runs that overlap in an episode are the same sound, and what is the same sound in a and b and in b
and c is one cluster, wherever it lies: an ending song used as an opening stays with its ending.
Sound that only returns once, in pieces, early in the next episode, is a recap.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from playhead.episodes.matching.boundaries import (
    Alignment,
    mean_coherence,
    refine_end,
    refine_start,
)
from playhead.episodes.matching.pairs import COHERENT, Run
from playhead.episodes.matching.pieces import neighbouring_pieces
from playhead.episodes.matching.verify import find_all
from playhead.episodes.sound.fingerprint import RATE

__all__ = ["Cluster", "Occurrence", "SharedRun", "find_clusters"]

_SAME, _PART = 0.8, 0.4
"""Two stretches of an episode are the same sound if they share _SAME of the shorter, and the
shorter is at least _PART of the longer."""
_PARTNERS = 3
"""Runs of an occurrence whose boundaries are refined; the median of them is its boundary."""
_SHORT = 0.5
"""Seconds by which an occurrence must be short of its cluster to be extended."""
_JINGLE_SECONDS = 12.0
_HEAD = 0.35
"""Share of a sound that is looked for in its rest, to tell whether it is a jingle heard twice."""
_SILENCE_SECONDS = 0.1
_QUIET = 0.01
"""Power of the silence between two jingles, as a share of theirs."""
_LEAST_SECONDS = 1.0
"""A shorter common sound, such as a knock, is no segment."""
_RECAP_GAP = 6.0
_RECAP_SECONDS = 5.0
_RECAP_MOVED = 0.15
"""Share of an episode by which a recap of a single piece must be moved."""
_PIECE_SECONDS = 15.0
_RECAP_PLACE = 0.4
"""A recap lies in the first so much of its episode."""


@dataclass(frozen=True, slots=True)
class SharedRun:
    """A run of the episodes a and b, a before b."""

    a: int
    b: int
    run: Run


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Where a repeated sound lies in one episode, in samples.

    partners: the other episodes in which it is heard
    evidence, peak: medians over the runs with them
    """

    episode: int
    start: int
    end: int
    partners: tuple[int, ...]
    evidence: float
    peak: float


@dataclass(frozen=True, slots=True)
class Cluster:
    """One repeated sound, and whether it is a recap: pieces of the previous episode."""

    occurrences: tuple[Occurrence, ...]
    recap: bool = False
    length: float = field(default=0.0)  # median, in seconds


@dataclass(frozen=True, slots=True)
class _End:
    """A run as one of its two episodes hears it."""

    shared: int  # index of the run
    episode: int
    other: int
    start: int
    end: int


def find_clusters(
    samples: Sequence[NDArray[np.int16]], shared: Sequence[SharedRun]
) -> list[Cluster]:
    """All repeated sounds of a season, with refined boundaries, the most frequent first.

    samples: of the episodes, in their order, all at one speed
    """
    ends = [end for index, part in enumerate(shared) for end in _ends(index, part)]
    groups = _joined(ends)
    recaps, groups = _split_recaps(groups, shared, samples)
    clusters = [_cluster(group, shared, samples) for group in groups]
    clusters += [_recap(parts, samples) for parts in recaps]
    clusters = [cluster for cluster in clusters if cluster.occurrences]
    return sorted(
        clusters,
        key=lambda cluster: (-len(cluster.occurrences), cluster.occurrences[0].episode,
                             cluster.occurrences[0].start),
    )  # fmt: skip


def _ends(index: int, part: SharedRun) -> tuple[_End, _End]:
    run = part.run
    return (
        _End(index, part.a, part.b, run.start, run.end),
        _End(index, part.b, part.a, run.start + run.lag, run.end + run.lag),
    )


def _same(first: _End, second: _End) -> bool:
    common = min(first.end, second.end) - max(first.start, second.start)
    lengths = sorted((first.end - first.start, second.end - second.start))
    return common >= _SAME * lengths[0] and lengths[0] >= _PART * lengths[1]


def _joined(ends: Sequence[_End]) -> list[list[list[_End]]]:
    """Clusters, each a list of occurrences, each a list of ends that overlap in one episode."""
    parent = list(range(len(ends)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    by_episode: dict[int, list[int]] = defaultdict(list)
    for index, end in enumerate(ends):
        by_episode[end.episode].append(index)
    for indices in by_episode.values():
        indices.sort(key=lambda index: ends[index].start)
        for place, first in enumerate(indices):
            for second in indices[place + 1 :]:
                if ends[second].start >= ends[first].end:
                    break
                if _same(ends[first], ends[second]):
                    parent[root(first)] = root(second)
    occurrences: dict[int, list[_End]] = defaultdict(list)
    for index, end in enumerate(ends):
        occurrences[root(index)].append(end)
    # The two ends of a run, which come one after the other, join their occurrences.
    for index in range(0, len(ends), 2):
        parent[root(index)] = root(index + 1)
    clusters: dict[int, list[list[_End]]] = defaultdict(list)
    for name, group in occurrences.items():
        clusters[root(name)].append(group)
    return list(clusters.values())


def _split_recaps(
    groups: Sequence[list[list[_End]]],
    shared: Sequence[SharedRun],
    samples: Sequence[NDArray[np.int16]],
) -> tuple[list[list[SharedRun]], list[list[list[_End]]]]:
    """Recaps, each the runs of its pieces in order, and the groups that are not.

    A piece returns once, in the next episode, early and at a lag of its own. From the best one on,
    more are looked for; one alone is a recap only if it lies far earlier than where it was taken.
    """
    lone: dict[int, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        part = shared[group[0][0].shared]
        run = part.run
        if (
            len(group) == 2
            and len(group[0]) == len(group[1]) == 1
            and part.b == part.a + 1
            and run.end - run.start < _PIECE_SECONDS * RATE
            and run.start + run.lag < _RECAP_PLACE * len(samples[part.b])
        ):
            lone[part.b].append(index)
    recaps: list[list[SharedRun]] = []
    used: set[int] = set()
    for episode, indices in lone.items():
        parts = {index: shared[groups[index][0][0].shared] for index in indices}
        best = max(parts.values(), key=lambda part: part.run.evidence).run
        here = best.anchor + best.lag
        others = [
            (end.start, end.end)
            for index, group in enumerate(groups)
            if index not in parts
            for ends in group
            for end in ends
            if end.episode == episode
        ]
        limits = (
            max((end for start, end in others if (start + end) / 2 < here), default=0),
            min(
                (start for start, end in others if (start + end) / 2 >= here),
                default=len(samples[episode]),
            ),
        )
        near = neighbouring_pieces(samples[episode - 1], samples[episode], best, limits=limits)
        runs = sorted([best, *near], key=lambda run: run.start + run.lag)
        first, last = runs[0].start + runs[0].lag, runs[-1].end + runs[-1].lag
        for index, part in parts.items():  # that lie among them, or directly before or after
            start, end = part.run.start + part.run.lag, part.run.end + part.run.lag
            if start < last + _RECAP_GAP * RATE and end > first - _RECAP_GAP * RATE:
                used.add(index)
                runs.append(part.run)
                first, last = min(first, start), max(last, end)
        runs.sort(key=lambda run: run.start + run.lag)
        heard = sum(run.end - run.start for run in runs if run is not best)
        heard += best.end - best.start
        moved = abs(best.lag) / len(samples[episode])
        if heard >= _RECAP_SECONDS * RATE and (near or moved > _RECAP_MOVED):
            recaps.append([SharedRun(episode - 1, episode, run) for run in runs])
        else:
            used -= set(indices)
    return recaps, [group for index, group in enumerate(groups) if index not in used]


def _aligned(part: SharedRun, samples: Sequence[NDArray[np.int16]]) -> Alignment:
    return Alignment(samples[part.a], samples[part.b], part.run.lag)


def _recap(parts: Sequence[SharedRun], samples: Sequence[NDArray[np.int16]]) -> Cluster:
    first = parts[0]
    last = max(parts, key=lambda part: part.run.end + part.run.lag)
    start = refine_start(_aligned(first, samples), first.run.start, first.run.anchor)
    end = refine_end(_aligned(last, samples), last.run.anchor, last.run.end)
    occurrence = Occurrence(
        first.b,
        start + first.run.lag,
        max(end + last.run.lag, start + first.run.lag + 1),
        (first.a,),
        float(sum(part.run.evidence for part in parts)),
        float(np.median([part.run.peak for part in parts])),
    )
    return Cluster((occurrence,), recap=True, length=(occurrence.end - occurrence.start) / RATE)


def _cluster(
    group: Sequence[Sequence[_End]],
    shared: Sequence[SharedRun],
    samples: Sequence[NDArray[np.int16]],
) -> Cluster:
    # Of every occurrence the runs with the most evidence are refined, in both their episodes.
    chosen = {
        end.shared
        for ends in group
        for end in sorted(ends, key=lambda end: -shared[end.shared].run.evidence)[:_PARTNERS]
    }
    refined: dict[int, tuple[int, int]] = {}
    for index in chosen:
        part = shared[index]
        aligned = _aligned(part, samples)
        first = refine_start(aligned, part.run.start, part.run.anchor)
        last = refine_end(aligned, part.run.anchor, part.run.end)
        if last > first:
            refined[index] = first, last
    occurrences, kept = [], []
    for ends in group:
        bounds = []
        for end in ends:
            if end.shared in refined:
                part = shared[end.shared]
                lag = 0 if end.episode == part.a else part.run.lag
                bounds.append([bound + lag for bound in refined[end.shared]])
        if not bounds:
            bounds = [[end.start, end.end] for end in ends]
        start, stop = np.median(np.array(bounds), axis=0).round().astype(int).tolist()
        if stop <= start:
            continue
        runs = [shared[end.shared].run for end in ends]
        kept.append(ends)
        occurrences.append(
            Occurrence(
                ends[0].episode,
                max(start, 0),
                min(stop, len(samples[ends[0].episode])),
                tuple(sorted({end.other for end in ends})),
                float(np.median([run.evidence for run in runs])),
                float(np.median([run.peak for run in runs])),
            )
        )
    lengths = [item.end - item.start for item in occurrences]
    middle = float(np.median(lengths)) if lengths else 0.0
    extended = [
        _extended(item, [shared[end.shared] for end in ends], occurrences, middle, samples)
        for item, ends in zip(occurrences, kept, strict=True)
    ]
    if middle < _JINGLE_SECONDS * RATE:
        extended = _jingles(extended, samples)
    extended = [item for item in extended if item.end - item.start >= _LEAST_SECONDS * RATE]
    extended.sort(key=lambda item: (item.episode, item.start))
    lengths = [item.end - item.start for item in extended] or [0]
    return Cluster(tuple(extended), length=float(np.median(lengths)) / RATE)


def _jingles(found: Sequence[Occurrence], samples: Sequence[NDArray[np.int16]]) -> list[Occurrence]:
    """The occurrences of a short sound that is often heard twice, a moment apart.

    Words reach across both, so one occurrence is laid over all places near those found; how the
    boundaries lie to it is the median over the season.
    """
    model = sorted(found, key=lambda item: item.end - item.start)[(len(found) - 1) // 2]
    template = _once(samples[model.episode][model.start : model.end])
    half = len(template) // 2
    placed: list[tuple[Occurrence, int]] = []
    missed = []
    for episode in sorted({item.episode for item in found}):
        items = [item for item in found if item.episode == episode]
        places: set[int] = set()
        for item in items:
            low = max(item.start - round(_JINGLE_SECONDS * RATE), 0)
            near = samples[episode][low : item.end + round(_JINGLE_SECONDS * RATE)]
            for place in find_all(near, template):
                aligned = Alignment(template, samples[episode], low + place)
                # A phrase that the jingle repeats also agrees with half of it, next to the place.
                agrees = all(
                    mean_coherence(aligned, first, past) >= COHERENT
                    for first, past in ((0, half), (half, len(template)))
                )
                if agrees and all(abs(low + place - other) > half for other in places):
                    places.add(low + place)
        for place in sorted(places):
            nearest = min(items, key=lambda item: abs(item.start - place))
            placed.append((nearest, place))
        missed += [
            item
            for item in items
            if not any(place < item.end and place + len(template) > item.start for place in places)
        ]
    if not placed:
        return list(found)
    before = [item.start - place for item, place in placed if abs(item.start - place) < half]
    if not before:
        return list(found)
    after = [
        item.end - place
        for item, place in placed
        if abs(item.start - place) < half and item.end - place < len(template) + half
    ]
    start = round(float(np.median(before)))
    end = round(float(np.median(after or [len(template)])))
    return missed + [
        replace(
            item,
            start=max(place + start, 0),
            end=min(place + end, len(samples[item.episode])),
        )
        for item, place in placed
    ]


def _once(template: NDArray[np.int16]) -> NDArray[np.int16]:
    """A sound (N,) that is one jingle twice, with silence between, as the jingle; others as is.

    So it is heard where all episodes of a season have the two at nearly one distance.
    """
    head = template[: round(_HEAD * len(template))]
    again = [place for place in find_all(template, head) if place > len(template) // 2]
    if not again:
        return template
    length = len(template) - min(again)
    silence = template[length : min(again)].astype(np.float32)
    if len(silence) < _SILENCE_SECONDS * RATE:
        return template
    jingle, edge = template[:length].astype(np.float32), len(silence) // 4  # boundaries are rough
    quiet = np.square(silence[edge:-edge]).mean() < _QUIET * np.square(jingle).mean()
    return template[:length] if quiet else template


def _extended(
    item: Occurrence,
    parts: Sequence[SharedRun],
    others: Sequence[Occurrence],
    middle: float,
    samples: Sequence[NDArray[np.int16]],
) -> Occurrence:
    """The occurrence with an edge moved to where a partner of the usual length has it, where the
    two are coherent up to there."""
    if item.end - item.start > middle - _SHORT * RATE:
        return item
    for part in sorted(parts, key=lambda part: -part.run.peak):
        # lag: from the partner's samples to this episode's
        partner, lag = (part.b, -part.run.lag) if item.episode == part.a else (part.a, part.run.lag)
        aligned = Alignment(samples[item.episode], samples[partner], -lag)
        for other in others:
            if other.episode != partner or other.end - other.start < middle - _SHORT * RATE:
                continue
            start, stop = other.start + lag, other.end + lag
            if min(stop, item.end) - max(start, item.start) < 0.5 * (item.end - item.start):
                continue
            if item.start - start > _SHORT * RATE:
                start = max(start, aligned.low)
                if mean_coherence(aligned, start, item.start) >= COHERENT:
                    found = refine_start(aligned, start, (item.start + item.end) // 2)
                    item = replace(item, start=min(found, item.start))
            if stop - item.end > _SHORT * RATE:
                stop = min(stop, aligned.high)
                if mean_coherence(aligned, item.end, stop) >= COHERENT:
                    found = refine_end(aligned, (item.start + item.end) // 2, stop)
                    item = replace(item, end=max(found, item.end))
            if item.end - item.start > middle - _SHORT * RATE:
                return item
    return item
