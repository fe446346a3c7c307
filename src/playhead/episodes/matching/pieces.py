"""More pieces of a recap, by the waveform alone.

A narrator over a recap leaves few words alike, so that only some of its pieces are found by their
words. From a found piece on, what comes next to it is looked for in the whole previous episode.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.signal import resample_poly

from playhead.episodes.matching.boundaries import Alignment, refine_end, refine_start
from playhead.episodes.matching.pairs import Run
from playhead.episodes.matching.verify import LEAST_PEAK, Window, correlate, phase_response
from playhead.episodes.sound.fingerprint import RATE

__all__ = ["neighbouring_pieces"]

_TEMPLATE = 2**15
_SLOWER = 4
"""The search runs at a quarter of the rate; what it finds is compared again at the full one."""
_SHORT_TEMPLATE, _BLOCK = _TEMPLATE // _SLOWER, 2**15
_STRIDE = _BLOCK - _SHORT_TEMPLATE
_SEARCH_PEAK = 12.0
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
    slower = _slower(earlier)
    after = _chain(earlier, later, _spectra(slower), piece, limits[1])
    # Backwards in time the same search finds what comes before.
    sizes = len(earlier), len(later)
    before = _chain(
        earlier[::-1],
        later[::-1],
        _spectra(slower[::-1]),
        _mirrored(piece, *sizes),
        sizes[1] - limits[0],
    )
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
    earlier: NDArray[np.int16],
    later: NDArray[np.int16],
    spectra: NDArray[np.complex64],
    piece: Run,
    limit: int,
) -> list[Run]:
    chain: list[Run] = []
    aligned = Alignment(earlier, later, piece.lag)
    at = refine_end(aligned, piece.anchor, piece.end) + piece.lag
    skipped = 0
    while len(chain) < _MOST and 0 <= at <= min(limit, len(later)) - _TEMPLATE // 2:
        place, height = _find(spectra, later[at : at + _TEMPLATE])
        window = Window(earlier, later, place, at)
        shifts, peaks = correlate([window], _TEMPLATE, reach=8 * _SLOWER)
        peak = float(peaks[0])
        if height >= _SEARCH_PEAK and peak >= LEAST_PEAK:
            lag = at - place + round(float(shifts[0]))
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


def _slower(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    slower: NDArray[np.float32] = resample_poly(samples.astype(np.float32), 1, _SLOWER)
    return slower


def _spectra(slower: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Spectra of the blocks, which overlap by a template: complex64 (blocks, _BLOCK / 2 + 1)."""
    starts = range(0, max(len(slower) - _SHORT_TEMPLATE, 1), _STRIDE)
    spectra = np.empty((len(starts), _BLOCK // 2 + 1), np.complex64)
    for row, start in enumerate(starts):
        spectra[row] = fft.rfft(slower[start : start + _BLOCK], _BLOCK)
    return spectra


def _find(spectra: NDArray[np.complex64], template: NDArray[np.int16]) -> tuple[int, float]:
    """Where in the sound of the blocks the template lies, to a few samples, and the peak there."""
    slower = _slower(template)
    tapered = (slower * np.hanning(len(slower))).astype(np.float32)
    turned = np.conj(fft.rfft(tapered, _BLOCK))
    best = 0, 0.0
    for row, spectrum in enumerate(spectra):
        response = phase_response(spectrum * turned)
        place = int(np.argmax(response))
        peak = float(response[place]) / max(float(np.mean(np.abs(response))), 1e-12)
        if peak > best[1]:
            best = (row * _STRIDE + place) * _SLOWER, peak
    return best
