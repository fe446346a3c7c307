"""Time stamps of a rewritten video: presentation and decoding times in whole ticks of the source.

So no time is rounded.
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
    """The presentation times of N frames.

    tick: seconds per tick
    shown: int64 (N,), ticks: the source's times plus a whole number of ticks
    last: ticks for which the last frame is shown
    moved: seconds by which all times of the source are shifted
    """

    tick: Fraction
    shown: NDArray[np.int64]
    last: int
    moved: Fraction

    @classmethod
    def of(cls, table: FrameTable, clock: Fraction, earliest: float | None) -> "Schedule":
        """The schedule of a source with a time base of `clock` seconds.

        earliest: time of the source's first frame or sample in seconds, which becomes 0; None for
            no shift
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
        """The decoding time of each packet in decoding order, for an encoder delay of `delay`.

        Rising, and never after the presentation time, even if the source repeats a time.
        """
        step = int(max(1, np.median(np.diff(self.shown)))) if len(self.shown) > 1 else self.last
        before = self.shown[0] + step * np.arange(-delay, 0, dtype=np.int64)
        late = np.concatenate((before, self.shown))[: len(self.shown)]
        ranks = np.arange(len(late), dtype=np.int64)
        ahead: NDArray[np.int64] = np.minimum.accumulate((late - ranks)[::-1])[::-1]
        return ahead + ranks

    def lengths(self) -> NDArray[np.int64]:
        """The duration of each frame in ticks."""
        return np.append(np.diff(self.shown), self.last)

    def in_whole(self, unit: Fraction) -> bool:
        """Whether every time is a whole multiple of `unit` seconds after the first."""
        scale = self.tick / unit
        return bool(np.all((self.shown - self.shown[0]) * scale.numerator % scale.denominator == 0))
