"""Sound: float32 samples with all channels, timed from the first video frame.

Sound that cannot be decoded is replaced by silence of the same length, so that later samples keep
their times; the silent spans are listed in `missing`.
"""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from numpy.typing import NDArray

from playhead.errors import MediaError
from playhead.media.late import late_sound
from playhead.media.resampling import Resampler
from playhead.media.scan import table_of
from playhead.media.source import DEFAULT_LIMITS, Clock, Limits, open_container, packets_of

__all__ = ["Audio", "AudioBlock", "read_audio", "stream_audio"]

_TOLERATED = 0.02
"""Seconds: a smaller gap is rounding by the container, not missing sound."""
_LONGEST_GAP = 3 * 3600
"""Seconds: a larger gap is a broken time stamp, not missing sound."""


@dataclass(frozen=True)
class AudioBlock:
    """Consecutive samples, float32 (channels, N), the first at `start` seconds.

    missing: spans (start, end) in seconds that could not be decoded and are silence here
    """

    start: float
    samples: NDArray[np.float32]
    rate: int
    missing: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Audio:
    """All sound of a file: float32 (channels, N) in about [-1, 1], at `rate` samples a second.

    start: seconds from the first video frame to the first sample, often not quite 0
    missing: spans (start, end) in seconds that could not be decoded and are silence here
    """

    samples: NDArray[np.float32]
    rate: int
    start: float
    missing: tuple[tuple[float, float], ...] = ()


def read_audio(
    path: str | Path, *, rate: int | None = None, max_seconds: float = DEFAULT_LIMITS.max_seconds
) -> Audio:
    """All sound of a file at `rate` or its native rate; for long files see `stream_audio`.

    Raises MediaError if the file has no sound, LimitError if reading takes over `max_seconds`.
    """
    blocks = list(stream_audio(path, rate=rate, max_seconds=max_seconds))
    if not blocks:
        raise MediaError(f"{path}: the sound cannot be decoded; it is empty or damaged")
    return Audio(
        np.concatenate([block.samples for block in blocks], axis=1),
        blocks[0].rate,
        blocks[0].start,
        tuple(span for block in blocks for span in block.missing),
    )


def stream_audio(
    path: str | Path,
    *,
    rate: int | None = None,
    seconds: float = 10.0,
    max_seconds: float = DEFAULT_LIMITS.max_seconds,
) -> Iterator[AudioBlock]:
    """The sound of a file in blocks of `seconds` (the last may be shorter), in constant memory.

    Raises MediaError if the file has no sound, LimitError if a block takes over `max_seconds`.
    """
    path = Path(path)
    limits = Limits(max_seconds=max_seconds)
    clock = Clock(path, max_seconds)
    with open_container(path) as container, ExitStack() as stack:
        zero = _first_frame(container, path, limits, clock)
        opened, streams = container, list(container.streams.audio)
        if not streams:
            opened, streams = next(late_sound(path, container), (container, []))
            stack.callback(opened.close)
        if not streams:
            raise MediaError(f"{path}: has no sound; a file with an audio stream is needed")
        frames = _decoded(opened, streams[0], clock)
        for block in _Blocks(path, zero, rate, seconds).of(frames):
            yield block
            clock.restart()  # the caller's time with a block does not count


def _first_frame(
    container: InputContainer, path: Path, limits: Limits, clock: Clock
) -> float | None:
    """The container's time of the first video frame in seconds; None for a file of sound only."""
    images = (s for s in container.streams.video if not _is_cover(s.disposition))
    return table_of(path, limits, clock).start if any(images) else None


def _is_cover(disposition: int) -> bool:
    return bool(Disposition(disposition) & Disposition.attached_pic)


def _decoded(container: InputContainer, stream: AudioStream, clock: Clock) -> Iterator[AudioFrame]:
    """Decoded frames; packets that cannot be read or decoded are skipped."""
    for packet in itertools.chain(packets_of(container, [stream]), [None]):
        clock.check()
        try:
            yield from stream.decode(packet)
        except av.error.FFmpegError:
            # The missing samples show up as a gap before the next frame.
            continue


class _Blocks:
    """Cuts decoded frames into blocks of equal length."""

    def __init__(self, path: Path, zero: float | None, rate: int | None, seconds: float) -> None:
        self._path = path
        self._zero = zero
        self._rate = rate
        self._seconds = seconds
        self._kept: list[NDArray[np.float32]] = []
        self._waiting = 0
        self._missing: list[tuple[float, float]] = []

    def of(self, frames: Iterator[AudioFrame]) -> Iterator[AudioBlock]:
        """The blocks of these frames, in order."""
        resampler: Resampler | None = None
        for frame in frames:
            if resampler is None:
                resampler = self._begin(frame)
            for silence in self._silence_before(frame):
                self._add(silence)
                yield from self._full_blocks()
            self._consumed += frame.samples / frame.sample_rate
            self._keep(resampler.resample(frame))
            yield from self._full_blocks()
        if resampler is not None:
            self._keep(resampler.resample(None))
            yield from self._full_blocks()
            if self._waiting:
                yield self._block(self._waiting)

    def _begin(self, frame: AudioFrame) -> Resampler:
        self._rate = self._rate or frame.sample_rate
        self._channels = frame.layout.nb_channels
        first = 0.0 if frame.time is None else float(frame.time)
        self._origin = first
        self._start = 0.0 if self._zero is None else first - self._zero
        self._consumed = 0.0
        self._emitted = 0
        return Resampler(frame.layout.name, self._rate)

    def _silence_before(self, frame: AudioFrame) -> Iterator[NDArray[np.float32]]:
        """Silence for a gap in the times, a block at a time."""
        assert self._rate is not None
        if frame.time is None:
            return
        gap = float(frame.time) - self._origin - self._consumed
        if gap <= _TOLERATED:
            return
        if gap > _LONGEST_GAP:
            raise MediaError(
                f"{self._path}: the sound jumps by {gap:.0f} s, more than {_LONGEST_GAP} s, so its "
                "time stamps are broken; remux the file"
            )
        begin = self._start + self._consumed
        self._missing.append((begin, begin + gap))
        self._consumed += gap
        left, block = round(gap * self._rate), max(1, round(self._seconds * self._rate))
        while left > 0:
            yield np.zeros((self._channels, min(left, block)), np.float32)
            left -= block

    def _keep(self, frames: list[AudioFrame]) -> None:
        for frame in frames:
            self._add(frame.to_ndarray().astype(np.float32, copy=False))

    def _add(self, samples: NDArray[np.float32]) -> None:
        self._kept.append(samples)
        self._waiting += samples.shape[1]

    def _full_blocks(self) -> Iterator[AudioBlock]:
        assert self._rate is not None
        size = max(1, round(self._seconds * self._rate))
        while self._waiting >= size:
            yield self._block(size)

    def _block(self, size: int) -> AudioBlock:
        assert self._rate is not None
        joined = np.concatenate(self._kept, axis=1)
        start = self._start + self._emitted / self._rate
        end = start + size / self._rate
        missing = tuple(span for span in self._missing if span[0] < end)
        self._missing = [span for span in self._missing if span[0] >= end]
        self._kept = [joined[:, size:]]
        self._waiting -= size
        self._emitted += size
        return AudioBlock(start, joined[:, :size], self._rate, missing)
