"""The data of a detector: labelled pictures, some to train and some to validate."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from playhead.errors import LabelError
from playhead.events.pictures.files import read_pictures
from playhead.events.pictures.model import LabelledPicture, PictureSet
from playhead.redaction.detector.config import DataConfig, DetectorConfig
from playhead.samples.folds import chosen_fold
from playhead.samples.pasting_cutouts import CutoutBank
from playhead.samples.picture_cache import PictureCache
from playhead.samples.pictures import TrainingPictures
from playhead.worlds.kept import world_manifest

__all__ = ["Sides", "pictures_of", "split_pictures", "training_pictures"]

ROOM = 1.5
"""Pictures are kept so much larger than the network sees them, since some are enlarged."""


@dataclass(frozen=True, slots=True)
class Sides:
    """The pictures that train and those that validate, whole groups on one side."""

    train: PictureSet
    valid: PictureSet


def pictures_of(config: DataConfig) -> PictureSet:
    """Every picture of the data set; a generated world is made on first use.

    Raises LabelError for classes that the set does not know.
    """
    manifest = config.manifest if config.world is None else world_manifest(config.world)
    assert manifest is not None
    return _of_classes(read_pictures(manifest), config.classes, manifest)


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
    empty = [label for label, count in sides.train.count().items() if count == 0]
    if empty:
        raise LabelError(
            f"no box of {', '.join(empty)} to train on; label some, or name the other classes "
            "in data.classes"
        )
    return sides


def _with_more(train: PictureSet, config: DataConfig) -> PictureSet:
    """The pictures that train, and those of further manifests, by the same classes."""
    further = [
        one
        for path in config.more
        for one in _of_classes(read_pictures(path), train.classes, path).pictures
    ]
    return PictureSet(train.classes, (*train.pictures, *further))


def training_pictures(pictures: PictureSet, config: DetectorConfig) -> TrainingPictures:
    """The samples of a run; pictures are read into memory here, up to the limit."""
    largest = max(config.data.size) * config.augmentation.multi_scale[1]
    cache = PictureCache(
        [one.path for one in pictures.pictures],
        longest=round(ROOM * largest),
        limit=config.data.cache_megabytes * 1_000_000,
    )
    cut_paste = config.augmentation.cut_paste
    bank = None
    if cut_paste is not None:
        shown = ((cache.read(k), *_seen(one, cache, k)) for k, one in enumerate(pictures.pictures))
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
        bank=bank,
    )


def _seen(one: LabelledPicture, cache: PictureCache, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes and labels in the pixels of the kept picture."""
    height, width = cache.read(number).shape[:2]
    factors = np.tile([width / one.size[0], height / one.size[1]], 2)
    return one.boxes * factors, one.labels


def _of_classes(pictures: PictureSet, classes: tuple[str, ...] | None, source: Path) -> PictureSet:
    """The boxes of some classes, which are numbered in that order."""
    if classes is None:
        return pictures
    unknown = [label for label in classes if label not in pictures.classes]
    if unknown:
        raise LabelError(
            f"{source}: has no class {', '.join(unknown)}; its classes are "
            f"{', '.join(pictures.classes)}"
        )
    new = np.full(len(pictures.classes), -1, np.int32)
    new[[pictures.classes.index(label) for label in classes]] = np.arange(len(classes))
    return PictureSet(classes, tuple(_renumbered(one, new) for one in pictures.pictures))


def _renumbered(one: LabelledPicture, new: np.ndarray) -> LabelledPicture:
    labels = new[one.labels]
    stays = labels >= 0
    return replace(one, boxes=one.boxes[stays], labels=labels[stays], scores=one.scores[stays])
