"""Converting labels between formats, with frames and seconds by the media or a rate.

Tracks are converted among track files, MOTChallenge and (only read) the helmets of NFL labels.
Keypoints of other programs become keypoint files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from playhead.errors import LabelError
from playhead.events.formats import read_events, write_events
from playhead.events.formats.box_rows import track_file
from playhead.events.formats.detect import detect, holds_table
from playhead.events.formats.keypoint_formats import convert_keypoints, holds_keypoints
from playhead.events.formats.mot import read_mot, video_of, write_mot
from playhead.events.formats.nfl import read_labels
from playhead.events.formats.raw import RawEvent, RawVideo, Reading, TimesOf, as_rate, resolve
from playhead.events.formats.tracks import SUFFIX, TrackFile, read_tracks, write_tracks
from playhead.events.model import Track, VideoEvents
from playhead.events.names import find_media, video_stem
from playhead.files import inside

__all__ = ["Converted", "convert", "counted_as", "has_tracks", "shift_events"]

TRACKS = ("tracks", "mot")
DECIMALS = 9
"""Of shifted seconds: more than any label has, fewer than show the sum of two floats."""


@dataclass(frozen=True, slots=True)
class Converted:
    """What was converted.

    count: of the events, tracks or people, as `unit` says; videos: 0 where they are not counted
    notes: what the user should know, as columns that were ignored or rows that were merged
    """

    count: int
    unit: Literal["events", "tracks", "people"]
    videos: int = 0
    notes: tuple[str, ...] = ()


def convert(
    source: Path | str,
    target: Path | str,
    *,
    source_format: str | None = None,
    target_format: str | None = None,
    rate: str | float | Fraction | None = None,
    media: Path | str | None = None,
    first_pixel: int | None = None,
    classes: Sequence[str] | None = None,
    columns: Mapping[str, str] | None = None,
    shift: float = 0.0,
) -> Converted:
    """Read `source`, write `target`, and return what was converted.

    media: the folder of the labelled videos, all of which must be there; their tables of times are
        then used. Otherwise labels by frame need the rate that their file declares, or `rate`
    A track file needs the media, for its frames and size. Several videos become
    `target/<video without its suffix>.tracks.npz`. Keypoints: see `convert_keypoints`.
    first_pixel, classes: of MOTChallenge, see `read_mot` and `write_mot`
    columns: of a table, see `read_events`; shift: seconds that are added to every event, see
        `shift_events`
    Raises LabelError as `read_events` and `write_events` do, if tracks would become events, and for
    options of MOTChallenge or of events where neither file is.
    """
    unit = counted_as(source, target, source_format, target_format)
    from_tracks = has_tracks(source, source_format)
    if (columns or shift) and (unit != "events" or from_tracks):
        raise LabelError(f"{source}: --columns and --shift are for events, not tracks or keypoints")
    if unit == "people":
        if first_pixel is not None or classes is not None:
            raise LabelError(f"{source}: --first-pixel and --classes are not for keypoints")
        people = convert_keypoints(
            Path(source),
            Path(target),
            source_format=source_format,
            target_format=target_format,
            rate=rate,
            media=None if media is None else Path(media),
        )
        return Converted(people, unit)
    mot = _is_mot(source, source_format) or _is_mot(target, target_format)
    if not mot and (first_pixel is not None or classes is not None):
        raise LabelError(
            f"{source}: --first-pixel and --classes are for MOTChallenge (X.txt, or mot), but "
            f"neither it nor {target} is"
        )
    first_pixel = 1 if first_pixel is None else first_pixel
    if from_tracks or unit == "tracks":
        files = _read_tracks(Path(source), source_format, media, first_pixel, classes)
        _write_tracks(files, Path(target), target_format, first_pixel, classes)
        return Converted(sum(len(file.tracks) for file in files), "tracks", len(files))
    times = None if media is None else _Tables(Path(media))
    notes: list[str] = []
    videos = read_events(
        source, format=source_format, rate=rate, times=times, columns=columns, notes=notes
    )
    if shift:
        videos = shift_events(videos, shift, rate=rate, times=times, notes=notes)
    write_events(videos, target, format=target_format, rate=rate)
    count = sum(len(video.events) for video in videos)
    return Converted(count, "events", len(videos), tuple(notes))


def shift_events(
    videos: Sequence[VideoEvents],
    seconds: float,
    *,
    rate: str | float | Fraction | None = None,
    times: TimesOf | None = None,
    notes: list[str],
) -> tuple[VideoEvents, ...]:
    """Add a constant time to all events, and move them to the frames there.

    rate, times: as of `read_events`; without both, frames are dropped
    Events that would be before the start of the video are left out, which `notes` says; a span
    across it is cut. Raises LabelError for an event past the end of the video, if it is known.
    """
    reading = Reading(rate=as_rate(rate), times=times, notes=notes)
    moved = []
    for video in videos:
        events = [
            replace(
                event,
                start=max(0.0, round(event.start + seconds, DECIMALS)),
                end=None if event.end is None else round(event.end + seconds, DECIMALS),
                frame=None,
            )
            for event in video.events
            if event.start + seconds >= 0 or (event.end or 0.0) + seconds > 0
        ]
        if len(events) < len(video.events):
            notes.append(
                f"{video.video}: {len(video.events) - len(events)} events would be before the "
                "start of the video; they are left out"
            )
        raws = [
            RawEvent(
                where=f"{video.video}: {event.label}",
                label=event.label,
                seconds=event.start,
                end_seconds=event.end,
                score=event.score,
                box=event.box,
                view=event.view,
                track=event.track,
                other=event.other,
                note=event.note,
            )
            for event in events
        ]
        moved.append(
            RawVideo(
                video=video.video,
                events=raws,
                classes=video.classes,
                frames=video.frames,
                rate=video.rate,
            )
        )
    return resolve(moved, reading)


def counted_as(
    source: Path | str, target: Path | str, source_format: str | None, target_format: str | None
) -> Literal["events", "tracks", "people"]:
    """What a conversion counts."""
    if holds_keypoints(Path(source), Path(target), (source_format, target_format)):
        return "people"
    return "tracks" if has_tracks(target, target_format) else "events"


def has_tracks(path: Path | str, format_: str | None) -> bool:
    """Whether a file of this name, or of the format if it is given, holds tracks."""
    by_name = Path(path).name.lower().endswith(SUFFIX) or _is_mot(path, None)
    return by_name if format_ is None else format_ in TRACKS


def _is_mot(path: Path | str, format_: str | None) -> bool:
    by_name = Path(path).name.lower().endswith((".txt", ".txt.gz"))
    return by_name and not holds_table(Path(path)) if format_ is None else format_ == "mot"


def _read_tracks(
    path: Path,
    format_: str | None,
    media: Path | str | None,
    first_pixel: int,
    classes: Sequence[str] | None,
) -> list[TrackFile]:
    if format_ == "tracks" or (format_ is None and path.name.lower().endswith(SUFFIX)):
        return [read_tracks(path)]
    videos: dict[str, tuple[Track, ...]]
    if has_tracks(path, format_):
        videos = {video_of(path): read_mot(path, classes=classes, first_pixel=first_pixel)}
    elif (format_ or detect(path)) == "nfl":
        videos = {video.video: video.tracks for video in read_labels(path)}
    else:
        raise LabelError(f"{path}: holds events; tracks are made from track files, mot or nfl")
    if media is None:
        raise LabelError(
            f"{path}: tracks need the frames and the size of their video; name its folder with "
            "--media"
        )
    from playhead.media import open_video

    files = []
    for name, tracks in videos.items():
        found = find_media(Path(media), name)
        with open_video(found) as video:
            files.append(
                track_file(
                    found.name,
                    tracks,
                    frames=len(video.times),
                    width=video.width,
                    height=video.height,
                )
            )
    return files


def _write_tracks(
    files: list[TrackFile],
    path: Path,
    format_: str | None,
    first_pixel: int,
    classes: Sequence[str] | None,
) -> None:
    name = path.name.lower()
    if format_ == "mot" or (format_ is None and name.endswith(".txt")):
        if len(files) > 1:
            raise LabelError(f"{path}: a MOT file holds one video, but there are {len(files)}")
        if classes is None and len(files[0].classes) > 1:
            classes = files[0].classes
        write_mot(files[0].tracks, path, classes=classes, first_pixel=first_pixel)
    elif format_ == "tracks" or (format_ is None and name.endswith(SUFFIX)):
        if len(files) == 1 and name.endswith(SUFFIX):
            write_tracks(path, files[0])
            return
        if name.endswith(SUFFIX):
            raise LabelError(
                f"{path}: a track file holds one video, but there are {len(files)}; name a folder "
                "with --to tracks"
            )
        for file in files:
            write_tracks(inside(path, video_stem(file.video) + SUFFIX), file)
    else:
        raise LabelError(
            f"{path}: tracks become X.tracks.npz or MOTChallenge (X.txt), not events; choose one "
            "with --to tracks or --to mot"
        )


class _Tables:
    """The tables of times of the videos in a folder, by the video's name in the labels."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, video: str) -> NDArray[np.float64]:
        """float64 (N,), seconds. Raises LabelError if the folder has no such video."""
        return _table(find_media(self.folder, video))


@lru_cache(maxsize=1)
def _table(path: Path) -> NDArray[np.float64]:
    from playhead.media import open_video

    with open_video(path) as video:
        return video.times
