"""Labelled videos as they are read: the events and the grid of each, and what could not be read."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playhead.errors import FileFailure
from playhead.events.manifest import ManifestRow
from playhead.events.model import VideoEvents
from playhead.media import open_video
from playhead.samples.grid import Grid, make_grid
from playhead.spotting.config import SpottingConfig
from playhead.spotting.truth import labels_of

__all__ = ["BadVideo", "LabelledVideo", "Side", "gaps_of", "read_labels"]


@dataclass(frozen=True, slots=True, eq=False)
class LabelledVideo:
    """A video of the manifest, its events, and the facts of its file.

    rate: frames per second, the mean where it varies; size: width and height in pixels
    """

    row: ManifestRow
    truth: VideoEvents
    grid: Grid
    rate: float
    size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class BadVideo:
    """A video that cannot be used, and why."""

    row: ManifestRow
    reason: str


@dataclass(frozen=True, slots=True)
class Side:
    """The videos of one side of the split, and those that cannot be used."""

    videos: tuple[LabelledVideo, ...]
    bad: tuple[BadVideo, ...]

    @property
    def rows(self) -> list[ManifestRow]:
        """The rows of the videos that can be used."""
        return [video.row for video in self.videos]

    @property
    def paths(self) -> list[Path]:
        """The files of the videos that can be used."""
        return [video.row.video for video in self.videos]

    @property
    def truth(self) -> list[VideoEvents]:
        """The events of each video."""
        return [video.truth for video in self.videos]

    def counts(self) -> Counter[str]:
        """The number of events of each class."""
        return Counter(event.label for video in self.videos for event in video.truth.events)


def read_labels(rows: Sequence[ManifestRow], config: SpottingConfig) -> Side:
    """Read the tables and the labels of videos; one that fails does not stop the others."""
    data = config.data
    videos, bad = [], []
    for row in rows:
        with FileFailure(row.video) as failure, open_video(row.video) as video:
            truth = labels_of(
                row,
                video,
                classes=data.classes,
                class_map=data.class_map,
                rate=data.label_rate,
            )
            grid = make_grid(video.times, video.duration, data.grid_rate)
            size = (video.width, video.height)
            videos.append(LabelledVideo(row, truth, grid, float(video.rate), size))
        if failure.reason:
            bad.append(BadVideo(row, failure.reason))
    return Side(tuple(videos), tuple(bad))


def gaps_of(truth: Sequence[VideoEvents], label: str) -> NDArray[np.float64]:
    """The seconds between neighbouring events of a class, over all videos: (gaps,)."""
    times = [
        np.sort([event.start for event in video.events if event.label == label]) for video in truth
    ]
    return np.concatenate([np.empty(0), *(np.diff(moments) for moments in times)])
