"""A look at someone's videos and labels, from which `init` derives a configuration.

Of every video only the table of its times is read; of a few also some pairs of frames, to tell a
still camera from a moving one. Nothing here imports torch.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playhead.errors import MediaError
from playhead.events.model import VideoEvents
from playhead.media import open_video

__all__ = ["EventFacts", "VideoFacts", "look_at_events", "look_at_video", "moves"]

LOOKED = (64, 48)
"""Width and height at which frames are compared."""

PAIRS, APART = 3, 0.2
"""Pairs of frames that are compared in a video, and the seconds between the two of a pair."""

STILL_LEVELS = 2.0
"""The median change of a pixel below which the camera is still: noise and compression, of 255."""


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What the configuration depends on of one video.

    rate: frames a second, the median of a variable rate; duration: seconds
    size: displayed width and height; motion: median change of a pixel over .2 s, in levels, or None
    """

    path: Path
    rate: float
    variable: bool
    duration: float
    size: tuple[int, int]
    motion: float | None = None


@dataclass(frozen=True, slots=True)
class EventFacts:
    """What the configuration depends on of the events.

    counts: events of each class; spacing: seconds from an event to the next one of its class in its
    video, rising; between: the same for the next one of any class
    """

    counts: dict[str, int]
    spacing: NDArray[np.float64]
    between: NDArray[np.float64]

    def usual_spacing(self) -> float | None:
        """The median distance of neighbours of a class in seconds, None without neighbours."""
        return float(np.median(self.spacing)) if len(self.spacing) else None

    def close_spacing(self) -> float | None:
        """The distance that a tenth of the neighbours of a class fall short of, in seconds."""
        return float(np.quantile(self.spacing, 0.1)) if len(self.spacing) else None


def look_at_video(path: Path, *, motion: bool = False) -> VideoFacts:
    """The facts of one video. Raises MediaError if it is not readable."""
    with open_video(path) as video:
        steps = np.diff(video.times)
        return VideoFacts(
            path=path,
            rate=float(1 / np.median(steps)) if len(steps) else float(video.rate),
            variable=video.variable_rate,
            duration=video.duration,
            size=(video.width, video.height),
            motion=_motion(path) if motion else None,
        )


def look_at_events(videos: Sequence[VideoEvents]) -> EventFacts:
    """The facts of the events of all videos."""
    counts: Counter[str] = Counter()
    spacing, between = [np.zeros(0)], [np.zeros(0)]
    for video in videos:
        counts.update(event.label for event in video.events)
        spacing += [
            _gaps([event.start for event in video.events if event.label == label])
            for label in video.classes
        ]
        between.append(_gaps([event.start for event in video.events]))
    classes = {label for video in videos for label in video.classes}
    return EventFacts(
        {label: counts[label] for label in sorted(classes)},
        np.sort(np.concatenate(spacing)),
        np.sort(np.concatenate(between)),
    )


def moves(videos: Sequence[VideoFacts]) -> bool | None:
    """Whether the camera moves in a quarter of the videos that were looked at; None: unknown."""
    motions = [video.motion for video in videos if video.motion is not None]
    return bool(np.quantile(motions, 0.75) >= STILL_LEVELS) if motions else None


def _motion(path: Path) -> float | None:
    """The median change of a pixel between two frames, of several pairs over the video.

    If the camera is still, most pixels do not change, however much happens in the image.
    """
    changes = []
    with open_video(path) as video:
        ends = np.linspace(0, video.duration, PAIRS + 2)[1:-1]
        for seconds in ends:
            pair = video.nearest(np.array([seconds, seconds + APART]))
            try:
                first, second = video.read(pair, pixels="luma", size=LOOKED).astype(np.int16)
            except MediaError:  # damaged here
                continue
            changes.append(np.median(np.abs(second - first)))
    return float(np.median(changes)) if changes else None


def _gaps(times: Sequence[float]) -> NDArray[np.float64]:
    gaps = np.diff(np.unique(times))
    return gaps[gaps > 0]
