"""Marked videos: events from any file or folder, joined to the videos that they belong to."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playhead.errors import LabelError, MediaError
from playhead.events.formats import native, read_events
from playhead.events.model import Event, VideoEvents
from playhead.events.pairing import pair_videos
from playhead.execution.items import Item
from playhead.execution.outcomes import FileOutcome
from playhead.inference.scores import read_scores
from playhead.media import Video, open_video
from playhead.output import counted
from playhead.spotting.predict import decide
from playhead.spotting.truth import EVENTS, SCORES, any_times
from playhead.times import TIE

__all__ = [
    "Joined",
    "Marked",
    "join_videos",
    "past_the_end",
    "read_marked",
    "select_events",
    "time_of",
    "without_video",
]


@dataclass(frozen=True, slots=True)
class Marked:
    """The events of one video, and the file of the scores that they come from, if it is known."""

    events: VideoEvents
    scores: Path | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """Videos, each with its events or None; absent: the names of those that have only events."""

    pairs: tuple[tuple[Item, Marked | None], ...]
    absent: tuple[str, ...]


def read_marked(
    path: Path, videos: Sequence[Item] = (), *, rate: str | None = None
) -> list[Marked]:
    """The events of every video in `path`.

    path: a folder that `predict` wrote, a run folder or one of scores, whose events are decided as
        recorded; a file of scores; or labels or predictions in any format, a manifest or a folder
    videos: tell the times of labels by frame whose file declares no rate
    Raises LabelError for what is none of these.
    """
    if path.is_dir():
        scores = {_stem(path, file, SCORES): file for file in sorted(path.rglob(f"*{SCORES}"))}
        events = {_stem(path, file, EVENTS): file for file in sorted(path.rglob(f"*{EVENTS}"))}
        if scores:
            return [
                Marked(replace(_events_of(events.get(name), scores.get(name)), video=name), file)
                for name in sorted({*events, *scores})
                for file in [scores.get(name)]
            ]
        if events:
            return [Marked(replace(native.read(file), video=name)) for name, file in events.items()]
    elif path.name.endswith(SCORES):
        if not path.exists():
            raise LabelError(f"{path}: there is no such file; check the name")
        return [Marked(decide(read_scores(path)), path)]
    try:
        read = read_events(path, rate=rate)
    except LabelError:
        if rate is not None or not videos:
            raise
        read = read_events(path, times=lambda name: _times(name, videos))
    return [Marked(video) for video in read]


def join_videos(marked: Sequence[Marked], items: Sequence[Item]) -> Joined:
    """Join events to videos by their names.

    Raises LabelError if none belongs to a video, or if several belong to the same one.
    """
    offered = [item.path.as_posix() for item in items]
    indices = pair_videos([each.events.video for each in marked], offered)
    counts = Counter(index for index in indices if index is not None)
    for index, count in counts.items():
        if count > 1:
            names = [m.events.video for m, at in zip(marked, indices, strict=True) if at == index]
            raise LabelError(
                f"{offered[index]}: is meant by {' and '.join(names[:3])}; keep the events of one"
            )
    if not counts:
        known = ", ".join(each.events.video for each in marked[:3])
        raise LabelError(
            f"the events are of {known}, but the videos are {', '.join(offered[:3])}; the file "
            "names must agree"
        )
    of_video = {index: each for each, index in zip(marked, indices, strict=True)}
    return Joined(
        tuple((item, of_video.get(index)) for index, item in enumerate(items)),
        tuple(
            each.events.video for each, index in zip(marked, indices, strict=True) if index is None
        ),
    )


def select_events(
    marked: Sequence[Marked], *, labels: Sequence[str], min_score: float
) -> list[Marked]:
    """Only the events of these labels (none: all) that score at least `min_score`.

    Raises LabelError for an unknown label.
    """
    known = sorted({label for each in marked for label in each.events.classes})
    for label in labels:
        if label not in known:
            raise LabelError(f"--label {label}: there is none; the labels are {', '.join(known)}")
    selected = []
    for each in marked:
        events = tuple(
            event
            for event in each.events.events
            if event.score >= min_score and (not labels or event.label in labels)
        )
        selected.append(replace(each, events=replace(each.events, events=events)))
    return selected


def past_the_end(events: Sequence[Event], video: Video) -> str | None:
    """What is wrong with events that lie past the end of their video; None if none does."""
    past = [event for event in events if time_of(event, video) >= video.duration - TIE]
    if not past:
        return None
    return (
        f"{counted(len(past), 'event')} past the end, the first ({past[0].label}) at "
        f"{past[0].start:.2f} s, but the video ends at {video.duration:.2f} s; the labels may "
        "belong to another cut"
    )


def without_video(joined: Joined, videos: Sequence[Path]) -> tuple[list[FileOutcome], list[str]]:
    """The events that have no video, as outcomes and as notes.

    A video that is missing from a folder has failed. If only files are named, the events of other
    videos are none of their business: that is a note.
    """
    if any(path.is_dir() for path in videos):
        reason = "has events, but there is no such video among those given"
        return [FileOutcome(Path(name), "failed", reason=reason) for name in joined.absent], []
    count = len(joined.absent)
    return [], [f"the events of {counted(count, 'other video')} are left out"] if count else []


def time_of(event: Event, video: Video) -> float:
    """When an event happens in its video: the time of its frame, if that is known."""
    known = event.frame is not None and event.frame < video.frames
    return float(video.times[event.frame]) if known else event.start


def _stem(folder: Path, file: Path, suffix: str) -> str:
    return file.relative_to(folder).as_posix()[: -len(suffix)]


def _events_of(events: Path | None, scores: Path | None) -> VideoEvents:
    if events is not None:
        return native.read(events)
    assert scores is not None
    return decide(read_scores(scores))


def _times(name: str, videos: Sequence[Item]) -> NDArray[np.float64]:
    """The times of the frames of the video that a label file calls `name`.

    Those of another video have no meaning: its events are left out.
    """
    [index] = pair_videos([name], [item.path.as_posix() for item in videos])
    if index is None:
        return any_times()
    try:
        with open_video(videos[index].path) as video:
            return video.times
    except MediaError:  # told where the video itself is used
        return any_times()
