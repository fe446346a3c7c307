"""Regions: from the tracks of a video to the regions hidden in each frame.

Masks are the boxes of a track, expanded by `mask.scale` and along their motion. No pixel is read
here, so the track file alone decides what is hidden.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from playhead.events.formats.tracks import TrackFile, by_frame
from playhead.events.model import Track
from playhead.redaction.config import MaskConfig
from playhead.redaction.edits import is_drawn
from playhead.redaction.hide import Region, Shape
from playhead.times import displayed_frames

__all__ = ["Masks", "active_frames", "covers_frame", "expanded", "scaled_boxes"]


class Masks:
    """The regions to hide in each frame of a video, or the whole frame.

    times: float64 (frames,), and duration, in seconds; they decide which frames are in the spans of
    the track file
    """

    def __init__(
        self,
        tracks: TrackFile,
        times: NDArray[np.float64],
        duration: float,
        mask: MaskConfig,
        shape: Shape,
    ) -> None:
        hidden = [expanded(track, mask) for track in tracks.tracks if track.id not in tracks.shown]
        at = replace(tracks, tracks=tuple(hidden), shown=frozenset())
        self._boxes = by_frame(at)
        # A box that a person drew is hidden as a box, whatever the shape.
        self._shapes: list[Shape] = ["box" if is_drawn(track) else shape for track in hidden]
        self._whole = _marked(tracks.unseen, len(times))
        self._active = active_frames(tracks.spans, times, duration)

    def whole(self, frame: int) -> bool:
        """Whether the whole frame is hidden, because nothing could be detected in it."""
        return bool(self._whole[frame])

    def regions(self, frame: int) -> list[Region]:
        """The regions to hide in a frame; call in increasing order of frames."""
        if not self._active[frame]:
            return []
        return [Region(box, self._shapes[index]) for index, box in self._boxes(frame)]


def expanded(track: Track, mask: MaskConfig) -> Track:
    """The track with masks for boxes: expanded about their centre and along their motion."""
    boxes = track.boxes.astype(np.float64)
    reach = boxes.copy()
    near = np.diff(track.frames) == 1
    step = np.where(near[:, None], np.diff(boxes, axis=0), 0.0) * mask.motion
    for rows, moved in (
        (slice(None, -1), boxes[:-1] + step),
        (slice(1, None), boxes[1:] - step),
    ):
        reach[rows, :2] = np.minimum(reach[rows, :2], moved[:, :2])
        reach[rows, 2:] = np.maximum(reach[rows, 2:], moved[:, 2:])
    return replace(track, boxes=scaled_boxes(reach, mask.scale).astype(np.float32))


def covers_frame(region: Region, size: tuple[int, int]) -> bool:
    """Whether a region hides all pixels of a frame of (width, height)."""
    x1, y1, x2, y2 = region.box
    width, height = size
    if region.shape == "box":
        return x1 <= 0 and y1 <= 0 and x2 >= width and y2 >= height
    # An ellipse is convex: it covers the frame if it covers the corners.
    across = max(x1 + x2, 2 * width - x1 - x2) / max(x2 - x1, 1e-9)
    down = max(y1 + y2, 2 * height - y1 - y2) / max(y2 - y1, 1e-9)
    return across**2 + down**2 <= 1


def scaled_boxes(boxes: NDArray[np.floating], scale: float) -> NDArray[np.floating]:
    """Boxes (N, 4) with `scale` times the width and height about the same centre."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]) / 2 * scale
    return np.concatenate([centre - half, centre + half], axis=1)


def _marked(ranges: NDArray[np.int32], frames: int) -> NDArray[np.bool_]:
    marked = np.zeros(frames, np.bool_)
    for start, stop in ranges.tolist():
        marked[start:stop] = True
    return marked


def active_frames(
    spans: NDArray[np.float64], times: NDArray[np.float64], duration: float
) -> NDArray[np.bool_]:
    """The frames in which anything is hidden: those displayed during a span, all without spans."""
    if not len(spans):
        return np.ones(len(times), np.bool_)
    active = np.zeros(len(times), np.bool_)
    for start, end in spans.tolist():
        frames = displayed_frames(times, duration, start, end)
        active[frames.start : frames.stop] = True
    return active
