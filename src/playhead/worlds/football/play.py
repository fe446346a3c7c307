"""The state of the play at any times: where the ball and every figure is, and how it moves.

Evaluated from a plan for all times at once, so a replay is only another list of times, and no
frame size, frame rate or order of evaluation can change what happened.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import uniform_filter1d

from playhead.worlds.drawing import STEP, at_times
from playhead.worlds.football.flow import FIGURES, REFEREE
from playhead.worlds.football.touch import Plan, Touch

__all__ = ["FACINGS", "POSES", "Play", "State"]

FACINGS = 8
RUN_PHASES = 6
POSES = (
    "stand", *(f"run{phase}" for phase in range(RUN_PHASES)),
    "windup", "strike", "follow", "push", "jump", "slide", "stop",
)  # fmt: skip
STRIDE = 2.3  # metres of two steps

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """T instants of the play; metres, and angles in radians."""

    ball: Floats  # (T, 3)
    figures: Floats  # (T, 23, 2)
    facing: Floats  # (T, 23)
    pose: NDArray[np.uint8]  # (T, 23), indices into POSES


class Play:
    """A plan made continuous in time."""

    def __init__(self, plan: Plan, seconds: float) -> None:
        self.plan = plan
        self.start = -1.0
        self.grid = np.arange(self.start, seconds + 2.0, STEP)
        paths = plan.flow.base(self.grid)
        for figure in range(FIGURES):
            paths[:, figure] += _offsets(plan, figure, self.grid)
        self.paths = paths  # (M, 23, 2)
        velocity = np.gradient(paths, STEP, axis=0)
        # Smoothed over seven steps around the next one.
        smooth = partial(uniform_filter1d, size=7, axis=0, mode="nearest", origin=-1)
        self.speed = smooth(np.hypot(velocity[..., 0], velocity[..., 1]))
        self.covered = np.cumsum(self.speed, axis=0) * STEP  # metres
        velocity = smooth(velocity)
        self.heading = np.unwrap(np.arctan2(velocity[..., 1], velocity[..., 0]), axis=0)

    def ball(self, times: Floats) -> Floats:
        """`times` (T,) → the ball's middle above its radius (T, 3)."""
        legs = self.plan.legs
        t0 = np.array([leg.t0 for leg in legs])
        index = np.clip(np.searchsorted(t0, times, side="right") - 1, 0, len(legs) - 1)
        t1 = np.array([leg.t1 for leg in legs])[index]
        t0 = t0[index]
        part = np.clip((times - t0) / np.maximum(t1 - t0, 1e-9), 0, 1)
        drag = np.array([leg.drag for leg in legs])[index]
        lob = np.array([leg.lob for leg in legs])[index]
        start = np.array([leg.start for leg in legs])[index]
        end = np.array([leg.end for leg in legs])[index]
        eased = (1 + drag) * part - drag * part**2
        eased = np.stack([eased, eased, part], axis=-1)
        position: Floats = start + (end - start) * eased
        position[:, 2] += 4 * lob * part * (1 - part)
        return position

    def at(self, times: Floats) -> State:
        """`times` (T,), in any order → the whole state."""
        figures = at_times(self.paths, self.start, times)
        speed = at_times(self.speed, self.start, times)
        covered = at_times(self.covered, self.start, times)
        facing = at_times(self.heading, self.start, times)
        ball = self.ball(times)
        to_ball = ball[:, None, :2] - figures
        facing = np.where(speed < 0.9, np.arctan2(to_ball[..., 1], to_ball[..., 0]), facing)
        phase = np.floor(covered / STRIDE * RUN_PHASES).astype(np.int64) % RUN_PHASES
        pose = np.where(speed < 0.7, 0, 1 + phase).astype(np.uint8)
        for touch in self.plan.touches:
            _pose_touch(touch, times, facing, pose)
        return State(ball, figures, facing, pose)


def _offsets(plan: Plan, figure: int, grid: Floats) -> Floats:
    """How far a figure is from its base position along the grid: (M, 2)."""
    knots = plan.knots[figure]
    if len(knots.times) < 2 or figure == REFEREE:
        return np.zeros((len(grid), 2))
    times = np.array([*knots.times, knots.times[-1] + 1000.0])
    values = np.array([*knots.offsets, np.zeros(2)])
    offsets: Floats = PchipInterpolator(times, values, axis=0)(grid)
    return offsets


def _pose_touch(touch: Touch, times: Floats, facing: Floats, pose: NDArray[np.uint8]) -> None:
    """Pose the touching player around the touch, facing where the ball goes."""
    if touch.player < 0:
        return
    near = np.flatnonzero(np.abs(times - touch.time) < 0.45)
    after = times[near] - touch.time
    for name, first, last in _timeline(touch.kind):
        rows = near[(after >= first - 1e-6) & (after < last - 1e-6)]
        pose[rows, touch.player] = POSES.index(name)
        if touch.kind not in ("trap", "deflection"):
            facing[rows, touch.player] = touch.heading


def _timeline(kind: str) -> tuple[tuple[str, float, float], ...]:
    match kind:
        case "pass":
            return ("windup", -0.28, -0.06), ("strike", -0.06, 0.10), ("follow", 0.10, 0.28)
        case "fake":
            return ("windup", -0.28, -0.06), ("strike", -0.06, 0.06)
        case "drive":
            return (("push", -0.08, 0.14),)
        case "dribble":
            return (("push", -0.04, 0.08),)
        case "header":
            return (("jump", -0.2, 0.2),)
        case "tackle":
            return (("slide", -0.24, 0.4),)
        case "trap":
            return (("stop", -0.1, 0.12),)
        case "deflection" | "bounce":
            return ()
        case _:
            raise AssertionError(kind)
