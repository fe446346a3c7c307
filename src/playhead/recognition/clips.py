"""The data set: from what a user has to clips with a label, a group and a split.

    a folder of class folders        clips/jump/a.mp4, or clips/train/jump/a.mp4
    an index                         video,label[,group,split,start,end]
    a manifest                       its label files hold spans, and each span is a clip

A clip is a video, a span of one, or a file `X.keypoints.npz` whose video is not there. Labels that
differ only in case or in spaces are one label.
"""

import csv
import io
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from playhead.errors import LabelError, PlayheadError
from playhead.events.formats import read_row
from playhead.events.formats.keypoints import SUFFIX as KEYPOINTS
from playhead.events.manifest import read_manifest
from playhead.events.source import csv_rows, read_text
from playhead.execution.items import is_video
from playhead.files import inside, is_temporary, write_text
from playhead.output import counted
from playhead.recognition.tables import (
    SPLITS,
    merged_labels,
    refuse_mistakes,
    seconds,
    split_name,
)
from playhead.samples.groups import find_groups

__all__ = [
    "INDEX",
    "KEYPOINTS",
    "Clip",
    "ClipSet",
    "clip_files",
    "read_class_folders",
    "read_clips",
    "read_index",
    "write_index",
]

INDEX = "index.csv"
MANIFEST = "manifest.csv"
REQUIRED = ("video", "label")
OPTIONAL = ("group", "split", "start", "end")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One clip: a video, the span `[start, end)` of one in seconds, or keypoints without a video.

    label: its class; empty if it is not known
    group: what folds keep together, as the person or the source
    split: train, valid, test or another name; None if it has none
    start, end: None for the start and the end of the video
    name: its path below the data set
    """

    path: Path
    label: str
    group: str
    split: str | None = None
    start: float | None = None
    end: float | None = None
    name: str = ""

    @property
    def has_video(self) -> bool:
        """Whether there are frames, and not only keypoints."""
        return not self.path.name.endswith(KEYPOINTS)


@dataclass(frozen=True, slots=True)
class ClipSet:
    """The clips of a data set, in order of label and name.

    notes: what the user should know: merged labels, folders without clips, how groups were found
    skipped: files that are neither videos nor keypoints, and hidden ones
    """

    source: Path
    clips: tuple[Clip, ...]
    notes: tuple[str, ...] = ()
    skipped: int = 0

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels in alphabetical order."""
        return tuple(sorted({clip.label for clip in self.clips}))

    def require_classes(self) -> None:
        """Raise LabelError if there is one class only, so that nothing can be learnt."""
        if len(self.classes) < 2:
            raise LabelError(
                f"{self.source}: all {counted(len(self.clips), 'clip')} are of one class "
                f"({self.classes[0]}); training needs clips of at least two"
            )


def read_clips(source: Path | str, *, group: str | None = None) -> ClipSet:
    """The clips of a folder of class folders, an index or a manifest.

    A folder with an `index.csv` or a `manifest.csv` is read from that. Paths in a table are
    relative to it and must stay in its folder.
    group: a regular expression for the groups, see `find_groups`; by default those of the table,
        else those that file names tell
    Raises LabelError if there are no clips, or for the mistakes of a table, all at once.
    """
    source = Path(source)
    if not source.exists():
        raise LabelError(f"{source}: there is no such file or folder; check the name")
    if source.is_dir():
        table = next((source / name for name in (INDEX, MANIFEST) if (source / name).exists()), "")
        if not table:
            return read_class_folders(source, group=group)
        return _with_unlisted(source, read_clips(table, group=group))
    header = {cell.strip(' "\r') for cell in read_text(source).partition("\n")[0].split(",")}
    if "youtube_id" in header:
        raise LabelError(
            f"{source}: is a list of videos to download, not of clips; run `prepare download` and "
            "`prepare clips` with it"
        )
    found = list(_manifest_clips(source)) if "labels" in header else read_index(source)
    return _clip_set(source, found, group)


