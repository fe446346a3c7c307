"""Confidence thresholds, chosen on predictions that were matched with ground truth.

Of thresholds that keep the same boxes, the one with the fewest decimals is returned, so that it is
easy to read and copy. Scores are compared in single precision, as in detectors.
"""

from decimal import ROUND_FLOOR, Decimal

import numpy as np
from numpy.typing import NDArray

from playhead.metrics.curves import F1, Curve, hits_best_f1, hits_curve
from playhead.metrics.matching import ScoredHits

__all__ = [
    "at_threshold",
    "best_f1_threshold",
    "f1_of",
    "threshold_of_precision",
    "threshold_of_recall",
]


def at_threshold(matched: ScoredHits, threshold: float) -> F1:
    """Precision, recall and F1 of the predictions that score at least `threshold`."""
    kept = int(np.count_nonzero(matched.scores.astype(np.float32) >= np.float32(threshold)))
    tp = int(matched.hits[:kept].sum())
    return F1(
        f1=2 * tp / (kept + matched.truths) if tp else 0.0,
        threshold=threshold,
        precision=tp / kept if kept else 0.0,
        recall=tp / matched.truths if matched.truths else 0.0,
    )


def best_f1_threshold(matched: ScoredHits) -> F1:
    """The best F1; its threshold is None if there are no hits."""
    best = hits_best_f1(matched)
    return best if best.threshold is None else _plain(matched, best.threshold)


def threshold_of_precision(matched: ScoredHits, precision: float) -> F1 | None:
    """The lowest threshold with at least this precision; None if there is none.

    Raises ValueError for a precision outside (0, 1].
    """
    curve = hits_curve(matched)
    enough = np.flatnonzero(curve.precision >= _share(precision))
    return _plain(matched, float(curve.thresholds[enough[-1]])) if len(enough) else None


def threshold_of_recall(matched: ScoredHits, recall: float) -> F1 | None:
    """The highest threshold with at least this recall; None if there is none.

    Raises ValueError for a recall outside (0, 1].
    """
    curve = hits_curve(matched)
    enough = np.flatnonzero(curve.recall >= _share(recall))
    return _plain(matched, float(curve.thresholds[enough[0]])) if len(enough) else None


def f1_of(curve: Curve) -> NDArray[np.float64]:
    """F1 at each threshold of a curve."""
    both = curve.precision + curve.recall
    f1: NDArray[np.float64] = 2 * curve.precision * curve.recall / np.where(both > 0, both, 1.0)
    return f1


def _plain(matched: ScoredHits, score: float) -> F1:
    """F1 at a score, with the shortest decimal threshold that keeps the same predictions."""
    scores, exact = matched.scores.astype(np.float32), np.float32(score)
    below = scores[scores < exact].max(initial=np.float32(0))
    for decimals in range(1, 8):
        step = Decimal(1).scaleb(-decimals)
        rounded = float(Decimal(str(exact)).quantize(step, ROUND_FLOOR))
        if below < np.float32(rounded) <= exact:
            return at_threshold(matched, rounded)
    return at_threshold(matched, score)


def _share(value: float) -> float:
    if not 0 < value <= 1:
        raise ValueError(f"got {value}; a share above 0 and at most 1 is needed")
    return value
