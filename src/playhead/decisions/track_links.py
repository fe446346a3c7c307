"""Links: which boxes of which sampled frames are the same object.

After ByteTrack ("ByteTrack: Multi-Object Tracking by Associating Every Detection Box", ECCV 2022):
strong boxes are assigned to predicted objects first, then weak boxes to the objects that are left;
an unassigned strong box starts an object, a weak one never does. Boxes of
small fast objects do not overlap from one sampled frame to the next, so the cost is not IoU but the
distance to the prediction, in sizes of the object, and the difference in size.
A second pass goes backwards: weak boxes before an object's start are added to it, and objects are
joined if the end of one and the start of another predict each other.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.optimize
from numpy.typing import NDArray

from playhead.decisions.track_config import TrackConfig
from playhead.decisions.track_motion import Motion, end_motion

__all__ = ["Detections", "link_detections"]

_UNASSIGNED = -1
_APART = 1e6  # the cost of a pair that is not allowed


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """The N boxes of all sampled frames, frame by frame."""

    times: NDArray[np.float64]  # (D,) seconds of the sampled frames
    bounds: NDArray[np.int64]  # (D + 1,): the boxes of sampled frame k are bounds[k]:bounds[k + 1]
    samples: NDArray[np.int32]  # (N,): the sampled frame of each box, from 0
    state: NDArray[np.float64]  # (N, 4): centre x, y, log width, log height
    scores: NDArray[np.float32]  # (N,)


def link_detections(
    detections: Detections, config: TrackConfig, *, start_score: float
) -> list[NDArray[np.intp]]:
    """The objects in order of their start, each as indices of its detections in order of time.

    start_score: a box with this score or more starts a track and is matched first
    """
    owner = np.full(len(detections.scores), _UNASSIGNED, np.int32)
    _forwards(detections, owner, config, start_score)
    objects = _grouped(owner)
    _backwards(detections, objects, owner, config)
    objects = _joined(detections, _grouped(owner), config)
    objects = [rows for rows in objects if len(rows) >= config.min_hits]
    return sorted(objects, key=lambda rows: int(rows[0]))


def _grouped(owner: NDArray[np.int32]) -> list[NDArray[np.intp]]:
    order = np.argsort(owner, kind="stable")
    order = order[np.searchsorted(owner[order], 0) :]
    if not len(order):
        return []
    return np.split(order, np.flatnonzero(np.diff(owner[order])) + 1)


class _Followed:
    """The objects that are currently tracked."""

    def __init__(self, config: TrackConfig) -> None:
        self.config = config
        self.motion = Motion.start(np.zeros((0, 4)), 0.0, config)
        self.owner = np.zeros(0, np.int32)
        self.sample = np.zeros(0, np.int64)

    def add(self, motion: Motion, owner: NDArray[np.int32], sample: int) -> None:
        """Follow more objects, detected in `sample`."""
        self.motion = Motion.joined([self.motion, motion])
        self.owner = np.concatenate((self.owner, owner))
        self.sample = np.concatenate((self.sample, np.full(len(owner), sample)))

    def forget(self, time: float, sample: int) -> None:
        """Drop objects undetected for too long, but never before the next sampled frame."""
        unseen = np.abs(time - self.motion.time) > self.config.gap_seconds + 1e-9
        gone = unseen & (np.abs(sample - self.sample) > 1)
        if gone.any():
            self.motion = self.motion.chosen(~gone)
            self.owner, self.sample = self.owner[~gone], self.sample[~gone]

    def take(
        self,
        expected: Motion,
        free: NDArray[np.intp],
        state: NDArray[np.float64],
        boxes: NDArray[np.intp],
        *,
        sample: int,
        weak: bool,
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Assign `boxes` to the objects `free`: the rows and the boxes of each pair.

        state: (N, 4), of all boxes. A weak box must lie within half the distance, and its variance
        is larger.
        """
        observed = state[boxes]
        rows, columns = _assign(expected.chosen(free), observed, self.config, 0.5 if weak else 1)
        rows = free[rows]
        variance = np.full(len(rows), self.config.jitter**2 * (4 if weak else 1))
        self.motion.put(rows, expected.chosen(rows).update(observed[columns], variance))
        self.sample[rows] = sample
        return rows, boxes[columns]


