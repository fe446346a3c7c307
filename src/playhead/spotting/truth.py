"""Reading ground truth and predictions, and pairing them by video.

Videos are paired by the end of their paths, since predictions mirror the inputs' folders while a
manifest may list other absolute paths: the longest common end of two paths wins.
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

    For a manifest, events get the times of their frames, which are read from the videos.
    """
    if path.is_file() and detect(path) == "manifest":
        rows = [row for row in read_manifest(path) if split is None or row.split == split]
        if not rows:
            raise LabelError(f"{path}: no video has the split {split!r}; check the split column")
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
    return replace(read_row(row, times=video.times, rate=rate, classes=classes), video=path)


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


def pair_videos(wanted: Sequence[str], offered: Sequence[str]) -> list[int | None]:
    """For each wanted video, the index of the offered one with the longest common end, or None.

    At least the file names must agree; one of them may lack its suffix. Raises LabelError if two
    match equally well.
    """
    tails = [_tail(name) for name in offered]
    return [_closest(name, tails, offered) for name in wanted]


def _closest(name: str, tails: Sequence[tuple[str, ...]], offered: Sequence[str]) -> int | None:
    common = [_common(_tail(name), tail) for tail in tails]
    best = max(common, default=0)
    if best == 0:
        return None
    matches = [index for index, length in enumerate(common) if length == best]
    if len(matches) > 1:
        raise LabelError(
            f"{name}: matches both {offered[matches[0]]} and {offered[matches[1]]}; keep the "
            "folders of the videos in the predictions"
        )
    return matches[0]


def _tail(name: str) -> tuple[str, ...]:
    """The parts of a path, the file name first."""
    return PurePosixPath(name.replace("\\", "/")).parts[::-1]


def _common(a: Sequence[str], b: Sequence[str]) -> int:
    """The number of parts, from the end, that agree."""
    if not (a and b and _same_name(a[0], b[0])):
        return 0
    pairs = zip(a[1:], b[1:], strict=False)
    return 1 + sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _same_name(a: str, b: str) -> bool:
    """Whether two names are equal, or would be if one of them lacked its suffix.

    Not if both did: `match.1` and `match.2` are two videos.
    """
    return a == b or PurePosixPath(a).stem == b or a == PurePosixPath(b).stem


def _of_row(row: ManifestRow, rate: str | None) -> VideoEvents:
    with open_video(row.video) as video:
        return labels_of(row, video, classes=None, rate=rate)
