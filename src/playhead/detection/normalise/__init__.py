"""Normalisation: merge label sources of any format into one data set, and count every repair.

All labels of an image are merged; problems are repaired if that is safe, else the labels are left
out. The sources are not changed: images are copied. The output folder is written whole or not at
all.
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
from playhead.detection.normalise.warnings import warnings_of
from playhead.detection.normalise.write import check_out, write_normalised
from playhead.errors import LabelError
from playhead.events.images import ImageSet, LabelledImage
from playhead.samples.splits import assign_splits, group_of

__all__ = ["normalise"]


def normalise(
    config: NormaliseConfig, out: Path, *, dry_run: bool = False, overwrite: bool = False
) -> NormaliseReport:
    """Merge the sources into a data set in the folder `out`; a dry run only reports.

    Raises ConfigError for an `out` with other content or inside a source; LabelError for a source
    without labels, a class name that cannot be written, or if no image is left; StorageError if
    writing fails.
    """
    check_out(config, out, overwrite=overwrite)
    sources = read_sources(config, out)
    classes = config.classes or tuple(
        dict.fromkeys(name for source in sources for name in source.classes())
    )
    check_classes(classes)
    merged = read_images(match_images(sources, config), config)
    images, files = _assembled(merged, classes, config)
    warnings = warnings_of(config, images, sources, merged)
    reports = [source.report for source in sources]
    if not images.images:
        raise LabelError(
            f"no image is left of {', '.join(report.name for report in reports)}: "
            f"{'; '.join(warnings) or 'their labels are empty'}"
        )
    if not images.classes:
        raise LabelError("no source has a box or a class name; give the classes with --classes")
    report = NormaliseReport(None if dry_run else out, images, reports, warnings)
    if not dry_run:
        write_normalised(report, files, out)
    return report


def _assembled(
    images: Sequence[MergedImage], classes: Sequence[str], config: NormaliseConfig
) -> tuple[ImageSet, list[Path]]:
    """The set, with paths relative to its folder `images`, and the source file of each image."""
    boxes_of = {image.path: merge_boxes(image, config) for image in images}
    number = {name: k for k, name in enumerate(classes)}
    groups: dict[str, str] = {}
    by_name: dict[str, tuple[LabelledImage, Path]] = {}
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
            # Copies under other names are in one group, or a split would leak.
            group=groups.setdefault(image.digest, group),
            split=image.given_split if config.split else image.given_split or image.split,
        )
        by_name[name] = labelled, image.path
    ordered = [by_name[name] for name in sorted(by_name)]
    assembled = ImageSet(tuple(number), tuple(labelled for labelled, _ in ordered))
    return _with_splits(assembled, config), [path for _, path in ordered]


def _with_splits(unsplit: ImageSet, config: NormaliseConfig) -> ImageSet:
    """The set with a split for each image without one: that of its group, or by the shares."""
    if not config.split:
        return unsplit
    splits: dict[str, str] = {}
    for image in unsplit.images:
        if image.split is not None:
            splits.setdefault(image.group, image.split)
    left = [image for image in unsplit.images if image.group not in splits]
    if left:
        classes = len(unsplit.classes)
        counts = np.array([np.bincount(image.labels, minlength=classes) for image in left])
        groups = [image.group for image in left]
        shares = assign_splits(groups, counts.reshape(-1, classes), config.shares(), config.seed)
        splits |= dict(zip(groups, shares, strict=True))
    images = (replace(image, split=image.split or splits[image.group]) for image in unsplit.images)
    return ImageSet(unsplit.classes, tuple(images))
