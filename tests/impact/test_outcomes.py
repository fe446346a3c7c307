"""Outcomes: every one is in one moment, with what is seen together with it."""

from hypothesis import given
from hypothesis import strategies as st

from playhead.events.model import VideoEvents
from playhead.impact.outcomes import Outcome, moments_of, outcomes_of, predicted_only
from playhead.metrics.box_events import box_event_f1
from tests.impact.two_views import impact


def outcomes(*events: tuple[int, float]) -> list[Outcome]:
    return [Outcome("miss", truth=impact(frame, x)) for frame, x in sorted(events)]


def test_the_matching_of_the_metric_says_what_an_impact_is() -> None:
    truth = VideoEvents(video="a", classes=("impact",), events=(impact(20), impact(5)))
    predicted = VideoEvents(
        video="a",
        classes=("impact",),
        events=(impact(30, score=0.6), impact(7, score=0.8), impact(7, 100, score=0.7)),
    )
    [matches] = box_event_f1([truth], [predicted]).videos
    found = outcomes_of(truth, predicted, matches)
    assert [(outcome.kind, outcome.frame, outcome.score) for outcome in found] == [
        ("hit", 5, 0.8),
        ("false positive", 7, 0.7),
        ("miss", 20, None),
        ("false positive", 30, 0.6),
    ]
    assert [outcome.kind for outcome in predicted_only(predicted)] == ["impact"] * 3


events = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 140)), max_size=14)


@given(events, events, st.floats(-1, 1))
def test_every_outcome_is_in_one_moment(
    first: list[tuple[int, float]], second: list[tuple[int, float]], offset: float
) -> None:
    views = [outcomes(*first), outcomes(*second)]
    moments = moments_of(views, [0.0, offset])
    for view, held in enumerate(views):
        shown = [id(outcome) for moment in moments for outcome in moment.views[view]]
        assert sorted(shown) == sorted(map(id, held))
    assert [moment.time for moment in moments] == sorted(moment.time for moment in moments)


def test_helmets_that_touch_are_one_moment_and_others_are_not() -> None:
    moments = moments_of([outcomes((5, 40), (6, 56), (7, 120), (15, 40))])
    assert [[outcome.frame for outcome in moment.outcomes] for moment in moments] == [
        [5, 6],
        [7],
        [15],
    ]


def test_a_contact_is_one_moment_in_both_views_by_its_tracks() -> None:
    def contact(frame: int, x: float, a: int, b: int) -> list[Outcome]:
        return [
            Outcome("miss", truth=impact(frame, x, track=a, other=b)),
            Outcome("miss", truth=impact(frame, x + 14, track=b, other=a)),
        ]

    first = [*contact(10, 40, 1, 2), *contact(10, 70, 3, 4)]
    second = [*contact(12, 20, 3, 4), *contact(12, 90, 1, 2)]
    moments = moments_of([first, second])
    pairs = [{outcome.pair for outcome in moment.outcomes} for moment in moments]
    assert pairs == [{frozenset((1, 2))}, {frozenset((3, 4))}]
    assert all(len(view) == 2 for moment in moments for view in moment.views)


def test_without_tracks_only_the_one_at_its_time_in_the_other_view_is_linked() -> None:
    second = 30 / 30000 * 1001
    alone = moments_of([outcomes((5, 0)), outcomes((36, 100))], [0.0, second])
    assert [len(moment.outcomes) for moment in alone] == [2]
    ambiguous = moments_of([outcomes((5, 0)), outcomes((5, 0), (6, 100))])
    assert [len(moment.outcomes) for moment in ambiguous] == [1, 1, 1]


def test_a_moment_is_as_bad_as_its_worst_outcome() -> None:
    hit = Outcome("hit", impact(5), impact(5))
    false_positive = Outcome("false positive", prediction=impact(6))
    miss = Outcome("miss", impact(7))
    kinds = [
        moments_of([[*part]])[0].kind
        for part in ([hit], [hit, false_positive], [hit, false_positive, miss])
    ]
    assert kinds == ["hit", "false positive", "miss"]
