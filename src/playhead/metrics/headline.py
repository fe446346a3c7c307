"""The metric to judge spotting by: chosen by how close together the true events are.

Where events of a class follow each other faster than the 1 s window of mAP@1, a prediction at any
time is near some event, and guessing reaches a high mAP@1. There the headline is `frame_map@k` with
the largest k whose windows fill at most two thirds of the time between events.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from playhead.events.model import VideoEvents
from playhead.metrics.alignment import nearest_frame
from playhead.metrics.frame_map import FRAME_TOLERANCES

__all__ = ["Headline", "Spacing", "choose_headline", "median_spacing"]

_WIDTH = 1.0  # seconds: the whole window of map@1
_FILLED = 2 / 3  # of the time between dense events


@dataclass(frozen=True, slots=True)
class Spacing:
    """The distance between neighbouring events of a class in a video: seconds, and frames."""

    seconds: float
    frames: float


@dataclass(frozen=True, slots=True)
class Headline:
    """The metric to judge by.

    metric: `map@1`, or `frame_map@k` where events are dense
    width: the matching window in seconds (hits are |Δt| ≤ width / 2), also for precision and recall
    spacing: the median over the ground truth; None if no class has two events in a video
    """

    metric: str
    width: float
    spacing: Spacing | None

    @property
    def dense(self) -> bool:
        """Whether events are closer together than the window of mAP@1."""
        return self.metric != "map@1"

    def reason(self) -> str:
        """One line: the metric, and why it."""
        if self.spacing is None:
            return "headline: map@1 (no class has two events in a video)"
        apart = f"events of a class are {self.spacing.seconds:.2f} s apart"
        if not self.dense:
            return f"headline: map@1 ({apart} in the median)"
        return (
            f"headline: {self.metric} and the count error ({apart}, {self.spacing.frames:.1f} "
            "frames, in the median: in the 1 s window of map@1 any time is near an event)"
        )

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        spacing = None if self.spacing is None else self.spacing.seconds
        return {"metric": self.metric, "window_seconds": self.width, "spacing_seconds": spacing}


def median_spacing(truth: Sequence[VideoEvents], rate: Fraction | int = 25) -> Spacing | None:
    """The median distance between neighbouring events of a class in a video.

    rate: frames per second, for events without a frame
    None if no class has two events in any video.
    """
    seconds, frames = [np.empty(0)], [np.empty(0)]
    for video in truth:
        for label in video.classes:
            events = [event for event in video.events if event.label == label]
            seconds.append(np.diff(np.sort([event.start for event in events])))
            frames.append(np.diff(np.sort([nearest_frame(event, rate) for event in events])))
    gaps = np.concatenate(seconds)
    if not len(gaps):
        return None
    return Spacing(float(np.median(gaps)), float(np.median(np.concatenate(frames))))


def choose_headline(truth: Sequence[VideoEvents], rate: Fraction | int = 25) -> Headline:
    """The headline for a ground truth; rate: frames per second, for events without a frame."""
    spacing = median_spacing(truth, rate)
    if spacing is None or spacing.seconds > _WIDTH - 1e-6:  # times are rounded
        return Headline("map@1", _WIDTH, spacing)
    reach = max((k for k in FRAME_TOLERANCES if 2 * k + 1 <= _FILLED * spacing.frames), default=0)
    frame = spacing.seconds / spacing.frames if spacing.frames else float(1 / Fraction(rate))
    return Headline(f"frame_map@{reach}", (2 * reach + 1) * frame, spacing)
