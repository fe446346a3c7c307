"""The labels of one row of a manifest, from a file that may hold those of many videos."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from playhead.errors import LabelError
from playhead.events.formats.detect import detect, parse
from playhead.events.formats.raw import (
    RawVideo,
    Reading,
    as_rate,
    labels_in,
    log_notes,
    named_as,
    resolve,
)
from playhead.events.manifest import ManifestRow
from playhead.events.model import VideoEvents
from playhead.events.names import half_of, is_whole_game

__all__ = ["read_row"]


def read_row(
    row: ManifestRow,
    *,
    times: NDArray[np.float64] | None = None,
    duration: float | None = None,
    rate: str | float | Fraction | None = None,
    classes: Sequence[str] | None = None,
    unnamed: str | None = None,
    notes: list[str] | None = None,
) -> VideoEvents:
    """The events of one video of a data set, aligned with its frames if `times` is given.

    The labels file may be a table of many videos or a whole game: the video's part is found by its
    path, its name, or its half. The result has the name of the row, and its offset is added to the
    times.

    duration: seconds until the end of the video's last frame, up to which labels are accepted; by
        default that frame lasts as long as the one before it
    unnamed: the label of events in a table without labels
    notes: as of `read_events`; those of a file come with its first row
    Raises LabelError as `read_events` does, and if the file does not mention the video.
    """
    if row.labels is None:
        raise LabelError(f"{row.name}: the manifest has no labels for it")
    if not row.labels.is_file():
        raise LabelError(
            f"{row.labels}: there is no such file; it should have the labels of {row.name}"
        )
    labels = _parse_once(row.labels, unnamed, row.labels.stat().st_mtime_ns)
    collected = [] if notes is None else notes
    collected += labels.notes
    labels.notes.clear()
    raw = replace(_select(labels, row), video=row.name)
    reading = Reading(
        rate=as_rate(rate),
        times=None if times is None else {row.name: times},
        classes=None if classes is None else tuple(classes),
        offset=row.offset,
        durations={} if duration is None else {row.name: duration},
        notes=collected,
    )
    [events] = resolve([raw], reading, labels.classes)
    if notes is None:
        log_notes(collected)
    return events


@dataclass(frozen=True, slots=True)
class _Labels:
    """A labels file, read once for all rows; videos are found by the last part of their path."""

    path: Path
    format: str
    videos: Sequence[RawVideo]
    classes: tuple[str, ...]
    by_name: dict[str, list[RawVideo]]
    notes: list[str]


@lru_cache(maxsize=4)
def _parse_once(path: Path, unnamed: str | None, _modified: int) -> _Labels:
    format_ = detect(path)
    notes: list[str] = []
    videos: Sequence[RawVideo] = parse(path, format_, notes=notes)
    if unnamed is not None:
        videos = [named_as(video, unnamed) for video in videos]
    by_name: dict[str, list[RawVideo]] = {}
    for video in videos:
        by_name.setdefault(PurePosixPath(video.video).name, []).append(video)
    return _Labels(path, format_, videos, labels_in(videos), by_name, notes)


def _select(labels: _Labels, row: ManifestRow) -> RawVideo:
    match labels.format:
        case "soccernet":
            return _select_half(labels, row)
        case "native":
            return labels.videos[0]
        case _ if len(labels.videos) == 1 and not labels.videos[0].named:
            return labels.videos[0]
        case _:
            return _select_named(labels, row)


def _select_named(labels: _Labels, row: ManifestRow) -> RawVideo:
    names = dict.fromkeys((row.video.name, row.video.stem))
    alike = [raw for name in names for raw in labels.by_name.get(name, [])]
    tests: tuple[Callable[[str], bool], ...] = (
        lambda video: (labels.path.parent / video).resolve() == row.video,
        lambda video: video == row.name,
        lambda _: True,
    )
    for test in tests:
        matches = [raw for raw in alike if test(raw.video)]
        if len(matches) == 1:
            return matches[0]
    listed = ", ".join(raw.video for raw in labels.videos[:4])
    empty = "; for a video without events, add a row with only its name"
    raise LabelError(
        f"{labels.path}: needs {row.name!r} exactly once, but has {listed}"
        f"{', ...' if len(labels.videos) > 4 else ''}{empty if labels.format == 'csv' else ''}"
    )


def _select_half(labels: _Labels, row: ManifestRow) -> RawVideo:
    halves = {half_of(raw.video): raw for raw in labels.videos}
    half = half_of(row.video.name)
    if half is not None:
        return halves.get(half, RawVideo(video=row.name))
    if set(halves) <= {1, None}:  # a game of one half, or of one file
        return labels.videos[0]
    kind = "a whole game" if is_whole_game(row.video.name) else "not named by its half"
    raise LabelError(
        f"{labels.path}: has a second half, but {row.name!r} is {kind}; needs one video per half, "
        "as in 1_720p.mkv and 2_720p.mkv, or labels as CSV"
    )
