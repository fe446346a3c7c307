"""Decisions on candidates made by hand: thresholds, suppression in time, two views."""

from typing import Any

import numpy as np
import pytest

from playhead.config import validate
from playhead.errors import ConfigError, PlayheadError
from playhead.impact.candidates import Candidates
from playhead.impact.decide import (
    confirmed_scores,
    decide_play,
    find_helmets,
    smoothed_scores,
    strongest_impacts,
)
from playhead.impact.decisions import ImpactDecisions
from tests.impact.helmets import Row, of

BOTH = pytest.mark.parametrize("suppression", ["follow", "window"])


def decided(*views: Candidates, **settings: Any) -> list[list[tuple[int, float]]]:
    """(frame, x) of the impacts of each view."""
    decisions = validate(ImpactDecisions, settings, source="test")
    return [
        [(event.frame or 0, event.box[0] if event.box else 0) for event in video.events]
        for video in decide_play(views, decisions)
    ]


def moving(start: int, x: float, speed: float, scores: list[float]) -> list[Row]:
    """A helmet from frame `start` on, with its impact scores."""
    return [(start + at, x + speed * at, 0.9, score) for at, score in enumerate(scores)]


def test_an_impact_needs_both_scores() -> None:
    rows = [(0, 0, 0.41, 0.46), (0, 100, 0.39, 0.9), (0, 200, 0.9, 0.44)]
    assert decided(of(rows)) == [[(0, 0)]]
    assert decided(of(rows), helmet_threshold=0.3, impact_threshold=0.2) == [
        [(0, 0), (0, 100), (0, 200)]
    ]


def test_of_overlapping_boxes_the_better_helmet_stays_whatever_its_impact() -> None:
    rows = [(5, 0, 0.9, 0.5), (5, 8, 0.8, 0.99), (5, 16, 0.7, 0.6)]
    assert decided(of(rows)) == [[(5, 0), (5, 16)]]
    assert decided(of(rows), overlap=0.7) == [[(5, 0), (5, 8), (5, 16)]]


@BOTH
def test_the_strongest_impact_of_a_helmet_suppresses_those_near_in_time(suppression: str) -> None:
    scores = [0.5, 0.6, 0.7, 0.9, 0.8, 0.6, 0.6, 0.6, 0.5]  # frames 10 to 18, the best is 13
    views = of(moving(10, 0, 1, scores))
    assert decided(views, suppression=suppression) == [[(13, 3), (18, 8)]]
    assert decided(views, suppression=suppression, suppression_frames=5) == [[(13, 3)]]
    assert decided(views, suppression=suppression, suppression_frames=0) == [
        [(10 + at, at) for at in range(9)]
    ]


@BOTH
def test_suppression_in_seconds_is_that_of_the_frames_within(suppression: str) -> None:
    scores = [0.5, 0.6, 0.7, 0.9, 0.8, 0.6, 0.6, 0.6, 0.5]
    in_seconds = {"suppression": suppression, "suppression_seconds": 4 / 60}
    at_60, at_30 = (of(moving(10, 0, 1, scores), rate=rate) for rate in (60, 30))
    assert decided(at_60, **in_seconds) == [[(13, 3), (18, 8)]]
    assert decided(at_30, **in_seconds) == decided(at_30, suppression_frames=2)


@BOTH
def test_another_helmet_nearby_is_not_suppressed(suppression: str) -> None:
    rows = [(10, 0, 0.9, 0.9), (10, 30, 0.9, 0.8), (11, 0, 0.9, 0.7), (11, 30, 0.9, 0.7)]
    assert decided(of(rows), suppression=suppression) == [[(10, 0), (10, 30)]]


def test_only_following_reaches_a_helmet_that_moves_out_of_its_box() -> None:
    views = of(moving(10, 0, 10, [0.9, 0.2, 0.2, 0.8]))
    assert decided(views, suppression="follow") == [[(10, 0)]]
    assert decided(views, suppression="window") == [[(10, 0), (13, 30)]]


def test_a_helmet_is_followed_over_one_frame_without_it() -> None:
    rows = [(10, 0, 0.9, 0.9), (11, 200, 0.9, 0.1), (12, 2, 0.9, 0.8)]
    assert decided(of(rows)) == [[(10, 0)]]
    rows = [(10, 0, 0.9, 0.9), (11, 200, 0.9, 0.1), (12, 200, 0.9, 0.1), (13, 2, 0.9, 0.8)]
    assert decided(of(rows)) == [[(10, 0), (13, 2)]]


def test_smoothing_averages_along_the_helmet() -> None:
    rows = [*moving(10, 0, 5, [0.3, 0.9, 0.6]), (11, 100, 0.9, 0.5)]
    helmets = find_helmets(of(rows), 0.4, 0.25)
    assert helmets.boxes[:, 0].tolist() == [0, 5, 100, 10]
    np.testing.assert_allclose(smoothed_scores(helmets, 1), [0.6, 0.6, 0.5, 0.75], atol=1e-6)
    np.testing.assert_allclose(smoothed_scores(helmets, 0), [0.3, 0.9, 0.5, 0.6], atol=1e-6)
    np.testing.assert_allclose(smoothed_scores(helmets, 2), [0.6, 0.6, 0.5, 0.6], atol=1e-6)


