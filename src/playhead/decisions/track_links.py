"""Links: which boxes of which frames are the same object.

After ByteTrack ("ByteTrack: Multi-Object Tracking by Associating Every Detection
Box", ECCV 2022): good boxes are assigned to predicted objects first, then weak boxes to the objects
that are left; a good box that nobody takes starts an object, a weak one never does. Where boxes do
not overlap from one look to the next, as small fast faces do not, IoU says nothing: the distance to
the prediction in sizes of the object decides, with the agreement of sizes.
Then backwards: weak boxes before an object's start are taken up, and objects are joined where the
end of one and the start of another predict each other.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.optimize
from numpy.typing import NDArray

from playhead.decisions.track_config import TrackConfig
from playhead.decisions.track_motion import Motion, end_motion

__all__ = ["Sightings", "link"]

_NOBODY = -1
_APART = 1e6  # the cost of a pair that may not be


@dataclass(frozen=True, slots=True, eq=False)
class Sightings:
    """The N boxes of all looks, one look after another."""

    times: NDArray[np.float64]  # (D,) seconds of the looks
    bounds: NDArray[np.int64]  # (D + 1,): the boxes of look k are bounds[k]:bounds[k + 1]
    looks: NDArray[np.int32]  # (N,): the look of each box
    seen: NDArray[np.float64]  # (N, 4): centre x, y, log width, log height
    scores: NDArray[np.float32]  # (N,)


def link(sightings: Sightings, config: TrackConfig) -> list[NDArray[np.intp]]:
    """The objects, each the indices of its sightings in order of time, and of their starts."""
    owner = np.full(len(sightings.scores), _NOBODY, np.int32)
    _forwards(sightings, owner, config)
    objects = _grouped(owner)
    _backwards(sightings, objects, owner, config)
    objects = _joined(sightings, _grouped(owner), config)
    objects = [rows for rows in objects if len(rows) >= config.min_hits]
    return sorted(objects, key=lambda rows: int(rows[0]))


def _grouped(owner: NDArray[np.int32]) -> list[NDArray[np.intp]]:
    order = np.argsort(owner, kind="stable")
    order = order[np.searchsorted(owner[order], 0) :]
    if not len(order):
        return []
    return np.split(order, np.flatnonzero(np.diff(owner[order])) + 1)


class _Followed:
    """The objects that are followed at the moment, and what they may be assigned to."""

    def __init__(self, config: TrackConfig) -> None:
        self.config = config
        self.motion = Motion.born(np.zeros((0, 4)), 0.0, config)
        self.owner = np.zeros(0, np.int32)
        self.look = np.zeros(0, np.int64)

    def add(self, motion: Motion, owner: NDArray[np.int32], look: int) -> None:
        """Follow more objects, seen in `look`."""
        self.motion = Motion.joined([self.motion, motion])
        self.owner = np.concatenate((self.owner, owner))
        self.look = np.concatenate((self.look, np.full(len(owner), look)))

    def forget(self, time: float, look: int) -> None:
        """Leave those unseen for too long; the very next look always has its chance."""
        unseen = np.abs(time - self.motion.time) > self.config.gap_seconds + 1e-9
        gone = unseen & (np.abs(look - self.look) > 1)
        if gone.any():
            self.motion = self.motion.chosen(~gone)
            self.owner, self.look = self.owner[~gone], self.look[~gone]

    def take(
        self,
        expected: Motion,
        free: NDArray[np.intp],
        seen: NDArray[np.float64],
        boxes: NDArray[np.intp],
        *,
        look: int,
        weak: bool,
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Assign `boxes` to the objects `free`: the rows and the boxes that found each other.

        A weak box must lie within half the distance, and says less about where the object is.
        """
        observed = seen[boxes]
        rows, columns = _assign(expected.chosen(free), observed, self.config, 0.5 if weak else 1)
        rows = free[rows]
        variance = np.full(len(rows), self.config.jitter**2 * (4 if weak else 1))
        self.motion.put(rows, expected.chosen(rows).met(observed[columns], variance))
        self.look[rows] = look
        return rows, boxes[columns]


