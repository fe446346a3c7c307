"""Precision-recall curves of instants, and the best F1 on them.

A hit is |Δt| ≤ tolerance / 2 in seconds; matching is that of `matching.py`. Predictions with the
same score are one point of the curve.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playhead.events.model import Event, VideoEvents
from playhead.metrics.alignment import align, check_tolerance
from playhead.metrics.matching import ScoredHits, scored_hits

__all__ = [
    "F1",
    "BestF1",
    "Curve",
    "best_f1",
    "hits_best_f1",
    "hits_curve",
    "precision_recall",
]


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Precision and recall of one class at every distinct score, the highest first.

    thresholds, precision, recall: float64 (N,), of predictions that score at least the threshold
    truths: number of ground truth events; if it is 0, recall is 0
    """

    thresholds: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    truths: int


@dataclass(frozen=True, slots=True)
class F1:
    """F1 at a threshold; the threshold is None if no prediction is a hit."""

    f1: float
    threshold: float | None
    precision: float
    recall: float


@dataclass(frozen=True, slots=True)
class BestF1:
    """The best F1 over all classes at one common threshold, and of each class at its own."""

    overall: F1
    per_class: dict[str, F1]


def precision_recall(
    truth: Sequence[VideoEvents],
    predictions: Sequence[VideoEvents],
    *,
    tolerance: float = 1.0,
    classes: Sequence[str] | None = None,
) -> dict[str, Curve]:
    """The curve of every class; tolerance is the width of the matching window in seconds."""
    by_class = _matched(truth, predictions, tolerance, classes)
    return {label: hits_curve(hits) for label, hits in by_class.items()}


def best_f1(
    truth: Sequence[VideoEvents],
    predictions: Sequence[VideoEvents],
    *,
    tolerance: float = 1.0,
    classes: Sequence[str] | None = None,
) -> BestF1:
    """F1 at the best threshold; tolerance is the width of the matching window in seconds.

    Overall, the hits and misses of all classes are pooled. Of thresholds with the same F1 the
    highest is returned.
    """
    by_class = _matched(truth, predictions, tolerance, classes)
    scores = np.concatenate([np.empty(0), *(matched.scores for matched in by_class.values())])
    hits = np.concatenate(
        [np.empty(0, dtype=bool), *(matched.hits for matched in by_class.values())]
    )
    order = np.argsort(-scores, kind="stable")
    pooled = ScoredHits(
        scores[order], hits[order], sum(matched.truths for matched in by_class.values())
    )
    return BestF1(
        hits_best_f1(pooled), {label: hits_best_f1(matched) for label, matched in by_class.items()}
    )


def _matched(
    truth: Sequence[VideoEvents],
    predictions: Sequence[VideoEvents],
    tolerance: float,
    classes: Sequence[str] | None,
) -> dict[str, ScoredHits]:
    aligned = align(truth, predictions, classes)
    reach = check_tolerance(tolerance) / 2

    def start(event: Event) -> float:
        return event.start

    return {label: scored_hits(aligned, label, start, reach) for label in aligned.classes}


def hits_curve(matched: ScoredHits) -> Curve:
    """The precision-recall curve of matched predictions."""
    last = np.flatnonzero(np.append(np.diff(matched.scores) != 0, True)[: len(matched.scores)])
    hits = np.cumsum(matched.hits)[last]
    precision = hits / (last + 1)
    recall = hits / max(matched.truths, 1)
    return Curve(matched.scores[last], precision, recall, matched.truths)


def hits_best_f1(matched: ScoredHits) -> F1:
    """F1 of matched predictions at the best threshold, the highest one in a tie."""
    curve = hits_curve(matched)
    if not matched.hits.any():
        return F1(f1=0.0, threshold=None, precision=0.0, recall=0.0)
    both = curve.precision + curve.recall
    f1 = 2 * curve.precision * curve.recall / np.where(both > 0, both, 1.0)
    best = int(np.argmax(f1))
    return F1(
        f1=float(f1[best]),
        threshold=float(curve.thresholds[best]),
        precision=float(curve.precision[best]),
        recall=float(curve.recall[best]),
    )
