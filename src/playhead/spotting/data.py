"""The data of spotting: labelled videos on the time grid, some to train and some to validate."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from playhead.errors import LabelError
from playhead.events.manifest import ManifestRow, read_manifest
from playhead.events.model import VideoEvents
from playhead.files import fingerprint
from playhead.media import open_video
from playhead.samples.cache import CachedFrames, DecodedFrames, FrameSource
from playhead.samples.dataset import LabelledVideos
from playhead.samples.folds import chosen_fold
from playhead.samples.grid import make_grid
from playhead.spotting.config import DataConfig, SpottingConfig
from playhead.spotting.truth import labels_of
from playhead.worlds.kept import world_manifest

__all__ = ["label_rows", "load_videos", "manifest_of", "split_rows"]


def manifest_of(config: DataConfig) -> Path:
    """The manifest of the data set; a generated world is made on first use."""
    if config.world is not None:
        return world_manifest(config.world)
    if config.manifest is None:
        raise LabelError("data: needs a manifest or a world")
    return config.manifest


def split_rows(config: DataConfig) -> tuple[list[ManifestRow], list[ManifestRow]]:
    """The manifest's rows that train and those that validate, whole groups on one side.

    Raises LabelError where a side is empty or a group lies on both.
    """
    manifest = manifest_of(config)
    rows = read_manifest(manifest)
    groups, splits = [row.group for row in rows], [row.split for row in rows]
    fold = chosen_fold(groups, splits, folds=config.folds, fold=config.fold)
    if not fold.train or not fold.validation:
        raise LabelError(
            f"{manifest}: {len(fold.train)} videos train and {len(fold.validation)} validate; "
            "needs some of each: fill the split column with train and valid, or set data.folds"
        )
    return [rows[i] for i in fold.train], [rows[i] for i in fold.validation]


def load_videos(
    rows: Sequence[ManifestRow], config: SpottingConfig
) -> tuple[LabelledVideos, list[VideoEvents]]:
    """Lay the grid over every video and put its events on its frames; frames come from the cache
    at small sizes, else from the videos.
    """
    data = config.data
    truth, grids = [], []
    for row in rows:
        with open_video(row.video) as video:
            truth.append(labels_of(row, video, classes=data.classes, rate=data.label_rate))
            grids.append(make_grid(video.times, video.duration, data.grid_rate))
    videos = LabelledVideos(
        source=_frames([row.video for row in rows], data),
        grids=tuple(grids),
        events=tuple(one.events for one in truth),
        classes=data.classes,
        window=config.window,
        radius_seconds=config.target_seconds,
    )
    return videos, truth


def label_rows(rows: Sequence[ManifestRow], truth: Sequence[VideoEvents]) -> Iterator[str]:
    """A line for each video: its name in the manifest, its file's fingerprint and its events."""
    for row, labels in zip(rows, truth, strict=True):
        events = [(one.label, one.start, one.end, one.frame) for one in labels.events]
        yield f"{row.name} {fingerprint(row.video)} {events}"


def _frames(paths: Sequence[Path], config: DataConfig) -> FrameSource:
    if config.cached:
        return CachedFrames.build(paths, config.size)
    return DecodedFrames(paths, config.size)
