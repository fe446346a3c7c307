"""CSV labels: `video,label,time[,end,score,x1,y1,x2,y2,view,track]` or `video,label,frame[,...]`.

`time` and `end` are seconds or clock times; with `frame`, `end` is the frame after the last one,
and `264-268` in `frame` is a span of these five frames. A row with only a video means that it was
annotated and has no events. With boxes or tracks, `label` may be left out; without `video`, the
table is of the video that it is named after. Cells are separated by commas, semicolons or tabs.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from fractions import Fraction
from pathlib import Path, PurePath

from playhead.errors import LabelError
from playhead.events.formats.headers import Header, is_known, plain, read_header
from playhead.events.formats.raw import RawEvent, RawVideo, Reading, refuse_equal_rows, resolve
from playhead.events.model import Box, Event, VideoEvents
from playhead.events.source import MAX_FRAME, Mistakes, cell_rows, read_text, separator_of
from playhead.files import write_text
from playhead.media.kinds import VIDEO_SUFFIXES

__all__ = ["LABEL", "as_seconds", "parse", "read", "write"]

LABEL = "event"
"""The label of events in a table without labels."""

BOX = ("x1", "y1", "x2", "y2")
DECIMAL = ("time", "end", "score", *BOX)
CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,4}):(\d{1,2}(?:[.,]\d{1,9})?)")
FRAME_RANGE = re.compile(r"(\d+)\s*[-\u2013]\s*(\d+)")
TIMECODE = re.compile(r"\d+[:;]\d+[:;]\d+[:;]\d+")


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


def parse(
    path: Path, *, columns: Mapping[str, str] | None = None, notes: list[str] | None = None
) -> tuple[RawVideo, ...]:
    """Parse the table, without checking it against a video.

    columns: names of columns in the table, as `{"time": "Zeit"}`, where they are not known
    notes: what was ignored is appended
    Raises LabelError with all mistakes, each with its line.
    """
    notes = [] if notes is None else notes
    text = read_text(path, notes=notes)
    told = {plain(name) for name in (columns or {}).values()}
    separator = separator_of(text, lambda name: is_known(name) or plain(name) in told)
    rows = cell_rows(path, text, separator)
    _, names = next(rows, (0, []))
    header = read_header(path, names, columns, notes)
    unit = _check_columns(path, names, header)
    events: dict[str, list[RawEvent]] = {}
    mistakes = Mistakes()
    marks: dict[str, tuple[int, str]] = {}
    empty = True
    with mistakes.collect():  # a broken quote ends the rows
        for line, cells in rows:
            where = f"{path}: line {line}"
            if empty:
                _refuse_named_videos(where, cells, header, names)
            empty = False
            with mistakes.collect():
                row = _row(where, cells, header)
                for column in DECIMAL:
                    cell = row.get(column, "")
                    for mark in {".", ","}.intersection(cell):
                        marks.setdefault(mark, (line, cell))
                video = row.get("video", path.name.removesuffix(".gz").rpartition(".")[0])
                if not video:
                    raise LabelError(f"{where}: has no video")
                labels = events.setdefault(video, [])
                if any(row[column] for column in row if column != "video"):
                    labels.append(_parse_row(where, row, unit))
    with mistakes.collect():
        _refuse_both_marks(path, marks)
    mistakes.raise_any()
    if empty:
        raise LabelError(f"{path}: has only a header; needs at least one row")
    return tuple(
        RawVideo(video=video, named="video" in header.at, events=labels)
        for video, labels in events.items()
    )


def as_seconds(cell: str) -> float:
    """Seconds from `12.48`, `12,48`, or a clock time: `12:05` is 12 minutes and 5 seconds.

    Raises ValueError for other text.
    """
    clock = CLOCK.fullmatch(cell)
    if clock is None:
        return _float(cell)
    hours, minutes, seconds = clock.groups()
    rest = Fraction(seconds.replace(",", "."))
    if rest >= 60 or (hours is not None and int(minutes) >= 60):
        raise ValueError(f"{cell} is not a clock time")
    return float((int(hours or 0) * 60 + int(minutes)) * 60 + rest)


def _check_columns(path: Path, names: Sequence[str], header: Header) -> str:
    """The unit of time: `time` or `frame`. Raises LabelError for a missing column, or for both."""
    at = header.at
    if "time" in at and "frame" in at:
        raise LabelError(
            f"{path}: has both a time and a frame column; keep one of them, or choose with "
            f"--columns time={names[at['time']]}"
        )
    unit = "frame" if "frame" in at else "time"
    needed = [unit] if "track" in at or "x1" in at else ["label", unit]
    needed += BOX if set(BOX) & set(at) else ()
    if "video" not in at and get_close_matches("video", header.ignored, 1, 0.75):
        needed.insert(0, "video")
    for name in needed:
        if name not in at:
            close = get_close_matches(name, header.ignored, 1, 0.6) or header.ignored[:1]
            hint = f", or name it, as in --columns {name}={close[0]}" if close else ""
            raise LabelError(
                f"{path}: the column {name!r} is missing; the header is "
                f"{', '.join(names) or 'empty'}; needs {', '.join(needed)}{hint}"
            )
    return unit


def _row(where: str, cells: Sequence[str], header: Header) -> dict[str, str]:
    """The known cells of a row; cells past the header must be empty."""
    if len(cells) < header.width or any(cells[header.width :]):
        raise LabelError(f"{where}: has {len(cells)} cells, but the header has {header.width}")
    return {column: cells[place] for column, place in header.at.items()}


def _refuse_named_videos(
    where: str, cells: Sequence[str], header: Header, names: Sequence[str]
) -> None:
    """Raise LabelError if a table without a column `video` names videos in another one."""
    if "video" in header.at:
        return
    for name, cell in zip(names, cells, strict=False):
        if PurePath(cell).suffix.lower() in VIDEO_SUFFIXES:
            raise LabelError(
                f"{where}: {cell!r} looks like a video, but the column is called {name!r}; give "
                f"--columns video={name}"
            )


def _refuse_both_marks(path: Path, marks: Mapping[str, tuple[int, str]]) -> None:
    """Raise LabelError if one number has a decimal point and another a comma: 1,234 is ambiguous.

    marks: for each mark the first line and cell with it
    """
    if len(marks) == 2:
        (line, cell), (other_line, other) = marks[","], marks["."]
        raise LabelError(
            f"{path}: line {line}: {cell!r} has a comma, but {other!r} in line {other_line} a "
            "point; use one of them for decimals"
        )


def _parse_row(where: str, row: Mapping[str, str], unit: str) -> RawEvent:
    label = row.get("label", LABEL)
    if not label:
        raise LabelError(f"{where}: has no label")
    if not row[unit]:
        raise LabelError(f"{where}: {label} has no {unit}")
    start, end, track = row[unit], row.get("end"), row.get("track")
    by_frame = unit == "frame"
    end_frame = _whole(where, "end", end) if end and by_frame else None
    if by_frame and not end and (span := FRAME_RANGE.fullmatch(start)):
        start, last = span.groups()
        end_frame = _whole(where, "frame", last) + 1
    event = RawEvent(
        where=where,
        label=label,
        named="label" in row,
        frame=_whole(where, "frame", start) if by_frame else None,
        seconds=None if by_frame else _seconds(where, "time", start),
        end_frame=end_frame,
        end_seconds=_seconds(where, "end", end) if end and not by_frame else None,
        score=_number(where, "score", row["score"]) if row.get("score") else 1.0,
        box=_box(where, row),
        view=row.get("view") or None,
        track=_whole(where, "track", track) if track else None,
    )
    event.check()
    return event


def _box(where: str, row: Mapping[str, str]) -> Box | None:
    cells = [row.get(name) for name in BOX]
    if not any(cells):
        return None
    if not all(cells):
        raise LabelError(f"{where}: has a part of a box; needs all of {', '.join(BOX)} or none")
    x1, y1, x2, y2 = (_number(where, name, row[name]) for name in BOX)
    return x1, y1, x2, y2


def _number(where: str, column: str, cell: str) -> float:
    try:
        return _float(cell)
    except ValueError as error:
        raise LabelError(f"{where}: {column} needs a number, got {cell!r}") from error


def _float(cell: str) -> float:
    """The number in a cell, with a decimal point or comma."""
    return float(cell.replace(",", ".") if cell.count(",") == 1 and "." not in cell else cell)


def _seconds(where: str, column: str, cell: str) -> float:
    try:
        return as_seconds(cell)
    except ValueError as error:
        hint = "; the frames of a timecode are not read" if TIMECODE.fullmatch(cell) else ""
        raise LabelError(
            f"{where}: {column} needs a number of seconds or a clock time as 1:02:03.4, got "
            f"{cell!r}{hint}"
        ) from error


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
