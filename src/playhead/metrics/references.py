"""Reference values of guessing, to compare a score with.

Chance knows how many events there are and nothing else: a video with n events of a class is cut
into n equal parts, and each part gets one event at a random time with a random score. On dense
events that is much better than independent random times, which leave gaps; for one event in a
video the two are the same.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from playhead.errors import LabelError
from playhead.events.model import Event, VideoEvents
from playhead.metrics.soccernet_map import map_at

__all__ = ["Length", "chance", "chance_map", "confused_map"]

_Metrics = Callable[[Sequence[VideoEvents]], Mapping[str, float]]

_EVENTS = 2000  # so many guessed events make the mean of chance steady
_FEWEST, _MOST = 3, 20


@dataclass(frozen=True, slots=True)
class Length:
    """The length of a video in seconds and in frames. LabelError unless both are above 0."""

    seconds: float
    frames: int

    def __post_init__(self) -> None:
        if not (self.seconds > 0 and self.frames > 0):
            raise LabelError(
                f"a video has {self.seconds} s and {self.frames} frames; both must be above 0"
            )


def chance(
    truth: Sequence[VideoEvents],
    lengths: Mapping[str, Length],
    metrics: _Metrics,
    *,
    repeats: int | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """What metrics give for guesses: as many events as are true, at random times and scores.

    lengths: of each video
    metrics: computes the metrics of guesses against the ground truth, by name
    repeats: draws to average; by default 3, and up to 20 where there are few events
    Raises LabelError if the length of a video is missing.
    """
    for events in truth:
        if events.video not in lengths:
            raise LabelError(f"{events.video}: the duration is missing; give it in seconds")
    if repeats is None:
        count = sum(len(events.events) for events in truth)
        repeats = min(max(_EVENTS // max(count, 1), _FEWEST), _MOST)
    drawn = []
    for repeat in range(repeats):
        rng = np.random.default_rng([seed, repeat])
        drawn.append(metrics([_random(events, lengths[events.video], rng) for events in truth]))
    return {name: float(np.mean([values[name] for values in drawn])) for name in drawn[0]}


def chance_map(
    truth: Sequence[VideoEvents],
    durations: Mapping[str, float],
    *,
    tolerance: float = 1.0,
    rate: int = 25,
    repeats: int = 10,
    seed: int = 0,
) -> float:
    """SoccerNet mAP of chance.

    durations: seconds of each video
    Returns the mean over `repeats` draws of times and scores.
    """
    lengths = {
        video: Length(seconds, max(1, round(seconds * rate)))
        for video, seconds in durations.items()
    }
    metrics = _map_of(truth, tolerance=tolerance, rate=rate)
    return chance(truth, lengths, metrics, repeats=repeats, seed=seed)["map"]


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
    metrics = _map_of(truth, tolerance=tolerance, rate=rate)
    reached = []
    for repeat in range(repeats):
        rng = np.random.default_rng([seed, repeat])
        reached.append(metrics([_confused(events, rng) for events in truth])["map"])
    return float(np.mean(reached))


def _map_of(truth: Sequence[VideoEvents], *, tolerance: float, rate: int) -> _Metrics:
    return lambda guesses: {"map": map_at(truth, guesses, tolerance, rate=rate)}


def _random(events: VideoEvents, length: Length, rng: np.random.Generator) -> VideoEvents:
    guesses = []
    for label in events.classes:
        count = sum(event.label == label for event in events.events)
        for place in (np.arange(count) + rng.random(count)) / max(count, 1):
            frame = min(int(place * length.frames), length.frames - 1)
            start, score = float(place * length.seconds), float(rng.random())
            guesses.append(Event(label=label, start=start, score=score, frame=frame))
    return VideoEvents(video=events.video, classes=events.classes, events=tuple(guesses))


def _confused(events: VideoEvents, rng: np.random.Generator) -> VideoEvents:
    labels = [events.events[at].label for at in rng.permutation(len(events.events))]
    guesses = (
        Event(label=label, start=event.start, score=float(rng.random()))
        for label, event in zip(labels, events.events, strict=True)
    )
    return VideoEvents(video=events.video, classes=events.classes, events=tuple(guesses))
