"""Sampling of training and validation windows.

Actions are rare, so a share of the training windows is drawn near them and the rest evenly from all
other points; with out-of-fold scores of a first model, hard negatives are drawn more often. Windows
with unreadable frames always have weight 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from playhead.config import Settings
from playhead.errors import LabelError
from playhead.events.model import Event
from playhead.samples.grid import Grid
from playhead.samples.windows import WindowSpec, event_time

__all__ = [
    "FramesSampler",
    "SamplingConfig",
    "ShiftConfig",
    "action_weights",
    "sampling_weights",
    "seen_points",
    "shift_points",
    "usable_points",
    "validation_points",
]

Weights = NDArray[np.float64]
Points = NDArray[np.bool_]


class SamplingConfig(Settings):
    """How training windows are drawn."""

    action_share: float = Field(
        0.5, gt=0, le=1, description="share of the windows that are near an action"
    )
    near_seconds: float = Field(0.36, ge=0, description="how near: 9 frames at 25 fps")
    clear_seconds: float = Field(
        1.08,
        ge=0,
        description="out-of-fold scores closer to an action than this (27 frames) are ignored",
    )
    class_weights: dict[str, float] | None = Field(
        None, description="weight of each class's actions; none: all 1"
    )
    balance: Literal["corpus", "video"] = Field(
        "corpus",
        description="`corpus`: the share holds over all videos together; `video`: every video is "
        "drawn equally often and the share holds inside each that has actions",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.clear_seconds < self.near_seconds:
            raise ValueError(
                f"clear_seconds ({self.clear_seconds:g}) must not be below near_seconds "
                f"({self.near_seconds:g})"
            )
        for name, weight in (self.class_weights or {}).items():
            if weight <= 0:
                raise ValueError(f"class_weights.{name} is {weight:g}, but must be positive")
        return self


class ShiftConfig(Settings):
    """Temporal jitter: some frames of some windows are replaced by a neighbour."""

    probability: float = Field(
        0.25, ge=0, le=1, description="probability that a window is jittered"
    )
    weights: tuple[float, float, float] = Field(
        (0.2, 0.6, 0.2), description="probabilities of -1, 0 and +1 grid points, per frame"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if min(self.weights) < 0 or abs(sum(self.weights) - 1) > 1e-9:
            raise ValueError("weights must be three probabilities that add up to 1")
        return self


def sampling_weights(
    grids: Sequence[Grid],
    events: Sequence[Sequence[Event]],
    config: SamplingConfig,
    *,
    usable: Sequence[Points] | None = None,
    scores: Sequence[NDArray[np.float32] | None] | None = None,
) -> list[Weights]:
    """The probability of each grid point of each video to be the middle of a training window.

    usable: bool (T,) per video, False where no window may be
    scores: out-of-fold scores per video, float32 (T, C) or (T,), NaN without a prediction; or None
    Returns float64 (T,) per video; over all videos they add up to 1.
    Raises LabelError for a label without a class weight or past the end of its video.
    """
    pairs = list(zip(grids, events, strict=True))
    masks = [np.ones(len(grid), bool) for grid in grids] if usable is None else usable
    hardness = [None] * len(grids) if scores is None else scores
    near = [action_weights(*pair, config) * m for pair, m in zip(pairs, masks, strict=True)]
    clear = [_clear(*pair, config) & m for pair, m in zip(pairs, masks, strict=True)]
    away = [m & (weight == 0) for weight, m in zip(near, masks, strict=True)]
    hard = [_hardest(s, len(grid)) for s, grid in zip(hardness, grids, strict=True)]
    share = config.action_share
    if config.balance == "video":
        each = zip(near, away, clear, hard, strict=True)
        weights = [_normal(_balance(*parts, share=share)) for parts in each]
    else:
        all_near, all_hard = np.concatenate(near), np.concatenate(hard)
        all_away, all_clear = np.concatenate(away), np.concatenate(clear)
        cuts = np.cumsum([len(grid) for grid in grids])[:-1]
        weights = np.split(_balance(all_near, all_away, all_clear, all_hard, share=share), cuts)
    total = sum(float(weight.sum()) for weight in weights)
    if total == 0:
        raise LabelError("no window can be drawn: no frame of any video is readable")
    return [weight / total for weight in weights]


def action_weights(grid: Grid, events: Sequence[Event], config: SamplingConfig) -> Weights:
    """float64 (T,): the largest class weight of the actions near each point, else 0."""
    weights = np.zeros(len(grid))
    table = config.class_weights
    for event in events:
        if table is not None and event.label not in table:
            raise LabelError(f"class_weights has no weight for {event.label!r}: add one")
        start, stop = grid.within(event_time(grid, event), config.near_seconds)
        weight = 1.0 if table is None else table[event.label]
        weights[start:stop] = np.maximum(weights[start:stop], weight)
    return weights


def _clear(grid: Grid, events: Sequence[Event], config: SamplingConfig) -> Points:
    """Bool (T,): whether a point is far enough from every action for hard-example mining."""
    clear = np.ones(len(grid), dtype=bool)
    for event in events:
        start, stop = grid.within(event.start, config.clear_seconds)
        clear[start:stop] = False
    return clear


def _hardest(scores: NDArray[np.float32] | None, points: int) -> Weights:
    """float64 (T,): the highest score over the classes, 0 without a prediction."""
    if scores is None:
        return np.zeros(points)
    if len(scores) != points:
        raise LabelError(
            f"the out-of-fold scores have {len(scores)} points, the grid has {points}; they must "
            "be of the same video and grid"
        )
    best = np.nan_to_num(scores.astype(np.float64), nan=0.0)
    return best.max(axis=1) if best.ndim == 2 else best


def _balance(near: Weights, away: Points, clear: Points, hard: Weights, *, share: float) -> Weights:
    """Give `share` of the weight to the points near actions, the rest evenly to the others.

    At clear points a score above the even weight replaces it; then all clear points are scaled so
    that their total weight stays the same.
    """
    if not near.any():
        return away.astype(np.float64)
    if share == 1 or not away.any():
        return near
    even = near.sum() * (1 - share) / share / away.sum()
    weights = np.where(away, even, near)
    if clear.any():
        raised = np.maximum(even, hard[clear])
        weights[clear] = raised * (even / raised.mean())
    return weights


def _normal(weights: Weights) -> Weights:
    total = weights.sum()
    return weights / total if total else weights


@dataclass(frozen=True, slots=True, eq=False)
class FramesSampler:
    """Draws the middles of training windows by weight.

    cumulative: float64 (points of all videos,), the cumulative weights; starts: int64 (videos,),
    the first point of each video; last: the last point with a weight
    """

    cumulative: NDArray[np.float64]
    starts: NDArray[np.int64]
    last: int

    @classmethod
    def from_weights(cls, weights: Sequence[Weights]) -> Self:
        """A sampler with the weights of each video's grid points from `sampling_weights`."""
        flat = np.concatenate(list(weights))
        if not flat.size or flat.min() < 0 or not np.isfinite(flat).all() or flat.max() == 0:
            raise LabelError("sampling weights must be finite, not negative, and some positive")
        starts = np.cumsum([0, *(len(weight) for weight in weights[:-1])])
        return cls(np.cumsum(flat), starts, int(np.flatnonzero(flat)[-1]))

    def draw(self, rng: np.random.Generator) -> tuple[int, int]:
        """Draw (video, grid point), with one number of `rng`."""
        position = rng.random() * self.cumulative[-1]
        flat = min(int(np.searchsorted(self.cumulative, position, side="right")), self.last)
        video = int(np.searchsorted(self.starts, flat, side="right")) - 1
        return video, flat - int(self.starts[video])


