"""The data model that every job shares: events, tracks, and the events of a video.

Times are seconds from the first presented frame; spans are half-open `[start, end)`; boxes are
`x1, y1, x2, y2` in pixels of the displayed (rotated) image, floats, half-open.
"""

import math
from dataclasses import dataclass, field
from enum import IntEnum
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from playhead.errors import LabelError

__all__ = ["Box", "Event", "Origin", "Track", "VideoEvents"]

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An instant (`end` is None) or a span `[start, end)`, in seconds.

    frame: the index of the frame at `start`, if known
    track: the id of the track it happens to; other: that of the second one that takes part
    Raises LabelError for a time that is negative or not finite, a span that does not end after it
    starts, a score that is not finite, or a box without area.
    """

    label: str
    start: float
    end: float | None = None
    score: float = 1.0
    frame: int | None = None
    box: Box | None = None
    view: str | None = None
    track: int | None = None
    other: int | None = None
    note: str | None = None

    def __post_init__(self) -> None:
        if not self.label:
            raise LabelError(f"an event at {self.start} s has no label")
        if not math.isfinite(self.start) or self.start < 0:
            raise LabelError(f"{self.label}: the time is {self.start}; it must be 0 s or later")
        if self.end is not None and not self.start < self.end < math.inf:
            raise LabelError(
                f"{self.label}: a span from {self.start} s to {self.end} s must end after it starts"
            )
        if not math.isfinite(self.score):
            raise LabelError(
                f"{self.label} at {self.start} s: the score is {self.score}; it must be finite"
            )
        if self.frame is not None and self.frame < 0:
            raise LabelError(f"{self.label} at {self.start} s: frame {self.frame} is negative")
        if self.box is not None:
            x1, y1, x2, y2 = self.box
            if not (math.isfinite(x1 + y1 + x2 + y2) and x1 < x2 and y1 < y2):
                raise LabelError(f"{self.label} at {self.start} s: box {self.box} has no area")


class Origin(IntEnum):
    """Where a box of a track comes from."""

    DETECTED = 0
    FILLED = 1  # between two detections
    DRAWN = 2  # by a person
    EXTENDED = 3  # before the first detection or after the last
    DERIVED = 4  # from a box of another label, as a head from a face


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One object over time: N boxes, one per frame, frames rising."""

    id: int
    label: str
    frames: NDArray[np.int32]  # (N,)
    boxes: NDArray[np.float32]  # (N, 4)
    scores: NDArray[np.float32]  # (N,)
    origin: NDArray[np.uint8]  # (N,), values of Origin

    def __post_init__(self) -> None:
        n = len(self.frames)
        shapes = (self.boxes.shape, self.scores.shape, self.origin.shape)
        if shapes != ((n, 4), (n,), (n,)):
            raise LabelError(
                f"track {self.id}: {n} frames need boxes ({n}, 4), scores and origin ({n},), "
                f"got {shapes}"
            )
        if n and not np.all(np.diff(self.frames) > 0):
            raise LabelError(f"track {self.id}: the frames do not rise")


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoEvents:
    """The events of one video, and the classes that were annotated or predicted.

    classes: includes classes without an event, which metrics count
    frames: the number of frames of the video, if known
    rate: frames per second as the labels declare it; only `events/formats` uses it
    Raises LabelError for a duplicated class or an event whose label is not one of the classes.
    """

    video: str
    classes: tuple[str, ...]
    events: tuple[Event, ...] = field(default=())
    frames: int | None = None
    rate: Fraction | None = None

    def __post_init__(self) -> None:
        if len(set(self.classes)) != len(self.classes):
            raise LabelError(f"{self.video}: a class is listed twice in {', '.join(self.classes)}")
        for event in self.events:
            if event.label not in self.classes:
                raise LabelError(
                    f"{self.video}: unknown class {event.label!r} at {event.start} s; "
                    f"the classes are {', '.join(self.classes)}"
                )
