"""The data of a training run: labelled images, split into training and validation.

A training box of score 0 is an ignored region: a COCO crowd, or a box narrower than
`data.ignore_below`. Among the validation images only crowds have that score, since metrics treat
crowds and narrow boxes differently.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from playhead.detection.config import DataConfig, DetectorConfig
from playhead.detection.labels.read import read_image_set, refuse_unseen
from playhead.detection.leaks import refuse_made_of
from playhead.detection.sample_cache import ImageCache
from playhead.detection.samples import TrainingImages, training_labels
from playhead.detection.synthesis.cutouts import CutoutBank, Labelled
from playhead.errors import LabelError
from playhead.events.images import ImageSet, LabelledImage
from playhead.media.stills import still_size
from playhead.samples.folds import chosen_fold

__all__ = ["Sides", "count_boxes", "images_of", "split_images", "training_images"]

CACHE_SCALE = 1.5
"""Images are cached at up to this multiple of the input size, since augmentation enlarges some."""


@dataclass(frozen=True, slots=True)
class Sides:
    """The training and the validation images; a group is never in both."""

    train: ImageSet
    valid: ImageSet


def images_of(config: DataConfig) -> ImageSet:
    """Every image of the data set. Raises LabelError for classes that it does not have."""
    images = read_image_set(config.manifest, crowds=True)
    if config.classes is None:
        return images
    return images.of_classes(config.classes, source=config.manifest)


def split_images(config: DataConfig) -> Sides:
    """Split the set by its split column, or into folds of whole groups.

    Raises LabelError if a side is empty, a group is on both sides, or a class has no training box.
    """
    images = images_of(config)
    groups = [image.group for image in images.images]
    splits = [image.split for image in images.images]
    fold = chosen_fold(groups, splits, folds=config.folds, fold=config.fold)
    if not fold.train or not fold.validation:
        raise LabelError(
            f"the split gives {len(fold.train)} training and {len(fold.validation)} validation "
            "images, but both are needed: fill the split column with train and valid, or set "
            "data.folds"
        )
    train = _ignoring(_with_more(images.chosen(fold.train), config), config.ignore_below)
    sides = Sides(train, images.chosen(fold.validation))
    others = [k for k, split in enumerate(splits) if split not in (None, "train", "valid")]
    _check(sides, images.chosen(others), config.ignore_below)
    return sides


def count_boxes(images: ImageSet, *, min_width: float = 0) -> dict[str, int]:
    """The number of boxes of each class that are not ignored.

    min_width: in pixels; narrower boxes are ignored, and so are those of score 0
    """
    counts = np.zeros(len(images.classes), np.intp)
    for image in images.images:
        wide = image.boxes[:, 2] - image.boxes[:, 0] >= min_width
        np.add.at(counts, image.labels[wide & (image.scores > 0)], 1)
    return dict(zip(images.classes, counts.tolist(), strict=True))


def _ignoring(train: ImageSet, below: float) -> ImageSet:
    """The training images, with a score of 0 for boxes narrower than `below` pixels."""
    images = (
        replace(
            image,
            scores=np.where(
                image.boxes[:, 2] - image.boxes[:, 0] < below, np.float32(0), image.scores
            ),
        )
        for image in train.images
    )
    return ImageSet(train.classes, tuple(images))


def _with_more(train: ImageSet, config: DataConfig) -> ImageSet:
    """The training images and those of `data.more`, with the same classes."""
    further = [
        image
        for path in config.more
        for image in read_image_set(path, crowds=True).of_classes(train.classes, source=path).images
    ]
    others = {image.split for image in further} - {None, "train"}
    if others:
        raise LabelError(
            f"data.more has images of the split {', '.join(sorted(map(str, others)))}, but all of "
            "its images are used for training; give manifests of training images only"
        )
    return ImageSet(train.classes, (*train.images, *further))


def _check(sides: Sides, others: ImageSet, ignore_below: float) -> None:
    """Raise LabelError for data that would make the training useless or its metrics optimistic.

    others: the images of further splits, such as test
    """
    ignored = f" of at least {ignore_below:g} pixels (data.ignore_below)" if ignore_below else ""
    empty = [label for label, count in count_boxes(sides.train).items() if count == 0]
    if empty:
        raise LabelError(
            f"the training images have no box of {', '.join(empty)}{ignored}; label some, or list "
            "the other classes in data.classes"
        )
    if not any(count_boxes(sides.valid, min_width=ignore_below).values()):
        raise LabelError(f"the validation images have no box{ignored}; label some of them")
    refuse_unseen(sides.train, "the training images")
    refuse_unseen(sides.valid, "the validation images")
    for side, name in ((sides.valid, "validation"), (others, "another split")):
        shared = sorted(_keys(sides.train) & _keys(side))
        if shared:
            raise LabelError(
                f"{', '.join(shared[:3])}: in both training and {name}; put each whole group into "
                "one split"
            )
    refuse_made_of(sides.train, (*sides.valid.images, *others.images))
    for image in (*sides.train.images, *sides.valid.images):
        size = still_size(image.path)
        if size != image.size:
            raise LabelError(
                f"{image.path}: the image has {size[0]}x{size[1]} pixels, but its labels are for "
                f"{image.size[0]}x{image.size[1]}; normalise the set again"
            )


def _keys(images: ImageSet) -> set[str]:
    """The files of a set, and its groups other than an image's own name."""
    files = {f"image {image.path.resolve()}" for image in images.images}
    groups = {image.group for image in images.images if image.group != image.path.stem}
    return files | {f"group {name}" for name in groups}


def training_images(images: ImageSet, config: DetectorConfig) -> TrainingImages:
    """The training samples; fills the image cache, up to its limit."""
    largest = max(config.data.size) * config.augmentation.multi_scale[1]
    cache = ImageCache(
        [image.path for image in images.images],
        longest=round(CACHE_SCALE * largest),
        limit=config.data.cache_megabytes * 750_000,
    )
    cut_paste = config.augmentation.cut_paste
    bank = None
    if cut_paste is not None:
        labelled = (_as_cached(image, cache.read(k)) for k, image in enumerate(images.images))
        bank = CutoutBank(labelled, cut_paste, seed=config.training.seed)
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


def _as_cached(image: LabelledImage, pixels: NDArray[np.uint8]) -> Labelled:
    """A cached image, its boxes scaled to its pixels, and their labels; `IGNORED` for regions."""
    height, width = pixels.shape[:2]
    factors = np.tile([width / image.size[0], height / image.size[1]], 2)
    return pixels, image.boxes * factors, training_labels(image)
