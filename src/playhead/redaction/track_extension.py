"""Tracks for hiding: extended past the first and last detection, and padded where uncertain.

A miss costs more than hiding too much. Between detections, the box covers both a smooth curve of
the centre and linear interpolation; before the first and after the last detection, it covers both
the static and the extrapolated position, at an edge of the frame until the object is outside. Boxes
without a detection are padded by the uncertainty of the position. A detection always lies within
the box of its frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes
from playhead.decisions.track_config import TrackConfig
from playhead.decisions.track_motion import box_states, local_lines
from playhead.decisions.track_paths import hermite_curve, linear
from playhead.decisions.tracks import DetectedObject, associate_boxes
from playhead.events.model import Origin, Track
from playhead.redaction.config import ExtensionConfig
from playhead.redaction.track_edges import End, end_of

__all__ = ["covering_tracks"]

Array = NDArray[np.float64]
_LATEST = 256  # detections at an end that its velocity is estimated from


def covering_tracks(
    times: Array,
    frames: NDArray[np.int32],
    detections: Sequence[Boxes],
    *,
    label: str,
    tracking: TrackConfig,
    extension: ExtensionConfig,
    start_score: float,
    size: tuple[int, int],
    first_id: int = 0,
) -> list[Track]:
    """The tracks of one label, numbered from `first_id` in order of their start.

    A track has a box for every frame from its extended start to its extended end, with some of it
    inside the frame; it contains the detection where there is one (`Origin.DETECTED`).
    Arguments and errors: see `associate_boxes`.
    """
    objects = associate_boxes(
        times, frames, detections, config=tracking, start_score=start_score, size=size
    )
    paths = _Paths(times, frames, *size, tracking, extension)
    return [
        paths.extended(detected, number=first_id + number, label=label)
        for number, detected in enumerate(objects)
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _Paths:
    """Builds the tracks of one video: seconds of all frames, sampled frames, frame size."""

    times: Array  # (T,)
    sampled: NDArray[np.int32]  # (D,)
    width: int
    height: int
    tracking: TrackConfig
    extension: ExtensionConfig

    def extended(self, item: DetectedObject, *, number: int, label: str) -> Track:
        frames, detections = item
        moments, detected = self.times[frames], detections.boxes.astype(np.float64)
        ends = self._ends(moments, detected)
        reach = self._reach(frames)
        every = np.arange(*self._reach_to_edges(reach, ends), dtype=np.int32)
        times = self.times[every]
        straight = linear(times, moments, detected)
        straight[frames - every[0]] = detected  # frames with the same time keep their own boxes
        boxes = _union(self._padded_curve(times, moments, detected), straight)
        origin = np.full(len(every), Origin.EXTENDED, np.uint8)
        origin[frames[0] - every[0] : frames[-1] - every[0]] = Origin.FILLED
        origin[frames - every[0]] = Origin.DETECTED
        gone = np.zeros(len(every), np.bool_)
        for end, rows, far, last in (
            (ends[0], every < frames[0], every < reach[0], frames[0] - every[0]),
            (ends[1], every > frames[-1], every >= reach[1], frames[-1] - every[0]),
        ):
            boxes[rows], gone[rows] = self._moved(boxes[rows], times[rows], end)
            # Beyond `reach`, the sides away from the edge only follow the motion, unpadded.
            trailing, sides = end.trailing(boxes[last], times[far])
            boxes[np.ix_(far, sides)] = trailing
        boxes32 = boxes.astype(np.float32)
        inside = np.clip(
            boxes32, np.float32(0), np.array([self.width, self.height] * 2, np.float32)
        )
        kept = ~gone & (inside[:, :2] < inside[:, 2:]).all(axis=1)
        scores = np.interp(times, moments, detections.scores).astype(np.float32)
        return Track(number, label, every[kept], boxes32[kept], scores[kept], origin[kept])

    def _ends(self, moments: Array, boxes: Array) -> tuple[End, End]:
        """The start and the end of an object, both directed outwards in time."""
        size = self.width, self.height
        first, last = slice(_LATEST), slice(-_LATEST, None)
        return (
            end_of(
                moments[first][::-1], boxes[first][::-1], self.tracking, self.extension, size=size
            ),
            end_of(moments[last], boxes[last], self.tracking, self.extension, size=size),
        )

    def _reach(self, frames: NDArray[np.int32]) -> tuple[int, int]:
        """The first frame and the end of the extended track, with at least `samples` each way."""
        start, end = self.times[frames[[0, -1]]]
        seconds, samples = self.extension.seconds, self.extension.samples
        early = int(np.searchsorted(self.times, start - seconds - 1e-9))
        late = int(np.searchsorted(self.times, end + seconds + 1e-9, side="right"))
        before = int(np.searchsorted(self.sampled, frames[0])) - samples
        after = int(np.searchsorted(self.sampled, frames[-1])) + samples
        first = int(self.sampled[before]) if before >= 0 else 0
        past = int(self.sampled[after]) + 1 if after < len(self.sampled) else len(self.times)
        return min(early, first), max(late, past)

    def _reach_to_edges(self, reach: tuple[int, int], ends: tuple[End, End]) -> tuple[int, int]:
        """The same, extended by the time to leave the frame over an edge."""
        start, end = ends
        early = int(np.searchsorted(self.times, start.time - start.seconds - 1e-9))
        late = int(np.searchsorted(self.times, end.time + end.seconds + 1e-9, side="right"))
        return min(early, reach[0]), max(late, reach[1])

    def _padded_curve(self, times: Array, moments: Array, detected: Array) -> Array:
        """Smooth boxes (T, 4) at `times`, constant before and after the detections."""
        states = box_states(detected)
        level, slope = local_lines(moments, states[:, :2], self.tracking.smooth_seconds)
        centre = hermite_curve(times, moments, level, slope)
        sides = self._held(times, linear(times, moments, np.exp(states[:, 2:])))
        half = sides / 2 + self._padding(times, moments)[:, None] * sides
        return np.concatenate((centre - half, centre + half), axis=1)

    def _held(self, times: Array, sides: Array) -> Array:
        """The mean of rolling maxima of (T, 2): smooth, and never smaller than `sides`.

        The window is converted to frames by the median spacing of `times`.
        """
        spacing = max(float(np.median(np.diff(times))) if len(times) > 1 else 1.0, 1e-6)
        reach = int(np.ceil(self.extension.hold_seconds / spacing - 1e-6))
        window = 2 * min(reach, len(times)) + 1
        largest = scipy.ndimage.maximum_filter1d(sides, window, axis=0)
        return scipy.ndimage.uniform_filter1d(largest, window, axis=0, mode="nearest")

    def _padding(self, times: Array, moments: Array) -> Array:
        """The padding of each side (T,), in sizes: the deviation from white noise acceleration.

        Between two detections with known velocities that of a bridge, outside that of a walk.
        """
        after = np.searchsorted(moments, times, side="left")
        left = moments[np.clip(after - 1, 0, None)]
        right = moments[np.clip(after, None, len(moments) - 1)]
        since, until, gap = np.abs(times - left), np.abs(right - times), right - left
        bridge = np.divide(since * until, gap, out=np.zeros_like(gap), where=gap > 0)
        outside = (times < moments[0]) | (times > moments[-1])
        walk = np.where(outside, np.minimum(since, until), bridge)
        deviation = self.tracking.agility * np.sqrt(walk**3 / 3)
        padding: Array = np.minimum(self.extension.margin * deviation, self.extension.growth_limit)
        return padding

    def _moved(self, boxes: Array, times: Array, end: End) -> tuple[Array, NDArray[np.bool_]]:
        """Static boxes extended along the motion; and the times after the object left the frame.

        An object that has left does not return, whatever the padding.
        """
        way = (times - end.time)[:, None] * end.velocity
        moved = boxes + np.concatenate((way, way), axis=1)
        out = (moved[:, 2:] <= 0) | (moved[:, :2] >= (self.width, self.height))
        onwards = 1 if len(times) and times[-1] > end.time else -1
        left = (out[:, 0] | out[:, 1])[::onwards]
        gone: NDArray[np.bool_] = np.logical_or.accumulate(left)[::onwards]
        return _union(boxes, moved), gone


def _union(a: Array, b: Array) -> Array:
    return np.concatenate((np.minimum(a[:, :2], b[:, :2]), np.maximum(a[:, 2:], b[:, 2:])), axis=1)
