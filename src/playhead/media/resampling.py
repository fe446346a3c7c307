"""Resampling: sound in one format, even if the format of the source changes midway."""

from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

__all__ = ["Resampler"]


class Resampler:
    """Converts frames of sound to planes of one layout and rate, of float32 or another format.

    A joined or switched recording may go from stereo to 5.1, or to another rate.
    """

    def __init__(self, layout: str, rate: int, sample_format: str = "fltp") -> None:
        self._format, self._layout, self._rate = sample_format, layout, rate
        self._source: tuple[str, str, int] | None = None
        self._resampler = AudioResampler(sample_format, layout, rate)

    def resample(self, frame: AudioFrame | None) -> list[AudioFrame]:
        """The frames that are ready after this one; None flushes the rest."""
        if frame is None:
            return self._resampler.resample(None)
        source = frame.format.name, frame.layout.name, frame.sample_rate
        left: list[AudioFrame] = []
        if self._source is not None and source != self._source:
            left = self._resampler.resample(None)
            self._resampler = AudioResampler(self._format, self._layout, self._rate)
        self._source = source
        return [*left, *self._resampler.resample(frame)]
