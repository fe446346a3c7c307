"""The index of a data set: which clips there are, by class and split, and what is wrong with it.

Clips keep the splits they have, from their list, table or folders; else whole groups are dealt into
train, valid and test, each class with its share as far as groups allow.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from playhead.errors import LabelError, PlayheadError
from playhead.output import counted
from playhead.recognition.clips import (
    INDEX,
    KEYPOINTS,
    Clip,
    ClipSet,
    clip_files,
    read_class_folders,
    read_clips,
    read_index,
    write_index,
)
from playhead.recognition.prepare.cut import clip_name
from playhead.recognition.prepare.duplicates import (
    ClipHash,
    Duplicate,
    duplicates_across,
    hash_clips,
)
from playhead.recognition.prepare.lists import Missing, is_list, read_list, read_missing
from playhead.samples.groups import find_groups
from playhead.samples.splits import assign_splits, class_counts

__all__ = ["SHARES", "IndexResult", "build_index", "parse_shares"]

SHARES = {"train": 0.7, "valid": 0.15, "test": 0.15}


@dataclass(frozen=True, slots=True)
class IndexResult:
    """What was written, and what was found.

    dropped: rare classes with their numbers of clips
    missing: clips that a list names and that are not there, and files that cannot be read
    shared: groups that are in several splits
    duplicates: near-duplicates across splits; None if it was not looked for them
    """

    path: Path
    clips: tuple[Clip, ...]
    dropped: Mapping[str, int]
    missing: tuple[Missing, ...]
    unreadable: tuple[Missing, ...]
    shared: Mapping[str, tuple[str, ...]]
    duplicates: tuple[Duplicate, ...] | None
    skipped: int = 0
    notes: tuple[str, ...] = field(default=())

    @property
    def is_clean(self) -> bool:
        """Whether no group and no footage is in several splits."""
        return not self.shared and not self.duplicates

    def rows(self) -> list[dict[str, Any]]:
        """A row for each class, and one for all: its clips in each split and in all."""
        counts = Counter((clip.label, clip.split or "none") for clip in self.clips)
        splits = _ordered({split for _, split in counts})
        labels = sorted({clip.label for clip in self.clips})
        rows: list[dict[str, Any]] = [
            {
                "class": label,
                **{split: counts[label, split] for split in splits},
                "clips": sum(counts[label, split] for split in splits),
            }
            for label in labels
        ]
        total = {key: sum(row[key] for row in rows) for key in (*splits, "clips")}
        return [*rows, {"class": "all", **total}]

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        *classes, total = self.rows()
        pairs = None
        if self.duplicates is not None:
            pairs = [
                {
                    "first": pair.first.name,
                    "second": pair.second.name,
                    "splits": [pair.first.split, pair.second.split],
                    "bits": pair.bits,
                }
                for pair in self.duplicates
            ]
        return {
            "index": str(self.path),
            "classes": classes,
            "total": {key: value for key, value in total.items() if key != "class"},
            "groups": len({clip.group for clip in self.clips}),
            "dropped": dict(self.dropped),
            "missing": [row.to_json() for row in self.missing],
            "unreadable": [row.to_json() for row in self.unreadable],
            "shared_groups": {group: list(splits) for group, splits in self.shared.items()},
            "duplicates": pairs,
            "skipped": self.skipped,
            "notes": list(self.notes),
        }


def build_index(
    source: Path,
    out: Path,
    *,
    clips: Path | None = None,
    group: str | None = None,
    shares: Mapping[str, float] | None = None,
    seed: int = 0,
    min_clips: int = 1,
    duplicates: bool = True,
    skip_mistakes: bool = False,
) -> IndexResult:
    """Write the index of `source` to `out`, and tell what is missing, rare, shared or doubled.

    source: a folder of class folders, an index, a manifest, or a Kinetics list
    clips: the folder with the clips of a list
    group: a regular expression for groups, see `find_groups`
    shares: of train, valid and test, to divide the clips anew; None keeps splits that there are
    min_clips: classes with fewer are dropped
    duplicates: whether to look for near-duplicates across splits, which reads every clip
    Raises LabelError if no clips are left, or for the mistakes of a list.
    """
    if is_list(source):
        if clips is None:
            raise PlayheadError(
                f"{source}: lists clips of the web; name the folder that holds them with --clips"
            )
        clip_set, missing = _listed(source, clips, group, skip_mistakes)
    else:
        if clips is not None:
            raise PlayheadError(f"{source}: names its clips itself; leave --clips out")
        clip_set, missing = _present(source, group)
    notes = list(clip_set.notes)
    counts = Counter(clip.label for clip in clip_set.clips)
    dropped = {label: count for label, count in sorted(counts.items()) if count < min_clips}
    kept = [clip for clip in clip_set.clips if clip.label not in dropped]
    if not kept:
        raise LabelError(
            f"{source}: no class has {counted(min_clips, 'clip')}; the largest has "
            f"{max(counts.values(), default=0)}"
        )
    unreadable: list[Missing] = []
    hashes: list[ClipHash | None] | None = None
    if duplicates:
        made = list(zip(kept, hash_clips(kept), strict=True))
        unreadable = [
            Missing(clip.name, clip.label, "failed", reason)
            for clip, reason in made
            if isinstance(reason, str)
        ]
        readable = [(clip, found) for clip, found in made if not isinstance(found, str)]
        kept, hashes = [clip for clip, _ in readable], [found for _, found in readable]
        if not kept:
            raise LabelError(f"{source}: none of its clips can be read; {unreadable[0].reason}")
    unsplit = sum(clip.split is None for clip in kept)
    if shares is not None or unsplit == len(kept):
        kept = _divided(kept, shares or SHARES, seed)
    elif unsplit:
        notes.append(
            f"{counted(unsplit, 'clip')} without a split stay so; --shares divides all anew"
        )
    notes += _gaps(kept)
    write_index(kept, out)
    return IndexResult(
        out,
        tuple(kept),
        dropped,
        tuple(missing),
        tuple(unreadable),
        _shared_groups(kept),
        None if hashes is None else duplicates_across(kept, hashes),
        clip_set.skipped,
        tuple(notes),
    )


def parse_shares(text: str) -> dict[str, float]:
    """`70,15,15` as the shares of train, valid and test, 1 in all; a share of 0 leaves one out."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != 3 or not all(0 <= number < 1e9 for number in numbers) or not numbers[0] > 0:
        raise PlayheadError(
            f"--shares {text}: needs three numbers, of train, valid and test, as in 70,15,15"
        )
    total = sum(numbers)
    return {name: number / total for name, number in zip(SHARES, numbers, strict=True) if number}


