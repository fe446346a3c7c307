"""Cutting clips: the frames that are displayed in `[start, end)`, exactly, as files of their own.

A clip is copied without encoding where its first frame is a key frame and its frames need no others
(see `playhead.media.stream_copy`); else it is encoded anew. Clips have no sound. `out/index.csv`
lists them with class, group and split, and `out/missing.csv` what could not be cut, and why.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from playhead.errors import LabelError, MediaError, PlayheadError
from playhead.execution.items import Item, output_path
from playhead.execution.outcomes import BatchResult, FileOutcome
from playhead.execution.outputs import check_folder
from playhead.execution.runner import SERIAL, Executor, Work, run_items
from playhead.inference.runtime import available_cores
from playhead.media import open_video
from playhead.media.cut import encode_frames
from playhead.media.stream_copy import copy_frames
from playhead.progress import Progress
from playhead.recognition.clips import (
    INDEX,
    Clip,
    read_clips,
    read_index,
    write_index,
)
from playhead.recognition.prepare.download import find_source
from playhead.recognition.prepare.lists import (
    Missing,
    is_list,
    read_list,
    read_missing,
    stamp,
    write_missing,
)
from playhead.times import displayed_frames

__all__ = ["CutResult", "CutWork", "clip_name", "clip_pool", "cut_clips"]

SUFFIX = ".mp4"
COPIED, ENCODED, KEPT = "stream copy", "re-encoded", "done by an earlier run"

_TOLERATED = 0.5
"""Seconds by which a clip may end after its video without being reported: lists round."""


@dataclass(frozen=True, slots=True)
class CutResult:
    """The outcomes of all cuts, what is missing, and the index that was written.

    clips: the result of each cut, by its file; notes say which way it was cut
    index: None if there is no clip
    """

    clips: BatchResult
    missing: tuple[Missing, ...]
    index: Path | None
    notes: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        """How many clips were copied, encoded, kept, and are missing or partial."""
        ways = Counter(note for file in self.clips.files for note in file.notes[:1])
        kinds = Counter(row.kind for row in self.missing)
        return {
            "stream_copy": ways[COPIED],
            "re_encoded": ways[ENCODED],
            "kept": ways[KEPT],
            "partial": kinds["partial"],
            "missing": len(self.missing) - kinds["partial"],
        }

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            **self.clips.to_json(),
            "counts": self.counts(),
            "missing": [row.to_json() for row in self.missing],
            "index": None if self.index is None else str(self.index),
            "notes": list(self.notes),
        }


def cut_clips(
    source: Path,
    out: Path,
    *,
    videos: Path | None = None,
    skip_mistakes: bool = False,
    overwrite: bool = False,
    executor: Executor | None = None,
) -> CutResult:
    """Cut the clips of a list, an index or a manifest into `out/CLASS/NAME.mp4`.

    source: a Kinetics list, or what `read_clips` reads, with times
    videos: the folder with the videos of a list, as `prepare download` wrote it
    executor: see `clip_pool`, the default
    Clips that an earlier run has cut are kept. Raises LabelError for the mistakes of a list.
    """
    check_folder(out)
    if is_list(source):
        if videos is None:
            raise PlayheadError(
                f"{source}: lists videos of the web; name the folder that holds them with --videos"
            )
        cuts, missing, notes = _listed_cuts(source, videos, out, skip_mistakes)
    else:
        if videos is not None:
            raise PlayheadError(f"{source}: names its videos itself; leave --videos out")
        cuts, missing, notes = _span_cuts(source, out)
    earlier = read_missing(out)
    kept = [] if overwrite else [cut for cut in cuts if cut.path.exists()]
    cuts = [cut for cut in cuts if overwrite or not cut.path.exists()]
    executor = executor or (clip_pool() if len(cuts) > 1 else SERIAL)
    threads = max(1, available_cores() // executor.worker_count(len(cuts)))
    by_target = {cut.path.with_suffix(""): cut for cut in cuts}
    items = [Item(cut.source, target.relative_to(out)) for target, cut in by_target.items()]
    work = CutWork(by_target, threads)
    result = run_items(items, out, work, task="cutting", executor=executor)
    outcomes = [_kept(cut, earlier.get(cut.name)) for cut in kept] + [
        replace(outcome, path=cut.path) for cut, outcome in zip(cuts, result.files, strict=True)
    ]
    for cut, outcome in zip((*kept, *cuts), outcomes, strict=True):
        if outcome.status != "ok":
            missing.append(Missing(cut.name, cut.clip.label, outcome.status, outcome.reason or ""))
    planned = {cut.name for cut in (*kept, *cuts)} | {row.name for row in missing}
    of_others = [row for name, row in earlier.items() if name not in planned]
    write_missing(out, (*of_others, *missing))
    index = _write_index(out, (*kept, *cuts))
    return CutResult(replace(result, files=tuple(outcomes)), tuple(missing), index, tuple(notes))


def clip_pool(
    kind: Literal["serial", "processes"] = "processes", workers: int | None = None
) -> Executor:
    """The executor for small files: one single-threaded worker for every core, and no more.

    workers: fewer, each with its share of the cores; more than cores become as many as cores
    """
    cores = available_cores()
    if kind == "serial" or cores == 1:
        return Executor()
    return Executor(kind=kind, workers=min(workers or cores, cores))


def clip_name(label: str, stem: str) -> str:
    """`CLASS/STEM`: the path of a clip without its suffix; the label becomes a visible folder."""
    folder = re.sub(r"[/\\\0]", "_", label)
    return f"{'_' + folder[1:] if folder.startswith('.') else folder}/{stem}"


@dataclass(frozen=True, slots=True)
class PlannedCut:
    """A clip to make: `clip` is the finished file, with its class, group and split.

    start, end: seconds of the source; None for its start and its end
    """

    source: Path
    clip: Clip
    start: float | None
    end: float | None

    @property
    def path(self) -> Path:
        """The file of the clip."""
        return self.clip.path

    @property
    def name(self) -> str:
        """The folder and the name of the clip, without its suffix."""
        return f"{self.clip.path.parent.name}/{self.clip.path.stem}"


@dataclass(frozen=True, slots=True)
class CutWork:
    """Work of one process: the cuts by their targets without a suffix, and encoder threads."""

    cuts: Mapping[Path, PlannedCut]
    threads: int

    def open(self) -> Work:
        """Nothing is loaded."""
        return self._cut

    def _cut(self, path: Path, target: Path, progress: Progress) -> FileOutcome:
        cut, output = self.cuts[target], output_path(target, SUFFIX)
        problems = []
        with open_video(path) as video:
            start = cut.start or 0.0
            end = video.duration if cut.end is None else cut.end
            frames = displayed_frames(video.times, video.duration, start, end)
            if not frames:
                raise MediaError(
                    f"{path}: the clip starts at {start:g} s, but the video ends at "
                    f"{video.duration:.2f} s; its times may belong to another cut"
                )
            if end > video.duration + _TOLERATED:
                problems.append(
                    f"the clip ends at {end:g} s, but the video at {video.duration:.2f} s"
                )
            if copy_frames(video, frames, output):
                way = COPIED
            else:
                way = ENCODED
                unreadable = encode_frames(video, frames, output, self.threads, progress)
                if unreadable:
                    problems.append(
                        f"{unreadable} of {len(frames)} frames cannot be decoded; the frame before "
                        "is shown again"
                    )
            video.require_unchanged()
        reason = "; ".join(problems) or None
        return FileOutcome(path, "partial" if reason else "ok", (output,), reason, (way,))


def _kept(cut: PlannedCut, earlier: Missing | None) -> FileOutcome:
    """The outcome of a clip that is there already: partial if it was so when it was cut."""
    if earlier is not None and earlier.kind == "partial":
        return FileOutcome(cut.path, "partial", (cut.path,), earlier.reason, (KEPT,))
    return FileOutcome(cut.path, "ok", (cut.path,), notes=(KEPT,))


_Plan = tuple[list[PlannedCut], list[Missing], list[str]]


def _listed_cuts(path: Path, videos: Path, out: Path, skip_mistakes: bool) -> _Plan:
    listed, notes = read_list(path, skip_mistakes=skip_mistakes)
    if not videos.is_dir():
        raise PlayheadError(f"--videos {videos}: there is no such folder; check the name")
    recorded = read_missing(videos)
    cuts, missing = [], []
    for item in sorted(listed, key=lambda item: item.video):
        source = find_source(videos, item.video)
        if source is None:
            row = recorded.get(item.video)
            reason = f"{row.kind}: {row.reason}" if row else f"{item.video} is not in {videos}"
            missing.append(
                Missing(clip_name(item.label, item.name), item.label, "no video", reason)
            )
            continue
        clip = Clip(
            path=out / f"{clip_name(item.label, item.name)}{SUFFIX}",
            label=item.label,
            group=item.video,
            split=item.split,
        )
        cuts.append(PlannedCut(source, clip, item.start, item.end))
    return cuts, missing, notes


def _span_cuts(path: Path, out: Path) -> _Plan:
    found = read_clips(path)
    if all(clip.start is None and clip.end is None for clip in found.clips):
        raise LabelError(
            f"{path}: its clips have no times, so there is nothing to cut; an index needs the "
            "columns start and end, a manifest labels that are spans"
        )
    cuts, missing = [], []
    stems = _stems(found.clips)
    for clip in sorted(found.clips, key=lambda clip: clip.name):
        end = "end" if clip.end is None else stamp(clip.end)
        name = clip_name(clip.label, f"{stems[clip.name]}_{stamp(clip.start or 0.0)}_{end}")
        if not clip.has_video:
            reason = "has only keypoints, no video"
            missing.append(Missing(name, clip.label, "no video", reason))
            continue
        made = replace(clip, path=out / f"{name}{SUFFIX}", start=None, end=None)
        cuts.append(PlannedCut(clip.path, made, clip.start, clip.end))
    return cuts, missing, list(found.notes)


def _stems(clips: Sequence[Clip]) -> dict[str, str]:
    """A file name without a suffix for each source: its own, or its path where several share it."""
    names = sorted({clip.name for clip in clips})
    shared = Counter(PurePosixPath(name).stem for name in names)
    return {
        name: stem
        if shared[stem := PurePosixPath(name).stem] == 1
        else str(PurePosixPath(name).with_suffix("")).replace("/", "_")
        for name in names
    }


def _write_index(out: Path, cuts: Iterable[PlannedCut]) -> Path | None:
    """Write the index of what was cut, by this run and by earlier ones into the same folder."""
    clips = {cut.path.resolve(): cut.clip for cut in cuts if cut.path.exists()}
    path = out / INDEX
    if path.exists():
        for clip in read_index(path, skip_missing=True):
            clips.setdefault(clip.path.resolve(), clip)
    if not clips:
        return None
    write_index(sorted(clips.values(), key=lambda clip: (clip.label, clip.path.name)), path)
    return path
