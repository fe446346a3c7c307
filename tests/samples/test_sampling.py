"""Sampling weights have the recipe's closed forms, and draws follow them."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.errors import LabelError
from playhead.events.model import Event
from playhead.samples.grid import make_grid
from playhead.samples.sampling import (
    FramesSampler,
    SamplingConfig,
    ShiftConfig,
    sampling_weights,
    seen_points,
    shift_points,
    usable_points,
    validation_points,
)
from playhead.samples.windows import WindowSpec


def grid_of(frames, rate=Fraction(25)):
    return make_grid(np.arange(frames) / 25, frames / 25, rate)


def at(*frames, label="pass"):
    return [Event(label=label, start=frame / 25) for frame in frames]


def test_half_the_windows_lie_within_nine_frames_of_an_action():
    (weights,) = sampling_weights([grid_of(1000)], [at(100, 500, 505)], SamplingConfig())
    near = np.zeros(1000, bool)
    near[91:110] = near[491:515] = True
    assert weights[near].sum() == pytest.approx(0.5)
    assert np.ptp(weights[near]) == pytest.approx(0)
    assert np.ptp(weights[~near]) == pytest.approx(0)
    assert weights.sum() == pytest.approx(1)


def test_share_and_radius_are_configurable():
    config = SamplingConfig(action_share=0.6, near_seconds=0.16)
    (weights,) = sampling_weights([grid_of(1000)], [at(100)], config)
    assert weights[96:105].sum() == pytest.approx(0.6)


def test_a_corpus_keeps_the_share_although_some_videos_have_no_action():
    grids = [grid_of(1000), grid_of(3000)]
    first, second = sampling_weights(grids, [at(100), []], SamplingConfig())
    assert first[91:110].sum() == pytest.approx(0.5)
    assert second[0] == pytest.approx(first[0])  # away from actions all points are alike
    first, second = sampling_weights(grids, [at(100), []], SamplingConfig(balance="video"))
    assert first.sum() == pytest.approx(0.5)
    assert second.sum() == pytest.approx(0.5)
    assert first[91:110].sum() == pytest.approx(0.25)


def test_class_weights_set_how_often_each_class_is_drawn_and_the_larger_wins():
    config = SamplingConfig(class_weights={"pass": 1.0, "goal": 0.25})
    events = [*at(100), *at(500, label="goal"), *at(800), *at(800, label="goal")]
    (weights,) = sampling_weights([grid_of(1000)], [events], config)
    assert weights[500] / weights[100] == pytest.approx(0.25)
    assert weights[800] == pytest.approx(weights[100])
    near = weights[91:110].sum() + weights[491:510].sum() + weights[791:810].sum()
    assert near == pytest.approx(0.5)
    with pytest.raises(LabelError, match="no weight for 'shot'"):
        sampling_weights([grid_of(1000)], [at(10, label="shot")], config)


def test_stage_three_weights_equal_the_recipe_written_out_frame_by_frame():
    rng = np.random.default_rng(0)
    frames, actions = 800, (60, 300, 320, 700)
    scores = rng.uniform(0, 1, (frames, 2)).astype(np.float32) ** 4
    scores[500:510] = np.nan
    (weights,) = sampling_weights(
        [grid_of(frames)], [at(*actions)], SamplingConfig(), scores=[scores]
    )

    distance = [min(abs(frame - action) for action in actions) for frame in range(frames)]
    expected = [1.0 if d <= 9 else 0.0 for d in distance]
    action_mass = sum(expected)
    even = action_mass / expected.count(0.0)
    for frame, d in enumerate(distance):
        if d > 9:
            score = max((s for s in scores[frame] if not math.isnan(s)), default=0.0)
            expected[frame] = max(even, float(score))
        if 9 < d <= 27:
            expected[frame] = even
    band = sum(even for d in distance if 9 < d <= 27)
    rest = sum(w for w, d in zip(expected, distance, strict=True) if d > 27)
    factor = (action_mass - band) / rest
    expected = [w * factor if d > 27 else w for w, d in zip(expected, distance, strict=True)]
    np.testing.assert_allclose(weights, np.array(expected) / sum(expected), rtol=1e-6)
    assert weights[[d <= 9 for d in distance]].sum() == pytest.approx(0.5)


def test_scores_of_another_grid_are_refused():
    with pytest.raises(LabelError, match="same video and grid"):
        sampling_weights([grid_of(100)], [at(10)], SamplingConfig(), scores=[np.zeros((99, 2))])


@pytest.mark.slow
@settings(max_examples=40)
@given(
    st.lists(st.integers(0, 299), max_size=8),
    st.lists(st.integers(0, 299), max_size=5),
    st.floats(0.1, 0.9),
)
def test_no_weight_falls_where_a_window_would_touch_unreadable_frames(actions, damaged, share):
    spec = WindowSpec(frames=5, step=2, stack=1)
    grid, readable = grid_of(300), np.ones(300, bool)
    readable[damaged] = False
    usable = usable_points(grid, readable, spec)
    config = SamplingConfig(action_share=share)
    (weights,) = sampling_weights([grid], [at(*actions)], config, usable=[usable])
    assert weights.sum() == pytest.approx(1)
    shift = ShiftConfig(probability=1)
    rng = np.random.default_rng(0)
    for centre in np.flatnonzero(weights).tolist():
        points = spec.window_points(centre, 300)
        for _ in range(2):
            shifted = shift_points(points, 300, shift, rng)
            assert readable[grid.frames[shifted]].all()
    near = np.zeros(300, bool)
    for action in actions:
        near[max(action - 9, 0) : action + 10] = True
    if (near & usable).any() and (~near & usable).any():
        assert weights[near].sum() == pytest.approx(share)


def test_a_video_that_cannot_be_read_at_all_leaves_nothing_to_draw():
    with pytest.raises(LabelError, match="no window can be drawn"):
        sampling_weights(
            [grid_of(50)], [at(10)], SamplingConfig(), usable=[np.zeros(50, dtype=bool)]
        )


def test_draws_follow_the_weights_and_the_seed():
    weights = [np.array([0, 1.0, 0]), np.array([2.0, 0, 0, 1.0])]
    sampler = FramesSampler.from_weights(weights)
    rng = np.random.default_rng(3)
    draws = [sampler.draw(rng) for _ in range(4000)]
    counts = {place: draws.count(place) for place in set(draws)}
    assert set(counts) == {(0, 1), (1, 0), (1, 3)}
    assert counts[(1, 0)] / 4000 == pytest.approx(0.5, abs=0.03)
    assert draws[:50] == [
        sampler.draw(rng) for rng in [np.random.default_rng(3)] for _ in range(50)
    ]


def test_a_draw_never_lands_on_a_weight_of_zero_at_the_end():
    class Highest:
        def random(self):
            return np.nextafter(1.0, 0.0)

    weights = [np.full(7, 0.1), np.zeros(5)]
    assert FramesSampler.from_weights(weights).draw(Highest()) == (0, 6)


@pytest.mark.slow
def test_shifts_happen_to_a_quarter_of_windows_with_the_recipes_shares():
    rng, points = np.random.default_rng(0), np.arange(100, 130, 2)
    moved = [shift_points(points, 1000, ShiftConfig(), rng) - points for _ in range(8000)]
    shifted = [move for move in moved if move.any()]
    assert len(shifted) / 8000 == pytest.approx(0.25, abs=0.015)
    values, counts = np.unique(np.concatenate(shifted), return_counts=True)
    assert values.tolist() == [-1, 0, 1]
    np.testing.assert_allclose(counts / counts.sum(), [0.2, 0.6, 0.2], atol=0.01)


def test_shifted_points_stay_on_the_grid():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        points = shift_points(np.array([0, 4, 9]), 10, ShiftConfig(probability=1), rng)
        assert 0 <= points.min() <= points.max() <= 9


def test_seen_points_are_the_window_and_its_neighbours():
    spec = WindowSpec(frames=3, step=5, stack=1)
    assert seen_points(spec).tolist() == [-6, -5, -4, -1, 0, 1, 4, 5, 6]


def test_validation_sees_every_action_and_the_empty_midpoints():
    points = validation_points(grid_of(1000), at(100, 110, 500, 500))
    assert points.tolist() == [100, 110, 305, 500]  # 105 lies within .28 s of both neighbours
    assert validation_points(grid_of(1000), []).tolist() == [500]
