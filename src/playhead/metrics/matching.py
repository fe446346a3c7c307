"""Matching: which prediction found which event.

Predictions in score order each take the nearest event of their class that is still free and in
reach. A prediction's match depends only on those that score higher, so raising the threshold takes
matches away and never changes those that stay.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playhead.events.model import Event, VideoEvents
from playhead.metrics.alignment import Aligned, align, check_tolerance

__all__ = ["Matches", "ScoredHits", "match_events", "nearest_free", "scored_hits"]

_ROUNDING = 1e-6  # seconds or frames: 10.48 - 10 is a little more than .48


@dataclass(frozen=True, slots=True)
class Matches:
    """What became of the events and predictions of one video, each in order of time."""

    hits: tuple[tuple[Event, Event], ...]  # the event and the prediction that found it
    misses: tuple[Event, ...]
    false_alarms: tuple[Event, ...]


def match_events(
    truth: VideoEvents, predictions: VideoEvents, tolerance: float, *, threshold: float = 0.0
) -> Matches:
    """Match one video's predictions that score at least `threshold` with its events.

    tolerance: width of the hit window in seconds; a hit is |Δt| ≤ tolerance / 2.
    Raises LabelError for another video, or a class that `truth` does not declare.
    """
    aligned = align([truth], [predictions])
    reach = check_tolerance(tolerance) / 2
    hits: list[tuple[Event, Event]] = []
    misses: list[Event] = []
    false_alarms: list[Event] = []
    for label in aligned.classes:
        real = [event for event in truth.events if event.label == label]
        made = [e for e in predictions.events if e.label == label and e.score >= threshold]
        taken = nearest_free(_starts(real), _starts(made), _scores(made), reach).tolist()
        hits += [(real[at], guess) for at, guess in zip(taken, made, strict=True) if at >= 0]
        false_alarms += [guess for at, guess in zip(taken, made, strict=True) if at < 0]
        misses += [event for at, event in enumerate(real) if at not in set(taken)]
    return Matches(
        hits=tuple(sorted(hits, key=lambda hit: hit[0].start)),
        misses=tuple(sorted(misses, key=_start)),
        false_alarms=tuple(sorted(false_alarms, key=_start)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class ScoredHits:
    """The predictions of one class over all videos, the highest score first, ties as given.

    scores: float64 (P,); hits: bool (P,); truths: how many events there were to find.
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
        made = [event for event in pair.predictions if event.label == label]
        places = np.array([position(event) for event in made], np.float64)
        confidence = _scores(made)
        taken = nearest_free(np.array(real, np.float64), places, confidence, reach)
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
    """For each guess the index of the truth that it takes, or -1: (P,).

    truth: (G,), guesses and scores: (P,). Ties in score go to the guess given first, ties in
    distance to the earlier truth, of several at one place to the one given first.
    """
    by_time = np.argsort(truth, kind="stable")
    places = truth[by_time]
    starts = np.searchsorted(places, guesses - reach - _ROUNDING, side="left").tolist()
    stops = np.searchsorted(places, guesses + reach + _ROUNDING, side="right").tolist()
    free = [True] * len(truth)
    taken = np.full(len(guesses), -1, np.intp)
    moments, sought = places.tolist(), guesses.tolist()
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
