"""The plan of a generated season: songs, episodes, their parts, scenes, talk and shots.

All times here are whole samples of the clock of the drawn sound, `CLOCK` a second, which starts
with the first frame of an episode. An episode at PAL speed is planned like any other and played
faster afterwards, so only `Episode.seconds` turns samples into times of its file.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

__all__ = [
    "CLOCK",
    "ENDING",
    "EYECATCH",
    "LABELS",
    "OPENINGS",
    "PAL",
    "Cut",
    "Episode",
    "Habits",
    "Line",
    "Part",
    "PartKind",
    "Scene",
    "Seed",
    "Shot",
    "SongPlan",
    "Voice",
]

CLOCK = 22_050
"""Samples a second of the drawn sound."""
PAL = Fraction(25, 24) * Fraction(1001, 1000)
"""How much faster film of 24/1.001 frames a second runs at 25."""

OPENINGS, ENDING, EYECATCH = (0, 1), 2, 3
"""Indices into the songs of a season."""


PartKind = Literal["story", "title", "opening", "ending", "recap", "eyecatch", "credits", "black"]
LABELS = ("opening", "ending", "recap", "eyecatch", "credits")
"""The kinds of parts that are labelled."""

Seed = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Voice:
    """A speaker: pitch in Hz, and the scale of the formants (1 for a long vocal tract)."""

    pitch: float
    scale: float


@dataclass(frozen=True, slots=True)
class SongPlan:
    """A song to synthesise from its seed, or the part of a sound file that begins at `offset`."""

    seed: Seed
    samples: int
    jingle: bool = False
    file: Path | None = None
    offset: float = 0.0  # seconds


@dataclass(frozen=True, slots=True)
class Line:
    """A phrase that somebody says."""

    start: int
    stop: int
    voice: Voice
    who: int
    level: float
    seed: Seed


@dataclass(frozen=True, slots=True)
class Shot:
    """An image of the story: a place, panned from one position to another, and who stands there.

    pan: shares of the room that the place has beside the frame
    figures: (who, centre as a share of the width, height as a share of the frame's)
    """

    start: int
    stop: int
    place: int
    pan: tuple[float, float]
    figures: tuple[tuple[int, float, float], ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """A stretch of the story in one place.

    hum: level of the ambience, 0 for none; bed: level of the music, 0 for none
    """

    start: int
    stop: int
    place: int
    hum: float
    bed: float
    lines: tuple[Line, ...]
    shots: tuple[Shot, ...]
    seed: Seed


@dataclass(frozen=True, slots=True)
class Cut:
    """A piece of the previous episode: `samples` from `start` on its clock."""

    start: int
    samples: int


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an episode; the parts of an episode follow each other without gaps.

    song: index of the song, for an opening, ending or eyecatch
    scenes: of the story and of titles; for an opening whose sound was replaced, what is heard
    cuts: of a recap, one after the other; lines: talk over a song or a recap
    duck: how far a song or recap is turned down under the talk
    """

    kind: PartKind
    start: int
    stop: int
    song: int | None = None
    scenes: tuple[Scene, ...] = ()
    cuts: tuple[Cut, ...] = ()
    lines: tuple[Line, ...] = ()
    duck: float = 1.0


@dataclass(frozen=True, slots=True)
class Episode:
    """An episode that is planned but not drawn; number counts from 0."""

    number: int
    parts: tuple[Part, ...]
    speed: Fraction
    seed: Seed

    @property
    def samples(self) -> int:
        """Its length on the clock of the drawn sound."""
        return self.parts[-1].stop

    def seconds(self, sample: int) -> float:
        """The time in its file of a sample of the drawn sound."""
        return float(Fraction(sample, CLOCK) / self.speed)

    def sample(self, seconds: float) -> int:
        """The sample of the drawn sound at a time of its file."""
        return int(seconds * CLOCK * float(self.speed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """The settings that decide what happens in a season; see `SeasonConfig` for their meaning."""

    episodes: int
    seconds: float
    openings: float
    dialogue: float
    recaps: float
    cold_opens: float
    eyecatches: float
    missing: float
    swaps: float
    dubbed: float
    pal: float
