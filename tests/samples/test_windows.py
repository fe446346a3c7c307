"""Windows and targets: the recipe's numbers on the grid, the same span at any frame rate."""

from fractions import Fraction

import numpy as np
import pytest

from playhead.config import validate
from playhead.errors import ConfigError, LabelError
from playhead.events.model import Event
from playhead.samples.grid import make_grid
from playhead.samples.windows import WindowSpec, targets

RATES = [Fraction(25), Fraction(30000, 1001), Fraction(50), Fraction(60)]
CLASSES = ("pass", "drive")


def grid_of(rate, seconds=20, grid_rate=Fraction(25)):
    count = int(rate * seconds)
    return make_grid(np.array([float(k / rate) for k in range(count)]), count / rate, grid_rate)


def test_the_default_window_is_the_recipes():
    spec = WindowSpec()
    assert spec.offsets.tolist() == list(range(-14, 15, 2))
    stacks = spec.offsets.reshape(spec.stacks, spec.stack)
    assert stacks[:, 1].tolist() == [-12, -6, 0, 6, 12]


def test_a_window_of_33_frames_has_eleven_stacks():
    spec = WindowSpec(frames=33)
    assert (spec.stacks, spec.offsets[1::3].tolist()) == (11, list(range(-30, 31, 6)))


def test_windows_at_the_ends_repeat_the_first_and_the_last_point():
    spec = WindowSpec(frames=5, step=2, stack=1)
    assert spec.window_points(1, 10).tolist() == [0, 0, 1, 3, 5]
    assert spec.window_points(9, 10).tolist() == [5, 7, 9, 9, 9]
    assert spec.window_points(0, 1).tolist() == [0] * 5
    for centre in (-1, 10):
        with pytest.raises(IndexError):
            spec.window_points(centre, 10)


def test_a_window_without_a_middle_or_with_a_broken_stack_is_refused_with_the_reason():
    with pytest.raises(ConfigError, match="must be odd"):
        validate(WindowSpec, {"frames": 14}, source="test")
    with pytest.raises(ConfigError, match="multiple of stack"):
        validate(WindowSpec, {"frames": 15, "stack": 2}, source="test")


@pytest.mark.parametrize("rate", RATES)
def test_a_window_spans_the_same_time_at_any_frame_rate(rate):
    grid = grid_of(rate)
    points = WindowSpec().window_points(200, len(grid))
    shown = grid.frames[points] / float(rate)
    np.testing.assert_allclose(shown, 8 + np.arange(-14, 15, 2) / 25, atol=float(1 / rate / 2))


def test_the_target_is_seven_frames_either_side_at_25_fps():
    values = targets(grid_of(Fraction(25)), [Event(label="pass", start=4.0)], CLASSES)
    assert np.flatnonzero(values[:, 0]).tolist() == list(range(93, 108))
    assert not values[:, 1].any()


@pytest.mark.parametrize("rate", RATES)
def test_the_target_of_an_event_on_a_frame_is_the_same_span_at_any_frame_rate(rate):
    frame = round(rate * 4)
    event = Event(label="pass", start=float(frame / rate))
    for grid_rate in (Fraction(25), rate):
        grid = grid_of(rate, grid_rate=grid_rate)
        positive = grid.times[targets(grid, [event], CLASSES)[:, 0] == 1]
        assert np.abs(positive - event.start).max() <= 0.2811
        assert len(positive) in {int(2 * 0.28 * grid_rate), int(2 * 0.28 * grid_rate) + 1}


def test_two_actions_on_one_frame_both_survive():
    events = [Event(label="pass", start=4.0), Event(label="drive", start=4.0)]
    values = targets(grid_of(Fraction(25)), events, CLASSES)
    assert values[100].tolist() == [1, 1]
    np.testing.assert_array_equal(values[:, 0], values[:, 1])


def test_an_event_between_coarse_points_marks_the_nearest():
    grid = grid_of(Fraction(25), grid_rate=Fraction(1))
    values = targets(grid, [Event(label="drive", start=3.6)], CLASSES, 0.1)
    assert np.argwhere(values).tolist() == [[4, 1]]


def test_an_unknown_class_and_a_label_past_the_end_are_refused():
    grid = grid_of(Fraction(25))
    with pytest.raises(LabelError, match="unknown class 'shot'"):
        targets(grid, [Event(label="shot", start=1.0)], CLASSES)
    with pytest.raises(LabelError, match="past the end of the video"):
        targets(grid, [Event(label="pass", start=20.1)], CLASSES)
