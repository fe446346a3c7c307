"""The sound that pairs of episodes share: candidates from the index, verified on the waveform.

What was found is a `Pair` of plain numbers, small enough to be stored: when an episode joins a
season, only its own pairs are new.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from playhead.episodes.matching.boundaries import Alignment, mean_coherence
from playhead.episodes.matching.index import find_diagonals
from playhead.episodes.matching.runs import CoarseRun, competes, find_runs
from playhead.episodes.matching.verify import LEAST_PEAK, Window, correlate
from playhead.episodes.sound.fingerprint import HOP, RATE
from playhead.episodes.sound.reading import Sound

__all__ = ["Run", "find_shared", "match_pairs"]

_ROUNDS = 4
_AT_ONCE = 16
"""Runs of a pair that are verified in one round."""
_AS_GOOD = 0.8
"""A run that competes with a better one is kept only with this share of its evidence: the same
jingle twice in an episode."""
_PIECES = 30.0
"""Seconds: gaps up to this between runs of one lag are bridged if the waveforms agree there."""
COHERENT = 0.05
"""Mean clipped coherence above which a stretch is shared; different sound gives 0 +- .01."""


@dataclass(frozen=True, slots=True)
class Run:
    """Sound that episodes a and b share, in samples at RATE; boundaries are not refined yet.

    lag: sample i of a is sample i + lag of b
    anchor: a sample of a amid the stretch that was compared, so surely inside
    evidence: of the fingerprints, in bits
    peak: of the phase-transformed cross-correlation, in multiples of its mean
    """

    start: int  # in a
    end: int
    lag: int
    anchor: int
    evidence: float
    peak: float


def match_pairs(
    sounds: Sequence[Sound], pairs: NDArray[np.int64]
) -> tuple[list[tuple[Run, ...]], NDArray[np.bool_]]:
    """The runs of every pair, and whether a pair has much evidence but no common waveform.

    pairs: (P, 2), indices into `sounds`, first below second
    The second answer, bool (P,), marks pairs whose episodes may play at different speeds.
    """
    words = [sound.words for sound in sounds]
    coarse = find_runs(words, pairs, find_diagonals(words, pairs))
    found: list[tuple[Run, ...]] = [()] * len(pairs)
    doubtful = np.zeros(len(pairs), bool)
    verified = _verify(sounds, pairs, coarse)
    for pair, group in groupby(coarse, key=lambda run: run.pair):
        doubtful[pair] = next(group).evidence >= 200 and pair not in verified
    for pair, runs in verified.items():
        a, b = sounds[pairs[pair, 0]], sounds[pairs[pair, 1]]
        found[pair] = _joined(a.samples, b.samples, runs)
    return found, doubtful


def find_shared(a: Sound, b: Sound) -> tuple[Run, ...]:
    """The runs of one pair."""
    return match_pairs([a, b], np.array([[0, 1]]))[0][0]


def _verify(
    sounds: Sequence[Sound], pairs: NDArray[np.int64], coarse: Sequence[CoarseRun]
) -> dict[int, list[Run]]:
    """Best runs first, in rounds, so that what competes with a verified run costs nothing."""
    waiting = {pair: list(group) for pair, group in groupby(coarse, key=lambda run: run.pair)}
    kept: dict[int, list[tuple[CoarseRun, Run]]] = {}
    for _ in range(_ROUNDS):
        chosen: list[CoarseRun] = []
        for pair, runs in waiting.items():
            first: list[CoarseRun] = []
            later: list[CoarseRun] = []
            for run in runs:
                beaten = any(
                    competes(run, better)
                    and (
                        run.evidence < _AS_GOOD * better.evidence
                        or run.end - run.start < _AS_GOOD * (better.end - better.start)
                    )
                    for better, _ in kept.get(pair, ())
                )
                if beaten:
                    continue
                if len(first) < _AT_ONCE and not any(competes(run, other) for other in first):
                    first.append(run)
                else:
                    later.append(run)
            chosen += first
            waiting[pair] = later
        if not chosen:
            break
        shift, peak = _correlate(sounds, pairs, chosen)
        for run, moved, height in zip(chosen, shift.tolist(), peak.tolist(), strict=True):
            if height >= LEAST_PEAK:
                exact = Run(
                    run.start, run.end, run.lag + round(moved), run.best, run.evidence, height
                )
                kept.setdefault(run.pair, []).append((run, exact))
    return {pair: [exact for _, exact in runs] for pair, runs in kept.items()}


def _correlate(
    sounds: Sequence[Sound], pairs: NDArray[np.int64], runs: Sequence[CoarseRun]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shift and peak of the best stretch of every run; its length goes by that of the run."""
    sizes = np.array([_size(run.end - run.start) for run in runs])
    shifts, peaks = np.zeros(len(runs)), np.zeros(len(runs))
    for size in np.unique(sizes).tolist():
        rows = np.flatnonzero(sizes == size)
        windows = []
        for row in rows.tolist():
            run = runs[row]
            start = max(run.best - size // 2, 0, -run.lag)
            a, b = (sounds[episode] for episode in pairs[run.pair])
            windows.append(Window(a.samples, b.samples, start, start + run.lag))
        shifts[rows], peaks[rows] = correlate(windows, size)
    return shifts, peaks


def _size(samples: int) -> int:
    for size in (2**16, 2**15):
        if samples >= 0.8 * size:
            return size
    return 2**14


def _joined(
    first: NDArray[np.int16], second: NDArray[np.int16], runs: Sequence[Run]
) -> tuple[Run, ...]:
    """Runs in order of their start; those of one lag become one where the gap is coherent too."""
    joined: list[Run] = []
    for run in sorted(runs, key=lambda run: (round(run.lag / HOP), run.start)):
        last = joined[-1] if joined else None
        if last and abs(last.lag - run.lag) <= 4 and run.start - last.end < _PIECES * RATE:
            better = max(last, run, key=lambda run: run.peak)
            aligned = Alignment(first, second, better.lag)
            if (
                run.start <= last.end + RATE // 2
                or mean_coherence(aligned, last.end, run.start) >= COHERENT
            ):
                joined[-1] = replace(
                    better,
                    start=min(last.start, run.start),
                    end=max(last.end, run.end),
                    evidence=last.evidence + run.evidence,
                )
                continue
        joined.append(run)
    return tuple(sorted(joined, key=lambda run: run.start))
