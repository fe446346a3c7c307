"""Intervals: how far the figures of a detector would move with other images of the same kind.

Whole groups of images are drawn with replacement, since images of a group resemble each other.
Two detectors are compared on the same draws: their difference moves less than either of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from playhead.errors import PlayheadError
from playhead.events.images import ImageSet
from playhead.metrics.bootstrap import Interval
from playhead.metrics.detection import ClassDetection, measure_classes, resampled_ap

__all__ = ["ALL", "Intervals", "image_differences", "image_intervals"]

ALL = "all"
"""The name of the mean over the classes."""

FIGURES = ("ap50", "ap50_95")

Intervals = dict[str, dict[str, Interval]]
"""By class, and for `all` of them, those of ap50 and ap50_95; NaN where nothing is known."""


def image_intervals(
    truth: ImageSet,
    predictions: ImageSet,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Intervals:
    """The percentile interval of each figure; both sets hold the same images in one order.

    A draw without any box of a class says nothing about it. Raises PlayheadError for fewer than two
    groups, LabelError for sets that do not belong together.
    """
    figures = partial(_figures, measure_classes(truth, predictions))
    draws = _draws(truth, resamples, level, seed)
    drawn = np.array([figures(times) for times in draws])
    return _intervals(truth.classes, figures(_once(truth)), drawn, level)


def image_differences(
    truth: ImageSet,
    predictions: ImageSet,
    others: ImageSet,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Intervals:
    """How much higher each figure of `predictions` is than that of `others`, with its interval.

    An interval without 0 says that the one is better than the other, on images like these.
    Raises as `image_intervals` does.
    """
    both = [measure_classes(truth, found) for found in (predictions, others)]

    def difference(times: NDArray[np.integer]) -> NDArray[np.float64]:
        first, second = (_figures(one, times) for one in both)
        return first - second

    drawn = np.array([difference(times) for times in _draws(truth, resamples, level, seed)])
    return _intervals(truth.classes, difference(_once(truth)), drawn, level)


def _once(truth: ImageSet) -> NDArray[np.intp]:
    return np.ones(len(truth), np.intp)


def _draws(truth: ImageSet, resamples: int, level: float, seed: int) -> Iterator[NDArray[np.intp]]:
    """For each resample how often each image is drawn: with its group, as often as that."""
    groups = {name: n for n, name in enumerate(dict.fromkeys(p.group for p in truth.images))}
    if len(groups) < 2 or resamples < 1 or not 0 < level < 1:
        raise PlayheadError(
            "intervals need at least 2 groups of images, 1 resample and a level between 0 and 1, "
            f"got {len(groups)} groups, {resamples} resamples and level {level}"
        )
    member = np.array([groups[image.group] for image in truth.images])
    rng = np.random.default_rng(seed)
    for _ in range(resamples):
        times = np.bincount(rng.integers(0, len(groups), len(groups)), minlength=len(groups))
        yield times[member]


def _figures(
    measured: Mapping[str, ClassDetection], times: NDArray[np.integer]
) -> NDArray[np.float64]:
    """AP50 and AP50-95 of each class and of their mean, (classes + 1, 2), NaN where unknown."""
    found = np.array([resampled_ap(one, times) for one in measured.values()])
    rows = np.stack([found[:, 0], found.mean(axis=1)], axis=1)
    known = rows[~np.isnan(rows[:, 0])]
    mean = known.mean(axis=0) if len(known) else np.full(2, np.nan)
    return np.concatenate([rows, mean[None]])


def _intervals(
    classes: Sequence[str], whole: NDArray[np.float64], drawn: NDArray[np.float64], level: float
) -> Intervals:
    """whole: (classes + 1, 2); drawn: (resamples, classes + 1, 2)."""
    return {
        name: {
            figure: _interval(whole[place, column], drawn[:, place, column], level)
            for column, figure in enumerate(FIGURES)
        }
        for place, name in enumerate((*classes, ALL))
    }


def _interval(value: np.float64, drawn: NDArray[np.float64], level: float) -> Interval:
    known = drawn[~np.isnan(drawn)]
    if not len(known):
        return Interval(float(value), float("nan"), float("nan"), level)
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(value), float(low), float(high), level)
