"""Sound and subtitles of a rewritten video: copied packet by packet if the container supports it.

Otherwise sound is encoded as AAC and subtitles are left out, with a note. Packets that the source's
edit list hides are not copied, except a short preroll of sound.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from playhead.media.late import late_sound, sound_streams
from playhead.media.resampling import Resampler
from playhead.media.source import Source, packets_of

__all__ = ["Tracks", "holds_sound", "kept_metadata"]

# Codecs that players support in these containers; FFmpeg would write others too.
_SOUND_OF_MP4 = {"aac", "mp3", "mp2", "ac3", "eac3", "alac", "flac", "opus"}
_SOUND_OF_MOV = {"aac", "mp3", "ac3", "eac3", "alac"}
_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}
_BITS_A_CHANNEL = 96_000
_OF_CONTAINER = {"encoder", "major_brand", "minor_version", "compatible_brands"}
_PREROLL = Fraction(1, 10)
"""Seconds of hidden sound that are copied, which a decoder needs to start."""
_LEAST = Fraction(1, 1000)
"""Seconds between two packets if the clock jumps back: no container's tick is longer."""
_HIDDEN = 64
"""The most packets of hidden sound."""


class _Copied:
    """A track whose packets are copied with shifted times."""

    def __init__(self, source: Stream, container: OutputContainer, moved: Fraction) -> None:
        self.target = container.add_stream_from_template(source)
        self._tick = Fraction(source.time_base or 1)
        self._move = round(moved / self._tick)
        self._least = math.ceil(_LEAST / self._tick)
        self._hidden: deque[tuple[int, Packet[Any]]] = deque(maxlen=_HIDDEN)
        self._started = False
        self._end = 0
        self._last: int | None = None

    def take(self, packet: Packet[Any]) -> Iterator[Packet[Any]]:
        """The packets to write after this input packet."""
        time = self._timed(packet)
        if packet.is_discard:
            self._hidden.append((time, packet))
            return
        for before, hidden in self._hidden:
            # Hidden sound is kept only directly before the first shown sound.
            if not self._started and time - before <= _PREROLL / self._tick:
                yield self._moved(hidden)
        self._hidden.clear()
        self._started = True
        yield self._moved(packet)

    def finish(self) -> Iterator[Packet[Any]]:
        """The remaining packets: none."""
        return iter(())

    def _timed(self, packet: Packet[Any]) -> int:
        """Set missing times from the packets before; return the presentation time."""
        dts = packet.dts if packet.dts is not None else packet.pts
        packet.dts = self._end if dts is None else dts
        packet.pts = packet.dts if packet.pts is None else packet.pts
        self._end = packet.pts + (packet.duration or 1)
        return packet.pts

    def _moved(self, packet: Packet[Any]) -> Packet[Any]:
        assert packet.dts is not None
        assert packet.pts is not None
        packet.dts += self._move
        # No container allows decoding times that jump back or repeat.
        if self._last is not None and packet.dts <= self._last:
            packet.dts = self._last + self._least
        packet.pts = max(packet.pts + self._move, packet.dts)
        self._last = packet.dts
        packet.stream = self.target
        return packet


class _Encoded:
    """A sound track that is decoded and encoded as AAC."""

    def __init__(self, source: AudioStream, container: OutputContainer, moved: Fraction) -> None:
        self._source = source
        self._moved = moved
        channels = source.codec_context.layout.nb_channels
        layout = _LAYOUTS.get(channels, "stereo")
        rate = min(_AAC_RATES, key=lambda known: abs(known - source.codec_context.sample_rate))
        self.target = container.add_stream("aac", rate=rate)
        context = self.target.codec_context
        context.layout, context.bit_rate = layout, _BITS_A_CHANNEL * min(channels, 8)
        context.flags |= Flags.bitexact
        context.time_base = Fraction(1, rate)
        self._resampler = Resampler(layout, rate)
        self._end: Fraction | None = None

    def take(self, packet: Packet[Any] | None) -> Iterator[Packet[Any]]:
        """The packets to write after this input packet."""
        try:
            frames = self._source.codec_context.decode(packet)
        except av.error.FFmpegError:
            # The missing samples show up as a gap before the next frame.
            return
        for frame in frames:
            yield from self._of(frame)

    def finish(self) -> Iterator[Packet[Any]]:
        """Flush decoder, resampler and encoder."""
        yield from self.take(None)
        for frame in self._resampler.resample(None):
            yield from self.target.encode(frame)
        yield from self.target.encode(None)

    def _of(self, frame: AudioFrame) -> Iterator[Packet[Any]]:
        if frame.pts is not None and frame.time_base is not None:
            # Some containers count in whole packets; count in samples, so that packets can be cut.
            moment = frame.pts * frame.time_base + self._moved
            frame.pts, frame.time_base = (
                round(moment * frame.sample_rate),
                Fraction(1, frame.sample_rate),
            )
            # Where joined recordings overlap, keep the first.
            start, length = Fraction(frame.pts) * frame.time_base, frame.samples * frame.time_base
            if self._end is not None and start < self._end:
                if start + length / 2 <= self._end:
                    return
                start = self._end
                frame.pts = round(start / frame.time_base)
            self._end = start + length
        for part in self._resampler.resample(frame):
            yield from self.target.encode(part)


