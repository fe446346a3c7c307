"""Ensembles: the mean scores of several models, folds or flips on the same video."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from playhead.errors import PlayheadError

__all__ = ["check_weights", "mean_scores"]


def mean_scores(
    values: Sequence[NDArray[np.float32]],
    weights: Sequence[float] | None = None,
    *,
    times: Sequence[NDArray[np.float64]] | None = None,
    classes: Sequence[Sequence[str]] | None = None,
) -> NDArray[np.float32]:
    """The weighted mean of scores on one time grid → (T, C) float32.

    values: (T, C) per model
    weights: one per model, equal by default; only their ratios count
    times, classes: the grid and class names of each model, checked for equality if given
    NaN scores (no prediction) are ignored; where all models have NaN, the mean is NaN.

    Raises PlayheadError for shapes, grids or classes that differ, and for weights that are
    negative, not finite or all 0.
    """
    if not values:
        raise PlayheadError("an ensemble needs the scores of at least one model, got none")
    arrays = [np.asarray(scores) for scores in values]
    for number, scores in enumerate(arrays):
        if scores.ndim != 2 or scores.shape != arrays[0].shape:
            raise PlayheadError(
                f"scores of model {number} have shape {scores.shape}, those of model 0 "
                f"{arrays[0].shape}; an ensemble needs the same (points, classes) for all"
            )
    _check_grids(arrays[0].shape[0], times, len(arrays))
    _check_classes(arrays[0].shape[1], classes, len(arrays))
    shares = check_weights(weights, len(arrays))
    total = np.zeros(arrays[0].shape)
    weight = np.zeros(arrays[0].shape)
    for scores, share in zip(arrays, shares, strict=True):
        known = ~np.isnan(scores)
        total += np.where(known, scores, 0.0) * share
        weight += known * share
    mean = np.where(weight > 0, total / np.where(weight > 0, weight, 1.0), np.nan)
    return mean.astype(np.float32)


def check_weights(
    weights: Sequence[float] | None, models: int, *, positive: bool = False
) -> NDArray[np.float64]:
    """The weights of a number of models, equal ones if None → (models,) float64.

    positive: refuse 0, which is else a model that does not count
    Raises PlayheadError if they are not as many, or not finite, or negative, or all 0.
    """
    shares = np.ones(models) if weights is None else np.asarray(weights, np.float64)
    valid = shares.shape == (models,) and np.all(np.isfinite(shares)) and np.all(shares >= 0)
    if not valid or not shares.sum() > 0 or (positive and not np.all(shares > 0)):
        needed = "above 0" if positive else "of 0 or more, one of them above 0"
        raise PlayheadError(f"{models} models need as many weights {needed}, got {weights}")
    return shares


def _check_grids(points: int, times: Sequence[NDArray[np.float64]] | None, models: int) -> None:
    if times is None:
        return
    if len(times) != models:
        raise PlayheadError(f"{models} models need as many time grids, got {len(times)}")
    for number, grid in enumerate(times):
        if grid.shape != (points,) or not np.allclose(grid, times[0], rtol=0, atol=1e-6):
            raise PlayheadError(
                f"the scores of model {number} have another time grid than those of model 0; "
                "predict both at the same rate"
            )


def _check_classes(count: int, classes: Sequence[Sequence[str]] | None, models: int) -> None:
    if classes is None:
        return
    if len(classes) != models:
        raise PlayheadError(f"{models} models need as many lists of classes, got {len(classes)}")
    for number, names in enumerate(classes):
        if len(names) != count or tuple(names) != tuple(classes[0]):
            raise PlayheadError(
                f"model {number} scores the classes {', '.join(names)}, model 0 "
                f"{', '.join(classes[0])}; an ensemble needs the same {count} in the same order"
            )
