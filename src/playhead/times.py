"""Times: which entry of a table of times a moment belongs to, and rates as exact fractions.

Times in tables and labels carry rounding, so a tie is judged with a microsecond of slack.
"""

from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["GridRate", "nearest", "parse_grid_rate"]

TIE = 1e-6
"""Seconds within which two distances count as equal: above the noise of floats."""

GridRate = Fraction | Literal["native"]
"""Grid points a second; `native` has one for every presented frame."""


def nearest(times: NDArray[np.float64], seconds: ArrayLike) -> NDArray[np.int32]:
    """The index of the time nearest to each of `seconds`; ties, within a microsecond, the earlier.

    times: float64 (N,), rising, N at least 1. The result has the shape of `seconds`.
    """
    wanted = np.asarray(seconds, dtype=np.float64)
    later = np.searchsorted(times, wanted).clip(0, len(times) - 1)
    earlier = (later - 1).clip(0)
    is_earlier = wanted - times[earlier] <= times[later] - wanted + TIE
    return np.where(is_earlier, earlier, later).astype(np.int32)


def parse_grid_rate(text: str) -> GridRate:
    """`25`, `30000/1001` or `native`; ValueError for anything else, as validators want it."""
    if text == "native":
        return "native"
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if rate <= 0:
        raise ValueError("needs a positive rational as 25 or 30000/1001, or native")
    return rate
