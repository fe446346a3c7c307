"""Runs: stretches of a diagonal along which the words of two episodes are alike.

A run's evidence is the sum over its words of (threshold - Hamming distance). Competing runs are
ranked by it: the mean distance would prefer a short run, such as a repeated verse, to the whole
song.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playhead.episodes.matching.index import Diagonals
from playhead.episodes.sound.fingerprint import HOP, SPAN

__all__ = ["CoarseRun", "competes", "find_runs"]

_THRESHOLD = 11.0
"""Bits: words of different sound differ in 15 on average, with a deviation of 3."""
_WORDS = 7
"""Distances are averaged over this many words."""
_GAP = 28
"""Words: a shorter gap is bridged (3.5 s)."""
_SHORTEST = 4
"""Words of an averaged distance below the threshold."""
_AGAINST = -2.5
"""The least evidence of a word: more would let speech over a song cut it in two."""
_LEAST_EVIDENCE = 30.0


@dataclass(frozen=True, slots=True)
class CoarseRun:
    """Sound that two episodes seem to share, in samples of either, accurate to half a second.

    best: middle of the stretch of a with the most evidence, for a first comparison of waveforms
    """

    pair: int
    start: int  # in a
    end: int
    lag: int  # position in b less position in a
    evidence: float
    best: int


def find_runs(
    words: Sequence[NDArray[np.uint32]], pairs: NDArray[np.int64], diagonals: Diagonals
) -> list[CoarseRun]:
    """All runs along the diagonals, by pair, the most evidence first."""
    runs = [
        run
        for pair, lag in zip(diagonals.pair.tolist(), diagonals.lag.tolist(), strict=True)
        for run in _runs_of(words[pairs[pair, 0]], words[pairs[pair, 1]], pair, lag)
    ]
    return sorted(runs, key=lambda run: (run.pair, -run.evidence))


def _runs_of(
    first: NDArray[np.uint32], second: NDArray[np.uint32], pair: int, lag: int
) -> Iterator[CoarseRun]:
    offset = max(0, -lag)
    count = min(len(first) - offset, len(second) - offset - lag)
    if count <= 0:
        return
    distance = np.bitwise_count(
        first[offset : offset + count] ^ second[offset + lag : offset + lag + count]
    )
    score = _THRESHOLD - distance.astype(np.float32)
    sums = np.zeros(count + 1, np.float32)
    np.cumsum(score, out=sums[1:])
    half = _WORDS // 2
    at = np.arange(count)
    alike = sums[np.minimum(at + half + 1, count)] - sums[np.maximum(at - half, 0)] > 0
    edges = np.flatnonzero(np.diff(np.r_[False, alike, False].astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    long = ends - starts >= _SHORTEST
    starts, ends = starts[long], ends[long]
    if not len(starts):
        return
    apart = starts[1:] - ends[:-1] > _GAP
    starts, ends = starts[np.r_[True, apart]], ends[np.r_[apart, True]]
    for low, high in zip(starts.tolist(), ends.tolist(), strict=True):
        # Ends that bridged a gap for less evidence than the gap takes away are given up.
        gain = np.r_[0, np.cumsum(np.maximum(score[low:high], _AGAINST))]
        end = low + int(np.argmax(gain))
        start = low + int(np.argmin(gain[: end - low + 1]))
        evidence = float(np.maximum(score[start:end], 0).sum())
        if evidence < _LEAST_EVIDENCE:
            continue
        window = min(end - start, 40)
        sliding = sums[start + window : end + 1] - sums[start : end + 1 - window]
        best = start + int(np.argmax(sliding))
        # A word stands for the middle of its span, where its sound outweighs that of others.
        yield CoarseRun(
            pair=pair,
            start=(offset + start) * HOP + SPAN // 2 if offset + start else 0,
            end=(offset + end - 1) * HOP + SPAN // 2,
            lag=lag * HOP,
            evidence=evidence,
            best=(offset + best + window // 2) * HOP + SPAN // 2,
        )


def competes(run: CoarseRun, other: CoarseRun) -> bool:
    """Whether two runs of one pair explain the same sound of a or of b differently."""
    if run.pair != other.pair:
        return False
    shorter = min(run.end - run.start, other.end - other.start)
    in_a = min(run.end, other.end) - max(run.start, other.start)
    in_b = min(run.end + run.lag, other.end + other.lag) - max(
        run.start + run.lag, other.start + other.lag
    )
    return max(in_a, in_b) > shorter / 2
