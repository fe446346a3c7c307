"""BORIS: a project (`X.boris`), and the tables it exports, tabular or aggregated events.

A behaviour is the label. Point events are instants; state events are coded twice, where they start
and where they stop. Subject, modifiers and comment become the note. An observation is of the video
in its first player, or of several that are played one after another.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

from playhead.errors import LabelError
from playhead.events.formats.headers import plain
from playhead.events.formats.raw import RawEvent, RawVideo
from playhead.events.formats.table import as_seconds
from playhead.events.names import media_name
from playhead.events.source import (
    JsonEntry,
    Mistakes,
    cell_rows,
    read_json,
    read_text,
    separator_of,
)

__all__ = ["parse"]

NOTHING = {"", "na", "nan", "none", "no focal subject"}
PLAYER = re.compile(r"player #\d+:\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Coded:
    """One coded moment; kind: POINT, START, STOP, or STATE, which is either of the two."""

    where: str
    seconds: float
    label: str
    kind: str
    about: tuple[str, ...]
    comment: str


def parse(path: Path, *, notes: list[str] | None = None) -> tuple[RawVideo, ...]:
    """Parse a project or an exported table, without checking it against a video.

    Raises LabelError for a state event that does not stop, and for two observations of one video.
    """
    notes = [] if notes is None else notes
    text = read_text(path, notes=notes)
    is_project = text.lstrip()[:1] == "{"
    videos = _parse_project(path, notes) if is_project else _parse_table(path, text)
    if not videos:
        raise LabelError(f"{path}: has no observation of a video")
    return tuple(videos)


def _parse_project(path: Path, notes: list[str]) -> list[RawVideo]:
    project = JsonEntry.of(read_json(path), str(path))
    states = _states(project)
    observations = JsonEntry.of(project.values.get("observations"), f"{path}: 'observations'")
    videos: list[RawVideo] = []
    observed: dict[str, str] = {}
    mistakes = Mistakes()
    for name, value in observations.values.items():
        with mistakes.collect():
            observation = JsonEntry.of(value, f"{path}: observation {name!r}")
            media = _media(observation)
            if not media:
                notes.append(f"{observation.where} has no video; it is left out")
                continue
            for video in dict.fromkeys(media_name(file) for file, _ in media):
                first = observed.setdefault(video, name)
                if first != name:
                    raise LabelError(
                        f"{observation.where} is of {video}, and so is {first!r}; keep one, or "
                        "export it as a table"
                    )
            offset = observation.number("time offset", 0.0)
            if offset:
                notes.append(f"{observation.where}: its time offset of {offset:g} s is subtracted")
            coded = [
                _coded(f"{observation.where}, event {number}", event, states, offset)
                for number, event in observation.items("events")
            ]
            videos += _on_media(_paired(coded), media)
    mistakes.raise_any()
    return videos


def _states(project: JsonEntry) -> set[str]:
    """The codes of behaviours that last."""
    behaviours = JsonEntry.of(
        project.values.get("behaviors_conf"), f"{project.where}: 'behaviors_conf'"
    )
    entries = [
        JsonEntry.of(value, f"{behaviours.where}, {key}")
        for key, value in behaviours.values.items()
    ]
    return {
        entry.text("code") for entry in entries if entry.text("type").lower().startswith("state")
    }


def _media(observation: JsonEntry) -> list[tuple[str, float | None]]:
    """The files in the first player with their lengths in seconds, as they are played."""
    players = observation.values.get("file")
    files = players.get("1") if isinstance(players, dict) else None
    if not isinstance(files, list) or not all(isinstance(file, str) and file for file in files):
        return []
    information = observation.values.get("media_info")
    lengths = information.get("length") if isinstance(information, dict) else None
    known = lengths if isinstance(lengths, dict) else {}
    return [
        (file, float(known[file]) if isinstance(known.get(file), int | float) else None)
        for file in files
    ]


def _coded(where: str, event: Any, states: set[str], offset: float) -> _Coded:
    if not isinstance(event, list) or len(event) < 3:
        raise LabelError(f"{where}: needs a list of time, subject, behaviour, modifiers, comment")
    time, subject, label, modifiers, comment = [*event, "", ""][:5]
    if not isinstance(time, int | float) or not isinstance(label, str) or not label:
        raise LabelError(f"{where}: needs a time and a behaviour, got {time!r} and {label!r}")
    kind = "STATE" if label in states else "POINT"
    about = (str(subject), str(modifiers))
    return _Coded(where, float(time) - offset, label, kind, about, str(comment))


def _paired(coded: Sequence[_Coded]) -> list[RawEvent]:
    """Events in order of their starts. Raises LabelError for a state that does not stop."""
    started: dict[tuple[str, ...], _Coded] = {}
    events = []
    for moment in sorted(coded, key=lambda moment: moment.seconds):
        if moment.kind == "POINT":
            events.append(_event(moment, None))
            continue
        key = (moment.label, *moment.about)
        start = started.pop(key, None)
        if moment.kind == "START" and start is not None:
            raise LabelError(f"{moment.where}: {moment.label} starts again before it stops")
        if moment.kind == "STOP" and start is None:
            raise LabelError(f"{moment.where}: {moment.label} stops, but did not start")
        if start is None:
            started[key] = moment
        else:
            events.append(_event(start, moment))
    mistakes = Mistakes(
        [
            f"{moment.where}: {moment.label} starts at {moment.seconds:.3f} s and does not stop; "
            "code its end in BORIS"
            for moment in started.values()
        ]
    )
    mistakes.raise_any()
    return sorted(events, key=lambda event: float(event.seconds or 0))


def _event(start: _Coded, stop: _Coded | None) -> RawEvent:
    about = [*start.about, start.comment, *([stop.comment] if stop else [])]
    words = dict.fromkeys(word.strip() for word in about if word.strip().lower() not in NOTHING)
    instant = stop is None or stop.seconds == start.seconds
    return RawEvent(
        where=start.where,
        label=start.label,
        seconds=start.seconds,
        end_seconds=None if instant or stop is None else stop.seconds,
        note="; ".join(words) or None,
    )


def _on_media(
    events: Sequence[RawEvent], media: Sequence[tuple[str, float | None]]
) -> list[RawVideo]:
    """The events of each file, for files that are played one after another."""
    if len(media) == 1:
        return [RawVideo(video=media_name(media[0][0]), events=events)]
    lengths = [length for _, length in media[:-1] if length is not None]
    if len(lengths) < len(media) - 1:
        where = events[0].where if events else media[0][0]
        raise LabelError(f"{where}: of several files, BORIS has to know the lengths; open it there")
    starts = [0.0, *accumulate(lengths)]
    parts: list[list[RawEvent]] = [[] for _ in media]
    for event in events:
        seconds, end = float(event.seconds or 0), event.end_seconds
        part = sum(seconds >= start for start in starts[1:])
        past = starts[part + 1] if part < len(lengths) else float("inf")
        if end is not None and end > past:
            raise LabelError(f"{event.where}: {event.label} goes on in the next file; split it")
        parts[part].append(
            replace(
                event,
                seconds=seconds - starts[part],
                end_seconds=None if end is None else float(end) - starts[part],
            )
        )
    return [
        RawVideo(video=media_name(file), events=part)
        for (file, _), part in zip(media, parts, strict=True)
    ]


def _parse_table(path: Path, text: str) -> list[RawVideo]:
    rows = cell_rows(path, text, separator_of(text, lambda name: plain(name) == "observationid"))
    header: list[str] = []
    before: dict[str, str] = {}
    for _, cells in rows:
        header = [plain(cell) for cell in cells]
        if "behavior" in header and {"time", "start"} & set(header):
            break
        before[header[0]] = next((cell for cell in cells[1:] if cell), "")
    else:
        raise LabelError(f"{path}: has no header with Behavior and Time, as BORIS exports it")
    coded: dict[tuple[str, str], list[_Coded]] = {}
    mistakes = Mistakes()
    for line, cells in rows:
        with mistakes.collect():
            row = before | dict(zip(header, cells, strict=False))
            video, moments = _table_row(f"{path}: line {line}", row)
            coded.setdefault((row.get("observationid", ""), video), []).extend(moments)
    mistakes.raise_any()
    for observation, video in coded:
        if sum(name == observation for name, _ in coded) > 1:
            raise LabelError(
                f"{path}: observation {observation!r} is of several files ({video}, ...), whose "
                "lengths are not in the table; read the .boris project"
            )
    videos = [video for _, video in coded]
    for video in videos:
        if videos.count(video) > 1:
            raise LabelError(f"{path}: two observations are of {video}; keep one")
    return [RawVideo(video=video, events=_paired(moments)) for (_, video), moments in coded.items()]


def _table_row(where: str, row: dict[str, str]) -> tuple[str, list[_Coded]]:
    """The video of a row, and what is coded in it: two moments of an aggregated state."""
    media = next(
        (row[key] for key in ("mediafilename", "mediafilepath", "mediafile") if row.get(key)),
        row.get("player#1", ""),
    )
    video = media_name(PLAYER.sub("", media))
    if not video or video.lower() == "na":
        raise LabelError(f"{where}: names no media file; needs an observation of a video")
    label = row.get("behavior", "")
    if not label:
        raise LabelError(f"{where}: has no behaviour")
    about = (
        row.get("subject", ""),
        *(value for key, value in row.items() if key.startswith("modifier")),
    )
    offset = row.get("timeoffset", "") or "0"

    def moment(column: str, kind: str, comment: str) -> _Coded:
        try:
            seconds = as_seconds(row.get(column, "")) - float(offset)
        except ValueError as error:
            raise LabelError(f"{where}: needs a time, got {row.get(column, '')!r}") from error
        return _Coded(where, seconds, label, kind, about, row.get(comment, ""))

    kind = (row.get("behaviortype") or row.get("status") or "POINT").upper()
    if kind not in ("POINT", "START", "STOP", "STATE"):
        raise LabelError(f"{where}: the type is {kind!r}; needs POINT, START, STOP or STATE")
    if "time" in row:
        return video, [moment("time", kind, "comment")]
    if kind == "POINT":
        return video, [moment("start", "POINT", "commentstart")]
    return video, [
        moment("start", "START", "commentstart"),
        moment("stop", "STOP", "commentstop"),
    ]
