"""The public SoccerNet evaluator as an oracle, and random cases full of its corners.

Needed by tests and by benchmarks/metric_agreement.py alike, so it lies beside the tests.
"""

import os
from collections.abc import Sequence

import numpy as np

from playhead.events.model import Event, VideoEvents

os.environ["TQDM_DISABLE"] = "1"  # the evaluator draws a bar for every call

from SoccerNet.Evaluation.ActionSpotting import (
    average_mAP,
    evaluate,
    label2vector,
    predictions2vector,
)

__all__ = ["CLASSES", "evaluate", "public_map", "random_case"]

CLASSES = ("pass", "drive", "header", "cross")


def public_map(
    truth: Sequence[VideoEvents],
    predictions: Sequence[VideoEvents],
    classes: Sequence[str],
    rate: int,
    tolerances: Sequence[int],
) -> tuple[float, np.ndarray]:
    """The evaluator's mean and its value per class, from the JSON objects that it would read."""
    numbers = {label: number for number, label in enumerate(classes)}
    named = {events.video: events for events in predictions}
    settings = {"num_classes": len(classes), "framerate": rate, "EVENT_DICTIONARY": numbers}
    targets, detections = [], []
    for half in truth:
        found = named[half.video].events if half.video in named else ()
        labels, _ = label2vector({"annotations": [_entry(e) for e in half.events]}, **settings)
        made, _ = predictions2vector({"predictions": [_entry(e) for e in found]}, **settings)
        targets.append(labels)
        detections.append(made)
    closests = [np.zeros_like(target) - 1 for target in targets]
    with np.errstate(all="ignore"):
        mean, per_class, *_ = average_mAP(
            targets, detections, closests, rate, deltas=np.array(tolerances)
        )
    return float(mean), np.array(per_class)


def _entry(event: Event) -> dict[str, object]:
    milliseconds = round(event.start * 1000)
    return {
        "gameTime": f"1 - {milliseconds // 60000:02d}:{milliseconds // 1000 % 60:02d}",
        "label": event.label,
        "position": str(milliseconds),
        "half": "1",
        "confidence": event.score,
    }


def random_case(
    rng: np.random.Generator,
) -> tuple[list[VideoEvents], list[VideoEvents], tuple[str, ...], int]:
    """Truth, predictions, classes and rate: a few videos, now and then without truth or guesses.

    Scores are often tied, events often share a frame, some lie past the two hours that the
    evaluator has room for, and a class may have no truth, no prediction or neither.
    """
    classes = CLASSES[: rng.integers(1, len(CLASSES) + 1)]
    rate = int(rng.choice([1, 2, 5, 25]))
    length = float(rng.choice([3, 20, 120, 900]))
    begin = 7190.0 if rng.random() < 0.1 else 0.0
    span = (begin, begin + length)
    tied = rng.random() < 0.5
    truth, predictions = [], []
    for number in range(rng.integers(1, 4)):
        video = f"half {number}"
        used = [label for label in classes if rng.random() < 0.8]
        true = _events(rng, used, int(rng.integers(0, 25)), span=span)
        near = [
            Event(
                label=e.label, start=max(0.0, e.start + rng.normal(0, 1)), score=_score(rng, tied)
            )
            for e in true
            if rng.random() < 0.7
        ]
        wild = _events(rng, classes, int(rng.integers(0, 40)), span=span, tied=tied)
        guessed = [*near, *wild]
        rng.shuffle(guessed)
        truth.append(VideoEvents(video=video, classes=classes, events=tuple(true)))
        if rng.random() < 0.9:
            events = tuple(guessed) if rng.random() < 0.9 else ()
            predictions.append(VideoEvents(video=video, classes=classes, events=events))
    return truth, predictions, classes, rate


def _events(
    rng: np.random.Generator,
    classes: Sequence[str],
    count: int,
    *,
    span: tuple[float, float],
    tied: bool = False,
) -> list[Event]:
    if not classes:
        return []
    return [
        Event(
            label=str(rng.choice(classes)),
            start=round(float(rng.uniform(*span)), int(rng.integers(0, 4))),
            score=_score(rng, tied),
        )
        for _ in range(count)
    ]


def _score(rng: np.random.Generator, tied: bool) -> float:
    if rng.random() < 0.02:
        return float(rng.choice([-0.5, 0.0, 1.0, 1.5]))
    return float(rng.choice([0.1, 0.25, 0.5, 0.9])) if tied else float(rng.random())
