"""EDL (CMX3600): a cut list of events, which editing programs open as a sequence of clips.

Each event is one edit, of the video from its frame 0; the edits follow one another. A span is cut
as it is; an instant from two seconds before to two seconds after, with a locator on its frame.
Written only. Kodi's and MPlayer's EDL is another format, of seconds.
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from playhead.errors import LabelError
from playhead.events.formats.raw import frame_at
from playhead.events.model import Event, VideoEvents
from playhead.files import write_text

__all__ = ["AROUND", "clip_of", "write"]

AROUND = 2.0  # seconds before and after an instant
FPS_MAX = 120
EDITS_MAX = 9999


def write(videos: Sequence[VideoEvents], path: Path, rate: Fraction | None = None) -> None:
    """Write the events of all videos in order of time, with non-drop timecodes.

    rate: frames per second, for videos whose labels declare none
    Raises LabelError for an event of unknown rate, for a label or video of several lines.
    """
    lines = [f"TITLE: {_line(path.stem)[:70]}", "FCM: NON-DROP FRAME"]
    number = at = 0
    rates = set()
    for video in videos:
        for event in sorted(video.events, key=lambda event: (event.start, event.label)):
            fps = video.rate or rate
            if fps is None:
                raise LabelError(
                    f"{video.video}: an EDL counts frames, and the rate is unknown; declare it "
                    "with --rate, as in --rate 25 or --rate 30000/1001"
                )
            base = round(fps)
            rates.add(base)
            if not 1 <= base <= FPS_MAX or len(rates) > 1:
                raise LabelError(
                    f"{path}: an EDL has one rate of up to {FPS_MAX} frames per second, but the "
                    f"videos have {', '.join(map(str, sorted(rates)))}; write one file for each"
                )
            first, past = _frames(event, fps)
            mark = first if event.end is not None else _frame(event, fps)
            number += 1
            source = f"{_timecode(first, base)} {_timecode(past, base)}"
            record = f"{_timecode(at, base)} {_timecode(at + past - first, base)}"
            label = _line(event.label)
            lines += [
                "",
                f"{number:03d}  AX       V     C        {source} {record}",
                f"* FROM CLIP NAME: {_line(video.video)}",
                f"* LOC: {_timecode(at + mark - first, base)} RED     {label}",
            ]
            at += past - first
    if number > EDITS_MAX:
        raise LabelError(f"{path}: an EDL holds {EDITS_MAX} edits, but there are {number}")
    write_text(path, "\n".join(lines) + "\n")


def clip_of(event: Event) -> tuple[float, float]:
    """The seconds (start, end) to cut for an event: of an instant what is around it."""
    if event.end is not None:
        return event.start, event.end
    return max(0.0, event.start - AROUND), event.start + AROUND


def _frame(event: Event, rate: Fraction) -> int:
    return frame_at(Fraction(event.start), rate) if event.frame is None else event.frame


def _frames(event: Event, rate: Fraction) -> tuple[int, int]:
    """The frames [first, past) to cut for an event."""
    if event.end is None:
        around = round(AROUND * rate)
        frame = _frame(event, rate)
        return max(0, frame - around), frame + around
    first = _frame(event, rate)
    return first, max(first + 1, frame_at(Fraction(event.end), rate))


def _timecode(frame: int, base: int) -> str:
    seconds, frames = divmod(frame, base)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}:{frames:02d}"


def _line(text: str) -> str:
    if len(text.splitlines()) != 1:
        raise LabelError(f"{text!r}: an EDL holds names of one line; rename it")
    return text
