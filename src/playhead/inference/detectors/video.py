"""Detection over a video: sampled frames are read ahead and detected in batches.

Frames are sampled at an interval in seconds, and optionally at most every n frames. If a sampled
frame cannot be decoded, or a network fails on it, all frames up to the neighbouring sampled frames
are unseen.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes
from playhead.errors import PlayheadError
from playhead.media import Video
from playhead.progress import Progress

__all__ = ["FrameDetector", "VideoDetections", "detect_video", "sampled_frames", "unseen_ranges"]

BATCH_SIZE = 4
"""Larger batches gain nothing on a CPU and take memory."""

Frame = tuple[int, NDArray[np.uint8]]


class FrameDetector(Protocol):
    """A detector for videos, such as `ObjectDetector`."""

    def read_size(self, width: int, height: int) -> tuple[int, int]:
        """The (width, height) at which to read frames."""

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[dict[str, Boxes]]:
        """For each RGB image (H, W, 3) the boxes of every label, in its pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class VideoDetections:
    """The detections in a video.

    frames: int32 (D,), the sampled frames that were analysed, rising
    boxes: for each label D Boxes, one per frame, in pixels of the displayed frame
    unseen: int32 (M, 2), half-open ranges of frames without information
    reason: why frames are unseen, empty if there are none
    """

    frames: NDArray[np.int32]
    boxes: dict[str, list[Boxes]]
    unseen: NDArray[np.int32]
    reason: str


def detect_video(
    video: Video,
    detector: FrameDetector,
    *,
    every_seconds: float,
    every_frames: int | None,
    progress: Progress,
) -> VideoDetections:
    """Detect in the first frame, in the last, and in sampled frames between; see `sampled_frames`.

    progress: advances by 1 in total
    Raises PlayheadError if detection failed on every sampled frame.
    """
    schedule = sampled_frames(video.times, every_seconds, every_frames)
    size = detector.read_size(video.width, video.height)
    scale = video.width / size[0], video.height / size[1]
    detected: dict[int, dict[str, Boxes]] = {}
    reason = ""
    stream = video.stream(pixels="rgb", size=size, wanted=schedule)
    for batch in _read_ahead(stream):
        numbers, images = zip(*batch, strict=True)
        try:
            results = detector.detect(images)
        except (PlayheadError, RuntimeError) as error:  # OpenVINO raises RuntimeError
            reason = f"detection failed on frame {numbers[0]}: {error}"
            continue
        for frame, result in zip(numbers, results, strict=True):
            detected[frame] = {label: boxes.scaled(*scale) for label, boxes in result.items()}
        progress.advance(len(numbers) / len(schedule))
    if not detected:
        raise PlayheadError(
            f"{video.path}: detection failed on every sampled frame; "
            f"{reason or 'none can be decoded'}"
        )
    frames = np.array(sorted(detected), np.int32)
    labels = detected[int(frames[0])]
    boxes = {label: [detected[frame][label] for frame in frames.tolist()] for label in labels}
    return VideoDetections(frames, boxes, unseen_ranges(schedule, frames, video.frames), reason)


def sampled_frames(
    times: NDArray[np.float64], every_seconds: float, every_frames: int | None
) -> NDArray[np.int32]:
    """The frames to sample: int32, rising, including the first and the last of the video.

    Neighbours are at most `every_seconds` apart, unless they are consecutive, and at most
    `every_frames` apart, if given. `every_seconds` 0 samples every frame.
    """
    if every_seconds == 0 or len(times) < 2:
        return np.arange(len(times), dtype=np.int32)
    most = len(times) if every_frames is None else every_frames
    chosen = [0]
    while (last := chosen[-1]) < len(times) - 1:
        latest = times[last] + every_seconds + 1e-6  # times are rounded in containers
        in_time = int(np.searchsorted(times, latest, side="right")) - 1
        chosen.append(max(last + 1, min(in_time, last + most)))
    return np.array(chosen, np.int32)


def unseen_ranges(
    schedule: NDArray[np.int32], detected: NDArray[np.int32], frames: int
) -> NDArray[np.int32]:
    """The frames around scheduled ones that were not detected: int32 (M, 2), half-open."""
    seen = np.isin(schedule, detected)
    edges = np.flatnonzero(np.diff(np.concatenate(([True], seen, [True])).astype(np.int8)))
    ranges = [
        (
            0 if start == 0 else schedule[start - 1] + 1,
            frames if stop == len(seen) else schedule[stop],
        )
        for start, stop in edges.reshape(-1, 2)
    ]
    return np.array(ranges, np.int32).reshape(-1, 2)


def _read_ahead(stream: Iterator[Frame]) -> Iterator[list[Frame]]:
    """Batches of a stream; the next one is decoded while the last one is processed."""

    def batch() -> list[Frame]:
        return list(islice(stream, BATCH_SIZE))

    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(batch)
        while group := coming.result():
            coming = reader.submit(batch)
            yield group
