"""Football: seeded matches as a broadcast camera would see them, with labelled passes and drives.

A match is planned in metres and seconds before anything is drawn, so the same seed gives the same
events at every frame size. Every event lies on a frame, whatever the frame rate.
A pass is a kick to a team-mate; a drive is the first push of a player who runs with the ball.
Nothing else is labelled unless `classes` asks for it, and nothing shown in a close-up or a replay.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from playhead.events.formats import native
from playhead.events.manifest import ManifestRow, write_manifest
from playhead.events.model import Event, VideoEvents
from playhead.media.write import VideoWriter
from playhead.worlds.football.frames import MatchRenderer
from playhead.worlds.football.look import MatchLook, draw_look
from playhead.worlds.football.plan import draw_plan
from playhead.worlds.football.play import Play
from playhead.worlds.football.shots import Shot, aim, draw_shots, play_times
from playhead.worlds.football.sound import RATE, crowd_sound
from playhead.worlds.football.touch import LABELLED, Tempo, TouchKind
from playhead.worlds.processes import write_each
from playhead.worlds.settings import WorldSettings

__all__ = ["CLASSES", "FootballConfig", "Match", "draw_match", "generate_football", "render"]

CLASSES: tuple[str, ...] = LABELLED


class FootballConfig(WorldSettings):
    """Length, size and content of the generated matches."""

    seconds: float = Field(180.0, ge=5.0, le=10_800.0, description="length of a match, seconds")
    width: int = Field(112, ge=32, le=3840, multiple_of=2, description="pixels")
    height: int = Field(64, ge=32, le=2160, multiple_of=2, description="pixels")
    variable_rate: bool = Field(False, description="frames last between half and 1.5 times 1/rate")
    view: float = Field(
        24.0, ge=12.0, le=60.0, description="width of the ground that the camera shows, metres"
    )
    ball_pixels: float = Field(
        1.7, gt=0.0, description="minimum radius of the ball, in pixels of a frame 112 wide"
    )
    distractors: float = Field(
        1.0, ge=0.0, le=3.0, description="how often misleading events happen; 0 for never"
    )
    classes: tuple[TouchKind, ...] = Field(
        LABELLED, min_length=1, description="touches of the ball that are labelled"
    )
    sound: bool = Field(True, description="add the sound of a crowd")
    crf: int = Field(23, ge=0, le=51, description="H.264 quality, lower is better and larger")


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """A match that is planned but not drawn."""

    name: str
    times: tuple[Fraction, ...]  # of the frames, seconds from 0
    play: Play
    shots: tuple[Shot, ...]
    looks: NDArray[np.float64]  # (frames, 2) where the camera looks
    look: MatchLook
    events: tuple[Event, ...]
    config: FootballConfig

    @property
    def seconds(self) -> NDArray[np.float64]:
        """The frames' times as floats, (frames,)."""
        return np.array([float(time) for time in self.times])


def draw_match(seed: int, number: int, config: FootballConfig) -> Match:
    """Plan match `number` of the world `seed`."""
    plot, clock, camera, colours = (
        np.random.default_rng([seed, number, part]) for part in range(4)
    )
    times = _frame_times(clock, config)
    seconds = np.array([float(time) for time in times])
    distract = config.distractors > 0
    plan = draw_plan(plot, config.seconds, _snapper(seconds), Tempo(distractors=config.distractors))
    play = Play(plan, config.seconds)
    shots = draw_shots(camera, plan, config.seconds, config.view, distract=distract)
    events = tuple(
        Event(label=touch.kind, start=touch.time, frame=int(np.argmin(abs(seconds - touch.time))))
        for touch in plan.touches
        if touch.kind in config.classes and touch.time <= seconds[-1]
    )
    looks = aim(camera, play, shots, seconds)
    return Match(
        f"match-{number:03d}", times, play, shots, looks, draw_look(colours), events, config
    )


