"""The figures of `real_falls.py`: AP with intervals over sequences, hits and false alarms."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, chi2

from falls_data import CLASS, RATE, Clip, at_frame
from playhead.events.model import VideoEvents
from playhead.metrics.curves import best_f1
from playhead.metrics.frame_map import frame_map
from playhead.metrics.matching import nearest_free

REACHES = (5, 10, 15)
RESAMPLES = 1000

Videos = Sequence[VideoEvents]


@dataclass(frozen=True, slots=True)
class Tested:
    """One clip that was held out: its clip, its predictions, and the threshold of its fold."""

    clip: Clip
    found: VideoEvents
    threshold: float


def threshold_of(truth: Videos, found: Videos) -> tuple[float, float]:
    """Half-way between the threshold of the best F1 within the widest reach and the next lower
    prediction, which it has to keep out; and that F1. Infinity if nothing is a hit.
    """
    best = best_f1(truth, found, tolerance=width(REACHES[-1])).overall
    if best.threshold is None:
        return math.inf, 0.0
    lower = [e.score for one in found for e in one.events if e.score < best.threshold]
    return (best.threshold + max(lower, default=0.0)) / 2, best.f1


def width(reach: int) -> float:
    """The hit window of a reach in frames, in seconds, ends counted in.

    Half a frame wider: |Δt| ≤ width / 2 must not hang on the last digit of times.
    """
    return (2 * reach + 0.5) / RATE


def average_precision(truth: Videos, found: Videos) -> NDArray[np.float64]:
    """AP of the one class at each of REACHES, as E2E-Spot computes it."""
    measured = frame_map(truth, found, tolerances=REACHES, rate=RATE)
    return np.array([measured.map_at(reach) for reach in REACHES])


def precision_of(tested: Sequence[Tested]) -> NDArray[np.float64]:
    """AP at each of REACHES of clips that were held out."""
    return average_precision([one.clip.truth for one in tested], [one.found for one in tested])


@dataclass(frozen=True, slots=True)
class Ranked:
    """All predictions of N clips, the highest score first; a match never leaves its clip.

    clips: int (P,), the clip of each; hits: bool (P, reaches); truths: int (N,), events of a clip
    """

    clips: NDArray[np.int64]
    hits: NDArray[np.bool_]
    truths: NDArray[np.int64]

    @classmethod
    def of(cls, tested: Sequence[Tested]) -> "Ranked":
        rows = []
        for number, one in enumerate(tested):
            real = np.array([] if one.clip.lying is None else [one.clip.lying], np.float64)
            frames = np.array([event.frame for event in one.found.events], np.float64)
            scores = np.array([event.score for event in one.found.events], np.float64)
            near = [nearest_free(real, frames, scores, reach) >= 0 for reach in REACHES]
            rows += [(score, number, *hits) for score, *hits in zip(scores, *near, strict=True)]
        rows.sort(key=lambda row: -row[0])
        table = np.array(rows, np.float64).reshape(-1, 2 + len(REACHES))
        truths = np.array([one.clip.lying is not None for one in tested], np.int64)
        return cls(table[:, 1].astype(np.int64), table[:, 2:] > 0, truths)

    def precision(self, times: NDArray[np.int64]) -> NDArray[np.float64]:
        """AP at each of REACHES, as `average_precision`, if each clip is there so many times (N,).

        Copies of a hit follow each other, so that all have the precision after the last of them.
        """
        weights = times[self.clips][:, None]
        found = np.cumsum(weights * self.hits, axis=0)
        shares = found / np.maximum(np.cumsum(weights, axis=0), 1)
        interpolated = np.maximum.accumulate(shares[::-1], axis=0)[::-1]
        total: NDArray[np.float64] = (weights * self.hits * interpolated).sum(axis=0)
        return total / max(int(times @ self.truths), 1)


def bootstrap(
    seeds: Sequence[Sequence[Tested]], *, resamples: int = RESAMPLES
) -> NDArray[np.float64]:
    """95 % intervals (2, reaches) of the mean AP over seeds, which have the same clips.

    Whole sequences are drawn with replacement: the clips of one are drawn together.
    """
    names = sorted({one.clip.group for one in seeds[0]})
    groups = np.array([names.index(one.clip.group) for one in seeds[0]])
    ranked = [Ranked.of(tested) for tested in seeds]
    rng = np.random.default_rng(0)
    means = []
    for _ in range(resamples):
        drawn = np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names))
        means.append(np.mean([one.precision(drawn[groups]) for one in ranked], axis=0))
    low, high = np.quantile(means, (0.025, 0.975), axis=0)
    return np.array([low, high])


def guessed(tested: Sequence[Tested], folds: Mapping[str, int]) -> list[Tested]:
    """What can be said without looking: in every clip one guess, as far from its end as the median
    of the falls that are not held out with it; a shorter clip is likelier a fall.
    """
    guesses = []
    for one in tested:
        left = [
            other.clip.frames - other.clip.lying
            for other in tested
            if other.clip.lying is not None and folds[other.clip.group] != folds[one.clip.group]
        ]
        frame = max(0, one.clip.frames - int(np.median(left)))
        events = (at_frame(frame, 1 / one.clip.frames),)
        guesses.append(replace(one, found=replace(one.clip.truth, events=events)))
    return guesses


@dataclass(frozen=True, slots=True)
class Count:
    """Counts of one seed above the thresholds, and the hours in which alarms are false.

    without, beside: false alarms in clips without an event, and in clips with one, which are
        all predictions but one within the widest reach of the event
    hard: those of `without` in activities with lying down on purpose
    """

    falls: int
    hits: int
    without: int
    hard: int
    beside: int
    hours_without: float
    hours_beside: float
    errors: tuple[int, ...]


def count(tested: Sequence[Tested]) -> Count:
    """Hits and false alarms of predictions at or above the threshold of each clip's fold.

    errors: frames from each event to the nearest prediction, if that is a hit
    """
    reach = REACHES[-1]
    errors: list[int] = []
    alarms, hours, hard = [0, 0], [0.0, 0.0], 0
    for one in tested:
        frames = [e.frame or 0 for e in one.found.events if e.score >= one.threshold]
        at, free = one.clip.lying, one.clip.frames
        near = [] if at is None else [frame - at for frame in frames if abs(frame - at) <= reach]
        if at is not None:
            free -= min(at + reach + 1, one.clip.frames) - max(at - reach, 0)
        errors += [min(near, key=abs)] if near else []
        alarms[at is not None] += len(frames) - bool(near)
        hard += len(frames) * one.clip.hard
        hours[at is not None] += free / RATE / 3600
    falls = sum(one.clip.lying is not None for one in tested)
    return Count(
        falls=falls,
        hits=len(errors),
        without=alarms[0],
        hard=hard,
        beside=alarms[1],
        hours_without=hours[0],
        hours_beside=hours[1],
        errors=tuple(errors),
    )


def print_tables(
    rows: Mapping[str, Sequence[Sequence[Tested]]], seeds: Sequence[int], folds: Mapping[str, int]
) -> None:
    """Tables of AP, and of hits and false alarms; rows: by title, the clips of each seed."""
    reaches = " | ".join(f"+-{reach} frames" for reach in REACHES)
    print(
        f"\nAP of the onset of {CLASS}: mean over {len(seeds)} seeds, their standard deviation, "
        f"[95 % by {RESAMPLES} bootstrap samples of sequences], (one guess a clip by its length)\n"
    )
    print(f"| arm | clips | {reaches} |\n|---|---|---|---|---|")
    for title, results in rows.items():
        print_precision(title, results, folds)
    for title, results in rows.items():
        alone = [[one for one in result if one.clip.lying is not None] for result in results]
        print_precision(f"{title}: falls alone", alone, folds)
    print(
        f"\nhits within {REACHES[-1]} frames and false alarms of each seed (those in activities "
        "with lying down on purpose), at thresholds chosen on validation clips; 95 %: exact "
        "binomial of the fewest hits, exact Poisson of the most false alarms\n"
    )
    print(
        "| arm | falls found | 95 % | false alarms without a fall | an hour | 95 % | "
        "beside a fall | an hour | 95 % | median distance, frames |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for title, results in rows.items():
        print_counts(title, [count(result) for result in results])


def print_precision(
    title: str, results: Sequence[Sequence[Tested]], folds: Mapping[str, int]
) -> None:
    """A row of the table of AP."""
    values = np.array([precision_of(result) for result in results])
    low, high = bootstrap(results)
    guess = precision_of(guessed(results[0], folds))
    spread = values.std(axis=0, ddof=1) if len(results) > 1 else np.zeros(len(REACHES))
    cells = " | ".join(
        f"{mean:.3f} sd {sd:.3f} [{a:.3f}, {b:.3f}] ({g:.3f})"
        for mean, sd, a, b, g in zip(values.mean(axis=0), spread, low, high, guess, strict=True)
    )
    print(f"| {title} | {len(results[0])} | {cells} |", flush=True)


def print_counts(title: str, seeds: Sequence[Count]) -> None:
    """A row of the table of hits and false alarms."""
    falls = seeds[0].falls
    low, high = binomtest(min(one.hits for one in seeds), falls).proportion_ci(0.95, "exact")
    errors = [abs(error) for one in seeds for error in one.errors]
    median = f"{np.median(errors):.1f}" if errors else "-"
    without = ", ".join(f"{one.without} ({one.hard})" for one in seeds)
    beside = ", ".join(str(one.beside) for one in seeds)
    print(
        f"| {title} | {', '.join(str(one.hits) for one in seeds)} of {falls} | {low:.2f} to "
        f"{high:.2f} | {without} {rates([one.without for one in seeds], seeds[0].hours_without)} | "
        f"{beside} {rates([one.beside for one in seeds], seeds[0].hours_beside)} | {median} |"
    )


def rates(events: Sequence[int], hours: float) -> str:
    """Cells: the time, the mean number of events an hour over seeds, the interval of the most."""
    low, high = poisson_interval(max(events))
    return (
        f"in {hours * 3600:.0f} s | {np.mean(events) / hours:.0f} | {low / hours:.0f} to "
        f"{high / hours:.0f}"
    )


def poisson_interval(events: int) -> tuple[float, float]:
    """The exact 95 % interval of the mean number of events."""
    low = chi2.ppf(0.025, 2 * events) / 2 if events else 0.0
    return float(low), float(chi2.ppf(0.975, 2 * events + 2) / 2)
