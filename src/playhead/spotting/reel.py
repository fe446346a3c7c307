"""A reel: parts of videos one after the other in one video, each with its sound.

Parts of one video that overlap or touch become one. All parts get the size that most frames have;
others are scaled into it with black borders. Every frame keeps the time for which it is displayed.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np

from playhead.errors import FileFailure, MediaError, PlayheadError
from playhead.execution.outcomes import FileOutcome
from playhead.media import Video, open_video
from playhead.media.cut import Sounding, end_of, filled
from playhead.media.sound_span import SoundForm, sound_form
from playhead.media.write import VideoWriter
from playhead.progress import progress

__all__ = ["Order", "Shown", "check_reel", "merge", "write_reel"]

Order = Literal["time", "score"]

_CRF = 17
_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv")


@dataclass(frozen=True, slots=True)
class Shown:
    """Frames of a video, and the highest score of the events in them."""

    source: Path
    frames: range
    score: float


def check_reel(path: Path) -> None:
    """Raise PlayheadError if a reel cannot be written under this name."""
    if path.suffix.lower() not in _SUFFIXES or path.is_dir():
        raise PlayheadError(
            f"--reel {path}: needs the name of a video file, ending in {', '.join(_SUFFIXES)}"
        )


def merge(parts: Sequence[Shown], order: Order) -> list[Shown]:
    """Parts of one video that overlap or touch as one, in order of videos and time, or of score."""
    merged: list[Shown] = []
    place = {source: at for at, source in enumerate(dict.fromkeys(part.source for part in parts))}
    for part in sorted(parts, key=lambda part: (place[part.source], part.frames.start)):
        last = merged[-1] if merged else None
        if last and last.source == part.source and part.frames.start <= last.frames.stop:
            frames = range(last.frames.start, max(last.frames.stop, part.frames.stop))
            merged[-1] = Shown(part.source, frames, max(last.score, part.score))
        else:
            merged.append(part)
    return merged if order == "time" else sorted(merged, key=lambda part: -part.score)


def write_reel(parts: Sequence[Shown], target: Path, *, order: Order) -> FileOutcome:
    """Write all parts to `target`; a part that cannot be read is left out, and told as `partial`.

    The reel fails if no part can be read.
    """
    problems: list[str] = []
    with FileFailure(target) as failure:
        _write(merge(parts, order), target, problems)
    if failure.reason:
        return FileOutcome(target, "failed", reason="; ".join([*problems, failure.reason]))
    reason = "; ".join(problems) or None
    return FileOutcome(target, "partial" if reason else "ok", (target,), reason)


def _write(parts: Sequence[Shown], target: Path, problems: list[str]) -> None:
    form = _form(parts)
    (width, height), rate, sound = form.size, form.rate, form.sound
    writer = VideoWriter(
        target,
        width,
        height,
        rate,
        crf=_CRF,
        gop=max(1, round(rate or 25)),
        audio=None if sound is None else (sound.silence(0), sound.rate),
    )
    with progress("reel", sum(len(part.frames) for part in parts)) as live, writer:
        sounding, begins = Sounding(writer, sound), 0.0
        for part in parts:
            try:
                video = open_video(part.source)
            except MediaError as error:
                problems.append(str(error))
                continue
            with video:
                start, end = float(video.times[part.frames.start]), end_of(video, part.frames)
                rows, columns = _place(video, form.size)
                size = (columns.stop - columns.start, rows.stop - rows.start)
                images = filled(video, part.frames, size=size)
                try:
                    first = next(images)
                except MediaError as error:
                    problems.append(str(error))
                    continue
                sounding.begin(video, start, end)
                for k, _, image in chain([first], images):
                    time = float(video.times[k]) - start
                    sounding.until(time)
                    canvas = np.zeros((height, width, 3), np.uint8)
                    canvas[rows, columns] = image
                    writer.write(canvas, None if rate else begins + time)
                    live.advance(note=part.source.name)
                sounding.finish()
                begins += end - start


@dataclass(frozen=True, slots=True)
class _Form:
    """What the reel is like.

    size: (width, height), even; rate: None if the parts have several, or a variable one
    """

    size: tuple[int, int]
    rate: Fraction | None
    sound: SoundForm | None


def _form(parts: Sequence[Shown]) -> _Form:
    """The size of most frames, the rate that all have, and the sound of the first that has some."""
    frames = Counter[Path]()
    for part in parts:
        frames[part.source] += len(part.frames)
    sizes, rates, sounds = Counter[tuple[int, int]](), set[Fraction | None](), list[SoundForm]()
    for source, count in frames.items():
        try:
            with open_video(source) as video:
                sizes[video.width, video.height] += count
                rates.add(None if video.variable_rate else video.rate)
                form = sound_form(video)
                sounds += [] if form is None else [form]
        except MediaError:  # told when its parts are read
            continue
    if not sizes:
        raise MediaError("none of the videos can be read")
    width, height = sizes.most_common(1)[0][0]
    return _Form(
        (width + width % 2, height + height % 2),
        rates.pop() if len(rates) == 1 else None,
        sounds[0] if sounds else None,
    )


def _place(video: Video, size: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of a reel of `size` in which a video is shown without being distorted."""
    scale = min(size[0] / video.width, size[1] / video.height)
    width, height = (max(1, round(side * scale)) for side in (video.width, video.height))
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return slice(top, top + height), slice(left, left + width)
