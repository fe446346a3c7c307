"""SRT subtitles: events to watch in any player, in cues that do not overlap.

An instant is shown for a short while, or until the next one. The line after a label is `instant` or
`span`, and the score to four decimals if it is not 1; times are rounded to the millisecond. A span
during which something else begins has several cues: `span to 00:00:20,000` says in the first of
them where it ends, and `continued` marks the others. Cues of other tools, which have no such lines,
are spans.
"""

import re
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
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
KIND = re.compile(rf"(instant|span)(?: to {CLOCK})?(?: (\S+))?")
CONTINUED = "continued"


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
    starts = sorted({_milliseconds(event)[0] for event in ordered})
    shown = []
    for event in ordered:
        start, end = _milliseconds(event)
        if event.end is None:
            following = bisect_right(starts, start)
            end = min([end, *starts[following : following + 1]])
        shown.append((start, end, event))
    times = sorted({time for start, end, _ in shown for time in (start, end)})
    cues: list[str] = []
    current: list[tuple[int, int, Event]] = []
    waiting = deque(shown)
    for start, end in pairwise(times):
        current = [one for one in current if one[1] > start]
        while waiting and waiting[0][0] == start:
            current.append(waiting.popleft())
        if current:
            lines = [_lines(event, first, start, end) for first, _, event in current]
            cues.append(f"{len(cues) + 1}\n{_clock(start)} --> {_clock(end)}\n{''.join(lines)}")
    write_text(path, "\n".join(cues) or "\n")


def parse(path: Path, *, notes: list[str] | None = None) -> tuple[RawVideo, ...]:
    """Parse the cues, without checking them against a video.

    notes: see `read_text`
    """
    blocks: list[list[tuple[int, str]]] = [[]]
    text = read_text(path, notes=notes)
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        if line.strip():
            blocks[-1].append((number, line))
        elif blocks[-1]:
            blocks.append([])
    events = tuple(event for block in blocks if block for event in _parse_cue(path, block))
    return (RawVideo(video=path.stem, named=False, events=events),)


def _parse_cue(path: Path, lines: list[tuple[int, str]]) -> list[RawEvent]:
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
    events = []
    for (_, label), (_, text) in zip(lines[1::2], lines[2::2], strict=False):
        kind = KIND.fullmatch(text.strip())
        if kind is None and text.strip() != CONTINUED:
            break
        if kind is not None:
            last = _seconds(kind.groups()[1:5]) if kind[2] else end
            events.append(
                RawEvent(
                    where=where,
                    label=label.strip(),
                    seconds=start,
                    end_seconds=None if kind[1] == "instant" else last,
                    score=_score(where, kind[6]) if kind[6] else 1.0,
                )
            )
    if events or (lines[2:3] and lines[2][1].strip() == CONTINUED):
        return events
    return [RawEvent(where=where, label=lines[1][1].strip(), seconds=start, end_seconds=end)]


def _seconds(parts: Sequence[str]) -> Fraction:
    hours, minutes, seconds, fraction = parts
    whole = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
    return whole + Fraction(int(fraction), 10 ** len(fraction))


def _score(where: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise LabelError(f"{where}: the score needs a number, got {text!r}") from error


def _lines(event: Event, first: int, start: int, end: int) -> str:
    """The two lines of an event in the cue from `start` to `end`; it begins at `first`."""
    if event.label != event.label.strip() or len(event.label.splitlines()) != 1:
        raise LabelError(
            f"{event.label!r} at {event.start:.3f} s: a cue holds a label of one line without "
            "spaces around it; rename the class"
        )
    if first < start:
        return f"{event.label}\n{CONTINUED}\n"
    last = _milliseconds(event)[1]
    kind = "instant" if event.end is None else "span"
    until = "" if event.end is None or last == end else f" to {_clock(last)}"
    score = "" if event.score == 1.0 else f" {event.score:.4f}"
    return f"{event.label}\n{kind}{until}{score}\n"


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
