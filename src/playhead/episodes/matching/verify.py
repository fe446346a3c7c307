"""Runs compared by their waveforms: the same recording, or only similar words?

Silence, steady noise and a common chord make words alike; only one recording makes the
phase-transformed cross-correlation peak. Its peak over its mean is at most about 6 for different
sound, whatever that sound is, and far above 20 for one recording under speech.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from playhead.episodes.sound.fingerprint import HOP
from playhead.inference.runtime import available_cores

__all__ = ["LEAST_PEAK", "Window", "correlate", "find_all", "phase_correlation", "phase_response"]

LEAST_PEAK = 20.0
"""Times the mean: below, two stretches are not the same recording."""
_QUIET = 0.5
"""Parts of a spectrum below four times the noise of 16-bit samples do not count."""
_BATCH = 8


@dataclass(frozen=True, slots=True)
class Window:
    """Two stretches of equal length to compare, from these samples of two episodes."""

    first: NDArray[np.int16]  # samples of episode a, memory-mapped or not
    second: NDArray[np.int16]
    at_first: int
    at_second: int


def correlate(
    windows: Sequence[Window], size: int, *, reach: int = 2 * HOP
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shift and peak of every window: float64 (W,), float64 (W,).

    size: samples of a stretch, a power of two
    reach: shifts up to so many samples are looked at
    shift: how many samples later the sound is in b than the window says, to a fraction of one
    peak: of the phase-transformed cross-correlation, in multiples of its mean; 0 for silence
    """
    shifts, peaks = np.zeros(len(windows)), np.zeros(len(windows))
    taper = np.hanning(size).astype(np.float32)
    for low in range(0, len(windows), _BATCH):
        batch = windows[low : low + _BATCH]
        stretches = np.zeros((2, len(batch), size), np.float32)
        for row, window in enumerate(batch):
            stretches[0, row] = _cut(window.first, window.at_first, size)
            stretches[1, row] = _cut(window.second, window.at_second, size)
        shift, peak = phase_correlation(stretches[0] * taper, stretches[1] * taper, reach)
        shifts[low : low + _BATCH], peaks[low : low + _BATCH] = shift, peak
    return shifts, peaks


def phase_correlation(
    first: NDArray[np.float32], second: NDArray[np.float32], reach: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shift of `second` and height of the peak over the mean: float32 (B, N) twice → (B,), (B,)."""
    response = _response(first, second)
    near = np.concatenate([response[:, -reach:], response[:, : reach + 1]], axis=1)
    at = np.argmax(near, axis=1)
    rows = np.arange(len(near))
    height = near[rows, at]
    # A parabola through the peak and its neighbours gives the fraction of a sample.
    left = near[rows, np.maximum(at - 1, 0)]
    right = near[rows, np.minimum(at + 1, 2 * reach)]
    bend = left - 2 * height + right
    fraction = np.where(bend < 0, 0.5 * (left - right) / np.where(bend < 0, bend, -1), 0)
    mean = np.mean(np.abs(response), axis=1)
    peak = np.where(mean > 0, height / np.maximum(mean, 1e-12), 0.0)
    return at - reach + np.clip(fraction, -0.5, 0.5), peak


def find_all(samples: NDArray[np.int16], template: NDArray[np.int16]) -> list[int]:
    """Every place in `samples` where the template begins, in order; it must lie wholly inside."""
    size = 1 << (len(samples) - 1).bit_length()
    padded = np.zeros((2, size), np.float32)
    padded[0, : len(template)] = template
    padded[1, : len(samples)] = samples
    response = _response(padded[:1], padded[1:])[0]
    least = LEAST_PEAK * float(np.mean(np.abs(response)))
    response = response[: max(len(samples) - len(template) + 1, 0)]
    places: list[int] = []
    peaks = np.flatnonzero(response >= max(least, 1e-9))
    for place in peaks[np.argsort(-response[peaks])].tolist():
        if all(abs(place - other) > len(template) // 2 for other in places):
            places.append(place)
    return sorted(places)


def _response(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """The phase-transformed cross-correlation: float32 (B, N) twice → (B, N)."""
    cores = available_cores()
    spectra = [fft.rfft(stretch, axis=1, workers=cores) for stretch in (first, second)]
    return phase_response(spectra[1] * np.conj(spectra[0]))


def phase_response(product: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Of products of two spectra, (..., N / 2 + 1) → float32 (..., N); `product` is changed."""
    product /= np.maximum(np.abs(product), _QUIET * 2 * (product.shape[-1] - 1))
    response: NDArray[np.float32] = fft.irfft(product, axis=-1, workers=available_cores())
    return response


def _cut(samples: NDArray[np.int16], start: int, size: int) -> NDArray[np.float32]:
    """Samples start to start + size, zeros beyond the ends."""
    stretch = np.zeros(size, np.float32)
    low, high = max(start, 0), min(start + size, len(samples))
    if high > low:
        stretch[low - start : high - start] = samples[low:high]
    return stretch
