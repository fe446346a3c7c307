"""Football: seeded matches as a broadcast camera would see them, with labelled passes and drives.

What happens is decided in metres and seconds before any picture: the same seed gives the same
truth at every picture size. Every event lies at the exact frame, whatever the frame rate.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from playhead.config import Settings
from playhead.events.model import Event
from playhead.worlds.football_look import Look, draw_look
from playhead.worlds.football_picture import Painter
from playhead.worlds.football_plan import LABELLED, Tempo, draw_plan
from playhead.worlds.football_play import Play
from playhead.worlds.football_shots import Shot, aim, draw_shots, play_times

__all__ = ["CLASSES", "FootballConfig", "Match", "draw_match", "render"]

CLASSES: tuple[str, ...] = LABELLED


class FootballConfig(Settings):
    """What matches to generate."""

    seconds: float = Field(180.0, ge=5.0, le=10_800.0, description="length of a match, seconds")
    width: int = Field(112, ge=32, le=3840, multiple_of=2, description="pixels")
    height: int = Field(64, ge=32, le=2160, multiple_of=2, description="pixels")
    rate: str = Field("25", description="frames a second, also as a fraction: 30000/1001")
    variable_rate: bool = Field(False, description="frames last between half and twice 1/rate")
    view: float = Field(24.0, ge=12.0, le=60.0, description="metres the camera shows")
    ball_pixels: float = Field(1.7, gt=0.0, description="least radius of the ball at 112 pixels")
    distractors: float = Field(1.0, ge=0.0, le=3.0, description="how often, 0 for none")


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """A match that has been decided but not drawn."""

    name: str
    times: tuple[Fraction, ...]  # of the frames, seconds from 0
    play: Play
    shots: tuple[Shot, ...]
    looks: NDArray[np.float64]  # (frames, 2) where the camera looks
    look: Look
    events: tuple[Event, ...]
    config: FootballConfig

    @property
    def seconds(self) -> NDArray[np.float64]:
        """The frames' times as floats, (frames,)."""
        return np.array([float(time) for time in self.times])


def draw_match(seed: int, number: int, config: FootballConfig) -> Match:
    """Decide match `number` of the world `seed`."""
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
        if touch.kind in LABELLED and touch.time <= seconds[-1]
    )
    looks = aim(camera, play, shots, seconds)
    return Match(
        f"match-{number:03d}", times, play, shots, looks, draw_look(colours), events, config
    )


def render(match: Match, size: tuple[int, int] | None = None) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames of a match, (H, W, 3) RGB, at (width, height); None: as configured."""
    config = match.config
    size = size or (config.width, config.height)
    painter = Painter(match.look, size, config.ball_pixels, config.view)
    seconds = match.seconds
    at, index = play_times(match.shots, seconds)
    return painter.frames(match.play.at(at), match.looks, match.shots, index, seconds)


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
    """The nearest frame's time; past the last frame any time will do."""

    def snap(time: float) -> float:
        if time > seconds[-1]:
            return time
        after = int(np.searchsorted(seconds, time))
        near = seconds[max(after - 1, 0) : after + 1]
        return float(near[np.argmin(np.abs(near - time))])

    return snap
