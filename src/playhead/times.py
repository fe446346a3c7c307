"""Times: the frames at a time or in a span, and rates as exact fractions.

Times in tables and labels are rounded, so ties have a tolerance of a microsecond.
"""

from fractions import Fraction
from typing import Annotated, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import AfterValidator, BeforeValidator

__all__ = [
    "GridRate",
    "GridRateText",
    "RateText",
    "display_ends",
    "displayed_frames",
    "nearest",
    "parse_grid_rate",
]

TIE = 1e-6
"""Seconds within which two distances count as equal, above float rounding."""

GridRate = Fraction | Literal["native"]
"""Grid points per second; `native` has one for every frame."""


def nearest(times: NDArray[np.float64], seconds: ArrayLike) -> NDArray[np.int32]:
    """The index of the time nearest to each of `seconds`; ties, within a microsecond, the earlier.

    times: float64 (N,), rising, N at least 1. The result has the shape of `seconds`.
    """
    wanted = np.asarray(seconds, dtype=np.float64)
    later = np.searchsorted(times, wanted).clip(0, len(times) - 1)
    earlier = (later - 1).clip(0)
    is_earlier = wanted - times[earlier] <= times[later] - wanted + TIE
    return np.where(is_earlier, earlier, later).astype(np.int32)


def display_ends(times: NDArray[np.float64], duration: float) -> NDArray[np.float64]:
    """When each frame stops being displayed: at the next frame's time, the last one at `duration`.

    times: float64 (N,), seconds, never falling. The result is float64 (N,).
    """
    return np.append(times[1:], duration)


def displayed_frames(
    times: NDArray[np.float64], duration: float, start: float, end: float
) -> range:
    """The frames that are displayed at some moment of [start, end), in seconds.

    These are the frame displayed at `start` and all that begin before `end`; none if the video has
    ended by `start`. An overlap of less than a microsecond is rounding and does not count.
    times: float64 (N,), never falling; duration: seconds until the last frame's end
    """
    if start >= duration - TIE:
        return range(0)
    on_display = int(np.searchsorted(times, start + TIE, side="right")) - 1
    # Frames that repeat this time have no duration, but they can be stepped to in a player.
    first = min(max(on_display, 0), int(np.searchsorted(times, start - TIE)))
    return range(first, max(first + 1, int(np.searchsorted(times, end - TIE))))


def parse_grid_rate(text: str) -> GridRate:
    """Parse `25`, `30000/1001` or `native`. Raises ValueError otherwise, as validators need."""
    if text == "native":
        return "native"
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if rate <= 0:
        raise ValueError("needs a positive rational as 25 or 30000/1001, or native")
    return rate


def _number_as_text(rate: object) -> object:
    # YAML parses `rate: 25` as a number.
    is_number = isinstance(rate, (int, float)) and not isinstance(rate, bool)
    return str(rate) if is_number else rate


def _checked_grid_rate(text: str) -> str:
    parse_grid_rate(text)
    return text


RateText = Annotated[str, BeforeValidator(_number_as_text)]
"""The type of a setting that is a rate: text, or a number in YAML."""

GridRateText = Annotated[RateText, AfterValidator(_checked_grid_rate)]
"""The type of a setting that `parse_grid_rate` can parse."""
