"""Lengths of videos, for guessing at random times in them."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from playhead.events.model import VideoEvents
from playhead.inference.scores import Scores
from playhead.media import open_video
from playhead.metrics.references import Length

__all__ = ["length_of", "video_lengths"]


def length_of(scores: Scores) -> Length:
    """The length of a video, from the grid of its scores."""
    times = scores.times
    seconds = float(2 * times[-1] - times[-2]) if len(times) > 1 else 1.0
    return Length(seconds, int(scores.frames[-1]) + 1 if len(times) else 1)


def video_lengths(
    truth: Sequence[VideoEvents],
    predictions: Sequence[VideoEvents],
    known: Mapping[str, Length],
    *,
    rate: str | None = None,
) -> dict[str, Length]:
    """The length of every video of the truth: as known, from its file, or from its events.

    Of n events in a video of unknown length, the last is at about n / (n + 1) of it.
    """
    lengths = dict(known)
    predicted = {video.video: video for video in predictions}
    for video in truth:
        if video.video in lengths:
            continue
        if video.frames is not None and Path(video.video).is_file():
            with open_video(Path(video.video)) as file:
                lengths[video.video] = Length(file.duration, file.frames)
            continue
        events = (*video.events, *predicted.get(video.video, video).events)
        last = max((event.end or event.start for event in events), default=0.0)
        seconds = max(1.0, last * (len(video.events) + 1) / max(len(video.events), 1))
        paces = [event.frame / event.start for event in events if event.frame and event.start]
        pace = float(np.median(paces)) if paces else float(Fraction(rate or 25))
        lengths[video.video] = Length(seconds, max(1, round(seconds * pace)))
    return lengths
