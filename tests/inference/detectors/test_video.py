"""Detection over a video: which frames are sampled, and what a failure leaves unseen."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.inference.detectors.video import sampled_frames, unseen_ranges


@given(
    st.lists(st.floats(0.0005, 0.5), min_size=1, max_size=80),
    st.floats(0.02, 1),
    st.integers(1, 12),
)
def test_sampled_frames_are_no_farther_apart_than_either_bound_unless_they_are_consecutive(
    steps: list[float], seconds: float, frames: int
) -> None:
    times = np.concatenate([[0], np.cumsum(steps)])
    sampled = sampled_frames(times, seconds, frames)
    assert (sampled[0], sampled[-1]) == (0, len(times) - 1)
    for before, after in pairwise(sampled.tolist()):
        assert before < after <= before + frames
        assert after == before + 1 or times[after] - times[before] <= seconds + 1e-5
        # The next frame would have been too far: none is sampled in vain.
        too_late = after < len(times) - 1 and times[after + 1] - times[before] > seconds
        assert after == len(times) - 1 or after == before + frames or too_late


def test_every_zero_samples_all_and_a_constant_rate_at_every_nth() -> None:
    times = np.arange(13) / 25
    assert sampled_frames(times, 0, 8).tolist() == list(range(13))
    assert sampled_frames(times, 0.12, 8).tolist() == [0, 3, 6, 9, 12]
    assert sampled_frames(times[:1], 0.12, 8).tolist() == [0]


def test_without_a_bound_in_frames_time_alone_counts() -> None:
    assert sampled_frames(np.arange(101) / 100, 0.5, None).tolist() == [0, 50, 100]


@pytest.mark.parametrize(
    ("seen", "unseen"),
    [
        ([0, 4, 8, 12], []),
        ([0, 8, 12], [[1, 8]]),
        ([4, 8, 12], [[0, 4]]),
        ([0, 4], [[5, 13]]),
        ([4], [[0, 4], [5, 13]]),
    ],
)
def test_a_failed_sample_leaves_everything_between_its_neighbours_unseen(
    seen: list[int], unseen: list[list[int]]
) -> None:
    schedule = np.array([0, 4, 8, 12], np.int32)
    ranges = unseen_ranges(schedule, np.array(seen, np.int32), frames=13)
    assert ranges.reshape(-1, 2).tolist() == unseen
    assert ranges.dtype == np.int32
