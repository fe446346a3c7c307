"""Raw labels: the parsed content of a label file, and its conversion to events.

Every format parses into `RawVideo`s; `resolve` converts between frames and seconds, by the video's
table of times or, without media, by a declared rate, and checks the labels. So all formats treat
invalid input alike.
"""

import logging
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from playhead.errors import LabelError
from playhead.events.align import end_of_video, snap_event
from playhead.events.model import Box, Event, VideoEvents
from playhead.events.source import Mistakes, WholeFileError, without_file

__all__ = [
    "RawEvent",
    "RawVideo",
    "Reading",
    "TimesOf",
    "as_rate",
    "frame_at",
    "labels_in",
    "log_notes",
    "named_as",
    "refuse_equal_rows",
    "resolve",
]

RATE = re.compile(r"\d{1,9}(\.\d{1,9})?|\d{1,9}/0*[1-9]\d{0,8}")
Times = NDArray[np.float64]
_log = logging.getLogger(__name__)
TimesOf = Callable[[str], Times | None] | Mapping[str, Times]


@dataclass(frozen=True, slots=True, kw_only=True)
class RawEvent:
    """A label as in the file: its time in seconds, or its frame, or both.

    where: the file and the row or entry, for error messages
    named: whether the file names the label
    seconds: exact if it is a `Fraction`
    """

    where: str
    label: str
    named: bool = True
    seconds: float | Fraction | None = None
    frame: int | None = None
    end_seconds: float | Fraction | None = None
    end_frame: int | None = None
    score: float = 1.0
    box: Box | None = None
    view: str | None = None
    track: int | None = None
    other: int | None = None
    note: str | None = None

    def check(self) -> None:
        """Raise LabelError for what no video can mend, as a negative time or a box without area."""
        try:
            Event(
                label=self.label,
                start=0.0 if self.seconds is None else float(self.seconds),
                end=None if self.end_seconds is None else float(self.end_seconds),
                score=self.score,
                box=self.box,
            )
        except LabelError as error:
            raise LabelError(f"{self.where}: {error}") from error
        if self.end_frame is not None and self.frame is not None and self.end_frame <= self.frame:
            raise LabelError(
                f"{self.where}: {self.label}: a span from frame {self.frame} to frame "
                f"{self.end_frame} must end after it starts"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class RawVideo:
    """The labels of one video, and the properties of the video that the file declares.

    named: whether the file names the video; otherwise it is called as the file
    """

    video: str
    named: bool = True
    events: Sequence[RawEvent] = ()
    classes: tuple[str, ...] | None = None
    frames: int | None = None
    rate: Fraction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Options for reading a label file.

    rate: frames per second, for labels whose file declares none and whose media is missing
    times: the table of times of a video by its name (None or absent: no media)
    classes: the allowed labels; by default those of the file
    offset: seconds to add to the labels' times to get the video's times
    durations: seconds until the end of the last frame of a video by its name, where it is known
    notes: what the user should know about the labels, as rows that were merged
    """

    rate: Fraction | None = None
    times: TimesOf | None = None
    classes: tuple[str, ...] | None = None
    offset: float = 0.0
    durations: Mapping[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def table(self, video: str) -> Times | None:
        """The table of times of `video`, if there is one."""
        if self.times is None:
            return None
        return self.times(video) if callable(self.times) else self.times.get(video)


@dataclass(slots=True)
class _Clock:
    """Converts one video's labels to times: by the table, else by a rate.

    rate: converts frames to seconds (the file's own, else the reader's)
    on_rate: the reader's rate, which also converts seconds to frames
    """

    times: Times | None
    rate: Fraction | None
    on_rate: Fraction | None
    frames: int | None
    offset: float
    duration: float | None
    end: float = field(init=False)

    def __post_init__(self) -> None:
        self.end = math.inf if self.times is None else end_of_video(self.times, self.duration)

    def seconds(self, frame: int, where: str) -> float:
        """The time of `frame`; the frame after the last gives the end of the video."""
        if self.offset:
            raise LabelError(
                f"{where}: a label by frame cannot have an offset of {self.offset} s; "
                "give its time in seconds, or offset 0"
            )
        if frame < 0:
            raise LabelError(f"{where}: frame {frame} is negative; frames count from 0")
        if self.times is not None:
            return float(self.times[frame]) if frame < len(self.times) else self.end
        if self.rate is None:
            raise WholeFileError(
                f"{where}: only the frame is given ({frame}) and the rate is unknown; "
                "declare it with --rate, as in --rate 25 or --rate 30000/1001"
            )
        return frame * self.rate.denominator / self.rate.numerator

    def moved(self, seconds: float | Fraction) -> float:
        return float(seconds) + self.offset if self.offset else float(seconds)


def as_rate(value: str | float | Fraction | None) -> Fraction | None:
    """A rate in frames per second from `25`, `29.97`, `30000/1001`. Raises LabelError otherwise."""
    if value is None or isinstance(value, Fraction):
        rate = value
    elif isinstance(value, str):
        rate = Fraction(value.strip()) if RATE.fullmatch(value.strip()) else Fraction(0)
    else:
        rate = _exact(value) if math.isfinite(value) else Fraction(0)
    if rate is not None and rate <= 0:
        raise LabelError(f"rate {value}: needs frames per second, as in 25, 29.97 or 30000/1001")
    return rate


def _exact(rate: float) -> Fraction:
    """The simple fraction that rounds to the float (29.97002997002997 is 30000/1001)."""
    simple = Fraction(rate).limit_denominator(1001)
    return simple if float(simple) == rate else Fraction(rate)


def labels_in(videos: Iterable[RawVideo]) -> tuple[str, ...]:
    """Every label in a file, sorted: its classes if it declares none."""
    return tuple(sorted({event.label for video in videos for event in video.events}))


def log_notes(notes: Iterable[str]) -> None:
    """Log notes as warnings, which the command line prints, for callers that take none."""
    for note in notes:
        _log.warning("%s", note)


def named_as(video: RawVideo, label: str) -> RawVideo:
    """The video with this label for all events whose file names none."""
    events = [event if event.named else replace(event, label=label) for event in video.events]
    return replace(video, events=events)


def resolve(
    videos: Sequence[RawVideo], reading: Reading, labels: tuple[str, ...] | None = None
) -> tuple[VideoEvents, ...]:
    """Convert raw labels to events, one `VideoEvents` per video.

    labels: the classes if neither `reading` nor the file names them; by default all in `videos`
    Equal labels are merged, and `reading.notes` says so. Raises LabelError naming the row or entry
    of every invalid label.
    """
    labels = labels_in(videos) if labels is None else labels
    mistakes = Mistakes()
    merged: list[str] = []
    resolved = []
    for video in videos:
        with mistakes.collect():
            resolved.append(_resolve_video(video, reading, labels, mistakes, merged))
    mistakes.raise_any()
    if len(merged) > 1:
        file, listed = without_file(merged, ", ")
        reading.notes.append(f"{file}{len(merged)} labels were merged with equal ones: {listed}")
    elif merged:
        reading.notes.append(f"{merged[0]}: was merged with an equal label")
    return tuple(resolved)


def _resolve_video(
    video: RawVideo,
    reading: Reading,
    labels: tuple[str, ...],
    mistakes: Mistakes,
    merged: list[str],
) -> VideoEvents:
    classes = next(c for c in (reading.classes, video.classes, labels) if c is not None)
    times = reading.table(video.video)
    if times is not None and not len(times):
        raise LabelError(f"{video.video}: has no frames to label; see `playhead info`")
    clock = _Clock(
        times=times,
        rate=video.rate or reading.rate,
        on_rate=reading.rate,
        frames=video.frames if times is None else len(times),
        offset=reading.offset,
        duration=reading.durations.get(video.video),
    )
    events = []
    seen: dict[tuple[object, ...], RawEvent] = {}
    for raw in video.events:
        with mistakes.collect():
            event = _resolve_event(raw, clock, classes)
            first = seen.setdefault(_identity(raw), raw)
            if first is raw:
                events.append(event)
            elif first.score == raw.score:
                merged.append(raw.where)
            else:
                raise LabelError(
                    f"{raw.where}: {event.label} at {event.start:.3f} s is in the file twice, with "
                    f"the scores {first.score:g} and {raw.score:g} (first: {first.where}); remove "
                    "one of them"
                )
    return VideoEvents(
        video=video.video,
        classes=classes,
        events=tuple(events),
        frames=clock.frames,
        rate=clock.rate,
    )


def _identity(raw: RawEvent) -> tuple[object, ...]:
    """What tells labels apart, as the file has it: two times within one frame are two events."""
    start = raw.frame if raw.seconds is None else raw.seconds
    end = raw.end_frame if raw.end_seconds is None else raw.end_seconds
    return raw.label, start, end, raw.box, raw.view, raw.track, raw.other, raw.note


def _resolve_event(raw: RawEvent, clock: _Clock, classes: tuple[str, ...]) -> Event:
    if raw.label not in classes:
        raise LabelError(
            f"{raw.where}: unknown class {raw.label!r}; the classes are {', '.join(classes)}"
        )
    frame = None if clock.offset and raw.seconds is not None else raw.frame
    if frame is not None and clock.frames is not None and frame >= clock.frames:
        raise LabelError(
            f"{raw.where}: frame {frame} is past the last frame ({clock.frames - 1}). "
            "The labels may belong to another cut: see `playhead info`."
        )
    try:
        event = _event(raw, frame, clock)
    except LabelError as error:
        if str(error).startswith(raw.where):
            raise
        raise LabelError(f"{raw.where}: {error}") from error
    if clock.times is not None:
        return snap_event(event, clock.times, clock.end, where=raw.where)
    if frame is None and clock.on_rate is not None:
        return _on_rate(event, raw, clock, clock.on_rate)
    return event


def _event(raw: RawEvent, frame: int | None, clock: _Clock) -> Event:
    if raw.seconds is not None:
        start = clock.moved(raw.seconds)
    elif raw.frame is not None:
        start = clock.seconds(raw.frame, raw.where)
    else:
        raise LabelError(f"{raw.where}: neither a time nor a frame is given")
    end = None
    if raw.end_seconds is not None:
        end = clock.moved(raw.end_seconds)
    elif raw.end_frame is not None:
        end = clock.seconds(raw.end_frame, raw.where)
    return Event(
        label=raw.label,
        start=start,
        end=end,
        score=raw.score,
        frame=frame,
        box=raw.box,
        view=raw.view,
        track=raw.track,
        other=raw.other,
        note=raw.note,
    )


def _on_rate(event: Event, raw: RawEvent, clock: _Clock, rate: Fraction) -> Event:
    """The event at its nearest frame, for a video with frame k at k / rate seconds."""
    exact = raw.seconds if isinstance(raw.seconds, Fraction) and not clock.offset else event.start
    frame = frame_at(Fraction(exact), rate)
    if clock.frames is not None and frame >= clock.frames:
        raise LabelError(
            f"{raw.where}: {event.label} at {event.start:.3f} s is past the last frame "
            f"({clock.frames - 1} at {float(rate):g} frames per second). "
            "The labels may belong to another cut: see `playhead info`."
        )
    start = frame * rate.denominator / rate.numerator
    end = event.end
    if end is not None:
        last = max(frame_at(Fraction(end), rate), frame + 1)
        end = last * rate.denominator / rate.numerator
    return replace(event, frame=frame, start=start, end=end)


def frame_at(seconds: Fraction, rate: Fraction) -> int:
    """The frame nearest to `seconds` if frame k is at k / rate; in a tie the earlier."""
    tie = Fraction(1, 1_000_000)
    return max(0, math.ceil((seconds - tie) * rate - Fraction(1, 2)))


def refuse_equal_rows(video: str, rows: Iterable[tuple[object, ...]], format_: str) -> None:
    """Raise LabelError if two rows to write are equal; the label is the first value of a row."""
    seen: set[tuple[object, ...]] = set()
    for row in rows:
        if row in seen:
            raise LabelError(
                f"{video}: two events {row[0]!r} would be identical in {format_} "
                f"({', '.join(str(value) for value in row[1:] if value is not None)}); remove one, "
                "or write native JSON"
            )
        seen.add(row)
