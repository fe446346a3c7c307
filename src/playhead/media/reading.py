"""Exact seeking: a decoder with a known position, and how it gets to a frame.

Decoding starts at a key frame whose packet is in the table. From there frames are counted; their
identities confirm the count, show which frames were lost, and reveal a seek to the wrong packet.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import av
import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from playhead.media.damage import DamageLog
from playhead.media.source import Clock, Limits, Source
from playhead.media.table import FrameTable

__all__ = ["Cursor", "Take"]

Take = Callable[[int, VideoFrame], bool]

_WORTH_A_SEEK = 8
"""Frames: a key frame closer than this is reached faster by decoding than by seeking."""


class _Way(NamedTuple):
    """How to get to a frame: decode on, seek or skip to the key frame `back` before, or restart."""

    kind: Literal["on", "seek", "skip", "start"]
    back: int = 0


_WAYS = (
    _Way("seek"),
    _Way("seek", 1),
    _Way("seek", 2),
    _Way("seek", 4),
    _Way("skip"),
    _Way("start"),
)


class _BadSeekError(Exception):
    """The first group of pictures after a seek has errors, so the seek itself may be wrong."""


class Cursor:
    """A decoder of one file that knows which frame comes next."""

    def __init__(
        self, source: Source, table: FrameTable, damage: DamageLog, clock: Clock, limits: Limits
    ) -> None:
        self._source = source
        self._table = table
        self._damage = damage
        self._clock = clock
        self._limits = limits
        self._tainted: int | None = None
        self._begin(source.packets(), first=0, verified=True)

    def close(self) -> None:
        """Release the file."""
        self._queue.clear()
        self._source.close()

    def bring(self, k: int, take: Take, *, taken: bool = False) -> bool:
        """Decode up to frame k and pass it to `take`; False if it cannot be read.

        take: called with every decoded frame while its pixels are still in the processor's cache;
            returns whether it used the frame, which is then released. A frame is final once `bring`
            has returned True for it; until then a second call may replace it.
        taken: whether `take` has already used frame k in an earlier call
        """
        self._take = take
        if self._damage.covers(k):
            return False
        for way in self._ways(k, taken):
            try:
                if way.kind == "on" or self._land(way, k):
                    return self._advance(k, final=way.kind == "start")
            except _BadSeekError:
                continue
        return False

    def _ways(self, k: int, taken: bool) -> Iterator[_Way]:
        position = self._table.key_before(k)
        key = int(self._table.key_frames[position]) if position >= 0 else 0
        first = self._queue[0][0] if self._queue else self._next
        clean = position < 0 or not self._spoilt_before(position)
        here = taken or (k, None) not in self._queue
        if first <= k and key <= self._next + _WORTH_A_SEEK and clean and here:
            yield _Way("on")
        for way in _WAYS:
            if way.kind == "start" or way.back <= position:
                yield way

    def _land(self, way: _Way, k: int) -> bool:
        """Move the decoder to a key frame at or before k; False if the seek missed it."""
        if way.kind == "start":
            self._reopen()
            self._begin(self._source.packets(), first=0, verified=True)
            return True
        position = self._table.key_before(k) - way.back
        wanted = int(self._table.key_frames[position])
        if way.kind == "skip" or self._tainted is not None:
            self._reopen()
        if way.kind == "seek" and not self._source.seek(int(self._table.seek_points[position])):
            return False
        packets = self._source.packets()
        for packet in packets:
            self._clock.check()
            if not packet.is_keyframe:
                continue
            landed = self._table.find(packet.pts)
            if landed == wanted:
                self._begin(itertools.chain([packet], packets), first=wanted, verified=False)
                return True
            if way.kind == "seek" and (landed is None or landed > wanted):
                return False
        return False

    def _reopen(self) -> None:
        path, threads = self._source.path, self._source.threads
        self._source.close()
        self._tainted = None
        self._source = Source(
            path,
            self._table.identity,
            threads=threads,
            limits=self._limits,
            reorder=self._table.reorder,
        )

    def _begin(self, packets: Iterator[Packet[VideoStream]], *, first: int, verified: bool) -> None:
        self._packets = packets
        self._next = first
        self._ended = False
        self._unverified_until = 0 if verified else self._table.next_key(first)
        self._trouble = "the data is damaged"
        self._recent: deque[Packet[VideoStream]] = deque(maxlen=max(1, self._source.threads))
        self._queue: deque[tuple[int, VideoFrame | None]] = deque()

    def _advance(self, k: int, *, final: bool) -> bool:
        """Decode until frame k is out and no later packet can mark it as damaged."""
        position = self._table.key_before(k)
        while self._next <= self._table.settled[k] and not self._ended:
            self._step()
            if not final and position >= 0 and self._spoilt_before(position):
                raise _BadSeekError
        while self._queue and self._queue[0][0] < k:
            self._queue.popleft()
        if self._damage.covers(k) or not self._queue or self._queue[0][0] != k:
            return False
        frame = self._queue[0][1]
        if frame is not None:
            self._take(k, frame)
        return True

    def _spoilt_before(self, position: int) -> bool:
        """Whether damage occurred before this key frame, so that it needs a new decoder."""
        return self._tainted is not None and self._tainted < self._table.key_frames[position]

    def _step(self) -> None:
        """Decode one packet, or flush the decoder at the end."""
        self._clock.check()
        packet = next(self._packets, None)
        if packet is not None:
            self._recent.append(packet)
            if packet.is_corrupt:
                self._spoil_packet(packet, "the container marks it as incomplete")
        try:
            frames = self._source.stream.codec_context.decode(packet)
        except av.error.FFmpegError as error:
            self._trouble = f"the decoder refused it ({error.strerror or error})"
            self._blame_recent()
            frames = []
        for frame in frames:
            self._accept(frame)
        if packet is None:
            self._ended = True
            self._lose(self._next, len(self._table))
            self._next = len(self._table)

    def _blame_recent(self) -> None:
        # With several threads an error belongs to one of the last packets; which one is unknown.
        for packet in self._recent:
            self._spoil_packet(packet, self._trouble)

    def _spoil_packet(self, packet: Packet[VideoStream], reason: str) -> None:
        # Later frames may be predicted from a packet that an edit list hides.
        index = self._next if packet.is_discard else self._table.find(packet.pts)
        if index is not None and index < len(self._table):
            self._spoil(index, reason)

    def _accept(self, frame: VideoFrame) -> None:
        """Number a decoded frame: the next index, unless its identity says otherwise."""
        index = self._next
        if index >= len(self._table):
            return
        if self._table.keys[index] != frame.pts:
            known = self._table.find(frame.pts)
            if known is not None and known < index:
                return
            index = index if known is None else known
        self._lose(self._next, index)
        if frame.is_corrupt:
            self._spoil(index, "the decoder could only conceal errors in it")
        self._next = index + 1
        self._queue.append((index, None if self._take(index, frame) else frame))

    def _lose(self, start: int, stop: int) -> None:
        """Mark frames [start, stop), which the decoder did not output."""
        for index in range(start, stop):
            self._spoil(index, self._trouble)

    def _spoil(self, index: int, reason: str) -> None:
        # FFmpeg's H.264 decoder keeps traces of errors, even over a flush: images after the next
        # key frame come out slightly wrong. A new decoder is made before they are read.
        self._tainted = index
        if self._damage.covers(index):
            return
        if index < self._unverified_until:
            raise _BadSeekError
        self._damage.mark(self._table.built_on(index), reason)
        self._damage.mark(np.array([index]), reason)
