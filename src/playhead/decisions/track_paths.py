"""Paths: from the sightings of one object to a box for every frame.

Between sightings the centre follows a smooth curve (a cubic whose ends have the fitted velocities)
and the box covers the straight line between the detections as well; before the first and after the
last it moves on with its velocity and covers where it stood, too, at an edge of the picture until
it is out. Boxes nobody saw grow with the doubt about where the object is. Whatever is smoothed, a
detection lies within the box of its frame.
"""

from dataclasses import dataclass

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes
from playhead.decisions.track_config import TrackConfig
from playhead.decisions.track_edges import End, end_of
from playhead.decisions.track_motion import local_lines, seen_as
from playhead.events.model import Origin, Track

__all__ = ["Video", "path_of"]

Array = NDArray[np.float64]
_LATEST = 256  # sightings at an end that can lie near enough to tell its velocity


@dataclass(frozen=True, slots=True, eq=False)
class Video:
    """What a path must know of the video: times of all frames, frames looked at, width, height."""

    times: Array  # (T,)
    looked: NDArray[np.int32]  # (D,)
    width: int
    height: int


def path_of(
    frames: NDArray[np.int32],
    found: Boxes,
    video: Video,
    config: TrackConfig,
    *,
    number: int,
    label: str,
) -> Track:
    """The track of one object from its n sightings: frames (n,), rising, and a box in each.

    Every frame from the early start to the late end has a box, except where the object has left
    the picture by then. The score of a box nobody saw lies between those of its neighbours.
    """
    moments, seen = video.times[frames], seen_as(found.boxes)
    ends = _ends(moments, found.boxes.astype(np.float64), video, config)
    reach = _reach(frames, video, config)
    own = np.arange(*_reach_to_edges(reach, ends, video), dtype=np.int32)
    times = video.times[own]
    boxes = _corners(times, moments, seen, config)
    plain = _straight(times, moments, found.boxes.astype(np.float64))
    plain[frames - own[0]] = found.boxes  # of frames with the same time each keeps its own
    boxes = _union(boxes, plain)
    origin = np.full(len(own), Origin.EXTENDED, np.uint8)
    origin[frames[0] - own[0] : frames[-1] - own[0]] = Origin.FILLED
    origin[frames - own[0]] = Origin.DETECTED
    gone = np.zeros(len(own), np.bool_)
    for end, rows, far, last in (
        (ends[0], own < frames[0], own < reach[0], frames[0] - own[0]),
        (ends[1], own > frames[-1], own >= reach[1], frames[-1] - own[0]),
    ):
        boxes[rows], gone[rows] = _extended(boxes[rows], times[rows], end, video)
        # So far it is there for its edge only: away from it the box does not grow.
        trailing, sides = end.trailing(boxes[last], times[far])
        boxes[np.ix_(far, sides)] = trailing
    whole = boxes.astype(np.float32)
    within = np.clip(whole, np.float32(0), np.array([video.width, video.height] * 2, np.float32))
    kept = ~gone & (within[:, :2] < within[:, 2:]).all(axis=1)
    scores = np.interp(times, moments, found.scores).astype(np.float32)
    chosen = (within if config.clip else whole)[kept]
    return Track(number, label, own[kept], chosen, scores[kept], origin[kept])


def _ends(moments: Array, boxes: Array, video: Video, config: TrackConfig) -> tuple[End, End]:
    """The start and the end of an object, which both go outwards in time."""
    size = video.width, video.height
    start = end_of(moments[:_LATEST][::-1], boxes[:_LATEST][::-1], config, size=size)
    return start, end_of(moments[-_LATEST:], boxes[-_LATEST:], config, size=size)


def _reach(frames: NDArray[np.int32], video: Video, config: TrackConfig) -> tuple[int, int]:
    """The frames from the early start to the late end, over the neighbouring looks at least."""
    start, end = video.times[frames[[0, -1]]]
    early = int(np.searchsorted(video.times, start - config.extend_seconds - 1e-9))
    late = int(np.searchsorted(video.times, end + config.extend_seconds + 1e-9, side="right"))
    before = int(np.searchsorted(video.looked, frames[0])) - config.extend_looks
    after = int(np.searchsorted(video.looked, frames[-1])) + config.extend_looks
    first = int(video.looked[before]) if before >= 0 else 0
    past = int(video.looked[after]) + 1 if after < len(video.looked) else len(video.times)
    return min(early, first), max(late, past)


