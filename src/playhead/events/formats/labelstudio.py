"""Label Studio: its JSON export of tasks with a video.

Read are timeline labels (spans of frames), tracked rectangles (a span for each time they are
visible) and regions in seconds. Its frames count from 1 and are those of its own rate, so they
become seconds by the length and the number of frames where it states them. A range of one frame is
an instant.
"""

from collections import Counter
from fractions import Fraction
from pathlib import Path

from playhead.errors import LabelError
from playhead.events.formats.raw import RawEvent, RawVideo
from playhead.events.names import media_name
from playhead.events.source import JsonEntry, Mistakes, read_json
from playhead.media.kinds import VIDEO_SUFFIXES

__all__ = ["parse"]


def parse(path: Path, *, notes: list[str] | None = None) -> tuple[RawVideo, ...]:
    """Parse the tasks, without checking them against a video.

    notes: other results, and annotations of further annotators, which are left out
    Raises LabelError for two tasks of one video.
    """
    notes = [] if notes is None else notes
    document = read_json(path)
    tasks = document if isinstance(document, list) else [document]
    ignored: Counter[str] = Counter()
    videos: dict[str, RawVideo] = {}
    mistakes = Mistakes()
    for number, value in enumerate(tasks, start=1):
        with mistakes.collect():
            task = JsonEntry.of(value, f"{path}: task {number}")
            video = _video(task)
            if video in videos:
                raise LabelError(f"{task.where}: is of {video}, as an earlier task; keep one")
            videos[video] = RawVideo(video=video, events=_events(task, notes, ignored))
    mistakes.raise_any()
    if ignored:
        listed = ", ".join(f"{count} of type {kind}" for kind, count in sorted(ignored.items()))
        notes.append(f"{path}: ignored results: {listed}")
    return tuple(videos.values())


def _video(task: JsonEntry) -> str:
    data = JsonEntry.of(task.values.get("data"), f"{task.where}, 'data'")
    if "video" in data.values:
        return media_name(data.text("video"))
    for value in data.values.values():
        if isinstance(value, str) and Path(media_name(value)).suffix.lower() in VIDEO_SUFFIXES:
            return media_name(value)
    raise LabelError(f"{data.where}: names no video; its keys are {', '.join(data.values)}")


def _events(task: JsonEntry, notes: list[str], ignored: Counter[str]) -> list[RawEvent]:
    key = "annotations" if "annotations" in task.values else "completions"
    annotations = [
        JsonEntry.of(value, f"{task.where}, annotation {number}")
        for number, value in task.items(key)
    ]
    annotations = [entry for entry in annotations if not entry.values.get("was_cancelled")]
    annotations.sort(key=lambda entry: not entry.values.get("ground_truth"))
    if len(annotations) > 1:
        notes.append(
            f"{task.where}: has {len(annotations)} annotations; only {annotations[0].where} is read"
        )
    if not annotations:
        return []
    results = [
        JsonEntry.of(value, f"{annotations[0].where}, result {number}")
        for number, value in annotations[0].items("result")
    ]
    values = [
        JsonEntry.of(entry.values["value"], entry.where)
        for entry in results
        if isinstance(entry.values.get("value"), dict)
    ]
    rate = next(filter(None, map(_rate, values)), None)
    events: list[RawEvent] = []
    for result in results:
        value = result.values.get("value")
        found = [] if not isinstance(value, dict) else _result(JsonEntry(result.where, value), rate)
        if not found:
            ignored[str(result.values.get("type"))] += 1
        events += found
    return sorted(events, key=lambda event: (event.seconds or 0, event.frame or 0))


def _rate(value: JsonEntry) -> Fraction | None:
    """Frames per second as Label Studio counted them, if a result states them."""
    if not isinstance(value.values.get("sequence"), list) and "ranges" not in value.values:
        return None
    if value.values.get("framesCount") is None or value.values.get("duration") is None:
        return None
    frames, seconds = value.whole("framesCount"), value.number("duration")
    return Fraction(frames) / Fraction(seconds) if frames and 0 < seconds < 1e9 else None


def _result(value: JsonEntry, rate: Fraction | None) -> list[RawEvent]:
    labels = [
        label
        for key, names in value.values.items()
        if key.endswith("labels") and isinstance(names, list)
        for label in names
        if isinstance(label, str) and label
    ]
    if "ranges" in value.values:
        ranges = [JsonEntry.of(part, value.where) for _, part in value.items("ranges")]
        spans = [(part.whole("start"), part.whole("end")) for part in ranges]
    elif "sequence" in value.values:
        spans = _visible(value)
    elif all(isinstance(value.values.get(key), int | float) for key in ("start", "end")):
        start, end = value.number("start"), value.number("end")
        events = [
            RawEvent(
                where=value.where,
                label=label,
                seconds=start,
                end_seconds=None if end == start else end,
            )
            for label in labels
        ]
        for event in events:
            event.check()
        return events
    else:
        return []
    return [_span(value.where, label, *span, rate) for label in labels for span in spans]


def _visible(value: JsonEntry) -> list[tuple[int, int]]:
    """The frames (first, last), from 1, in which a tracked rectangle is shown.

    It is shown from a keyframe on, up to one that is disabled, or to the end of the video.
    """
    keys = [JsonEntry.of(part, value.where) for _, part in value.items("sequence")]
    frames = sorted((key.whole("frame"), bool(key.values.get("enabled", True))) for key in keys)
    spans = []
    first: int | None = None
    for frame, enabled in frames:
        if first is None:
            first = frame
        if not enabled:
            spans.append((first, frame))
            first = None
    if first is not None:
        known = value.values.get("framesCount") is not None
        spans.append((first, max(value.whole("framesCount") if known else 0, frames[-1][0])))
    return spans


def _span(where: str, label: str, first: int, last: int, rate: Fraction | None) -> RawEvent:
    """An event on frames first to last, counted from 1."""
    if first < 1 or last < first:
        raise LabelError(f"{where}: {label}: needs frames from 1 that rise, got {first} to {last}")
    instant = last == first
    if rate is None:
        frame, end = first - 1, last
        return RawEvent(where=where, label=label, frame=frame, end_frame=None if instant else end)
    return RawEvent(
        where=where,
        label=label,
        seconds=(first - 1) / rate,
        end_seconds=None if instant else last / rate,
    )
