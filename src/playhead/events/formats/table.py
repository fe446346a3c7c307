"""CSV labels: `video,label,time[,end,score]` or `video,label,frame[,...]`.

`time` and `end` are seconds; with `frame`, `end` is the frame after the last one. A row with only a
video means that it was annotated and has no events.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from playhead.errors import LabelError
from playhead.events.formats.raw import RawEvent, RawVideo, Reading, refuse_equal_rows, resolve
from playhead.events.model import Event, VideoEvents
from playhead.events.source import MAX_FRAME, csv_rows, read_text
from playhead.files import write_text

__all__ = ["parse", "read", "write"]


def read(path: Path, reading: Reading | None = None) -> tuple[VideoEvents, ...]:
    """Read a table: one `VideoEvents` per video, in the order of their first rows."""
    return resolve(parse(path), reading or Reading())


def write(videos: Sequence[VideoEvents], path: Path) -> None:
    """Write labels with exact times in seconds, and a score column if any score is not 1."""
    events = [event for video in videos for event in video.events]
    columns = ["video", "label", "time"]
    if any(event.end is not None for event in events):
        columns.append("end")
    if any(event.score != 1.0 for event in events):
        columns.append("score")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for video in videos:
        rows = [(event.label, event.start, event.end) for event in video.events]
        refuse_equal_rows(video.video, rows, "CSV")
        for event in video.events:
            writer.writerow(_cells(video.video, event, columns))
        if not video.events:
            writer.writerow([video.video, *[""] * (len(columns) - 1)])
    write_text(path, text.getvalue())


def parse(path: Path) -> tuple[RawVideo, ...]:
    """Parse the table, without checking it against a video."""
    unit = _unit(path)
    events: dict[str, list[RawEvent]] = {}
    for where, row in csv_rows(path, ("video", "label", unit), ("end", "score")):
        if not row["video"]:
            raise LabelError(f"{where}: has no video")
        labels = events.setdefault(row["video"], [])
        if any(row[column] for column in row if column != "video"):
            labels.append(_parse_row(where, row, unit))
    return tuple(RawVideo(video=video, events=labels) for video, labels in events.items())


def _unit(path: Path) -> str:
    lines = read_text(path).splitlines()
    header = [name.strip() for name in next(csv.reader(lines[:1]), [])]
    if "time" in header and "frame" in header:
        raise LabelError(f"{path}: has both a time and a frame column; keep one of them")
    return "frame" if "frame" in header else "time"


def _parse_row(where: str, row: dict[str, str], unit: str) -> RawEvent:
    if not row["label"]:
        raise LabelError(f"{where}: has no label")
    if not row[unit]:
        raise LabelError(f"{where}: {row['label']} has no {unit}")
    score = _number(where, "score", row["score"]) if row.get("score") else 1.0
    end = row.get("end")
    if unit == "frame":
        return RawEvent(
            where=where,
            label=row["label"],
            frame=_frame(where, "frame", row["frame"]),
            end_frame=_frame(where, "end", end) if end else None,
            score=score,
        )
    return RawEvent(
        where=where,
        label=row["label"],
        seconds=_number(where, "time", row["time"]),
        end_seconds=_number(where, "end", end) if end else None,
        score=score,
    )


def _number(where: str, column: str, cell: str) -> float:
    try:
        return float(cell)
    except ValueError as error:
        raise LabelError(f"{where}: {column} needs a number with a point, got {cell!r}") from error


def _frame(where: str, column: str, cell: str) -> int:
    text = cell.strip()
    if not (text.isascii() and text.isdigit() and len(text) < 11 and int(text) <= MAX_FRAME):
        raise LabelError(f"{where}: {column} needs a whole number from 0, got {cell!r}")
    return int(text)


def _cells(video: str, event: Event, columns: Sequence[str]) -> list[str]:
    for name in (video, event.label):
        if name != name.strip():
            raise LabelError(f"{name!r}: names in a CSV cannot have spaces around them; rename it")
    cells = [video, event.label, repr(float(event.start))]
    if "end" in columns:
        cells.append("" if event.end is None else repr(float(event.end)))
    if "score" in columns:
        cells.append(repr(float(event.score)))
    return cells