_Tracks = dict[int, _Copied | _Encoded]
"""The tracks of one container by the index of their stream."""


class _Feed:
    """The kept packets of one input container, and the tracks they go to."""

    def __init__(self, container: InputContainer, tracks: _Tracks) -> None:
        streams = [stream for stream in container.streams if stream.index in tracks]
        self.tracks = tracks
        self._packets = packets_of(container, streams, alone=True) if streams else iter(())
        self.next = next(self._packets, None)

    def take(self, packet: Packet[Any]) -> list[Packet[Any]]:
        """The packets to write for the next input packet; advances to the one after it."""
        ready = list(self.tracks[packet.stream_index].take(packet))
        self.next = next(self._packets, None)
        return ready


class Tracks:
    """All tracks except the video, written in step with it; close it."""

    def __init__(
        self,
        source: Source,
        container: OutputContainer,
        moved: Fraction,
        *,
        sound: bool,
        subtitles: bool,
        metadata: bool,
    ) -> None:
        self.notes: list[str] = []
        self._container, self._moved = container, moved
        opened = source.container
        late = [*late_sound(source.path, opened)] if sound else []
        self._late = [part for part, _ in late]
        tracks: dict[InputContainer, _Tracks] = {opened: {}}
        begun = {stream.id for _, streams in late for stream in streams}
        numbers = itertools.count(1)
        for stream in opened.streams.audio if sound else ():
            if stream in sound_streams(opened):
                self._add_sound(stream, next(numbers), tracks[opened])
            elif stream.id not in begun:
                self.notes.append(f"sound track {next(numbers)} is left out: it cannot be decoded")
        for part, streams in late:
            for stream in streams:
                self._add_sound(stream, next(numbers), tracks.setdefault(part, {}))
        for number, text in enumerate(opened.streams.subtitles if subtitles else (), 1):
            self._add_subtitles(text, number, tracks[opened])
        for part, taken in tracks.items():
            for any_stream in part.streams if metadata else ():
                if any_stream.index in taken:
                    taken[any_stream.index].target.metadata.update(kept_metadata(any_stream))
        self._feeds = [_Feed(part, taken) for part, taken in tracks.items()]

    def close(self) -> None:
        """Release the containers opened for late tracks."""
        for part in self._late:
            part.close()

    def write(self, until: float | None) -> None:
        """Write packets up to a time in seconds of the target, or all that are left."""
        for feed in self._feeds:
            while feed.next is not None and (until is None or self._due(feed.next, until)):
                self._container.mux(feed.take(feed.next))
        if until is None:
            for track in (track for feed in self._feeds for track in feed.tracks.values()):
                self._container.mux(list(track.finish()))

    def _due(self, packet: Packet[Any], until: float) -> bool:
        time = packet.dts if packet.dts is not None else packet.pts
        return time is None or float(time * packet.time_base + self._moved) <= until

    def _add_sound(self, stream: AudioStream, number: int, tracks: _Tracks) -> None:
        name = stream.codec_context.codec.canonical_name
        try:
            if holds_sound(self._container, name):
                tracks[stream.index] = _Copied(stream, self._container, self._moved)
                return
        except ValueError:
            # The container does not support this codec.
            pass
        tracks[stream.index] = _Encoded(stream, self._container, self._moved)
        self.notes.append(f"sound track {number} ({name}) is re-encoded as AAC")

    def _add_subtitles(self, stream: Stream, number: int, tracks: _Tracks) -> None:
        try:
            tracks[stream.index] = _Copied(stream, self._container, self._moved)
        except ValueError:
            self.notes.append(
                f"subtitle track {number} is left out: the container does not support its format"
            )


def kept_metadata(of: Stream | InputContainer) -> dict[str, str]:
    """The metadata of a file or track without the keys about the source container."""
    return {name: text for name, text in of.metadata.items() if name not in _OF_CONTAINER}


def holds_sound(container: OutputContainer, codec: str) -> bool:
    """Whether players support sound of this codec in such a container."""
    match container.format.name:
        case "mp4":
            return codec in _SOUND_OF_MP4
        case "mov":
            return codec in _SOUND_OF_MOV or codec.startswith("pcm_")
        case _:
            return True
