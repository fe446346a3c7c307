"""Clips: a part of the video around every event, as a file of its own, and a reel of them all.

A clip has exactly the frames that are displayed from `before` seconds before its event to `after`
seconds after it, encoded anew, with their sound; or, copied, it begins at the key frame before and
may end a few frames later. `out/index.csv` lists the clips. A clip that an earlier run has cut from
the same span is kept.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from playhead.errors import FileFailure, LabelError, PlayheadError
from playhead.events.model import Event
from playhead.execution.items import Item, find_items, output_path
from playhead.execution.outcomes import BatchResult, FileOutcome
from playhead.execution.outputs import check_folder, check_outputs
from playhead.execution.runner import SERIAL, Executor, Work, run_items
from playhead.files import write_text
from playhead.media import Video, open_video
from playhead.media.cut import encode_frames, end_of
from playhead.media.stream_copy import closed_around, copy_frames
from playhead.output import counted
from playhead.progress import Progress
from playhead.spotting.marked import (
    Joined,
    join_videos,
    past_the_end,
    read_marked,
    select_events,
    time_of,
    without_video,
)
from playhead.spotting.reel import Order, Shown, check_reel, write_reel
from playhead.times import displayed_frames

__all__ = ["INDEX", "ClipOptions", "ClipsResult", "cut_clips"]

INDEX = "index.csv"
COLUMNS = ("clip", "video", "label", "time", "score", "start", "end", "problem")
SUFFIX = ".mp4"
COPIED, ENCODED, KEPT = "stream copy", "re-encoded", "done by an earlier run"

_LONGEST = 60
"""Letters of a label in a file name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipOptions:
    """Which events are cut, and how.

    before, after: seconds around an instant, or before the start and after the end of a span
    labels: only these; none means all
    min_score: only events that score at least this
    copy: copy packets from the key frame before instead of encoding
    """

    before: float = 2.0
    after: float = 2.0
    labels: tuple[str, ...] = ()
    min_score: float = 0.0
    copy: bool = False


@dataclass(frozen=True, slots=True)
class PlannedClip:
    """A clip to make.

    target: its path below the output folder, without a suffix
    time: of the event, seconds of the video
    frames: those around the event; cut: those of the file, which are more in a copy
    start, end: of the file, in seconds of the video
    """

    source: Path
    target: Path
    event: Event
    time: float
    frames: range
    cut: range
    start: float
    end: float

    @property
    def name(self) -> str:
        """The file of the clip, below the output folder."""
        return output_path(self.target, SUFFIX).as_posix()

    def row(self) -> dict[str, str]:
        """Its row of the index."""
        return {
            "clip": self.name,
            "video": self.source.as_posix(),
            "label": self.event.label,
            "time": f"{self.time:.3f}",
            "score": f"{self.event.score:.4g}",
            "start": f"{self.start:.3f}",
            "end": f"{self.end:.3f}",
            "problem": "",
        }

    def is_in(self, index: Mapping[str, Mapping[str, str]]) -> bool:
        """Whether an earlier run has made the same clip, with or without a problem."""
        return {**index.get(self.name, {}), "problem": ""} == self.row()


@dataclass(frozen=True, slots=True)
class ClipsResult:
    """What was cut: the outcome of each clip, and of each video and reel with a problem.

    labels: the number of clips of each label; others: clips of other commands in the same folder
    """

    batch: BatchResult
    labels: Mapping[str, int]
    index: Path
    reel: Path | None
    others: int
    notes: tuple[str, ...]

    @property
    def files(self) -> tuple[FileOutcome, ...]:
        """The outcome of everything."""
        return self.batch.files

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            **self.batch.to_json(),
            "labels": dict(self.labels),
            "index": str(self.index),
            "reel": None if self.reel is None else str(self.reel),
            "notes": list(self.notes),
        }

    def describe(self) -> str:
        """What is missing, how many clips of each label there are, and where."""
        lines = [
            f"{file.path}: {file.status}: {(file.reason or '').removeprefix(f'{file.path}: ')}"
            for file in self.files
            if file.status != "ok"
        ]
        ways = Counter(note for file in self.files for note in file.notes[:1])
        each = ", ".join(f"{label} {count}" for label, count in sorted(self.labels.items()))
        how = ", ".join(f"{count} {way}" for way, count in sorted(ways.items()))
        lines += self.notes
        lines.append(f"{counted(sum(self.labels.values()), 'clip')}: {each or 'none'} ({how})")
        if self.others:
            lines.append(f"{counted(self.others, 'clip')} of other commands in the same folder")
        lines.append(str(self.index))
        if self.reel is not None:
            lines.append(str(self.reel))
        return "\n".join(lines)


