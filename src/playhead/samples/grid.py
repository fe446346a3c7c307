"""The time grid: the times at which models sample a video, independent of its frame rate.

Grid point i is at i/rate and has the nearest frame (ties: the earlier; frames may repeat). A
`native` grid has one point per frame. Containers round time stamps (Matroska to a millisecond), so
ties and the end of a video have a small tolerance: on a 25 fps grid, point i of a 25 fps video is
always frame i.
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
    """T sampling times of one video.

    rate: points per second, None for a native grid
    times: float64 (T,), seconds, rising
    frames: int32 (T,), the frame at each point, never falling
    duration: of the video in seconds
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

        It always includes the nearest point, however coarse the grid.
        """
        reach = radius + ROUNDING
        start = int(np.searchsorted(self.times, seconds - reach, side="left"))
        stop = int(np.searchsorted(self.times, seconds + reach, side="right"))
        middle = self.index(seconds)
        return min(start, middle), max(stop, middle + 1)


def make_grid(times: NDArray[np.float64], duration: float, rate: GridRate) -> Grid:
    """The grid of a video.

    times: float64 (N,), seconds of its frames, rising from 0
    duration: end of the last frame in seconds
    rate: points per second, or "native" for every frame
    Raises MediaError if the video has no frames, PlayheadError if the rate is not positive.
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
