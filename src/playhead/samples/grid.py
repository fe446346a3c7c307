"""The time grid: the moments at which models see a video, whatever its own frame rate.

Grid point i lies at i/rate and shows the nearest presented frame (ties: the earlier; repeats are
fine). A `native` grid has one point a presented frame. Time stamps are rounded by their containers
(Matroska to a millisecond), so ties and the end of a video are judged with a little slack: a
25 fps video on a 25 fps grid shows frame i at point i, always.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from playhead.errors import MediaError, PlayheadError
from playhead.times import GridRate, nearest

__all__ = ["Grid", "make_grid"]

ROUNDING = 1e-3
"""Seconds by which a container may round a time stamp or a duration: Matroska's tick."""


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """T moments of one video.

    rate: points a second, None for a native grid; times: float64 (T,), seconds, rising;
    frames: int32 (T,), the frame shown at each point, never falling; duration: of the video, s.
    """

    rate: Fraction | None
    times: NDArray[np.float64]
    frames: NDArray[np.int32]
    duration: float

    def __len__(self) -> int:
        return len(self.times)

    def index(self, seconds: float) -> int:
        """The grid point nearest to a time (ties: the earlier), the ends for times outside."""
        return int(self.indices(seconds))

    def indices(self, seconds: ArrayLike) -> NDArray[np.int32]:
        """The grid points nearest to times, in the shape of `seconds`."""
        return nearest(self.times, seconds)

    def within(self, seconds: float, radius: float) -> tuple[int, int]:
        """The half-open range of points at most `radius` seconds from a time.

        The point nearest to the time always belongs to it, however coarse the grid.
        """
        reach = radius + ROUNDING
        start = int(np.searchsorted(self.times, seconds - reach, side="left"))
        stop = int(np.searchsorted(self.times, seconds + reach, side="right"))
        middle = self.index(seconds)
        return min(start, middle), max(stop, middle + 1)


def make_grid(times: NDArray[np.float64], duration: float, rate: GridRate) -> Grid:
    """Lay a grid over a video.

    times: float64 (N,), seconds of its frames, rising from 0; duration: last time + last frame's
    duration; rate: points a second, or "native" for every presented frame.
    Raises MediaError for a video without frames, PlayheadError for a rate that is not positive.
    """
    if len(times) == 0:
        raise MediaError("a video without frames has no time grid")
    if rate == "native":
        frames = np.arange(len(times), dtype=np.int32)
        return Grid(None, np.array(times, np.float64), frames, float(duration))
    if not isinstance(rate, Fraction) or rate <= 0:
        raise PlayheadError(
            f"a grid of rate {rate!r}: needs a positive fraction such as 25 or 30000/1001, "
            "or native"
        )
    points = max(1, int(np.ceil((duration - ROUNDING) * float(rate))))
    moments = np.arange(points, dtype=np.int64) * rate.denominator / rate.numerator
    return Grid(rate, moments, nearest(times, moments), float(duration))
