"""The labels of the videos in a folder, for `init`: from label files, or of SoccerNet's games."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playhead.errors import LabelError, MediaError
from playhead.events.formats import read_events, read_row
from playhead.events.games import GameFiles, is_games, read_games
from playhead.events.manifest import ManifestRow
from playhead.events.model import Event, VideoEvents
from playhead.events.names import find_media
from playhead.events.pairing import pair_videos
from playhead.execution.items import find_items
from playhead.media import Video, open_video
from playhead.spotting.truth import any_times

__all__ = ["games_of", "labelled_games", "labelled_videos"]

Times = NDArray[np.float64]


def games_of(videos: Path, labels: Sequence[Path]) -> dict[str, ManifestRow]:
    """The videos of SoccerNet games by name, if no other labels are given."""
    if labels:
        return {}
    if not is_games(videos):
        raise LabelError(f"{videos}: give the labels of its videos too")
    return {row.name: row for row in read_games(videos, GameFiles())}


def labelled_games(games: Mapping[str, ManifestRow]) -> tuple[list[VideoEvents], list[str]]:
    """The labels of each video of games that has some, under its name."""
    labelled: list[VideoEvents] = []
    notes: list[str] = []
    for row in games.values():
        if row.labels is None:
            continue
        try:
            with open_video(row.video) as opened:
                times = _times_beyond(opened)
            events = read_row(row, times=times, notes=notes)
        except (LabelError, MediaError) as error:
            notes.append(f"left out: {error}")
            continue
        labelled.append(replace(events, events=tuple(_distinct(events.events))))
    unlabelled = [name for name, row in games.items() if row.labels is None]
    if unlabelled:
        notes.append(f"left out: {_some(unlabelled)}, without labels")
    used = tuple(sorted({event.label for video in labelled for event in video.events}))
    return [replace(video, classes=used) for video in labelled], notes


def _times_beyond(video: Video) -> Times:
    """The times of a video's frames, and some after its end for labels past it."""
    later = any_times() + video.duration
    return np.concatenate([video.times, later[later > video.times[-1]]])


def labelled_videos(
    folder: Path, paths: Sequence[Path], rate: str | None, columns: Mapping[str, str] | None
) -> tuple[list[VideoEvents], list[str]]:
    """The labels of each video of the folder that has some, under its path in the folder.

    Several files may have labels of one video, such as a file a class.
    """
    files = {
        item.path.relative_to(folder).as_posix(): item.path for item in find_items([folder], folder)
    }
    found: dict[str, list[Event]] = {}
    classes: set[str] = set()
    missing: list[str] = []
    notes: list[str] = []
    for path in paths:
        names: dict[str, str | None] = {}

        def name_of(video: str, names: dict[str, str | None] = names) -> str | None:
            if video not in names:
                names[video] = _file_of(folder, video, list(files))
            return names[video]

        def times_of(video: str, of: Callable[[str], str | None] = name_of) -> Times:
            name = of(video)
            if name is None:
                return any_times()
            try:
                with open_video(files[name]) as opened:
                    return _times_beyond(opened)
            except MediaError:  # told later, with the other facts of the videos
                return any_times()

        read = read_events(path, rate=rate, times=times_of, columns=columns, notes=notes)
        for video in read:
            name = name_of(video.video)
            classes |= set(video.classes)
            if name is None:
                missing.append(video.video)
                continue
            found.setdefault(name, []).extend(video.events)
    if not found:
        some = f": {', '.join(missing[:3])}" if missing else ""
        raise LabelError(
            f"{', '.join(map(str, paths))}: no label is of a video in {folder}{some}; the names "
            "must end like those of the files"
        )
    if missing:
        notes.append(f"left out: labels of {_some(missing)}, not in {folder}")
    unlabelled = sorted(set(files) - set(found))
    if unlabelled:
        notes.append(
            f"left out: {_some(unlabelled)}, without labels; a row with only the video says that "
            "nothing happens in it"
        )
    used = tuple(
        sorted(
            label
            for label in classes
            if any(e.label == label for events in found.values() for e in events)
        )
    )
    labelled = [
        VideoEvents(video=name, classes=used, events=tuple(_distinct(found[name])))
        for name in sorted(found)
    ]
    return labelled, notes


def _file_of(folder: Path, video: str, files: Sequence[str]) -> str | None:
    """The path in the folder of a video as labels name it."""
    [index] = pair_videos([video], files)
    if index is not None:
        return files[index]
    try:
        return find_media(folder, video).relative_to(folder.resolve()).as_posix()
    except LabelError:
        return None


def _distinct(events: Sequence[Event]) -> list[Event]:
    """Instants without repetition, in order of time, to a microsecond."""
    instants = {
        (round(event.start, 6), event.label): replace(event, start=round(event.start, 6), end=None)
        for event in events
    }
    return [instants[key] for key in sorted(instants)]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"
