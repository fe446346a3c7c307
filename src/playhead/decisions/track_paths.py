"""Paths: a box for every frame between the first and the last detection of an object.

The centre follows a cubic Hermite curve through the detected centres, with velocities from lines
fitted around each; width and height are interpolated linearly.
"""

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes
from playhead.decisions.track_config import TrackConfig
from playhead.decisions.track_motion import box_states, local_lines
from playhead.events.model import Origin, Track

__all__ = ["hermite_curve", "interpolated_track", "linear"]

Array = NDArray[np.float64]


def interpolated_track(
    frames: NDArray[np.int32],
    detections: Boxes,
    times: Array,
    config: TrackConfig,
    *,
    number: int,
    label: str,
) -> Track:
    """The track of one object: its detections as they are, and interpolated boxes between them.

    frames: (n,), rising, those of the n detections; times: (T,) seconds of all frames of the video
    """
    moments, states = times[frames], box_states(detections.boxes)
    every = np.arange(frames[0], frames[-1] + 1, dtype=np.int32)
    _, slope = local_lines(moments, states[:, :2], config.smooth_seconds)
    centre = hermite_curve(times[every], moments, states[:, :2], slope)
    half = linear(times[every], moments, np.exp(states[:, 2:])) / 2
    boxes = np.concatenate((centre - half, centre + half), axis=1).astype(np.float32)
    boxes[frames - every[0]] = detections.boxes  # frames may share a time
    origin = np.full(len(every), Origin.FILLED, np.uint8)
    origin[frames - every[0]] = Origin.DETECTED
    scores = np.interp(times[every], moments, detections.scores).astype(np.float32)
    scores[frames - every[0]] = detections.scores
    return Track(number, label, every, boxes, scores, origin)


def hermite_curve(times: Array, moments: Array, values: Array, slopes: Array) -> Array:
    """The cubic Hermite curve through (n, k) `values` at (n,) `moments` with `slopes` → (T, k).

    To limit the effect of a wrong velocity, each axis stays within half the chord's length of the
    chord. Before the first and after the last moment the curve is constant.
    """
    straight = linear(times, moments, values)
    if len(moments) < 2:
        return straight
    index = np.clip(np.searchsorted(moments, times, side="right") - 1, 0, len(moments) - 2)
    gap = np.maximum(moments[index + 1] - moments[index], 1e-9)[:, None]  # a time may repeat
    u = np.clip((times - moments[index])[:, None] / gap, 0, 1)
    chord = values[index + 1] - values[index]
    leave, arrive = slopes[index] * gap - chord, slopes[index + 1] * gap - chord
    bend = u * (1 - u) * ((1 - u) * leave - u * arrive)
    most = np.linalg.norm(chord, axis=1, keepdims=True) / 2
    curve: Array = straight + np.clip(bend, -most, most)
    return curve


def linear(times: Array, moments: Array, values: Array) -> Array:
    """(n, k) `values` at (n,) `moments` interpolated linearly → (T, k), constant outside."""
    return np.stack([np.interp(times, moments, column) for column in values.T], axis=1)
