"""Sound of a span: decoded from near its start, without all the sound that comes before it."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from numpy.typing import NDArray

from playhead.errors import MediaError
from playhead.media.late import sound_streams
from playhead.media.resampling import Resampler
from playhead.media.source import open_container, packets_of
from playhead.media.video import Video

__all__ = ["SoundForm", "sound_form", "stream_span"]

_RATES = (48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
"""Samples a second that every encoder of sound takes."""
_PREROLL = 0.5
"""Seconds before the span that are decoded too, since a decoder needs some packets to start."""
_TOLERATED = 0.02
"""Seconds: a smaller gap is rounding by the container, not missing sound."""


@dataclass(frozen=True, slots=True)
class SoundForm:
    """How sound is written: `mono` or `stereo`, and samples a second."""

    layout: str
    rate: int

    @property
    def channels(self) -> int:
        """One or two."""
        return 1 if self.layout == "mono" else 2

    def silence(self, samples: int) -> NDArray[np.float32]:
        """Zeros, float32 (channels, samples)."""
        return np.zeros((self.channels, samples), np.float32)


def sound_form(video: Video) -> SoundForm | None:
    """The form nearest to that of a video's first sound track; None if it has no sound."""
    if not video.has_audio:
        return None
    with open_container(video.path) as container:
        stream = _track(container)
        if stream is None:
            return None
        context = stream.codec_context
        layout = "mono" if context.layout.nb_channels == 1 else "stereo"
        return SoundForm(layout, min(_RATES, key=lambda rate: abs(rate - context.sample_rate)))


def stream_span(
    video: Video, start: float, end: float, form: SoundForm
) -> Iterator[NDArray[np.float32]]:
    """The sound of [start, end), seconds of the video, as blocks float32 (channels, N) in order.

    Together they have round((end - start) x rate) samples; where there is no sound, or where it
    cannot be decoded, they are silent.
    """
    total, given = round((end - start) * form.rate), 0
    for at, samples in _decoded(video, start, end, form):
        part = samples[:, max(0, given - at) : max(0, total - at)]
        if part.shape[1]:
            if at > given:
                yield form.silence(at - given)
                given = at
            yield part
            given += part.shape[1]
    block = form.rate
    while given < total:
        yield form.silence(min(block, total - given))
        given += min(block, total - given)


def _track(container: InputContainer) -> AudioStream | None:
    """The default sound track, else the first."""
    streams = sound_streams(container)
    marked = (s for s in streams if s.disposition & Disposition.default)
    return next(marked, streams[0] if streams else None)


def _decoded(
    video: Video, start: float, end: float, form: SoundForm
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Resampled sound from about `start` on, each with its first sample's number from `start`."""
    with suppress(MediaError), open_container(video.path) as container:
        stream = _track(container)
        if stream is None:
            return
        origin = video.table.start + start
        if start > _PREROLL and stream.time_base is not None:
            with suppress(av.error.FFmpegError):  # without seeking it is read from the beginning
                container.seek(int((origin - _PREROLL) / stream.time_base), stream=stream)
        resampler: Resampler | None = None
        at, due = 0, 0.0
        for frame in _frames(container, stream):
            time = due if frame.time is None else float(frame.time) - origin
            if time >= end - start:
                break
            if resampler is None or abs(time - due) > _TOLERATED:
                if resampler is not None:
                    yield from _numbered(resampler.resample(None), at)
                resampler = Resampler(form.layout, form.rate)
                at, due = round(time * form.rate), time
            due += frame.samples / frame.sample_rate
            parts = resampler.resample(frame)
            yield from _numbered(parts, at)
            at += sum(part.samples for part in parts)
        if resampler is not None:
            yield from _numbered(resampler.resample(None), at)


def _numbered(frames: Sequence[AudioFrame], at: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """The samples of consecutive frames, of which the first is number `at`."""
    for frame in frames:
        yield at, frame.to_ndarray().astype(np.float32, copy=False)
        at += frame.samples


def _frames(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    """Decoded frames; packets that cannot be decoded are skipped and leave a gap."""
    for packet in chain(packets_of(container, [stream], alone=True), [None]):
        with suppress(av.error.FFmpegError):
            yield from stream.decode(packet)
