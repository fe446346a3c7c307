"""The data of a detector: labelled pictures, some to train and some to validate."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playhead.detection.config import DataConfig, DetectorConfig
from playhead.detection.labels.read import read_pictures, refuse_unseen
from playhead.detection.leaks import refuse_made_of
from playhead.detection.sample_cache import PictureCache
from playhead.detection.samples import TrainingPictures
from playhead.detection.synthesis.cutouts import CutoutBank, Labelled
from playhead.errors import LabelError
from playhead.events.images import LabelledPicture, PictureSet
from playhead.media.stills import still_size
from playhead.samples.folds import chosen_fold

__all__ = ["Sides", "pictures_of", "split_pictures", "training_pictures"]

ROOM = 1.5
"""Pictures are kept so much larger than the network sees them, since some are enlarged."""


@dataclass(frozen=True, slots=True)
class Sides:
    """The pictures that train and those that validate, whole groups on one side."""

    train: PictureSet
    valid: PictureSet


def pictures_of(config: DataConfig) -> PictureSet:
    """Every image of the data set.

    Raises LabelError for classes that the set does not know.
    """
    pictures = read_pictures(config.manifest)
    if config.classes is None:
        return pictures
    return pictures.of_classes(config.classes, source=config.manifest)


def split_pictures(config: DataConfig) -> Sides:
    """Cut the set as its split column says, or into folds of whole groups.

    Raises LabelError where a side is empty, a group lies on both, or a class has no box to train
    on: it could never be found.
    """
    pictures = pictures_of(config)
    groups = [one.group for one in pictures.pictures]
    splits = [one.split for one in pictures.pictures]
    fold = chosen_fold(groups, splits, folds=config.folds, fold=config.fold)
    if not fold.train or not fold.validation:
        raise LabelError(
            f"{len(fold.train)} pictures train and {len(fold.validation)} validate; needs some of "
            "each: fill the split column with train and valid, or set data.folds"
        )
    train = _with_more(pictures.chosen(fold.train), config)
    sides = Sides(train, pictures.chosen(fold.validation))
    others = [place for place, split in enumerate(splits) if split not in (None, "train", "valid")]
    _check(sides, pictures.chosen(others))
    return sides


def _with_more(train: PictureSet, config: DataConfig) -> PictureSet:
    """The pictures that train, and those of further manifests, by the same classes."""
    further = [
        one
        for path in config.more
        for one in read_pictures(path).of_classes(train.classes, source=path).pictures
    ]
    others = {one.split for one in further} - {None, "train"}
    if others:
        raise LabelError(
            f"data.more holds pictures of the split {', '.join(sorted(map(str, others)))}; all of "
            "them would train: name manifests of pictures to train on"
        )
    return PictureSet(train.classes, (*train.pictures, *further))


def _check(sides: Sides, others: PictureSet) -> None:
    """Raise LabelError for what would make a training wrong or its figures flatter.

    others: the pictures of further splits, which are there to be measured on
    """
    empty = [label for label, count in sides.train.count().items() if count == 0]
    if empty:
        raise LabelError(
            f"no box of {', '.join(empty)} to train on; label some, or name the other classes "
            "in data.classes"
        )
    if not any(sides.valid.count().values()):
        raise LabelError("no box to validate on: label some of the pictures that validate")
    refuse_unseen(sides.train, "the pictures that train")
    refuse_unseen(sides.valid, "the pictures that validate")
    for side, what in ((sides.valid, "validate"), (others, "are in another split")):
        shared = sorted(_keys(sides.train) & _keys(side))
        if shared:
            raise LabelError(
                f"{', '.join(shared[:3])}: train and {what} both; a whole group must be on one side"
            )
    refuse_made_of(sides.train, (*sides.valid.pictures, *others.pictures))
    for one in (*sides.train.pictures, *sides.valid.pictures):
        shown = still_size(one.path)
        if shown != one.size:
            raise LabelError(
                f"{one.path}: is displayed in {shown[0]}x{shown[1]} pixels, its labels are of "
                f"{one.size[0]}x{one.size[1]}: normalise the set again"
            )


def _keys(pictures: PictureSet) -> set[str]:
    """The files of a set, and the groups that somebody named."""
    files = {f"picture {one.path.resolve()}" for one in pictures.pictures}
    named = {one.group for one in pictures.pictures if one.group != one.path.stem}
    return files | {f"group {name}" for name in named}


def training_pictures(pictures: PictureSet, config: DetectorConfig) -> TrainingPictures:
    """The samples of a run; pictures are read into memory here, up to the limit."""
    largest = max(config.data.size) * config.augmentation.multi_scale[1]
    cache = PictureCache(
        [one.path for one in pictures.pictures],
        longest=round(ROOM * largest),
        limit=config.data.cache_megabytes * 750_000,
    )
    cut_paste = config.augmentation.cut_paste
    bank = None
    if cut_paste is not None:
        shown = (_shown(one, cache.read(k)) for k, one in enumerate(pictures.pictures))
        bank = CutoutBank(shown, cut_paste, seed=config.training.seed)
    return TrainingPictures(
        pictures=pictures,
        cache=cache,
        size=config.data.size,
        settings=config.augmentation,
        seed=config.training.seed,
        batch_size=config.training.batch_size,
        plain_from=config.training.epochs - config.augmentation.plain_epochs + 1,
        multiple=config.model.strides[-1],
        enlarge=config.data.enlarge,
        bank=bank,
    )


def _shown(one: LabelledPicture, kept: NDArray[np.uint8]) -> Labelled:
    """A kept picture with its boxes in its pixels, and their labels."""
    height, width = kept.shape[:2]
    factors = np.tile([width / one.size[0], height / one.size[1]], 2)
    return kept, one.boxes * factors, one.labels
