"""Normalising: labels of several sources and formats become one set, every repair counted.

All labels of one image are merged; what is wrong is repaired where that is safe and left out where
it is not. The sources stay as they are: images are copied. The folder that is written is whole, or
it is not there.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from playhead.detection.labels.names import without_suffix
from playhead.detection.labels.yolo import check_classes
from playhead.detection.normalise.boxes import merge_boxes
from playhead.detection.normalise.config import NormaliseConfig
from playhead.detection.normalise.report import NormaliseReport, Repair
from playhead.detection.normalise.sources import (
    MergedImage,
    match_images,
    read_images,
    read_sources,
    unique_names,
)
from playhead.detection.normalise.split import assign_splits, group_of
from playhead.detection.normalise.warnings import warnings_of
from playhead.detection.normalise.write import check_out, write_normalised
from playhead.errors import LabelError
from playhead.events.images import ImageSet, LabelledImage

__all__ = ["normalise"]


def normalise(
    config: NormaliseConfig, out: Path, *, dry_run: bool = False, overwrite: bool = False
) -> NormaliseReport:
    """Make one set of the sources in the folder `out`; a dry run only reports what it would do.

    Raises ConfigError for an `out` that holds something else, or lies in a source; LabelError for a
    source without labels, a class that cannot be written, or where no image is left; StorageError
    where the disk refuses.
    """
    check_out(config, out, overwrite=overwrite)
    sources = read_sources(config, out)
    classes = config.classes or tuple(dict.fromkeys(c for one in sources for c in one.classes()))
    check_classes(classes)
    images = read_images(match_images(sources, config), config)
    made, files = _assembled(images, classes, config)
    warnings = warnings_of(config, made, sources, images)
    reports = [source.report for source in sources]
    if not made.images:
        raise LabelError(
            f"no image is left of {', '.join(report.name for report in reports)}: "
            f"{'; '.join(warnings) or 'their labels are empty'}"
        )
    if not made.classes:
        raise LabelError("no source has a box or names a class; name them with --classes")
    report = NormaliseReport(None if dry_run else out, made, reports, warnings)
    if not dry_run:
        write_normalised(report, files, out)
    return report


def _assembled(
    images: Sequence[MergedImage], classes: Sequence[str], config: NormaliseConfig
) -> tuple[ImageSet, list[Path]]:
    """The set, its paths those under `images`, and the file of each of its images."""
    boxes_of = {image.path: merge_boxes(image, config) for image in images}
    number = {name: place for place, name in enumerate(classes)}
    groups: dict[str, str] = {}
    made: dict[str, tuple[LabelledImage, Path]] = {}
    kept = [image for image in images if boxes_of[image.path] is not None]
    for name, image in unique_names(kept).items():
        boxes, labels = boxes_of[image.path] or (np.zeros((0, 4)), [])
        group = image.group or without_suffix(name)
        if config.group_by is not None:
            matched = group_of(without_suffix(image.name), config.group_by)
            if matched is None:
                image.source.report.add(Repair.NO_GROUP, str(image.path))
            group = matched or group
        labelled = LabelledImage(
            path=Path(name),
            size=image.size,
            boxes=boxes,
            labels=np.array([number[label] for label in labels], np.int32),
            scores=np.ones(len(labels), np.float32),
            # The same pixels under another name are in one group, or a split would leak.
            group=groups.setdefault(image.digest, group),
            split=image.given_split if config.split else image.given_split or image.split,
        )
        made[name] = labelled, image.path
    ordered = [made[name] for name in sorted(made)]
    assembled = ImageSet(tuple(number), tuple(labelled for labelled, _ in ordered))
    return _with_splits(assembled, config), [path for _, path in ordered]


def _with_splits(made: ImageSet, config: NormaliseConfig) -> ImageSet:
    """The set with a split for each image that has none: that of its group, or by the shares."""
    if not config.split:
        return made
    splits: dict[str, str] = {}
    for image in made.images:
        if image.split is not None:
            splits.setdefault(image.group, image.split)
    left = [image for image in made.images if image.group not in splits]
    if left:
        classes = len(made.classes)
        counts = np.array([np.bincount(image.labels, minlength=classes) for image in left])
        groups = [image.group for image in left]
        shares = assign_splits(groups, counts.reshape(-1, classes), config.shares(), config.seed)
        splits |= dict(zip(groups, shares, strict=True))
    images = (replace(one, split=one.split or splits[one.group]) for one in made.images)
    return ImageSet(made.classes, tuple(images))
