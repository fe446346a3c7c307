"""E2E-Spot's JSON: a list of clips, each with its rate and events by frame.

The rate of a clip converts frames to seconds; -1 means unknown, and the media or a declared rate is
needed. Predictions are the same list with scores. A `class.txt` beside it lists the classes.
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
    frame_at,
    refuse_equal_rows,
    resolve,
)
from playhead.events.model import Event, VideoEvents
from playhead.events.source import JsonEntry, read_json, read_text
from playhead.files import write_text

__all__ = ["parse", "read", "write"]

CLASSES = "class.txt"


def read(path: Path, reading: Reading | None = None) -> tuple[VideoEvents, ...]:
    """Read labels or predictions, one `VideoEvents` per clip, in the order of the file."""
    return resolve(parse(path), reading or Reading())


def write(videos: Sequence[VideoEvents], path: Path, rate: Fraction | None = None) -> None:
    """Write clips, with scores if any is not 1, and the length of a clip if it is known.

    Raises LabelError for a span, and for an event with neither a frame nor a rate.
    """
    scored = any(event.score != 1.0 for video in videos for event in video.events)
    clips = [_clip(video, rate or video.rate, scored) for video in videos]
    write_text(path, json.dumps(clips, ensure_ascii=False, allow_nan=False, indent=1) + "\n")


def parse(path: Path) -> tuple[RawVideo, ...]:
    """Parse the file, without checking it against a video."""
    document = read_json(path)
    if not isinstance(document, list):
        raise LabelError(f"{path}: needs a list of clips, as E2E-Spot writes them")
    if not document:
        raise LabelError(f"{path}: the list of clips is empty; needs at least one")
    classes = _classes(path.parent / CLASSES)
    seen: set[str] = set()
    clips = []
    for number, value in enumerate(document, start=1):
        clip = _parse_clip(JsonEntry.of(value, f"{path}: clip {number}"), classes)
        if clip.video in seen:
            raise LabelError(f"{path}: clip {number}: {clip.video} appears twice; merge the two")
        seen.add(clip.video)
        clips.append(clip)
    return tuple(clips)


def _classes(path: Path) -> tuple[str, ...] | None:
    if not path.is_file():
        return None
    names = tuple(line.strip() for line in read_text(path).splitlines() if line.strip())
    if len(set(names)) != len(names):
        raise LabelError(f"{path}: lists a class twice; remove one")
    return names


def _parse_clip(clip: JsonEntry, classes: tuple[str, ...] | None) -> RawVideo:
    video = clip.text("video")
    rate = clip.number("fps", -1.0)
    events = tuple(
        _parse_event(JsonEntry.of(value, f"{clip.where} ({video}), event {number}"))
        for number, value in clip.items("events")
    )
    return RawVideo(
        video=video,
        events=events,
        classes=classes,
        frames=clip.whole("num_frames") if "num_frames" in clip.values else None,
        rate=as_rate(rate) if 0 < rate < float("inf") else None,
    )


def _parse_event(entry: JsonEntry) -> RawEvent:
    return RawEvent(
        where=entry.where,
        label=entry.text("label"),
        frame=entry.whole("frame"),
        score=entry.number("score", 1.0),
        note=entry.optional_text("comment") if entry.values.get("comment") else None,
    )


def _clip(video: VideoEvents, rate: Fraction | None, scored: bool) -> dict[str, Any]:
    clip: dict[str, Any] = {"video": video.video}
    if video.frames is not None:
        clip["num_frames"] = video.frames
    clip["num_events"] = len(video.events)
    clip["fps"] = -1 if rate is None else _plain(rate)
    events = [_event(video.video, event, rate, scored) for event in video.events]
    rows = [(event["label"], event["frame"], event.get("comment")) for event in events]
    refuse_equal_rows(video.video, rows, "E2E-Spot's JSON")
    clip["events"] = events
    return clip


def _plain(rate: Fraction) -> int | float:
    return rate.numerator if rate.denominator == 1 else float(rate)


def _event(video: str, event: Event, rate: Fraction | None, scored: bool) -> dict[str, Any]:
    if event.end is not None:
        raise LabelError(
            f"{video}: {event.label} at {event.start:.3f} s is a span, but E2E-Spot's JSON holds "
            "only instants; convert to native or csv"
        )
    values: dict[str, Any] = {"frame": _frame(video, event, rate), "label": event.label}
    if scored:
        values["score"] = event.score
    if event.note:
        values["comment"] = event.note
    return values


def _frame(video: str, event: Event, rate: Fraction | None) -> int:
    if event.frame is not None:
        return event.frame
    if rate is None:
        raise LabelError(
            f"{video}: {event.label} at {event.start:.3f} s has no frame and the rate is "
            "unknown; declare it with --rate, as in --rate 25 or --rate 30000/1001"
        )
    return frame_at(Fraction(event.start), rate)
