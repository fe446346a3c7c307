"""Raw labels: what a file says, and the one place where it becomes events.

Every format parses into `RawVideo`s; `resolve` turns frames into seconds and seconds into frames,
by the video's table of times or, where there is no media, by a declared rate, and refuses what
contradicts itself. So each bad input has one answer, whatever the format.
"""

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

__all__ = [
    "RawEvent",
    "RawVideo",
    "Reading",
    "TimesOf",
    "as_rate",
    "frame_at",
    "labels_in",
    "refuse_alike",
    "resolve",
]

RATE = re.compile(r"\d{1,9}(\.\d{1,9})?|\d{1,9}/0*[1-9]\d{0,8}")
Times = NDArray[np.float64]
TimesOf = Callable[[str], Times | None] | Mapping[str, Times]


@dataclass(frozen=True, slots=True, kw_only=True)
class RawEvent:
    """A label as the file has it: its time in seconds, or its frame, or both.

    where: the file and the row or entry, for errors. Seconds as a `Fraction` are exact.
    """

    where: str
    label: str
    seconds: float | Fraction | None = None
    frame: int | None = None
    end_seconds: float | Fraction | None = None
    end_frame: int | None = None
    score: float = 1.0
    box: Box | None = None
    view: str | None = None
    track: int | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RawVideo:
    """The labels of one video, with what the file says of the video itself."""

    video: str
    events: Sequence[RawEvent] = ()
    classes: tuple[str, ...] | None = None
    frames: int | None = None
    rate: Fraction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the reader is told besides the file.

    rate: frames a second, for labels whose file declares none and whose media is not there.
    times: the table of times of a video by its name (None or absent: no media).
    classes: the only labels that are known; without it the file's own are.
    offset: seconds from the labels' clock to the video's.
    """

    rate: Fraction | None = None
    times: TimesOf | None = None
    classes: tuple[str, ...] | None = None
    offset: float = 0.0

    def table(self, video: str) -> Times | None:
        """The table of times of `video`, if there is one."""
        if self.times is None:
            return None
        return self.times(video) if callable(self.times) else self.times.get(video)


@dataclass(slots=True)
class _Clock:
    """How one video's labels become times: by the table, else by a rate.

    rate turns frames into seconds (the file's own before the reader's); on_rate, the reader's,
    also turns seconds into frames.
    """

    times: Times | None
    rate: Fraction | None
    on_rate: Fraction | None
    frames: int | None
    offset: float
    end: float = field(init=False)

    def __post_init__(self) -> None:
        self.end = math.inf if self.times is None else end_of_video(self.times)

    def seconds(self, frame: int, where: str) -> float:
        """The time at which `frame` is shown; a frame right after the last is the end."""
        if self.offset:
            raise LabelError(
                f"{where}: a label by its frame cannot be moved by an offset of {self.offset} s; "
                "give its time in seconds, or offset 0"
            )
        if frame < 0:
            raise LabelError(f"{where}: frame {frame} is negative; frames count from 0")
        if self.times is not None:
            return float(self.times[frame]) if frame < len(self.times) else self.end
        if self.rate is None:
            raise LabelError(
                f"{where}: only the frame is given ({frame}) and the rate is not known; "
                "declare it with --rate, as in --rate 25 or --rate 30000/1001"
            )
        return frame * self.rate.denominator / self.rate.numerator

    def moved(self, seconds: float | Fraction) -> float:
        return float(seconds) + self.offset if self.offset else float(seconds)


def as_rate(value: str | float | Fraction | None) -> Fraction | None:
    """A rate in frames a second from `25`, `29.97`, `30000/1001`; LabelError otherwise."""
    if value is None or isinstance(value, Fraction):
        rate = value
    elif isinstance(value, str):
        rate = Fraction(value.strip()) if RATE.fullmatch(value.strip()) else Fraction(0)
    else:
        rate = _exact(value) if math.isfinite(value) else Fraction(0)
    if rate is not None and rate <= 0:
        raise LabelError(f"rate {value}: needs frames a second, as in 25, 29.97 or 30000/1001")
    return rate


def _exact(rate: float) -> Fraction:
    """The float as the fraction that it was made of (29.97002997002997 is 30000/1001)."""
    simple = Fraction(rate).limit_denominator(1001)
    return simple if float(simple) == rate else Fraction(rate)


def labels_in(videos: Iterable[RawVideo]) -> tuple[str, ...]:
    """Every label in a file, sorted: its classes where none are declared."""
    return tuple(sorted({event.label for video in videos for event in video.events}))


def resolve(
    videos: Sequence[RawVideo], reading: Reading, labels: tuple[str, ...] | None = None
) -> tuple[VideoEvents, ...]:
    """Turn raw labels into events, one `VideoEvents` a video.

    The classes are those of `reading`, else the file's own, else `labels` (every label in
    `videos`, unless they are only a part of their file).
    Raises LabelError naming the row or entry for whatever the data model refuses.
    """
    found = labels_in(videos) if labels is None else labels
    return tuple(_resolve_video(video, reading, found) for video in videos)


def _resolve_video(video: RawVideo, reading: Reading, found: tuple[str, ...]) -> VideoEvents:
    classes = next(c for c in (reading.classes, video.classes, found) if c is not None)
    times = reading.table(video.video)
    if times is not None and not len(times):
        raise LabelError(f"{video.video}: has no frames to label; see `playhead info`")
    clock = _Clock(
        times=times,
        rate=video.rate or reading.rate,
        on_rate=reading.rate,
        frames=video.frames if times is None else len(times),
        offset=reading.offset,
    )
    events = tuple(_resolve_event(raw, clock, classes) for raw in video.events)
    _refuse_duplicates(video.events, events)
    return VideoEvents(
        video=video.video, classes=classes, events=events, frames=clock.frames, rate=clock.rate
    )


def _resolve_event(raw: RawEvent, clock: _Clock, classes: tuple[str, ...]) -> Event:
    if raw.label not in classes:
        raise LabelError(
            f"{raw.where}: unknown class {raw.label!r}; the classes are {', '.join(classes)}"
        )
    frame = None if clock.offset and raw.seconds is not None else raw.frame
    if frame is not None and clock.frames is not None and frame >= clock.frames:
        raise LabelError(
            f"{raw.where}: frame {frame} is past the last frame ({clock.frames - 1}). "
            "Labels may be of another cut: see `playhead info`."
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
        note=raw.note,
    )


def _on_rate(event: Event, raw: RawEvent, clock: _Clock, rate: Fraction) -> Event:
    """The event at the nearest frame of a video that shows frame k at k / rate."""
    exact = raw.seconds if isinstance(raw.seconds, Fraction) and not clock.offset else event.start
    frame = frame_at(Fraction(exact), rate)
    if clock.frames is not None and frame >= clock.frames:
        raise LabelError(
            f"{raw.where}: {event.label} at {event.start:.3f} s is past the last frame "
            f"({clock.frames - 1} at {float(rate):g} frames a second). "
            "Labels may be of another cut: see `playhead info`."
        )
    start = frame * rate.denominator / rate.numerator
    end = event.end
    if end is not None:
        last = max(frame_at(Fraction(end), rate), frame + 1)
        end = last * rate.denominator / rate.numerator
    return replace(event, frame=frame, start=start, end=end)


def frame_at(seconds: Fraction, rate: Fraction) -> int:
    """The frame nearest to `seconds` where frame k lies at k / rate; ties the earlier."""
    tie = Fraction(1, 1_000_000)
    return max(0, math.ceil((seconds - tie) * rate - Fraction(1, 2)))


def refuse_alike(video: str, rows: Iterable[tuple[object, ...]], format_: str) -> None:
    """Refuse to write rows that could not be told apart when read again; the label comes first."""
    seen: set[tuple[object, ...]] = set()
    for row in rows:
        if row in seen:
            raise LabelError(
                f"{video}: two events {row[0]!r} would be one and the same in {format_} "
                f"({', '.join(str(value) for value in row[1:] if value is not None)}); remove one, "
                "or write native JSON"
            )
        seen.add(row)


def _refuse_duplicates(raws: Iterable[RawEvent], events: Iterable[Event]) -> None:
    """Two labels alike in everything but the score are one label written twice.

    What the file says is compared, so two milliseconds that share a frame stay two actions.
    """
    seen: dict[tuple[object, ...], str] = {}
    for raw, event in zip(raws, events, strict=True):
        start = raw.frame if raw.seconds is None else raw.seconds
        end = raw.end_frame if raw.end_seconds is None else raw.end_seconds
        key = (raw.label, start, end, raw.box, raw.view, raw.track, raw.note)
        first = seen.setdefault(key, raw.where)
        if first is not raw.where:
            raise LabelError(
                f"{raw.where}: {event.label} at {event.start:.3f} s stands in the file twice "
                f"(first: {first}); remove one of them"
            )
