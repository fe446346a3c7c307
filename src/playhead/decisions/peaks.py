"""Peaks: from scores on a grid to instants.

Scores are smoothed along time, then a peak wins over every lower one less than `distance` away
(greedy, highest first, so of 0, 2 and 4 at distance 3 both 0 and 4 stay). The smoothed height is
the event's score.
"""

from collections.abc import Sequence

import numpy as np
import scipy.ndimage
import scipy.signal
from numpy.typing import NDArray
from pydantic import Field

from playhead.config import Settings
from playhead.errors import PlayheadError
from playhead.events.model import Event

__all__ = ["PeakConfig", "find_peaks", "smooth"]

# Grid times are floats: .6 s is 14.999999999999998 steps of .04 s.
_ROUNDING = 1e-6


class PeakConfig(Settings):
    """How scores become events; the recipe counts 3 and 15 frames at 25 fps."""

    smoothing_seconds: float = Field(
        default=0.12, ge=0, description="sigma of the Gaussian; 0: none"
    )
    min_height: float = Field(
        default=0.2, ge=0, le=1, description="a lower smoothed score is no event"
    )
    distance_seconds: float = Field(
        default=0.6, ge=0, description="peaks of a class are at least so far apart"
    )


def find_peaks(
    times: NDArray[np.float64],
    values: NDArray[np.float32],
    classes: Sequence[str],
    config: PeakConfig,
    frames: NDArray[np.int32] | None = None,
) -> list[Event]:
    """The events that scores tell, in order of time, then of class.

    times: (T,) seconds, strictly rising; values: (T, C), NaN where nothing was seen; frames: (T,),
    the frame that each grid point shows, handed on to the events.

    The first and the last point can be peaks, and so can those beside a gap of NaN; a NaN never is
    one. A flat top counts as its middle point (the earlier of two). Heights of `min_height` and
    pairs exactly `distance_seconds` apart are kept; of equal heights the earlier wins.
    """
    times = np.asarray(times, np.float64)
    values = np.asarray(values)
    _check(times, values, classes, frames)
    smoothed = smooth(times, values, config.smoothing_seconds)
    found = []
    for number, label in enumerate(classes):
        heights = smoothed[:, number]
        tops = _local_maxima(heights, config.min_height)
        for point in _apart(tops, times, heights, config.distance_seconds):
            frame = None if frames is None else int(frames[point])
            score = float(heights[point])
            found.append(Event(label=label, start=float(times[point]), score=score, frame=frame))
    return sorted(found, key=lambda event: event.start)


def smooth(
    times: NDArray[np.float64], values: NDArray[np.float32], seconds: float
) -> NDArray[np.float64]:
    """Gaussian smoothing of (T, C) along time with a sigma in seconds; NaN stays, and stays alone.

    A point is the weighted mean of the seen points round it, the series mirrored at its ends.
    Weights count grid points: the sigma is converted by the median spacing of `times`, so that on
    an irregular grid it is exact where the spacing is the median and an approximation elsewhere.
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
    # The division leaves noise in the last digits, which would make peaks out of a flat top.
    mean = np.round(total / np.where(seen, weight, 1.0), 12)
    return np.where(seen, mean, np.nan)


def _local_maxima(heights: NDArray[np.float64], min_height: float) -> NDArray[np.intp]:
    # A border of -inf lets the first and last seen points be higher than both neighbours.
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
            f"scores of shape {values.shape} do not fit {points} times and {len(classes)} classes: "
            f"({points}, {len(classes)}) is needed"
        )
    if frames is not None and frames.shape != (points,):
        raise PlayheadError(f"{points} times need as many frames, got shape {frames.shape}")
    if not np.all(np.isfinite(times)) or not np.all(np.diff(times) > 0):
        raise PlayheadError("the times of scores must be finite and rise from point to point")
    if np.any(np.isinf(values)):
        point = int(np.argwhere(np.isinf(values))[0, 0])
        raise PlayheadError(
            f"the score at {times[point]:.3f} s is infinite: scores are finite, or NaN where "
            "nothing was seen"
        )
