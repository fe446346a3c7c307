"""SRT subtitles: events to watch in any player, one cue per event.

An instant is shown for a short while. The line after the label is `instant` or `span`, and the
score to four decimals if it is not 1; times are rounded to the millisecond. Cues from other tools,
without that line, are spans.
"""

import re
from fractions import Fraction
from pathlib import Path

from playhead.errors import LabelError
from playhead.events.formats.raw import RawEvent, RawVideo, Reading, refuse_equal_rows, resolve
from playhead.events.model import Event, VideoEvents
from playhead.events.source import read_text
from playhead.files import write_text

__all__ = ["parse", "read", "write"]

SHOWN_MS = 800  # how long an instant stays on the screen
CLOCK = r"(\d{1,4}):([0-5]?\d):([0-5]?\d)[,.](\d{1,3})"
TIMING = re.compile(rf"\s*{CLOCK}\s*-->\s*{CLOCK}(?:\s.*)?")
KIND = re.compile(r"(instant|span)(?: (\S+))?")


def read(path: Path, reading: Reading | None = None) -> VideoEvents:
    """Read the events of one video, whose name is the file name without `.srt`."""
    return resolve(parse(path), reading or Reading())[0]


def write(events: VideoEvents, path: Path) -> None:
    """Write cues in order of time. Raises LabelError for a label of several lines."""
    ordered = sorted(events.events, key=lambda event: event.start)
    refuse_equal_rows(
        events.video,
        [(event.label, *_milliseconds(event), event.end is None) for event in ordered],
        "subtitles, in milliseconds",
    )
    cues = [_cue(number, event) for number, event in enumerate(ordered, start=1)]
    write_text(path, "\n".join(cues) or "\n")


def parse(path: Path) -> tuple[RawVideo, ...]:
    """Parse the cues, without checking them against a video."""
    blocks: list[list[tuple[int, str]]] = [[]]
    for number, line in enumerate(re.split(r"\r\n|\r|\n", read_text(path)), start=1):
        if line.strip():
            blocks[-1].append((number, line))
        elif blocks[-1]:
            blocks.append([])
    events = tuple(_parse_cue(path, block) for block in blocks if block)
    return (RawVideo(video=path.stem, events=events),)


def _parse_cue(path: Path, lines: list[tuple[int, str]]) -> RawEvent:
    if lines[0][1].strip().isdigit() and len(lines) > 1:
        lines = lines[1:]
    where = f"{path}: line {lines[0][0]}"
    timing = TIMING.fullmatch(lines[0][1])
    if timing is None:
        raise LabelError(
            f"{where}: needs a time as in 00:01:02,500 --> 00:01:03,000, got {lines[0][1][:40]!r}"
        )
    if len(lines) < 2:
        raise LabelError(f"{where}: the cue has no text; its first line must be the label")
    parts = timing.groups()
    start, end = _seconds(parts[:4]), _seconds(parts[4:])
    kind = KIND.fullmatch(lines[2][1].strip()) if len(lines) > 2 else None
    return RawEvent(
        where=where,
        label=lines[1][1].strip(),
        seconds=start,
        end_seconds=None if kind and kind[1] == "instant" else end,
        score=_score(where, kind[2]) if kind and kind[2] else 1.0,
    )


def _seconds(parts: tuple[str, ...]) -> Fraction:
    hours, minutes, seconds, fraction = parts
    whole = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
    return whole + Fraction(int(fraction), 10 ** len(fraction))


def _score(where: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise LabelError(f"{where}: the score needs a number, got {text!r}") from error


def _cue(number: int, event: Event) -> str:
    if event.label != event.label.strip() or len(event.label.splitlines()) != 1:
        raise LabelError(
            f"{event.label!r} at {event.start:.3f} s: a cue holds a label of one line without "
            "spaces around it; rename the class"
        )
    start, end = _milliseconds(event)
    kind = "instant" if event.end is None else "span"
    score = "" if event.score == 1.0 else f" {event.score:.4f}"
    return f"{number}\n{_clock(start)} --> {_clock(end)}\n{event.label}\n{kind}{score}\n"


def _milliseconds(event: Event) -> tuple[int, int]:
    start = round(event.start * 1000)
    if event.end is None:
        return start, start + SHOWN_MS
    return start, max(round(event.end * 1000), start + 1)


def _clock(milliseconds: int) -> str:
    seconds, thousandths = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d},{thousandths:03d}"