def _assign(
    expected: Motion, observed: NDArray[np.float64], config: TrackConfig, strictness: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    if not len(expected.time) or not len(observed):
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    position = (expected.position + config.jitter**2)[:, None]
    allowed, cost = _compared(expected.state[:, None], observed, position, config, strictness)
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
    """Which of (..., 4) and (..., 4) may be the same object, and the cost of each pair: 2 × (...).

    variance: (...) of the distance, in sizes². The cost has heavy tails, so that an object
    with a small variance does not lose its box to one with a large variance.
    """
    off = observed - expected
    # The logs of two widths and two heights: half their sum is that of the product of two sizes.
    product = np.exp((observed[..., 2:] + expected[..., 2:]).sum(axis=-1) / 2)
    squared = (off[..., 0] ** 2 + off[..., 1] ** 2) / product
    limit = np.clip(config.gate * np.sqrt(variance), config.near, config.reach) * strictness
    resized = np.abs(off[..., 2:]).max(axis=-1)
    allowed = (squared <= limit**2) & (resized <= config.log_resize)
    return allowed, np.log(variance + squared) + np.log1p((resized / 0.2) ** 2)


def _forwards(
    detections: Detections, owner: NDArray[np.int32], config: TrackConfig, start_score: float
) -> None:
    followed = _Followed(config)
    count = 0
    good = detections.scores >= start_score
    for sample, (first, past) in enumerate(pairwise(detections.bounds.tolist())):
        if first == past:
            continue
        time = float(detections.times[sample])
        followed.forget(time, sample)
        expected = followed.motion.predict(time, config)
        free = np.arange(len(followed.owner))
        boxes = np.arange(first, past)
        strong = boxes[good[first:past]]
        rows, taken = followed.take(
            expected, free, detections.state, strong, sample=sample, weak=False
        )
        owner[taken] = followed.owner[rows]
        if len(strong) < past - first and len(rows) < len(free):
            free = np.delete(free, rows)
            weak = boxes[~good[first:past]]
            rows, taken = followed.take(
                expected, free, detections.state, weak, sample=sample, weak=True
            )
            owner[taken] = followed.owner[rows]
        new = strong[owner[strong] == _UNASSIGNED]
        if len(new):
            owner[new] = np.arange(count, count + len(new))
            count += len(new)
            followed.add(Motion.start(detections.state[new], time, config), owner[new], sample)


def _backwards(
    detections: Detections,
    objects: list[NDArray[np.intp]],
    owner: NDArray[np.int32],
    config: TrackConfig,
) -> None:
    """Follow every object back from its start, through unassigned boxes."""
    followed = _Followed(config)
    starts: dict[int, list[int]] = {}
    for number, rows in enumerate(objects):
        starts.setdefault(int(detections.samples[rows[0]]), []).append(number)
    for sample in range(len(detections.times) - 1, -1, -1):
        time = float(detections.times[sample])
        boxes = np.arange(detections.bounds[sample], detections.bounds[sample + 1])
        boxes = boxes[owner[boxes] == _UNASSIGNED]
        if len(boxes):
            followed.forget(time, sample)
            expected = followed.motion.predict(time, config)
            free = np.arange(len(followed.owner))
            rows, taken = followed.take(
                expected, free, detections.state, boxes, sample=sample, weak=True
            )
            owner[taken] = followed.owner[rows]
        begin = starts.get(sample, [])
        if begin:
            states = [_state(detections, objects[number][::-1], config) for number in begin]
            followed.add(Motion.joined(states), np.array(begin, np.int32), sample)


def _state(detections: Detections, rows: NDArray[np.intp], config: TrackConfig) -> Motion:
    # Only the latest detections matter for the motion.
    rows = rows[-256:]
    return end_motion(detections.times[detections.samples[rows]], detections.state[rows], config)


def _joined(
    detections: Detections, objects: list[NDArray[np.intp]], config: TrackConfig
) -> list[NDArray[np.intp]]:
    """Join objects whose end and start predict the same box half way; the best pairs first."""
    if len(objects) < 2:
        return objects
    ends = Motion.joined([_state(detections, rows, config) for rows in objects])
    starts = Motion.joined([_state(detections, rows[::-1], config) for rows in objects])
    first, second = _neighbours(detections, objects, config)
    before, after = ends.chosen(first), starts.chosen(second)
    half = (before.time + after.time) / 2
    before, after = before.predict(half, config), after.predict(half, config)
    allowed, cost = _compared(before.state, after.state, before.position + after.position, config)
    following: dict[int, int] = {}
    led: set[int] = set()
    for pair in np.argsort(cost, kind="stable"):
        a, b = int(first[pair]), int(second[pair])
        if allowed[pair] and a not in following and b not in led:
            following[a] = b
            led.add(b)
    return [_chain(objects, head, following) for head in range(len(objects)) if head not in led]


def _neighbours(
    detections: Detections, objects: list[NDArray[np.intp]], config: TrackConfig
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """All pairs of objects where the second starts soon after the end of the first."""
    end = detections.samples[[int(rows[-1]) for rows in objects]]
    start = detections.samples[[int(rows[0]) for rows in objects]]
    order = np.argsort(start, kind="stable")
    latest = np.searchsorted(
        detections.times, detections.times[end] + config.gap_seconds + 1e-9, side="right"
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
