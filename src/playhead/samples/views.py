"""Pairs of views: two synchronous cameras, read as one video."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.samples.cache import FrameSource, Points, Size
from playhead.times import nearest

__all__ = ["PairedFrames", "ViewPair", "partner_frames"]


@dataclass(frozen=True, eq=False)
class ViewPair:
    """Two videos of a frame source, by index.

    partner: int32 (N,), for each of the N frames of the first the simultaneous frame of the second,
    see `partner_frames`
    """

    first: int
    second: int
    partner: NDArray[np.int32]


class PairedFrames:
    """A frame source whose videos are pairs of views: frames (2, T, H, W), or (2, T, H, W, 3).

    Frames are numbered as in the first view, so grids and events are those of the first view.
    """

    def __init__(self, source: FrameSource, pairs: Sequence[ViewPair]) -> None:
        self.source = source
        self.pairs = tuple(pairs)
        self.size: Size = source.size

    def __len__(self) -> int:
        return len(self.pairs)

    def readable(self, video: int) -> Points:
        """Bool (N,): False if the frame of either view cannot be decoded."""
        pair = self.pairs[video]
        readable: Points = self.source.readable(pair.first)
        return readable & self.source.readable(pair.second)[pair.partner]

    def read(self, video: int, frames: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        """These frames of the first view, and their partners of the second."""
        pair = self.pairs[video]
        first = self.source.read(pair.first, frames)
        return np.stack([first, self.source.read(pair.second, pair.partner[frames])])


def partner_frames(
    first: NDArray[np.float64], second: NDArray[np.float64], *, offset: float = 0.0
) -> NDArray[np.int32]:
    """int32 (N,): for each frame of one view the nearest frame of the other, the ends outside.

    first, second: float64 (N,) and (M,), the times of the frames of both views in seconds;
    offset: the moment at t in the second view is at t + offset in the first
    """
    return nearest(second, first - offset)
