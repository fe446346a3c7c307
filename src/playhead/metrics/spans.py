"""Spans: precision, recall, boundary errors, and the time that would be skipped by mistake.

Per kind, predicted and true spans are matched one to one so that the number of hits is the largest,
and among those matchings the sum of their overlaps. A wrong skip costs more than a missed one, so
the predicted time that lies in no true span is counted apart, in seconds per hour of video.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from playhead.errors import LabelError
from playhead.events.model import Event, VideoEvents

__all__ = [
    "BoundaryErrors",
    "SpanCounts",
    "SpanEvaluation",
    "SpanResult",
    "evaluate_spans",
    "match_spans",
]

MIN_IOU = 0.5
BOUNDARY_SECONDS = 0.5
_ROUNDING = 1e-6
"""Seconds: 10.5 - 10 may be a little more than 0.5."""


@dataclass(frozen=True, slots=True)
class SpanCounts:
    """Hits, and the number of true and of predicted spans."""

    hits: int
    truths: int
    predictions: int

    @property
    def precision(self) -> float | None:
        """The share of predicted spans that hit; None without any."""
        return self.hits / self.predictions if self.predictions else None

    @property
    def recall(self) -> float | None:
        """The share of true spans that were hit; None without any."""
        return self.hits / self.truths if self.truths else None


@dataclass(frozen=True, slots=True)
class BoundaryErrors:
    """Absolute errors of starts and ends of matched spans in seconds; None without any."""

    median: float | None
    p90: float | None
    max: float | None

    @staticmethod
    def of(errors: Sequence[float]) -> "BoundaryErrors":
        """The statistics of errors; the 90th percentile is interpolated linearly."""
        if not errors:
            return BoundaryErrors(None, None, None)
        median, p90, greatest = np.percentile(np.abs(errors), (50, 90, 100)).tolist()
        return BoundaryErrors(median, p90, greatest)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanResult:
    """The metrics of one kind, or of all kinds together.

    overlap: counts at the minimum IoU; near: counts at the boundary tolerance
    pairs: those that overlap enough, by video; errors: of both boundaries of these
    """

    overlap: SpanCounts
    near: SpanCounts
    errors: BoundaryErrors
    pairs: tuple[tuple[str, Event, Event], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanEvaluation:
    """The metrics of all kinds together, and of each.

    false_skip_seconds: predicted time outside of every true span of any kind
    hours: of video; 0 if unknown
    """

    total: SpanResult
    kinds: Mapping[str, SpanResult]
    false_skip_seconds: float
    hours: float

    @property
    def false_skip_seconds_per_hour(self) -> float | None:
        """None if the length of the videos is unknown."""
        return self.false_skip_seconds / self.hours if self.hours else None


def evaluate_spans(
    truth: Sequence[VideoEvents],
    predictions: Sequence[VideoEvents],
    *,
    kinds: Sequence[str],
    durations: Mapping[str, float],
    min_iou: float = MIN_IOU,
    boundary_seconds: float = BOUNDARY_SECONDS,
) -> SpanEvaluation:
    """Evaluate predicted spans; a video without predictions has only misses.

    kinds: the labels that count; instants and events of other labels are ignored
    durations: seconds of each video of the truth by its name; videos without one add no hours
    min_iou: overlap of a hit; boundary_seconds: largest error of each boundary of a near hit
    Raises LabelError for predictions of a video that the truth does not have.
    """
    predicted = {video.video: video for video in predictions}
    unknown = set(predicted) - {video.video for video in truth}
    if unknown:
        raise LabelError(f"{min(unknown)}: the ground truth does not have this video")
    results = {}
    false_skips = 0.0
    for kind in kinds:
        overlap, near, pairs = SpanCounts(0, 0, 0), SpanCounts(0, 0, 0), []
        for video in truth:
            real = _spans(video, [kind])
            guesses = _spans(predicted.get(video.video), [kind])
            matched = match_spans(real, guesses, min_iou=min_iou)
            close = match_spans(real, guesses, boundary_seconds=boundary_seconds)
            overlap = _plus(overlap, len(matched), real, guesses)
            near = _plus(near, len(close), real, guesses)
            pairs += [(video.video, *pair) for pair in matched]
        results[kind] = SpanResult(
            overlap=overlap, near=near, errors=_errors(pairs), pairs=tuple(pairs)
        )
    for video in truth:
        guesses = _spans(predicted.get(video.video), kinds)
        false_skips += _outside(guesses, _spans(video, kinds))
    every = [pair for result in results.values() for pair in result.pairs]
    total = SpanResult(
        overlap=_sum([result.overlap for result in results.values()]),
        near=_sum([result.near for result in results.values()]),
        errors=_errors(every),
        pairs=tuple(every),
    )
    return SpanEvaluation(
        total=total,
        kinds=results,
        false_skip_seconds=false_skips,
        hours=sum(durations.get(video.video, 0.0) for video in truth) / 3600,
    )


def match_spans(
    truth: Sequence[Event],
    predictions: Sequence[Event],
    *,
    min_iou: float = 0.0,
    boundary_seconds: float | None = None,
) -> list[tuple[Event, Event]]:
    """The one-to-one matching with the most hits, and among those the largest overlap: pairs.

    truth, predictions: spans of one kind and one video
    A hit overlaps with an IoU of at least `min_iou` and, with `boundary_seconds`, has both its
    boundaries within that of the true ones.
    """
    if not truth or not predictions:
        return []
    start, end = _bounds(truth)
    other_start, other_end = _bounds(predictions)
    shared = np.minimum(end[:, None], other_end) - np.maximum(start[:, None], other_start)
    shared = np.maximum(shared, 0.0)
    union = (end - start)[:, None] + (other_end - other_start) - shared
    iou = shared / union
    allowed = iou >= min_iou
    if boundary_seconds is not None:
        late = np.maximum(abs(start[:, None] - other_start), abs(end[:, None] - other_end))
        allowed &= late <= boundary_seconds + _ROUNDING
    # One hit weighs more than all overlaps together.
    weights = np.where(allowed, 1 + iou / (1 + min(iou.shape)), 0.0)
    rows, columns = linear_sum_assignment(weights, maximize=True)
    return [
        (truth[row], predictions[column])
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        if allowed[row, column]
    ]


def _spans(video: VideoEvents | None, kinds: Sequence[str]) -> list[Event]:
    if video is None:
        return []
    return [event for event in video.events if event.label in kinds and event.end is not None]


def _bounds(events: Sequence[Event]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    bounds = np.array([(event.start, event.end) for event in events], np.float64)
    return bounds[:, 0], bounds[:, 1]


def _plus(
    counts: SpanCounts, hits: int, real: Sequence[Event], guesses: Sequence[Event]
) -> SpanCounts:
    return SpanCounts(
        counts.hits + hits, counts.truths + len(real), counts.predictions + len(guesses)
    )


def _sum(counts: Sequence[SpanCounts]) -> SpanCounts:
    return SpanCounts(
        sum(count.hits for count in counts),
        sum(count.truths for count in counts),
        sum(count.predictions for count in counts),
    )


def _errors(pairs: Sequence[tuple[str, Event, Event]]) -> BoundaryErrors:
    errors = []
    for _, real, guess in pairs:
        assert real.end is not None
        assert guess.end is not None
        errors += [guess.start - real.start, guess.end - real.end]
    return BoundaryErrors.of(errors)


def _outside(predictions: Sequence[Event], truth: Sequence[Event]) -> float:
    """Seconds that lie in a predicted span and in no true one; overlapping spans count once."""
    if not predictions:
        return 0.0
    start, end = _bounds(predictions)
    true_start, true_end = _bounds(truth) if truth else (np.empty(0), np.empty(0))
    edges = np.unique(np.concatenate([start, end, true_start, true_end]))
    middles = (edges[:-1] + edges[1:]) / 2
    predicted = ((start <= middles[:, None]) & (middles[:, None] < end)).any(axis=1)
    real = ((true_start <= middles[:, None]) & (middles[:, None] < true_end)).any(axis=1)
    return float(np.diff(edges)[predicted & ~real].sum())
