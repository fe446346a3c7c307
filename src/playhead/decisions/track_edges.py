"""Edges: an object that is first seen near an edge of the picture most likely came in over it.

While it enters, a detector sees a part of it and often misses it: what is known is how fast it goes
later. Its way out, backwards from the first sighting or forwards from the last, follows the side of
its box that is away from the edge, since a box that is cut at the edge grows while it comes in and
its centre goes at half the speed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.track_config import TrackConfig
from playhead.decisions.track_motion import end_motion, end_slope, seen_as

__all__ = ["End", "end_of"]

Array = NDArray[np.float64]
OUTWARDS = np.array([-1, -1, 1, 1])  # of the sides x1, y1, x2, y2
OPPOSITE = [2, 3, 0, 1]


@dataclass(frozen=True, slots=True, eq=False)
class End:
    """How an object goes on from the first or last of its sightings."""

    time: float  # seconds, of that sighting
    velocity: Array  # (2,) pixels a second, of the centre
    over: NDArray[np.bool_]  # (4,): it may go out over the left, upper, right, lower edge
    seconds: float  # that this may take; 0 where it is at no edge
    slowest: Array  # (4,) pixels a second of each side of its box, less what is doubted

    def trailing(self, still: Array, times: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Where the sides of a box that are away from those edges are by then, and which they are.

        still: (4,), the box that was seen; times: (n,) → (n, k) and (4,) with k true.
        """
        sides = self.over[OPPOSITE] & ~self.over
        return still[sides] + (times - self.time)[:, None] * self.slowest[sides], sides


def end_of(times: Array, boxes: Array, config: TrackConfig, *, size: tuple[int, int]) -> End:
    """The end of one object; it may go out over an edge that is near and that it does not leave.

    times: (n,) in the order of going, rising or falling, the end last; boxes: (n, 4); size: width
    and height of the picture. Where no speed is greater than its own standard deviation, nobody
    knows whether it goes. One that goes along an edge is as any other in mid-picture.
    """
    motion = end_motion(times, seen_as(boxes), config)
    slope, variance = end_slope(times, boxes, config)
    unit, doubt = float(np.exp(motion.seen[0, 2:].mean())), float(np.sqrt(variance))
    onwards = -1 if times[-1] < times[0] else 1
    gap = (np.array([0, 0, *size]) - boxes[-1]) * OUTWARDS / unit
    speed = slope[OPPOSITE] * OUTWARDS * onwards / unit
    near = gap <= np.minimum(config.edge_sizes, speed * config.edge_seconds)
    leaves = (near | (gap <= 0)) & (speed > doubt)
    stays = float(np.linalg.norm(motion.velocity)) <= 2 * doubt * unit
    unsure = (gap <= config.edge_sizes / 2) & (np.abs(speed) <= doubt) & stays
    share = 1.0 if leaves.any() else 0.5 if unsure.any() else 0.0
    over = leaves | unsure
    slowest = np.sign(slope) * np.maximum(np.abs(slope) - doubt * unit, 0)
    seconds = share * config.edge_seconds
    return End(float(times[-1]), motion.velocity[0], over, seconds, slowest)
