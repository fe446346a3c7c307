"""Thresholds: the score from which a class is believed, chosen from what was matched with truth.

A threshold that leaves the same boxes as another does the same; of those, the one with the fewest
decimals is given, so that it can be read and copied. Scores are compared in single precision, as
detectors give them.
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


def at_threshold(found: ScoredHits, threshold: float) -> F1:
    """What the predictions that score at least `threshold` achieve; 0 where nothing does."""
    made = int(np.count_nonzero(found.scores.astype(np.float32) >= np.float32(threshold)))
    tp = int(found.hits[:made].sum())
    return F1(
        f1=2 * tp / (made + found.truths) if tp else 0.0,
        threshold=threshold,
        precision=tp / made if made else 0.0,
        recall=tp / found.truths if found.truths else 0.0,
    )


def best_f1_threshold(found: ScoredHits) -> F1:
    """The best F1; its threshold is None where nothing is a hit."""
    best = hits_best_f1(found)
    return best if best.threshold is None else _plain(found, best.threshold)


def threshold_of_precision(found: ScoredHits, precision: float) -> F1 | None:
    """The lowest threshold with at least this precision; None where none has it.

    Raises ValueError for a precision outside (0, 1].
    """
    curve = hits_curve(found)
    enough = np.flatnonzero(curve.precision >= _share(precision))
    return _plain(found, float(curve.thresholds[enough[-1]])) if len(enough) else None


def threshold_of_recall(found: ScoredHits, recall: float) -> F1 | None:
    """The highest threshold with at least this recall; None where none has it.

    Raises ValueError for a recall outside (0, 1].
    """
    curve = hits_curve(found)
    enough = np.flatnonzero(curve.recall >= _share(recall))
    return _plain(found, float(curve.thresholds[enough[0]])) if len(enough) else None


def f1_of(curve: Curve) -> NDArray[np.float64]:
    """F1 at each threshold of a curve."""
    both = curve.precision + curve.recall
    f1: NDArray[np.float64] = 2 * curve.precision * curve.recall / np.where(both > 0, both, 1.0)
    return f1


def _plain(found: ScoredHits, score: float) -> F1:
    """The figures at a score, under the plainest threshold that leaves the same predictions."""
    scores, exact = found.scores.astype(np.float32), np.float32(score)
    below = scores[scores < exact].max(initial=np.float32(0))
    for decimals in range(1, 8):
        step = Decimal(1).scaleb(-decimals)
        rounded = float(Decimal(str(exact)).quantize(step, ROUND_FLOOR))
        if below < np.float32(rounded) <= exact:
            return at_threshold(found, rounded)
    return at_threshold(found, score)


def _share(value: float) -> float:
    if not 0 < value <= 1:
        raise ValueError(f"a share above 0 and at most 1 is needed, got {value}")
    return value
