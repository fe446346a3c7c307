"""Metrics of spans, against brute force and sampling on a fine grid of time."""

import itertools
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.errors import LabelError
from playhead.events.model import Event, VideoEvents
from playhead.metrics.spans import BoundaryErrors, SpanCounts, evaluate_spans, match_spans

KINDS = ("opening", "ending")


def span(start: float, end: float, kind: str = "opening") -> Event:
    return Event(label=kind, start=start, end=end)


def video(*events: Event, name: str = "a") -> VideoEvents:
    return VideoEvents(video=name, classes=(*KINDS, "title"), events=events)


@st.composite
def spans(draw: st.DrawFn) -> list[Event]:
    """Up to four spans on a grid of half seconds, which may overlap."""
    count = draw(st.integers(0, 4))
    found = []
    for _ in range(count):
        start, length = draw(st.integers(0, 20)), draw(st.integers(1, 10))
        kind = draw(st.sampled_from(KINDS))
        found.append(span(start / 2, (start + length) / 2, kind))
    return found


def brute_force_hits(truth: list[Event], guesses: list[Event], *, near: bool) -> int:
    """The most hits over every assignment of guesses to true spans."""

    def hit(real: Event, guess: Event) -> bool:
        assert real.end is not None
        assert guess.end is not None
        if near:
            return abs(real.start - guess.start) <= 0.5 and abs(real.end - guess.end) <= 0.5
        grid = [k / 4 for k in range(100)]
        a = {t for t in grid if real.start <= t < real.end}
        b = {t for t in grid if guess.start <= t < guess.end}
        return len(a & b) / len(a | b) >= 0.5

    if len(truth) > len(guesses):
        truth, guesses = guesses, truth
    return max(
        (
            sum(hit(a, b) for a, b in zip(truth, chosen, strict=True))
            for chosen in itertools.permutations(guesses, len(truth))
        ),
        default=0,
    )


@given(spans(), spans())
def test_hits_are_the_most_that_any_assignment_has(
    truth: list[Event], guesses: list[Event]
) -> None:
    result = evaluate_spans([video(*truth)], [video(*guesses)], kinds=KINDS, durations={"a": 3600})
    for kind in KINDS:
        real = [event for event in truth if event.label == kind]
        guessed = [event for event in guesses if event.label == kind]
        hits = brute_force_hits(real, guessed, near=False)
        assert result.kinds[kind].overlap == SpanCounts(hits, len(real), len(guessed))
        hits = brute_force_hits(real, guessed, near=True)
        assert result.kinds[kind].near == SpanCounts(hits, len(real), len(guessed))


@given(spans(), spans())
def test_false_skips_are_the_time_in_predictions_and_in_no_true_span(
    truth: list[Event], guesses: list[Event]
) -> None:
    result = evaluate_spans([video(*truth)], [video(*guesses)], kinds=KINDS, durations={"a": 1800})

    def inside(events: list[Event], time: float) -> bool:
        return any(e.start <= time < (e.end or 0) for e in events)

    grid = [k / 4 + 0.1 for k in range(100)]
    seconds = sum(inside(guesses, t) and not inside(truth, t) for t in grid) / 4
    assert result.false_skip_seconds == pytest.approx(seconds)
    assert result.false_skip_seconds_per_hour == pytest.approx(2 * seconds)


def test_the_skip_of_a_wrong_kind_skips_no_story() -> None:
    result = evaluate_spans(
        [video(span(10, 100, "ending"))],
        [video(span(10, 100, "opening"))],
        kinds=KINDS,
        durations={"a": 3600},
    )
    assert result.false_skip_seconds == 0
    assert result.total.overlap == SpanCounts(0, 1, 1)


def test_boundary_errors_are_of_both_ends_of_matched_spans() -> None:
    result = evaluate_spans(
        [video(span(10, 100), span(500, 600, "ending")), video(span(5, 95), name="b")],
        [video(span(10.1, 99.8), span(503, 600, "ending")), video(span(200, 300), name="b")],
        kinds=KINDS,
        durations={"a": 3600, "b": 3600},
    )
    errors = [0.1, 0.2, 3.0, 0.0]
    assert result.total.errors.median == pytest.approx(statistics.median(errors))
    assert result.total.errors.max == pytest.approx(3.0)
    assert result.total.errors.p90 == pytest.approx(
        statistics.quantiles(errors, n=10, method="inclusive")[-1]
    )
    assert result.kinds["opening"].errors.max == pytest.approx(0.2)
    assert (result.total.overlap.precision, result.total.overlap.recall) == (2 / 3, 2 / 3)
    assert result.total.near.hits == 1
    assert result.false_skip_seconds_per_hour == pytest.approx((100 + 0.0) / 2)


def test_of_matchings_with_equal_hits_the_largest_overlap_is_taken() -> None:
    truth, guesses = [span(0, 10), span(1, 11)], [span(1, 11), span(0, 10)]
    pairs = match_spans(truth, guesses, min_iou=0.5)
    assert [(a.start, b.start) for a, b in pairs] == [(0, 0), (1, 1)]


def test_nothing_predicted_is_no_precision_and_no_errors() -> None:
    result = evaluate_spans([video(span(0, 10))], [], kinds=KINDS, durations={})
    assert result.total.overlap.precision is None
    assert result.total.overlap.recall == 0
    assert result.total.errors == BoundaryErrors(None, None, None)
    assert result.false_skip_seconds_per_hour is None


def test_instants_and_other_labels_do_not_count() -> None:
    other = (Event(label="opening", start=3.0), span(0, 10, "title"))
    result = evaluate_spans([video(*other)], [video(*other)], kinds=KINDS, durations={"a": 60})
    assert result.total.overlap == SpanCounts(0, 0, 0)
    assert result.false_skip_seconds == 0


def test_predictions_of_an_unknown_video_are_refused() -> None:
    with pytest.raises(LabelError, match="b: the ground truth"):
        evaluate_spans([video()], [video(name="b")], kinds=KINDS, durations={})
