"""The end of a file: what a container counts as its last frame, but the decoder has no image for.

Cameras and editors leave such packets behind the last image, often to give it a duration. No player
misses anything, so they are not frames and not damage. A frame missing anywhere else is damage, and
so is a last one that the decoder reports an error for.
"""

import av
from av.index import IndexEntries

from playhead.media.source import Clock, Limits, Source

__all__ = ["count_empty", "gives_no_image"]


def count_empty(entries: IndexEntries) -> int:
    """How many entries at the end of a container's index have no data."""
    count = 0
    while count < len(entries) and entries[len(entries) - 1 - count].size == 0:
        count += 1
    return count


def gives_no_image(
    source: Source, limits: Limits, clock: Clock, *, key: int, point: int, last: int
) -> bool:
    """Whether the decoder silently gives no image for the last packet of a file.

    key, point: identity of the key frame from which decoding starts, and where to seek to it
    last: identity of the last packet in decoding order
    False if an error occurs, or if an image between `key` and `last` is missing as well.
    """
    end = Source(source.path, source.identity, limits=limits)
    decoder = end.stream.codec_context
    promised: set[int | None] = set()
    decoded: set[int | None] = set()
    try:
        if not end.seek(point):
            return False
        for packet in end.packets():
            clock.check()
            if not promised and packet.pts != key:  # a seek may end at an earlier key frame
                continue
            if packet.is_corrupt:
                return False
            # Images shown before the key frame may need those before it.
            if not packet.is_discard and packet.pts is not None and packet.pts >= key:
                promised.add(packet.pts)
            decoded.update(frame.pts for frame in decoder.decode(packet))
        decoded.update(frame.pts for frame in decoder.decode(None))
    except av.error.FFmpegError:
        return False
    finally:
        end.close()
    return promised - decoded == {last}
