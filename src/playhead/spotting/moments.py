"""The moment of an event on a page: a short clip inside it, or a link to the video beside it."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import numpy as np

from playhead.errors import MediaError
from playhead.media import VideoWriter, open_video

__all__ = ["local_link", "moment_clip", "strip_offsets"]

CLIP_SECONDS = 2.0
CLIP_WIDTH = 320  # pixels
CLIP_RATE = 30  # frames per second at most
STRIP_FRAMES = 5
STRIP_SPACING = 0.2  # seconds at most


def moment_clip(
    path: Path, time: float, *, seconds: float = CLIP_SECONDS, width: int = CLIP_WIDTH
) -> bytes | None:
    """The seconds around a time as H.264 in MP4, without sound and at most 30 frames a second.

    time: seconds; the clip begins `seconds / 2` before it, or with the video
    width: of the frames, in pixels; a smaller video is not enlarged
    None where the file is missing, too short, or cannot be decoded.
    """
    if not path.is_file():
        return None
    try:
        with open_video(path) as video:
            inside = np.flatnonzero(np.abs(video.times - time) <= seconds / 2)
            stride = max(1, -(-len(inside) // round(seconds * CLIP_RATE + 1)))
            frames = inside[::stride]
            if len(frames) < 2:
                return None
            scale = min(1.0, width / video.width)
            # 4:2:0 needs even sizes.
            even = tuple(
                max(2, round(side * scale / 2) * 2) for side in (video.width, video.height)
            )
            times = video.times[frames]
            with TemporaryDirectory() as folder:
                clip = Path(folder) / "clip.mp4"
                moments = (times - times[0]).tolist()
                with VideoWriter(clip, even[0], even[1], times=moments, crf=30) as writer:
                    for image in video.read(frames, size=(even[0], even[1])):
                        writer.write(image)
                return clip.read_bytes()
    except MediaError:
        return None


def local_link(video: Path, page: Path) -> str | None:
    """The relative URL of a video from the folder of a page; None if the video is not there.

    None as well where they share no folder but the root: such a link would tell the whole path.
    """
    if not video.is_file():
        return None
    target, start = video.resolve(), page.resolve().parent
    try:
        shared = Path(os.path.commonpath([target, start]))
    except ValueError:  # two drives
        return None
    if shared == Path(shared.anchor):
        return None
    return quote(Path(os.path.relpath(target, start)).as_posix())


def strip_offsets(spacing: float | None, frame: float) -> list[float]:
    """The times of the frames of a film strip, in seconds from the event in its middle.

    spacing: seconds between neighbouring events of a class; the strip reaches about halfway to
        them, in steps of whole frames of at most .2 s
    frame: the duration of a frame in seconds
    """
    distance = (
        STRIP_SPACING if spacing is None else min(STRIP_SPACING, spacing / (STRIP_FRAMES - 1))
    )
    steps = max(1, int(distance / frame + 1e-6)) * (np.arange(STRIP_FRAMES) - STRIP_FRAMES // 2)
    return [float(step) for step in steps * frame]
