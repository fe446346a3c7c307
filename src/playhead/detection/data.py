"""The data of a detector: labelled images, some to train and some to validate."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playhead.detection.config import DataConfig, DetectorConfig
from playhead.detection.labels.read import read_image_set, refuse_unseen
from playhead.detection.leaks import refuse_made_of
from playhead.detection.sample_cache import ImageCache
from playhead.detection.samples import TrainingImages
from playhead.detection.synthesis.cutouts import CutoutBank, Labelled
from playhead.errors import LabelError
from playhead.events.images import ImageSet, LabelledImage
from playhead.media.stills import still_size
from playhead.samples.folds import chosen_fold

__all__ = ["Sides", "images_of", "split_images", "training_images"]

ROOM = 1.5
"""Images are kept so much larger than the network sees them, since some are enlarged."""


@dataclass(frozen=True, slots=True)
class Sides:
    """The images that train and those that validate, whole groups on one side."""

    train: ImageSet
    valid: ImageSet


def images_of(config: DataConfig) -> ImageSet:
    """Every image of the data set.

    Raises LabelError for classes that the set does not know.
    """
    images = read_image_set(config.manifest)
    if config.classes is None:
        return images
    return images.of_classes(config.classes, source=config.manifest)


def split_images(config: DataConfig) -> Sides:
    """Cut the set as its split column says, or into folds of whole groups.

    Raises LabelError where a side is empty, a group lies on both, or a class has no box to train
    on: it could never be found.
    """
    images = images_of(config)
    groups = [one.group for one in images.images]
    splits = [one.split for one in images.images]
    fold = chosen_fold(groups, splits, folds=config.folds, fold=config.fold)
    if not fold.train or not fold.validation:
        raise LabelError(
            f"{len(fold.train)} images train and {len(fold.validation)} validate; needs some of "
            "each: fill the split column with train and valid, or set data.folds"
        )
    train = _with_more(images.chosen(fold.train), config)
    sides = Sides(train, images.chosen(fold.validation))
    others = [place for place, split in enumerate(splits) if split not in (None, "train", "valid")]
    _check(sides, images.chosen(others))
    return sides


def _with_more(train: ImageSet, config: DataConfig) -> ImageSet:
    """The images that train, and those of further manifests, by the same classes."""
    further = [
        one
        for path in config.more
        for one in read_image_set(path).of_classes(train.classes, source=path).images
    ]
    others = {one.split for one in further} - {None, "train"}
    if others:
        raise LabelError(
            f"data.more holds images of the split {', '.join(sorted(map(str, others)))}; all of "
            "them would train: name manifests of images to train on"
        )
    return ImageSet(train.classes, (*train.images, *further))


def _check(sides: Sides, others: ImageSet) -> None:
    """Raise LabelError for what would make a training wrong or its figures flatter.

    others: the images of further splits, which are there to be measured on
    """
    empty = [label for label, count in sides.train.count().items() if count == 0]
    if empty:
        raise LabelError(
            f"no box of {', '.join(empty)} to train on; label some, or name the other classes "
            "in data.classes"
        )
    if not any(sides.valid.count().values()):
        raise LabelError("no box to validate on: label some of the images that validate")
    refuse_unseen(sides.train, "the images that train")
    refuse_unseen(sides.valid, "the images that validate")
    for side, what in ((sides.valid, "validate"), (others, "are in another split")):
        shared = sorted(_keys(sides.train) & _keys(side))
        if shared:
            raise LabelError(
                f"{', '.join(shared[:3])}: train and {what} both; a whole group must be on one side"
            )
    refuse_made_of(sides.train, (*sides.valid.images, *others.images))
    for one in (*sides.train.images, *sides.valid.images):
        shown = still_size(one.path)
        if shown != one.size:
            raise LabelError(
                f"{one.path}: is displayed in {shown[0]}x{shown[1]} pixels, its labels are of "
                f"{one.size[0]}x{one.size[1]}: normalise the set again"
            )


def _keys(images: ImageSet) -> set[str]:
    """The files of a set, and the groups that somebody named."""
    files = {f"image {one.path.resolve()}" for one in images.images}
    named = {one.group for one in images.images if one.group != one.path.stem}
    return files | {f"group {name}" for name in named}


def training_images(images: ImageSet, config: DetectorConfig) -> TrainingImages:
    """The samples of a run; images are read into memory here, up to the limit."""
    largest = max(config.data.size) * config.augmentation.multi_scale[1]
    cache = ImageCache(
        [one.path for one in images.images],
        longest=round(ROOM * largest),
        limit=config.data.cache_megabytes * 750_000,
    )
    cut_paste = config.augmentation.cut_paste
    bank = None
    if cut_paste is not None:
        shown = (_shown(one, cache.read(k)) for k, one in enumerate(images.images))
        bank = CutoutBank(shown, cut_paste, seed=config.training.seed)
    return TrainingImages(
        images=images,
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


def _shown(one: LabelledImage, kept: NDArray[np.uint8]) -> Labelled:
    """A kept image with its boxes in its pixels, and their labels."""
    height, width = kept.shape[:2]
    factors = np.tile([width / one.size[0], height / one.size[1]], 2)
    return kept, one.boxes * factors, one.labels
