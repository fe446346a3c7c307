"""Outcomes: what became of each impact, and which of a play's two views belong together.

The matching is that of the metric. A moment gathers the outcomes that are seen together: both
helmets of a contact, a miss and a false positive beside it, and the same contact in the other view.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from playhead.events.model import Box, Event, VideoEvents
from playhead.metrics.box_events import MAX_FRAMES, BoxEventMatches

__all__ = [
    "COLOURS",
    "TRUTH_COLOUR",
    "Kind",
    "Moment",
    "Outcome",
    "moments_of",
    "outcomes_of",
    "predicted_only",
]

Kind = Literal["hit", "miss", "false positive", "impact"]
"""`impact` is a prediction without ground truth to compare it with."""

RGBColour = tuple[int, int, int]

COLOURS: dict[Kind, RGBColour] = {
    "hit": (45, 212, 191),
    "miss": (251, 146, 60),
    "false positive": (196, 131, 253),
    "impact": (255, 214, 10),
}
"""Of boxes in images, told apart by colour-blind people: teal, orange, violet; yellow."""

TRUTH_COLOUR: RGBColour = (255, 255, 255)

SAME_CONTACT = 0.25  # seconds between the labels of a contact in both views, at most
SAME_TIME = 0.1  # seconds between what is only linked by its time, at most


@dataclass(frozen=True, slots=True)
class Outcome:
    """An impact of the ground truth with the prediction that hit it, or one of them alone.

    candidate: for a miss, the highest impact score of a candidate that could have hit it
    """

    kind: Kind
    truth: Event | None = None
    prediction: Event | None = None
    candidate: float | None = None

    @property
    def score(self) -> float | None:
        """That of the prediction; None for a miss."""
        return None if self.prediction is None else self.prediction.score

    @property
    def event(self) -> Event:
        """The ground truth if there is one, else the prediction."""
        event = self.truth or self.prediction
        assert event is not None
        return event

    @property
    def events(self) -> list[Event]:
        """The ground truth and the prediction, those that there are."""
        return [event for event in (self.truth, self.prediction) if event is not None]

    @property
    def frame(self) -> int:
        """The frame of `event`."""
        assert self.event.frame is not None
        return self.event.frame

    @property
    def box(self) -> Box:
        """The box of `event`."""
        assert self.event.box is not None
        return self.event.box

    @property
    def pair(self) -> frozenset[int] | None:
        """The tracks that meet, if the ground truth names both."""
        truth = self.truth
        if truth is None or truth.track is None or truth.other is None:
            return None
        return frozenset((truth.track, truth.other))


@dataclass(frozen=True, slots=True)
class Moment:
    """Outcomes of a play that are seen together.

    time: seconds on the play's clock
    views: for each view of the play its outcomes by frame; empty for a view without any
    """

    time: float
    views: tuple[tuple[Outcome, ...], ...]

    @property
    def outcomes(self) -> list[Outcome]:
        """Those of all views."""
        return [outcome for view in self.views for outcome in view]

    @property
    def kind(self) -> Kind:
        """The worst of the outcomes: a miss, else a false positive, else a hit."""
        kinds = {outcome.kind for outcome in self.outcomes}
        worst: tuple[Kind, ...] = ("miss", "false positive", "hit")
        return next((kind for kind in worst if kind in kinds), "impact")


def outcomes_of(
    truth: VideoEvents, predictions: VideoEvents | None, matches: BoxEventMatches
) -> list[Outcome]:
    """The outcomes of one video by frame; `matches` are indices into `truth` and `predictions`."""
    predicted = () if predictions is None else predictions.events
    outcomes = [
        Outcome("hit", truth.events[event], predicted[prediction])
        for event, prediction in matches.hits
    ]
    outcomes += [Outcome("miss", truth.events[event]) for event in matches.misses]
    outcomes += [
        Outcome("false positive", prediction=predicted[prediction])
        for prediction in matches.false_positives
    ]
    return sorted(outcomes, key=lambda outcome: outcome.frame)


def predicted_only(predictions: VideoEvents) -> list[Outcome]:
    """The predictions of a video without ground truth, by frame; those without a box are left out.

    They have the kind `impact`.
    """
    outcomes = [
        Outcome("impact", prediction=event)
        for event in predictions.events
        if event.frame is not None and event.box is not None
    ]
    return sorted(outcomes, key=lambda outcome: outcome.frame)


def moments_of(
    views: Sequence[Sequence[Outcome]], offsets: Sequence[float] | None = None
) -> list[Moment]:
    """The moments of a play in order of time.

    views: for each view its outcomes by frame; offsets: seconds from the play's clock to the times
        of each view, by default 0
    """
    offsets = [0.0] * len(views) if offsets is None else offsets
    groups = [_groups(outcomes) for outcomes in views]
    clocks = [
        [group[0].event.start - offset for group in of_view]
        for of_view, offset in zip(groups, offsets, strict=True)
    ]
    if len(views) != 2:
        linked: dict[int, int] = {}
    else:
        linked = _links(groups[0], clocks[0], groups[1], clocks[1])
    moments = []
    for view, of_view in enumerate(groups):
        for at, group in enumerate(of_view):
            if view == 1 and at in linked.values():
                continue  # shown with the first view
            parts: list[tuple[Outcome, ...]] = [()] * len(views)
            parts[view] = tuple(group)
            if view == 0 and at in linked:
                parts[1] = tuple(groups[1][linked[at]])
            moments.append(Moment(clocks[view][at], tuple(parts)))
    return sorted(moments, key=lambda moment: moment.time)


def _groups(outcomes: Sequence[Outcome]) -> list[list[Outcome]]:
    """Outcomes of one view that are all near each other, or are of one contact."""
    groups: list[list[Outcome]] = []
    for outcome in outcomes:
        for group in groups:
            if all(_together(outcome, member) for member in group):
                group.append(outcome)
                break
        else:
            groups.append([outcome])
    return groups


def _together(first: Outcome, second: Outcome) -> bool:
    if abs(first.frame - second.frame) > MAX_FRAMES:
        return False
    if first.pair is not None and second.pair is not None:
        return first.pair == second.pair
    x1, y1, x2, y2 = first.box
    left, top, right, bottom = second.box
    # Whether the boxes would touch if each were twice as large about its centre.
    return (
        abs(x1 + x2 - left - right) / 2 <= x2 - x1 + right - left
        and abs(y1 + y2 - top - bottom) / 2 <= y2 - y1 + bottom - top
    )


def _links(
    first: Sequence[Sequence[Outcome]],
    first_clock: Sequence[float],
    second: Sequence[Sequence[Outcome]],
    second_clock: Sequence[float],
) -> dict[int, int]:
    """The group of the second view that belongs to a group of the first, by index.

    Groups of the same two tracks belong together; so do others if they are alone at their time.
    """
    linked: dict[int, int] = {}
    pairs = [{outcome.pair for outcome in group} - {None} for group in first]
    other_pairs = [{outcome.pair for outcome in group} - {None} for group in second]
    for at, time in enumerate(first_clock):
        for other, other_time in enumerate(second_clock):
            same = abs(time - other_time) <= SAME_CONTACT and pairs[at] & other_pairs[other]
            if same and other not in linked.values():
                linked[at] = other
                break
    free = [at for at in range(len(first)) if at not in linked]
    other_free = [at for at in range(len(second)) if at not in linked.values()]
    near = {
        at: [
            other
            for other in other_free
            if abs(first_clock[at] - second_clock[other]) <= SAME_TIME
            and not (pairs[at] and other_pairs[other])
        ]
        for at in free
    }
    claims = [other for others in near.values() for other in others]
    for at, others in near.items():
        if len(others) == 1 and claims.count(others[0]) == 1:
            linked[at] = others[0]
    return linked
