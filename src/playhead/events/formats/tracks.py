"""Track files: `X.tracks.npz`, the tracks of one video and a reviewer's decisions on them.

Numbers are in columns, with the boxes of all tracks concatenated; the rest is JSON. The file has no
pickles, and all declared types and sizes are checked against the actual data.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.errors import LabelError
from playhead.events.formats.columns import ColumnKind, Columns, json_column, read_archive
from playhead.events.model import Box, Origin, Track
from playhead.events.source import JsonEntry
from playhead.files import atomic_path

__all__ = [
    "SCHEMA",
    "SUFFIX",
    "TrackFile",
    "by_frame",
    "pack_tracks",
    "read_tracks",
    "write_tracks",
]

SCHEMA = 1
SUFFIX = ".tracks.npz"
META_KEYS = ("schema", "video", "frames", "width", "height", "classes", "settings")
COLUMNS: dict[str, ColumnKind] = {
    "meta": ("|u1", ()),
    "ids": ("<i8", ()),
    "labels": ("<i4", ()),
    "counts": ("<i8", ()),
    "track_frames": ("<i4", ()),
    "track_boxes": ("<f4", (4,)),
    "track_scores": ("<f4", ()),
    "track_origin": ("|u1", ()),
    "unseen": ("<i4", (2,)),
    "shown": ("<i8", ()),
    "spans": ("<f8", (2,)),
}


def _no_ranges() -> NDArray[np.int32]:
    return np.zeros((0, 2), np.int32)


def _no_spans() -> NDArray[np.float64]:
    return np.zeros((0, 2), np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrackFile:
    """The tracks of one video, the frames that were not analysed, and a reviewer's decisions.

    frames, width, height: of the video, as displayed
    classes: every label that was searched for
    unseen: int32 (M, 2), half-open ranges of frames that were decoded but not analysed
    shown: ids of the tracks that stay visible
    spans: float64 (S, 2), half-open spans in seconds in which tracks are hidden; (0, 2): everywhere
    settings: how the tracks were made, as a JSON object
    Raises LabelError naming the video if the fields contradict each other.
    """

    video: str
    frames: int
    width: int
    height: int
    classes: tuple[str, ...]
    tracks: tuple[Track, ...] = ()
    unseen: NDArray[np.int32] = field(default_factory=_no_ranges)
    shown: frozenset[int] = frozenset()
    spans: NDArray[np.float64] = field(default_factory=_no_spans)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.video:
            raise LabelError("the tracks need the name of their video")
        if min(self.frames, self.width, self.height) < 1:
            raise LabelError(
                f"{self.video}: has {self.frames} frames of {self.width}x{self.height}; each needs "
                "to be 1 or more"
            )
        if len(set(self.classes)) != len(self.classes) or not all(self.classes):
            raise LabelError(f"{self.video}: a class is empty or listed twice in {self.classes}")
        _check_ids(self)
        for track in self.tracks:
            _check_track(self, track)
        _check_ranges(self)


def write_tracks(path: Path, file: TrackFile) -> None:
    """Write a track file atomically. Raises LabelError if the settings are not JSON."""
    with atomic_path(path) as temporary:
        pack_tracks(temporary, file)


def pack_tracks(path: Path, file: TrackFile) -> None:
    """Write a track file into `path` directly, not atomically; see `write_tracks`."""
    columns = _columns(path, file)
    with path.open("wb") as target:
        np.savez_compressed(target, allow_pickle=False, **columns)


def read_tracks(path: Path) -> TrackFile:
    """Read a track file. Raises LabelError for a newer schema or invalid content."""
    meta, columns = read_archive(path, COLUMNS, keys=META_KEYS, schema=SCHEMA, kind="track file")
    try:
        return _assemble(meta, columns)
    except LabelError as error:
        raise LabelError(f"{path}: {error}") from error


def by_frame(file: TrackFile) -> Callable[[int], list[tuple[int, Box]]]:
    """A function from a frame to its boxes: `(index in file.tracks, box)`, in order of the tracks.

    A call takes time proportional to the boxes of the frame, not to the tracks; the index takes 12
    bytes per box.
    """
    frames = _joined([track.frames for track in file.tracks], np.int32)
    owners = np.repeat(np.arange(len(file.tracks), dtype=np.int32), _counts(file))
    rows = _joined([np.arange(len(track.frames)) for track in file.tracks], np.int32)
    order = np.argsort(frames, kind="stable")
    frames, owners, rows = frames[order], owners[order], rows[order]

    def boxes_of(frame: int) -> list[tuple[int, Box]]:
        # The same dtype, or searchsorted would copy all frames to a common one.
        ends = np.array((frame, frame + 1), np.int32)
        first, past = np.searchsorted(frames, ends).tolist()
        pairs = zip(owners[first:past].tolist(), rows[first:past].tolist(), strict=True)
        return [(owner, _box(file.tracks[owner], row)) for owner, row in pairs]

    return boxes_of


def _box(track: Track, row: int) -> Box:
    x1, y1, x2, y2 = track.boxes[row].tolist()
    return x1, y1, x2, y2


def _columns(path: Path, file: TrackFile) -> Columns:
    tracks = file.tracks
    number = {name: index for index, name in enumerate(file.classes)}
    columns = {
        "meta": _meta(path, file),
        "ids": np.array([track.id for track in tracks]),
        "labels": np.array([number[track.label] for track in tracks]),
        "counts": np.array(_counts(file)),
        "track_frames": _joined([track.frames for track in tracks], np.int32),
        "track_boxes": _joined([track.boxes for track in tracks], np.float32, 4),
        "track_scores": _joined([track.scores for track in tracks], np.float32),
        "track_origin": _joined([track.origin for track in tracks], np.uint8),
        "unseen": file.unseen,
        "shown": np.array(sorted(file.shown)),
        "spans": file.spans,
    }
    return {name: column.astype(COLUMNS[name][0]) for name, column in columns.items()}


def _meta(path: Path, file: TrackFile) -> NDArray[np.uint8]:
    meta: dict[str, Any] = {"schema": SCHEMA}
    meta |= {key: getattr(file, key) for key in META_KEYS[1:-1]}
    return json_column(path, meta | {"settings": dict(file.settings)})


def _counts(file: TrackFile) -> list[int]:
    return [len(track.frames) for track in file.tracks]


def _joined(parts: list[NDArray[Any]], dtype: type[np.generic], width: int = 0) -> NDArray[Any]:
    # The empty part gives the shape and dtype if there are no tracks.
    none = np.zeros((0, width) if width else 0, dtype)
    return np.concatenate([none, *parts]).astype(dtype, copy=False)


def _assemble(meta: JsonEntry, columns: Columns) -> TrackFile:
    classes = tuple(name for _, name in meta.items("classes"))
    video, settings = meta.values["video"], meta.values["settings"]
    if not isinstance(video, str) or not all(isinstance(name, str) for name in classes):
        raise LabelError("'video' needs a name and 'classes' a list of names")
    return TrackFile(
        video=video,
        frames=meta.whole("frames"),
        width=meta.whole("width"),
        height=meta.whole("height"),
        classes=classes,
        tracks=_split_tracks(classes, columns),
        unseen=columns["unseen"],
        shown=frozenset(columns["shown"].tolist()),
        spans=columns["spans"],
        settings=JsonEntry.of(settings, "settings").values,
    )


def _split_tracks(classes: tuple[str, ...], columns: Columns) -> tuple[Track, ...]:
    ids, labels, counts = (columns[name] for name in ("ids", "labels", "counts"))
    parts = [columns[f"track_{name}"] for name in ("frames", "boxes", "scores", "origin")]
    # Python integers cannot overflow, whatever the counts.
    total = sum(counts.tolist())
    if not len(ids) == len(labels) == len(counts) or np.any(counts < 0):
        raise LabelError(f"{len(ids)} ids, {len(labels)} labels and {len(counts)} counts differ")
    if any(len(part) != total for part in parts):
        raise LabelError(
            f"its tracks declare {total} boxes, but its columns have "
            f"{[len(part) for part in parts]}"
        )
    if np.any(labels < 0) or np.any(labels >= len(classes)):
        raise LabelError(
            f"a track has class index {labels.max()}, but there are {len(classes)} classes"
        )
    bounds = np.concatenate(([0], np.cumsum(counts))).tolist()
    return tuple(
        Track(number, classes[label], *(part[first:past] for part in parts))
        for number, label, (first, past) in zip(
            ids.tolist(), labels.tolist(), pairwise(bounds), strict=True
        )
    )


def _check_ids(file: TrackFile) -> None:
    ids = {track.id for track in file.tracks}
    if len(ids) < len(file.tracks):
        raise LabelError(f"{file.video}: two of its {len(file.tracks)} tracks have the same id")
    unknown = sorted(file.shown - ids)
    if unknown:
        raise LabelError(
            f"{file.video}: track {unknown[0]} is to stay visible, but it does not exist"
        )


def _check_track(file: TrackFile, track: Track) -> None:
    name = f"{file.video}: track {track.id}"
    if track.label not in file.classes:
        raise LabelError(
            f"{name}: unknown class {track.label!r}; the classes are {', '.join(file.classes)}"
        )
    if not len(track.frames):
        raise LabelError(f"{name} has no box; leave it out")
    if track.frames[0] < 0 or track.frames[-1] >= file.frames:
        raise LabelError(
            f"{name} goes from frame {track.frames[0]} to {track.frames[-1]}, but the video has "
            f"{file.frames} frames; the tracks may belong to another cut"
        )
    corners = track.boxes
    whole = np.isfinite(corners).all(axis=1) & (corners[:, :2] < corners[:, 2:]).all(axis=1)
    if not whole.all():
        row = int(np.argmin(whole))
        raise LabelError(f"{name}, frame {track.frames[row]}: box {corners[row]} has no area")
    if not np.isfinite(track.scores).all():
        raise LabelError(f"{name} has a score that is not finite")
    if not np.isin(track.origin, list(Origin)).all():
        raise LabelError(f"{name} has a box of unknown origin {track.origin.max()}")


def _check_ranges(file: TrackFile) -> None:
    for name, ranges, past in (
        ("unseen", file.unseen, float(file.frames)),
        ("spans", file.spans, np.inf),
    ):
        if ranges.ndim != 2 or ranges.shape[1] != 2:
            raise LabelError(f"{file.video}: {name} has shape {ranges.shape}, needs (N, 2)")
        # A NaN fails every comparison, and no span ends at infinity.
        good = (ranges[:, 0] >= 0) & (ranges[:, 0] < ranges[:, 1]) & (ranges[:, 1] <= past)
        good &= np.isfinite(ranges).all(axis=1)
        if not good.all():
            start, end = ranges[int(np.argmin(good))].tolist()
            raise LabelError(
                f"{file.video}: {name} from {start} to {end} must end after it starts, inside the "
                "video"
            )
