"""Sound: float32 samples with all channels or mixed to one, timed from the first video frame.

Sound that cannot be decoded is replaced by silence of the same length, so that later samples keep
their times; the silent spans are listed in `missing`.
"""

import itertools
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from numpy.typing import NDArray

from playhead.errors import MediaError
from playhead.media.late import late_sound
from playhead.media.resampling import Resampler
from playhead.media.scan import first_time
from playhead.media.source import DEFAULT_LIMITS, Clock, Limits, open_container, packets_of

__all__ = ["Audio", "AudioBlock", "read_audio", "stream_audio"]

_TOLERATED = 0.02
"""Seconds: a smaller gap is rounding by the container, not missing sound."""
_LONGEST_GAP = 3 * 3600
"""Seconds: a larger gap is a broken time stamp, not missing sound."""
_JOINED = 1.0
"""Seconds of decoded frames that are resampled at once: each call costs as much as 20 ms do."""
_PROMISES = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "flac"}
"""Formats whose headers tell the length of each track, however much of the file is there."""
_SLACK = 1.0
"""Seconds by which a header's length may exceed the sound: writers round."""


@dataclass(frozen=True)
class AudioBlock:
    """Consecutive samples, float32 (channels, N), the first at `start` seconds.

    missing: spans (start, end) in seconds that could not be decoded and are silence here
    cut_off: only in the last block, seconds of sound after it that the header promises but the
        file does not have, as in a file that was not copied completely
    """

    start: float
    samples: NDArray[np.float32]
    rate: int
    missing: tuple[tuple[float, float], ...] = ()
    cut_off: float = 0.0


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
    mono: bool = False,
    track: int | None = None,
    seconds: float = 10.0,
    max_seconds: float = DEFAULT_LIMITS.max_seconds,
) -> Iterator[AudioBlock]:
    """The sound of a file in blocks of `seconds` (the last may be shorter), in constant memory.

    rate: samples per second; the native rate if None
    mono: mix all channels to one of 16 bits, weighted as FFmpeg does
    track: which sound track, counted from 0; if None the default one, else the first
    Raises MediaError if the file has no sound or no such track, LimitError if a block takes over
    `max_seconds`.
    """
    path = Path(path)
    limits = Limits(max_seconds=max_seconds)
    clock = Clock(path, max_seconds)
    with open_container(path) as container, ExitStack() as stack:
        opened, streams = container, list(container.streams.audio)
        # Tracks of MPEG streams may begin late. Those that are known from the start come first.
        for part, late in late_sound(path, container) if len(streams) <= (track or 0) else ():
            stack.callback(part.close)
            opened, streams = part, [*streams, *late]
            if len(streams) > (track or 0):
                break
        if not streams:
            raise MediaError(f"{path}: has no sound; a file with an audio stream is needed")
        if track is not None and not 0 <= track < len(streams):
            raise MediaError(
                f"{path}: has no sound track {track}; its tracks are 0 to {len(streams) - 1}"
            )
        default = (k for k, s in enumerate(streams) if s.disposition & Disposition.default)
        stream = streams[next(default, 0) if track is None else track]
        zero = _first_frame(container, path, limits, clock)
        frames = _joined(_decoded(opened, stream, clock))
        blocks = _Blocks(path, zero, rate, seconds, mono=mono, promised=_promised(opened, stream))
        for block in blocks.of(frames):
            yield block
            clock.restart()  # the caller's time with a block does not count


def _first_frame(
    container: InputContainer, path: Path, limits: Limits, clock: Clock
) -> float | None:
    """The container's time of the first video frame in seconds; None for a file of sound only."""
    images = (s for s in container.streams.video if not _is_cover(s.disposition))
    return first_time(path, limits, clock) if any(images) else None


def _promised(container: InputContainer, stream: AudioStream) -> float | None:
    """The container's time at which the header says that the sound ends; None if it does not."""
    if container.format.name not in _PROMISES or stream.time_base is None:
        return None
    if stream.duration is not None:
        return float(((stream.start_time or 0) + stream.duration) * stream.time_base)
    written = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if written is None:
        return None
    hours, minutes, seconds = map(float, written.groups())
    begin = (stream.start_time or 0) * float(stream.time_base)
    return begin + 3600 * hours + 60 * minutes + seconds


def _is_cover(disposition: int) -> bool:
    return bool(Disposition(disposition) & Disposition.attached_pic)


def _decoded(container: InputContainer, stream: AudioStream, clock: Clock) -> Iterator[AudioFrame]:
    """Decoded frames; packets that cannot be read or decoded are skipped."""
    packets = packets_of(container, [stream], alone=True)
    for packet in itertools.chain(packets, [None]):
        clock.check()
        try:
            yield from stream.decode(packet)
        except av.error.FFmpegError:
            # The missing samples show up as a gap before the next frame.
            continue


def _joined(frames: Iterator[AudioFrame]) -> Iterator[AudioFrame]:
    """Frames of about a second, from consecutive frames of one format without a gap."""
    queue = AudioFifo()
    source: tuple[str, str, int] | None = None
    stamp: tuple[int | None, Fraction | None] = None, None
    end = 0.0

    def joined() -> AudioFrame:
        frame = queue.read()
        assert frame is not None
        frame.pts = stamp[0]
        if stamp[1] is not None:
            frame.time_base = stamp[1]
        return frame

    for frame in frames:
        form = frame.format.name, frame.layout.name, frame.sample_rate
        gap = frame.time is not None and frame.time - end > _TOLERATED
        if queue.samples and (gap or form != source or queue.samples >= _JOINED * form[2]):
            yield joined()
            queue = AudioFifo()
        if not queue.samples:
            source, stamp, end = form, (frame.pts, frame.time_base), frame.time or 0.0
        end += frame.samples / frame.sample_rate
        frame.pts = None  # the queue would refuse a time that was rounded
        queue.write(frame)
    if queue.samples:
        yield joined()


class _Blocks:
    """Cuts decoded frames into blocks of equal length."""

    def __init__(
        self,
        path: Path,
        zero: float | None,
        rate: int | None,
        seconds: float,
        *,
        mono: bool,
        promised: float | None,
    ) -> None:
        self._path = path
        self._mono = mono
        self._promised = promised
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
            end = self._origin + self._consumed
            cut_off = 0.0 if self._promised is None else self._promised - end
            cut_off = cut_off if cut_off > _SLACK else 0.0
            if self._waiting or cut_off:
                yield replace(self._block(self._waiting), cut_off=cut_off)

    def _begin(self, frame: AudioFrame) -> Resampler:
        self._rate = self._rate or frame.sample_rate
        layout = "mono" if self._mono else frame.layout.name
        self._channels = 1 if self._mono else frame.layout.nb_channels
        first = 0.0 if frame.time is None else float(frame.time)
        self._origin = first
        self._start = 0.0 if self._zero is None else first - self._zero
        self._consumed = 0.0
        self._emitted = 0
        # FFmpeg weights the channels of a mix so that it cannot clip only for integers.
        return Resampler(layout, self._rate, "s16p" if self._mono else "fltp")

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
            samples = frame.to_ndarray().astype(np.float32, copy=False)
            self._add(samples / np.float32(32768) if self._mono else samples)

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
