"""Talk: phrases of a small formant synthesiser, in no language.

A buzz at the pitch of the voice, and noise for consonants, are shaped frame by frame with the
spectral envelopes of speech sounds, which glide into each other.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from playhead.worlds.season.plan import CLOCK, Line, Voice

__all__ = ["line_sound"]

Sound = NDArray[np.float32]

_RATE = CLOCK // 2
_WINDOW, _HOP = 256, 128
_VOWELS = (
    (730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410),
    (440, 1020, 2240), (660, 1720, 2410), (490, 1350, 1690),
)  # fmt: skip
"""The first three formants in Hz."""
_HISSES = ((3800, 900), (2400, 700), (1500, 1200), (4600, 1400))
"""Centre and width of the noise of consonants, Hz."""
_HUMS = ((250, 1000, 2200), (280, 1500, 2500))
_SOUNDS = len(_VOWELS) + len(_HISSES) + len(_HUMS) + 1
"""The last sound is silence."""


@lru_cache(maxsize=16)
def _envelopes(voice: Voice) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(sounds, bins) gains for the buzz and for the noise."""
    bins = np.arange(_WINDOW // 2 + 1) * _RATE / _WINDOW
    buzz = np.zeros((_SOUNDS, len(bins)), np.float32)
    noise = np.zeros_like(buzz)
    for index, formants in enumerate((*_VOWELS, *_HUMS)):
        row = index if index < len(_VOWELS) else index + len(_HISSES)
        for formant, width, level in zip(formants, (90, 110, 170), (1.0, 0.5, 0.25), strict=True):
            centre = formant * voice.scale
            buzz[row] += level / (1 + ((bins - centre) / width) ** 2)
        buzz[row] *= 1.0 if index < len(_VOWELS) else 0.35
        noise[row] = buzz[row] * 0.06
    for index, (centre, width) in enumerate(_HISSES):
        row = len(_VOWELS) + index
        noise[row] = 0.3 / (1 + ((bins - centre) / width) ** 2)
    return buzz, noise


@lru_cache(maxsize=64)
def line_sound(line: Line) -> Sound:
    """A phrase as float32 (line.stop - line.start,), read-only."""
    rng = np.random.default_rng(line.seed)
    samples = line.stop - line.start
    count = samples // (2 * _HOP) + 3  # frames at half the rate
    kinds, times, level = _syllables(rng, samples / CLOCK)
    at = np.arange(count) * _HOP / _RATE
    after = np.clip(np.searchsorted(times, at), 1, len(times) - 1)
    share = ((at - times[after - 1]) / (times[after] - times[after - 1])).clip(0, 1)
    share = share.astype(np.float32)[:, None]
    table = _envelopes(line.voice)
    buzz, hiss = (
        (rows[kinds[after - 1]] * (1 - share) + rows[kinds[after]] * share) for rows in table
    )
    length = (count + 1) * _HOP
    moments = np.arange(length) / _RATE
    accents = np.exp(rng.normal(0, 0.09, len(times)))
    fall = np.linspace(1.12, 0.88, len(times))
    pitch = np.interp(moments, times, line.voice.pitch * accents * fall)
    turns = np.cumsum(pitch / _RATE)
    source = (1 - 2 * (turns % 1)).astype(np.float32)
    white = rng.standard_normal(length, dtype=np.float32)
    window = np.sqrt(np.hanning(_WINDOW + 1)[:-1]).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view
    spectrum = np.fft.rfft(frames(source, _WINDOW)[::_HOP] * window) * buzz
    spectrum += np.fft.rfft(frames(white, _WINDOW)[::_HOP] * window) * hiss
    shaped = np.fft.irfft(spectrum).astype(np.float32) * window
    shaped *= np.interp(at, times, level).astype(np.float32)[:, None]
    out = np.zeros((count + 1, _HOP), np.float32)
    out[:-1] += shaped[:, :_HOP]
    out[1:] += shaped[:, _HOP:]
    sound: Sound = resample_poly(out.ravel(), 2, 1)[:samples].astype(np.float32)
    sound *= np.float32(0.12 * line.level / max(float(np.sqrt(np.mean(sound**2))), 1e-6))
    np.clip(sound, -0.9, 0.9, out=sound)
    sound.setflags(write=False)
    return sound


def _syllables(
    rng: np.random.Generator, seconds: float
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Sounds, their times in seconds and their levels: consonants and vowels by turns."""
    silence = _SOUNDS - 1
    kinds, times, levels = [silence], [0.0], [0.0]
    at = 0.02
    while at < seconds - 0.12:
        consonant = int(rng.integers(len(_VOWELS), _SOUNDS))
        vowel = int(rng.integers(len(_VOWELS)))
        first, second = rng.uniform(0.04, 0.09), rng.uniform(0.08, 0.2)
        kinds += [consonant, vowel, vowel]
        times += [at, at + first, at + first + second * 0.7]
        levels += [0.5, 1.0, 0.8]
        at += first + second
        if rng.random() < 0.06:
            kinds.append(silence)
            times.append(at)
            levels.append(0.0)
            at += 0.12
    kinds.append(silence)
    times.append(max(seconds, times[-1] + 0.01))
    levels.append(0.0)
    return np.array(kinds), np.array(times), np.array(levels)
