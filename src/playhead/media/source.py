"""Source: an opened file, its first real video stream, and its packets, within limits.

FFmpeg reads far more than video: playlists that name other files, text rendered as images, devices.
Only formats that contain their own media are allowed, and only local files.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import av
from av.container import InputContainer
from av.format import Flags
from av.packet import Packet
from av.stream import Discard, Disposition, Stream
from av.video.stream import VideoStream

from playhead.errors import LimitError, MediaError
from playhead.media.nal import ends_sequence, holds_no_image

__all__ = [
    "DEFAULT_LIMITS",
    "Clock",
    "Identity",
    "Limits",
    "Source",
    "check_file",
    "denied",
    "is_missing",
    "open_container",
    "packets_of",
    "require_file",
]

_STREAM = re.compile(r"-$|[a-zA-Z][a-zA-Z0-9+.-]+:/")
"""Standard input, or a URL."""

Identity = Literal["pts", "dts", "pos"]
"""What identifies a packet wherever reading starts: its presentation time if the format has true
ones, else its decoding time (AVI) or its byte position (raw streams)."""

# Formats that contain their own media; all others of FFmpeg are refused.
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpegtsraw,mpeg,mpegvideo,h264,hevc,vvc,"
    "av1,obu,ivf,m4v,mjpeg,asf,flv,live_flv,ogg,mxf,nut,gif,apng,yuv4mpegpipe,dv,rm,wtv,gxf,"
    "nsv,dirac,vc1,wav,w64,mp3,flac,aac,ac3,eac3,aiff,caf,au,amr,opus"
)
_READ_FAILURES = 16
_NO_LIMIT = str(10**12)
"""Microseconds; probing is limited in bytes instead."""
_UNEXPLAINED = 2048
"""Bytes between two images that can be container headers and not lost data."""


@dataclass(frozen=True)
class Limits:
    """Limits for untrusted files: pixels per image, and seconds per call."""

    max_pixels: int = 8192 * 8192
    max_seconds: float = 3600.0


DEFAULT_LIMITS = Limits()


class Clock:
    """The time limit of one call, checked between packets."""

    def __init__(self, path: Path, max_seconds: float) -> None:
        self._path = path
        self._allowed = max_seconds
        self.restart()

    def restart(self) -> None:
        """Start the time of a new call."""
        self._end = time.monotonic() + self._allowed

    def check(self) -> None:
        """Raise LimitError when the call has taken longer than allowed."""
        if time.monotonic() > self._end:
            raise LimitError(
                f"{self._path}: reading took longer than the limit of {self._allowed:g} s; "
                "open it with a higher max_seconds if you trust the file"
            )


def is_missing(path: Path) -> bool:
    """Whether a path names nothing, and is not a URL or standard input either."""
    return not path.exists() and not _STREAM.match(os.fspath(path))


def require_file(path: str | Path) -> Path:
    """The path, if it is a regular file, which can be read more than once.

    Raises MediaError for a camera, a pipe or a URL, which give their frames only once.
    """
    text = os.fspath(path)
    if _STREAM.match(text):
        raise MediaError(
            f"{text}: is a stream, not a file, and its frames are needed twice; "
            "save it to a file first"
        )
    file = Path(path)
    check_file(file, "video", empty=True)
    if not file.is_file():
        raise MediaError(
            f"{path}: is a device or a pipe, not a file, and its frames are needed twice; "
            "save it to a file first"
        )
    return file


def check_file(path: Path, wanted: str, *, empty: bool = False) -> None:
    """Raise MediaError if there is no such file, or it is empty and `empty` is not allowed.

    wanted: the kind of file for the message, as `video`
    """
    try:
        if path.is_dir():
            raise MediaError(f"{path}: is a folder; name a {wanted} file")
        if not path.exists():
            raise MediaError(f"{path}: there is no such file")
        if path.stat().st_size == 0 and not empty:
            raise MediaError(f"{path}: is empty (0 bytes); it may not have been copied completely")
    except PermissionError as error:
        raise denied(path) from error


def denied(path: Path) -> MediaError:
    """The error for a file without read permission."""
    return MediaError(
        f"{path}: Permission denied; give the user who runs this the right to read the file"
    )


def open_container(
    path: Path, *, probe: bool = True, start: int = 0, window: int | None = None
) -> InputContainer:
    """Open a local media file; without `probe` no image is decoded on opening.

    start: the byte at which reading starts, for formats that can be read from anywhere
    window: bytes to probe for streams; FFmpeg's default if None
    Raises MediaError if the file cannot be opened as media.
    """
    check_file(path, "video")
    # `file:` keeps a name such as `concat:x` from being parsed as a URL.
    try:
        return av.open(
            f"file:{os.fspath(path)}",
            container_options={"format_whitelist": _FORMATS, "protocol_whitelist": "file"}
            | ({} if probe else {"probesize": "32"})
            | ({"skip_initial_bytes": str(start)} if start else {})
            | ({"probesize": str(window), "analyzeduration": _NO_LIMIT} if window else {}),
            metadata_errors="replace",
        )
    except PermissionError as error:
        raise denied(path) from error
    except (av.error.FFmpegError, ValueError) as error:
        raise MediaError(
            f"{path}: is not a media file that can be read ({_words(error)}); "
            "check that it plays, or that it was copied completely"
        ) from error


def packets_of(
    container: InputContainer, streams: Iterable[Stream], *, alone: bool = False
) -> Iterator[Packet[Stream]]:
    """Packets of these streams in file order; reading continues after errors.

    alone: the container skips all other streams, which is faster
    """
    streams = list(streams)
    if alone:
        for stream in container.streams:
            stream.discard = Discard.default if stream in streams else Discard.all
    failures = 0
    while failures < _READ_FAILURES:
        try:
            for packet in container.demux(*streams):
                if packet.size:
                    failures = 0
                    yield packet
            return
        except av.error.FFmpegError:
            failures += 1
        except IndexError:
            # A stream appeared that was unknown on opening. PyAV skips its packets, but at the end
            # of the file it may look the stream up in its list.
            return


def _words(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


class Source:
    """An open file: the packets of its video stream, with their identity as `pts`, and its decoder.

    every_stream: whether the packets of other streams are read too, not skipped
    reorder: the decoder's reorder delay in images if it is known; then nothing is decoded on
        opening
    """

    def __init__(
        self,
        path: Path,
        identity: Identity,
        *,
        threads: int = 1,
        limits: Limits = DEFAULT_LIMITS,
        every_stream: bool = False,
        reorder: int | None = None,
    ) -> None:
        self.path = path
        self.identity: Identity = identity
        self.threads = threads or os.cpu_count() or 1
        self._reorder = reorder
        self.container = open_container(path, probe=reorder is None)
        try:
            self.stream = _video_stream(self.container, path)
            for other in self.container.streams:
                if other.index != self.stream.index and not every_stream:
                    other.discard = Discard.all
            self._prepare(limits)
        except BaseException:
            self.container.close()
            raise

    def close(self) -> None:
        """Release the file."""
        self.container.close()

    def seek(self, point: int) -> bool:
        """Seek to `point`, in units of the identity; False if the container cannot."""
        try:
            if self.identity == "pos":
                self.container.seek(point, unsupported_byte_offset=True)
            else:
                self.container.seek(point, stream=self.stream)
        except av.error.FFmpegError:
            return False
        self._keep_order()
        return True

    def _keep_order(self) -> None:
        # A decoder that was opened without probing, or was just flushed, may not know its reorder
        # delay.
        if self._reorder is not None:
            self.stream.codec_context.reorder_depth = self._reorder

    def packets(self) -> Iterator[Packet[VideoStream]]:
        """Packets in decoding order; reading continues after errors."""
        for packet in packets_of(self.container, [self.stream]):
            image = cast("Packet[VideoStream]", packet)
            # The decoder reports an error for some packets without an image.
            if not holds_no_image(image) or ends_sequence(image):
                yield self._identified(image)

    def packets_after_gaps(self) -> Iterator[tuple[Packet[VideoStream], bool]]:
        """Packets as above, each with whether unexplained bytes were skipped before it."""
        position, explained = None, 0
        self.ends = 0.0
        for packet in packets_of(self.container, self.container.streams):
            if packet.pts is not None and packet.time_base is not None:
                end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                self.ends = max(self.ends, end)
            if packet.stream_index == self.stream.index:
                passed = 0 if packet.pos is None or position is None else packet.pos - position
                position, gap = packet.pos, passed > 1.25 * explained + _UNEXPLAINED
                explained = 0
                yield self._identified(cast("Packet[VideoStream]", packet)), gap
            explained += packet.size

    def _identified(self, packet: Packet[VideoStream]) -> Packet[VideoStream]:
        if self.identity == "dts":
            packet.pts = packet.dts
        elif self.identity == "pos":
            packet.pts = packet.pos
        return packet

    def _prepare(self, limits: Limits) -> None:
        context = self.stream.codec_context
        if context is None:
            raise MediaError(
                f"{self.path}: there is no decoder for its video codec; convert it to H.264"
            )
        if context.width * context.height > limits.max_pixels:
            raise LimitError(
                f"{self.path}: images of {context.width}x{context.height} exceed the limit of "
                f"{limits.max_pixels} pixels; open a file you trust with a higher max_pixels"
            )
        # Decoders include the padding of their buffers.
        padded = (context.width + 127 & ~127) * (context.height + 127 & ~127)
        context.options = {"max_pixels": str(max(limits.max_pixels, padded))}
        context.thread_count = self.threads
        context.thread_type = "AUTO" if self.threads > 1 else "NONE"
        self._keep_order()

    @property
    def synthesised(self) -> bool:
        """Whether the container format has no presentation times."""
        return bool(Flags(self.container.format.flags) & Flags.no_timestamps)


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    for stream in container.streams.video:
        if not Disposition(stream.disposition) & Disposition.attached_pic:
            return stream
    what = "only sound" if container.streams.audio else "no video"
    raise MediaError(f"{path}: holds {what}; a file with a video stream is needed")
