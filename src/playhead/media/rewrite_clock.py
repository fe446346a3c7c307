"""The clock of a rewritten video: every frame's time in whole ticks, and the order of decoding.

The ticks are the source's own, so that no time is rounded.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from playhead.media.table import FrameTable

__all__ = ["Schedule"]

_WHOLE = Fraction(1, 1000)


@dataclass(frozen=True)
class Schedule:
    """When each of N frames is shown.

    tick: seconds of one tick
    shown: int64 (N,), ticks, on the source's clock moved by a whole number of them
    last: ticks for which the last frame is shown
    moved: seconds that everything of the source is moved by
    """

    tick: Fraction
    shown: NDArray[np.int64]
    last: int
    moved: Fraction

    @classmethod
    def of(cls, table: FrameTable, clock: Fraction, earliest: float | None) -> "Schedule":
        """The schedule of a source whose table counts in `clock` seconds.

        earliest: where what is first of the source lies on its clock, in seconds, which becomes 0;
            None to move nothing
        """
        if table.timestamps == "container":
            tick, shown = clock, table.keys.astype(np.int64)
        else:
            tick = 1 / table.rate
            shown = np.arange(len(table), dtype=np.int64) + round(table.start / tick)
        move = 0 if earliest is None else -math.floor(Fraction(earliest) / tick + _WHOLE)
        length = Fraction(table.duration - float(table.times[-1]))
        return cls(tick, shown + move, max(1, round(length / tick)), move * tick)

    def decoded(self, delay: int) -> NDArray[np.int64]:
        """When each packet is decoded, in the order of decoding, where `delay` are held back.

        Rising, and never after the packet is shown, also where the source repeats a time.
        """
        step = int(max(1, np.median(np.diff(self.shown)))) if len(self.shown) > 1 else self.last
        before = self.shown[0] + step * np.arange(-delay, 0, dtype=np.int64)
        late = np.concatenate((before, self.shown))[: len(self.shown)]
        places = np.arange(len(late), dtype=np.int64)
        ahead: NDArray[np.int64] = np.minimum.accumulate((late - places)[::-1])[::-1]
        return ahead + places

    def lengths(self) -> NDArray[np.int64]:
        """For how many ticks each frame is shown."""
        return np.append(np.diff(self.shown), self.last)

    def in_whole(self, unit: Fraction) -> bool:
        """Whether every time lies on a clock of `unit` seconds, so that it can be kept there."""
        scale = self.tick / unit
        return bool(np.all((self.shown - self.shown[0]) * scale.numerator % scale.denominator == 0))
