"""Season: generated series, each a season of episodes with openings, endings and recaps.

A season is planned in whole samples of sound before anything is drawn, so the same seed gives the
same labels at every frame size and rate. The labels hold times to the sample; they are those of the
sound, which the images follow to the nearest frame.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache, partial
from pathlib import Path
from typing import Literal

import av
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from playhead.errors import ConfigError, PlayheadError
from playhead.events.formats import native
from playhead.events.formats.tracks import SUFFIX, TrackFile, write_tracks
from playhead.events.manifest import ManifestRow, write_manifest
from playhead.events.model import Box, Event, Origin, Track, VideoEvents
from playhead.media.source import open_container
from playhead.times import RateText
from playhead.worlds.processes import write_each
from playhead.worlds.season.encode import CODECS, CONTAINERS, Source, write_video
from playhead.worlds.season.frames import Drawn, EpisodeRenderer, TextKey
from playhead.worlds.season.look import SeriesLook, draw_look
from playhead.worlds.season.plan import (
    CLOCK,
    LABELS,
    PAL,
    Episode,
    Habits,
    SongPlan,
)
from playhead.worlds.season.planning import plan_episodes, plan_songs
from playhead.worlds.season.sound import file_sound
from playhead.worlds.settings import WorldSettings

__all__ = [
    "CLASSES",
    "PAL",
    "TEXT",
    "Season",
    "SeasonConfig",
    "draw_season",
    "episode_sound",
    "generate_season",
    "render",
]

CLASSES: tuple[str, ...] = LABELS
TEXT = "text"
"""The label of the boxes of text."""

SOUND_FILES = (".ogg", ".oga", ".opus", ".mp3", ".flac", ".wav", ".m4a")
_SHORTEST_SONG = 15.0  # seconds


class SeasonConfig(WorldSettings):
    """Length, size and content of the generated seasons; chances are between 0 and 1."""

    episodes: int = Field(6, ge=1, le=99, description="episodes of a season")
    seconds: float = Field(
        360.0, ge=40.0, le=7200.0, description="length of an episode, give or take 3 %"
    )
    width: int = Field(160, ge=32, le=3840, multiple_of=2, description="pixels")
    height: int = Field(90, ge=32, le=2160, multiple_of=2, description="pixels")
    rate: RateText = Field("10", description="frames a second, also as a fraction: 30000/1001")
    openings: float = Field(0.3, ge=0, le=1, description="chance of a second opening in a season")
    dialogue: float = Field(0.25, ge=0, le=1, description="chance of talk over a song")
    recaps: float = Field(0.35, ge=0, le=1, description="chance of a recap in an episode")
    cold_opens: float = Field(
        0.5, ge=0, le=1, description="chance that an episode starts with its story"
    )
    eyecatches: float = Field(0.5, ge=0, le=1, description="chance that a season has eyecatches")
    missing: float = Field(
        0.06, ge=0, le=1, description="chance of an episode without opening, and without ending"
    )
    swaps: float = Field(
        0.1, ge=0, le=1,
        description="chance that one episode opens with the ending song, or ends with the opening",
    )  # fmt: skip
    dubbed: float = Field(
        0.0, ge=0, le=1, description="chance that the sound of an opening or ending was replaced"
    )
    pal: float = Field(
        0.2,
        ge=0,
        le=1,
        description="chance that one episode of a season is at PAL speed, 4.27 % up",
    )
    mixed: float = Field(
        0.3, ge=0, le=1,
        description="chance that an episode has another codec, rate and loudness than its season",
    )  # fmt: skip
    codec: Literal["mixed", "aac", "opus", "mp3", "vorbis", "ac3"] = Field(
        "mixed", description="of the sound"
    )
    songs: Path | None = Field(
        None, description="a folder of sound files, used instead of synthesised songs"
    )
    crf: int = Field(26, ge=0, le=51, description="H.264 quality, lower is better and larger")


@dataclass(frozen=True, slots=True, eq=False)
class Season:
    """A season that is planned but not drawn."""

    name: str  # of its folder
    look: SeriesLook
    songs: tuple[SongPlan, ...]
    episodes: tuple[Episode, ...]
    sources: tuple[Source, ...]  # of the episodes
    config: SeasonConfig

    def path(self, number: int) -> Path:
        """The file of an episode, below the folder of the world."""
        name = f"S01E{number + 1:02d}{self.sources[number].container}"
        return Path(self.name) / "Season 01" / name

    def events(self, number: int) -> tuple[Event, ...]:
        """The labelled spans of an episode, in seconds of its file.

        note: `song=K` for an opening, ending or eyecatch, K from 0; `dubbed` where its sound was
        replaced; `talk` where somebody talks over it
        """
        episode = self.episodes[number]
        events = []
        for part in episode.parts:
            if part.kind in LABELS:
                notes = [f"song={part.song}"] if part.song is not None else []
                notes += ["dubbed"] if part.song is not None and part.scenes else []
                notes += ["talk"] if part.lines else []
                events.append(
                    Event(
                        label=part.kind,
                        start=round(episode.seconds(part.start), 6),
                        end=round(episode.seconds(part.stop), 6),
                        note="; ".join(notes) or None,
                    )
                )
        return tuple(events)

    def duration(self, number: int) -> float:
        """The length of an episode in seconds."""
        return self.episodes[number].seconds(self.episodes[number].samples)

    def times(self, number: int) -> NDArray[np.float64]:
        """The times of the frames of an episode in seconds, (frames,)."""
        rate = Fraction(self.config.rate)
        return np.arange(max(int(self.duration(number) * rate), 1)) / float(rate)


def draw_season(seed: int, number: int, config: SeasonConfig) -> Season:
    """Plan season `number` of the world `seed`.

    Raises ConfigError if the folder of songs holds fewer than three long enough.
    """
    fields = Habits.__dataclass_fields__
    habits = Habits(**{name: getattr(config, name) for name in fields})
    key = (seed, number)
    files = _song_files(config.songs) if config.songs is not None else ()
    songs = plan_songs(key, habits, files)
    episodes = plan_episodes(key, songs, habits)
    return Season(
        f"Show {number + 1:02d}",
        draw_look((*key, 5)),
        songs,
        episodes,
        _draw_sources(np.random.default_rng([*key, 6]), config),
        config,
    )


def episode_sound(season: Season, number: int, *, rate: int = CLOCK) -> NDArray[np.float32]:
    """The sound of an episode without encoding, float32 mono (N,), the first sample at 0 seconds.

    rate: samples a second. `season.events(number)` holds its truth.
    """
    gain = np.float32(season.sources[number].gain)
    blocks = list(file_sound(season.episodes, season.songs, number, rate))
    sound: NDArray[np.float32] = np.concatenate(blocks) * gain
    return np.clip(sound, -1, 1, out=sound)


def render(
    season: Season,
    number: int,
    size: tuple[int, int] | None = None,
    frames: Sequence[int] | None = None,
) -> Iterator[Drawn]:
    """Yield the frames of an episode with the boxes of their text.

    size: (width, height), as configured by default; frames: indices, all by default
    """
    renderer = EpisodeRenderer(
        season.look, season.songs, season.episodes, number, size or season.config.size
    )
    times = season.times(number)
    rows = slice(None) if frames is None else np.asarray(frames, dtype=np.int64)
    return renderer.frames(times[rows].tolist())


def generate_season(
    out: Path,
    *,
    count: int,
    seed: int,
    config: SeasonConfig | None = None,
    processes: int | None = None,
) -> Path:
    """Write `count` seasons of the world `seed` and their manifest; return the manifest's path.

    A season depends on (seed, its number, config) alone, not on count or processes.
    processes: at most two by default; more than one needs the caller's script to be importable
    (`if __name__ == "__main__":`), as all of Python's process pools do.
    Raises ConfigError if the folder of songs holds fewer than three long enough.
    """
    config = config or SeasonConfig()
    rows = []
    for number in range(count):
        season = _season(seed, number, config)
        for episode in range(config.episodes):
            video = out / season.path(episode)
            rows.append(
                ManifestRow(
                    video=video,
                    labels=video.with_suffix(".events.json"),
                    group=season.name,
                    split=config.split(number, count),
                )
            )
    write = partial(_write_episode, out=out, seed=seed, config=config)
    write_each(write, count * config.episodes, processes=processes, task="season")
    manifest = out / "manifest.csv"
    write_manifest(rows, manifest)
    return manifest


@lru_cache(maxsize=2)
def _season(seed: int, number: int, config: SeasonConfig) -> Season:
    return draw_season(seed, number, config)


def _write_episode(index: int, *, out: Path, seed: int, config: SeasonConfig) -> None:
    """Write one episode with its ground truth; the index runs through all seasons."""
    number, episode = divmod(index, config.episodes)
    season = _season(seed, number, config)
    source = season.sources[episode]
    path = out / season.path(episode)
    path.parent.mkdir(parents=True, exist_ok=True)
    boxes: dict[TextKey, list[tuple[int, Box]]] = {}
    times = season.times(episode)

    def images() -> Iterator[NDArray[np.uint8]]:
        for frame, drawn in enumerate(render(season, episode)):
            for key, box in drawn.text:
                boxes.setdefault(key, []).append((frame, box))
            yield drawn.image

    write_video(
        path,
        images(),
        file_sound(season.episodes, season.songs, episode, source.rate),
        source,
        size=config.size,
        rate=Fraction(config.rate),
        crf=config.crf,
    )
    native.write(
        VideoEvents(
            video=path.name, classes=CLASSES, events=season.events(episode), frames=len(times)
        ),
        path.with_suffix(".events.json"),
    )
    write_tracks(
        path.with_suffix(SUFFIX),
        TrackFile(
            video=path.name,
            frames=len(times),
            width=config.width,
            height=config.height,
            classes=(TEXT,),
            tracks=tuple(_track(id_, rows) for id_, rows in enumerate(boxes.values())),
            settings={"world": "season", "seed": seed, "season": number, "truth": "text"},
        ),
    )


def _track(id_: int, rows: Sequence[tuple[int, Box]]) -> Track:
    count = len(rows)
    return Track(
        id_,
        TEXT,
        np.array([frame for frame, _ in rows], np.int32),
        np.array([box for _, box in rows], np.float32),
        np.ones(count, np.float32),
        np.full(count, Origin.DRAWN, np.uint8),
    )


def _draw_sources(rng: np.random.Generator, config: SeasonConfig) -> tuple[Source, ...]:
    """How the files of a season are stored: most alike, some from elsewhere."""
    usual = _draw_source(rng, config)
    loud = float(rng.uniform(0.5, 1.0))
    sources = []
    for _ in range(config.episodes):
        other = _draw_source(rng, config)
        strays, quiet = rng.random() < config.mixed, float(rng.uniform(0.2, 1.0))
        source, gain = (other, quiet) if strays else (usual, loud)
        start = float(rng.choice([0.0, rng.uniform(0.0, 0.06)]))
        sources.append(
            Source(
                codec=source.codec,
                container=source.container,
                rate=source.rate,
                stereo=source.stereo,
                gain=gain * float(rng.uniform(0.9, 1.0)),
                start=round(start, 3),
            )
        )
    return tuple(sources)


def _draw_source(rng: np.random.Generator, config: SeasonConfig) -> Source:
    names, chances = list(CODECS), np.array([0.25, 0.3, 0.1, 0.05, 0.3])
    codec = str(rng.choice(names, p=chances))
    if config.codec != "mixed":
        codec = config.codec
    rates = CODECS[codec][2]
    container = ".mkv" if codec == "vorbis" else str(rng.choice(CONTAINERS))
    stereo = bool(rng.random() < 0.3) and codec in {"opus", "ac3"}
    # The first rate of a codec is its cheapest.
    rate = rates[0] if rng.random() < 0.5 else int(rng.choice(rates))
    return Source(codec=codec, container=container, rate=rate, stereo=stereo)


@lru_cache(maxsize=4)
def _song_files(folder: Path) -> tuple[tuple[Path, float], ...]:
    """The sound files of a folder and their lengths in seconds, in order of their names."""
    if not folder.is_dir():
        raise ConfigError(f"songs: {folder} is not a folder; name one that holds sound files")
    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SOUND_FILES:
            try:
                with open_container(path) as container:
                    seconds = (container.duration or 0) / av.time_base
            except PlayheadError:
                continue
            if seconds >= _SHORTEST_SONG:
                found.append((path, seconds))
    if len(found) < 3:
        raise ConfigError(
            f"songs: {folder} has {len(found)} sound files of {_SHORTEST_SONG:.0f} seconds or "
            "more; at least 3 are needed"
        )
    return tuple(found)
