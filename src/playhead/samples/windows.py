"""Windows: the grid points of one model input, and the target of each grid point.

A window is identified by its middle. Beyond an end of the video it repeats the first or last grid
point.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from playhead.config import Settings
from playhead.errors import LabelError
from playhead.events.model import Event
from playhead.samples.grid import ROUNDING, Grid

__all__ = ["NearEvents", "WindowSpec", "class_indices", "event_time", "targets"]


class WindowSpec(Settings):
    """The shape of a window: number of frames, their distance, frames per stack."""

    frames: int = Field(15, ge=1, description="frames of a window, odd: it has a middle")
    step: int = Field(2, ge=1, description="grid points between two frames of a window")
    stack: int = Field(3, ge=1, description="neighbouring frames that are fed as channels")

    @model_validator(mode="after")
    def _is_regular(self) -> Self:
        if self.frames % 2 == 0:
            raise ValueError(f"frames ({self.frames}) must be odd: a window has a middle frame")
        if self.frames % self.stack:
            raise ValueError(f"frames ({self.frames}) must be a multiple of stack ({self.stack})")
        return self

    @property
    def stacks(self) -> int:
        """The number of stacks of a window."""
        return self.frames // self.stack

    @property
    def offsets(self) -> NDArray[np.int64]:
        """(frames,): grid points from the middle to each frame, -14, -12 ... 14 by default."""
        return (np.arange(self.frames) - self.frames // 2) * self.step

    def window_points(self, centre: int, points: int) -> NDArray[np.int64]:
        """(frames,): the grid points of the window around `centre`, on a grid of `points` points.

        Raises IndexError if the centre is not on the grid.
        """
        if not 0 <= centre < points:
            raise IndexError(f"grid point {centre} is not on a grid of {points} points")
        return (self.offsets + centre).clip(0, points - 1)


def class_indices(events: Sequence[Event], classes: Sequence[str]) -> NDArray[np.int64]:
    """(events,): the class index of each event. Raises LabelError for an unknown label."""
    known = {name: index for index, name in enumerate(classes)}
    for event in events:
        if event.label not in known:
            raise LabelError(
                f"unknown class {event.label!r} at {event.start} s; the classes are "
                f"{', '.join(classes)}: add it to them or drop the label"
            )
    return np.array([known[event.label] for event in events], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class NearEvents:
    """The usual target function: 1 for each class with an event near the point, see `targets`.

    Any other function of a grid and its events can replace it.
    """

    classes: tuple[str, ...]
    radius_seconds: float = 0.28

    def __call__(self, grid: Grid, events: Sequence[Event]) -> NDArray[np.float32]:
        """float32 (T, classes)."""
        return targets(grid, events, self.classes, self.radius_seconds)


def targets(
    grid: Grid, events: Sequence[Event], classes: Sequence[str], radius_seconds: float = 0.28
) -> NDArray[np.float32]:
    """float32 (T, classes): 1 if an event of the class starts within the radius of the point.

    The radius is inclusive: 0.28 s are 7 frames to either side at 25 fps. Classes are independent:
    two events on one frame give two ones. The point nearest to an event is 1 even on a grid coarser
    than the radius.
    Raises LabelError if a label is not one of the classes, or past the end of the video.
    """
    values = np.zeros((len(grid), len(classes)), dtype=np.float32)
    for event, column in zip(events, class_indices(events, classes), strict=True):
        start, stop = grid.within(event_time(grid, event), radius_seconds)
        values[start:stop, column] = 1
    return values


def event_time(grid: Grid, event: Event) -> float:
    """The start of an event in seconds. Raises LabelError if it is past the end of the video."""
    if event.start > grid.duration + ROUNDING:
        raise LabelError(
            f"{event.label} at {event.start} s is past the end of the video "
            f"({grid.duration:.3f} s). The labels may belong to another cut: see `playhead info`"
        )
    return event.start
