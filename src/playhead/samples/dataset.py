"""Training and validation windows by index, as the loader reads them.

A sample is `{"frames": uint8 (frames, H, W) or (frames, H, W, 3), "target": float32}`, with the
target of the middle of the window from the job's target function. A training sample depends only on
(seed, epoch, index), a validation sample only on its index.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.errors import LabelError
from playhead.events.model import Event
from playhead.samples.cache import FrameSource
from playhead.samples.grid import Grid
from playhead.samples.sampling import (
    FramesSampler,
    SamplingConfig,
    ShiftConfig,
    sampling_weights,
    shift_points,
    usable_points,
    validation_points,
)
from playhead.samples.windows import WindowSpec

__all__ = [
    "LabelledVideos",
    "TargetFunction",
    "TrainingWindows",
    "Transform",
    "ValidationWindows",
]

Transform = Callable[[NDArray[np.uint8], np.random.Generator], NDArray[np.uint8]]
"""Frames of a window and a random generator → frames of the same shape."""

TargetFunction = Callable[[Grid, Sequence[Event]], NDArray[np.float32]]
"""Grid of T points and the events of its video → float32 (T, ...), the target of each point."""


@dataclass(frozen=True, eq=False)
class LabelledVideos:
    """Videos with their grids and events; index v is the same video in all three."""

    source: FrameSource
    grids: tuple[Grid, ...]
    events: tuple[tuple[Event, ...], ...]
    window: WindowSpec
    target: TargetFunction

    def targets(self) -> list[NDArray[np.float32]]:
        """The targets of each video, float32 (T, ...)."""
        return [self.target(*pair) for pair in zip(self.grids, self.events, strict=True)]

    def usable(self) -> list[NDArray[np.bool_]]:
        """For each video bool (T,): whether a window there has only readable frames."""
        readable = [self.source.readable(video) for video in range(len(self.grids))]
        pairs = zip(self.grids, readable, strict=True)
        return [usable_points(*pair, self.window) for pair in pairs]

    def read(self, video: int, points: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The frames at these grid points of a video."""
        return self.source.read(video, self.grids[video].frames[points])


class TrainingWindows:
    """Random windows, `length` per epoch: drawn by weight, jittered in time, augmented."""

    def __init__(
        self,
        videos: LabelledVideos,
        *,
        length: int,
        seed: int,
        sampling: SamplingConfig,
        shift: ShiftConfig,
        transform: Transform | None = None,
        scores: Sequence[NDArray[np.float32] | None] | None = None,
    ) -> None:
        """scores: out-of-fold scores on each video's grid for hard-example mining, or None."""
        self.videos = videos
        self.length = length
        self.seed = seed
        self.shift = shift
        self.transform = transform
        self.targets = videos.targets()
        weights = sampling_weights(
            videos.grids, videos.events, sampling, usable=videos.usable(), scores=scores
        )
        self.sampler = FramesSampler.from_weights(weights)

    def __len__(self) -> int:
        return self.length

    def sample(self, epoch: int, index: int) -> dict[str, NDArray[Any]]:
        """Window `index` of an epoch."""
        rng = np.random.default_rng([self.seed, epoch, index])
        video, centre = self.sampler.draw(rng)
        length = len(self.videos.grids[video])
        points = self.videos.window.window_points(centre, length)
        frames = self.videos.read(video, shift_points(points, length, self.shift, rng))
        if self.transform is not None:
            frames = self.transform(frames, rng)
        return {"frames": frames, "target": self.targets[video][centre]}


class ValidationWindows:
    """Every event and the empty midpoints between neighbouring events, in order, not augmented.

    empty_seconds: minimum distance of an empty midpoint from every event
    middles: (video, grid point) of each window; windows with unreadable frames are left out
    Raises LabelError if none is left.
    """

    def __init__(self, videos: LabelledVideos, *, empty_seconds: float = 0.28) -> None:
        self.videos = videos
        self.empty_seconds = empty_seconds
        self.targets = videos.targets()
        self.middles = [
            (video, int(point))
            for video, usable in enumerate(videos.usable())
            for point in self._points(video)
            if usable[point]
        ]
        if not self.middles:
            raise LabelError(
                "nothing to validate on: no event of the validation videos, nor a point between "
                "two, can be read; choose other videos, or see `playhead info`"
            )

    def _points(self, video: int) -> NDArray[np.int32]:
        grid, events = self.videos.grids[video], self.videos.events[video]
        return validation_points(grid, events, empty_seconds=self.empty_seconds)

    def __len__(self) -> int:
        return len(self.middles)

    def sample(self, epoch: int, index: int) -> dict[str, NDArray[Any]]:
        """Window `index`, the same in every epoch."""
        video, centre = self.middles[index]
        points = self.videos.window.window_points(centre, len(self.videos.grids[video]))
        return {"frames": self.videos.read(video, points), "target": self.targets[video][centre]}
