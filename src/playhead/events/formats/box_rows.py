"""Tables with one box per row, as NFL and MOTChallenge files have: streamed, checked, made tracks.

A row gives `left, top, width, height`; a box is `x1, y1, x2, y2`. Errors name the file and line.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from typing import BinaryIO, Self, TextIO, cast

import numpy as np
from numpy.typing import NDArray

from playhead.errors import LabelError
from playhead.events.formats.tracks import TrackFile
from playhead.events.model import Origin, Track
from playhead.events.source import MAX_BYTES, MAX_FRAME

__all__ = ["BoxRows", "boxes_of", "corners_to_cells", "numbers", "row_batches", "track_file"]

BATCH = 1 << 13  # rows that are converted together; more make the garbage collector slow
MAX_LINE = 1 << 20
Lines = NDArray[np.int64]


@contextmanager
def _open_text(path: Path) -> Iterator[tuple[TextIO, BinaryIO]]:
    """A UTF-8 text file, with or without a byte-order mark, and its bytes; `.gz` is unpacked."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield io.TextIOWrapper(file, encoding="utf-8-sig", newline=""), cast(BinaryIO, file)
    except UnicodeDecodeError as error:
        raise LabelError(f"{path}: not UTF-8 ({error.reason}); save it as UTF-8 text") from error
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise LabelError(f"{path}: cannot be read: {reason}") from error


def row_batches(path: Path) -> Iterator[tuple[Lines, list[list[str]]]]:
    """The rows of a CSV in batches, with the line of each; blank lines are skipped.

    All rows have as many cells as the first, which may be a header. Memory is that of a batch.
    Raises LabelError for a row of another length, or an empty or unreadable file.
    """
    with _open_text(path) as (text, data):
        # No line is longer: one without an end, as in a decompression bomb, comes in parts.
        reader = csv.reader(iter(partial(text.readline, MAX_LINE), ""), strict=True)
        width = before = 0
        try:
            while batch := list(islice(reader, BATCH)):
                if data.tell() > MAX_BYTES:
                    raise LabelError(f"{path}: is longer than {MAX_BYTES} bytes; split it")
                steps = np.ones(len(batch), np.int64)
                if reader.line_num - before != len(batch):  # a quoted cell has line breaks
                    steps += [sum(max(c.count("\n"), c.count("\r")) for c in r) for r in batch]
                lines = before + np.cumsum(steps)
                before = reader.line_num
                if not all(batch):
                    lines = lines[[bool(cells) for cells in batch]]
                    batch = [cells for cells in batch if cells]
                    if not batch:
                        continue
                width = width or len(batch[0])
                if set(map(len, batch)) != {width}:
                    row = next(at for at, cells in enumerate(batch) if len(cells) != width)
                    raise LabelError(
                        f"{path}: line {lines[row]}: has {len(batch[row])} cells, but the first "
                        f"row has {width}"
                    )
                yield lines, batch
        except csv.Error as error:
            raise LabelError(f"{path}: line {reader.line_num}: not valid CSV: {error}") from error
    if not width:
        raise LabelError(f"{path}: the file is empty; needs at least one row")


def numbers(
    path: Path, lines: Lines, column: str, cells: Sequence[str], *, first: int | None = None
) -> NDArray[np.float64]:
    """The finite numbers in the cells of a column: (N,).

    first: if given, the numbers are whole, from `first` to the largest frame number
    Raises LabelError naming the line of a cell that is no such number.
    """
    need = "a finite number" if first is None else f"a whole number from {first}"
    try:
        values = np.array(list(map(float, cells)))
    except ValueError as error:
        row = next(row for row, cell in enumerate(cells) if not _is_number(cell))
        raise _wrong(path, lines[row], column, need, cells[row]) from error
    good = np.isfinite(values)
    if first is not None:
        good &= (values >= first) & (values <= MAX_FRAME) & (np.floor(values) == values)
    if not good.all():
        row = int(np.argmin(good))
        raise _wrong(path, lines[row], column, need, cells[row])
    return values


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _wrong(path: Path, line: np.int64, column: str, need: str, cell: str) -> LabelError:
    return LabelError(f"{path}: line {line}: {column} needs {need}, got {cell[:40]!r}")


def boxes_of(path: Path, lines: Lines, sides: NDArray[np.float64]) -> NDArray[np.float64]:
    """Boxes x1, y1, x2, y2 from left, top, width, height: (N, 4) → (N, 4).

    Raises LabelError for a width or height that is not positive, or that float32 cannot hold.
    """
    boxes = np.concatenate([sides[:, :2], sides[:, :2] + sides[:, 2:]], axis=1)
    with np.errstate(over="ignore"):
        single = boxes.astype(np.float32)
    good = (single[:, :2] < single[:, 2:]).all(axis=1) & np.isfinite(single).all(axis=1)
    if not good.all():
        row = int(np.argmin(good))
        left, top, width, height = sides[row].tolist()
        raise LabelError(
            f"{path}: line {lines[row]}: the box at left {left:g}, top {top:g} is {width:g} wide "
            f"and {height:g} high; needs an area: check the order of the columns"
        )
    return boxes


