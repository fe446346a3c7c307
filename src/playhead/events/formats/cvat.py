"""CVAT: XML 1.1 for video and for images, and the JSON of its backups.

A track is a span for each time it is visible. Tags and shapes of single frames are instants, and a
span where the same label is on consecutive frames. What lasts one frame keeps its box. Frames count
from 0, and CVAT does not state the rate.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from playhead.errors import LabelError
from playhead.events.formats.raw import RawEvent, RawVideo
from playhead.events.model import Box
from playhead.events.names import media_name
from playhead.events.source import MAX_FRAME, JsonEntry, Mistakes, read_json, read_text, read_xml

__all__ = ["parse"]

STEP = re.compile(r"step\s*=\s*(\d{1,9})")
CORNERS = ("xtl", "ytl", "xbr", "ybr")


@dataclass(frozen=True, slots=True)
class _Shape:
    """A label on one frame; outside: the object is no longer visible."""

    where: str
    frame: int
    outside: bool = False
    box: Box | None = None


def parse(path: Path, *, notes: list[str] | None = None) -> tuple[RawVideo, ...]:
    """Parse a task, without checking it against a video.

    Raises LabelError for a project of several tasks, and for labels by number.
    """
    notes = [] if notes is None else notes
    if path.name.lower().removesuffix(".gz").endswith(".xml") or _is_xml(path):
        return _parse_xml(path)
    return _parse_json(path, notes)


def _is_xml(path: Path) -> bool:
    return read_text(path).lstrip()[:1] == "<"


def _parse_xml(path: Path) -> tuple[RawVideo, ...]:
    root = read_xml(path)
    if root.tag != "annotations":
        raise LabelError(f"{path}: needs <annotations>, has <{root.tag}>")
    sources = [(element.text or "").strip() for element in root.iter("source")]
    if len(sources) > 1:
        raise LabelError(f"{path}: is a project of {len(sources)} tasks; export each task")
    filters = [STEP.search(element.text or "") for element in root.iter("frame_filter")]
    step = max(1, next((int(found[1]) for found in filters if found), 1))
    events: list[RawEvent] = []
    single: dict[str, list[_Shape]] = {}
    mistakes = Mistakes()
    for track in root.iter("track"):
        where = f"{path}: track {track.get('id')}"
        with mistakes.collect():
            shapes = [_of_element(where, shape, shape) for shape in track if shape.get("frame")]
            events += _of_track(where, track.get("label") or "", shapes, step)
    for image in root.iter("image"):
        where = f"{path}: image {image.get('id')}"
        with mistakes.collect():
            for element in image:
                if element.get("label"):
                    shape = _of_element(where, image, element, key="id")
                    single.setdefault(element.get("label") or "", []).append(shape)
    events += _of_frames(single, step)
    mistakes.raise_any()
    video = media_name(sources[0]) if sources else ""
    name = path.name.removesuffix(".gz").rpartition(".")[0]
    return (RawVideo(video=video or name, named=bool(video), events=_ordered(events)),)


def _of_element(where: str, frame: Element, element: Element, key: str = "frame") -> _Shape:
    text = frame.get(key) or ""
    if not (text.isascii() and text.isdecimal() and len(text) < 11 and int(text) <= MAX_FRAME):
        raise LabelError(f"{where}: needs a frame from 0, got {text[:40]!r}")
    box: Box | None = None
    if element.tag == "box":
        try:
            x1, y1, x2, y2 = (float(element.get(corner) or "") for corner in CORNERS)
        except ValueError as error:
            raise LabelError(f"{where}, frame {text}: a box needs {', '.join(CORNERS)}") from error
        box = x1, y1, x2, y2
    return _Shape(f"{where}, frame {text}", int(text), element.get("outside") == "1", box)


def _parse_json(path: Path, notes: list[str]) -> tuple[RawVideo, ...]:
    document = read_json(path)
    parts = document if isinstance(document, list) else [document]
    events: list[RawEvent] = []
    single: dict[str, list[_Shape]] = {}
    mistakes = Mistakes()
    endless = 0
    for number, value in enumerate(parts, start=1):
        where = str(path) if len(parts) == 1 else f"{path}: job {number}"
        job = JsonEntry.of(value, where)
        for entry in (*_entries(job, "tags"), *_entries(job, "shapes")):
            with mistakes.collect():
                single.setdefault(_label(entry), []).append(_of_entry(entry))
        for entry in _entries(job, "tracks"):
            with mistakes.collect():
                shapes = [_of_entry(shape) for shape in _entries(entry, "shapes")]
                endless += bool(shapes) and not max(shapes, key=lambda one: one.frame).outside
                events += _of_track(entry.where, _label(entry), shapes, 1)
    events += _of_frames(single, 1)
    mistakes.raise_any()
    if endless:
        notes.append(
            f"{path}: {endless} tracks do not leave the image; each is taken to end on its last "
            "keyframe"
        )
    name = path.name.removesuffix(".gz").rpartition(".")[0]
    return (RawVideo(video=name, named=False, events=_ordered(events)),)


def _entries(entry: JsonEntry, key: str) -> Iterator[JsonEntry]:
    if entry.values.get(key) is None:
        return
    for number, value in entry.items(key):
        yield JsonEntry.of(value, f"{entry.where}: {key.removesuffix('s')} {number}")


def _label(entry: JsonEntry) -> str:
    if "label" not in entry.values and "label_id" in entry.values:
        raise LabelError(
            f"{entry.where}: has a label by number; use the JSON of a backup, or export XML"
        )
    return entry.text("label")


def _of_entry(entry: JsonEntry) -> _Shape:
    points: Any = entry.values.get("points")
    box: Box | None = None
    if entry.values.get("type") == "rectangle" and isinstance(points, list) and len(points) == 4:
        if not all(isinstance(value, int | float) for value in points):
            raise LabelError(f"{entry.where}: 'points' needs four numbers")
        x1, y1, x2, y2 = map(float, points)
        box = x1, y1, x2, y2
    return _Shape(entry.where, entry.whole("frame"), bool(entry.values.get("outside")), box)


def _of_track(where: str, label: str, shapes: Iterable[_Shape], step: int) -> list[RawEvent]:
    """A span for each time that an object is visible."""
    if not label:
        raise LabelError(f"{where}: has no label")
    events = []
    first: _Shape | None = None
    last = 0
    for shape in sorted(shapes, key=lambda shape: shape.frame):
        if shape.outside:
            if first is not None:
                events.append(_event(label, first, shape.frame))
            first = None
        else:
            first = first or shape
            last = shape.frame
    if first is not None:
        events.append(_event(label, first, last + step))
    return events


def _of_frames(single: dict[str, list[_Shape]], step: int) -> list[RawEvent]:
    """Events of labels on single frames: consecutive ones are one span."""
    events = []
    for label, found in single.items():
        shapes = sorted(found, key=lambda shape: shape.frame)
        first = 0
        for at, shape in enumerate(shapes):
            if at + 1 == len(shapes) or shapes[at + 1].frame - shape.frame > step:
                events.append(_event(label, shapes[first], shape.frame + step))
                first = at + 1
    return events


def _event(label: str, first: _Shape, past: int) -> RawEvent:
    event = RawEvent(where=first.where, label=label, frame=first.frame, box=first.box)
    if past > first.frame + 1:
        event = replace(event, end_frame=past, box=None)
    event.check()
    return event


def _ordered(events: list[RawEvent]) -> list[RawEvent]:
    return sorted(events, key=lambda event: event.frame or 0)
