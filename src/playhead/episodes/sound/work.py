"""The sound of the files of a season, read side by side; and of films without any."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from playhead.episodes.sound.reading import RATE, Sound, read_sound
from playhead.errors import MediaError
from playhead.execution.outcomes import FileOutcome
from playhead.execution.runner import Work
from playhead.media import open_video
from playhead.media.late import count_sound
from playhead.progress import Progress

__all__ = ["SoundWork", "duration_of", "sound_of"]


@dataclass(frozen=True, slots=True)
class SoundWork:
    """Reads the sound of one file after another into the store of sounds."""

    audio: int | None

    def open(self) -> Work:
        """Nothing is loaded."""
        return self._read

    def _read(self, path: Path, target: Path, progress: Progress) -> FileOutcome:
        sound = sound_of(path, self.audio)
        if sound.missing:
            return FileOutcome(path, "partial", reason=_missing(sound))
        return FileOutcome(path, "ok")


def sound_of(path: Path, audio: int | None) -> Sound:
    """The sound of an episode, from the store where it is there; empty for a silent film.

    Raises MediaError if it cannot be read, or there is no such track.
    """
    try:
        return read_sound(path, audio=audio)
    except MediaError:
        with open_video(path) as video:  # a file that is no video fails
            if audio is not None or video.has_audio or count_sound(path):
                raise
    return Sound(words=np.zeros(0, np.uint32), samples=np.zeros(0, np.int16), start=0.0)


def duration_of(path: Path, sound: Sound) -> float:
    """Seconds of an episode: of its sound where it has any, as that needs no look at the video."""
    if len(sound.samples):
        return max(0.0, sound.start + len(sound.samples) / RATE)
    with open_video(path) as video:
        return video.duration


def _missing(sound: Sound) -> str:
    """Which spans of the sound could not be read."""
    spans = [f"{start:.1f} to {end:.1f} s" for start, end in sound.missing[:3]]
    more = ", ..." if len(sound.missing) > 3 else ""
    return f"the sound from {', '.join(spans)}{more} cannot be read"