def corners_to_cells(boxes: NDArray[np.floating]) -> list[tuple[str, str, str, str]]:
    """The cells left, top, width, height of each box; whole numbers are written without a point."""
    x1, y1, x2, y2 = boxes.astype(np.float64).T
    columns = np.stack([x1, y1, x2 - x1, y2 - y1], axis=1).tolist()
    return [(_cell(a), _cell(b), _cell(c), _cell(d)) for a, b, c, d in columns]


def _cell(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoxRows:
    """The N rows of one video, in any order.

    lines, ids, frames (from 0): int64 (N,); boxes: float64 (N, 4); scores: float64 (N,)
    labels: of each row
    """

    path: Path
    lines: Lines
    ids: NDArray[np.int64]
    frames: NDArray[np.int64]
    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    labels: Sequence[str]

    def chosen(self, mask: NDArray[np.bool_]) -> Self:
        """The rows of a mask."""
        columns = {
            name: getattr(self, name)[mask]
            for name in ("lines", "ids", "frames", "boxes", "scores")
        }
        labels = [label for label, keep in zip(self.labels, mask.tolist(), strict=True) if keep]
        return replace(self, **columns, labels=labels)

    def check(self, *, frames: int, width: int, height: int) -> None:
        """Check the rows against their video, which has this many frames of this size.

        A box may extend past the edges of the image. Raises LabelError naming the line of a box
        that is completely outside, or of a frame past the last one.
        """
        late = self.frames >= frames
        outside = (self.boxes[:, :2] >= (width, height)) | (self.boxes[:, 2:] <= 0)
        bad = np.flatnonzero(late | outside.any(axis=1))
        if not len(bad):
            return
        row = int(bad[0])
        where = f"{self.path}: line {self.lines[row]}"
        if late[row]:
            raise LabelError(
                f"{where}: frame {self.frames[row] + 1} is past the last frame, which is {frames}, "
                "counted from 1. The labels may belong to another cut: see `playhead info`."
            )
        x1, y1, x2, y2 = self.boxes[row].tolist()
        raise LabelError(
            f"{where}: the box at left {x1:g}, top {y1:g} of {x2 - x1:g}x{y2 - y1:g} is outside of "
            f"the image of {width}x{height}; check the order of the columns, or whether the boxes "
            "belong to a video of another size"
        )

    def tracks(self) -> tuple[Track, ...]:
        """The tracks, by rising id. Raises LabelError if one has two labels or boxes in a frame."""
        order = np.lexsort((self.frames, self.ids))
        ids, frames, lines = self.ids[order], self.frames[order], self.lines[order]
        twice = np.flatnonzero((np.diff(ids) == 0) & (np.diff(frames) == 0))
        if len(twice):
            at = int(twice[0])
            first, second = sorted(lines[at : at + 2].tolist())
            raise LabelError(
                f"{self.path}: line {second}: track {ids[at]} ({self.labels[order[at]]}) has a "
                f"second box in frame {frames[at] + 1} (first: line {first}); remove one of them"
            )
        edges = np.flatnonzero(np.diff(ids, prepend=ids[:1] - 1, append=ids[-1:] + 1)).tolist()
        tracks = []
        for start, stop in pairwise(edges):
            rows = order[start:stop]
            names = [self.labels[row] for row in rows.tolist()]
            if len(set(names)) > 1:
                at = next(at for at, name in enumerate(names) if name != names[0])
                raise LabelError(
                    f"{self.path}: line {lines[start + at]}: track {ids[start]} is {names[0]} and "
                    f"{names[at]}; a track needs one class"
                )
            tracks.append(
                Track(
                    int(ids[start]),
                    names[0],
                    frames[start:stop].astype(np.int32),
                    self.boxes[rows].astype(np.float32),
                    self.scores[rows].astype(np.float32),
                    np.full(len(rows), Origin.DETECTED, np.uint8),
                )
            )
        return tuple(tracks)


def track_file(
    video: str,
    tracks: Sequence[Track],
    *,
    frames: int,
    width: int,
    height: int,
    classes: Sequence[str] | None = None,
) -> TrackFile:
    """Tracks from a table, as the track file of a video with these frames and this size.

    classes: by default the labels of the tracks, sorted
    A box may extend past the edges of the image. Raises LabelError for a box that is completely
    outside, or a frame past the last one: the table may belong to another video.
    """
    for track in tracks:
        outside = (track.boxes[:, :2] >= (width, height)) | (track.boxes[:, 2:] <= 0)
        row = int(np.argmax(outside.any(axis=1)))
        if outside[row].any():
            x1, y1, x2, y2 = track.boxes[row].tolist()
            raise LabelError(
                f"{video}: track {track.id} ({track.label}), frame {track.frames[row]}: box "
                f"{x1:g}, {y1:g}, {x2:g}, {y2:g} is outside of the image of {width}x{height}; the "
                "boxes may belong to a video of another size"
            )
    known = sorted({track.label for track in tracks}) if classes is None else classes
    return TrackFile(
        video=video,
        frames=frames,
        width=width,
        height=height,
        classes=tuple(known),
        tracks=tuple(tracks),
    )
