"""Snapping: the shot change or the key frame next to the boundary of a segment.

The raw time stays; a boundary with nothing near keeps it alone.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from playhead.episodes.images.looks import key_frames_near, shot_changes_near
from playhead.episodes.segments import Segment
from playhead.media import Video, open_video

__all__ = ["Snap", "snap_segments"]

Snap = Literal["none", "shot", "keyframe"]

SHOT_SECONDS = 0.5
"""A shot change farther from a boundary has another cause."""
KEY_FRAME_SECONDS = 2.0
"""A key frame farther away would skip too much of the story, or too little."""


def snap_segments(path: Path, segments: Sequence[Segment], snap: Snap) -> tuple[Segment, ...]:
    """The segments of a video with the snapped times of their boundaries, where there are any.

    Only the frames around the boundaries are decoded. Raises MediaError if the file is not a
    readable video.
    """
    if snap == "none" or not segments:
        return tuple(segments)
    with open_video(path) as video:
        return tuple(
            replace(
                segment,
                snapped_start=_nearest(video, segment.start, snap),
                snapped_end=_nearest(video, segment.end, snap),
            )
            for segment in segments
        )


def _nearest(video: Video, time: float, snap: Snap) -> float | None:
    if snap == "shot":
        near = shot_changes_near(video, time, seconds=SHOT_SECONDS)
    else:
        near = key_frames_near(video, time, seconds=KEY_FRAME_SECONDS)
    return float(near[np.abs(near - time).argmin()]) if len(near) else None
