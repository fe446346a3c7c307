"""Prepared clips as a network sees them: the part of each, and the split of their table."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.episodes.features.table import FeatureRow, Features, Part, part_of
from playhead.episodes.network.plan import COLUMNS_PER_SECOND, BoundaryClipPlan
from playhead.errors import LabelError
from playhead.samples.folds import chosen_fold

__all__ = ["NAMES", "clip_part", "seen_part", "split_clips"]

NAMES: dict[Part, str] = {"start": "opening", "end": "ending"}
"""What the boundary of a clip belongs to: where the opening ends, or the ending starts."""


def clip_part(name: str) -> Part:
    """`start` or `end` by the end of a clip's name. Raises LabelError for any other name."""
    part = part_of(name)
    if part is None:
        raise LabelError(f"{name}: the name of a clip must end in _start or _end")
    return part


def split_clips(
    rows: Sequence[FeatureRow], *, folds: int | None, fold: int
) -> tuple[list[FeatureRow], list[FeatureRow]]:
    """The labelled clips for training and for validation, whole series each; see `chosen_fold`.

    Raises LabelError if a side has no boundary, or a series is on both.
    """
    rows = [row for row in rows if row.labelled]
    chosen = chosen_fold(
        [row.group for row in rows], [row.split for row in rows], folds=folds, fold=fold
    )
    sides = [rows[i] for i in chosen.train], [rows[i] for i in chosen.validation]
    counts = [sum(row.label is not None for row in side) for side in sides]
    if not all(counts):
        raise LabelError(
            f"the table has {counts[0]} training and {counts[1]} validation clips with a boundary, "
            "but both are needed: fill its split column with train and valid, or set data.folds"
        )
    return sides


def seen_part(
    clip: Features, plan: BoundaryClipPlan, part: Part
) -> tuple[dict[str, NDArray[Any]], int]:
    """The inputs of a network of `plan` without the batch, and the second at which they start.

    Of a clip that is longer than the plan, the first seconds are seen, or the last of an `end`; a
    shorter one is followed by silence and black.
    """
    spare = int(clip.seconds) - plan.seconds
    start = max(0, spare) if part == "end" else 0
    column = round(start * COLUMNS_PER_SECOND)
    arrays: dict[str, NDArray[Any]] = {}
    for name in plan.inputs:
        match name:
            case "sound":
                cut = clip.mfcc[:, column : column + plan.columns]
                arrays[name] = np.pad(cut, ((0, 0), (0, plan.columns - cut.shape[1])))
            case "frames":
                arrays[name] = _filled(clip.frames[start : start + plan.seconds], plan.seconds)
            case "text":
                masks = clip.text[start : start + plan.seconds].astype(np.uint8)
                arrays[name] = _filled(masks, plan.seconds)
    return arrays, start


def _filled(images: NDArray[np.uint8], length: int) -> NDArray[np.uint8]:
    missing = length - len(images)
    return np.pad(images, ((0, missing), *((0, 0),) * (images.ndim - 1)))
