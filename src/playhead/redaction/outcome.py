"""The outcome of a video's redaction: what is hidden, missing, and left visible."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from playhead.events.formats.tracks import TrackFile
from playhead.execution.outcomes import FileOutcome
from playhead.media import Damage, Video
from playhead.media.rewrite import Rewritten
from playhead.redaction.regions import active_frames

__all__ = ["MOST_RANGES", "counts", "outcome_of", "ranges"]

MOST_RANGES = 10
"""Most frames, or ranges of frames, in a note."""


def outcome_of(
    video: Video,
    outputs: tuple[Path, ...],
    tracks: TrackFile,
    *,
    written: Rewritten | None = None,
    reason: str = "",
    dropped: Sequence[int] = (),
) -> FileOutcome:
    """The outcome of a video: `partial` if frames are missing, marked or wholly hidden.

    written: None if only tracks were written; reason: why frames were not searched; dropped: the
    frame of each detection of a person that was dropped as implausible
    """
    lost = [damage for damage in video.damage if damage.start < video.frames]
    marked = "" if written is None else ": replaced by marked frames"
    lost = lost if written is None else list(written.marked)
    unseen = [Damage(start, stop, reason) for start, stop in tracks.unseen.tolist()]
    why = f" ({reason})" if reason else ""
    problems = [
        *([f"frames {ranges(lost)} cannot be decoded{marked}"] if lost else ()),
        *([f"frames {ranges(unseen)} were not searched{why}: wholly hidden"] if unseen else ()),
        *([f"the last {video.missing} frames are missing from the file"] if video.missing else ()),
    ]
    verb = "detected" if written is None else "hidden"
    notes = [f"{verb}: {_counted(tracks, video)}", *_choices(tracks)]
    if dropped:
        frames = ", ".join(map(str, dict.fromkeys(dropped[:MOST_RANGES])))
        more = " and more" if len(dropped) > MOST_RANGES else ""
        notes.append(
            f"{len(dropped)} implausible detections of people dropped (most of the frame, not "
            f"confirmed in the sampled frames around): frames {frames}{more}"
        )
    notes += [] if written is None else written.notes
    status: Literal["ok", "partial"] = "partial" if problems else "ok"
    return FileOutcome(video.path, status, outputs, "; ".join(problems) or None, tuple(notes))


def ranges(spans: Sequence[Damage]) -> str:
    """`3-7, 12-12`: runs of frames with their last frame."""
    return ", ".join(f"{span.start}-{span.stop - 1}" for span in spans)


def _counted(tracks: TrackFile, video: Video) -> str:
    """The number of objects of each class that are hidden in at least one frame."""
    active = active_frames(tracks.spans, video.times, video.duration)
    count = Counter(dict.fromkeys(tracks.classes, 0))
    count.update(
        track.label
        for track in tracks.tracks
        if track.id not in tracks.shown and active[track.frames].any()
    )
    return counts(count)


def _choices(tracks: TrackFile) -> Iterator[str]:
    """What a person left visible, as recorded in the track file."""
    if tracks.shown:
        numbers = ", ".join(map(str, sorted(tracks.shown)))
        yield f"left visible: tracks {numbers} (undo with --keep none)"
    if len(tracks.spans):
        spans = ", ".join(f"{start:g}-{end:g} s" for start, end in tracks.spans.tolist())
        yield f"hidden only in {spans} (undo with --only all)"


def counts(count: Counter[str]) -> str:
    """`2 face, 0 plate`: how many of each class."""
    return ", ".join(f"{number} {label}" for label, number in count.items())
