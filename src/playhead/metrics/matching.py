"""Matching of predicted with ground truth events.

Predictions in order of score each take the nearest free event of their class within reach. A match
depends only on predictions with higher scores, so raising the threshold removes matches and never
changes the remaining ones.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playhead.events.model import Event, VideoEvents
from playhead.metrics.alignment import Aligned, align, check_tolerance

__all__ = ["Matches", "ScoredHits", "match_events", "nearest_free", "scored_hits"]

_ROUNDING = 1e-6  # seconds or frames: 10.48 - 10 is a little more than 0.48


@dataclass(frozen=True, slots=True)
class Matches:
    """Hits, misses and false positives of one video, each in order of time."""

    hits: tuple[tuple[Event, Event], ...]  # the event and its prediction
    misses: tuple[Event, ...]
    false_positives: tuple[Event, ...]


def match_events(
    truth: VideoEvents, predictions: VideoEvents, tolerance: float, *, threshold: float = 0.0
) -> Matches:
    """Match the predictions of one video that score at least `threshold` with its events.

    tolerance: width of the matching window in seconds; a hit is |Δt| ≤ tolerance / 2
    Raises LabelError if the videos differ, or a prediction has a class that `truth` does not
    declare.
    """
    aligned = align([truth], [predictions])
    reach = check_tolerance(tolerance) / 2
    hits: list[tuple[Event, Event]] = []
    misses: list[Event] = []
    false_positives: list[Event] = []
    for label in aligned.classes:
        real = [event for event in truth.events if event.label == label]
        guesses = [e for e in predictions.events if e.label == label and e.score >= threshold]
        taken = nearest_free(_starts(real), _starts(guesses), _scores(guesses), reach).tolist()
        hits += [(real[at], guess) for at, guess in zip(taken, guesses, strict=True) if at >= 0]
        false_positives += [guess for at, guess in zip(taken, guesses, strict=True) if at < 0]
        misses += [event for at, event in enumerate(real) if at not in set(taken)]
    return Matches(
        hits=tuple(sorted(hits, key=lambda hit: hit[0].start)),
        misses=tuple(sorted(misses, key=_start)),
        false_positives=tuple(sorted(false_positives, key=_start)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class ScoredHits:
    """The predictions of one class over all videos, the highest score first, ties in input order.

    scores: float64 (P,); hits: bool (P,); truths: number of ground truth events
    """

    scores: NDArray[np.float64]
    hits: NDArray[np.bool_]
    truths: int


def scored_hits(
    aligned: Aligned, label: str, position: Callable[[Event], float], reach: float
) -> ScoredHits:
    """Match one class in every video; `position` and `reach` share a unit, seconds or frames."""
    scores, hits, truths = [np.empty(0)], [np.empty(0, dtype=bool)], 0
    for pair in aligned.pairs:
        real = [position(event) for event in pair.truth if event.label == label]
        guesses = [event for event in pair.predictions if event.label == label]
        positions = np.array([position(event) for event in guesses], np.float64)
        confidence = _scores(guesses)
        taken = nearest_free(np.array(real, np.float64), positions, confidence, reach)
        scores.append(confidence)
        hits.append(taken >= 0)
        truths += len(real)
    pooled = np.concatenate(scores)
    order = np.argsort(-pooled, kind="stable")
    return ScoredHits(pooled[order], np.concatenate(hits)[order], truths)


def nearest_free(
    truth: NDArray[np.float64],
    guesses: NDArray[np.float64],
    scores: NDArray[np.float64],
    reach: float,
) -> NDArray[np.intp]:
    """For each guess the index of the ground truth that it takes, or -1: (P,).

    truth: (G,); guesses, scores: (P,)
    Ties in score go to the first guess, ties in distance to the earlier event, ties in both to the
    first event in the input.
    """
    by_time = np.argsort(truth, kind="stable")
    sorted_truth = truth[by_time]
    starts = np.searchsorted(sorted_truth, guesses - reach - _ROUNDING, side="left").tolist()
    stops = np.searchsorted(sorted_truth, guesses + reach + _ROUNDING, side="right").tolist()
    free = [True] * len(truth)
    taken = np.full(len(guesses), -1, np.intp)
    moments, sought = sorted_truth.tolist(), guesses.tolist()
    for guess in np.argsort(-scores, kind="stable").tolist():
        near = [at for at in range(starts[guess], stops[guess]) if free[at]]
        if near:
            nearest = min(near, key=lambda at: abs(moments[at] - sought[guess]))
            free[nearest] = False
            taken[guess] = by_time[nearest]
    return taken


def _start(event: Event) -> float:
    return event.start


def _starts(events: list[Event]) -> NDArray[np.float64]:
    return np.array([event.start for event in events], np.float64)


def _scores(events: list[Event]) -> NDArray[np.float64]:
    return np.array([event.score for event in events], np.float64)
