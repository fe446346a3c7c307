"""Generated sound: notes of sines with an attack and a decay."""

import numpy as np
from numpy.typing import NDArray


def melody(seconds: float, rate: int, seed: int = 0, loudness: float = 0.5) -> NDArray[np.float32]:
    """Notes that begin every quarter of a second, float32 (M,) in [-1, 1]."""
    times = np.arange(round(seconds * rate)) / rate
    sound = np.zeros(len(times))
    for number in range(int(seconds * 4)):
        start = round(number * rate / 4)
        since = times[:rate][: len(times) - start]
        envelope = np.minimum(1, since * 100) * np.exp(-4 * since)
        for voice in range(3):
            # A linear congruential generator gives the same notes with every version of NumPy.
            note = (1103515245 * (number * 3 + voice + 9973 * seed + 1) + 12345) >> 16
            hertz = 82.4 * 2 ** (note % 40 / 12)
            tone = np.sin(2 * np.pi * hertz * since) + 0.4 * np.sin(4 * np.pi * hertz * since)
            sound[start : start + len(since)] += tone * envelope
    return (sound * loudness / 4).astype(np.float32)


def int16(sound: NDArray[np.float32]) -> NDArray[np.int16]:
    """The samples as 16-bit integers, clipped."""
    return np.clip(np.rint(sound * 32767), -32768, 32767).astype(np.int16)
