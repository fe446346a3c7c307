"""Reference scores of random guessing, to compare a score with."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from playhead.errors import LabelError
from playhead.events.model import Event, VideoEvents
from playhead.metrics.soccernet_map import map_at

__all__ = ["chance_map", "confused_map"]

_Guess = Callable[[VideoEvents, np.random.Generator], VideoEvents]


def chance_map(
    truth: Sequence[VideoEvents],
    durations: Mapping[str, float],
    *,
    tolerance: float = 1.0,
    rate: int = 25,
    repeats: int = 10,
    seed: int = 0,
) -> float:
    """SoccerNet mAP of guessing: the true number of events of each class, at random times.

    durations: seconds of each video
    Returns the mean over `repeats` draws of times and scores.
    """
    for events in truth:
        if durations.get(events.video, 0) <= 0:
            raise LabelError(f"{events.video}: the duration is missing; give it in seconds")

    def guess(events: VideoEvents, rng: np.random.Generator) -> VideoEvents:
        starts = rng.uniform(0, durations[events.video], len(events.events))
        return _guessed(events, [event.label for event in events.events], starts.tolist(), rng)

    return _mean_map(truth, guess, tolerance=tolerance, rate=rate, repeats=repeats, seed=seed)


def confused_map(
    truth: Sequence[VideoEvents],
    *,
    tolerance: float = 1.0,
    rate: int = 25,
    repeats: int = 10,
    seed: int = 0,
) -> float:
    """SoccerNet mAP of the true times with the classes shuffled within each video.

    Returns the mean over `repeats` draws of classes and scores.
    """

    def guess(events: VideoEvents, rng: np.random.Generator) -> VideoEvents:
        labels = [events.events[at].label for at in rng.permutation(len(events.events))]
        return _guessed(events, labels, [event.start for event in events.events], rng)

    return _mean_map(truth, guess, tolerance=tolerance, rate=rate, repeats=repeats, seed=seed)


def _mean_map(
    truth: Sequence[VideoEvents],
    guess: _Guess,
    *,
    tolerance: float,
    rate: int,
    repeats: int,
    seed: int,
) -> float:
    reached = []
    for repeat in range(repeats):
        rng = np.random.default_rng([seed, repeat])
        guesses = [guess(events, rng) for events in truth]
        reached.append(map_at(truth, guesses, tolerance, rate=rate))
    return float(np.mean(reached))


def _guessed(
    events: VideoEvents, labels: list[str], starts: list[float], rng: np.random.Generator
) -> VideoEvents:
    scores = rng.random(len(labels)).tolist()
    guesses = (
        Event(label=label, start=start, score=score)
        for label, start, score in zip(labels, starts, scores, strict=True)
    )
    return VideoEvents(video=events.video, classes=events.classes, events=tuple(guesses))
