"""The director: which camera shows which seconds of the play, and where it looks.

Live shots show the play as it happens, so the time of a live frame is the time of the play. While
play rests, the director may show a close-up or a replay in slow motion; no label lies there.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from playhead.worlds.drawing import STEP
from playhead.worlds.football.flow import LENGTH, REFEREE, WIDTH
from playhead.worlds.football.play import Play
from playhead.worlds.football.touch import LABELLED, Plan, Stoppage

__all__ = ["Lens", "Shot", "aim", "draw_shots", "play_times"]

ShotKind = Literal["live", "tight", "close-up", "replay"]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Lens:
    """A camera that moves but never turns: metres it shows, tilt (radians), metres away."""

    view: float
    tilt: float
    away: float


@dataclass(frozen=True, slots=True)
class Shot:
    """Seconds [start, end) of the video showing the play from `source` on at `speed`."""

    kind: ShotKind
    start: float
    end: float
    source: float
    speed: float
    lens: Lens
    reverse: bool = False  # from the other side of the pitch
    figure: int | None = None  # the one that a close-up follows


def draw_shots(
    rng: np.random.Generator, plan: Plan, seconds: float, view: float, *, distract: bool
) -> tuple[Shot, ...]:
    """Direct a match: shots that follow one another from 0 to `seconds` without a gap."""
    main = Lens(view * rng.uniform(0.94, 1.06), np.radians(rng.uniform(27, 33)), 44.0)
    shots: list[Shot] = []
    if distract:
        for stoppage in plan.stoppages:
            if stoppage.end < seconds:
                shots += _tight(rng, plan, _end(shots), stoppage.start, main)
                shots += _pause(rng, plan, stoppage, main)
        shots += _tight(rng, plan, _end(shots), seconds, main)
    return tuple(_fill(shots, seconds, main))


def play_times(shots: tuple[Shot, ...], times: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Video times (T,) → the play's times (T,) and the index of each frame's shot (T,)."""
    starts = np.array([shot.start for shot in shots])
    index = np.clip(np.searchsorted(starts, times + 1e-9, side="right") - 1, 0, len(shots) - 1)
    source = np.array([shot.source for shot in shots])[index]
    speed = np.array([shot.speed for shot in shots])[index]
    return source + (times - starts[index]) * speed, index


def aim(rng: np.random.Generator, play: Play, shots: tuple[Shot, ...], times: Floats) -> Floats:
    """Where the camera looks at each video time: (T, 2) metres on the ground."""
    at, index = play_times(shots, times)
    follow = _follow(play)
    looks = np.stack([np.interp(at, play.grid, follow[:, axis]) for axis in (0, 1)], axis=-1)
    for number, shot in enumerate(shots):
        if shot.figure is not None:
            rows = index == number
            looks[rows] = play.at(at[rows]).figures[:, shot.figure]
    wide = np.array([shot.lens.view for shot in shots])[index] / 24
    return looks + _shake(rng, times) * wide[:, None]


def _end(shots: list[Shot]) -> float:
    return shots[-1].end if shots else 0.0


def _fill(shots: list[Shot], seconds: float, main: Lens) -> list[Shot]:
    """Live shots of the main camera wherever nothing else is shown."""
    filled, now = [], 0.0
    for shot in shots:
        if shot.start > now:
            filled.append(Shot("live", now, shot.start, now, 1.0, main))
        filled.append(shot)
        now = shot.end
    if now < seconds:
        filled.append(Shot("live", now, seconds, now, 1.0, main))
    return filled


def _tight(
    rng: np.random.Generator, plan: Plan, start: float, end: float, main: Lens
) -> list[Shot]:
    """Perhaps a cut to a nearer camera during play, clear of the instants that are labelled."""
    if rng.random() < 0.45 or end - start < 14:
        return []
    first = rng.uniform(start + 3, end - 9)
    last = first + rng.uniform(3, 6)
    first, last = _clear(plan, first), _clear(plan, last)
    lens = Lens(main.view * rng.uniform(0.72, 0.86), main.tilt * rng.uniform(0.85, 1.1), main.away)
    return [Shot("tight", first, last, first, 1.0, lens)] if last - first > 1.5 else []


def _clear(plan: Plan, time: float) -> float:
    """The nearest instant to `time`, up to a second later, that is furthest from any label."""
    labelled = np.array([touch.time for touch in plan.touches if touch.kind in LABELLED])
    choices = time + np.arange(0, 1, STEP)
    gaps = np.abs(choices[:, None] - labelled[None, :]).min(axis=1)
    return float(choices[int(np.argmax(np.minimum(gaps, 0.5)))])


def _pause(rng: np.random.Generator, plan: Plan, stoppage: Stoppage, main: Lens) -> list[Shot]:
    """What is shown while play rests; the last second and a half belong to the restart."""
    now, last = stoppage.start + rng.uniform(0.8, 1.4), stoppage.end - 1.5
    shots: list[Shot] = []
    if rng.random() < 0.75:
        shots.append(_close_up(rng, now, min(now + rng.uniform(1.6, 2.6), last)))
    now = shots[-1].end if shots else now
    if last - now > 2.4 and rng.random() < 0.9:
        shots.append(_replay(rng, plan, (now, last), stoppage.start, main))
    return shots


def _close_up(rng: np.random.Generator, start: float, end: float) -> Shot:
    lens = Lens(rng.uniform(6, 8), np.radians(rng.uniform(13, 18)), 26.0)
    figure = REFEREE if rng.random() < 0.2 else int(rng.integers(1, REFEREE))
    return Shot("close-up", start, end, start, 1.0, lens, figure=figure)


def _replay(
    rng: np.random.Generator, plan: Plan, span: tuple[float, float], whistle: float, main: Lens
) -> Shot:
    """Slow motion of a late event before the whistle, nearer, often from the other side."""
    start, end = span
    speed = rng.uniform(0.4, 0.6)
    labelled = [touch.time for touch in plan.touches if touch.kind in LABELLED]
    recent = [time for time in labelled if whistle - 12 < time < whistle - 1] or [whistle - 2]
    chosen = recent[int(rng.integers(len(recent)))]
    source = max(0.0, chosen - rng.uniform(0.25, 0.6) * (end - start) * speed)
    lens = Lens(main.view * rng.uniform(0.55, 0.7), np.radians(rng.uniform(22, 30)), 36.0)
    return Shot("replay", start, end, source, speed, lens, reverse=bool(rng.random() < 0.5))


def _follow(play: Play) -> Floats:
    """What a slightly late camera operator aims at: the causally smoothed path of the ball."""
    path = play.ball(play.grid)[:, :2]
    keep = np.exp(-STEP / 0.28)
    for _ in range(2):
        path = lfilter([1 - keep], [1, -keep], path - path[0], axis=0) + path[0]
    margin = np.array([9.0, 9.0])
    clipped: Floats = np.clip(path, margin, np.array([LENGTH, WIDTH]) - margin)
    return clipped


def _shake(rng: np.random.Generator, times: Floats) -> Floats:
    """Camera shake: slow sway and a faster tremble, (T, 2) metres."""
    shake = np.zeros((len(times), 2))
    for size, low, high in ((0.35, 0.1, 0.3), (0.06, 1.0, 2.5), (0.025, 4.0, 8.0)):
        frequency = 2 * np.pi * rng.uniform(low, high, 2)
        shake += size * np.sin(frequency * times[:, None] + rng.uniform(0, 2 * np.pi, 2))
    return shake
