"""Rows: the labels of one video of a data set, out of a file that may hold those of many."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from playhead.errors import LabelError
from playhead.events.formats.detect import detect, parse
from playhead.events.formats.raw import RawVideo, Reading, as_rate, labels_in, resolve
from playhead.events.manifest import ManifestRow
from playhead.events.model import VideoEvents
from playhead.events.names import half_of, is_whole_game

__all__ = ["read_row"]


def read_row(
    row: ManifestRow,
    *,
    times: NDArray[np.float64] | None = None,
    rate: str | float | Fraction | None = None,
    classes: Sequence[str] | None = None,
) -> VideoEvents:
    """The events of one video of a data set, on its frames where its table of `times` is given.

    The row's labels may be a table of many videos or a whole game: what belongs to the video is
    found by its path, its name, or its half. The result is named like the row, and its times are on
    the video's clock (the row's offset is added).
    Raises LabelError as `read_events` does, and where the labels do not speak of the video.
    """
    if row.labels is None:
        raise LabelError(f"{row.name}: the manifest gives no labels for it")
    if not row.labels.is_file():
        raise LabelError(f"{row.labels}: is not there, it should hold the labels of {row.name}")
    name, raws = _parse_once(row.labels, row.labels.stat().st_mtime_ns)
    mine = replace(_select(raws, name, row, row.labels), video=row.name)
    reading = Reading(
        rate=as_rate(rate),
        times=None if times is None else {row.name: times},
        classes=None if classes is None else tuple(classes),
        offset=row.offset,
    )
    return resolve([mine], reading, labels_in(raws))[0]


@lru_cache(maxsize=4)
def _parse_once(path: Path, modified: int) -> tuple[str, tuple[RawVideo, ...]]:
    """A labels file that serves many rows is read once; `modified` parts new from old."""
    name = detect(path)
    return name, parse(path, name)


def _select(raws: Sequence[RawVideo], name: str, row: ManifestRow, labels: Path) -> RawVideo:
    match name:
        case "soccernet":
            return _select_half(raws, row, labels)
        case "native" | "srt":
            return raws[0]
        case _:
            return _select_named(raws, row, labels)


def _select_named(raws: Sequence[RawVideo], row: ManifestRow, labels: Path) -> RawVideo:
    tests: tuple[Callable[[str], bool], ...] = (
        lambda video: (labels.parent / video).resolve() == row.video,
        lambda video: video == row.name,
        lambda video: PurePosixPath(video).name in (row.video.name, row.video.stem),
    )
    for test in tests:
        found = [raw for raw in raws if test(raw.video)]
        if len(found) == 1:
            return found[0]
    names = ", ".join(raw.video for raw in raws[:4]) + (", ..." if len(raws) > 4 else "")
    raise LabelError(
        f"{labels}: does not name {row.name!r} or names it more than once, it names {names}; "
        "a row of its name alone says that nothing happens in it"
    )


def _select_half(raws: Sequence[RawVideo], row: ManifestRow, labels: Path) -> RawVideo:
    halves = {half_of(raw.video): raw for raw in raws}
    half = half_of(row.video.name)
    if half is not None:
        return halves.get(half, RawVideo(video=row.name))
    if len(raws) == 1 and half_of(raws[0].video) == 1:
        return raws[0]
    kind = "a whole game" if is_whole_game(row.video.name) else "not named by its half"
    raise LabelError(
        f"{labels}: tells of half 2, and {row.name!r} is {kind}; needs a video a half, as in "
        "1_720p.mkv and 2_720p.mkv, or labels as CSV"
    )
