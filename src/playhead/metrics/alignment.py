"""Alignment: ground truth and predictions paired by video, with checks of videos and classes.

Every metric of instants starts here, so a misspelt class or an unknown video is always an error.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from numbers import Integral

from playhead.errors import LabelError, PlayheadError
from playhead.events.model import Event, VideoEvents

__all__ = ["Aligned", "Pair", "align", "check_rate", "check_tolerance", "nearest_frame"]


@dataclass(frozen=True, slots=True)
class Pair:
    """The ground truth and the predictions of one video."""

    video: str
    truth: tuple[Event, ...]
    predictions: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Aligned:
    """The scored classes, and every video of the ground truth."""

    classes: tuple[str, ...]
    pairs: tuple[Pair, ...]


def align(
    truth: Sequence[VideoEvents],
    predictions: Sequence[VideoEvents],
    classes: Sequence[str] | None = None,
) -> Aligned:
    """Pair the ground truth of each video with its predictions, which may be empty.

    classes: the scored classes; by default all that the ground truth declares, in order of first
        appearance
    Videos are in the order of `predictions`, then those without predictions.
    Raises LabelError for a duplicate video, predictions for a video without ground truth, or an
    event of a class that is not scored.
    """
    known = _by_video(truth, "the ground truth")
    predicted = _by_video(predictions, "the predictions")
    scored = _declared(truth) if classes is None else tuple(classes)
    if len(set(scored)) != len(scored):
        raise LabelError(f"a class is listed twice in {', '.join(scored)}")
    for video in predicted:
        if video not in known:
            raise LabelError(
                f"{video}: has predictions but no ground truth; its name must be one of "
                f"{_short_list(known)}"
            )
    order = [*predicted, *(video for video in known if video not in predicted)]
    pairs = tuple(
        Pair(video, known[video].events, predicted[video].events if video in predicted else ())
        for video in order
    )
    for pair in pairs:
        _check_labels(pair.video, pair.truth, scored, "true")
        _check_labels(pair.video, pair.predictions, scored, "predicted")
    return Aligned(scored, pairs)


def nearest_frame(event: Event, rate: Fraction | int) -> int:
    """The frame of an event: its own if it is known, else the one nearest to `start * rate`.

    Halfway between two frames it is the earlier.
    """
    if event.frame is not None:
        return event.frame
    # An event's start is a float: without the rounding, 0.1 s at 25 fps lies past the half.
    return max(0, math.ceil(round(event.start * float(rate), 6) - 0.5))


def check_rate(rate: object) -> int:
    """Raise PlayheadError if a rate is not a positive whole number of frames per second."""
    if isinstance(rate, bool) or not isinstance(rate, Integral) or rate <= 0:
        raise PlayheadError(
            f"the rate is {rate!r}; the SoccerNet metric needs whole frames per second: give the "
            "nearest whole rate, such as 25 or 30"
        )
    return int(rate)


def check_tolerance(tolerance: float, unit: str = "seconds") -> float:
    """Raise PlayheadError if a tolerance is negative or not finite."""
    if not math.isfinite(tolerance) or tolerance < 0:
        raise PlayheadError(f"the tolerance is {tolerance}; it must be 0 {unit} or more")
    return tolerance


def _by_video(videos: Iterable[VideoEvents], side: str) -> dict[str, VideoEvents]:
    named: dict[str, VideoEvents] = {}
    for events in videos:
        if events.video in named:
            raise LabelError(f"{events.video}: appears twice in {side}; merge its events")
        named[events.video] = events
    return named


def _declared(truth: Iterable[VideoEvents]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(label for events in truth for label in events.classes))


def _check_labels(video: str, events: Iterable[Event], classes: tuple[str, ...], side: str) -> None:
    for event in events:
        if event.label not in classes:
            raise LabelError(
                f"{video}: unknown class {event.label!r} {side} at {event.start} s; the scored "
                f"classes are {', '.join(classes) or 'none'}"
            )


def _short_list(names: Iterable[str], limit: int = 5) -> str:
    shown = list(names)
    more = f" and {len(shown) - limit} more" if len(shown) > limit else ""
    return (", ".join(shown[:limit]) or "none") + more
