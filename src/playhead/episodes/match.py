"""Match a season: the sounds of its episodes in, their segments out. No files.

Every two episodes are compared once; `Pair` is what that found, and a season with one new episode
needs only the pairs of that one. An episode at another speed than its season is slowed first.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.episodes.decide import THRESHOLD, Candidate, decide
from playhead.episodes.matching.clusters import Cluster, SharedRun, find_clusters
from playhead.episodes.matching.pairs import Run, match_pairs
from playhead.episodes.matching.speeds import find_speed, slowed
from playhead.episodes.segments import EpisodeResult, Evidence, Segment, first_names
from playhead.episodes.sound.fingerprint import RATE
from playhead.episodes.sound.reading import Sound
from playhead.errors import LabelError

__all__ = ["Pair", "SeasonMatch", "match_season"]

_REACH = 16
"""An episode is compared with this many before and after it; in a short season with all."""
_EQUAL = 0.97
"""Two episodes that share so much of both, at one lag, are the same recording."""
_REFERENCES = 3
_SONG_SECONDS = 8.0
_SAME_SPEED = 2e-5
"""Speeds that differ by less than this are equal: a millisecond in a song."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What two episodes share, as plain numbers.

    a, b: their names, a before b in the season
    speed: how much faster b plays than a
    runs: (start in a, start in b, seconds in a, seconds in a to the anchor, evidence, peak) each,
        in seconds of either's sound
    """

    a: str
    b: str
    speed: float = 1.0
    runs: tuple[tuple[float, float, float, float, float, float], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `Pair.from_dict` reads it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Pair":
        """Raises LabelError if a value is missing or none of a pair."""
        try:
            runs = tuple(tuple(float(number) for number in run) for run in values["runs"])
            speed = float(values["speed"])
            if not 0.5 < speed < 2 or any(len(run) != 6 for run in runs):
                raise ValueError
            return cls(
                a=str(values["a"]),
                b=str(values["b"]),
                speed=speed,
                runs=runs,  # type: ignore[arg-type]
            )
        except (KeyError, TypeError, ValueError) as error:
            raise LabelError(f"{dict(values)!r:.80} is not a pair of matched episodes") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class SeasonMatch:
    """The answer for a season.

    episodes: in the order given
    pairs: of all episodes that were compared, for the next time
    clusters: what repeats, times in samples at the season's speed; for a page or a test
    speeds: how much faster each episode plays than the season
    """

    episodes: tuple[EpisodeResult, ...]
    pairs: tuple[Pair, ...]
    clusters: tuple[Cluster, ...] = ()
    speeds: tuple[float, ...] = field(default=())


def match_season(
    sounds: Sequence[Sound],
    *,
    names: Sequence[str] | None = None,
    durations: Sequence[float] | None = None,
    earlier: Sequence[Pair] = (),
    threshold: float = THRESHOLD,
) -> SeasonMatch:
    """Find the openings, endings, recaps and eyecatches of a season by its sound.

    sounds: of the episodes in their order; an episode without sound has no samples
    names: relative paths of the episodes; numbers by default
    durations: of the videos in seconds; of the sounds by default
    earlier: pairs of an earlier match, whose names must still mean the same files; those of
        episodes that are not given are left out
    threshold: confidence below which a segment is rejected; the default is explained in `decide`
    Raises LabelError if two episodes have one name, or there are not as many names as sounds.
    """
    names = tuple(names) if names is not None else tuple(str(n) for n in range(len(sounds)))
    if len(names) != len(sounds) or len(set(names)) != len(names):
        raise LabelError(
            f"{len(sounds)} sounds have {len(set(names))} different names; each needs its own"
        )
    if durations is None:
        durations = [max(sound.start + len(sound.samples) / RATE, 0.0) for sound in sounds]
    known = _known(earlier, names)
    wanted = _wanted(len(sounds))
    speeds = _known_speeds(len(sounds), known)
    played = [slowed(sound, speed) for sound, speed in zip(sounds, speeds, strict=True)]
    shared = {
        place: _runs_at_season_speed(pair, speeds[place[0]], speeds[place[1]])
        for place, pair in known.items()
    }
    new = np.array([place for place in wanted if place not in shared], np.int64).reshape(-1, 2)
    shared |= _match(played, new)
    alone = [n for n in range(len(sounds)) if not _has_song(n, shared)]
    for number in alone:
        fresh = [p for p in wanted if number in p and p not in known]
        references = _references(number, shared, len(sounds))
        if not fresh or not references or not len(sounds[number].words):
            continue
        speed = find_speed(sounds[number], [played[n] for n in references])
        if speed is not None and abs(speed - 1) > _SAME_SPEED:
            speeds[number] = speed
            played[number] = slowed(sounds[number], speed)
            shared |= _match(played, np.array(fresh, np.int64))
    recordings = _same_recordings(shared, played)
    used = [
        SharedRun(a, b, run)
        for (a, b), runs in sorted(shared.items())
        if recordings.get(a, a) == a and recordings.get(b, b) == b
        for run in runs
    ]
    clusters = find_clusters([sound.samples for sound in played], used)
    decided = decide(clusters, [len(sound.samples) for sound in played], threshold=threshold)
    results = []
    for number in range(len(sounds)):
        source = recordings.get(number, number)
        accepted, rejected = decided[source]
        times = _Times(sounds[number].start, speeds[number], durations[number])
        results.append(
            EpisodeResult(
                video=names[number],
                duration=durations[number],
                segments=_segments(accepted, times, names, number),
                rejected=_segments(rejected, times, names, number),
                notes=(
                    *_notes(number, sounds, shared, speeds[number]),
                    *((f"the same recording as {names[source]}",) if source != number else ()),
                ),
            )
        )
    return SeasonMatch(
        episodes=tuple(results),
        pairs=tuple(_as_pair(names, place, runs, speeds) for place, runs in sorted(shared.items())),
        clusters=tuple(clusters),
        speeds=tuple(speeds),
    )


def _has_song(number: int, shared: Mapping[tuple[int, int], Sequence[Run]]) -> bool:
    """Whether an episode shares more than a few seconds, which drums and knocks also do."""
    return any(
        run.end - run.start >= _SONG_SECONDS * RATE
        for place, runs in shared.items()
        if number in place
        for run in runs
    )


def _wanted(count: int) -> list[tuple[int, int]]:
    reach = count if count <= 2 * _REACH + 1 else _REACH
    return [(a, b) for a in range(count) for b in range(a + 1, min(a + reach + 1, count))]


def _match(
    sounds: Sequence[Sound], pairs: NDArray[np.int64]
) -> dict[tuple[int, int], tuple[Run, ...]]:
    if not len(pairs):
        return {}
    runs, _ = match_pairs(sounds, pairs)
    return {(a, b): found for (a, b), found in zip(pairs.tolist(), runs, strict=True)}


def _known(earlier: Sequence[Pair], names: Sequence[str]) -> dict[tuple[int, int], Pair]:
    """Earlier pairs of the given episodes by their numbers, turned where the order changed."""
    number = {name: index for index, name in enumerate(names)}
    known = {}
    for pair in earlier:
        if pair.a not in number or pair.b not in number or pair.a == pair.b:
            continue
        a, b = number[pair.a], number[pair.b]
        if a < b:
            known[a, b] = pair
        else:
            turned = tuple(
                (sb, sa, n / pair.speed, to / pair.speed, *rest)
                for sa, sb, n, to, *rest in pair.runs
            )
            known[b, a] = Pair(a=pair.b, b=pair.a, speed=1 / pair.speed, runs=turned)  # type: ignore[arg-type]
    return known


def _known_speeds(count: int, known: Mapping[tuple[int, int], Pair]) -> list[float]:
    """Speeds that explain those of the earlier pairs; 1 for most episodes."""
    speeds = [1.0] * count
    odd = {place: pair.speed for place, pair in known.items() if abs(pair.speed - 1) > _SAME_SPEED}
    votes = Counter(number for place in odd for number in place)
    while odd:
        # The episode in most pairs of unequal speed is the one that differs.
        number = max(votes, key=lambda n: (votes[n], n))
        (a, b), ratio = next(entry for entry in odd.items() if number in entry[0])
        speeds[number] = ratio * speeds[a] if number == b else speeds[b] / ratio
        odd = {place: ratio for place, ratio in odd.items() if number not in place}
        votes = Counter(n for place in odd for n in place)
    return speeds


def _runs_at_season_speed(pair: Pair, speed_a: float, speed_b: float) -> tuple[Run, ...]:
    runs = []
    for start_a, start_b, length, anchor, evidence, peak in pair.runs:
        inside = (start_a + anchor) * speed_a * RATE
        start, end = start_a * speed_a * RATE, (start_a + length) * speed_a * RATE
        lag = start_b * speed_b * RATE - start
        runs.append(Run(round(start), round(end), round(lag), round(inside), evidence, peak))
    return tuple(runs)


def _as_pair(
    names: Sequence[str],
    place: tuple[int, int],
    runs: Sequence[Run],
    speeds: Sequence[float],
) -> Pair:
    a, b = place
    rate_a, rate_b = RATE * speeds[a], RATE * speeds[b]
    return Pair(
        a=names[a],
        b=names[b],
        speed=speeds[b] / speeds[a],
        runs=tuple(
            (
                round(run.start / rate_a, 6),
                round((run.start + run.lag) / rate_b, 6),
                round((run.end - run.start) / rate_a, 6),
                round((run.anchor - run.start) / rate_a, 6),
                round(run.evidence, 1),
                round(run.peak, 1),
            )
            for run in runs
        ),
    )


def _references(
    number: int, shared: Mapping[tuple[int, int], Sequence[Run]], count: int
) -> list[int]:
    """The nearest episodes that share sound with others; without any, the nearest at all."""
    near = sorted((n for n in range(count) if n != number), key=lambda n: abs(n - number))
    matched = {n for place, runs in shared.items() if runs for n in place}
    return ([n for n in near if n in matched] or near)[:_REFERENCES]


def _same_recordings(
    shared: Mapping[tuple[int, int], Sequence[Run]], sounds: Sequence[Sound]
) -> dict[int, int]:
    """Episodes that are the recording of an earlier one, and which."""
    same: dict[int, int] = {}
    for (a, b), runs in sorted(shared.items()):
        longest = max(len(sounds[a].samples), len(sounds[b].samples))
        if b not in same and any(run.end - run.start >= _EQUAL * longest for run in runs):
            same[b] = same.get(a, a)
    return same


@dataclass(frozen=True, slots=True)
class _Times:
    start: float
    speed: float
    duration: float

    def of(self, sample: int) -> float:
        """Seconds from the first video frame, inside of the video."""
        return min(max(self.start + sample / (RATE * self.speed), 0.0), self.duration)


def _segments(
    decided: Sequence[tuple[Candidate, float]],
    times: _Times,
    names: Sequence[str],
    number: int,
) -> tuple[Segment, ...]:
    segments = []
    for candidate, trust in decided:
        item = candidate.occurrence
        start, end = times.of(item.start), times.of(item.end)
        if end <= start:
            continue
        partners = first_names([names[partner] for partner in item.partners])
        evidence = Evidence(
            kind="sound",
            score=round(1 - 20 / max(item.peak, 20.0), 4),
            detail=f"same sound in {partners}, peak {item.peak:.0f} times the mean",
        )
        segments.append(
            Segment(
                kind=candidate.kind,
                start=round(start, 4),
                end=round(end, 4),
                confidence=round(trust, 4),
                cluster=candidate.cluster,
                evidence=(evidence,),
            )
        )
    return tuple(sorted(segments, key=lambda segment: segment.start))


def _notes(
    number: int,
    sounds: Sequence[Sound],
    shared: Mapping[tuple[int, int], Sequence[Run]],
    speed: float,
) -> list[str]:
    samples = sounds[number].samples
    matched = [place for place, runs in shared.items() if runs]
    if not len(samples):
        return ["no sound"]
    if not np.any(samples):
        return ["the sound is silent"]
    if len(sounds) == 1:
        return ["one episode alone: there is nothing to compare it with"]
    if not any(number in place for place in matched):
        if matched:
            return ["of another series: no sound in common with the other episodes"]
        return ["no sound in common with the other episodes"]
    if abs(speed - 1) > _SAME_SPEED:
        way = "faster" if speed > 1 else "slower"
        return [f"plays {100 * abs(speed - 1):.2f} % {way} than its season"]
    return []