def _reach_to_edges(reach: tuple[int, int], ends: tuple[End, End], video: Video) -> tuple[int, int]:
    """The same with the time that an end may take to leave the picture over an edge."""
    start, end = ends
    early = int(np.searchsorted(video.times, start.time - start.seconds - 1e-9))
    late = int(np.searchsorted(video.times, end.time + end.seconds + 1e-9, side="right"))
    return min(early, reach[0]), max(late, reach[1])


def _corners(times: Array, moments: Array, seen: Array, config: TrackConfig) -> Array:
    """Smooth boxes (T, 4) at `times`, standing still before and after sightings."""
    level, slope = local_lines(moments, seen[:, :2], config.smooth_seconds)
    centre = _curve(times, moments, level, slope)
    sides = _held(times, _straight(times, moments, np.exp(seen[:, 2:])), config)
    half = sides / 2 + _doubt(times, moments, config)[:, None] * sides
    return np.concatenate((centre - half, centre + half), axis=1)


def _held(times: Array, sides: Array, config: TrackConfig) -> Array:
    """The mean of rolling maxima of (T, 2): every maximum round a frame counts that frame in.

    So the result is smooth and never smaller than what it was made from. The window is converted by
    the median spacing of `times`.
    """
    spacing = max(float(np.median(np.diff(times))) if len(times) > 1 else 1.0, 1e-6)
    window = 2 * min(int(np.ceil(config.hold_seconds / spacing - 1e-6)), len(times)) + 1
    largest = scipy.ndimage.maximum_filter1d(sides, window, axis=0)
    return scipy.ndimage.uniform_filter1d(largest, window, axis=0, mode="nearest")


def _doubt(times: Array, moments: Array, config: TrackConfig) -> Array:
    """How much a box grows on each side, in sizes: the deviation of white noise in the velocity.

    Between two sightings with known velocities it is that of a bridge, outside that of a walk.
    """
    after = np.searchsorted(moments, times, side="left")
    left = moments[np.clip(after - 1, 0, None)]
    right = moments[np.clip(after, None, len(moments) - 1)]
    since, until, gap = np.abs(times - left), np.abs(right - times), right - left
    bridge = np.divide(since * until, gap, out=np.zeros_like(gap), where=gap > 0)
    walk = np.where((times < moments[0]) | (times > moments[-1]), np.minimum(since, until), bridge)
    doubt = config.margin * config.agility * np.sqrt(walk**3 / 3)
    growth: Array = np.minimum(doubt, config.growth_limit)
    return growth


def _curve(times: Array, moments: Array, level: Array, slope: Array) -> Array:
    """The cubic Hermite curve through `level` with `slope`, near its chord.

    A velocity that is wrong must not throw the curve about: each axis stays within half the chord's
    length of the chord.
    """
    index = np.clip(np.searchsorted(moments, times, side="right") - 1, 0, max(len(moments) - 2, 0))
    straight = _straight(times, moments, level)
    if len(moments) < 2:
        return straight
    gap = np.maximum(moments[index + 1] - moments[index], 1e-9)[:, None]  # a time may repeat
    u = np.clip((times - moments[index])[:, None] / gap, 0, 1)
    chord = level[index + 1] - level[index]
    leave, arrive = slope[index] * gap - chord, slope[index + 1] * gap - chord
    bend = u * (1 - u) * ((1 - u) * leave - u * arrive)
    most = np.linalg.norm(chord, axis=1, keepdims=True) / 2
    return straight + np.clip(bend, -most, most)


def _straight(times: Array, moments: Array, values: Array) -> Array:
    return np.stack([np.interp(times, moments, column) for column in values.T], axis=1)


def _extended(
    boxes: Array, times: Array, end: End, video: Video
) -> tuple[Array, NDArray[np.bool_]]:
    """Standing boxes grown along the way their object goes; and where it has left the picture.

    Once it has left it does not come back, however far doubt may reach.
    """
    way = (times - end.time)[:, None] * end.velocity
    moved = boxes + np.concatenate((way, way), axis=1)
    out = (moved[:, 2:] <= 0) | (moved[:, :2] >= (video.width, video.height))
    onwards = 1 if len(times) and times[-1] > end.time else -1
    left = (out[:, 0] | out[:, 1])[::onwards]
    gone: NDArray[np.bool_] = np.logical_or.accumulate(left)[::onwards]
    return _union(boxes, moved), gone


def _union(a: Array, b: Array) -> Array:
    return np.concatenate((np.minimum(a[:, :2], b[:, :2]), np.maximum(a[:, 2:], b[:, 2:])), axis=1)
