"""Window mAP: how well scores rank windows, before any peak; it picks the best epoch."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["window_map"]


def window_map(scores: NDArray[np.float32], targets: NDArray[np.float32]) -> float:
    """The mean over the classes that any window has of the average precision of their ranking.

    scores, targets: (windows, classes); a target of at least .5 counts. Average precision is the
    mean, over the positives, of the precision at each; windows of one score share the rank of the
    last of them. 0 where no class has any.
    """
    values = [
        _average_precision(scores[:, column], targets[:, column] >= 0.5)
        for column in range(targets.shape[1])
        if (targets[:, column] >= 0.5).any()
    ]
    return float(np.mean(values)) if values else 0.0


def _average_precision(scores: NDArray[np.float32], positive: NDArray[np.bool_]) -> float:
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(positive[order])
    last = np.searchsorted(-ranked, -ranked, side="right") - 1
    precision = hits[last] / (last + 1)
    return float(precision[positive[order]].mean())
