"""Converting: labels from one format into another, frames and seconds by the media or a rate."""

from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playhead.events.formats import read_events, write_events
from playhead.events.names import find_media

__all__ = ["convert"]


def convert(
    source: Path | str,
    target: Path | str,
    *,
    source_format: str | None = None,
    target_format: str | None = None,
    rate: str | float | Fraction | None = None,
    media: Path | str | None = None,
) -> int:
    """Read `source`, write `target`, and return how many events that are.

    media: the folder of the videos that the labels speak of; their tables of times then decide,
    and every video must be there. Without it, labels by frame need the rate that their file
    declares, or `rate`.
    """
    times = None if media is None else _Tables(Path(media))
    videos = read_events(source, format=source_format, rate=rate, times=times)
    write_events(videos, target, format=target_format, rate=rate)
    return sum(len(video.events) for video in videos)


class _Tables:
    """The tables of times of the videos in a folder, by the name that labels give a video."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, video: str) -> NDArray[np.float64]:
        """float64 (N,), seconds; LabelError where the folder has no such video."""
        return _table(find_media(self.folder, video))


@lru_cache(maxsize=1)
def _table(path: Path) -> NDArray[np.float64]:
    from playhead.media import open_video

    with open_video(path) as video:
        return video.times