def read_class_folders(
    folder: Path, *, group: str | None = None, known: Sequence[Clip] = ()
) -> ClipSet:
    """The clips below the folders of `folder`, each named by its class, or by a split.

    group: see `read_clips`; known: clips whose label, group and split are known, as from an index
    Raises LabelError if there is no clip in any.
    """
    folders = _visible_folders(folder)
    placed: list[tuple[str | None, Path]]
    if folders and all(path.name.casefold() in SPLITS for path in folders):
        placed = [
            (SPLITS[path.name.casefold()], inner)
            for path in folders
            for inner in _visible_folders(path)
        ]
    else:
        placed = [(None, path) for path in folders]
    found, notes, empty = [], [], []
    skipped = sum(path.is_file() for path in folder.iterdir())
    loose = sum(is_video(path) and path.is_file() for path in folder.iterdir())
    if loose:
        notes.append(
            f"{counted(loose, 'video')} directly in {folder} {'have' if loose > 1 else 'has'} no "
            "class and count as skipped; move them into a class folder"
        )
    for split, class_folder in placed:
        clips, others = clip_files(class_folder)
        skipped += others
        if not clips:
            empty.append(class_folder.relative_to(folder).as_posix())
        found += [
            Clip(
                path=path,
                label=class_folder.name,
                group="",
                split=split,
                name=path.relative_to(folder).as_posix(),
            )
            for path in clips
        ]
    if empty:
        notes.append(f"folders without clips: {', '.join(empty)}")
    if not found:
        raise LabelError(
            f"{folder}: has no class folders with clips; needs a folder for each class, as "
            f"{folder.name}/jump/first.mp4"
        )
    by_path = {clip.path.resolve(): clip for clip in known}
    for k, clip in enumerate(found):
        listed = by_path.get(clip.path.resolve())
        if listed is not None:
            split = listed.split or clip.split
            found[k] = replace(clip, label=listed.label, group=listed.group, split=split)
    return _clip_set(folder, found, group, notes, skipped)


def read_index(path: Path, *, skip_missing: bool = False) -> list[Clip]:
    """The rows of an index as they are: labels are not merged, and groups may be empty.

    skip_missing: whether rows are left out whose file is not there
    Raises LabelError with all mistakes at once, each with its line.
    """
    clips: list[Clip] = []
    mistakes: list[str] = []
    seen: dict[tuple[Any, ...], str] = {}
    for where, cells in csv_rows(path, REQUIRED, OPTIONAL):
        line = where.removeprefix(f"{path}: ")
        try:
            clip = _index_row(path, cells)
        except FileNotFoundError as error:
            if not skip_missing:
                mistakes.append(f"{line}: {error}")
            continue
        except LabelError as error:
            mistakes.append(f"{line}: {error}")
            continue
        first = seen.setdefault((clip.path, clip.start, clip.end), line)
        if first != line:
            mistakes.append(f"{line}: {clip.name} is listed twice (first: {first})")
            continue
        clips.append(clip)
    refuse_mistakes(path, mistakes, "correct the index")
    return clips


def write_index(clips: Sequence[Clip], path: Path) -> None:
    """Write clips as an index with paths relative to it, atomically.

    Raises LabelError if there are no clips, or one is outside of the folder of the index.
    """
    if not clips:
        raise LabelError(f"{path}: an index needs at least one clip")
    spans = any(clip.start is not None or clip.end is not None for clip in clips)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*REQUIRED, *(OPTIONAL if spans else OPTIONAL[:2])))
    folder = path.parent.resolve()
    for clip in clips:
        file = clip.path.resolve()
        if not file.is_relative_to(folder):
            raise LabelError(
                f"{clip.path}: is outside of {path.parent}; put the index above its clips"
            )
        row = [file.relative_to(folder).as_posix(), clip.label, clip.group, clip.split or ""]
        times = ["" if time is None else repr(float(time)) for time in (clip.start, clip.end)]
        writer.writerow(row + (times if spans else []))
    write_text(path, text.getvalue())


def clip_files(folder: Path) -> tuple[list[Path], int]:
    """The clips below a folder, in order, and how many files are none."""
    clips: list[Path] = []
    skipped = 0
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files = [Path(where, name) for name in sorted(names)]
        visible = [path for path in files if not path.name.startswith(".")]
        videos = [path for path in visible if is_video(path) and path.is_file()]
        stems = {path.stem for path in videos}
        keypoints = [path for path in visible if path.name.endswith(KEYPOINTS)]
        alone = [path for path in keypoints if path.name.removesuffix(KEYPOINTS) not in stems]
        clips += videos + alone
        skipped += len(files) - len(videos) - len(keypoints)
    return clips, skipped


