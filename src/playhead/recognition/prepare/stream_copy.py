"""Cutting without encoding: the packets of some frames, where these frames need no others.

That is so if the first is a key frame, and if no frame outside is decoded between the first and the
last one. The copy is read again and compared before it counts, so it is never off by a frame.
"""

from contextlib import closing
from pathlib import Path

import av
import numpy as np

from playhead.errors import MediaError
from playhead.files import atomic_path
from playhead.media.scan import file_state, scan
from playhead.media.source import DEFAULT_LIMITS, Clock, Source
from playhead.media.table import FrameTable
from playhead.media.video import Video

__all__ = ["copy_frames", "is_closed"]

_CODECS = {"h264", "hevc", "mpeg4", "vp9", "av1"}
"""Codecs that players support in MP4."""
_CONTAINERS = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"}
"""Formats that hold the parameters of the codec apart, as MP4 does."""
_TOLERATED = 0.002
"""Seconds by which a time may differ: Matroska rounds to milliseconds."""


def is_closed(table: FrameTable, frames: range) -> bool:
    """Whether frames can be decoded from their own packets alone, of which none is of another."""
    first = table.key_before(frames.start)
    if first < 0 or int(table.key_frames[first]) != frames.start:
        return False
    ranks = table.rank[frames.start : frames.stop]
    last_first = int(ranks.max()) - int(ranks.min()) == len(frames) - 1
    return last_first and int(ranks.min()) == int(ranks[0])


def copy_frames(video: Video, frames: range, target: Path) -> bool:
    """Copy the packets of `frames` to an MP4 file, atomically; False if that is not exact.

    Sound is left out. Raises StorageError if writing fails.
    """
    table = video.table
    if not is_closed(table, frames) or table.timestamps != "container":
        return False
    try:
        with atomic_path(target) as temporary:
            _copy(video, frames, temporary)
            _verify(video, frames, temporary)
    except _NotExactError:
        return False
    return True


class _NotExactError(Exception):
    """These frames cannot be copied, or the copy is not what it should be."""


def _copy(video: Video, frames: range, path: Path) -> None:
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
                for packet in source.packets():
                    k = table.find(packet.pts)
                    if k is None or k not in frames:
                        continue
                    if packet.dts is None or packet.pts is None:
                        raise _NotExactError
                    packet.pts, packet.dts = packet.pts - origin, packet.dts - origin
                    packet.stream = stream
                    output.mux(packet)
                    left -= 1
                    if left == 0:
                        break
        except (av.error.FFmpegError, ValueError) as error:
            if isinstance(error, OSError):
                raise
            raise _NotExactError from error


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
