"""Fingerprints of sound: chromaprint's words, 32 bits every 0.124 s, computed with NumPy.

The method and its constants are those of chromaprint's default algorithm (TEST2), so words are
equal to `fpcalc -raw -length 0` for mono sound of 16 bits at 11,025 Hz. Two recordings of the same
sound differ in few bits whatever their loudness and codec; word k describes the samples from
k * HOP to k * HOP + SPAN.

Source: L. Lalinsky, How does Chromaprint work, 2011; D. Jang et al., Pairwise boosted audio
fingerprint, 2009.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import fft

__all__ = ["HOP", "RATE", "SPAN", "Fingerprinter", "fingerprint"]

RATE = 11025
"""Samples per second."""
FRAME = 4096
HOP = FRAME // 3
"""Samples between two words."""
_LOWEST, _HIGHEST = 28, 3520
_SMOOTHING = np.array([0.25, 0.75, 1.0, 0.75, 0.25])
_WIDEST = 16
SPAN = FRAME + (_WIDEST + len(_SMOOTHING) - 2) * HOP
"""Samples that a word depends on: 2.72 s."""
_BANDS = 12
_FAINTEST = 0.01
"""Length of a chroma vector below which it counts as silence."""
_FRAMES = 32
"""Frames that are transformed at a time: their spectra fit into a processor's cache."""


@dataclass(frozen=True, slots=True)
class _Classifier:
    """Compares two areas of the chroma image; three thresholds make two bits of the result.

    The areas lie in the bands `low` to `low + height` and in `width` moments.
    """

    kind: int
    low: int
    height: int
    width: int
    thresholds: tuple[float, float, float]


_CLASSIFIERS = (
    _Classifier(0, 4, 3, 15, (1.98215, 2.35817, 2.63523)),
    _Classifier(4, 4, 6, 15, (-1.03809, -0.651211, -0.282167)),
    _Classifier(1, 0, 4, 16, (-0.298702, 0.119262, 0.558497)),
    _Classifier(3, 8, 2, 12, (-0.105439, 0.0153946, 0.135898)),
    _Classifier(3, 4, 4, 8, (-0.142891, 0.0258736, 0.200632)),
    _Classifier(4, 0, 3, 5, (-0.826319, -0.590612, -0.368214)),
    _Classifier(1, 2, 2, 9, (-0.557409, -0.233035, 0.0534525)),
    _Classifier(2, 7, 3, 4, (-0.0646826, 0.00620476, 0.0784847)),
    _Classifier(2, 6, 2, 16, (-0.192387, -0.029699, 0.215855)),
    _Classifier(2, 1, 3, 2, (-0.0397818, -0.00568076, 0.0292026)),
    _Classifier(5, 10, 1, 15, (-0.53823, -0.369934, -0.190235)),
    _Classifier(3, 6, 2, 10, (-0.124877, 0.0296483, 0.139239)),
    _Classifier(2, 1, 1, 14, (-0.101475, 0.0225617, 0.231971)),
    _Classifier(3, 5, 6, 4, (-0.0799915, -0.00729616, 0.063262)),
    _Classifier(1, 9, 2, 12, (-0.272556, 0.019424, 0.302559)),
    _Classifier(3, 4, 2, 14, (-0.164292, -0.0321188, 0.0846339)),
)
_GRAY = np.array([0, 1, 3, 2], np.uint32)
"""Neighbouring levels differ in one bit."""


def fingerprint(samples: NDArray[np.int16]) -> NDArray[np.uint32]:
    """The words of mono sound at RATE: int16 (M,) → uint32 (N,).

    N is 0 for fewer than SPAN samples, else 1 + (M - SPAN) // HOP.
    """
    return Fingerprinter().add(samples)


