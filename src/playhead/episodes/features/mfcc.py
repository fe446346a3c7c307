"""MFCC of sound: 20 mel-frequency cepstral coefficients, as librosa computes them by default.

Power of Hann windows of 2,048 samples, 512 apart, in 128 mel bands, in decibels down to 80 below
the loudest of the whole sound; then the first 20 coefficients of the orthonormal DCT-II. The
loudest band is known only at the end, so the decibels are kept: 512 bytes a column, 43 columns a
second, while the samples are streamed.
"""

from collections.abc import Iterable
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.signal import get_window

__all__ = ["COEFFICIENTS", "HOP", "RATE", "mel_filters", "mfcc", "mfcc_of_blocks"]

RATE = 22050
"""Samples a second."""
HOP = 512
COEFFICIENTS = 20
WINDOW = 2048
BANDS = 128
RANGE_DB = 80.0
QUIETEST = 1e-10
_COLUMNS = 256
"""Columns computed at once."""


def mfcc(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    """Samples (N,) at 22,050 Hz → float32 (20, 1 + N // 512); column k is centred at 512 k."""
    return mfcc_of_blocks([samples])


def mfcc_of_blocks(blocks: Iterable[NDArray[np.floating]]) -> NDArray[np.float32]:
    """The same of sound in consecutive blocks of any size, float (n,) each."""
    decibels = []
    waiting = [np.zeros(WINDOW // 2, np.float32)]
    count = WINDOW // 2
    for block in blocks:
        waiting.append(block.astype(np.float32, copy=False))
        count += len(block)
        if count >= WINDOW + (_COLUMNS - 1) * HOP:
            joined = np.concatenate(waiting)
            while len(joined) >= WINDOW + (_COLUMNS - 1) * HOP:
                decibels.append(_decibels(joined[: WINDOW + (_COLUMNS - 1) * HOP]))
                joined = joined[_COLUMNS * HOP :]
            waiting, count = [joined], len(joined)
    rest = np.concatenate([*waiting, np.zeros(WINDOW // 2, np.float32)])
    while len(rest) >= WINDOW:
        decibels.append(_decibels(rest[: WINDOW + (_COLUMNS - 1) * HOP]))
        rest = rest[_COLUMNS * HOP :]
    bands = np.concatenate(decibels)  # columns, 128
    np.maximum(bands, bands.max() - RANGE_DB, out=bands)
    cepstrum = fft.dct(bands, type=2, axis=1, norm="ortho")[:, :COEFFICIENTS]
    return np.ascontiguousarray(cepstrum.T, np.float32)


def _decibels(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mel bands in decibels, float32 (columns, 128), of every whole window of the samples."""
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    hann = get_window("hann", WINDOW, fftbins=True).astype(np.float32)
    spectrum = fft.rfft(windows * hann, axis=1)  # complex64 (columns, 1025)
    power = spectrum.real**2 + spectrum.imag**2
    bands = power @ mel_filters().T
    return np.asarray(10 * np.log10(np.maximum(bands, np.float32(QUIETEST))), np.float32)


@cache
def mel_filters() -> NDArray[np.float32]:
    """Triangles of equal area between 128 + 2 points of Slaney's mel scale, float32 (128, 1025).

    The scale is linear below 1,000 Hz (200/3 Hz a mel) and logarithmic above (27 mels are a factor
    of 6.4), as in Slaney's Auditory Toolbox.
    """
    linear, corner, step = 200 / 3, 15.0, np.log(6.4) / 27
    top = corner + np.log(RATE / 2 / 1000) / step
    mels = np.linspace(0, top, BANDS + 2)
    hertz = np.where(mels < corner, mels * linear, 1000 * np.exp(step * (mels - corner)))
    bins = np.linspace(0, RATE / 2, WINDOW // 2 + 1)
    left, centre, right = (hertz[k : k + BANDS, None] for k in range(3))
    rising, falling = (bins - left) / (centre - left), (right - bins) / (right - centre)
    triangles = np.maximum(0, np.minimum(rising, falling)) * 2 / (right - left)
    return np.asarray(triangles, np.float32)
