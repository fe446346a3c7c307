"""Cutting by encoding: some frames of a video, exactly, as a file of their own.

To cut without encoding where that is exact see `playhead.media.stream_copy`.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playhead.errors import MediaError
from playhead.media.sound_span import SoundForm, sound_form, stream_span
from playhead.media.video import Video
from playhead.media.write import VideoWriter
from playhead.progress import Progress
from playhead.times import display_ends

__all__ = ["Sounding", "encode_frames", "end_of", "filled"]

_CRF = 17


def encode_frames(
    video: Video,
    frames: range,
    target: Path,
    threads: int | None = None,
    progress: Progress | None = None,
    *,
    sound: bool = False,
) -> int:
    """Encode `frames` as H.264, each at its time; return how many could not be decoded.

    threads: of the encoder; by default it chooses
    sound: with the sound of these frames, as AAC
    In place of one that cannot be decoded the readable one before is shown again, or the first.
    Raises MediaError if none can be decoded, StorageError if writing fails.
    """
    start = float(video.times[frames.start])
    times = None
    if video.variable_rate:
        times = (video.times[frames.start : frames.stop] - start).tolist()
    form = sound_form(video) if sound else None
    writer = VideoWriter(
        target,
        video.width,
        video.height,
        None if times else video.rate,
        times=times,
        crf=_CRF,
        gop=max(1, round(video.rate)),
        audio=None if form is None else (form.silence(0), form.rate),
        options=None if threads is None else {"threads": str(threads)},
    )
    readable = 0
    with writer:
        sounding = Sounding(writer, form)
        sounding.begin(video, start, end_of(video, frames))
        for k, is_readable, image in filled(video, frames):
            sounding.until(float(video.times[k]) - start)
            writer.write(image)
            readable += is_readable
            if progress is not None:
                progress.advance(1 / len(frames))
        sounding.finish()
    return len(frames) - readable


def end_of(video: Video, frames: range) -> float:
    """When the last one of `frames` stops being displayed, in seconds."""
    return float(display_ends(video.times, video.duration)[frames.stop - 1])


def filled(
    video: Video, frames: range, *, size: tuple[int, int] | None = None
) -> Iterator[tuple[int, bool, NDArray[np.uint8]]]:
    """Every one of `frames`: its number, whether it is readable, and its image (H, W, 3).

    size: (width, height) to scale to; the displayed size if None
    For one that is not readable the readable one before is given again, or the first. Raises
    MediaError if none is readable.
    """
    due, last = frames.start, None
    for k, image in video.stream(frames.start, frames.stop, size=size):
        for missing in range(due, k):
            yield missing, False, image if last is None else last
        yield k, True, image
        due, last = k + 1, image
    if last is None:
        raise MediaError(f"{video.path}: no frame of the clip can be decoded")
    for missing in range(due, frames.stop):
        yield missing, False, last


class Sounding:
    """The sound of a video that is being written, span after span, a little ahead of its frames.

    form: of the writer's sound; None writes none
    """

    def __init__(self, writer: VideoWriter, form: SoundForm | None) -> None:
        self._writer, self._form = writer, form
        self._blocks: Iterator[NDArray[np.float32]] = iter(())
        self._given = 0.0

    def begin(self, video: Video, start: float, end: float) -> None:
        """Continue with the sound of [start, end), seconds of `video`; first `finish` the last."""
        self._given = 0.0
        if self._form is not None:
            self._blocks = stream_span(video, start, end, self._form)

    def until(self, seconds: float) -> None:
        """Write the sound up to a time of the span, and at least that of a block more."""
        while self._form is not None and self._given <= seconds:
            block = next(self._blocks, None)
            if block is None:
                return
            self._writer.add_sound(block)
            self._given += block.shape[1] / self._form.rate

    def finish(self) -> None:
        """Write the rest of the span's sound."""
        for block in self._blocks:
            self._writer.add_sound(block)