def cut_clips(
    predictions: Path,
    videos: Sequence[Path],
    out: Path,
    options: ClipOptions,
    *,
    reel: Path | None = None,
    order: Order = "time",
    rate: str | None = None,
    executor: Executor = SERIAL,
) -> ClipsResult:
    """Cut a clip around every event into `out`, and write the index; a bad file never ends it.

    predictions: what `marked.read_marked` reads; videos: files and folders, paired by name
    reel: a video of all clips one after the other, in which clips that overlap are one
    rate: of labels by frame whose file declares none; by default the videos'
    A video ends `partial` if events lie past its end. One that is not in a named folder ends
    `failed`; if only files are named, events of other videos are left out.
    Raises LabelError if there are no events, or none of these videos.
    """
    check_folder(out)
    items = [item for item in find_items(videos) if not _is_below(item.path, out)]
    if reel is not None:
        check_reel(reel)
        check_outputs([item.path for item in items], [reel], overwrite=True)
        items = [item for item in items if item.path.resolve() != reel.resolve()]
    read = read_marked(predictions, items, rate=rate)
    marked = select_events(read, labels=options.labels, min_score=options.min_score)
    marked = [each for each in marked if each.events.events]
    if not marked:
        scores = [event.score for each in read for event in each.events.events]
        raise LabelError(
            f"{predictions}: none of its {counted(len(scores), 'event')} is left (the highest "
            f"score is {max(scores):.3f}); choose other labels or a lower --min-score"
            if scores
            else f"{predictions}: has no events, so there is nothing to cut"
        )
    joined = join_videos(marked, items)
    planned, problems = _plan(joined, options)
    absent, notes = without_video(joined, videos)
    problems += absent
    empty = sum(marked is None for _, marked in joined.pairs)
    notes += [f"{counted(empty, 'video')} without events to cut"] if empty else []
    check_outputs(
        [item.path for item in items], [out / clip.name for clip in planned], overwrite=True
    )
    earlier = _read_index(out)
    kept = [clip for clip in planned if clip.is_in(earlier)]
    cut = [clip for clip in planned if not clip.is_in(earlier)]
    for clip in cut:  # a clip of another span must not pass for this one
        (out / clip.name).unlink(missing_ok=True)
    names = {clip.name for clip in planned}
    others = [row for name, row in earlier.items() if name not in names]
    rows = {clip.name: clip.row() for clip in planned} | {
        clip.name: earlier[clip.name] for clip in kept
    }
    _write_index(out, [*others, *rows.values()])  # so that a run that is stopped can be continued
    result = run_items(
        [Item(clip.source, clip.target) for clip in cut],
        out,
        ClipWork(
            {out / clip.target: clip for clip in cut},
            executor.threads(None, len(cut)),
            options.copy,
        ),
        task="cutting",
        executor=executor,
    )
    for clip, outcome in zip(cut, result.files, strict=True):
        rows[clip.name]["problem"] = outcome.reason or ""
    outcomes = [*result.files, *(_kept(clip, out, rows[clip.name]) for clip in kept), *problems]
    present = [clip for clip in planned if (out / clip.name).exists()]
    index = _write_index(out, [*others, *(rows[clip.name] for clip in present)])
    if reel is not None and planned:
        parts = [Shown(clip.source, clip.frames, clip.event.score) for clip in planned]
        outcomes.append(write_reel(parts, reel, order=order))
    return ClipsResult(
        replace(result, files=tuple(outcomes)),
        Counter(clip.event.label for clip in present),
        index,
        reel if reel is not None and reel.exists() else None,
        len(others),
        tuple(notes),
    )


