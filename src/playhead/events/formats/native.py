"""Native format: `X.events.json`, one JSON file per video with all fields of `VideoEvents`.

A newer schema or an unknown key is refused, because its data would be lost.
"""

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from playhead.errors import LabelError
from playhead.events.formats.raw import (
    RawEvent,
    RawVideo,
    Reading,
    as_rate,
    refuse_equal_rows,
    resolve,
)
from playhead.events.model import Box, Event, VideoEvents
from playhead.events.source import JsonEntry, read_json
from playhead.files import write_text

__all__ = ["SCHEMA", "parse", "read", "write"]

SCHEMA = 1
FILE_KEYS = ("schema", "video", "classes", "frames", "rate", "events")
EVENT_KEYS = ("label", "start", "end", "score", "frame", "box", "view", "track", "other", "note")


def read(path: Path, reading: Reading | None = None) -> VideoEvents:
    """Read one video's events. Raises LabelError for a newer schema or invalid content."""
    return resolve(parse(path), reading or Reading())[0]


def write(events: VideoEvents, path: Path) -> None:
    """Write one video's events atomically, one line per event."""
    head: dict[str, Any] = {
        "schema": SCHEMA,
        "video": events.video,
        "classes": list(events.classes),
        "frames": events.frames,
        "rate": None if events.rate is None else str(events.rate),
    }
    keys = [key for key in EVENT_KEYS if key != "score"]
    rows = [tuple(getattr(event, key) for key in keys) for event in events.events]
    refuse_equal_rows(events.video, rows, "native JSON")
    lines = [f"  {_dump(key)}: {_dump(value)}," for key, value in head.items() if value is not None]
    body = ",\n".join("    " + _dump(_event_values(event)) for event in events.events)
    body = f"[\n{body}\n  ]" if body else "[]"
    write_text(path, "\n".join(["{", *lines, f'  "events": {body}', "}", ""]))


def parse(path: Path) -> tuple[RawVideo, ...]:
    """Parse the file, without checking it against a video."""
    document = JsonEntry.of(read_json(path), str(path))
    schema = document.whole("schema")
    if schema > SCHEMA:
        raise LabelError(
            f"{path}: has schema {schema}, but this version reads up to {SCHEMA}; update playhead"
        )
    _refuse_unknown(document, FILE_KEYS)
    events = tuple(
        _parse_event(JsonEntry.of(value, f"{path}: event {number}"))
        for number, value in document.items("events")
    )
    return (
        RawVideo(
            video=document.text("video"),
            classes=_parse_classes(document),
            frames=document.whole("frames") if "frames" in document.values else None,
            rate=_parse_rate(document),
            events=events,
        ),
    )


def _parse_classes(document: JsonEntry) -> tuple[str, ...]:
    classes = tuple(name for _, name in document.items("classes"))
    if not all(isinstance(name, str) and name for name in classes):
        raise LabelError(f"{document.where}: 'classes' needs a list of names")
    if len(set(classes)) != len(classes):
        raise LabelError(f"{document.where}: 'classes' lists one twice: {', '.join(classes)}")
    return classes


def _parse_rate(document: JsonEntry) -> Fraction | None:
    try:
        return as_rate(document.optional_text("rate"))
    except LabelError as error:
        raise LabelError(f"{document.where}: {error}") from error


def _parse_event(entry: JsonEntry) -> RawEvent:
    _refuse_unknown(entry, EVENT_KEYS)
    values = entry.values
    return RawEvent(
        where=entry.where,
        label=entry.text("label"),
        seconds=entry.number("start"),
        end_seconds=None if values.get("end") is None else entry.number("end"),
        score=entry.number("score", 1.0),
        frame=None if values.get("frame") is None else entry.whole("frame"),
        box=None if values.get("box") is None else _parse_box(entry),
        view=entry.optional_text("view"),
        track=None if values.get("track") is None else entry.whole("track"),
        other=None if values.get("other") is None else entry.whole("other"),
        note=entry.optional_text("note"),
    )


def _parse_box(entry: JsonEntry) -> Box:
    numbers = [value for _, value in entry.items("box")]
    if len(numbers) != 4 or any(type(value) not in (int, float) for value in numbers):
        raise LabelError(f"{entry.where}: 'box' needs four numbers x1, y1, x2, y2")
    x1, y1, x2, y2 = (float(value) for value in numbers)
    return x1, y1, x2, y2


def _refuse_unknown(entry: JsonEntry, known: Sequence[str]) -> None:
    for key in entry.values:
        if key not in known:
            raise LabelError(
                f"{entry.where}: unknown key {key!r}; the known keys are {', '.join(known)}"
            )


def _event_values(event: Event) -> dict[str, Any]:
    values = {key: getattr(event, key) for key in EVENT_KEYS}
    return {key: value for key, value in values.items() if value is not None}


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
