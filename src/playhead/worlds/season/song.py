"""Songs: drums, bass, chords and melody in sections, of which verse and refrain return exactly.

Sound is float32 mono at `CLOCK` samples a second, in about [-1, 1]. Notes read a table of one
cycle.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from playhead.media.audio import stream_audio
from playhead.worlds.season.plan import CLOCK, SongPlan

__all__ = ["add", "chord", "song_sound", "wave_table"]

Sound = NDArray[np.float32]

_TABLE = 2048
_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 9, 10))
_FORMS = ("VVRVRR", "VRVVRR", "VVRRVR")
_PROGRESSIONS = ((0, 4, 5, 3), (0, 5, 3, 4), (5, 3, 0, 4), (0, 3, 1, 4), (3, 4, 2, 5))


def add(out: Sound, at: int, sound: Sound, gain: float = 1.0) -> None:
    """Add a sound that starts at sample `at` of `out`, cut to the room that there is."""
    first, last = max(-at, 0), min(len(sound), len(out) - at)
    if first < last:
        out[at + first : at + last] += sound[first:last] * np.float32(gain)


def wave_table(harmonics: NDArray[np.float64]) -> Sound:
    """One cycle with the amplitudes of its harmonics, (2048,), of root mean square 0.3."""
    turn = 2 * np.pi * np.arange(_TABLE) / _TABLE
    order = np.arange(1, len(harmonics) + 1)
    cycle = (np.sin(turn[:, None] * order) * harmonics).sum(axis=1)
    table: Sound = (cycle * (0.3 / np.sqrt((cycle**2).mean()))).astype(np.float32)
    return table


def note(
    table: Sound, frequency: float, samples: int, *, attack: float, decay: float, release: float
) -> Sound:
    """A tone; attack and release in seconds, decay in 1/s."""
    step = np.uint32(frequency / CLOCK * 2**32)
    phase = np.arange(samples, dtype=np.uint32) * step  # wraps around with each cycle
    time = np.arange(samples, dtype=np.float32) / np.float32(CLOCK)
    level = np.exp(time * np.float32(-decay))
    level *= np.minimum(time * np.float32(1 / attack), 1)
    level *= np.minimum(time[::-1] * np.float32(1 / release), 1)
    sound: Sound = table[phase >> 21] * level
    return sound


def chord(
    table: Sound, frequencies: Sequence[float], samples: int, *, attack: float, decay: float = 0.3
) -> Sound:
    """Slow tones together, with a release of 0.2 seconds."""
    tones = [
        note(table, frequency, samples, attack=attack, decay=decay, release=0.2)
        for frequency in frequencies
    ]
    together: Sound = np.sum(tones, axis=0, dtype=np.float32)
    return together


@lru_cache(maxsize=8)
def song_sound(plan: SongPlan) -> Sound:
    """The sound of a song, float32 (plan.samples,), read-only."""
    if plan.file is not None:
        sound = _recorded(plan)
    elif plan.jingle:
        sound = _jingle(np.random.default_rng(plan.seed), plan.samples)
    else:
        sound = _composed(np.random.default_rng(plan.seed), plan.samples)
    sound *= np.float32(0.16 / max(float(np.sqrt(np.mean(sound**2))), 1e-6))
    np.clip(sound, -0.95, 0.95, out=sound)
    sound.setflags(write=False)
    return sound


def _recorded(plan: SongPlan) -> Sound:
    assert plan.file is not None
    first = round(plan.offset * CLOCK)
    sound = np.zeros(plan.samples, np.float32)
    at = -first
    for block in stream_audio(plan.file, rate=CLOCK):
        add(sound, at, block.samples.mean(axis=0, dtype=np.float32))
        at += block.samples.shape[1]
        if at >= plan.samples:
            break
    fade = min(CLOCK // 2, plan.samples)
    sound[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return sound


class _Band:
    """The instruments of a song, its key and its tempo."""

    def __init__(self, rng: np.random.Generator, samples: int) -> None:
        beat = 60 / rng.uniform(84, 172)
        self.bars = max(round(samples / CLOCK / (4 * beat)), 4)
        self.bar = samples / self.bars  # samples, not whole
        self.root = 55 * 2 ** (rng.integers(12) / 12)
        self.scale = _SCALES[rng.integers(len(_SCALES))]
        falls = rng.uniform(0.7, 1.8, 3)
        order = np.arange(1, 9)
        self.lead = wave_table(order ** -falls[0] * rng.uniform(0.2, 1, 8))
        self.bass = wave_table(order[:4] ** -falls[1] * rng.uniform(0.4, 1, 4))
        self.pad = wave_table(order ** -(falls[2] + 0.4) * rng.uniform(0.2, 1, 8))
        self.decay = rng.uniform(1.0, 6.0)
        self.levels = rng.uniform(0.6, 1.1, 4)  # melody, bass, chords, drums
        self.kick = _kick(rng)
        self.snare = _burst(rng, 0.16, rng.uniform(14, 30), -0.3)
        self.hat = _burst(rng, 0.06, rng.uniform(50, 110), -0.95)
        # Which of the 16 steps of a bar a drum has.
        self.kicks = [0, 8, *rng.choice([3, 6, 7, 10, 11, 14], 2, replace=False)]
        self.hats = range(0, 16, int(rng.choice([2, 4])))

    def pitch(self, degree: int, octave: int) -> float:
        up, step = divmod(degree, 7)
        return float(self.root * 2 ** (octave + up + self.scale[step] / 12))

    def section(
        self, rng: np.random.Generator, bars: int, *, melody: float, drums: float, octave: int
    ) -> Sound:
        """A section of so many bars; melody and drums are levels, the melody's octave is given."""
        out = np.zeros(int(bars * self.bar) + CLOCK // 4, np.float32)
        degrees = _PROGRESSIONS[rng.integers(len(_PROGRESSIONS))]
        step = self.bar / 16
        lengths = rng.choice([2, 2, 3, 4, 4, 6], 24)
        walk = np.clip(np.cumsum(rng.integers(-2, 3, 24)), -4, 6)
        rests = rng.random(24) < 0.15
        for bar in range(bars):
            degree = degrees[bar % 4]
            at = bar * self.bar
            tones = [self.pitch(degree + third, 2) for third in (0, 2, 4)]
            sound = chord(self.pad, tones, int(self.bar), attack=0.03, decay=0.4)
            add(out, int(at), sound, 0.28 * self.levels[2])
            for eighth in range(0, 16, 2):
                low = self.pitch(degree if eighth % 8 < 6 else degree + 4, 0)
                tone = note(self.bass, low, int(2 * step), attack=0.004, decay=4, release=0.03)
                add(out, int(at + eighth * step), tone, 0.6 * self.levels[1])
            for kick in self.kicks:
                add(out, int(at + kick * step), self.kick, drums * self.levels[3])
            for snare in (4, 12):
                add(out, int(at + snare * step), self.snare, 0.5 * drums * self.levels[3])
            for hat in self.hats:
                add(out, int(at + hat * step), self.hat, 0.25 * drums * self.levels[3])
        if melody:
            at16 = 0
            for index in range(bars * 8):
                length = int(lengths[index % 24])
                if at16 + length > bars * 16:
                    break
                if not rests[index % 24]:
                    degree = degrees[at16 // 16 % 4] + int(walk[index % 24])
                    tone = note(
                        self.lead,
                        self.pitch(degree, octave),
                        int(length * step),
                        attack=0.01,
                        decay=self.decay,
                        release=0.04,
                    )
                    add(out, int(at16 * step), tone, melody * self.levels[0])
                at16 += length
        return out


def _composed(rng: np.random.Generator, samples: int) -> Sound:
    band = _Band(rng, samples)
    form = _FORMS[rng.integers(len(_FORMS))]
    intro = min(int(rng.integers(0, 3)), band.bars - 3) if band.bars > 8 else 0
    length = max((band.bars - intro) // len(form), 1)
    sections = {
        "V": band.section(rng, length, melody=0.7, drums=0.5, octave=3),
        "R": band.section(rng, length, melody=0.9, drums=0.9, octave=3 + int(rng.integers(2))),
    }
    out = np.zeros(samples, np.float32)
    if intro:
        add(out, 0, band.section(rng, intro, melody=0.0, drums=0.8, octave=3))
    bar = intro
    for name in form:
        if bar + length > band.bars:
            break
        add(out, int(bar * band.bar), sections[name])
        bar += length
    if bar < band.bars:
        last = band.section(rng, band.bars - bar, melody=0.5, drums=0.7, octave=4)
        add(out, int(bar * band.bar), last)
    _finish(out, rng.uniform(0.05, 0.5))
    return out


def _jingle(rng: np.random.Generator, samples: int) -> Sound:
    """A run of bells into a chord."""
    out = np.zeros(samples, np.float32)
    table = wave_table(np.arange(1, 9) ** -1.2 * rng.uniform(0.1, 1, 8))
    root = 220 * 2 ** (rng.integers(12) / 12)
    scale = _SCALES[rng.integers(len(_SCALES))]
    notes = int(rng.integers(3, 7))
    step = 0.45 * samples / notes
    for index in range(notes):
        pitch = root * 2 ** (scale[rng.integers(7)] / 12 + rng.integers(2))
        tone = note(table, pitch, int(step * 2), attack=0.004, decay=5, release=0.05)
        add(out, int(index * step), tone, 0.7)
    tones = [root * 2 ** (scale[third] / 12) for third in (0, 2, 4)]
    at = int(notes * step)
    add(out, at, chord(table, tones, samples - at, attack=0.01, decay=0.8), 0.6)
    add(out, at, _burst(rng, 0.5, 8, -0.9), 0.3)
    _finish(out, 0.1)
    return out


def _finish(out: Sound, seconds: float) -> None:
    fade = min(int(seconds * CLOCK), len(out))
    out[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)


def _kick(rng: np.random.Generator) -> Sound:
    time = np.arange(int(0.2 * CLOCK)) / CLOCK
    low, high = rng.uniform(42, 60), rng.uniform(90, 180)
    turns = low * time + high / 40 * (1 - np.exp(-40 * time))
    sound: Sound = (0.9 * np.exp(-14 * time) * np.sin(2 * np.pi * turns)).astype(np.float32)
    return sound


def _burst(rng: np.random.Generator, seconds: float, decay: float, pole: float) -> Sound:
    """Decaying noise, brighter for a pole near -1."""
    noise = rng.standard_normal(int(seconds * CLOCK)) * 0.4
    noise = lfilter([1.0], [1.0, -pole], noise) * (1 - abs(pole))
    burst: Sound = (noise * np.exp(-decay * np.arange(len(noise)) / CLOCK)).astype(np.float32)
    return burst