def _clip_set(
    source: Path,
    found: Sequence[Clip],
    expression: str | None,
    notes: Sequence[str] = (),
    skipped: int = 0,
) -> ClipSet:
    """Merge the labels and complete the groups."""
    labels, merged = merged_labels(clip.label for clip in found)
    names = [clip.name for clip in found]
    if expression is not None:
        groups, grouped = find_groups(names, expression)
    else:
        lacking = [clip.name for clip in found if not clip.group]
        told, grouped = find_groups(lacking)
        by_name = dict(zip(lacking, told, strict=True))
        groups = [clip.group or by_name[clip.name] for clip in found]
    clips = [
        replace(clip, label=labels[clip.label], group=group)
        for clip, group in zip(found, groups, strict=True)
    ]
    clips.sort(key=lambda clip: (clip.label, clip.name, clip.start or 0.0))
    counts = Counter(clip.label for clip in clips)
    single = sorted(label for label, count in counts.items() if count == 1)
    about = []
    if len(counts) == 1:
        about.append(f"all clips are of one class ({clips[0].label}): there is nothing to learn")
    elif single:
        about.append(
            f"classes with one clip, which can be on only one side of a split: {', '.join(single)}"
        )
    return ClipSet(source, tuple(clips), (*notes, *merged, *about, *grouped), skipped)


def _visible_folders(folder: Path) -> list[Path]:
    try:
        return sorted(
            path
            for path in folder.iterdir()
            if path.is_dir() and not path.name.startswith(".") and not is_temporary(path)
        )
    except OSError as error:
        raise LabelError(
            f"{folder}: cannot be listed ({error.strerror}); name a folder that can be read"
        ) from error


def _with_unlisted(folder: Path, listed: ClipSet) -> ClipSet:
    """The clips of a table in `folder`, with a note of the files beside that it does not list."""
    known = {clip.path.resolve() for clip in listed.clips}
    files = [path for sub in _visible_folders(folder) for path in clip_files(sub)[0]]
    new = sum(path.resolve() not in known for path in files)
    notes = [f"read from {listed.source}"]
    if new:
        notes.append(f"it does not list {counted(new, 'clip')} of {folder}; they are left out")
    return replace(listed, notes=(*notes, *listed.notes))


def _index_row(path: Path, cells: dict[str, str]) -> Clip:
    if not cells["video"] or not cells["label"]:
        raise LabelError("a clip needs a video and a label")
    try:
        # The folder of the index may be named through links; its clips may not leave it.
        file = inside(path.parent, cells["video"])
    except PlayheadError as error:
        raise LabelError(f"{cells['video']} is outside of the folder of the index") from error
    if not file.is_file():
        keypoints = file.with_name(file.stem + KEYPOINTS)
        if not keypoints.is_file():
            raise FileNotFoundError(f"{cells['video']}: there is no such file")
        file = keypoints
    times = [seconds(column, cells.get(column, "")) for column in ("start", "end")]
    start, end = times
    if end is not None and end <= (start or 0.0):
        raise LabelError(f"the clip ends at {end:g} s, but starts at {start or 0.0:g} s")
    return Clip(
        path=file,
        label=cells["label"],
        group=cells.get("group", ""),
        split=split_name(cells.get("split")),
        start=start,
        end=end,
        name=cells["video"],
    )


def _manifest_clips(path: Path) -> Iterator[Clip]:
    from playhead.media import open_video

    for row in read_manifest(path):
        if row.labels is None:
            continue
        with open_video(row.video) as video:
            events = read_row(row, times=video.times, duration=video.duration).events
        for event in events:
            if event.end is None:
                raise LabelError(
                    f"{row.labels}: {event.label!r} at {event.start:g} s is an instant; clips need "
                    "spans, with a start and an end"
                )
            yield Clip(
                path=row.video,
                label=event.label,
                group="" if row.group == row.name else row.group,
                split=split_name(row.split),
                start=event.start,
                end=event.end,
                name=row.name,
            )
