"""EDL: a list of spans that Kodi and MPlayer skip during playback, and cues to watch them.

An EDL has one line a span, `start end action` in seconds. Kodi reads `X.edl` beside `X.mkv`;
MPlayer is given it with `-edl`. Action 3 is Kodi's commercial break: skipped once, and who jumps
back sees it. Action 0 is a cut: MPlayer skips it, Kodi plays the video as if the span were not
there. MPlayer skips nothing but cuts, and takes a file with comments for damaged, so there are
none.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from playhead.episodes.segments import Segment
from playhead.events.formats import srt
from playhead.events.model import Event, VideoEvents
from playhead.files import write_text

__all__ = ["ACTIONS", "EdlAction", "span_of", "write_edl", "write_srt"]

EdlAction = Literal["skip", "cut"]
ACTIONS: dict[EdlAction, int] = {"skip": 3, "cut": 0}


def span_of(segment: Segment) -> tuple[float, float]:
    """The span (start, end) of a segment in seconds, as it is written: snapped where asked for.

    Rounded to milliseconds, so that what is written and read again is equal.
    """
    start = segment.start if segment.snapped_start is None else segment.snapped_start
    end = segment.end if segment.snapped_end is None else segment.snapped_end
    if round(end, 3) <= round(start, 3):  # both ends snapped to one shot change
        start, end = segment.start, segment.end
    start = round(start, 3)
    return start, max(round(end, 3), round(start + 0.001, 3))


def write_edl(segments: Sequence[Segment], path: Path, *, action: EdlAction = "skip") -> None:
    """Write the spans in order of time, atomically; an episode without segments gets no lines.

    Spans that overlap are joined, since players refuse the second.
    """
    joined: list[list[float]] = []
    for start, end in sorted(map(span_of, segments)):
        if joined and start <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([start, end])
    lines = [f"{start:.3f} {end:.3f} {ACTIONS[action]}\n" for start, end in joined]
    write_text(path, "".join(lines))


def write_srt(segments: Sequence[Segment], video: str, path: Path) -> None:
    """Write the segments as subtitles, which show in any player what would be skipped, and when."""
    spans = sorted((*span_of(segment), segment.kind, segment.confidence) for segment in segments)
    events = tuple(
        Event(label=kind, start=start, end=end, score=round(confidence, 4))
        for start, end, kind, confidence in spans
    )
    classes = tuple(dict.fromkeys(event.label for event in events))
    srt.write(VideoEvents(video=video, classes=classes, events=events), path)
