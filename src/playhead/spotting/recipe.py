"""From what a survey saw to settings, each with its reason.

The rules were chosen on validation videos of public sets; `docs/results/own_videos.md` says which.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from playhead.spotting.survey import EventFacts, VideoFacts, moves

__all__ = ["Choice", "choose_settings"]

DENSE_SECONDS = 2.0
"""Events of a class closer than this are dense: smoothing and a wide target would merge them."""

FRAMES, STACK = 15, 3
"""Frames of a window and of a stack, as the packaged networks are made for."""

AREA, SIDE = 14_000, 16
"""About the pixels of a frame, and what its sides are a multiple of: the stride of the encoder."""

PROCESSOR_SECONDS = 190.0
"""Of training: about three minutes on two cores that do other things too, two on free ones."""

WINDOW_SECONDS = {"quick": 0.09, "small": 0.035}
"""About the processor time of a window of five stacks of 128x96 in training."""

MIRRORED = re.compile(r"(?:^|[\W_])(?:left|right|links|rechts|gauche|droite)(?:$|[\W_])", re.I)
"""Labels that a mirrored image makes wrong."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The value of a setting, such as `data.rate`, and why."""

    key: str
    value: Any
    reason: str


def choose_settings(
    videos: Sequence[VideoFacts],
    events: EventFacts,
    *,
    base: str,
    validation_events: int,
) -> list[Choice]:
    """The settings that depend on the data.

    base: the packaged configuration that they go over, `quick` or `small`
    validation_events: events of the validation videos, which are scored during training
    """
    close, usual = events.close_spacing(), events.usual_spacing()
    dense = usual is not None and usual < DENSE_SECONDS and close is not None
    rate = _rate(videos, close if dense else None)
    per_second = float(Fraction(rate.value))
    size, fit = _size(videos)
    target = max(close / 5, 1 / per_second) if dense and close else 0.2
    target = _rounded(min(target, 0.2))
    choices = [rate, size, fit, _window(per_second, usual if dense else None)]
    if dense and close and usual:
        spacing = f"events of a class are {usual:.2f} s apart (a tenth of them below {close:.2f} s)"
        smoothing = 0.0 if close * per_second < 12 else _rounded(min(0.1, close / 16))
        near = _rounded(max(min(2.5 * target, close / 2), target))
        choices += [
            Choice(
                "target_seconds", target, f"{spacing}: a fifth of the closest, at least a frame"
            ),
            Choice(
                "sampling.near_seconds", near, "windows just beside an event are drawn as often"
            ),
            Choice("sampling.clear_seconds", 2 * near, "twice that"),
            Choice("shift.probability", 0, "moved frames would blur times this close"),
            Choice(
                "decisions.smoothing_seconds",
                smoothing,
                "smoothing would merge neighbours this close"
                if smoothing == 0
                else "little beside the spacing",
            ),
            Choice(
                "decisions.distance_seconds",
                _rounded(min(0.4 * close, 1.0)),
                "below half of the closest spacing: a merged pair costs more than a weak peak",
            ),
        ]
    else:
        reason = "events stand alone" if usual is None else f"events are {usual:.1f} s apart"
        distance = 1.0 if close is None else _rounded(min(close / 2, 1.0))
        choices += [
            Choice("target_seconds", target, f"{reason}: a labelled instant is seldom more exact"),
            Choice("decisions.distance_seconds", distance, "two peaks closer than this are one"),
        ]
    choices += _augmentation(videos, events)
    weights = _class_weights(events)
    if weights is not None:
        choices.append(weights)
    width, height = size.value
    return choices + _length(
        width * height, sum(events.counts.values()), validation_events, base=base
    )


def _rate(videos: Sequence[VideoFacts], close: float | None) -> Choice:
    rates = Counter(_nominal(video.rate) for video in videos)
    rate, count = max(rates.items(), key=lambda item: (item[1], item[0]))
    told = f"{count} of {len(videos)} videos have {_told(rate)} frames a second"
    if any(video.variable for video in videos):
        told += f", {sum(video.variable for video in videos)} a variable rate"
    halves = 0
    while rate > 40 and (close is None or close * rate / 2 >= 8):
        rate, halves = rate / 2, halves + 1
    if halves:
        told += f"; every {'second' if halves == 1 else 'fourth'} one tells the events apart"
    return Choice("data.rate", str(rate), told)


