"""Alignment: truth and predictions brought together video by video, and refused where they clash.

Every metric of instants starts here, so none of them scores a misspelt class or a foreign video.
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
    """The true and the predicted events of one video."""

    video: str
    truth: tuple[Event, ...]
    predictions: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Aligned:
    """All classes that are scored, and every video of the truth."""

    classes: tuple[str, ...]
    pairs: tuple[Pair, ...]


def align(
    truth: Sequence[VideoEvents],
    predictions: Sequence[VideoEvents],
    classes: Sequence[str] | None = None,
) -> Aligned:
    """Pair each video's truth with its predictions, none where there are none.

    classes: what is scored; by default every class that a video of the truth declares, in order of
    first appearance. Videos come in the order of `predictions`, then those that they lack.
    Raises LabelError for a video given twice, a prediction for a video without truth, and an event
    of a class that is not scored.
    """
    known = _by_video(truth, "the truth")
    predicted = _by_video(predictions, "the predictions")
    scored = _declared(truth) if classes is None else tuple(classes)
    if len(set(scored)) != len(scored):
        raise LabelError(f"a class is named twice in {', '.join(scored)}")
    for video in predicted:
        if video not in known:
            raise LabelError(
                f"{video}: predictions for a video without truth; its name must be one of "
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
    """The frame of an event: its own where it is known, else the one nearest to `start * rate`.

    A time halfway between two frames means the earlier.
    """
    if event.frame is not None:
        return event.frame
    # An event's start is a float: without the rounding, 0.1 s at 25 fps lies past the half.
    return max(0, math.ceil(round(event.start * float(rate), 6) - 0.5))


def check_rate(rate: object) -> int:
    """Refuse a rate that is no positive whole number of frames a second."""
    if isinstance(rate, bool) or not isinstance(rate, Integral) or rate <= 0:
        raise PlayheadError(
            f"the SoccerNet metric counts in whole frames a second, got a rate of {rate!r}; give "
            "the nearest whole rate, such as 25 or 30"
        )
    return int(rate)


def check_tolerance(tolerance: float, unit: str = "seconds") -> float:
    """Refuse a tolerance that is negative or not finite."""
    if not math.isfinite(tolerance) or tolerance < 0:
        raise PlayheadError(f"a tolerance is 0 {unit} or more, got {tolerance}")
    return tolerance


def _by_video(videos: Iterable[VideoEvents], side: str) -> dict[str, VideoEvents]:
    named: dict[str, VideoEvents] = {}
    for events in videos:
        if events.video in named:
            raise LabelError(f"{events.video}: given twice in {side}; merge its events into one")
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
