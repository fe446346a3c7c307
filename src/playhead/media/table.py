"""The frame table: for every frame of a file its time, and how to seek to it.

Frame k is the k-th frame that the decoder outputs. The table is built once per file (`scan.py`) and
cached under the file's path, size and modification time.
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

SCHEMA = 9
# RuntimeError: a damaged header can name an encryption or compression unknown to zipfile.
_UNREADABLE = (EOFError, RuntimeError, BadZipFile, zlib.error)
_ARRAYS = ("keys", "times", "rank", "key_frames", "seek_points", "holes")


@dataclass(frozen=True)
class Layout:
    """From the stored to the displayed image: first transposed, then mirrored."""

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
        """Degrees clockwise by which the stored image is rotated for display."""
        if self.transpose:
            return 90 if self.flip_x else 270
        return 180 if self.flip_x and self.flip_y else 0


@dataclass(frozen=True)
class FrameTable:
    """N frames in presentation order.

    keys: int64 (N,), identity of each frame's packet (see `Identity`)
    times: float64 (N,), seconds from the first frame
    rank: int32 (N,), the packet's position in decoding order
    key_frames: int32 (K,), frames at which decoding can start, rising
    seek_points: int64 (K,), where to seek in the container for each of them
    start: time of the first frame in seconds of the container, which sound shares
    reorder: the decoder's reorder delay in images; None if the file must be probed for it
    missing: packets that the header promises but the file does not have
    holes: int32, frames whose packets come after missing data
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
        """The frame whose packet is `key`, the first one if keys repeat; None if there is none."""
        if key is None:
            return None
        index = int(np.searchsorted(self.keys, key, sorter=self._sorted))
        if index == len(self.keys):
            return None
        frame = int(self._sorted[index])
        return frame if self.keys[frame] == key else None

    def key_before(self, frame: int) -> int:
        """The index in `key_frames` of the last key frame at or before `frame`; -1 for none."""
        return bisect.bisect_right(self._key_list, frame) - 1

    @cached_property
    def _key_list(self) -> list[int]:
        return [int(frame) for frame in self.key_frames]

    def next_key(self, frame: int) -> int:
        """The first key frame after `frame`; the number of frames if there is none."""
        index = self.key_before(frame) + 1
        return int(self.key_frames[index]) if index < len(self.key_frames) else len(self)

    def built_on(self, frame: int) -> NDArray[np.intp]:
        """The frames decoded from this frame's packet on, before the next key frame in time."""
        end = self.next_key(frame)
        start = min(frame, int(np.searchsorted(self.settled, frame)))
        return start + np.flatnonzero(self.rank[start:end] >= self.rank[frame])

    def spoilt_by_holes(self) -> NDArray[np.intp]:
        """Frames beside missing data, and the frames predicted from them."""
        spoilt = np.zeros(len(self), np.bool_)
        for frame in self.holes.tolist():
            before = np.flatnonzero(self.rank == self.rank[frame] - 1)
            for cut in before.tolist():
                spoilt[self.built_on(cut)] = True
            after = self.built_on(frame)
            # A key frame needs no missing data; frames shown before it may.
            spoilt[after[after < frame] if frame in self.key_frames else after] = True
        return np.flatnonzero(spoilt)

    @cached_property
    def settled(self) -> NDArray[np.int32]:
        """For each frame the last frame whose packet is decoded no later, int32 (N,), rising.

        All damage to a frame is known once that frame is out.
        """
        order = np.argsort(self.rank, kind="stable").astype(np.int32)
        settled = np.empty(len(self), np.int32)
        settled[order] = np.maximum.accumulate(order)
        rising: NDArray[np.int32] = np.maximum.accumulate(settled)
        return rising


def load_table(path: Path) -> FrameTable | None:
    """The cached table of a file; None if there is no usable one."""
    try:
        with np.load(_cache_path(path), allow_pickle=False) as stored:
            meta = json.loads(stored["meta"].tobytes())
            return _unpacked({name: stored[name] for name in _ARRAYS}, meta)
    except (*_UNREADABLE, StorageError, OSError, ValueError, KeyError, TypeError):
        # An unreadable cache file counts as missing: the table is built again.
        return None


def save_table(path: Path, table: FrameTable) -> None:
    """Store a table in the cache; errors of writing are ignored, as the table can be rebuilt."""
    simple = [entry.name for entry in fields(table) if entry.init and entry.name not in _ARRAYS]
    meta: dict[str, Any] = {name: getattr(table, name) for name in simple}
    meta |= {"schema": SCHEMA, "layout": asdict(table.layout), "rate": str(table.rate)}
    with contextlib.suppress(StorageError), atomic_path(_cache_path(path)) as temporary:
        np.savez(
            temporary,
            allow_pickle=False,
            meta=np.frombuffer(json.dumps(meta).encode(), np.uint8),
            **{name: getattr(table, name) for name in _ARRAYS},
        )


def _unpacked(arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> FrameTable:
    if meta.pop("schema") != SCHEMA:
        raise ValueError("the table has another schema")
    if len({len(arrays[name]) for name in ("keys", "times", "rank")}) != 1:
        raise ValueError("the columns differ in length")
    layout, rate = Layout(**meta.pop("layout")), Fraction(meta.pop("rate"))
    values: dict[str, Any] = {**arrays, **meta}
    return FrameTable(**values, layout=layout, rate=rate)


def _cache_path(path: Path) -> Path:
    status = path.stat()
    # The decoder's version is included, because its output defines the frames.
    parts = (str(path.resolve()), status.st_size, status.st_mtime_ns, SCHEMA, av.__version__)
    name = hashlib.sha256(repr(parts).encode("utf-8", "surrogateescape")).hexdigest()
    return cache_folder() / "tables" / f"{name}.npz"
