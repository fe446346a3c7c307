"""Frames of a clip for a network: evenly spread in time, whole or cut around people.

Frames keep their shape: a whole frame is scaled to fit the network's size, the rest is black.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playhead.errors import StorageError
from playhead.events.formats.keypoints import KeypointFile
from playhead.events.model import Box
from playhead.files import atomic_path, cache_folder
from playhead.media import Video, open_video

__all__ = ["CLIPS", "box_of_people", "cached_clip", "read_clip", "spread_times"]

CLIPS = "clips"
"""The folder of the cache that holds frames of clips."""

MARGIN = 0.2
"""Of a box around people, on each side, in heights of the box."""

LARGEST_ZOOM = 4.0

Images = NDArray[np.uint8]


def spread_times(start: float, end: float, count: int) -> NDArray[np.float64]:
    """The middles of `count` equal parts of `[start, end)`, seconds."""
    return start + (np.arange(count) + 0.5) / count * (end - start)


def box_of_people(
    file: KeypointFile, people: Sequence[int], start: float, end: float
) -> Box | None:
    """A square around people over a clip, in pixels of the frame; None if none of them is seen.

    It may reach over the edges of the frame. Of the joints, the outer 2 % on each side are left
    out, so that a single wrong joint does not matter.
    """
    parts = []
    for track in people:
        person = file.person(track)
        times = file.times[person.frames]
        points = person.points[(times >= start) & (times < end)]
        parts.append(points[points[..., -1] > 0][:, :2])
    joints = np.concatenate(parts) if parts else np.zeros((0, 2))
    if len(joints) < 2:
        return None
    low, high = np.quantile(joints, [0.02, 0.98], axis=0)
    side = float(max(high - low)) * (1 + 2 * MARGIN)
    if side <= 0:
        return None
    x, y = ((low + high) / 2).tolist()
    return x - side / 2, y - side / 2, x + side / 2, y + side / 2


def read_clip(
    video: Video, times: NDArray[np.float64], size: tuple[int, int], box: Box | None = None
) -> Images:
    """RGB frames nearest to `times` → (T, H, W, 3) of `size` (width, height).

    box: the part of the frame to show; None: the whole frame. Outside of the frame it is black.
    Raises DamagedError if a frame cannot be decoded.
    """
    width, height = size
    x1, y1, x2, y2 = box or (0.0, 0.0, float(video.width), float(video.height))
    zoom = min(width / (x2 - x1), height / (y2 - y1), LARGEST_ZOOM)
    scaled = max(1, round(video.width * zoom)), max(1, round(video.height * zoom))
    frames = video.nearest(times)
    unique, rows = np.unique(frames, return_inverse=True)
    images = video.read(unique.tolist(), size=scaled)[rows]
    # The middle of the box comes to the middle of the image.
    left = round((x1 + x2) / 2 * scaled[0] / video.width - width / 2)
    top = round((y1 + y2) / 2 * scaled[1] / video.height - height / 2)
    result = np.zeros((len(times), height, width, 3), np.uint8)
    inside = (
        slice(max(top, 0), min(top + height, scaled[1])),
        slice(max(left, 0), min(left + width, scaled[0])),
    )
    if inside[0].start < inside[0].stop and inside[1].start < inside[1].stop:
        result[
            :,
            inside[0].start - top : inside[0].stop - top,
            inside[1].start - left : inside[1].stop - left,
        ] = images[:, inside[0], inside[1]]
    return result


def cached_clip(
    path: Path, span: tuple[float, float], count: int, size: tuple[int, int], box: Box | None
) -> Path:
    """An .npy file of the frames of a clip (count, H, W, 3), decoded once and kept in the cache.

    Raises MediaError if the video cannot be read, StorageError if the cache cannot be written.
    """
    status = path.stat()
    key = [str(path.resolve()), status.st_size, status.st_mtime_ns, span, count, size, box, 1]
    name = hashlib.sha256(json.dumps(key).encode("utf-8", "surrogateescape")).hexdigest()[:32]
    target = cache_folder() / CLIPS / f"{name}.npy"
    if target.exists():
        return target
    with open_video(path, threads=1) as video:
        images = read_clip(video, spread_times(*span, count), size, box)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(target) as temporary, temporary.open("wb") as file:
            np.save(file, images, allow_pickle=False)
    except OSError as error:
        raise StorageError(
            f"{target.parent}: cannot be written ({error.strerror}); set PLAYHEAD_CACHE to a "
            "writable folder with space"
        ) from error
    return target
