"""Damage: which frames of a readable file cannot be trusted, and why.

A picture that was built on a lost one is not what was recorded, even where the decoder conceals the
loss. So damage runs, in the order of decoding, from the lost packet to the next key frame.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Damage", "DamageLog"]


@dataclass(frozen=True)
class Damage:
    """Frames [start, stop) cannot be read."""

    start: int
    stop: int
    reason: str


class DamageLog:
    """The damaged frames of one video that are known so far."""

    def __init__(self, frames: int) -> None:
        self._bad = np.zeros(frames, np.bool_)
        self._reasons: dict[int, str] = {}

    def mark(self, frames: NDArray[np.intp], reason: str) -> None:
        """Add frames, given as sorted indices."""
        fresh = frames[~self._bad[frames]]
        if fresh.size:
            self._reasons[int(fresh[0])] = reason
            self._bad[fresh] = True

    def covers(self, frame: int) -> bool:
        """Whether this frame is known to be damaged."""
        return bool(self._bad[frame])

    def ranges(self) -> tuple[Damage, ...]:
        """The damaged frames as half-open ranges in order."""
        edges = np.flatnonzero(np.diff(np.concatenate(([False], self._bad, [False]))))
        return tuple(
            Damage(int(start), int(stop), self._reason(int(start), int(stop)))
            for start, stop in edges.reshape(-1, 2)
        )

    def _reason(self, start: int, stop: int) -> str:
        return next(self._reasons[k] for k in sorted(self._reasons) if start <= k < stop)