def _nominal(rate: float) -> Fraction:
    """The rate of a standard that a measured one means: 29.97 is 30000/1001."""
    whole = Fraction(max(round(rate), 1))
    film = Fraction(whole.numerator * 1000, 1001)
    return film if abs(float(film) - rate) < abs(float(whole) - rate) else whole


def _told(rate: Fraction) -> str:
    return f"{float(rate):.4g}"


def _size(videos: Sequence[VideoFacts]) -> tuple[Choice, Choice]:
    """The size whose shape is nearest to that of most videos, and how others are fitted to it."""
    shapes = np.log([video.size[0] / video.size[1] for video in videos])
    shape = float(np.median(shapes))
    sides = range(3 * SIDE, 16 * SIDE, SIDE)
    width, height = min(
        ((w, h) for w in sides for h in sides),
        key=lambda size: (
            abs(math.log(size[0] / size[1]) - shape) + abs(math.log(size[0] * size[1] / AREA))
        ),
    )
    common, count = Counter(video.size for video in videos).most_common(1)[0]
    told = f"the shape of the videos ({count} of {len(videos)} have {common[0]}x{common[1]})"
    size = Choice("data.size", [width, height], f"{told}, small enough for two cores")
    if np.ptp(shapes) > math.log(1.15):
        other = f"{math.exp(shapes.min()):.2f} to {math.exp(shapes.max()):.2f}"
        return size, Choice("data.fit", "letterbox", f"width to height goes from {other}")
    return size, Choice("data.fit", "stretch", "all videos have about the same shape")


def _window(rate: float, usual: float | None) -> Choice:
    seconds = 1.4 if usual is None else min(max(1.5 * usual, 0.45), 1.4)
    step = max(1, round(seconds * rate / (FRAMES - 1)))
    span = (FRAMES - 1) * step / rate
    told = (
        "time to see what leads to an event"
        if usual is None
        else "half more than one event to the next"
    )
    window = {"frames": FRAMES, "step": step, "stack": STACK}
    return Choice("window", window, f"a window spans {span:.2f} s, {told}")


def _augmentation(videos: Sequence[VideoFacts], events: EventFacts) -> list[Choice]:
    choices = []
    if moves(videos) is False:
        choices.append(Choice("augmentation.camera", 0.0, "the cameras stand still"))
    sided = [label for label in events.counts if MIRRORED.search(label)]
    if sided:
        choices.append(
            Choice("augmentation.flip", 0.0, f"a mirrored image would turn {sided[0]} round")
        )
    return choices


def _class_weights(events: EventFacts) -> Choice | None:
    counts = {label: count for label, count in events.counts.items() if count}
    most = max(counts.values())
    if most <= 3 * min(counts.values()):
        return None
    weights = {
        label: _rounded(min(math.sqrt(most / max(n, 1)), 10.0))
        for label, n in events.counts.items()
    }
    return Choice(
        "sampling.class_weights", weights, "rare classes are drawn more often: root of their rarity"
    )


def _length(pixels: int, events: int, validation_events: int, *, base: str) -> list[Choice]:
    cost = WINDOW_SECONDS[base] * pixels / (128 * 96)
    enough = max(1600, 40 * events)
    windows = min(PROCESSOR_SECONDS / cost, enough)
    epochs = 6
    each = max(int(windows / epochs / 20) * 20, 20)
    minutes = epochs * each * cost / 60
    told = f"{epochs} epochs of {each} windows, about {minutes:.1f} minutes of processor time"
    if windows == enough:
        told += f", enough for {events} events"
    choices = [Choice("samples_per_epoch", each, told)]
    # A window costs a third in validation, which has one for each event and one between.
    if 2 * validation_events / 3 > 0.15 * each * epochs / 2:
        choices.append(
            Choice(
                "training.validate_every",
                epochs,
                f"{validation_events} events are many to validate on during training",
            )
        )
    return choices


def _rounded(value: float) -> float:
    """Two significant digits."""
    return float(f"{value:.2g}")