def _assign(
    expected: Motion, observed: NDArray[np.float64], config: TrackConfig, strictness: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    if not len(expected.time) or not len(observed):
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    place = (expected.place + config.jitter**2)[:, None]
    allowed, cost = _compared(expected.seen[:, None], observed, place, config, strictness)
    rows, columns = scipy.optimize.linear_sum_assignment(np.where(allowed, cost, _APART))
    good = allowed[rows, columns]
    return rows[good], columns[good]


def _compared(
    expected: NDArray[np.float64],
    observed: NDArray[np.float64],
    variance: NDArray[np.float64],
    config: TrackConfig,
    strictness: float = 1.0,
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which of (..., 4) and (..., 4) may be the same object, and what that costs: (...) twice.

    variance: (...) of the distance, in sizes². The cost has heavy tails: an object that is known
    well does not lose the box it turned towards to one that could be anywhere.
    """
    off = observed - expected
    # The logs of two widths and two heights: half their sum is that of the product of two sizes.
    product = np.exp((observed[..., 2:] + expected[..., 2:]).sum(axis=-1) / 2)
    squared = (off[..., 0] ** 2 + off[..., 1] ** 2) / product
    limit = np.clip(config.gate * np.sqrt(variance), config.near, config.reach) * strictness
    resized = np.abs(off[..., 2:]).max(axis=-1)
    allowed = (squared <= limit**2) & (resized <= config.log_resize)
    return allowed, np.log(variance + squared) + np.log1p((resized / 0.2) ** 2)


def _forwards(sightings: Sightings, owner: NDArray[np.int32], config: TrackConfig) -> None:
    followed = _Followed(config)
    born = 0
    good = sightings.scores >= config.start_score
    for look, (first, past) in enumerate(pairwise(sightings.bounds.tolist())):
        if first == past:
            continue
        time = float(sightings.times[look])
        followed.forget(time, look)
        expected = followed.motion.at(time, config)
        free = np.arange(len(followed.owner))
        boxes = np.arange(first, past)
        strong = boxes[good[first:past]]
        rows, taken = followed.take(expected, free, sightings.seen, strong, look=look, weak=False)
        owner[taken] = followed.owner[rows]
        if len(strong) < past - first and len(rows) < len(free):
            free = np.delete(free, rows)
            weak = boxes[~good[first:past]]
            rows, taken = followed.take(expected, free, sightings.seen, weak, look=look, weak=True)
            owner[taken] = followed.owner[rows]
        new = strong[owner[strong] == _NOBODY]
        if len(new):
            owner[new] = np.arange(born, born + len(new))
            born += len(new)
            followed.add(Motion.born(sightings.seen[new], time, config), owner[new], look)


def _backwards(
    sightings: Sightings,
    objects: list[NDArray[np.intp]],
    owner: NDArray[np.int32],
    config: TrackConfig,
) -> None:
    """Follow every object back from its start, through boxes that nobody took."""
    followed = _Followed(config)
    starts: dict[int, list[int]] = {}
    for number, rows in enumerate(objects):
        starts.setdefault(int(sightings.looks[rows[0]]), []).append(number)
    for look in range(len(sightings.times) - 1, -1, -1):
        time = float(sightings.times[look])
        boxes = np.arange(sightings.bounds[look], sightings.bounds[look + 1])
        boxes = boxes[owner[boxes] == _NOBODY]
        if len(boxes):
            followed.forget(time, look)
            expected = followed.motion.at(time, config)
            free = np.arange(len(followed.owner))
            rows, taken = followed.take(expected, free, sightings.seen, boxes, look=look, weak=True)
            owner[taken] = followed.owner[rows]
        begin = starts.get(look, [])
        if begin:
            states = [_state(sightings, objects[number][::-1], config) for number in begin]
            followed.add(Motion.joined(states), np.array(begin, np.int32), look)


def _state(sightings: Sightings, rows: NDArray[np.intp], config: TrackConfig) -> Motion:
    # Long objects are known by their latest sightings; the rest need not be looked at.
    rows = rows[-256:]
    return end_motion(sightings.times[sightings.looks[rows]], sightings.seen[rows], config)


def _joined(
    sightings: Sightings, objects: list[NDArray[np.intp]], config: TrackConfig
) -> list[NDArray[np.intp]]:
    """Objects whose end and start predict each other half way are one; the best pairs first."""
    if len(objects) < 2:
        return objects
    ends = Motion.joined([_state(sightings, rows, config) for rows in objects])
    starts = Motion.joined([_state(sightings, rows[::-1], config) for rows in objects])
    first, second = _neighbours(sightings, objects, config)
    before, after = ends.chosen(first), starts.chosen(second)
    half = (before.time + after.time) / 2
    before, after = before.at(half, config), after.at(half, config)
    allowed, cost = _compared(before.seen, after.seen, before.place + after.place, config)
    following: dict[int, int] = {}
    led: set[int] = set()
    for pair in np.argsort(cost, kind="stable"):
        a, b = int(first[pair]), int(second[pair])
        if allowed[pair] and a not in following and b not in led:
            following[a] = b
            led.add(b)
    return [_chain(objects, head, following) for head in range(len(objects)) if head not in led]


def _neighbours(
    sightings: Sightings, objects: list[NDArray[np.intp]], config: TrackConfig
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """All pairs of objects of which the second starts soon after the first has ended."""
    end = sightings.looks[[int(rows[-1]) for rows in objects]]
    start = sightings.looks[[int(rows[0]) for rows in objects]]
    order = np.argsort(start, kind="stable")
    latest = np.searchsorted(
        sightings.times, sightings.times[end] + config.gap_seconds + 1e-9, side="right"
    )
    low = np.searchsorted(start[order], end, side="right")
    high = np.searchsorted(start[order], np.maximum(latest, end + 2), side="left")
    second = [order[a:b] for a, b in zip(low.tolist(), high.tolist(), strict=True)]
    return np.repeat(np.arange(len(objects)), high - low), np.concatenate(second)


def _chain(
    objects: list[NDArray[np.intp]], head: int, following: dict[int, int]
) -> NDArray[np.intp]:
    parts = [objects[head]]
    while head in following:
        head = following[head]
        parts.append(objects[head])
    return np.concatenate(parts)
