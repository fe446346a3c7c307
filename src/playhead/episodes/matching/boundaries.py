"""Where a run starts and ends, to a few milliseconds, from the coherence of two waveforms.

At the run's lag the spectra of short windows agree in phase where the sound is shared and
disagree elsewhere. Coherence is clipped, so that a song under speech, which is less coherent,
counts as much as a clear one: else the change point would move to where the speech ends.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import fft

from playhead.episodes.sound.fingerprint import RATE

__all__ = ["Alignment", "mean_coherence", "refine_end", "refine_start"]

_OUTWARD, _INWARD = 12.0, 3.5
"""Seconds around a coarse boundary in which the fine one is sought."""
_SHORT = 15.0
"""Seconds: of a shorter run all is searched up to the anchor; its words reach far beyond it."""
_QUIET = 0.5
"""Parts of a spectrum below four times the noise of 16-bit samples do not count."""
_CLIP = 0.25
_BACKGROUND = 0.06
"""Coherence that counts for neither side: different sound has 0 +- .04, a song under speech .1."""
_WINDOW, _HOP = 1024, 256
_FINE_WINDOW, _FINE_HOP = 256, 16
_FINE = 0.15
"""Seconds around the first answer in which short windows look again."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """Two episodes laid over each other: sample i of `first` is sample i + lag of `second`."""

    first: NDArray[np.int16]
    second: NDArray[np.int16]
    lag: int

    @property
    def low(self) -> int:
        """The first sample of `first` that has a partner."""
        return max(0, -self.lag)

    @property
    def high(self) -> int:
        """The end of the samples of `first` that have a partner."""
        return min(len(self.first), len(self.second) - self.lag)

    def mirrored(self) -> "Alignment":
        """Both played backwards, so that ends become starts."""
        lag = len(self.second) - len(self.first) - self.lag
        return Alignment(self.first[::-1], self.second[::-1], lag)


def refine_start(aligned: Alignment, start: int, anchor: int) -> int:
    """The sample of `first` at which the shared sound begins, near `start` and before `anchor`.

    anchor: a sample that is surely shared
    A run that is coherent from the first common sample on starts with it.
    """
    inward = anchor if anchor - start < _SHORT / 2 * RATE else start + round(_INWARD * RATE)
    low = max(aligned.low, min(start, anchor) - round(_OUTWARD * RATE))
    high = min(aligned.high, anchor, max(inward, aligned.low + round(_INWARD * RATE)))
    if high - low < 2 * _WINDOW:
        return max(start, aligned.low)
    coarse = low + _change(_coherence(aligned, low, high, _WINDOW, _HOP), _WINDOW, _HOP)
    if coarse <= aligned.low + _WINDOW:
        return aligned.low
    low = max(aligned.low, coarse - round(_FINE * RATE))
    high = min(aligned.high, coarse + round(_FINE * RATE))
    if high - low < 4 * _FINE_WINDOW:
        return coarse
    fine = _coherence(aligned, low, high, _FINE_WINDOW, _FINE_HOP)
    return low + _step(fine, _FINE_WINDOW, _FINE_HOP)


def refine_end(aligned: Alignment, anchor: int, end: int) -> int:
    """The sample of `first` at which the shared sound ends, near `end` and after `anchor`."""
    length = len(aligned.first)
    return length - refine_start(aligned.mirrored(), length - end, length - anchor)


def mean_coherence(aligned: Alignment, start: int, end: int) -> float:
    """Mean clipped coherence of samples start to end of `first`; about 0 for different sound."""
    start, end = max(start, aligned.low), min(end, aligned.high)
    if end - start < _WINDOW:
        return 0.0
    hop = _WINDOW if end - start < 20 * RATE else 4 * _WINDOW
    values = _coherence(aligned, start, end, _WINDOW, hop)
    return float(np.minimum(values, _CLIP).mean())


def _coherence(
    aligned: Alignment, start: int, end: int, window: int, hop: int
) -> NDArray[np.float32]:
    """Mean cosine of the phase difference in windows from `start` to `end`: float32 (K,)."""
    taper = np.hanning(window + 1)[:window].astype(np.float32)
    spectra = [
        fft.rfft(sliding_window_view(part.astype(np.float32), window)[::hop] * taper, axis=1)
        for part in (
            aligned.first[start:end],
            aligned.second[start + aligned.lag : end + aligned.lag],
        )
    ]
    product = spectra[0] * np.conj(spectra[1])  # K, window / 2 + 1
    size = np.abs(product)
    cosine = product.real / np.maximum(size, _QUIET * window)
    mean: NDArray[np.float32] = cosine.mean(axis=1)
    return mean


def _change(coherence: NDArray[np.float32], window: int, hop: int) -> int:
    """Offset in samples at which coherence begins, by the largest sum after it."""
    gain = np.minimum(coherence, _CLIP) - _BACKGROUND
    sums = np.concatenate([[0], np.cumsum(gain)])
    first = int(np.argmin(sums))
    if first == 0:
        return 0
    return first * hop + window // 2 - hop // 2


def _step(coherence: NDArray[np.float32], window: int, hop: int) -> int:
    """Offset in samples of the step that leaves the least squared error on both sides."""
    count = len(coherence)
    sums = np.cumsum(coherence.astype(np.float64))
    before = np.arange(1, count)
    left, right = sums[:-1], sums[-1] - sums[:-1]
    explained = left**2 / before + right**2 / (count - before)
    rising = right / (count - before) > left / before
    first = int(np.argmax(np.where(rising, explained, -1))) + 1
    return first * hop + window // 2 - hop // 2
