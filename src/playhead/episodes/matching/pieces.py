"""More pieces of a recap, by the waveform alone.

A narrator over a recap leaves few words alike, so that only some of its pieces are found by their
words. From a found piece on, what comes next to it is looked for in the whole previous episode.
"""

import numpy as np
from numpy.typing import NDArray

from playhead.episodes.fingerprint import RATE
from playhead.episodes.matching.boundaries import Alignment, refine_end, refine_start
from playhead.episodes.matching.pairs import Run
from playhead.episodes.matching.verify import LEAST_PEAK, phase_correlation

__all__ = ["neighbouring_pieces"]

_TEMPLATE, _BLOCK = 2**15, 2**17
_STRIDE = _BLOCK - _TEMPLATE
_AT_ONCE = 4
_MOST = 15
"""Pieces to either side."""
_SKIP, _SKIPS = 1.5, 3
"""Seconds that are skipped where nothing is found, and how often in a row."""
_SHORTEST = 0.8


def neighbouring_pieces(
    earlier: NDArray[np.int16],
    later: NDArray[np.int16],
    piece: Run,
    *,
    limits: tuple[int, int],
) -> list[Run]:
    """The pieces of `later` before and after `piece` that were taken from `earlier`, in order.

    piece: a run of the two, earlier being its a
    limits: samples of `later` between which pieces may lie
    """
    after = _chain(earlier, later, piece, limits[1])
    # Backwards in time the same search finds what comes before.
    sizes = len(earlier), len(later)
    before = _chain(earlier[::-1], later[::-1], _mirrored(piece, *sizes), sizes[1] - limits[0])
    return [*(_mirrored(run, *sizes) for run in reversed(before)), *after]


def _mirrored(run: Run, earlier: int, later: int) -> Run:
    return Run(
        earlier - run.end,
        earlier - run.start,
        later - earlier - run.lag,
        earlier - run.anchor,
        run.evidence,
        run.peak,
    )


def _chain(
    earlier: NDArray[np.int16], later: NDArray[np.int16], piece: Run, limit: int
) -> list[Run]:
    chain: list[Run] = []
    aligned = Alignment(earlier, later, piece.lag)
    at = refine_end(aligned, piece.anchor, piece.end) + piece.lag
    skipped = 0
    while len(chain) < _MOST and 0 <= at <= min(limit, len(later)) - _TEMPLATE // 2:
        place, peak = _find(earlier, later[at : at + _TEMPLATE])
        if peak >= LEAST_PEAK:
            lag = at - place
            aligned = Alignment(earlier, later, lag)
            start = max(refine_start(aligned, place, place + _TEMPLATE), at - lag)
            end = min(refine_end(aligned, max(start, place), place + _TEMPLATE), limit - lag)
            if end - start > _SHORTEST * RATE and start - place < 2 * RATE:
                chain.append(Run(start, end, lag, (start + end) // 2, 0.0, peak))
                at, skipped = end + lag, 0
                continue
        if skipped == _SKIPS:
            break
        at, skipped = at + round(_SKIP * RATE), skipped + 1
    return chain


def _find(samples: NDArray[np.int16], template: NDArray[np.int16]) -> tuple[int, float]:
    """Where in `samples` the template lies, and the peak there in multiples of the mean."""
    padded = np.zeros(_BLOCK, np.float32)
    padded[: len(template)] = template * np.hanning(len(template))
    starts = np.arange(0, max(len(samples) - _TEMPLATE, 1), _STRIDE)
    best = 0, 0.0
    for low in range(0, len(starts), _AT_ONCE):
        group = starts[low : low + _AT_ONCE].tolist()
        blocks = np.zeros((len(group), _BLOCK), np.float32)
        for row, start in enumerate(group):
            part = samples[start : start + _BLOCK]
            blocks[row, : len(part)] = part
        shifts, peaks = phase_correlation(
            np.broadcast_to(padded, blocks.shape), blocks, _BLOCK // 2 - 1
        )
        row = int(np.argmax(peaks))
        if peaks[row] > best[1]:
            shift = round(float(shifts[row]))
            best = group[row] + (shift if shift >= 0 else shift + _BLOCK), float(peaks[row])
    return best
