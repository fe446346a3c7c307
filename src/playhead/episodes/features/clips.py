"""The clips of a video, the boundary in each, and the series that a video belongs to."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from playhead.episodes.features.table import Part, part_of
from playhead.events.model import Event

__all__ = ["SECONDS", "Clip", "boundary", "clips_of", "series_of"]

SECONDS = 200.0
"""The length of the two clips of an episode."""

_SEASON = re.compile(
    r"(season|series|saison|staffel|temporada|s)[ ._-]*\d+|specials?|extras?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Clip:
    """A part of a video: seconds from its first frame. name: as in the table of features."""

    name: str
    part: Part
    start: float
    seconds: float


def clips_of(name: str, duration: float, *, seconds: float = SECONDS) -> tuple[Clip, ...]:
    """The clips of a video of `duration` seconds: itself, or the two of an episode.

    name: of the video without its suffix; seconds: of the two clips
    """
    part = part_of(name)
    if part is not None:
        return (Clip(name, part, 0.0, duration),)
    length = min(seconds, duration)
    return (
        Clip(f"{name}_start", "start", 0.0, length),
        Clip(f"{name}_end", "end", duration - length, length),
    )


def boundary(events: Sequence[Event], clip: Clip) -> float | None:
    """The label of a clip in the events of its video: seconds from the clip's start, or None.

    Where the first opening ends, or the first ending starts (`credits` count if there is no
    ending). An instant is the boundary itself. Boundaries outside of the clip do not count.
    """
    for label in ("opening",) if clip.part == "start" else ("ending", "credits"):
        times = [
            event.start if clip.part == "end" or event.end is None else event.end
            for event in events
            if event.label == label
        ]
        inside = [t - clip.start for t in sorted(times) if 0 <= t - clip.start <= clip.seconds]
        if inside:
            return inside[0]
    return None


def series_of(stem: Path, root: Path) -> str:
    """The series of a video: the folders above it that are not those of a season.

    stem: the video's path below `root`, without suffix; a video without such a folder belongs to
    the series that `root` is named after, a clip without one is its own series.
    """
    folders = [name for name in stem.parent.parts if not _SEASON.fullmatch(name)]
    if folders:
        return "/".join(folders)
    if part_of(stem.name) is not None:
        return stem.name.rpartition("_")[0]
    above = [name for name in root.resolve().parts if not _SEASON.fullmatch(name)]
    return above[-1]
