"""Track ends at the frame edges: an object first detected near an edge most likely entered there.

While it enters, it is truncated and often missed; its velocity is known from later detections. The
extension, backwards from the first detection or forwards from the last, follows the side of its box
away from the edge, since a truncated box grows while the object enters, so that its centre moves at
half the speed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.track_config import TrackConfig
from playhead.decisions.track_motion import box_states, end_motion, end_slope
from playhead.redaction.config import ExtensionConfig

__all__ = ["End", "end_of"]

Array = NDArray[np.float64]
OUTWARDS = np.array([-1, -1, 1, 1])  # of the sides x1, y1, x2, y2
OPPOSITE = [2, 3, 0, 1]


@dataclass(frozen=True, slots=True, eq=False)
class End:
    """The motion of an object before its first or after its last detection."""

    time: float  # seconds, of that detection
    velocity: Array  # (2,) pixels a second, of the centre
    over: NDArray[np.bool_]  # (4,): whether it may leave over the left, upper, right, lower edge
    seconds: float  # that leaving may take; 0 if it is not near an edge
    slowest: Array  # (4,) pixels a second of each side of its box, less the uncertainty

    def trailing(self, box: Array, times: Array) -> tuple[Array, NDArray[np.bool_]]:
        """The positions of the box sides away from those edges, and which sides they are.

        box: (4,), detected; times: (n,) → (n, k) and (4,) with k true
        """
        sides = self.over[OPPOSITE] & ~self.over
        return box[sides] + (times - self.time)[:, None] * self.slowest[sides], sides


def end_of(
    times: Array,
    boxes: Array,
    tracking: TrackConfig,
    extension: ExtensionConfig,
    *,
    size: tuple[int, int],
) -> End:
    """The end of a track; the object may leave over a near edge that it approaches.

    times: (n,), increasing or decreasing, the end last; boxes: (n, 4); size: of the frame
    If no speed exceeds its standard deviation, the object may be static or move. An object that
    moves along an edge is treated like one in the middle of the frame.
    """
    motion = end_motion(times, box_states(boxes), tracking)
    slope, variance = end_slope(times, boxes, tracking)
    unit, deviation = float(np.exp(motion.state[0, 2:].mean())), float(np.sqrt(variance))
    onwards = -1 if times[-1] < times[0] else 1
    gap = (np.array([0, 0, *size]) - boxes[-1]) * OUTWARDS / unit
    speed = slope[OPPOSITE] * OUTWARDS * onwards / unit
    near = gap <= np.minimum(extension.edge_sizes, speed * extension.edge_seconds)
    leaves = (near | (gap <= 0)) & (speed > deviation)
    stands = float(np.linalg.norm(motion.velocity)) <= 2 * deviation * unit
    unsure = (gap <= extension.edge_sizes / 2) & (np.abs(speed) <= deviation) & stands
    share = 1.0 if leaves.any() else 0.5 if unsure.any() else 0.0
    slowest = np.sign(slope) * np.maximum(np.abs(slope) - deviation * unit, 0)
    return End(
        time=float(times[-1]),
        velocity=motion.velocity[0],
        over=leaves | unsure,
        seconds=share * extension.edge_seconds,
        slowest=slowest,
    )
