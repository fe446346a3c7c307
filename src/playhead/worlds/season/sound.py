"""The sound of an episode: any stretch of it, without drawing what comes before.

So a recap is drawn from the previous episode's own samples, and a long episode never lies in memory
as a whole unless it is asked for.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import firwin, lfilter, resample_poly

from playhead.worlds.season.plan import CLOCK, PAL, Episode, Line, Part, Scene, SongPlan
from playhead.worlds.season.song import add, chord, note, song_sound, wave_table
from playhead.worlds.season.talk import line_sound

__all__ = ["clock_sound", "file_sound"]

Sound = NDArray[np.float32]
Reader = Callable[[int, int], Sound]
"""The samples from one index to another; silence before 0 and past the end."""

_CHUNK = 5 * CLOCK
_BLOCK_SECONDS = 20
_TAPS = 6
"""Half the length of a resampling filter, in periods of the lower of the two rates."""


def clock_sound(
    episodes: Sequence[Episode], songs: Sequence[SongPlan], number: int, start: int, stop: int
) -> Sound:
    """Samples [start, stop) of the clock of an episode, float32; silence outside of it."""
    out = np.zeros(stop - start, np.float32)
    for part in episodes[number].parts:
        first, last = max(part.start, start), min(part.stop, stop)
        if first >= last:
            continue
        view = out[first - start : last - start]
        for scene in part.scenes:
            _add_scene(view, first, scene)
        if part.cuts:
            at = part.start
            for cut in part.cuts:
                a, b = max(at, first), min(at + cut.samples, last)
                if a < b:
                    from_ = cut.start + a - at
                    before = clock_sound(episodes, songs, number - 1, from_, from_ + b - a)
                    view[a - first : b - first] += before
                at += cut.samples
        elif part.song is not None and not part.scenes:
            view += song_sound(songs[part.song])[first - part.start : last - part.start]
        if part.lines:
            _duck(view, first, part)
            _add_lines(view, first, part.lines)
    return out


def file_sound(
    episodes: Sequence[Episode], songs: Sequence[SongPlan], number: int, rate: int
) -> Iterator[Sound]:
    """The sound of an episode as it is in its file, in blocks of 20 seconds, float32 mono.

    rate: samples a second, at least 1,000
    """

    def read(start: int, stop: int) -> Sound:
        return clock_sound(episodes, songs, number, start, stop)

    episode = episodes[number]
    reader: Reader = read
    if episode.speed == PAL:
        reader = _resampled(reader, PAL.denominator, PAL.numerator)
    if rate != CLOCK:
        common = int(np.gcd(rate, CLOCK))
        reader = _resampled(reader, rate // common, CLOCK // common)
    total = int(episode.samples / episode.speed * rate / CLOCK)
    block = _BLOCK_SECONDS * rate
    for start in range(0, total, block):
        yield reader(start, min(start + block, total))


def _resampled(read: Reader, up: int, down: int) -> Reader:
    """A reader of the same sound with up / down times as many samples."""
    margin = 2 * _TAPS * max(up, down) // (up * down) + 2

    def resampled(start: int, stop: int) -> Sound:
        # Index `up * k` of the result is exactly index `down * k` of the source.
        first, last = start // up - margin, -(-stop // up) + margin
        source = read(first * down, last * down)
        result: Sound = resample_poly(source, up, down, window=_filter(up, down))  # type: ignore[call-overload]
        return result[start - first * up : stop - first * up]

    return resampled


@lru_cache(maxsize=8)
def _filter(up: int, down: int) -> Sound:
    longest = max(up, down)
    taps = firwin(2 * _TAPS * longest + 1, 1 / longest, window=("kaiser", 5.0))
    return np.asarray(taps, np.float32)


def _add_scene(out: Sound, at: int, scene: Scene) -> None:
    """Add what is heard of a scene to `out`, which starts at sample `at`."""
    first, last = max(scene.start, at), min(scene.stop, at + len(out))
    if first >= last:
        return
    view = out[first - at : last - at]
    if scene.hum:
        pole = 0.75 + 0.03 * scene.place
        ahead, back = np.array([1 - pole], np.float32), np.array([1, -pole], np.float32)
        for chunk in range((first - scene.start) // _CHUNK, (last - 1 - scene.start) // _CHUNK + 1):
            rng = np.random.default_rng((*scene.seed, 1, chunk))
            noise = rng.standard_normal(_CHUNK, dtype=np.float32)
            noise = lfilter(ahead, back, noise)
            add(view, scene.start + chunk * _CHUNK - first, noise, 3 * scene.hum)
    if scene.bed:
        for start, sound in _bed(scene, first, last):
            add(view, start - first, sound, scene.bed)
    rng = np.random.default_rng((*scene.seed, 3))
    for _ in range(rng.poisson((scene.stop - scene.start) / CLOCK / 6)):
        start = int(rng.integers(scene.start, scene.stop))
        pitch, decay, level = rng.uniform(60, 900), rng.uniform(8, 40), rng.uniform(0.05, 0.3)
        noise_seed = int(rng.integers(2**31))
        if first - CLOCK // 2 < start < last:
            add(view, start - first, _thud(pitch, decay, noise_seed), level)
    _add_lines(view, first, scene.lines)


def _bed(scene: Scene, first: int, last: int) -> Iterator[tuple[int, Sound]]:
    """Start and sound of the chords and notes of a scene's music that reach into a span."""
    rng = np.random.default_rng((*scene.seed, 2))
    order = np.arange(1, 9)
    pad = wave_table(order ** -rng.uniform(1.2, 2.5) * rng.uniform(0.1, 1, 8))
    bell = wave_table(order ** -rng.uniform(0.8, 2.0) * rng.uniform(0.1, 1, 8))
    root = 110 * 2 ** (rng.integers(12) / 12)
    scale = (0, 2, 3, 5, 7, 8, 10) if rng.random() < 0.5 else (0, 2, 4, 5, 7, 9, 11)
    busy = rng.random() * 0.8
    at = scene.start
    while at < scene.stop:
        samples = round(rng.uniform(1.5, 4.5) * CLOCK)
        degree = int(rng.integers(7))
        inside = at < last and at + samples > first
        if inside:
            tones = [
                root * 2 ** ((degree + third) // 7 + scale[(degree + third) % 7] / 12)
                for third in (0, 2, 4)
            ]
            yield at, chord(pad, tones, samples, attack=0.25) * np.float32(0.22)
        for step in range(int(rng.integers(2, 8))):
            played, up = rng.random() < busy, int(rng.integers(7))
            start = at + step * samples // 8
            if inside and played:
                pitch = root * 2 ** (2 + scale[up] / 12)
                sound = note(bell, pitch, CLOCK // 2, attack=0.01, decay=5, release=0.1)
                yield start, sound * np.float32(0.3)
        at += samples


def _thud(pitch: float, decay: float, seed: int) -> Sound:
    """A step, a door, a knock."""
    time = np.arange(CLOCK // 4, dtype=np.float32) / np.float32(CLOCK)
    noise = np.random.default_rng(seed).standard_normal(len(time), dtype=np.float32)
    tone = np.sin(np.float32(2 * np.pi * pitch) * time) + 0.4 * noise
    sound: Sound = tone * np.exp(np.float32(-decay) * time)
    return sound


def _add_lines(out: Sound, at: int, lines: Sequence[Line]) -> None:
    for line in lines:
        if line.stop > at and line.start < at + len(out):
            add(out, line.start - at, line_sound(line))


def _duck(out: Sound, at: int, part: Part) -> None:
    """Turn what is there down from the first to the last line of a part."""
    if part.duck == 1.0:
        return
    ramp = CLOCK // 5
    first, last = part.lines[0].start, part.lines[-1].stop
    edges = np.array([first - ramp, first, last, last + ramp]) - at
    level = np.interp(np.arange(len(out)), edges, [1.0, part.duck, part.duck, 1.0])
    out *= level.astype(np.float32)
