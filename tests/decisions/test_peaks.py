"""Peaks of scores: where they lie, which stand, and what edges, ties, gaps and grids do."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from playhead.config import validate
from playhead.decisions.peaks import ClassPeaks, PeakConfig, find_peaks, smooth
from playhead.errors import ConfigError, PlayheadError

PLAIN = PeakConfig(smoothing_seconds=0, min_height=0.2, distance_seconds=0)


def _one(heights: list[float], config: PeakConfig = PLAIN, rate: float = 25) -> list[int]:
    values = np.array(heights, np.float32)[:, None]
    times = np.arange(len(heights)) / rate
    return [round(event.start * rate) for event in find_peaks(times, values, ["pass"], config)]


def _spread(seconds: float) -> PeakConfig:
    return PeakConfig(smoothing_seconds=0, min_height=0.1, distance_seconds=seconds)


def test_of_peaks_at_0_2_and_4_at_distance_3_both_0_and_4_stay() -> None:
    assert _one([0.9, 0, 0.8, 0, 0.7], _spread(3), rate=1) == [0, 4]


def test_the_highest_of_three_near_peaks_stands_alone() -> None:
    assert _one([0.7, 0, 0.9, 0, 0.8], _spread(3), rate=1) == [2]


def test_peaks_exactly_the_distance_apart_both_stay() -> None:
    heights = [0.0] * 40
    heights[10], heights[25] = 0.9, 0.8
    assert _one(heights, _spread(0.6)) == [10, 25]
    heights[25], heights[24] = 0.0, 0.8
    assert _one(heights, _spread(0.6)) == [10]


def test_of_equal_peaks_the_earlier_wins() -> None:
    assert _one([0, 0.5, 0, 0.5, 0], _spread(3), rate=1) == [1]


def test_the_first_and_the_last_point_can_be_peaks() -> None:
    assert _one([0.9, 0.1, 0.1, 0.8]) == [0, 3]
    assert _one([0.6]) == [0]


def test_an_event_at_either_end_survives_smoothing() -> None:
    config = PeakConfig()
    heights = [0.9] * 4 + [0.0] * 40 + [0.9] * 4
    assert _one(heights, config) == [0, 47]


def test_a_flat_top_counts_as_its_middle_the_earlier_of_two() -> None:
    assert _one([0, 0.5, 0.5, 0.5, 0]) == [2]
    assert _one([0, 0.5, 0.5, 0.5, 0.5, 0]) == [2]
    assert _one([0.5] * 5) == [2]


def test_a_peak_of_exactly_the_least_height_is_kept_and_a_lower_one_is_not() -> None:
    config = PeakConfig(smoothing_seconds=0, min_height=0.25)
    assert _one([0, 0.25, 0], config) == [1]
    assert _one([0, 0.2499, 0], config) == []


def test_no_points_and_no_classes_give_no_events() -> None:
    config = PeakConfig()
    assert find_peaks(np.empty(0), np.empty((0, 2), np.float32), ["a", "b"], config) == []
    assert find_peaks(np.arange(3.0), np.empty((3, 0), np.float32), [], config) == []


def test_nothing_seen_gives_no_events() -> None:
    assert _one([np.nan] * 30, PeakConfig()) == []


def test_a_gap_is_no_peak_and_does_not_pull_its_neighbours_down() -> None:
    heights = [0.8] * 20 + [np.nan] * 5 + [0.8] * 20
    smoothed = smooth(np.arange(45) / 25, np.array(heights, np.float32)[:, None], 0.12)[:, 0]
    assert np.all(np.isnan(smoothed) == np.isnan(heights))
    assert np.nanmax(np.abs(smoothed - np.float32(0.8))) < 1e-6


def test_a_flat_top_beside_a_gap_is_one_event() -> None:
    heights = [0.8] * 101 + [np.nan] * 9 + [0.8] * 51
    assert _one(heights, PeakConfig()) == [50, 135]


def test_the_last_point_before_a_gap_can_be_a_peak() -> None:
    assert _one([0.1, 0.3, 0.6, np.nan, np.nan, 0.5, 0.2]) == [2, 5]


def test_frames_are_handed_on_and_events_come_in_order_of_time() -> None:
    values = np.array([[0, 0.9], [0.8, 0], [0, 0], [0, 0.7]], np.float32)
    frames = np.array([3, 5, 8, 11], np.int32)
    events = find_peaks(np.arange(4.0), values, ["pass", "drive"], PLAIN, frames)
    assert [(e.label, e.start, e.frame) for e in events] == [
        ("drive", 0.0, 3),
        ("pass", 1.0, 5),
        ("drive", 3.0, 11),
    ]
    assert [e.score for e in events] == pytest.approx([0.9, 0.8, 0.7])


def test_the_score_is_the_smoothed_height() -> None:
    values = np.zeros((101, 1), np.float32)
    values[50] = 1
    config = PeakConfig(smoothing_seconds=0.2, min_height=0.01)
    (event,) = find_peaks(np.arange(101) / 25, values, ["pass"], config)
    assert event.start == 2.0
    # A unit impulse becomes the height of a Gaussian of 5 grid points.
    assert event.score == pytest.approx(1 / (5 * np.sqrt(2 * np.pi)), rel=1e-3)


@pytest.mark.parametrize("rate", [12.5, 25, 30000 / 1001, 50, 60])
def test_the_same_bump_gives_the_same_event_at_any_rate(rate: float) -> None:
    times = np.arange(int(10 * rate)) / rate
    bump = np.exp(-0.5 * ((times - 4) / 0.3) ** 2) + 0.6 * np.exp(
        -0.5 * ((times - 4.5) / 0.05) ** 2
    )
    (event,) = find_peaks(times, bump.astype(np.float32)[:, None], ["pass"], PeakConfig())
    assert abs(event.start - 4) <= 1.5 / rate
    # A Gaussian of .3 s smoothed by one of .12 s; its small neighbour adds less than a tenth.
    assert event.score == pytest.approx(0.3 / np.hypot(0.3, 0.12), abs=0.1)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 200), st.integers(1, 20))
def test_equals_scipy_on_an_even_grid_without_gaps(seed: int, points: int, distance: int) -> None:
    # Heights differ from one another; a wide border of zeros keeps the ends from being peaks.
    rng = np.random.default_rng(seed)
    heights = np.pad(rng.permutation(points) / points + 0.001, 15)
    smoothed = scipy.ndimage.gaussian_filter1d(heights, 3)
    config = PeakConfig(smoothing_seconds=0.12, min_height=0.2, distance_seconds=distance / 25)
    found = find_peaks(np.arange(len(heights)) / 25, heights[:, None], ["pass"], config)
    expected, _ = scipy.signal.find_peaks(smoothed, height=0.2, distance=distance)
    assert [round(event.start * 25) for event in found] == expected.tolist()


SERIES = st.lists(
    st.one_of(st.floats(0, 1, width=32), st.just(float("nan"))), min_size=1, max_size=80
)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(SERIES, st.floats(0, 1), st.floats(0, 2), st.integers(0, 1000))
def test_peaks_are_high_apart_seen_and_nothing_between_them_is_forgotten(
    series: list[float], height: float, distance: float, seed: int
) -> None:
    steps = np.random.default_rng(seed).uniform(0.01, 0.2, len(series))
    times: NDArray[np.float64] = np.cumsum(steps)
    values = np.array(series, np.float32)[:, None]
    config = PeakConfig(smoothing_seconds=0.05, min_height=height, distance_seconds=distance)
    events = find_peaks(times, values, ["pass"], config)
    smoothed = smooth(times, values, 0.05)[:, 0]
    assert all(later.start - former.start >= distance - 1e-5 for former, later in pairwise(events))
    assert all(event.score >= height for event in events)
    assert all(event.score == smoothed[np.searchsorted(times, event.start)] for event in events)
    highest = np.nanmax(smoothed) if not np.all(np.isnan(smoothed)) else -1
    if highest >= height:
        assert max(event.score for event in events) == highest


@pytest.mark.parametrize(
    ("times", "values", "needed"),
    [
        (np.arange(3.0), np.zeros((2, 1)), "3 times and 1 classes need"),
        (np.arange(3.0), np.zeros((3, 2)), "3 times and 1 classes need"),
        (np.array([0.0, 1, 1]), np.zeros((3, 1)), "rise"),
        (np.array([0.0, np.nan, 1]), np.zeros((3, 1)), "finite"),
        (np.arange(3.0), np.array([[0], [np.inf], [0]]), "score at 1.000 s is infinite"),
    ],
)
def test_scores_that_make_no_sense_are_refused(
    times: NDArray[np.float64], values: NDArray[np.float64], needed: str
) -> None:
    with pytest.raises(PlayheadError, match=needed):
        find_peaks(times, values.astype(np.float32), ["pass"], PeakConfig())


def test_frames_that_do_not_fit_are_refused() -> None:
    with pytest.raises(PlayheadError, match="as many frames"):
        find_peaks(
            np.arange(3.0), np.zeros((3, 1), np.float32), ["a"], PLAIN, np.zeros(2, np.int32)
        )


def test_a_height_above_one_and_a_negative_distance_are_named_together() -> None:
    with pytest.raises(ConfigError, match=r"2 mistakes.*min_height.*distance_seconds"):
        validate(PeakConfig, {"min_height": 2, "distance_seconds": -1}, source="peaks")


def test_a_class_can_have_decisions_of_its_own() -> None:
    values = np.zeros((40, 2), np.float32)
    values[[10, 14], :] = [[0.9, 0.9], [0.3, 0.3]]
    own = {"serve": {"min_height": 0.5}, "pass": {"distance_seconds": 0.1}}
    decisions = {"smoothing_seconds": 0, "min_height": 0.2, "per_class": own}
    config = validate(PeakConfig, decisions, source="test")
    events = find_peaks(np.arange(40) / 25, values, ["pass", "serve"], config)
    found = [(event.label, round(event.start * 25)) for event in events]
    assert found == [("pass", 10), ("serve", 10), ("pass", 14)]
    assert config.model_dump()["per_class"] == own  # only what was given


def test_smoothing_of_one_class_leaves_the_others_as_they_are() -> None:
    values = np.random.default_rng(0).random((60, 2)).astype(np.float32)
    config = PLAIN.model_copy(update={"per_class": {"b": ClassPeaks(smoothing_seconds=0.2)}})
    times = np.arange(60) / 25
    events = find_peaks(times, values, ["a", "b"], config)
    plain = find_peaks(times, values[:, :1], ["a"], PLAIN)
    smooth_too = PLAIN.model_copy(update={"smoothing_seconds": 0.2})
    assert [event for event in events if event.label == "a"] == plain
    assert [event for event in events if event.label == "b"] == find_peaks(
        times, values[:, 1:], ["b"], smooth_too
    )


def test_decisions_of_a_class_that_the_scores_lack_are_refused() -> None:
    config = PLAIN.model_copy(update={"per_class": {"srve": ClassPeaks(min_height=0.2)}})
    with pytest.raises(PlayheadError, match="per_class.srve: the scores have no such class"):
        find_peaks(np.arange(3) / 25, np.zeros((3, 1), np.float32), ["serve"], config)
