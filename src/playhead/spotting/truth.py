"""Reading ground truth and predictions."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from playhead.errors import LabelError
from playhead.events.formats import native, read_events, read_row
from playhead.events.formats.detect import detect
from playhead.events.manifest import ManifestRow, read_manifest
from playhead.events.model import VideoEvents
from playhead.events.pairing import pair_videos
from playhead.media import Video, open_video

__all__ = ["EVENTS", "SCORES", "labels_of", "pair_videos", "read_predictions", "read_truth"]

EVENTS = ".events.json"
SCORES = ".scores.npz"


def read_truth(
    path: Path, *, split: str | None = None, rate: str | None = None
) -> list[VideoEvents]:
    """The labels of a manifest's videos (of one split), of a label file, or of a folder of them.

    For a manifest, events get the times of their frames, which are read from the videos.
    """
    if path.is_file() and detect(path) == "manifest":
        listed = read_manifest(path)
        rows = [row for row in listed if split is None or row.split == split]
        if not rows:
            splits = sorted({row.split for row in listed if row.split})
            raise LabelError(
                f"{path}: no video has the split {split!r}; its splits are "
                f"{', '.join(splits) or 'not named: it has no split column'}"
            )
        videos = [_of_row(row, rate) for row in rows]
        # A class may occur in some of the videos only.
        classes = tuple(dict.fromkeys(label for video in videos for label in video.classes))
        return [replace(video, classes=classes) for video in videos]
    if split is not None:
        raise LabelError(f"{path}: --split needs a manifest with a split column")
    return list(read_events(path, rate=rate))


def labels_of(
    row: ManifestRow, video: Video, *, classes: Sequence[str] | None, rate: str | None
) -> VideoEvents:
    """The events of a manifest row on its video's frames; no events if the row has no labels."""
    path = row.video.as_posix()
    if row.labels is None:
        return VideoEvents(video=path, classes=tuple(classes or ()))
    times, duration = video.times, video.duration
    events = read_row(row, times=times, duration=duration, rate=rate, classes=classes)
    return replace(events, video=path)


def read_predictions(folder: Path) -> list[VideoEvents]:
    """Every `X.events.json` below a folder, named by its relative path."""
    files = sorted(folder.rglob(f"*{EVENTS}")) if folder.is_dir() else []
    if not files:
        raise LabelError(
            f"{folder}: has no {EVENTS} files; write them with `playhead spotting predict`"
        )
    return [
        replace(native.read(path), video=str(path.relative_to(folder))[: -len(EVENTS)])
        for path in files
    ]


def _of_row(row: ManifestRow, rate: str | None) -> VideoEvents:
    with open_video(row.video) as video:
        return labels_of(row, video, classes=None, rate=rate)
