"""The truth that predictions are measured against, and which prediction belongs to which video.

Videos are paired by the end of their paths, since predictions mirror the inputs' folders while a
manifest lists paths from elsewhere: the match whose trailing parts agree furthest wins.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path, PurePosixPath

from playhead.errors import LabelError
from playhead.events.formats import native, read_events, read_row
from playhead.events.formats.detect import detect
from playhead.events.manifest import ManifestRow, read_manifest
from playhead.events.model import VideoEvents
from playhead.media import Video, open_video

__all__ = ["EVENTS", "SCORES", "labels_of", "pair_videos", "read_predictions", "read_truth"]

EVENTS = ".events.json"
SCORES = ".scores.npz"


def read_truth(
    path: Path, *, split: str | None = None, rate: str | None = None
) -> list[VideoEvents]:
    """The labels of a manifest's videos (of one split), of a label file, or of a folder of them.

    Events of a manifest's videos lie at the times of their frames, asked of the videos themselves.
    """
    if path.is_file() and detect(path) == "manifest":
        rows = [row for row in read_manifest(path) if split is None or row.split == split]
        if not rows:
            raise LabelError(f"{path}: no video has the split {split!r}")
        return _one_set([_of_row(row, rate) for row in rows])
    if split is not None:
        raise LabelError(f"{path}: --split needs a manifest with a split column")
    return list(read_events(path, rate=rate))


def _one_set(videos: Sequence[VideoEvents]) -> list[VideoEvents]:
    """The same classes for every video of a set: a class may occur in some of them only."""
    classes = tuple(dict.fromkeys(label for one in videos for label in one.classes))
    return [replace(one, classes=classes) for one in videos]


def labels_of(
    row: ManifestRow, video: Video, *, classes: Sequence[str] | None, rate: str | None
) -> VideoEvents:
    """The events of one manifest row on its video's frames, named by the video's path; a row
    without labels is a video in which nothing happens.
    """
    path = row.video.as_posix()
    if row.labels is None:
        return VideoEvents(video=path, classes=tuple(classes or ()))
    found = read_row(row, times=video.times, rate=rate, classes=classes)
    return replace(found, video=path)


def read_predictions(folder: Path) -> list[VideoEvents]:
    """Every `X.events.json` below a folder, named by its path in it."""
    files = sorted(folder.rglob(f"*{EVENTS}")) if folder.is_dir() else []
    if not files:
        raise LabelError(
            f"{folder}: holds no {EVENTS} files; `playhead spotting predict` writes them"
        )
    return [
        replace(native.read(path), video=str(path.relative_to(folder))[: -len(EVENTS)])
        for path in files
    ]


def pair_videos(wanted: Sequence[str], offered: Sequence[str]) -> list[int | None]:
    """For each wanted video the position of the offered one whose path ends most alike, or None.

    At least the names must agree, but for a suffix that only one of them has. Raises LabelError
    where two fit equally.
    """
    tails = [_tail(name) for name in offered]
    return [_closest(name, tails, offered) for name in wanted]


def _closest(name: str, tails: Sequence[tuple[str, ...]], offered: Sequence[str]) -> int | None:
    common = [_common(_tail(name), tail) for tail in tails]
    best = max(common, default=0)
    if best == 0:
        return None
    found = [index for index, length in enumerate(common) if length == best]
    if len(found) > 1:
        raise LabelError(
            f"{name}: both {offered[found[0]]} and {offered[found[1]]} may belong to it; "
            "keep the folders of the videos in the predictions"
        )
    return found[0]


def _tail(name: str) -> tuple[str, ...]:
    """The parts of a path from its end, the name first."""
    return PurePosixPath(name.replace("\\", "/")).parts[::-1]


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many parts from the end agree."""
    if not (one and other and _same_name(one[0], other[0])):
        return 0
    pairs = zip(one[1:], other[1:], strict=False)
    return 1 + sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _same_name(one: str, other: str) -> bool:
    """Whether two names are equal, or would be if one of them lacked its suffix.

    Never both: `match.1` and `match.2` are two videos, and so are their predictions.
    """
    return one == other or PurePosixPath(one).stem == other or one == PurePosixPath(other).stem


def _of_row(row: ManifestRow, rate: str | None) -> VideoEvents:
    with open_video(row.video) as video:
        return labels_of(row, video, classes=None, rate=rate)
