"""Motion: a Kalman filter for boxes, and local line fits to their positions.

The state of an object is (centre x, centre y, log width, log height). Velocity is constant plus
white noise; both axes share one covariance, in sizes² of the object, so that it depends only on the
times. The log sizes are predicted to stay constant.
"""

from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.track_config import TrackConfig

__all__ = ["Motion", "box_states", "end_motion", "end_slope", "local_lines"]

Array = NDArray[np.float64]
# Times are floats: forwards and backwards, the same points must be within reach.
_ROUNDING = 1e-9


@dataclass(slots=True, eq=False)
class Motion:
    """The states of A objects, each at the time of its last detection."""

    state: Array  # (A, 4): centre x, y in pixels, log width, log height
    velocity: Array  # (A, 2) pixels a second
    position: Array  # (A,) variance of the centre, sizes²
    covariance: Array  # (A,) covariance of centre and velocity, sizes² a second
    speed: Array  # (A,) variance of the velocity, sizes² a second²
    time: Array  # (A,) seconds

    @classmethod
    def start(cls, state: Array, time: float, config: TrackConfig) -> Self:
        """New objects, with unknown velocity."""
        n = len(state)
        return cls(
            state.copy(),
            np.zeros((n, 2)),
            np.full(n, config.jitter**2),
            np.zeros(n),
            np.full(n, config.start_speed**2),
            np.full(n, time),
        )

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        """Concatenate several sets of objects."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in _NAMES))

    def chosen(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Self:
        """The objects selected by a mask or by indices."""
        return type(self)(*(getattr(self, name)[rows] for name in _NAMES))

    def predict(self, time: float | Array, config: TrackConfig) -> Self:
        """Predict the objects at `time`, later or earlier: the variance grows both ways."""
        dt = time - self.time
        noise = config.agility**2 * np.abs(dt)
        state = self.state.copy()
        state[:, :2] += self.velocity * dt[:, None]
        return replace(
            self,
            state=state,
            position=self.position + dt * (2 * self.covariance + dt * (self.speed + noise / 3)),
            covariance=self.covariance + dt * (self.speed + noise / 2),
            speed=self.speed + noise,
            time=self.time + dt,
        )

    def update(self, observed: Array, variance: Array) -> Self:
        """Correct predicted objects by an observation of each, with its variance in sizes²."""
        total = self.position + variance
        gain, turn = self.position / total, self.covariance / total
        missed = observed[:, :2] - self.state[:, :2]
        state = (self.state + observed) / 2  # of the log sizes; centres follow
        state[:, :2] = self.state[:, :2] + gain[:, None] * missed
        return replace(
            self,
            state=state,
            velocity=self.velocity + turn[:, None] * missed,
            position=(1 - gain) * self.position,
            covariance=(1 - gain) * self.covariance,
            speed=self.speed - turn * self.covariance,
        )

    def put(self, rows: NDArray[np.intp], other: Self) -> None:
        """Set the objects at `rows` to those of `other`."""
        for name in _NAMES:
            getattr(self, name)[rows] = getattr(other, name)


_NAMES = tuple(field.name for field in fields(Motion))


def box_states(boxes: NDArray[np.floating]) -> Array:
    """(N, 4) boxes with an area → (N, 4): centre x, centre y, log width, log height."""
    low, high = np.asarray(boxes[:, :2], np.float64), np.asarray(boxes[:, 2:], np.float64)
    return np.concatenate(((low + high) / 2, np.log(high - low)), axis=1)


def end_motion(times: Array, state: Array, config: TrackConfig) -> Motion:
    """The state of one object at the last of its detections, by a line through the latest ones.

    times: (n,) in the direction of prediction, rising or falling; state: (n, 4). The slope is that
    of `end_slope`: 0 for a single detection.
    """
    near = _latest(times, config)
    slope, speed = end_slope(times, state[:, :2], config)
    times, state = times[near], state[near]
    past = float(times[-1] - times.mean())
    centre = state[:, :2].mean(axis=0) + slope * past
    return Motion(
        np.concatenate((centre, state[:, 2:].mean(axis=0)))[None],
        slope[None],
        np.array([config.jitter**2 / len(times) + past**2 * speed]),
        np.array([past * speed]),
        np.array([speed]),
        np.array([times[-1]]),
    )


def end_slope(times: Array, values: Array, config: TrackConfig) -> tuple[Array, float]:
    """The slope of a line through the latest of (n, k) values → (k,) and its variance.

    A prior of standard deviation `start_speed` shrinks it towards 0. The variance is in sizes² per
    second², for values with an error of `jitter`.
    """
    near = _latest(times, config)
    times, values = times[near], values[near]
    away = times - times.mean()
    noise = config.jitter**2
    variance = 1 / (float((away**2).sum()) / noise + 1 / config.start_speed**2)
    slope: Array = (away[:, None] * values).sum(axis=0) * variance / noise
    return slope, variance


def _latest(times: Array, config: TrackConfig) -> NDArray[np.bool_]:
    near: NDArray[np.bool_] = np.abs(times - times[-1]) <= 2 * config.smooth_seconds + _ROUNDING
    near[-2:] = True
    return near


def local_lines(times: Array, values: Array, half: float) -> tuple[Array, Array]:
    """Least-squares lines around each point: their values there and their slopes.

    times: (n,) rising; values: (n, k) → (n, k) and (n, k). A fit uses the points within `half`
    seconds, or both neighbours if there are none: across a gap the slope is that of the near side.
    Sums are over differences to the point itself, so that long videos lose no precision.
    """
    n, half = len(times), half + _ROUNDING
    index = np.arange(n)
    before = index - np.searchsorted(times, times - half)
    after = np.searchsorted(times, times + half, side="right") - 1 - index
    alone = before + after == 0
    before[alone] = after[alone] = 1
    weight, t, tt = np.zeros((3, n, 1))
    x, tx = np.zeros((2, *values.shape))
    for step in range(-int(before.max()), int(after.max()) + 1):
        other = np.clip(index + step, 0, n - 1)
        inside = ((other == index + step) & (-before <= step) & (step <= after))[:, None]
        dt = (times[other] - times)[:, None] * inside
        dx = (values[other] - values) * inside
        weight, t, tt = weight + inside, t + dt, tt + dt * dt
        x, tx = x + dx, tx + dt * dx
    spread = tt - t * t / weight
    slope = np.divide(tx - t * x / weight, spread, out=np.zeros_like(x), where=spread > 1e-12)
    return values + (x - slope * t) / weight, slope