def left(*rows: Row, **more: Any) -> Candidates:
    return of(rows, **more)


def right(*rows: Row, **more: Any) -> Candidates:
    return of(rows, **{"video": "play_right.mp4", "view": "right", **more})


def test_a_weak_impact_without_one_in_the_other_view_goes() -> None:
    views = left((10, 0, 0.9, 0.5), (30, 0, 0.9, 0.5)), right((11, 300, 0.9, 0.6))
    assert decided(*views) == [[(10, 0)], [(11, 300)]]
    assert decided(*views, two_views=False) == [[(10, 0), (30, 0)], [(11, 300)]]
    assert decided(*views, view_frames=0) == [[], [(11, 300)]]
    assert decided(*views, keep_score=0.5) == [[(10, 0), (30, 0)], [(11, 300)]]


def test_an_impact_of_the_other_view_below_the_threshold_confirms_nothing() -> None:
    views = left((10, 0, 0.9, 0.5)), right((10, 300, 0.9, 0.44))
    assert decided(*views) == [[], []]
    assert decided(*views, impact_threshold=0.4) == [[(10, 0)], [(10, 300)]]


def test_a_confirmed_score_is_the_highest_threshold_at_which_an_impact_is_decided() -> None:
    views = (
        left((10, 0, 0.9, 0.5), (20, 0, 0.9, 0.25), (30, 0, 0.9, 0.5), (40, 0, 0.9, 0.75)),
        right((10, 300, 0.9, 0.375), (20, 300, 0.9, 0.75)),
    )
    decisions = ImpactDecisions(keep_score=0.625)
    found = []
    for view in views:
        helmets = find_helmets(view, 0.4, 0.25)
        scores = smoothed_scores(helmets, 0)
        found.append(strongest_impacts(helmets, scores, decisions, threshold=0.1))
    confirmed = confirmed_scores(found, decisions)
    by_frame = [
        dict(zip(impacts.frames.tolist(), scores.tolist(), strict=True))
        for impacts, scores in zip(found, confirmed, strict=True)
    ]
    assert by_frame == [{10: 0.375, 20: 0.25, 30: -1, 40: 0.75}, {10: 0.375, 20: 0.75}]
    for threshold in (0.25, 0.3, 0.375, 0.4, 0.5, 0.7):
        at = decided(*views, keep_score=0.625, impact_threshold=threshold)
        for impacts_at, reached in zip(at, by_frame, strict=True):
            assert [frame for frame, _ in impacts_at] == [
                frame for frame in sorted(reached) if reached[frame] >= threshold
            ]


def test_nothing_is_dropped_if_the_other_view_is_missing() -> None:
    weak = (30, 0, 0.9, 0.5)
    assert decided(left(weak)) == [[(30, 0)]]
    assert decided(left(weak), right(frames=60)) == [[], []]
    assert decided(left(weak), right(frames=20)) == [[(30, 0)], []]  # it ends before
    unseen = right(unseen=np.array([[28, 33]], np.int32))
    assert decided(left(weak), unseen) == [[(30, 0)], []]
    assert decided(left(weak), right(frames=0)) == [[(30, 0)], []]


def test_views_are_compared_by_their_times() -> None:
    weak, other = (30, 0, 0.9, 0.5), (20, 300, 0.9, 0.5)
    assert decided(left(weak), right(other)) == [[], []]
    # Half a second on the clock of the play is frame 30 on the left and frame 20 on the right.
    late = left(weak, offset=0.0), right(other, offset=-10 / 60)
    assert decided(*late) == [[(30, 0)], [(20, 300)]]
    slow = left(weak), right((15, 300, 0.9, 0.5), rate=30, frames=30)
    assert decided(*slow) == [[(30, 0)], [(15, 300)]]
    # One frame of the slow view is two of the fast one.
    near = left((32, 0, 0.9, 0.5)), right((15, 300, 0.9, 0.5), rate=30, frames=30)
    assert decided(*near) == [[(32, 0)], [(15, 300)]]


def test_events_have_the_time_box_score_and_view_of_the_impact() -> None:
    [video] = decide_play([left((12, 5, 0.9, 0.75))], ImpactDecisions())
    [event] = video.events
    assert (event.label, event.frame, event.start, event.score) == ("impact", 12, 0.2, 0.75)
    assert (event.box, event.view) == ((5, 0, 25, 20), "left")
    assert (video.video, video.frames, video.classes) == ("play_left.mp4", 60, ("impact",))


def test_other_settings_and_a_third_view_are_refused() -> None:
    for settings in ({"suppression": "none"}, {"overlap": 1.5}, {"unknown": 1}):
        with pytest.raises(ConfigError):
            validate(ImpactDecisions, settings, source="test")
    with pytest.raises(PlayheadError, match="got 3"):
        decide_play([left(), right(), right()], ImpactDecisions())