@dataclass(frozen=True, slots=True)
class ClipWork:
    """Work of one process: the clips by their targets without a suffix, and encoder threads."""

    clips: Mapping[Path, PlannedClip]
    threads: int | None
    copy: bool

    def open(self) -> Work:
        """Nothing is loaded."""
        return self._cut

    def _cut(self, path: Path, target: Path, progress: Progress) -> FileOutcome:
        clip, output = self.clips[target], output_path(target, SUFFIX)
        with open_video(path) as video:
            if self.copy and copy_frames(video, clip.cut, output, sound=True):
                return FileOutcome(path, "ok", (output,), notes=(COPIED,))
            lost = encode_frames(video, clip.cut, output, self.threads, progress, sound=True)
            video.require_unchanged()
        reason = (
            f"{clip.name}: {lost} of {len(clip.cut)} frames cannot be decoded; the frame before is "
            "shown again"
        )
        return FileOutcome(
            path, "partial" if lost else "ok", (output,), reason if lost else None, (ENCODED,)
        )


def _kept(clip: PlannedClip, out: Path, row: Mapping[str, str]) -> FileOutcome:
    """The outcome of a clip that is there already: partial if it was so when it was cut."""
    status: Literal["ok", "partial"] = "partial" if row["problem"] else "ok"
    output = (out / clip.name,)
    return FileOutcome(clip.source, status, output, row["problem"] or None, (KEPT,))


def _plan(joined: Joined, options: ClipOptions) -> tuple[list[PlannedClip], list[FileOutcome]]:
    """The clips of every video in order of time, and the videos with a problem."""
    events = [event for _, marked in joined.pairs if marked for event in marked.events.events]
    scored = any(event.score != 1 for event in events)
    planned: list[PlannedClip] = []
    problems = []
    for item, marked in joined.pairs:
        if marked is None:
            continue
        with FileFailure(item.path) as failure:
            with open_video(item.path) as video:
                clips, problem = _clips_of(item, video, marked.events.events, options, scored)
            planned += clips
            if problem:
                status: Literal["partial", "failed"] = "partial" if clips else "failed"
                problems.append(FileOutcome(item.path, status, reason=problem))
        if failure.reason:
            problems.append(FileOutcome(item.path, "failed", reason=failure.reason))
    return planned, problems


def _clips_of(
    item: Item, video: Video, events: Sequence[Event], options: ClipOptions, scored: bool
) -> tuple[list[PlannedClip], str | None]:
    clips: list[PlannedClip] = []
    names: Counter[str] = Counter()
    for event in sorted(events, key=lambda event: (time_of(event, video), event.label)):
        time = time_of(event, video)
        length = 0.0 if event.end is None else event.end - event.start
        first = displayed_frames(video.times, video.duration, time, time)
        if not first:
            continue
        end = max(time + length + options.after, end_of(video, first))
        frames = displayed_frames(video.times, video.duration, max(0.0, time - options.before), end)
        cut = closed_around(video.table, frames) if options.copy else frames
        name = _name(item.stem.name, event, time, scored)
        names[name.casefold()] += 1
        if names[name.casefold()] > 1:
            name += f"-{names[name.casefold()]}"
        start, stop = float(video.times[cut.start]), end_of(video, cut)
        target = item.stem.with_name(name)
        clips.append(PlannedClip(item.path, target, event, time, frames, cut, start, stop))
    return clips, past_the_end(events, video)


def _name(stem: str, event: Event, time: float, scored: bool) -> str:
    """`match_00-12-34.480_serve_0.83`: sorted by video, time, label, score."""
    seconds, milliseconds = divmod(round(time * 1000), 1000)
    clock = f"{seconds // 3600:02}-{seconds // 60 % 60:02}-{seconds % 60:02}.{milliseconds:03}"
    label = re.sub(r"[^\w.+-]+", "-", event.label)[:_LONGEST]
    return f"{stem}_{clock}_{label}" + (f"_{event.score:.2f}" if scored else "")


def _is_below(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _read_index(out: Path) -> dict[str, dict[str, str]]:
    """The rows of the clips of earlier runs that are still there, by the clip."""
    path = out / INDEX
    if not path.exists():
        return {}
    reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline=""))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise PlayheadError(f"{path}: is not an index of clips; name another folder with --out")
    return {
        row["clip"]: dict(row)
        for row in reader
        if None not in row.values() and (out / row["clip"]).is_file()
    }


def _write_index(out: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(sorted(rows, key=lambda row: row["clip"]))
    write_text(out / INDEX, text.getvalue())
    return out / INDEX
