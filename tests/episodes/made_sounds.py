"""Sound for tests of matching: songs, stories and seasons of them, made with NumPy in no time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playhead.episodes.sound.fingerprint import RATE, fingerprint
from playhead.episodes.sound.reading import Sound

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Part:
    """Sound that stands in an episode: from `start` seconds, cut from `samples`."""

    samples: Samples
    start: float


def song(seed: int, seconds: float, *, beat: float = 0.28) -> Samples:
    """A melody over chords and a drum; no two beats are alike, so there is one right alignment."""
    rng = np.random.default_rng((seed, 1))
    length = round(seconds * RATE)
    sound = np.zeros(length + RATE, np.float32)
    step = round(beat * RATE)
    moments = np.arange(2 * step) / RATE
    fade = np.exp(-3 * moments / beat / 2)
    for first in range(0, length, step):
        chord = 110 * 2 ** (rng.integers(0, 36, 4) / 12)
        tone = sum(np.sin(2 * np.pi * (f * moments + rng.random())) for f in chord)
        hit = rng.normal(0, 0.6, len(moments)) * np.exp(-40 * moments)
        sound[first : first + len(moments)] += ((tone + hit) * fade).astype(np.float32)
    return sound[:length] / np.float32(6)


def story(seed: int, seconds: float) -> Samples:
    """Syllables of coloured noise and tones with pauses, over a faint room noise."""
    rng = np.random.default_rng((seed, 2))
    length = round(seconds * RATE)
    sound = rng.normal(0, 0.003, length + 2 * RATE).astype(np.float32)
    at = 0.0
    while at < seconds:
        spoken = rng.uniform(0.08, 0.3)
        moments = np.arange(round(spoken * RATE)) / RATE
        pitch = rng.uniform(90, 240)
        voice = sum(
            rng.uniform(0, 1) * np.sin(2 * np.pi * k * pitch * moments) for k in range(1, 14)
        )
        voice = (voice + rng.normal(0, 0.5, len(moments))) * np.hanning(len(moments))
        first = round(at * RATE)
        sound[first : first + len(moments)] += (0.12 * voice).astype(np.float32)
        at += spoken + (rng.uniform(0.4, 2.0) if rng.random() < 0.12 else rng.uniform(0, 0.08))
    return sound[:length]


def as_sound(samples: Samples, *, start: float = 0.0) -> Sound:
    whole = np.clip(np.round(samples * 20000), -32768, 32767).astype(np.int16)
    return Sound(words=fingerprint(whole), samples=whole, start=start, missing=())


def episode(seed: int, seconds: float, parts: Sequence[Part] = (), *, gain: float = 1.0) -> Sound:
    """A story in which each part replaces what is spoken there."""
    sound = story(seed, seconds)
    for part in parts:
        first = round(part.start * RATE)
        sound[first : first + len(part.samples)] = part.samples
    noise = np.random.default_rng((seed, 3)).normal(0, 0.002, len(sound)).astype(np.float32)
    return as_sound(gain * (sound + noise))
