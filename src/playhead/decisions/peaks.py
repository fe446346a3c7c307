"""Peaks: from scores on a time grid to instants.

Scores are smoothed along time; then, from the highest down, each peak suppresses every lower peak
closer than `distance_seconds` (so of peaks at 0, 2 and 4 s with a distance of 3 s, both 0 and 4
survive). The smoothed height is the score of the event.
"""

from collections.abc import Sequence

import numpy as np
import scipy.ndimage
import scipy.signal
from numpy.typing import NDArray
from pydantic import Field, model_serializer

from playhead.config import Settings
from playhead.errors import PlayheadError
from playhead.events.model import Event

__all__ = ["ClassPeaks", "PeakConfig", "check_classes", "find_peaks", "smooth"]

# Grid times are floats: 0.6 s is 14.999999999999998 steps of 0.04 s.
_ROUNDING = 1e-6


class ClassPeaks(Settings):
    """The decisions of one class; what is left out is as for all classes."""

    smoothing_seconds: float | None = Field(default=None, ge=0, description="as above")
    min_height: float | None = Field(default=None, ge=0, le=1, description="as above")
    distance_seconds: float | None = Field(default=None, ge=0, description="as above")

    @model_serializer
    def _given(self) -> dict[str, float]:
        fields = type(self).model_fields
        values = {name: getattr(self, name) for name in fields}
        return {name: value for name, value in values.items() if value is not None}


class PeakConfig(Settings):
    """How scores become events; the defaults are 3 and 15 frames at 25 fps."""

    smoothing_seconds: float = Field(
        default=0.12, ge=0, description="sigma of the Gaussian; 0: none"
    )
    min_height: float = Field(
        default=0.2, ge=0, le=1, description="minimum smoothed score of an event"
    )
    distance_seconds: float = Field(
        default=0.6, ge=0, description="minimum distance between peaks of a class"
    )
    per_class: dict[str, ClassPeaks] = Field(
        default={}, description="other values for single classes, as `{serve: {min_height: 0.3}}`"
    )

    def of(self, label: str) -> "PeakConfig":
        """The decisions of one class, without those of others."""
        own = self.per_class.get(label, ClassPeaks()).model_dump()
        return self.model_copy(update={**own, "per_class": {}})


def find_peaks(
    times: NDArray[np.float64],
    values: NDArray[np.float32],
    classes: Sequence[str],
    config: PeakConfig,
    frames: NDArray[np.int32] | None = None,
) -> list[Event]:
    """The peaks of the scores as events, in order of time, then of class.

    times: (T,) seconds, strictly rising
    values: (T, C) scores, NaN where there is no prediction
    frames: (T,), the frame of each grid point, stored in the events

    The first and last points and points beside NaN can be peaks. A plateau counts as its middle
    point (the earlier of two). Peaks of exactly `min_height`, and pairs exactly `distance_seconds`
    apart, are kept; of equal heights the earlier wins.
    Raises PlayheadError for other shapes, times that do not rise, infinite scores, or decisions for
    a class that the scores do not have.
    """
    times = np.asarray(times, np.float64)
    values = np.asarray(values)
    _check(times, values, classes, frames)
    check_classes(config, classes)
    events = []
    for number, label in enumerate(classes):
        own = config.of(label)
        heights = smooth(times, values[:, number : number + 1], own.smoothing_seconds)[:, 0]
        tops = _local_maxima(heights, own.min_height)
        for point in _apart(tops, times, heights, own.distance_seconds):
            frame = None if frames is None else int(frames[point])
            score = float(heights[point])
            events.append(Event(label=label, start=float(times[point]), score=score, frame=frame))
    return sorted(events, key=lambda event: event.start)


def check_classes(config: PeakConfig, classes: Sequence[str]) -> None:
    """Raise PlayheadError if there are decisions for a class that the scores do not have."""
    for label in config.per_class:
        if label not in classes:
            raise PlayheadError(
                f"per_class.{label}: the scores have no such class; choose from "
                f"{', '.join(classes)}"
            )


def smooth(
    times: NDArray[np.float64], values: NDArray[np.float32], seconds: float
) -> NDArray[np.float64]:
    """Gaussian smoothing of (T, C) along time with a sigma in seconds; NaN stays NaN.

    NaN neighbours are left out of the weighted mean, and the series is mirrored at its ends. The
    sigma is converted to grid points by the median spacing of `times`, so on an irregular grid it
    is an approximation.
    """
    heights = np.asarray(values, np.float64)
    if seconds == 0 or len(times) < 2:
        return heights
    sigma = seconds / float(np.median(np.diff(times)))
    seen = np.isfinite(heights)
    total = scipy.ndimage.gaussian_filter1d(np.where(seen, heights, 0.0), sigma, axis=0)
    if seen.all():
        return total
    weight = scipy.ndimage.gaussian_filter1d(seen.astype(np.float64), sigma, axis=0)
    # The division leaves noise in the last digits, which would split a plateau into peaks.
    mean = np.round(total / np.where(seen, weight, 1.0), 12)
    return np.where(seen, mean, np.nan)


def _local_maxima(heights: NDArray[np.float64], min_height: float) -> NDArray[np.intp]:
    # A border of -inf lets the first and last points be higher than both neighbours.
    unseen = np.where(np.isnan(heights), -np.inf, heights)
    bordered = np.concatenate(([-np.inf], unseen, [-np.inf]))
    peaks, _ = scipy.signal.find_peaks(bordered, height=min_height)
    return peaks - 1


def _apart(
    tops: NDArray[np.intp],
    times: NDArray[np.float64],
    heights: NDArray[np.float64],
    distance: float,
) -> list[int]:
    moments = times[tops]
    reach = distance - _ROUNDING
    first = np.searchsorted(moments, moments - reach, side="right")
    past = np.searchsorted(moments, moments + reach, side="left")
    standing = np.ones(len(tops), dtype=bool)
    for top in np.argsort(-heights[tops], kind="stable"):
        if standing[top] and reach > 0:
            standing[first[top] : past[top]] = False
            standing[top] = True
    return [int(point) for point in tops[standing]]


def _check(
    times: NDArray[np.float64],
    values: NDArray[np.float32],
    classes: Sequence[str],
    frames: NDArray[np.int32] | None,
) -> None:
    points = len(times)
    if times.shape != (points,) or values.shape != (points, len(classes)):
        raise PlayheadError(
            f"scores are {values.shape}; {points} times and {len(classes)} classes need "
            f"({points}, {len(classes)})"
        )
    if frames is not None and frames.shape != (points,):
        raise PlayheadError(f"{points} times need as many frames, got shape {frames.shape}")
    if not np.all(np.isfinite(times)) or not np.all(np.diff(times) > 0):
        raise PlayheadError("the times of scores must be finite and rise from point to point")
    if np.any(np.isinf(values)):
        point = int(np.argwhere(np.isinf(values))[0, 0])
        raise PlayheadError(
            f"the score at {times[point]:.3f} s is infinite; scores must be finite, or NaN "
            "without a prediction"
        )
