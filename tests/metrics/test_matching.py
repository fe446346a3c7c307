"""Matching, curves and the best F1: what is a hit, and where the threshold lies best."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.errors import LabelError
from playhead.events.model import Event, VideoEvents
from playhead.metrics.curves import F1, best_f1, precision_recall
from playhead.metrics.matching import match_events

CLASSES = ("pass", "drive")


def _at(label: str, start: float, score: float = 1.0) -> Event:
    return Event(label=label, start=start, score=score)


def _video(*events: Event, video: str = "a") -> VideoEvents:
    return VideoEvents(video=video, classes=CLASSES, events=events)


def test_hits_misses_and_false_positives_are_told_apart() -> None:
    truth = _video(_at("pass", 1), _at("drive", 5), _at("pass", 9))
    guess = _video(_at("pass", 1.3, 0.9), _at("pass", 5, 0.8), _at("pass", 9.6, 0.7))
    found = match_events(truth, guess, 1.0)
    assert [(real.start, made.start) for real, made in found.hits] == [(1, 1.3)]
    assert [event.start for event in found.misses] == [5, 9]
    assert [event.start for event in found.false_positives] == [5, 9.6]
    assert len(match_events(truth, guess, 1.2).hits) == 2


def test_predictions_below_the_threshold_are_not_made() -> None:
    truth, guess = _video(_at("pass", 1)), _video(_at("pass", 1, 0.4))
    assert match_events(truth, guess, 1.0, threshold=0.4).hits
    assert match_events(truth, guess, 1.0, threshold=0.41).misses == truth.events


def test_an_event_is_found_once_by_the_better_prediction() -> None:
    truth = _video(_at("pass", 10))
    guess = _video(_at("pass", 10.0, 0.3), _at("pass", 10.4, 0.8))
    found = match_events(truth, guess, 1.0)
    assert [made.score for _, made in found.hits] == [0.8]
    assert [made.score for made in found.false_positives] == [0.3]


def test_the_edge_of_the_tolerance_is_a_hit_whatever_floats_say() -> None:
    for start in (10.0, 0.1, 1234.567, 7200.3):
        truth, guess = _video(_at("pass", start)), _video(_at("pass", start + 0.12))
        assert match_events(truth, guess, 0.24).hits


def test_predictions_of_another_video_are_refused() -> None:
    with pytest.raises(LabelError, match="b: has predictions but no ground truth"):
        match_events(_video(video="a"), _video(video="b"), 1.0)


SPOTS = st.lists(
    st.tuples(st.sampled_from(CLASSES), st.integers(0, 200), st.integers(0, 100)), max_size=25
)


def _made(spots: list[tuple[str, int, int]]) -> VideoEvents:
    return _video(*(_at(label, tenths / 10, score / 100) for label, tenths, score in spots))


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(SPOTS, SPOTS, st.integers(0, 40))
def test_every_event_and_prediction_is_told_once_and_hits_are_in_reach(
    real: list[tuple[str, int, int]], guessed: list[tuple[str, int, int]], tenths: int
) -> None:
    truth, guess = _made(real), _made(guessed)
    found = match_events(truth, guess, tenths / 10)

    def keys(events: list[Event]) -> list[tuple[str, float, float]]:
        return sorted((e.label, e.start, e.score) for e in events)

    assert keys([r for r, _ in found.hits] + [*found.misses]) == keys([*truth.events])
    assert keys([m for _, m in found.hits] + [*found.false_positives]) == keys([*guess.events])
    assert all(r.label == m.label for r, m in found.hits)
    assert all(abs(r.start - m.start) <= tenths / 20 + 1e-5 for r, m in found.hits)
    for miss in found.misses:  # no false alarm of its class lies in reach: it would have taken it
        near = [f for f in found.false_positives if f.label == miss.label]
        assert all(abs(f.start - miss.start) > tenths / 20 for f in near)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(SPOTS, SPOTS)
def test_the_best_f1_is_the_best_over_every_threshold_tried_by_hand(
    real: list[tuple[str, int, int]], guessed: list[tuple[str, int, int]]
) -> None:
    truth, guess = _made(real), _made(guessed)
    tried = [0.0]
    for percent in range(101):
        found = match_events(truth, guess, 1.0, threshold=percent / 100)
        wrong = len(found.misses) + len(found.false_positives)
        tried.append(2 * len(found.hits) / max(1, 2 * len(found.hits) + wrong))
    best = best_f1([truth], [guess], tolerance=1.0).overall
    assert best.f1 == pytest.approx(max(tried))
    if best.threshold is not None:
        found = match_events(truth, guess, 1.0, threshold=best.threshold)
        hits, alarms = len(found.hits), len(found.false_positives)
        assert best.precision == pytest.approx(hits / (hits + alarms))
        assert best.recall == pytest.approx(hits / len(truth.events))


def test_each_class_has_its_own_best_threshold() -> None:
    truth = [_video(_at("pass", 1), _at("drive", 5))]
    guess = [
        _video(_at("pass", 1, 0.9), _at("pass", 3, 0.8), _at("drive", 5, 0.3), _at("drive", 8, 0.2))
    ]
    result = best_f1(truth, guess)
    assert result.per_class["pass"] == F1(f1=1.0, threshold=0.9, precision=1.0, recall=1.0)
    assert result.per_class["drive"] == F1(f1=1.0, threshold=0.3, precision=1.0, recall=1.0)
    assert result.overall.f1 == pytest.approx(4 / 5)
    assert result.overall.threshold == 0.3


def test_without_a_hit_f1_is_zero_and_has_no_threshold() -> None:
    nothing = F1(f1=0.0, threshold=None, precision=0.0, recall=0.0)
    for truth, guess in (
        (_video(), _video(_at("pass", 1))),
        (_video(_at("pass", 1)), _video()),
        (_video(_at("pass", 1)), _video(_at("pass", 9))),
    ):
        assert best_f1([truth], [guess]).overall == nothing


def test_a_curve_has_one_point_for_predictions_that_score_alike() -> None:
    truth = [_video(_at("pass", 1), _at("pass", 5))]
    guess = [_video(_at("pass", 1, 0.5), _at("pass", 3, 0.5), _at("pass", 5, 0.2))]
    curve = precision_recall(truth, guess)["pass"]
    assert curve.thresholds.tolist() == [0.5, 0.2]
    assert curve.precision == pytest.approx([1 / 2, 2 / 3])
    assert curve.recall == pytest.approx([1 / 2, 1])
    assert curve.truths == 2


def test_a_curve_without_predictions_is_empty_and_without_truth_recalls_nothing() -> None:
    curves = precision_recall([_video(_at("pass", 1))], [_video(_at("drive", 1, 0.5))])
    assert len(curves["pass"].thresholds) == 0
    assert np.all(curves["drive"].recall == 0)
    assert np.all(curves["drive"].precision == 0)
