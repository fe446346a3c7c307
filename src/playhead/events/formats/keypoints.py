"""Keypoint files: `X.keypoints.npz`, the joints of the people of one video or recording.

Like a track file it has no pickles, and all declared types and sizes are checked against the data.
It holds its own skeleton and the time of every frame, so that it can be read without the video.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.errors import LabelError
from playhead.events.formats.columns import ColumnKind, Columns, json_column, read_archive
from playhead.events.keypoints import Keypoints, Skeleton
from playhead.events.source import JsonEntry
from playhead.files import atomic_path

__all__ = ["SCHEMA", "SUFFIX", "KeypointFile", "read_keypoints", "write_keypoints"]

SCHEMA = 1
SUFFIX = ".keypoints.npz"
META_KEYS = ("schema", "video", "size", "skeleton", "coordinates", "chosen", "settings")
SKELETON_KEYS = ("name", "joints", "edges", "mirrored", "root", "torso")
COLUMNS: dict[str, ColumnKind] = {
    "meta": ("|u1", ()),
    "times": ("<f8", ()),
    "ids": ("<i8", ()),
    "counts": ("<i8", ()),
    "frames": ("<i4", ()),
    "values": ("<f4", ()),  # of all points, row by row: their last axis is 3 or 4
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeypointFile:
    """The keypoints of the people of one video, or of a recording of sensors.

    times: float64 (T,), seconds of each frame, never falling
    size: (width, height) of the displayed frame; None for a recording without an image
    coordinates: 2, or 3 for points in space
    people: in order of their id; a person may be missing from any frame
    chosen: ids of the people whose action is recognised, the central one first; empty: not chosen
    settings: how the keypoints were made, as a JSON object
    Raises LabelError naming the video if the fields contradict each other.
    """

    video: str
    times: NDArray[np.float64]
    size: tuple[int, int] | None
    skeleton: Skeleton
    people: tuple[Keypoints, ...] = ()
    chosen: tuple[int, ...] = ()
    coordinates: int = 2
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.video:
            raise LabelError("keypoints need the name of their video")
        if self.size is not None and min(self.size) < 1:
            raise LabelError(f"{self.video}: the frames have the size {self.size}")
        if self.coordinates not in (2, 3):
            raise LabelError(
                f"{self.video}: points have {self.coordinates} coordinates, not 2 or 3"
            )
        falling = not np.isfinite(self.times).all() or bool(np.any(np.diff(self.times) < 0))
        if self.times.ndim != 1 or not len(self.times) or falling:
            raise LabelError(f"{self.video}: the times of its frames are missing or fall")
        ids = [person.track for person in self.people]
        if len(set(ids)) < len(ids):
            raise LabelError(f"{self.video}: two of its {len(ids)} people have the same id")
        if len(set(self.chosen)) < len(self.chosen) or not set(self.chosen) <= set(ids):
            raise LabelError(
                f"{self.video}: the chosen people are {list(self.chosen)}, but it has {ids}"
            )
        for person in self.people:
            _check_person(self, person)

    @property
    def duration(self) -> float:
        """Seconds to the end of the last frame, which is displayed as long as most are."""
        usual = float(np.median(np.diff(self.times))) if len(self.times) > 1 else 0.04
        return float(self.times[-1]) + usual

    def person(self, track: int) -> Keypoints:
        """The person of an id. Raises LabelError if there is none."""
        for person in self.people:
            if person.track == track:
                return person
        raise LabelError(f"{self.video}: has no person {track}")


def write_keypoints(path: Path, file: KeypointFile) -> None:
    """Write a keypoint file atomically. Raises LabelError if the settings are not JSON."""
    columns = _columns(path, file)
    with atomic_path(path) as temporary, temporary.open("wb") as target:
        np.savez_compressed(target, allow_pickle=False, **columns)


def read_keypoints(path: Path) -> KeypointFile:
    """Read a keypoint file. Raises LabelError for a newer schema or invalid content."""
    meta, columns = read_archive(path, COLUMNS, keys=META_KEYS, schema=SCHEMA, kind="keypoint file")
    try:
        return _assemble(meta, columns)
    except LabelError as error:
        raise LabelError(f"{path}: {error}") from error


def _check_person(file: KeypointFile, person: Keypoints) -> None:
    name = f"{file.video}: person {person.track}"
    if person.skeleton != file.skeleton:
        raise LabelError(
            f"{name} has the skeleton {person.skeleton.name}, the file {file.skeleton.name}"
        )
    if person.points.shape[2] != file.coordinates + 1:
        raise LabelError(f"{name}: its points do not have {file.coordinates} coordinates")
    if not len(person.frames):
        raise LabelError(f"{name} is in no frame; leave it out")
    if person.frames[-1] >= len(file.times):
        raise LabelError(
            f"{name} is in frame {person.frames[-1]}, but there are {len(file.times)} frames; the "
            "keypoints may belong to another cut"
        )


def _columns(path: Path, file: KeypointFile) -> Columns:
    people = file.people
    meta = {
        "schema": SCHEMA,
        "video": file.video,
        "size": file.size,
        "skeleton": asdict(file.skeleton),
        "coordinates": file.coordinates,
        "chosen": file.chosen,
        "settings": dict(file.settings),
    }
    columns: Columns = {
        "meta": json_column(path, meta),
        "times": file.times,
        "ids": np.array([person.track for person in people]),
        "counts": np.array([len(person.frames) for person in people]),
        "frames": np.concatenate([np.zeros(0, np.int32), *(person.frames for person in people)]),
        "values": np.concatenate(
            [np.zeros(0, np.float32), *(person.points.ravel() for person in people)]
        ),
    }
    return {name: column.astype(COLUMNS[name][0]) for name, column in columns.items()}


def _assemble(meta: JsonEntry, columns: Columns) -> KeypointFile:
    video, size, chosen = (meta.values[key] for key in ("video", "size", "chosen"))
    if not isinstance(video, str):
        raise LabelError("'video' needs a name")
    if size is not None and (not _whole_numbers(size) or len(size) != 2):
        raise LabelError(f"'size' is {size!r}; needs a width and a height, or null")
    if not _whole_numbers(chosen):
        raise LabelError(f"'chosen' is {chosen!r}; needs a list of ids")
    skeleton = _skeleton(meta.values["skeleton"])
    coordinates = meta.whole("coordinates")
    if coordinates not in (2, 3):
        raise LabelError(f"'coordinates' is {coordinates}; needs 2 or 3")
    return KeypointFile(
        video=video,
        times=columns["times"],
        size=None if size is None else (size[0], size[1]),
        skeleton=skeleton,
        people=_split_people(skeleton, coordinates, columns),
        chosen=tuple(chosen),
        coordinates=coordinates,
        settings=JsonEntry.of(meta.values["settings"], "settings").values,
    )


def _whole_numbers(value: object) -> bool:
    return isinstance(value, list) and all(type(number) is int for number in value)


def _skeleton(value: object) -> Skeleton:
    entry = JsonEntry.of(value, "skeleton").values
    if sorted(entry) != sorted(SKELETON_KEYS) or not isinstance(entry["name"], str):
        raise LabelError(f"'skeleton' has {sorted(entry)}; needs {sorted(SKELETON_KEYS)}")
    lists = {key: _names(entry[key]) for key in SKELETON_KEYS[1:]}
    pairs = [pair for key in ("edges", "mirrored") for pair in lists[key]]
    if any(not isinstance(pair, tuple) or len(pair) != 2 for pair in pairs):
        raise LabelError("'skeleton' needs pairs of joints as edges and as mirrored joints")
    if len(lists["torso"]) != 2 or not all(isinstance(end, tuple) for end in lists["torso"]):
        raise LabelError("'skeleton' needs the two ends of a torso, each a list of joints")
    if not all(isinstance(name, str) for name in (*lists["joints"], *lists["root"])):
        raise LabelError("'skeleton' needs names of joints")
    return Skeleton(name=entry["name"], **lists)


def _names(value: object) -> tuple[Any, ...]:
    """A list of names, or of lists of names, as tuples."""
    if not isinstance(value, list):
        raise LabelError(f"'skeleton' holds {str(value)[:40]!r} where a list is needed")
    names = tuple(tuple(item) if isinstance(item, list) else item for item in value)
    flat = [part for item in names for part in (item if isinstance(item, tuple) else (item,))]
    if not all(isinstance(part, str) for part in flat):
        raise LabelError("'skeleton' needs names of joints")
    return names


def _split_people(skeleton: Skeleton, coordinates: int, columns: Columns) -> tuple[Keypoints, ...]:
    ids, counts, frames, values = (columns[name] for name in ("ids", "counts", "frames", "values"))
    row = len(skeleton.joints) * (coordinates + 1)
    total = sum(counts.tolist())  # Python integers cannot overflow, whatever the counts
    if len(ids) != len(counts) or np.any(counts < 0):
        raise LabelError(f"{len(ids)} ids and {len(counts)} counts differ")
    if len(frames) != total or len(values) != total * row:
        raise LabelError(
            f"its people declare {total} frames of {row} values, but its columns have "
            f"{len(frames)} and {len(values)}"
        )
    points = values.reshape(total, len(skeleton.joints), coordinates + 1)
    bounds = np.concatenate(([0], np.cumsum(counts))).tolist()
    return tuple(
        Keypoints(number, skeleton, frames[first:past], points[first:past])
        for number, (first, past) in zip(ids.tolist(), pairwise(bounds), strict=True)
    )
