"""Sound: float32 samples with their channels kept, on the clock of the first video frame.

Sound that cannot be decoded leaves silence of its length, so that what follows keeps its time; the
silent spans are noted.
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
"""Seconds: containers round the times of sound; a larger hole is a hole."""
_LONGEST_HOLE = 3 * 3600
"""Seconds: a larger hole is a broken time stamp, not lost sound."""


@dataclass(frozen=True)
class AudioBlock:
    """Some samples in a row, float32 (channels, N), the first at `start` seconds.

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
    """All sound of a file at once, at `rate` or its own; for long files see `stream_audio`.

    Raises MediaError for a file without sound, LimitError past `max_seconds`.
    """
    blocks = list(stream_audio(path, rate=rate, max_seconds=max_seconds))
    if not blocks:
        raise MediaError(f"{path}: its sound cannot be decoded; it is empty or damaged")
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
    """The sound of a file in blocks of `seconds` (the last may be shorter), in constant memory."""
    path = Path(path)
    limits = Limits(max_seconds=max_seconds)
    clock = Clock(path, max_seconds)
    with open_container(path) as container, ExitStack() as stack:
        zero = _first_frame(container, path, limits, clock)
        given, streams = container, list(container.streams.audio)
        if not streams:
            given, streams = next(late_sound(path, container), (container, []))
            stack.callback(given.close)
        if not streams:
            raise MediaError(f"{path}: holds no sound; a file with an audio stream is needed")
        frames = _decoded(given, streams[0], clock)
        for block in _Blocks(path, zero, rate, seconds).of(frames):
            yield block
            clock.restart()  # what the caller does with a block is not our time


def _first_frame(
    container: InputContainer, path: Path, limits: Limits, clock: Clock
) -> float | None:
    """Seconds of the first video frame on the container's clock; None for sound alone."""
    images = (s for s in container.streams.video if not _is_cover(s.disposition))
    return table_of(path, limits, clock).start if any(images) else None


def _is_cover(disposition: int) -> bool:
    return bool(Disposition(disposition) & Disposition.attached_pic)


def _decoded(container: InputContainer, stream: AudioStream, clock: Clock) -> Iterator[AudioFrame]:
    """Decoded frames; packets that cannot be read or decoded are left out."""
    for packet in itertools.chain(packets_of(container, [stream]), [None]):
        clock.check()
        try:
            yield from stream.decode(packet)
        except av.error.FFmpegError:
            # What is missing shows as a hole in the times of what follows.
            continue


class _Blocks:
    """Cuts decoded frames into blocks on an even clock."""

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
        self._given = 0
        return Resampler(frame.layout.name, self._rate)

    def _silence_before(self, frame: AudioFrame) -> Iterator[NDArray[np.float32]]:
        """Silence where the times say that sound is missing, a block at a time."""
        assert self._rate is not None
        if frame.time is None:
            return
        hole = float(frame.time) - self._origin - self._consumed
        if hole <= _TOLERATED:
            return
        if hole > _LONGEST_HOLE:
            raise MediaError(
                f"{self._path}: sound jumps by {hole:.0f} s, more than {_LONGEST_HOLE} s: "
                "its times are broken; remux the file"
            )
        begin = self._start + self._consumed
        self._missing.append((begin, begin + hole))
        self._consumed += hole
        left, block = round(hole * self._rate), max(1, round(self._seconds * self._rate))
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
        start = self._start + self._given / self._rate
        end = start + size / self._rate
        missing = tuple(span for span in self._missing if span[0] < end)
        self._missing = [span for span in self._missing if span[0] >= end]
        self._kept = [joined[:, size:]]
        self._waiting -= size
        self._given += size
        return AudioBlock(start, joined[:, :size], self._rate, missing)
