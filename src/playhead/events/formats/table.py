"""CSV labels: `video,label,time[,end,score,x1,y1,x2,y2,view,track]` or `video,label,frame[,...]`.

`time` and `end` are seconds; with `frame`, `end` is the frame after the last one. A row with only a
video means that it was annotated and has no events. With boxes or tracks, `label` may be left out.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from playhead.errors import LabelError
from playhead.events.formats.raw import RawEvent, RawVideo, Reading, refuse_equal_rows, resolve
from playhead.events.model import Box, Event, VideoEvents
from playhead.events.source import MAX_FRAME, csv_rows, read_text
from playhead.files import write_text

__all__ = ["LABEL", "parse", "read", "write"]

LABEL = "event"
"""The label of events in a table without labels."""

BOX = ("x1", "y1", "x2", "y2")
OPTIONAL = ("end", "score", *BOX, "view", "track")


def read(path: Path, reading: Reading | None = None) -> tuple[VideoEvents, ...]:
    """Read a table: one `VideoEvents` per video, in the order of their first rows."""
    return resolve(parse(path), reading or Reading())


def write(videos: Sequence[VideoEvents], path: Path) -> None:
    """Write labels with exact times in seconds, and each optional column that an event needs.

    Instants with boxes or tracks are written by frame if all of them have one.
    """
    events = [event for video in videos for event in video.events]
    placed = any(event.box is not None or event.track is not None for event in events)
    by_frame = placed and all(event.frame is not None and event.end is None for event in events)
    columns = ["video", "label", "frame" if by_frame else "time"]
    if any(event.end is not None for event in events):
        columns.append("end")
    if any(event.score != 1.0 for event in events):
        columns.append("score")
    if any(event.box is not None for event in events):
        columns += BOX
    columns += [
        name
        for name in ("view", "track")
        if any(getattr(event, name) is not None for event in events)
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for video in videos:
        rows = [
            (event.label, event.start, event.end, event.box, event.view, event.track)
            for event in video.events
        ]
        refuse_equal_rows(video.video, rows, "CSV")
        for event in video.events:
            writer.writerow(_cells(video.video, event, columns))
        if not video.events:
            writer.writerow([video.video, *[""] * (len(columns) - 1)])
    write_text(path, text.getvalue())


def parse(path: Path) -> tuple[RawVideo, ...]:
    """Parse the table, without checking it against a video."""
    header = _header(path)
    unit = "frame" if "frame" in header else "time"
    required: tuple[str, ...] = ("video", "label", unit)
    if "label" not in header and ("track" in header or "x1" in header):
        required = ("video", unit)
    if set(BOX) & set(header):
        required += BOX
    events: dict[str, list[RawEvent]] = {}
    for where, row in csv_rows(path, required, OPTIONAL):
        if not row["video"]:
            raise LabelError(f"{where}: has no video")
        labels = events.setdefault(row["video"], [])
        if any(row[column] for column in row if column != "video"):
            labels.append(_parse_row(where, row, unit))
    return tuple(RawVideo(video=video, events=labels) for video, labels in events.items())


def _header(path: Path) -> list[str]:
    lines = read_text(path).splitlines()
    header = [name.strip() for name in next(csv.reader(lines[:1]), [])]
    if "time" in header and "frame" in header:
        raise LabelError(f"{path}: has both a time and a frame column; keep one of them")
    return header


def _parse_row(where: str, row: dict[str, str], unit: str) -> RawEvent:
    label = row.get("label", LABEL)
    if not label:
        raise LabelError(f"{where}: has no label")
    if not row[unit]:
        raise LabelError(f"{where}: {label} has no {unit}")
    end, track = row.get("end"), row.get("track")
    event = RawEvent(
        where=where,
        label=label,
        named="label" in row,
        score=_number(where, "score", row["score"]) if row.get("score") else 1.0,
        box=_box(where, row),
        view=row.get("view") or None,
        track=_whole(where, "track", track) if track else None,
    )
    if unit == "frame":
        return replace(
            event,
            frame=_whole(where, "frame", row["frame"]),
            end_frame=_whole(where, "end", end) if end else None,
        )
    return replace(
        event,
        seconds=_number(where, "time", row["time"]),
        end_seconds=_number(where, "end", end) if end else None,
    )


def _box(where: str, row: dict[str, str]) -> Box | None:
    cells = [row.get(name) for name in BOX]
    if not any(cells):
        return None
    if not all(cells):
        raise LabelError(f"{where}: has a part of a box; needs all of {', '.join(BOX)} or none")
    x1, y1, x2, y2 = (_number(where, name, row[name]) for name in BOX)
    return x1, y1, x2, y2


def _number(where: str, column: str, cell: str) -> float:
    try:
        return float(cell)
    except ValueError as error:
        raise LabelError(f"{where}: {column} needs a number with a point, got {cell!r}") from error


def _whole(where: str, column: str, cell: str) -> int:
    text = cell.strip()
    if not (text.isascii() and text.isdigit() and len(text) < 11 and int(text) <= MAX_FRAME):
        raise LabelError(f"{where}: {column} needs a whole number from 0, got {cell!r}")
    return int(text)


def _cells(video: str, event: Event, columns: Sequence[str]) -> list[str]:
    for name in (video, event.label, event.view or ""):
        if name != name.strip():
            raise LabelError(f"{name!r}: names in a CSV cannot have spaces around them; rename it")
    by_frame = "frame" in columns
    cells = [video, event.label, str(event.frame) if by_frame else repr(float(event.start))]
    if "end" in columns:
        cells.append("" if event.end is None else repr(float(event.end)))
    if "score" in columns:
        cells.append(repr(float(event.score)))
    if "x1" in columns:
        cells += [""] * 4 if event.box is None else [repr(float(side)) for side in event.box]
    cells += [
        "" if getattr(event, name) is None else str(getattr(event, name))
        for name in ("view", "track")
        if name in columns
    ]
    return cells
