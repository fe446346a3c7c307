"""The table of times: for every frame of one file its time, and how to find it again.

Frame k is the k-th frame that the decoder gives out. The table is made once for a file (`scan.py`)
and kept in the cache folder under the file's path, size and time of change.
"""

import bisect
import contextlib
import hashlib
import json
import zlib
from dataclasses import asdict, dataclass, field, fields
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import av
import numpy as np
from numpy.typing import NDArray

from playhead.errors import StorageError
from playhead.files import atomic_path, cache_folder
from playhead.media.source import Identity

__all__ = ["FrameTable", "Layout", "load_table", "save_table"]

SCHEMA = 8
# RuntimeError: a damaged header can name an encryption or a compression that zipfile lacks.
_UNREADABLE = (EOFError, RuntimeError, BadZipFile, zlib.error)
_ARRAYS = ("keys", "times", "rank", "key_frames", "seek_points", "holes")


@dataclass(frozen=True)
class Layout:
    """How the stored image becomes the displayed one: transposed first, then mirrored."""

    width: int
    height: int
    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @property
    def displayed(self) -> tuple[int, int]:
        """(width, height) of the displayed image."""
        size = (self.width, self.height)
        return size[::-1] if self.transpose else size

    @property
    def rotation(self) -> int:
        """Degrees clockwise that the stored image is turned by to be displayed."""
        if self.transpose:
            return 90 if self.flip_x else 270
        return 180 if self.flip_x and self.flip_y else 0


@dataclass(frozen=True)
class FrameTable:
    """N frames in the order in which they are shown.

    keys: int64 (N,), what identifies a frame's packet (see `Identity`)
    times: float64 (N,), seconds from the first frame
    rank: int32 (N,), the packet's place in the order of decoding
    key_frames: int32 (K,), frames at which decoding can start, rising
    seek_points: int64 (K,), where to send the container for each of them
    start: seconds of the first frame on the container's own clock, which sound shares
    reorder: images that the decoder holds back; None where only a probe of the file can tell
    missing: packets that the container promises and the file does not hold
    holes: int32, frames before whose packets others are missing from the file
    """

    keys: NDArray[np.int64]
    times: NDArray[np.float64]
    rank: NDArray[np.int32]
    key_frames: NDArray[np.int32]
    seek_points: NDArray[np.int64]
    holes: NDArray[np.int32]
    identity: Identity
    timestamps: Literal["container", "synthesised"]
    duration: float
    rate: Fraction
    variable_rate: bool
    layout: Layout
    has_audio: bool
    start: float = 0.0
    reorder: int | None = None
    missing: int = 0
    _sorted: NDArray[np.intp] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_sorted", np.argsort(self.keys, kind="stable"))

    def __len__(self) -> int:
        return len(self.keys)

    def find(self, key: int | None) -> int | None:
        """The frame whose packet is `key`; the first of them where a file repeats a time."""
        if key is None:
            return None
        place = int(np.searchsorted(self.keys, key, sorter=self._sorted))
        if place == len(self.keys):
            return None
        frame = int(self._sorted[place])
        return frame if self.keys[frame] == key else None

    def key_before(self, frame: int) -> int:
        """The place in `key_frames` of the last key frame at or before `frame`; -1 for none."""
        return bisect.bisect_right(self._key_list, frame) - 1

    @cached_property
    def _key_list(self) -> list[int]:
        return [int(frame) for frame in self.key_frames]

    def next_key(self, frame: int) -> int:
        """The first key frame after `frame`; the number of frames where there is none."""
        place = self.key_before(frame) + 1
        return int(self.key_frames[place]) if place < len(self.key_frames) else len(self)

    def built_on(self, frame: int) -> NDArray[np.intp]:
        """The frames decoded from this one's packet on, up to the next key frame's own time."""
        end = self.next_key(frame)
        start = min(frame, int(np.searchsorted(self.settled, frame)))
        return start + np.flatnonzero(self.rank[start:end] >= self.rank[frame])

    def spoilt_by_holes(self) -> NDArray[np.intp]:
        """Frames next to data that is missing from the file, and what is built on it."""
        spoilt = np.zeros(len(self), np.bool_)
        for frame in self.holes.tolist():
            before = np.flatnonzero(self.rank == self.rank[frame] - 1)
            for cut in before.tolist():
                spoilt[self.built_on(cut)] = True
            after = self.built_on(frame)
            # A key frame needs nothing that is gone; those shown before it may.
            spoilt[after[after < frame] if frame in self.key_frames else after] = True
        return np.flatnonzero(spoilt)

    @cached_property
    def settled(self) -> NDArray[np.int32]:
        """For each frame the last frame in time whose packet is not decoded after its own.

        What is wrong with a frame is known when that one has come out. Rising, int32 (N,).
        """
        order = np.argsort(self.rank, kind="stable").astype(np.int32)
        settled = np.empty(len(self), np.int32)
        settled[order] = np.maximum.accumulate(order)
        rising: NDArray[np.int32] = np.maximum.accumulate(settled)
        return rising


def load_table(path: Path) -> FrameTable | None:
    """The table of a file as kept in the cache; None where there is none that can be used."""
    try:
        with np.load(_place(path), allow_pickle=False) as stored:
            meta = json.loads(stored["meta"].tobytes())
            return _unpacked({name: stored[name] for name in _ARRAYS}, meta)
    except (*_UNREADABLE, StorageError, OSError, ValueError, KeyError, TypeError):
        # A cache that does not read is as good as none: the table is made again.
        return None


def save_table(path: Path, table: FrameTable) -> None:
    """Keep a table in the cache; a cache that cannot be written costs time, not the work."""
    simple = [entry.name for entry in fields(table) if entry.init and entry.name not in _ARRAYS]
    meta: dict[str, Any] = {name: getattr(table, name) for name in simple}
    meta |= {"schema": SCHEMA, "layout": asdict(table.layout), "rate": str(table.rate)}
    with contextlib.suppress(StorageError), atomic_path(_place(path)) as temporary:
        np.savez(
            temporary,
            allow_pickle=False,
            meta=np.frombuffer(json.dumps(meta).encode(), np.uint8),
            **{name: getattr(table, name) for name in _ARRAYS},
        )


def _unpacked(arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> FrameTable:
    if meta.pop("schema") != SCHEMA:
        raise ValueError("a table of another schema")
    if len({len(arrays[name]) for name in ("keys", "times", "rank")}) != 1:
        raise ValueError("columns of different lengths")
    layout, rate = Layout(**meta.pop("layout")), Fraction(meta.pop("rate"))
    values: dict[str, Any] = {**arrays, **meta}
    return FrameTable(**values, layout=layout, rate=rate)


def _place(path: Path) -> Path:
    status = path.stat()
    # The decoder's version takes part: what it gives out is what the table says.
    parts = (str(path.resolve()), status.st_size, status.st_mtime_ns, SCHEMA, av.__version__)
    name = hashlib.sha256(repr(parts).encode("utf-8", "surrogateescape")).hexdigest()
    return cache_folder() / "tables" / f"{name}.npz"