def render(
    match: Match,
    size: tuple[int, int] | None = None,
    frames: Sequence[int] | None = None,
) -> Iterator[NDArray[np.uint8]]:
    """Yield the RGB frames (H, W, 3) of a match.

    size: (width, height), as configured by default; frames: indices in rising order, all by default
    """
    config = match.config
    renderer = MatchRenderer(match.look, size or config.size, config.ball_pixels, config.view)
    seconds = match.seconds
    at, index = play_times(match.shots, seconds)
    rows = slice(None) if frames is None else np.asarray(frames, dtype=np.int64)
    return renderer.frames(
        match.play.at(at[rows]), match.looks[rows], match.shots, index[rows], seconds[rows]
    )


def generate_football(
    out: Path,
    *,
    count: int,
    seed: int,
    config: FootballConfig | None = None,
    processes: int | None = None,
) -> Path:
    """Write `count` matches of the world `seed` and their manifest; return the manifest's path.

    A match depends on (seed, its number, config) alone, not on count or processes.
    processes: at most two by default; more than one needs the caller's script to be importable
    (`if __name__ == "__main__":`), as all of Python's process pools do.
    """
    config = config or FootballConfig()
    write = partial(_write_match, out=out, seed=seed, config=config)
    write_each(write, count, processes=processes, task="Playing football matches")
    rows = []
    for number in range(count):
        name, split = f"match-{number:03d}", config.split(number, count)
        labels = out / f"{name}.events.json"
        rows.append(ManifestRow(video=out / f"{name}.mp4", labels=labels, group=name, split=split))
    manifest = out / "manifest.csv"
    write_manifest(rows, manifest)
    return manifest


def _write_match(number: int, *, out: Path, seed: int, config: FootballConfig) -> None:
    """Write one match as `match-NNN.mp4` and `match-NNN.events.json`."""
    match = draw_match(seed, number, config)
    video = out / f"{match.name}.mp4"
    rate = None if config.variable_rate else Fraction(config.rate)
    times = match.times if config.variable_rate else None
    sound = (_sound(match, seed, number), RATE) if config.sound else None
    with VideoWriter(video, *config.size, rate, times=times, crf=config.crf, audio=sound) as writer:
        for frame in render(match):
            writer.write(frame)
    native.write(
        VideoEvents(video=video.name, classes=config.classes, events=match.events),
        out / f"{match.name}.events.json",
    )


def _sound(match: Match, seed: int, number: int) -> NDArray[np.float32]:
    """The crowd swells at stoppages, and a little before headers and tackles."""
    plan = match.play.plan
    whistles = [stoppage.start for stoppage in plan.stoppages]
    excited = [touch.time for touch in plan.touches if touch.kind in ("header", "tackle")]
    kicks = [touch.time for touch in plan.touches if touch.kind in ("pass", "drive", "header")]
    return crowd_sound(
        np.random.default_rng([seed, number, 4]),
        float(match.times[-1]) + 1 / float(Fraction(match.config.rate)),
        kicks=kicks,
        whistles=whistles,
        swells=whistles + excited,
    )


def _frame_times(rng: np.random.Generator, config: FootballConfig) -> tuple[Fraction, ...]:
    """The frames' times: i / rate, or uneven steps of whole milliseconds."""
    rate = Fraction(config.rate)
    count = int(Fraction(config.seconds) * rate)
    if not config.variable_rate:
        return tuple(index / rate for index in range(count))
    steps = np.rint(rng.uniform(0.5, 1.5, count) * 1000 / float(rate)).astype(int).clip(1)
    starts = np.concatenate([[0], np.cumsum(steps)])
    return tuple(Fraction(int(start), 1000) for start in starts if start < config.seconds * 1000)


def _snapper(seconds: NDArray[np.float64]) -> Callable[[float], float]:
    """A function from a time to that of the nearest frame; times past the last frame are kept."""

    def snap(time: float) -> float:
        if time > seconds[-1]:
            return time
        after = int(np.searchsorted(seconds, time))
        near = seconds[max(after - 1, 0) : after + 1]
        return float(near[np.argmin(np.abs(near - time))])

    return snap
