"""Detection: how well boxes agree with true ones, counted as COCO does.

In each picture found boxes are matched in falling order of score, each to the free true box that it
overlaps most, if enough. Average precision is the mean of the precision envelope at 101 recalls.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes, iou

__all__ = ["DetectionResult", "average_precision", "detection_result"]

MAX_FOUND = 100
"""Boxes of a picture that count, the highest first, as in COCO."""

OVERLAPS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True, slots=True)
class DetectionResult:
    """Agreement for one class at one overlap; NaN where there is nothing to divide by.

    ap: average precision; precision, recall: of the boxes that count
    """

    ap: float
    precision: float
    recall: float
    tp: int
    fp: int
    fn: int


def detection_result(
    truth: Sequence[NDArray[np.floating]], found: Sequence[Boxes], *, overlap: float = 0.5
) -> DetectionResult:
    """Compare the boxes of one class, a picture an entry.

    truth: for each picture (N, 4) true boxes; found: for each picture what was found
    overlap: the least intersection over union of a match
    """
    hits, scores = [np.zeros(0, np.bool_)], [np.zeros(0, np.float32)]
    for true, seen in zip(truth, found, strict=True):
        best = seen.chosen(np.argsort(-seen.scores, kind="mergesort")[:MAX_FOUND])
        hits.append(_matched(true, best.boxes, overlap))
        scores.append(best.scores)
    order = np.argsort(-np.concatenate(scores), kind="mergesort")
    ranked = np.concatenate(hits)[order]
    total = sum(len(true) for true in truth)
    tp, fp = int(ranked.sum()), int((~ranked).sum())
    return DetectionResult(
        ap=_average_precision(ranked, total),
        precision=tp / (tp + fp) if tp + fp else float("nan"),
        recall=tp / total if total else float("nan"),
        tp=tp,
        fp=fp,
        fn=total - tp,
    )


def average_precision(truth: Sequence[NDArray[np.floating]], found: Sequence[Boxes]) -> float:
    """The mean of the average precisions at overlaps .5, .55 to .95, as COCO's main figure."""
    return float(np.mean([detection_result(truth, found, overlap=one).ap for one in OVERLAPS]))


def _matched(
    truth: NDArray[np.floating], found: NDArray[np.floating], overlap: float
) -> NDArray[np.bool_]:
    """Which found boxes, in falling order of score, take a true one."""
    shared = iou(found, truth)
    free = np.ones(len(truth), np.bool_)
    hits = np.zeros(len(found), np.bool_)
    for index in range(len(found)):
        candidates = np.where(free & (shared[index] >= overlap), shared[index], -1.0)
        if candidates.size and candidates.max() >= 0:
            hits[index] = True
            free[int(candidates.argmax())] = False
    return hits


def _average_precision(ranked: NDArray[np.bool_], total: int) -> float:
    if not total:
        return float("nan")
    tp = np.cumsum(ranked)
    precision = tp / np.arange(1, len(ranked) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(tp / total, RECALLS, side="left")
    reached = places < len(ranked)
    return float(
        np.where(reached, np.append(envelope, 0.0)[np.minimum(places, len(ranked))], 0).mean()
    )
