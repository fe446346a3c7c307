"""Tracks: from boxes in sampled frames to objects.

`associate_boxes` groups the boxes of each object (see `track_links`); `track_boxes` also
interpolates a box for every frame between the first and the last detection of each. A job that
extends tracks builds them from the associated boxes.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes, cover
from playhead.decisions.track_config import TrackConfig
from playhead.decisions.track_links import Detections, link_detections
from playhead.decisions.track_motion import box_states
from playhead.decisions.track_paths import interpolated_track
from playhead.errors import PlayheadError
from playhead.events.model import Track

__all__ = ["DetectedObject", "TrackConfig", "associate_boxes", "track_boxes"]


class DetectedObject(NamedTuple):
    """The detections of one object: frames int32 (n,), rising, and a box in each."""

    frames: NDArray[np.int32]
    detections: Boxes


def track_boxes(
    times: NDArray[np.float64],
    frames: NDArray[np.int32],
    detections: Sequence[Boxes],
    *,
    label: str,
    config: TrackConfig,
    start_score: float,
    size: tuple[int, int],
    first_id: int = 0,
) -> list[Track]:
    """The tracks of one label, numbered from `first_id` in order of their start.

    A track has a box for every frame from its first detection to its last. Arguments and errors:
    see `associate_boxes`.
    """
    objects = associate_boxes(
        times, frames, detections, config=config, start_score=start_score, size=size
    )
    return [
        interpolated_track(*detected, times, config, number=first_id + number, label=label)
        for number, detected in enumerate(objects)
    ]


def associate_boxes(
    times: NDArray[np.float64],
    frames: NDArray[np.int32],
    detections: Sequence[Boxes],
    *,
    config: TrackConfig,
    start_score: float,
    size: tuple[int, int],
) -> list[DetectedObject]:
    """The objects of one label in a video, in order of their start.

    times: (T,) seconds of all frames, never falling
    frames: (D,) the sampled frames, rising
    detections: the boxes of each sampled frame, after non-maximum suppression
    start_score: minimum score of a box to start a track
    size: (width, height) of the displayed frame
    Boxes with no area, or entirely outside the frame, are ignored.
    Raises PlayheadError if times, frames and boxes do not match.
    """
    _check(times, frames, detections, size)
    usable = [_usable(boxes, min(config.low_score, start_score), size) for boxes in detections]
    boxes = Boxes.joined(usable)
    counts = [len(part) for part in usable]
    samples = np.repeat(np.arange(len(frames), dtype=np.int32), counts)
    known = Detections(
        times=times[frames],
        bounds=np.concatenate(([0], np.cumsum(counts, dtype=np.int64))),
        samples=samples,
        state=box_states(boxes.boxes),
        scores=boxes.scores,
    )
    return [
        DetectedObject(frames[samples[rows]], boxes.chosen(rows))
        for rows in link_detections(known, config, start_score=start_score)
    ]


def _usable(boxes: Boxes, min_score: float, size: tuple[int, int]) -> Boxes:
    boxes = boxes.above(min_score).valid()
    frame = np.array([[0, 0, *size]], np.float32)
    return boxes.chosen(cover(boxes.boxes, frame)[:, 0] > 0)


def _check(
    times: NDArray[np.float64],
    frames: NDArray[np.int32],
    detections: Sequence[Boxes],
    size: tuple[int, int],
) -> None:
    if times.ndim != 1 or frames.shape != (len(detections),):
        raise PlayheadError(
            f"boxes of {len(detections)} frames need as many frame numbers, got shapes "
            f"{frames.shape} of frames and {times.shape} of times"
        )
    if not np.all(np.isfinite(times)) or not np.all(np.diff(times) >= 0):
        raise PlayheadError("the times of frames must be finite and not fall from frame to frame")
    if not np.all(np.diff(frames) > 0):
        raise PlayheadError("the sampled frames must rise")
    if len(frames) and not 0 <= frames[0] <= frames[-1] < len(times):
        raise PlayheadError(
            f"frames {frames[0]} to {frames[-1]} were sampled, but the video has {len(times)}"
        )
    if min(size) < 1:
        raise PlayheadError(f"the frame is {size[0]}x{size[1]} pixels; at least 1x1 is needed")