def _listed(
    path: Path, folder: Path, expression: str | None, skip_mistakes: bool
) -> tuple[ClipSet, list[Missing]]:
    """The clips of a list that are in a folder, whatever its class folders are called."""
    listed, notes = read_list(path, skip_mistakes=skip_mistakes)
    if not folder.is_dir():
        raise PlayheadError(f"--clips {folder}: there is no such folder; check the name")
    files = {file.name.removesuffix(KEYPOINTS): file for file in clip_files(folder)[0]}
    by_stem = {Path(name).stem if "." in name else name: file for name, file in files.items()}
    recorded = read_missing(folder)
    clips, missing = [], []
    for item in listed:
        file = by_stem.get(item.name)
        name = clip_name(item.label, item.name)
        if file is not None:
            relative = file.relative_to(folder).as_posix()
            clips.append(
                Clip(
                    path=file,
                    label=item.label,
                    group=item.video,
                    split=item.split,
                    name=relative,
                )
            )
            continue
        row = recorded.get(name)
        reason = f"is not in {folder}" if row is None else row.reason
        kind = "missing" if row is None else row.kind
        missing.append(Missing(name, item.label, kind, reason))
    if not clips:
        raise LabelError(
            f"{path}: none of its {counted(len(listed), 'clip')} is in {folder}; clips are named "
            f"as {listed[0].name}.mp4"
        )
    if expression is not None:
        groups, grouped = find_groups([clip.name for clip in clips], expression)
        clips = [replace(clip, group=name) for clip, name in zip(clips, groups, strict=True)]
        notes += grouped
    clips.sort(key=lambda clip: (clip.label, clip.name))
    return ClipSet(path, tuple(clips), tuple(notes)), missing


def _present(source: Path, expression: str | None) -> tuple[ClipSet, list[Missing]]:
    """The clips of a folder or a table; an index in the folder gives labels, groups and splits."""
    if not source.is_dir():
        return read_clips(source, group=expression), []
    index = source / INDEX
    known = read_index(index, skip_missing=True) if index.exists() else []
    found = read_class_folders(source, group=expression, known=known)
    if known:
        notes = (f"labels, groups and splits as in {index}", *found.notes)
        found = replace(found, notes=notes)
    return found, [row for row in read_missing(source).values() if row.kind != "partial"]


def _divided(clips: Sequence[Clip], shares: Mapping[str, float], seed: int) -> list[Clip]:
    groups = [clip.group for clip in clips]
    splits = assign_splits(groups, class_counts([clip.label for clip in clips]), shares, seed)
    return [replace(clip, split=split) for clip, split in zip(clips, splits, strict=True)]


def _gaps(clips: Sequence[Clip]) -> list[str]:
    """Notes on splits without clips of some classes."""
    labels = sorted({clip.label for clip in clips})
    splits = _ordered({clip.split for clip in clips if clip.split is not None})
    notes = []
    for split in splits:
        present = {clip.label for clip in clips if clip.split == split}
        lacking = [label for label in labels if label not in present]
        if lacking:
            more = f" and {len(lacking) - 8} more" if len(lacking) > 8 else ""
            notes.append(f"{split} has no clip of {', '.join(lacking[:8])}{more}")
    return notes


def _shared_groups(clips: Sequence[Clip]) -> dict[str, tuple[str, ...]]:
    splits: dict[str, set[str]] = {}
    for clip in clips:
        if clip.split is not None:
            splits.setdefault(clip.group, set()).add(clip.split)
    return {
        group: tuple(_ordered(names)) for group, names in sorted(splits.items()) if len(names) > 1
    }


def _ordered(splits: set[str]) -> list[str]:
    """Train, valid and test first, then the others by name."""
    known = list(SHARES)
    return sorted(splits, key=lambda name: (known.index(name) if name in known else 3, name))
