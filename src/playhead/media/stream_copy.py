"""Cutting without encoding: the packets of some frames, where these frames need no others.

That is so if the first is a key frame, and if no frame outside is decoded between the first and the
last one. The copy is read again and compared before it counts, so it is never off by a frame.
"""

from __future__ import annotations

from collections import deque
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from playhead.errors import MediaError
from playhead.files import atomic_path
from playhead.media.cut import end_of
from playhead.media.late import sound_streams
from playhead.media.rewrite_tracks import holds_sound
from playhead.media.scan import file_state, scan
from playhead.media.source import (
    DEFAULT_LIMITS,
    Clock,
    Source,
    open_container,
    packets_of,
)
from playhead.media.table import FrameTable
from playhead.media.video import Video

__all__ = ["closed_around", "copy_frames", "is_closed"]

_CODECS = {"h264", "hevc", "mpeg4", "vp9", "av1"}
"""Codecs that players support in MP4."""
_CONTAINERS = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"}
"""Formats that hold the parameters of the codec apart, as MP4 does."""
_TOLERATED = 0.002
"""Seconds by which a time may differ: Matroska rounds to milliseconds."""
_APART = 2.0
"""Seconds by which the packets of two sound tracks may be out of order in a file."""


def is_closed(table: FrameTable, frames: range) -> bool:
    """Whether frames can be decoded from their own packets alone, of which none is of another."""
    first = table.key_before(frames.start)
    if first < 0 or int(table.key_frames[first]) != frames.start:
        return False
    ranks = table.rank[frames.start : frames.stop]
    last_first = int(ranks.max()) - int(ranks.min()) == len(frames) - 1
    return last_first and int(ranks.min()) == int(ranks[0])


def closed_around(table: FrameTable, frames: range) -> range:
    """The fewest frames around `frames` that begin with a key frame and need no later ones.

    They may end later than `frames`, as what is shown before a frame may be decoded after it. They
    are not closed (see `is_closed`) where frames before the key frame are decoded after it, or if
    there is no key frame at or before `frames`.
    """
    first = table.key_before(frames.start)
    start = int(table.key_frames[first]) if first >= 0 else 0
    stop = frames.stop
    while True:
        later = np.flatnonzero(table.rank[stop:] <= table.rank[start:stop].max())
        if not len(later):
            return range(start, stop)
        stop += int(later[-1]) + 1


def copy_frames(video: Video, frames: range, target: Path, *, sound: bool = False) -> bool:
    """Copy the packets of `frames` to an MP4 file, atomically; False if that is not exact.

    sound: with the packets of sound that begin while these frames are displayed, of codecs that
        players support in MP4
    Raises StorageError if writing fails.
    """
    table = video.table
    if not is_closed(table, frames) or table.timestamps != "container":
        return False
    try:
        with atomic_path(target) as temporary:
            _copy(video, frames, temporary, sound=sound and video.has_audio)
            _verify(video, frames, temporary)
    except _NotExactError:
        return False
    return True


class _NotExactError(Exception):
    """These frames cannot be copied, or the copy is not what it should be."""


def _copy(video: Video, frames: range, path: Path, *, sound: bool) -> None:
    table = video.table
    source = Source(video.path, table.identity, reorder=table.reorder)
    with closing(source):
        name = source.stream.codec_context.codec.canonical_name
        if name not in _CODECS or source.container.format.name not in _CONTAINERS:
            raise _NotExactError
        if not source.seek(int(table.seek_points[table.key_before(frames.start)])):
            raise _NotExactError
        origin, left = int(table.keys[frames.start]), len(frames)
        try:
            with av.open(f"file:{path}", "w", format="mp4") as output:
                stream = output.add_stream_from_template(source.stream)
                tracks = _sound(video, frames, output) if sound else deque()
                for packet in source.packets():
                    k = table.find(packet.pts)
                    if k is None or k not in frames:
                        continue
                    if packet.dts is None or packet.pts is None:
                        raise _NotExactError
                    packet.pts, packet.dts = packet.pts - origin, packet.dts - origin
                    packet.stream = stream
                    while tracks and _seconds(tracks[0]) <= _seconds(packet):
                        output.mux(tracks.popleft())
                    output.mux(packet)
                    left -= 1
                    if left == 0:
                        break
                for packet in tracks:
                    output.mux(packet)
        except (av.error.FFmpegError, ValueError) as error:
            if isinstance(error, OSError):
                raise
            raise _NotExactError from error


def _sound(video: Video, frames: range, output: OutputContainer) -> deque[Packet[Any]]:
    """Adds the sound tracks to `output`; their packets that begin within `frames`, in order.

    They are few and small, so they are read first, and written between those of the frames.
    """
    first = float(video.times[frames.start])
    start, length = video.table.start + first, end_of(video, frames) - first
    taken: deque[Packet[Any]] = deque()
    with open_container(video.path) as container:
        tracks: dict[Stream, Stream] = {}
        for source in sound_streams(container):
            with suppress(ValueError):  # MP4 does not support this codec
                if holds_sound(output, source.codec_context.codec.canonical_name):
                    tracks[source] = output.add_stream_from_template(source)
        if tracks and start > 0:
            with suppress(av.error.FFmpegError):  # read from the beginning instead
                container.seek(int(start * av.time_base))
        for packet in packets_of(container, tracks, alone=True) if tracks else ():
            if packet.pts is None or packet.dts is None or packet.time_base is None:
                continue
            time = float(packet.pts * packet.time_base) - start
            if time >= length + _APART:
                break
            if 0 <= time < length:
                move = round(start / packet.time_base)
                packet.pts, packet.dts = packet.pts - move, packet.dts - move
                packet.stream = tracks[packet.stream]
                taken.append(packet)
    return taken


def _seconds(packet: Packet[Any]) -> float:
    """The decoding time of a packet that has one."""
    return float((packet.dts or 0) * (packet.time_base or 1))


def _verify(video: Video, frames: range, path: Path) -> None:
    """Compare number and times of all frames, and the pixels of the first and the last one."""
    clock = Clock(path, DEFAULT_LIMITS.max_seconds)
    try:
        table = scan(path, DEFAULT_LIMITS, clock)  # not cached: the name of the file is temporary
        wanted = video.times[frames.start : frames.stop] - video.times[frames.start]
        if len(table) != len(frames) or np.abs(table.times - wanted).max() > _TOLERATED:
            raise _NotExactError
        source = Source(path, table.identity, reorder=table.reorder)
        with Video(source, table, clock, DEFAULT_LIMITS, file_state(path)) as copy:
            ends = copy.read([0, len(frames) - 1])
    except MediaError as error:
        raise _NotExactError from error
    original = video.read([frames.start, frames.stop - 1])
    if ends.shape != original.shape or not np.array_equal(ends, original):
        raise _NotExactError
