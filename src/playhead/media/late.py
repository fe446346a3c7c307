"""Late sound: tracks of a stream format that begin after the part that is read on opening.

MPEG transport and programme streams announce a track, or how it is coded, only where it begins.
FFmpeg learns of tracks from the first megabytes, so the rest is opened part by part.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from av.audio.stream import AudioStream
from av.container import InputContainer

from playhead.errors import MediaError
from playhead.media.source import open_container

__all__ = ["count_sound", "late_sound", "sound_streams"]

_FORMATS = {"mpegts", "mpeg"}
_PARTS = 16
_STEP = 4 << 20
_WINDOW = 2 * _STEP
"""Bytes: windows overlap, so that a track which begins in one is found there from its start."""
_PRECISION = 4096
"""Bytes: a transport stream lists its tracks again after about as many."""


def sound_streams(container: InputContainer) -> list[AudioStream]:
    """The sound tracks of which enough is known to decode or copy them."""
    return [
        stream
        for stream in container.streams.audio
        if stream.codec_context is not None and stream.codec_context.sample_rate
    ]


def late_sound(
    path: Path, container: InputContainer
) -> Iterator[tuple[InputContainer, list[AudioStream]]]:
    """Sound tracks that `container`, opened at the start of the file, does not know.

    Each comes with a container in which it is to be read from the beginning, and which the caller
    closes. A track that cannot be decoded is in none.
    """
    if container.format.name not in _FORMATS:
        return
    known = {stream.id for stream in sound_streams(container)}
    listed = {stream.id for stream in container.streams}
    size = path.stat().st_size
    step = _STEP
    if container.format.name == "mpegts":  # of which only the list at the start of a part is read
        step = max(_PRECISION, min(_STEP, size // _PARTS))
    for start in range(0, size, step):
        part = _opened(path, start)
        fresh = _fresh(part, known)
        if part is None or not fresh:
            continue
        if start and not {stream.id for stream in fresh} & listed:
            # A new list of tracks stands before this, and what comes between would be lost.
            before, after = start - step, start
            while after - before > _PRECISION:
                middle = (before + after) // 2
                other = _opened(path, middle)
                if other is not None and _fresh(other, known):
                    part, fresh, after = other, _fresh(other, known), middle
                else:
                    before = middle
        known |= {stream.id for stream in fresh}
        yield part, fresh


def count_sound(path: Path) -> int:
    """How many sound tracks of a file can be decoded or copied, those that begin late counted."""
    with open_container(path) as container:
        count = len(sound_streams(container))
        for part, streams in late_sound(path, container):
            part.close()
            count += len(streams)
    return count


def _opened(path: Path, start: int) -> InputContainer | None:
    """The file from this byte on; None where only damage or the end of the last packet follows."""
    try:
        return open_container(path, start=start, window=_WINDOW)
    except MediaError:
        return None


def _fresh(part: InputContainer | None, known: set[int]) -> list[AudioStream]:
    streams = [] if part is None else sound_streams(part)
    return [stream for stream in streams if stream.id not in known]
