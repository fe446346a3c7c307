"""Converting labels between formats, with frames and seconds by the media or a rate."""

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
    """Read `source`, write `target`, and return the number of events.

    media: the folder of the labelled videos, all of which must be there; their tables of times are
        then used. Otherwise labels by frame need the rate that their file declares, or `rate`
    Raises LabelError as `read_events` and `write_events` do.
    """
    times = None if media is None else _Tables(Path(media))
    videos = read_events(source, format=source_format, rate=rate, times=times)
    write_events(videos, target, format=target_format, rate=rate)
    return sum(len(video.events) for video in videos)


class _Tables:
    """The tables of times of the videos in a folder, by the video's name in the labels."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, video: str) -> NDArray[np.float64]:
        """float64 (N,), seconds. Raises LabelError if the folder has no such video."""
        return _table(find_media(self.folder, video))


@lru_cache(maxsize=1)
def _table(path: Path) -> NDArray[np.float64]:
    from playhead.media import open_video

    with open_video(path) as video:
        return video.times
