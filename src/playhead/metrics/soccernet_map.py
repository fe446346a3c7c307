"""SoccerNet mAP: average precision of instants as the public evaluator, version 0.2.0, computes it.

A hit is |Δt| ≤ tolerance / 2. Ground truth events in order of time each take the highest-scoring
unused prediction in range; precision and recall are computed at 200 thresholds from 0 to 1; average
precision is the mean of 11 points; the mean is over all classes, with 0 for those without ground
truth.
"""

import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playhead.events.model import Event, VideoEvents
from playhead.metrics.alignment import Pair, align, check_rate, check_tolerance

__all__ = ["LOOSE", "TIGHT", "SoccernetMap", "map_at", "soccernet_map"]

TIGHT = (1.0, 2.0, 3.0, 4.0, 5.0)
LOOSE = tuple(float(tolerance) for tolerance in range(5, 61, 5))

_THRESHOLDS = np.linspace(0, 1, 200)
_RECALLS = np.arange(11) / 10
_LONGEST = 2 * 60 * 60  # seconds: the limit of the public evaluator


@dataclass(frozen=True, slots=True, eq=False)
class SoccernetMap:
    """Average precision for each tolerance and class.

    tolerances: D widths of the matching window in seconds; ap: float64 (D, C)
    """

    tolerances: tuple[float, ...]
    classes: tuple[str, ...]
    ap: NDArray[np.float64]

    def map_at(self, tolerance: float) -> float:
        """The mean over the classes at one of the tolerances."""
        return float(np.mean(self.ap[self.tolerances.index(tolerance)])) if self.classes else 0.0

    def average(self, tolerances: Sequence[float] | None = None) -> float:
        """The mean over the classes, averaged over tolerances by trapezoid (all by default)."""
        return float(np.mean(self._average(tolerances))) if self.classes else 0.0

    def average_per_class(self, tolerances: Sequence[float] | None = None) -> dict[str, float]:
        """As `average`, for each class."""
        values = self._average(tolerances)
        return {label: float(ap) for label, ap in zip(self.classes, values, strict=True)}

    def per_class(self, tolerance: float) -> dict[str, float]:
        """Average precision of each class at one of the tolerances."""
        values = self.ap[self.tolerances.index(tolerance)]
        return {label: float(ap) for label, ap in zip(self.classes, values, strict=True)}

    def _average(self, tolerances: Sequence[float] | None) -> NDArray[np.float64]:
        chosen = self.tolerances if tolerances is None else tolerances
        ap = self.ap[[self.tolerances.index(tolerance) for tolerance in chosen]]
        # Steps have equal weights whatever their width, as in the public evaluator.
        steps = ap if len(ap) == 1 else (ap[1:] + ap[:-1]) / 2
        return np.asarray(np.mean(steps, axis=0), np.float64)


def soccernet_map(
    truth: Sequence[VideoEvents],
    predictions: Sequence[VideoEvents],
    *,
    rate: int,
    tolerances: Sequence[float] = TIGHT,
    classes: Sequence[str] | None = None,
    longest_seconds: float | None = _LONGEST,
) -> SoccernetMap:
    """Average precision of instants, equal to the public SoccerNet evaluator 0.2.0.

    tolerances: widths of the matching window in seconds
    rate: whole frames per second
    longest_seconds: later events count at the last frame before it; None for no limit

    A video is what the evaluator calls a half. Its quirks are kept: `start` is rounded to
    milliseconds and the event is at frame `int(rate * (ms / 1000))`, whatever its `frame`; of two
    predictions of a class on one frame the last counts; two true events of a class on one frame are
    one; a prediction with a score below 0 is ignored.

    Raises LabelError for an event of a class that is not scored (by default those that `truth`
    declares), or predictions for a video without ground truth; PlayheadError if the rate is not
    whole.
    """
    rate = check_rate(rate)
    widths = tuple(float(check_tolerance(tolerance)) for tolerance in tolerances)
    aligned = align(truth, predictions, classes)
    last = None if longest_seconds is None else int(longest_seconds * rate) - 1
    columns = []
    for label in aligned.classes:
        halves = [_half(pair, label, rate, last) for pair in aligned.pairs]
        columns.append([_average_precision(halves, _reach(width, rate)) for width in widths])
    ap = np.array(columns, np.float64).reshape(len(aligned.classes), len(widths)).T
    return SoccernetMap(widths, aligned.classes, ap)