class Fingerprinter:
    """Computes words while the sound is being read, in constant memory apart from the words."""

    def __init__(self) -> None:
        moments = np.arange(FRAME)
        # Hamming; a sample of 32767 is 1.
        self._window = (0.54 - 0.46 * np.cos(2 * np.pi * moments / (FRAME - 1))) / 32767
        first, end = (round(FRAME * hertz / RATE) for hertz in (_LOWEST, _HIGHEST))
        octaves = np.log2(np.arange(first, end) * RATE / FRAME / (440 / 16))
        notes = (_BANDS * (octaves - np.floor(octaves))).astype(np.intp)
        self._bins = slice(first, end)
        self._bands = np.eye(_BANDS)[notes]
        self._samples = np.empty(0, np.int16)
        self._chroma = np.empty((0, _BANDS))
        self._image = np.empty((0, _BANDS))

    def add(self, samples: NDArray[np.int16]) -> NDArray[np.uint32]:
        """The words that these samples complete: int16 (M,) → uint32 (N,)."""
        given = np.concatenate([self._samples, samples])
        count = max(0, 1 + (len(given) - FRAME) // HOP)
        self._samples = given[count * HOP :].copy()
        chroma = [self._chroma]
        for first in range(0, count, _FRAMES):
            end = min(count, first + _FRAMES)
            part = given[first * HOP : (end - 1) * HOP + FRAME]
            frames = sliding_window_view(part, FRAME)[::HOP]  # end - first, 4096
            spectra = fft.rfft(frames * self._window, axis=1)[:, self._bins]  # ..., 1298
            chroma.append((np.square(spectra.real) + np.square(spectra.imag)) @ self._bands)
        joined = np.concatenate(chroma)
        self._chroma = joined[-len(_SMOOTHING) + 1 :]
        if len(joined) < len(_SMOOTHING):
            return np.empty(0, np.uint32)
        smooth = sliding_window_view(joined, len(_SMOOTHING), axis=0) @ _SMOOTHING
        length = np.linalg.norm(smooth, axis=1, keepdims=True)
        smooth = np.where(length < _FAINTEST, 0, smooth / np.maximum(length, _FAINTEST))
        image = np.concatenate([self._image, smooth])
        self._image = image[-_WIDEST + 1 :]
        return _classified(image) if len(image) >= _WIDEST else np.empty(0, np.uint32)


def _classified(image: NDArray[np.float64]) -> NDArray[np.uint32]:
    """The words of a chroma image: float64 (T, 12) → uint32 (T - 15,)."""
    count = len(image) - _WIDEST + 1
    integral = np.zeros((len(image) + 1, _BANDS + 1))
    integral[1:, 1:] = image.cumsum(axis=0).cumsum(axis=1)

    def area(start: int, end: int, low: int, high: int) -> NDArray[np.float64]:
        """Sum over the moments start to end after each of `count` moments, bands low to high."""
        after, before = integral[end : end + count], integral[start : start + count]
        total: NDArray[np.float64] = after[:, high] - after[:, low] - before[:, high]
        return total + before[:, low]

    words = np.zeros(count, np.uint32)
    for classifier in _CLASSIFIERS:
        low, high, width = classifier.low, classifier.low + classifier.height, classifier.width
        match classifier.kind:
            case 0:  # the sum
                more, less = area(0, width, low, high), np.zeros(count)
            case 1:  # high bands against low ones
                middle = low + classifier.height // 2
                more, less = area(0, width, middle, high), area(0, width, low, middle)
            case 2:  # late moments against early ones
                half = width // 2
                more, less = area(half, width, low, high), area(0, half, low, high)
            case 3:  # two opposite quarters against the other two
                middle, half = low + classifier.height // 2, width // 2
                more = area(0, half, middle, high) + area(half, width, low, middle)
                less = area(0, half, low, middle) + area(half, width, middle, high)
            case 4:  # the middle third of the bands against the outer ones
                third = classifier.height // 3
                more = area(0, width, low + third, low + 2 * third)
                less = area(0, width, low, low + third) + area(0, width, low + 2 * third, high)
            case _:  # the middle third of the moments against the outer ones
                third = width // 3
                more = area(third, 2 * third, low, high)
                less = area(0, third, low, high) + area(2 * third, width, low, high)
        value = np.log((1 + more) / (1 + less))
        level = np.searchsorted(classifier.thresholds, value, side="right")
        words = words << np.uint32(2) | _GRAY[level]
    return words
