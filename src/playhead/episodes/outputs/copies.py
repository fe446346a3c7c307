"""Chapters from saved results: what players read is written again after a person corrected it.

No video is matched again: the segments are those in `X.events.json`. EDL and chapter text beside
the results follow them, and with the videos at hand each gets a copy with chapters inside.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from playhead.episodes.outputs.chapters import remux
from playhead.episodes.outputs.edl import EdlAction
from playhead.episodes.outputs.sidecars import write_sidecars
from playhead.episodes.results import (
    CHAPTERS,
    EDL,
    EVENTS,
    find_season_files,
    read_season,
    segments_of,
)
from playhead.episodes.segments import Segment
from playhead.errors import FileFailure, PlayheadError
from playhead.execution.items import Item, output_path
from playhead.execution.outcomes import BatchResult, FileOutcome, peak_memory_bytes
from playhead.execution.outputs import check_folder, check_outputs
from playhead.execution.runner import SERIAL, Executor, Work, run_items
from playhead.media import open_video
from playhead.progress import Progress

__all__ = ["CopyWork", "write_chapters"]


def write_chapters(
    results: Path,
    *,
    media: Path | None = None,
    out: Path | None = None,
    edl: EdlAction | None = None,
    overwrite: bool = False,
    executor: Executor = SERIAL,
) -> BatchResult:
    """Write EDL and chapter text beside saved results again, and copies of videos with chapters.

    results: a folder that `match` wrote, or a `season.json`
    media: the folder that was matched
    out: the folder for the copies, which have the names of the videos
    edl: what players do with a segment; by default as in the match
    Raises PlayheadError if only one of `media` and `out` is given, if a copy would replace its
    video, or if one exists already and `overwrite` is not set.
    """
    if (media is None) != (out is None):
        raise PlayheadError(
            "copies with chapters need both --media, the folder of the videos, and --out"
        )
    if out is not None:
        check_folder(out)
    root = results.parent if results.is_file() else results
    items: list[Item] = []
    segments: dict[Path, tuple[Segment, ...]] = {}
    outcomes: list[FileOutcome] = []
    for path in find_season_files(results):
        season = read_season(path)
        folder = path.parent.relative_to(root)
        recorded = season.settings.get("edl")
        action: EdlAction = edl or ("cut" if recorded == "cut" else "skip")
        for record in season.episodes:
            target = path.parent / Path(record.result.video).stem
            events = output_path(target, EVENTS)
            if not events.exists():  # an episode that could not be matched
                continue
            video = events if media is None else media / folder / record.result.video
            with FileFailure(events) as failure:
                found = segments_of(events, record)
                corrected = replace(record, result=replace(record.result, segments=found))
                write_sidecars(corrected, target, edl=action)
                if media is None:
                    written = tuple(
                        target.with_name(name) for name in record.outputs if name != events.name
                    )
                    others = [output_path(target, suffix) for suffix in (EDL, CHAPTERS)]
                    notes = tuple(
                        f"{other.name} is of another program and stays"
                        for other in others
                        if other.exists() and other not in written
                    )
                    outcomes.append(FileOutcome(events, "ok", written, notes=notes))
                else:
                    segments[video] = found
                    items.append(Item(video, folder / Path(record.result.video).stem))
            if failure.reason:
                outcomes.append(FileOutcome(video, "failed", reason=failure.reason))
    if media is None:
        return BatchResult(tuple(outcomes), 0.0, peak_memory_bytes())
    copies = [item.target(out).with_suffix(item.path.suffix) for item in items]
    check_outputs([item.path for item in items if item.path.exists()], copies, overwrite=overwrite)
    done = run_items(items, out, CopyWork(segments), task="copying", executor=executor)
    return replace(done, files=(*outcomes, *done.files))


@dataclass(frozen=True, slots=True)
class CopyWork:
    """Copies videos with the chapters of their segments."""

    segments: Mapping[Path, tuple[Segment, ...]]

    def open(self) -> Work:
        """Nothing is loaded."""
        return self._copy

    def _copy(self, path: Path, target: Path, progress: Progress) -> FileOutcome:
        copy = output_path(target, path.suffix)
        notes = tuple(remux(path, copy, self.segments[path]))
        with open_video(path) as video:
            missing = video.missing
        if missing:
            reason = f"the file ends {missing} frames before the end that its header tells"
            return FileOutcome(path, "partial", (copy,), reason, notes)
        return FileOutcome(path, "ok", (copy,), notes=notes)
