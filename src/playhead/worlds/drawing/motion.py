"""Movement: anything sampled at short, even steps of time, asked for at any instant."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["STEP", "at_times"]

STEP = 0.02
"""Seconds between the samples of a movement."""

Floats = NDArray[np.float64]


def at_times(values: Floats, start: float, times: Any) -> Floats:
    """Linear interpolation of `values` (M, ...), sampled every STEP from `start` on, at `times`."""
    steps = np.clip((np.asarray(times) - start) / STEP, 0, len(values) - 1.000001)
    index = steps.astype(np.int64)
    part = (steps - index).reshape(steps.shape + (1,) * (values.ndim - 1))
    between: Floats = values[index] * (1 - part) + values[index + 1] * part
    return between
