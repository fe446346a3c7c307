"""Resampling: sound in one format, also where the format of the source changes on the way."""

from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

__all__ = ["Resampler"]


class Resampler:
    """Brings frames of sound to float32 planes of one layout and rate.

    A recording that was joined or switched may go from stereo to 5.1, or to another rate.
    """

    def __init__(self, layout: str, rate: int) -> None:
        self._layout, self._rate = layout, rate
        self._given: tuple[str, str, int] | None = None
        self._resampler = AudioResampler("fltp", layout, rate)

    def resample(self, frame: AudioFrame | None) -> list[AudioFrame]:
        """The frames that are ready after this one; None gives out what is left."""
        if frame is None:
            return self._resampler.resample(None)
        given = frame.format.name, frame.layout.name, frame.sample_rate
        left: list[AudioFrame] = []
        if self._given is not None and given != self._given:
            left = self._resampler.resample(None)
            self._resampler = AudioResampler("fltp", self._layout, self._rate)
        self._given = given
        return [*left, *self._resampler.resample(frame)]
