"""Rendering: a video with the skeletons of its people drawn on every frame."""

from pathlib import Path

import numpy as np

from playhead.errors import PlayheadError
from playhead.events.formats.keypoints import KeypointFile
from playhead.execution.outputs import check_outputs
from playhead.media import open_video
from playhead.media.write import VideoWriter
from playhead.recognition.pose.drawing import PosedFrames

__all__ = ["RENDERED", "render_keypoints"]

RENDERED = ".skeletons.mp4"
MAX_SIDE = 1280  # pixels


def render_keypoints(video_path: Path, file: KeypointFile, output: Path) -> None:
    """Write the video with the skeletons, without sound; frames that cannot be read stay black.

    Raises PlayheadError if the keypoints belong to a video with other frames.
    """
    check_outputs([video_path], [output], overwrite=True)
    posed = PosedFrames(file)
    with open_video(video_path) as video:
        if video.frames != len(file.times):
            raise PlayheadError(
                f"{video_path}: has {video.frames} frames, its keypoints {len(file.times)}; they "
                "may belong to another cut"
            )
        scale = min(1.0, MAX_SIDE / max(video.width, video.height))
        width, height = (max(2, round(s * scale) // 2 * 2) for s in (video.width, video.height))
        rate = None if video.variable_rate else video.rate
        times = None if rate is not None else video.times.tolist()
        stream = video.stream(size=(width, height))
        held = next(stream, None)
        with VideoWriter(output, width, height, rate, times=times) as writer:
            for k in range(video.frames):
                if held is not None and held[0] == k:
                    writer.write(posed.drawn(k, held[1]))
                    held = next(stream, None)
                else:
                    writer.write(np.zeros((height, width, 3), np.uint8))
