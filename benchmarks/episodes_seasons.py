"""Generated seasons for the benchmarks of episodes: their sound through a codec, and the truth."""

import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from playhead.episodes.sound.fingerprint import RATE, fingerprint
from playhead.episodes.sound.reading import Sound
from playhead.events.model import Event
from playhead.files import atomic_path
from playhead.worlds.season import CODECS, Season, SeasonConfig, Source, draw_season, episode_sound

__all__ = ["HeardSeason", "hear", "kept", "with_library_music"]


@dataclass(frozen=True)
class HeardSeason:
    """A generated season as the matcher reads it."""

    names: tuple[str, ...]
    sounds: tuple[Sound, ...]
    truth: tuple[tuple[Event, ...], ...]
    durations: tuple[float, ...]


def hear(seed: int, config: SeasonConfig) -> HeardSeason:
    """Season 0 of the world `seed`: drawn, encoded in memory, decoded and fingerprinted."""
    season = draw_season(seed, 0, config)
    numbers = range(config.episodes)
    return HeardSeason(
        names=tuple(season.path(number).name for number in numbers),
        sounds=tuple(_sound(season, number) for number in numbers),
        truth=tuple(season.events(number) for number in numbers),
        durations=tuple(season.duration(number) for number in numbers),
    )


def _sound(season: Season, number: int) -> Sound:
    source = season.sources[number]
    drawn = episode_sound(season, number, rate=source.rate)
    samples = through_codec(drawn[round(source.start * source.rate) :], source)
    return Sound(words=fingerprint(samples), samples=samples, start=source.start, missing=())


def through_codec(sound: NDArray[np.float32], source: Source) -> NDArray[np.int16]:
    """Mono sound encoded as `source` says, decoded, and resampled to 11,025 Hz in 16 bits."""
    encoder, options, _ = CODECS[source.codec]
    layout = "stereo" if source.stereo or source.codec == "vorbis" else "mono"
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as container:
        stream = cast(AudioStream, container.add_stream(encoder, rate=source.rate))
        stream.codec_context.layout = layout
        stream.codec_context.options = options
        stream.codec_context.thread_count = 1
        resampler = AudioResampler(
            format=stream.codec_context.format, layout=layout, rate=source.rate,
            frame_size=stream.codec_context.frame_size or 1024,
        )  # fmt: skip
        for frame in (*_blocks(sound, source.rate), None):
            for ready in resampler.resample(frame):
                container.mux(stream.encode(ready))
        container.mux(stream.encode(None))
    buffer.seek(0)
    pieces = []
    with av.open(buffer, "r") as written:
        resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
        first: float | None = None
        for frame in (*written.decode(audio=0), None):
            if frame is not None and first is None:
                first = float(frame.time or 0.0)
            pieces += [ready.to_ndarray()[0] for ready in resampler.resample(frame)]
    samples = np.concatenate(pieces).astype(np.int16)
    # Matroska keeps an encoder's delay as a negative or late first time.
    lead = round((first or 0.0) * RATE)
    return samples[-lead:] if lead < 0 else np.concatenate([np.zeros(lead, np.int16), samples])


def _blocks(sound: NDArray[np.float32], rate: int) -> Iterator[AudioFrame]:
    for start in range(0, len(sound), rate):
        frame = AudioFrame.from_ndarray(sound[None, start : start + rate], "flt", "mono")
        frame.sample_rate, frame.pts = rate, start
        yield frame


def kept(work: Path, seed: int, config: SeasonConfig) -> HeardSeason:
    """`hear`, kept in a folder so that a second run does not encode again."""
    path = work / f"{seed}.npz"
    if not path.is_file():
        work.mkdir(parents=True, exist_ok=True)
        save(hear(seed, config), path)
    return load(path)


def save(season: HeardSeason, path: Path) -> None:
    arrays: dict[str, Any] = {}
    for number, sound in enumerate(season.sounds):
        arrays |= {f"words{number}": sound.words, f"samples{number}": sound.samples}
    about = {
        "names": season.names,
        "starts": [sound.start for sound in season.sounds],
        "durations": season.durations,
        "truth": [[asdict(event) for event in events] for events in season.truth],
    }
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, about=json.dumps(about), **arrays)


def load(path: Path) -> HeardSeason:
    with np.load(path, allow_pickle=False) as stored:
        about = json.loads(str(stored["about"]))
        sounds = tuple(
            Sound(words=stored[f"words{number}"], samples=stored[f"samples{number}"], start=start)
            for number, start in enumerate(about["starts"])
        )
    return HeardSeason(
        names=tuple(about["names"]),
        sounds=sounds,
        truth=tuple(tuple(Event(**event) for event in events) for events in about["truth"]),
        durations=tuple(about["durations"]),
    )


def with_library_music(season: HeardSeason, seed: int) -> HeardSeason:
    """The season with three pieces of music that return under the story of a few episodes each.

    They are shared sound that is neither opening nor ending: what a matcher must not skip.
    """
    rng = np.random.default_rng([seed, 77])
    samples = [sound.samples.astype(np.float32) for sound in season.sounds]
    for number in range(3):
        other = draw_season(90_000 + 10 * seed + number, 0, SeasonConfig(missing=0, dialogue=0))
        span = next(event for event in other.events(0) if event.label == "opening")
        assert span.end is not None
        whole = episode_sound(other, 0, rate=RATE)[round(span.start * RATE) :]
        seconds = min(rng.uniform(5, 40), span.end - span.start - 1)
        music = 32767 * rng.uniform(0.3, 1.0) * whole[: round(seconds * RATE)]
        count = min(int(rng.integers(2, 5)), len(samples))
        for episode in rng.choice(len(samples), count, replace=False).tolist():
            busy = [(event.start, event.end or event.start) for event in season.truth[episode]]
            for _ in range(50):
                start = rng.uniform(0, season.durations[episode] - seconds - 2)
                if all(start > end or start + seconds < begin for begin, end in busy):
                    first = round(start * RATE)
                    stretch = samples[episode][first : first + len(music)]
                    stretch += music[: len(stretch)]
                    break
    sounds = []
    for sound, mixed in zip(season.sounds, samples, strict=True):
        whole16 = np.clip(np.rint(mixed), -32768, 32767).astype(np.int16)
        sounds.append(replace(sound, words=fingerprint(whole16), samples=whole16))
    return replace(season, sounds=tuple(sounds))