def shift_points(
    points: NDArray[np.int64], length: int, config: ShiftConfig, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Jitter the points of a window by -1, 0 or +1, clipped to its grid of `length` points.

    The same random numbers are drawn whether or not the window is jittered.
    """
    chosen = rng.random() < config.probability
    moves = rng.choice((-1, 0, 1), size=len(points), p=config.weights)
    return (points + moves).clip(0, length - 1) if chosen else points


def seen_points(spec: WindowSpec, shift: int = 1) -> NDArray[np.int64]:
    """Offsets from the middle of a window to all grid points it may have with `shift` of jitter."""
    return np.unique(spec.offsets[:, None] + np.arange(-shift, shift + 1))


def usable_points(grid: Grid, readable: Points, spec: WindowSpec, shift: int = 1) -> Points:
    """Bool (T,): whether a window at each point, jittered or not, has only readable frames.

    readable: bool (N,), per frame of the video
    """
    bad = ~readable[grid.frames]
    usable = np.ones(len(grid), dtype=bool)
    if bad.any():
        centres = np.arange(len(grid))
        for offset in seen_points(spec, shift):
            usable &= ~bad[(centres + offset).clip(0, len(grid) - 1)]
    return usable


def validation_points(
    grid: Grid, events: Sequence[Event], *, empty_seconds: float = 0.28
) -> NDArray[np.int32]:
    """The middles of validation windows, rising: every action, and empty points between them.

    The midpoint of two neighbouring actions is used if it is more than `empty_seconds` from both. A
    video without actions gives its own middle.
    """
    times = np.unique([event_time(grid, event) for event in events])
    if len(times) == 0:
        return grid.indices([grid.duration / 2])
    far = np.diff(times) / 2 > empty_seconds
    middles = ((times[1:] + times[:-1]) / 2)[far]
    return np.unique(grid.indices(np.concatenate([times, middles])))
