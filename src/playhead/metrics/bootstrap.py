"""Bootstrap: confidence intervals of a metric over videos."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from playhead.errors import PlayheadError
from playhead.events.model import Event, VideoEvents
from playhead.metrics.alignment import align

__all__ = ["Interval", "Metric", "bootstrap_interval"]

Metric = Callable[[Sequence[VideoEvents], Sequence[VideoEvents]], float]


@dataclass(frozen=True, slots=True)
class Interval:
    """A metric on all videos, and its percentile interval on resampled videos."""

    value: float
    low: float
    high: float
    level: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def bootstrap_interval(
    metric: Metric,
    truth: Sequence[VideoEvents],
    predictions: Sequence[VideoEvents],
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """The percentile interval of `metric(truth, predictions)` over videos drawn with replacement.

    Whole videos are drawn, with ground truth and predictions, because events within a video depend
    on each other; each draw gets a new name. Every resample scores all classes of the ground truth.
    Raises PlayheadError for fewer than two videos, LabelError as `align` does.
    """
    if len(truth) < 2 or resamples < 1 or not 0 < level < 1:
        raise PlayheadError(
            "a bootstrap needs at least 2 videos, 1 resample and a level between 0 and 1, got "
            f"{len(truth)} videos, {resamples} resamples and level {level}"
        )
    aligned = align(truth, predictions)
    truths = [_video(pair.video, aligned.classes, pair.truth) for pair in aligned.pairs]
    guesses = [_video(pair.video, aligned.classes, pair.predictions) for pair in aligned.pairs]
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(resamples):
        chosen = rng.integers(0, len(truths), len(truths)).tolist()
        drawn.append(metric(_drawn(truths, chosen), _drawn(guesses, chosen)))
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(metric(truths, guesses)), float(low), float(high), level)


def _video(name: str, classes: tuple[str, ...], events: tuple[Event, ...]) -> VideoEvents:
    return VideoEvents(video=name, classes=classes, events=events)


def _drawn(videos: Sequence[VideoEvents], chosen: Sequence[int]) -> list[VideoEvents]:
    return [replace(videos[at], video=f"{n} {videos[at].video}") for n, at in enumerate(chosen)]
