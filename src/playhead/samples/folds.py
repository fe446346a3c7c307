"""Folds: splits in which a whole group (match, play, series, person) stays on one side.

Frames of one match are similar: a model trained on the first half already knows the second.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from playhead.errors import LabelError
from playhead.events.games import GameFiles, read_set
from playhead.events.manifest import ManifestRow
from playhead.samples.splits import assign_splits, class_counts

__all__ = ["Fold", "chosen_fold", "grouped_folds", "refuse_leaks", "split_manifest"]


@dataclass(frozen=True, slots=True)
class Fold:
    """Indices of the videos on the two sides of a split, each rising."""

    train: tuple[int, ...]
    validation: tuple[int, ...]


def grouped_folds(
    groups: Sequence[str], count: int, *, labels: Sequence[str] | None = None, seed: int = 0
) -> tuple[Fold, ...]:
    """Split videos into folds of about equal size; `groups` names the group of each video.

    Groups are assigned by size, the largest first, each to the fold with the fewest videos, so the
    result depends only on the groups.
    labels: the class of each video; every fold then gets about its share of every class, as far as
        whole groups allow, and `seed` orders groups of equal size
    Raises LabelError if there are fewer groups than folds.
    """
    sizes = Counter(groups)
    if not 2 <= count <= len(sizes):
        raise LabelError(
            f"{count} folds of {len(sizes)} groups: needs at least 2 folds and a group for each; "
            "lower the number of folds or label more groups"
        )
    fold_of: dict[str, int] = {}
    if labels is not None:
        shares = {str(fold): 1 / count for fold in range(count)}
        dealt = assign_splits(groups, class_counts(labels), shares, seed)
        fold_of = {group: int(fold) for group, fold in zip(groups, dealt, strict=True)}
    else:
        loads = [0] * count
        for group in sorted(sizes, key=lambda name: (-sizes[name], name)):
            fold_of[group] = loads.index(min(loads))
            loads[fold_of[group]] += sizes[group]
    return tuple(
        _hold_out(groups, {g for g in fold_of if fold_of[g] == fold}) for fold in range(count)
    )


def chosen_fold(
    groups: Sequence[str],
    splits: Sequence[str | None],
    *,
    folds: int | None,
    fold: int | Sequence[int] = 0,
) -> Fold:
    """The training and validation videos: by the splits, or fold `fold` of `folds` by groups.

    fold: the validation fold, or several folds that validate together

    splits: train, valid, test, any other name or None per video; with `folds`, all but other splits
    are divided anew. Raises LabelError if a group is on both sides, or also in another split, which
    is reserved for testing.
    """
    used = _indices(splits, {"train", "valid"} if folds is None else {None, "train", "valid"})
    for other in sorted({split or "train" for split in splits} - {"train", "valid"}):
        apart = Fold(train=used, validation=_indices(splits, {other}))
        refuse_leaks(groups, apart, names=("train or valid" if folds is None else "folds", other))
    if folds is None:
        fold_of_splits = Fold(
            train=_indices(splits, {"train"}), validation=_indices(splits, {"valid"})
        )
        refuse_leaks(groups, fold_of_splits)
        return fold_of_splits
    dealt = grouped_folds([groups[index] for index in used], folds)
    held = {
        index
        for number in ((fold,) if isinstance(fold, int) else fold)
        for index in dealt[number].validation
    }
    return Fold(
        train=tuple(used[index] for index in range(len(used)) if index not in held),
        validation=tuple(used[index] for index in sorted(held)),
    )


def split_manifest(
    manifest: Path,
    *,
    folds: int | None,
    fold: int | Sequence[int],
    videos: Path | None = None,
    games: GameFiles | None = None,
    group: Callable[[ManifestRow], str] = attrgetter("group"),
) -> tuple[list[ManifestRow], list[ManifestRow]]:
    """The rows of a manifest for training and for validation, see `chosen_fold`.

    manifest: or a folder of games
    videos: the folder of the videos, see `read_manifest`; games: which files of games are used
    group: the name of a row's group, by default that of the manifest
    Raises LabelError if a side is empty or a group is on both.
    """
    rows = read_set(manifest, videos=videos, games=games)
    groups, splits = [group(row) for row in rows], [row.split for row in rows]
    chosen = chosen_fold(groups, splits, folds=folds, fold=fold)
    if not chosen.train or not chosen.validation:
        how = "fill the split column with train and valid"
        if manifest.is_dir():
            how = "put games into folders train and valid, or SoccerNet's lists beside the leagues"
        raise LabelError(
            f"{manifest}: has {len(chosen.train)} training and {len(chosen.validation)} "
            f"validation videos, but both are needed: {how}, or set data.folds"
        )
    return [rows[i] for i in chosen.train], [rows[i] for i in chosen.validation]


def refuse_leaks(
    groups: Sequence[str], fold: Fold, *, names: tuple[str, str] = ("train", "valid")
) -> None:
    """Raise LabelError naming the groups that are on both sides of a split, if any.

    names: the names of the two sides
    """
    train = {groups[video] for video in fold.train}
    shared = sorted(train & {groups[video] for video in fold.validation})
    if shared:
        raise LabelError(
            f"{', '.join(shared)}: on both sides of the split ({names[0]}, and {names[1]}); a "
            "group must be on one side, or the metrics are too high: correct the column group or "
            "split"
        )


def _hold_out(groups: Sequence[str], held: set[str]) -> Fold:
    fold = Fold(
        train=tuple(video for video, group in enumerate(groups) if group not in held),
        validation=tuple(video for video, group in enumerate(groups) if group in held),
    )
    refuse_leaks(groups, fold)
    return fold


def _indices(splits: Sequence[str | None], wanted: set[str | None]) -> tuple[int, ...]:
    return tuple(index for index, split in enumerate(splits) if split in wanted)
