"""How the redaction of a video ended, in words: what is hidden, missing, and left visible."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from playhead.events.formats.tracks import TrackFile
from playhead.execution.batch import FileOutcome
from playhead.media import Damage, Video
from playhead.media.rewrite import Rewritten
from playhead.redaction.regions import active_frames

__all__ = ["SAID", "outcome_of", "ranges", "words"]

SAID = 10
"""Frames, or runs of frames, that a note names at most."""


def outcome_of(
    video: Video,
    outputs: tuple[Path, ...],
    tracks: TrackFile,
    *,
    written: Rewritten | None = None,
    trouble: str = "",
    dropped: Sequence[int] = (),
) -> FileOutcome:
    """How a video ended: `partial` where pictures are missing, marked or hidden whole.

    written: None where only tracks were made; trouble: why frames were not looked at; dropped: the
    frame of each box of a person that was dropped as implausible
    """
    lost = [one for one in video.damage if one.start < video.frames]
    stands = "" if written is None else ": a marked picture stands for each"
    lost = lost if written is None else list(written.marked)
    unseen = [Damage(start, stop, trouble) for start, stop in tracks.unseen.tolist()]
    why = f" ({trouble})" if trouble else ""
    problems = [
        *([f"frames {ranges(lost)} cannot be decoded{stands}"] if lost else ()),
        *([f"frames {ranges(unseen)} were not looked at{why}: hidden whole"] if unseen else ()),
        *([f"its last {video.missing} frames are not in the file"] if video.missing else ()),
    ]
    done = "found" if written is None else "hidden"
    notes = [f"{done}: {_counted(tracks, video)}", *_choices(tracks)]
    if dropped:
        frames = ", ".join(map(str, dict.fromkeys(dropped[:SAID])))
        more = " and more" if len(dropped) > SAID else ""
        notes.append(
            f"{len(dropped)} implausible detections of people dropped (most of the frame, not "
            f"confirmed in the sampled frames around): frames {frames}{more}"
        )
    notes += [] if written is None else written.notes
    status: Literal["ok", "partial"] = "partial" if problems else "ok"
    return FileOutcome(video.path, status, outputs, "; ".join(problems) or None, tuple(notes))


def ranges(spans: Sequence[Damage]) -> str:
    """`3-7, 12-12`: runs of frames with their last frame."""
    return ", ".join(f"{one.start}-{one.stop - 1}" for one in spans)


def _counted(tracks: TrackFile, video: Video) -> str:
    """How many objects of each class are hidden, in some frame at least."""
    active = active_frames(tracks.spans, video.times, video.duration)
    count = Counter(dict.fromkeys(tracks.classes, 0))
    count.update(
        track.label
        for track in tracks.tracks
        if track.id not in tracks.shown and active[track.frames].any()
    )
    return words(count)


def _choices(tracks: TrackFile) -> Iterator[str]:
    """What a person left visible: it stands in the track file, so it is said every time."""
    if tracks.shown:
        numbers = ", ".join(map(str, sorted(tracks.shown)))
        yield f"left visible: tracks {numbers} (--keep none undoes it)"
    if len(tracks.spans):
        spans = ", ".join(f"{start:g}-{end:g} s" for start, end in tracks.spans.tolist())
        yield f"hidden only in {spans} (--only all undoes it)"


def words(count: Counter[str]) -> str:
    """`2 face, 0 plate`: how many of each class."""
    return ", ".join(f"{number} {label}" for label, number in count.items())
