"""Bootstrap confidence intervals of a detector's AP, and of the difference of two detectors.

Whole groups of images are resampled, since images of a group resemble each other. Two detectors are
compared on the same resamples, which makes the interval of their difference narrower.
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
"""The row of the means over the classes."""

FIGURES = ("ap50", "ap50_95")

Intervals = dict[str, dict[str, Interval]]
"""By class, and for `all`: the intervals of ap50 and ap50_95; NaN where undefined."""


def image_intervals(
    truth: ImageSet,
    predictions: ImageSet,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    ignore_below: float = 0,
) -> Intervals:
    """The percentile interval of each AP; both sets list the same images in one order.

    ignore_below: narrower boxes are ignored, in pixels of the image
    A resample without a true box of a class is ignored for that class. Raises PlayheadError for
    fewer than two groups, LabelError for sets of other images or classes.
    """
    measured = measure_classes(truth, predictions, min_width=ignore_below)
    figures = partial(_figures, measured)
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
    ignore_below: float = 0,
) -> Intervals:
    """The AP of `predictions` minus that of `others`, with its interval.

    If the interval excludes 0, one of them is better on images like these.
    Raises as `image_intervals` does.
    """
    first, second = (
        measure_classes(truth, compared, min_width=ignore_below)
        for compared in (predictions, others)
    )

    def difference(times: NDArray[np.integer]) -> NDArray[np.float64]:
        return _figures(first, times) - _figures(second, times)

    drawn = np.array([difference(times) for times in _draws(truth, resamples, level, seed)])
    return _intervals(truth.classes, difference(_once(truth)), drawn, level)


def _once(truth: ImageSet) -> NDArray[np.intp]:
    return np.ones(len(truth), np.intp)


def _draws(truth: ImageSet, resamples: int, level: float, seed: int) -> Iterator[NDArray[np.intp]]:
    """For each resample, how often each image is drawn: as often as its group."""
    groups = {name: n for n, name in enumerate(dict.fromkeys(p.group for p in truth.images))}
    if len(groups) < 2 or resamples < 1 or not 0 < level < 1:
        raise PlayheadError(
            f"got {len(groups)} groups of images, {resamples} resamples and level {level}; "
            "intervals need at least 2 groups, 1 resample and a level between 0 and 1"
        )
    member = np.array([groups[image.group] for image in truth.images])
    rng = np.random.default_rng(seed)
    for _ in range(resamples):
        times = np.bincount(rng.integers(0, len(groups), len(groups)), minlength=len(groups))
        yield times[member]


def _figures(
    measured: Mapping[str, ClassDetection], times: NDArray[np.integer]
) -> NDArray[np.float64]:
    """AP50 and AP50-95 of each class and of their mean, (classes + 1, 2), NaN where undefined."""
    ap = np.array([resampled_ap(of_class, times) for of_class in measured.values()])
    rows = np.stack([ap[:, 0], ap.mean(axis=1)], axis=1)
    known = rows[~np.isnan(rows[:, 0])]
    mean = known.mean(axis=0) if len(known) else np.full(2, np.nan)
    return np.concatenate([rows, mean[None]])


def _intervals(
    classes: Sequence[str], whole: NDArray[np.float64], drawn: NDArray[np.float64], level: float
) -> Intervals:
    """whole: (classes + 1, 2); drawn: (resamples, classes + 1, 2)."""
    return {
        name: {
            figure: _interval(whole[row, column], drawn[:, row, column], level)
            for column, figure in enumerate(FIGURES)
        }
        for row, name in enumerate((*classes, ALL))
    }


def _interval(value: np.float64, drawn: NDArray[np.float64], level: float) -> Interval:
    known = drawn[~np.isnan(drawn)]
    if not len(known):
        return Interval(float(value), float("nan"), float("nan"), level)
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(value), float(low), float(high), level)
