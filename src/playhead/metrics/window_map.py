"""Window mAP: average precision of scores on windows, before peaks; selects the best epoch."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["window_map"]


def window_map(scores: NDArray[np.float32], targets: NDArray[np.float32]) -> float:
    """Mean average precision over the classes with a positive window; 0 if there are none.

    scores, targets: (windows, classes); a target of at least 0.5 is positive
    Average precision is the mean over the positives of the precision at each; windows with equal
    scores share the last rank of them.
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
