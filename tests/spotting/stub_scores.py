"""Scores as a model of a given quality would give them, without a model."""

from collections.abc import Mapping, Sequence

import numpy as np

from playhead.events.model import Event, VideoEvents
from playhead.inference.scores import Scores

RATE = 25
SECONDS = 60


def events_of(times: Mapping[str, Sequence[float]], video: str = "a.mp4") -> VideoEvents:
    """The ground truth of one video: the times of each class, in seconds."""
    events = [
        Event(label=label, start=round(time * RATE) / RATE, frame=round(time * RATE))
        for label, moments in times.items()
        for time in moments
    ]
    ordered = tuple(sorted(events, key=lambda event: event.start))
    return VideoEvents(video=video, classes=tuple(times), events=ordered)


def score(
    truth: VideoEvents,
    *,
    width: float = 0.2,
    shift: float = 0.0,
    height: float = 0.9,
    noise: float = 0.05,
    seed: int = 0,
) -> Scores:
    """A bump of `width` seconds to either side of each event, on noise.

    shift: seconds by which the bumps lie after the events
    """
    rng = np.random.default_rng(seed)
    times = np.arange(SECONDS * RATE) / RATE
    values = rng.uniform(0, noise, (len(times), len(truth.classes)))
    for event in truth.events:
        bump = height * np.clip(1 - np.abs(times - event.start - shift) / width / 2, 0, None)
        bump[np.abs(times - event.start - shift) > width] = 0
        column = truth.classes.index(event.label)
        values[:, column] = np.maximum(values[:, column], bump + rng.uniform(-noise, noise))
    return Scores(
        video=truth.video,
        times=times,
        frames=np.arange(len(times), dtype=np.int32),
        frame_times=times,
        classes=truth.classes,
        values=values.clip(0, 1).astype(np.float32),
    )
