"""Damage: which frames of a readable file cannot be decoded correctly, and why.

A frame predicted from a lost one is wrong even if the decoder conceals the loss. So damage extends,
in decoding order, from the lost packet to the next key frame.
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
        self._why = np.zeros(frames, np.int32)
        self._reasons = [""]

    def mark(self, frames: NDArray[np.intp], reason: str) -> None:
        """Add frames; a frame that is marked already keeps its first reason."""
        if reason not in self._reasons:
            self._reasons.append(reason)
        fresh = frames[self._why[frames] == 0]
        self._why[fresh] = self._reasons.index(reason)

    def covers(self, frame: int) -> bool:
        """Whether this frame is known to be damaged."""
        return bool(self._why[frame])

    def ranges(self) -> tuple[Damage, ...]:
        """The damaged frames as half-open ranges in order, each with its first frame's reason."""
        edges = np.flatnonzero(np.diff(np.concatenate(([False], self._why > 0, [False]))))
        return tuple(
            Damage(int(start), int(stop), self._reasons[self._why[start]])
            for start, stop in edges.reshape(-1, 2)
        )
