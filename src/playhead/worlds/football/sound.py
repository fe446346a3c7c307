"""The sound of a crowd: noise that swells, a whistle at stoppages, the thump of a kick.

Mono float32 in [-1, 1]; all randomness comes from the generator passed in.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

__all__ = ["RATE", "crowd_sound"]

RATE = 8_000  # samples a second

Sound = NDArray[np.float32]


def crowd_sound(
    rng: np.random.Generator,
    seconds: float,
    *,
    kicks: Sequence[float],
    whistles: Sequence[float],
    swells: Sequence[float],
) -> Sound:
    """Samples (1, N) of a stadium; kicks, whistles and swells are times in seconds."""
    count = max(1, round(seconds * RATE))
    noise = rng.standard_normal(count, dtype=np.float32)
    band = sosfilt(butter(2, (180, 1600), "bandpass", fs=RATE, output="sos"), noise)
    sound = (band * _loudness(rng, count, swells)).astype(np.float32)
    for time in kicks:
        _add(sound, time, _kick())
    for time in whistles:
        _add(sound, time, _whistle())
    return np.clip(sound, -1, 1)[None, :]


def _loudness(rng: np.random.Generator, count: int, swells: Sequence[float]) -> Sound:
    """A slow murmur, louder for some seconds after each swell."""
    coarse = np.arange(0, count / RATE + 1, 0.1)
    phase, period = rng.uniform(0, 2 * np.pi, 3), rng.uniform(5, 25, 3)
    waves = np.sin(2 * np.pi * coarse[:, None] / period + phase).sum(axis=1)
    level = 0.16 + 0.025 * waves
    for time in swells:
        level += 0.22 * np.exp(-(((coarse - time - 1.2) / 1.3) ** 2))
    loudness: Sound = np.interp(np.arange(count) / RATE, coarse, level).astype(np.float32)
    return loudness


def _kick() -> Sound:
    after = np.arange(int(0.09 * RATE)) / RATE
    return (0.25 * np.exp(-after * 45) * np.sin(2 * np.pi * 110 * after)).astype(np.float32)


def _whistle() -> Sound:
    after = np.arange(int(0.55 * RATE)) / RATE
    trill = 1 + 0.35 * np.sin(2 * np.pi * 32 * after)
    fade = np.minimum(1, np.minimum(after, after[::-1]) * 60)
    whistle: Sound = (0.3 * fade * trill * np.sin(2 * np.pi * 2850 * after)).astype(np.float32)
    return whistle


def _add(sound: Sound, time: float, what: Sound) -> None:
    """Add a short sound at `time`, cut where the recording ends."""
    start = round(time * RATE)
    room = max(0, min(len(what), len(sound) - start))
    sound[start : start + room] += what[:room]
