"""Late sound: sound tracks of MPEG streams that begin after the part FFmpeg probes on opening.

MPEG transport and programme streams describe a track only where it begins, and FFmpeg probes the
first megabytes. So the rest of the file is opened part by part to find further tracks.
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
"""Bytes: windows overlap, so that each track is found from its start."""
_PRECISION = 4096
"""Bytes: a transport stream repeats its list of tracks about this often."""


def sound_streams(container: InputContainer) -> list[AudioStream]:
    """The sound tracks with enough known parameters to decode or copy them."""
    return [
        stream
        for stream in container.streams.audio
        if stream.codec_context is not None and stream.codec_context.sample_rate
    ]


def late_sound(
    path: Path, container: InputContainer
) -> Iterator[tuple[InputContainer, list[AudioStream]]]:
    """Sound tracks that are unknown to `container`, which was opened at the start of the file.

    Each result is a container to read from its beginning, which the caller closes, and the tracks
    to read from it. Tracks that cannot be decoded are left out.
    """
    if container.format.name not in _FORMATS:
        return
    known = {stream.id for stream in sound_streams(container)}
    listed = {stream.id for stream in container.streams}
    size = path.stat().st_size
    step = _STEP
    if container.format.name == "mpegts":  # only the list at the start of a part is read
        step = max(_PRECISION, min(_STEP, size // _PARTS))
    for start in range(0, size, step):
        part = _opened(path, start)
        fresh = _fresh(part, known)
        if part is None or not fresh:
            continue
        if start and not {stream.id for stream in fresh} & listed:
            # The new list of tracks lies before `start`; find it, or the sound up to here is lost.
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
    """How many sound tracks can be decoded or copied, including those that begin late."""
    with open_container(path) as container:
        count = len(sound_streams(container))
        for part, streams in late_sound(path, container):
            part.close()
            count += len(streams)
    return count


def _opened(path: Path, start: int) -> InputContainer | None:
    """The file opened at this byte; None if only damage or the rest of a packet follows."""
    try:
        return open_container(path, start=start, window=_WINDOW)
    except MediaError:
        return None


def _fresh(part: InputContainer | None, known: set[int]) -> list[AudioStream]:
    streams = [] if part is None else sound_streams(part)
    return [stream for stream in streams if stream.id not in known]
