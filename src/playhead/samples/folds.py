"""Folds: splits in which a whole group (match, play, series, person) stays on one side.

Frames of one match look alike: a model that trained on the first half knows the second.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from playhead.errors import LabelError

__all__ = ["Fold", "chosen_fold", "grouped_folds", "refuse_leaks"]


@dataclass(frozen=True, slots=True)
class Fold:
    """Positions of the videos on the two sides of a split, each rising."""

    train: tuple[int, ...]
    validation: tuple[int, ...]


def grouped_folds(groups: Sequence[str], count: int) -> tuple[Fold, ...]:
    """Split videos into folds of about equal size; `groups` names the group of each video.

    Larger groups are placed first, each into the fold that has the fewest videos, so the outcome
    depends on the groups alone. Raises LabelError for fewer groups than folds.
    """
    sizes = Counter(groups)
    if not 2 <= count <= len(sizes):
        raise LabelError(
            f"{count} folds of {len(sizes)} groups: needs at least 2 folds and a group for each; "
            "lower the number of folds or label more groups"
        )
    loads = [0] * count
    place: dict[str, int] = {}
    for group in sorted(sizes, key=lambda name: (-sizes[name], name)):
        place[group] = loads.index(min(loads))
        loads[place[group]] += sizes[group]
    return tuple(_hold_out(groups, {g for g in place if place[g] == fold}) for fold in range(count))


def chosen_fold(
    groups: Sequence[str], splits: Sequence[str | None], *, folds: int | None, fold: int = 0
) -> Fold:
    """What trains and what validates: as the splits say, or fold `fold` of so many by groups.

    splits: train, valid, test, any other or None for each; with folds all but other splits than
    train and valid are dealt out anew. Raises LabelError where a group lies on both sides, or in
    another split as well, since that is there to be measured on.
    """
    used = _places(splits, {"train", "valid"} if folds is None else {None, "train", "valid"})
    for other in sorted({split or "train" for split in splits} - {"train", "valid"}):
        apart = Fold(train=used, validation=_places(splits, {other}))
        refuse_leaks(groups, apart, names=("train or valid" if folds is None else "folds", other))
    if folds is None:
        said = Fold(train=_places(splits, {"train"}), validation=_places(splits, {"valid"}))
        refuse_leaks(groups, said)
        return said
    dealt = grouped_folds([groups[place] for place in used], folds)[fold]
    return Fold(
        train=tuple(used[place] for place in dealt.train),
        validation=tuple(used[place] for place in dealt.validation),
    )


def refuse_leaks(
    groups: Sequence[str], fold: Fold, *, names: tuple[str, str] = ("train", "valid")
) -> None:
    """LabelError naming the groups that lie on both sides of a split, if there are any.

    names: of the two sides.
    """
    train = {groups[video] for video in fold.train}
    shared = sorted(train & {groups[video] for video in fold.validation})
    if shared:
        raise LabelError(
            f"{', '.join(shared)}: on both sides of the split ({names[0]}, and {names[1]}); a "
            "group must be on one side, or the figures flatter: correct the group or split column"
        )


def _hold_out(groups: Sequence[str], held: set[str]) -> Fold:
    fold = Fold(
        train=tuple(video for video, group in enumerate(groups) if group not in held),
        validation=tuple(video for video, group in enumerate(groups) if group in held),
    )
    refuse_leaks(groups, fold)
    return fold


def _places(splits: Sequence[str | None], wanted: set[str | None]) -> tuple[int, ...]:
    return tuple(place for place, split in enumerate(splits) if split in wanted)