def map_at(
    truth: Sequence[VideoEvents],
    predictions: Sequence[VideoEvents],
    tolerance: float,
    *,
    rate: int = 25,
    classes: Sequence[str] | None = None,
) -> float:
    """SoccerNet mAP at one tolerance in seconds, without a limit on the length of videos."""
    result = soccernet_map(
        truth,
        predictions,
        rate=rate,
        tolerances=[tolerance],
        classes=classes,
        longest_seconds=None,
    )
    return result.map_at(float(tolerance))


@dataclass(frozen=True, slots=True)
class _Half:
    """One class of one video: true frames, and predictions sorted by frame with their ranks."""

    truth: NDArray[np.int64]
    frames: NDArray[np.int64]
    scores: NDArray[np.float64]
    order: list[int]  # positions, the highest score first, ties in order of time
    rank: list[int]  # the inverse of order


def _half(pair: Pair, label: str, rate: int, last: int | None) -> _Half:
    truth = sorted({_frame(event, rate, last) for event in _of(label, pair.truth)})
    scored = {_frame(event, rate, last): event.score for event in _of(label, pair.predictions)}
    kept = sorted((frame, score) for frame, score in scored.items() if score >= 0)
    scores = np.array([score for _, score in kept], np.float64)
    order = np.argsort(-scores, kind="stable")
    return _Half(
        truth=np.array(truth, np.int64),
        frames=np.array([frame for frame, _ in kept], np.int64),
        scores=scores,
        order=order.tolist(),
        rank=np.argsort(order).tolist(),
    )


def _of(label: str, events: Iterable[Event]) -> Iterable[Event]:
    return (event for event in events if event.label == label)


def _frame(event: Event, rate: int, last: int | None) -> int:
    frame = int(rate * (round(event.start * 1000) / 1000))
    return frame if last is None else min(frame, last)


def _reach(width: float, rate: int) -> int:
    # Frames are whole, and 0.28 s times 25 must not be less than 7 by rounding.
    return math.floor(round(width * rate, 9) / 2)


def _average_precision(halves: Sequence[_Half], reach: int) -> float:
    truths = sum(len(half.truth) for half in halves)
    scores = np.concatenate([np.empty(0), *(half.scores for half in halves)])
    if not truths or not len(scores):
        return 0.0
    hits = np.concatenate([_hits(half, reach) for half in halves])
    order = np.argsort(scores)
    # The number of predictions, and of hits among them, at or above each threshold.
    below = np.searchsorted(scores[order], _THRESHOLDS, side="left")
    above = len(scores) - below
    hit = np.concatenate([[0], np.cumsum(hits[order][::-1])])[above]
    precision = hit / np.maximum(above, 1)
    recall = hit / truths
    reached = recall[None, :] >= _RECALLS[:, None]
    return float(np.mean(np.max(np.where(reached, precision, 0.0), axis=1)))


def _hits(half: _Half, reach: int) -> NDArray[np.bool_]:
    """Which predictions are hits: bool (P,).

    The window of the events only moves forward, so each prediction enters a heap, ordered by score,
    once.
    """
    hits = np.zeros(len(half.frames), dtype=bool)
    starts = np.searchsorted(half.frames, half.truth - reach, side="left").tolist()
    stops = np.searchsorted(half.frames, half.truth + reach, side="right").tolist()
    waiting: list[int] = []
    arrived = 0
    for start, stop in zip(starts, stops, strict=True):
        for position in range(max(arrived, start), stop):
            heapq.heappush(waiting, half.rank[position])
        arrived = max(arrived, stop)
        while waiting and half.order[waiting[0]] < start:
            heapq.heappop(waiting)
        if waiting:
            hits[half.order[heapq.heappop(waiting)]] = True
    return hits
