"""The data of spotting: labelled videos on the time grid, for training and for validation."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playhead.errors import PlayheadError
from playhead.events.manifest import ManifestRow
from playhead.events.model import VideoEvents
from playhead.files import fingerprint
from playhead.inference.scores import read_scores
from playhead.samples.cache import CachedFrames, DecodedFrames, FrameSource
from playhead.samples.dataset import LabelledVideos
from playhead.samples.windows import NearEvents
from playhead.spotting.config import SpottingConfig
from playhead.spotting.labelled import Side
from playhead.spotting.truth import SCORES, pair_videos

__all__ = ["hard_scores", "label_rows", "load_videos"]


def load_videos(side: Side, config: SpottingConfig) -> LabelledVideos:
    """The videos on their time grids; frames come from the cache if enabled."""
    data = config.data
    return LabelledVideos(
        source=_frames(side.paths, config),
        grids=tuple(video.grid for video in side.videos),
        events=tuple(video.events for video in side.truth),
        window=config.window,
        target=NearEvents(data.classes, config.target_seconds),
    )


def label_rows(rows: Sequence[ManifestRow], truth: Sequence[VideoEvents]) -> Iterator[str]:
    """A line for each video: its name in the manifest, its file's fingerprint and its events."""
    for row, labels in zip(rows, truth, strict=True):
        events = [(event.label, event.start, event.end, event.frame) for event in labels.events]
        yield f"{row.name} {fingerprint(row.video)} {events}"


def hard_scores(
    rows: Sequence[ManifestRow], videos: LabelledVideos, folder: Path | None
) -> list[NDArray[np.float32] | None] | None:
    """Saved out-of-fold scores on each video's grid; None for a video without scores.

    Raises PlayheadError for a folder without scores of any video, or scores on another grid.
    """
    if folder is None:
        return None
    files = sorted(folder.rglob(f"*{SCORES}"))
    names = [str(path.relative_to(folder))[: -len(SCORES)] for path in files]
    indices = pair_videos([row.video.as_posix() for row in rows], names)
    if all(index is None for index in indices):
        raise PlayheadError(f"{folder}: has no {SCORES} of a training video; predict them first")
    saved = [None if index is None else read_scores(files[index]) for index in indices]
    for scores, grid in zip(saved, videos.grids, strict=True):
        if scores is not None and len(scores.times) != len(grid):
            raise PlayheadError(
                f"{folder}: the scores of {scores.video} have {len(scores.times)} grid points, but "
                f"the configuration's grid has {len(grid)}; predict them at the same rate"
            )
    return [None if scores is None else scores.values for scores in saved]


def _frames(paths: Sequence[Path], config: SpottingConfig) -> FrameSource:
    data, pixels = config.data, config.model.pixels
    if data.cached:
        return CachedFrames.build(paths, data.size, pixels=pixels, fit=data.fit)
    return DecodedFrames(paths, data.size, pixels=pixels, fit=data.fit)
