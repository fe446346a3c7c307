"""The time grid shows the nearest frame at every moment, whatever a container did to the times."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.errors import MediaError, PlayheadError
from playhead.samples.grid import make_grid
from playhead.times import nearest

RATES = [Fraction(25), Fraction(30000, 1001), Fraction(50), Fraction(60), Fraction(24000, 1001)]
TIME_BASES = [12800, 90000, 1000, 1200000, 15360, 30000]


def frame_times(rate, count, base=None):
    """Times as a container with `base` ticks a second stores them, and the duration."""
    ticks = np.arange(count + 1) * rate.denominator
    if base is None:
        seconds = ticks / rate.numerator
    else:
        seconds = (2 * ticks * base + rate.numerator) // (2 * rate.numerator) / base
    return seconds[:-1], seconds[-1]


@pytest.mark.slow
@pytest.mark.parametrize("base", TIME_BASES)
@pytest.mark.parametrize("rate", RATES)
def test_a_video_on_a_grid_of_its_own_rate_shows_frame_i_at_point_i(rate, base):
    count = int(rate * 7200)  # two hours: the error of floats grows with time
    grid = make_grid(*frame_times(rate, count, base), rate)
    np.testing.assert_array_equal(grid.frames, np.arange(count))
    assert grid.times[-1] == float((count - 1) / rate)


@pytest.mark.parametrize("rate", RATES)
def test_ten_seconds_are_250_points_of_a_25_fps_grid_at_any_frame_rate(rate):
    grid = make_grid(*frame_times(rate, round(rate * 10)), Fraction(25))
    assert len(grid) in (250, 251)  # 29.97 fps: 300 frames last 10.01 s
    np.testing.assert_allclose(grid.times, np.arange(len(grid)) / 25)
    times, _ = frame_times(rate, round(rate * 10))
    inside = grid.times <= times[-1]  # past it the last frame stays on screen
    assert inside.sum() >= len(grid) - 1
    assert np.abs(times[grid.frames] - grid.times)[inside].max() <= float(1 / rate / 2) + 1e-9


def test_a_point_in_the_middle_of_two_frames_shows_the_earlier_even_with_noise():
    for base in (12800, 90000, 1000):
        times, duration = frame_times(Fraction(25), 2000, base)
        grid = make_grid(times, duration, Fraction(50))
        np.testing.assert_array_equal(grid.frames, np.arange(4000) // 2)


def test_every_second_frame_of_50_fps_lies_on_a_25_fps_grid():
    grid = make_grid(*frame_times(Fraction(50), 1000, 1000), Fraction(25))
    np.testing.assert_array_equal(grid.frames, np.arange(0, 1000, 2))


@given(st.lists(st.integers(1, 400), min_size=1, max_size=60), st.sampled_from(RATES))
def test_variable_rate_shows_the_frame_that_brute_force_finds_nearest(gaps, rate):
    ticks = np.cumsum([0, *gaps])  # milliseconds
    times, duration = ticks[:-1] / 1000, ticks[-1] / 1000
    grid = make_grid(times, duration, rate)
    distance = np.abs(times[None] - grid.times[:, None])
    best = distance.min(axis=1)
    chosen = distance[np.arange(len(grid)), grid.frames]
    assert (chosen <= best + 2e-6).all()
    assert (np.diff(grid.frames) >= 0).all()
    assert len(grid) == 1 or grid.times[-1] < duration
    assert grid.times[-1] + 1 / rate >= duration - 0.0011


def test_a_native_grid_has_a_point_for_every_frame_at_its_own_time():
    times = np.array([0, 0.033, 0.2, 0.21])
    grid = make_grid(times, 0.3, "native")
    assert grid.rate is None
    np.testing.assert_array_equal(grid.frames, [0, 1, 2, 3])
    np.testing.assert_array_equal(grid.times, times)


def test_the_index_of_a_time_is_the_nearest_point_and_ties_go_to_the_earlier():
    grid = make_grid(*frame_times(Fraction(25), 100), Fraction(25))
    assert [grid.index(seconds) for seconds in (0, 0.0199, 0.02, 0.0201, 0.04)] == [0, 0, 0, 1, 1]
    assert grid.index(99) == 99
    np.testing.assert_array_equal(grid.indices(grid.times), np.arange(100))


def test_within_counts_its_ends_and_never_misses_the_nearest_point():
    grid = make_grid(*frame_times(Fraction(25), 100, 1000), Fraction(25))
    assert grid.within(2.0, 0.28) == (43, 58)
    assert grid.within(0.0, 0.28) == (0, 8)
    assert grid.within(3.96, 0.28) == (92, 100)
    assert grid.within(2.015, 0.0) == (50, 51)


def test_one_frame_makes_one_point():
    grid = make_grid(np.array([0.0]), 0.0, Fraction(25))
    assert (len(grid), grid.frames[0]) == (1, 0)


def test_a_video_without_frames_and_a_rate_of_zero_are_refused():
    with pytest.raises(MediaError, match="without frames"):
        make_grid(np.array([]), 0.0, Fraction(25))
    for rate in (Fraction(0), 25, "Native"):
        with pytest.raises(PlayheadError, match="positive fraction"):
            make_grid(np.array([0.0]), 1.0, rate)


@given(
    st.lists(st.integers(0, 10**6), min_size=1, max_size=40, unique=True),
    st.lists(st.floats(-1, 1100), min_size=1, max_size=20),
)
def test_nearest_agrees_with_an_exhaustive_search(ticks, wanted):
    times = np.sort(np.array(ticks)) / 1000
    found = nearest(times, wanted)
    for seconds, index in zip(wanted, found, strict=True):
        distances = np.abs(times - seconds)
        ties = np.flatnonzero(distances <= distances.min() + 1e-6)
        assert index in ties
        if index != ties[0]:  # only noise of floats may choose between microseconds
            assert distances[ties[0]] >= distances[index]
