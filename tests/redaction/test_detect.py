"""Detection in a video: which frames are looked at, and what a failed look leaves unseen."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.redaction.config import RedactionConfig, load_redaction_config
from playhead.redaction.detect import looked_frames, looked_size, unseen_ranges, weights_for


@given(
    st.lists(st.floats(0.0005, 0.5), min_size=1, max_size=80),
    st.floats(0.02, 1),
    st.integers(1, 12),
)
def test_sampled_frames_are_no_farther_apart_than_either_bound_unless_they_are_consecutive(
    steps: list[float], seconds: float, frames: int
) -> None:
    times = np.concatenate([[0], np.cumsum(steps)])
    looked = looked_frames(times, seconds, frames)
    assert (looked[0], looked[-1]) == (0, len(times) - 1)
    for before, after in pairwise(looked.tolist()):
        assert before < after <= before + frames
        assert after == before + 1 or times[after] - times[before] <= seconds + 1e-5
        # The next frame would have been too far: none is sampled in vain.
        too_late = after < len(times) - 1 and times[after + 1] - times[before] > seconds
        assert after == len(times) - 1 or after == before + frames or too_late


def test_every_zero_looks_at_all_and_a_constant_rate_at_every_nth() -> None:
    times = np.arange(13) / 25
    assert looked_frames(times, 0, 8).tolist() == list(range(13))
    assert looked_frames(times, 0.12, 8).tolist() == [0, 3, 6, 9, 12]
    assert looked_frames(times[:1], 0.12, 8).tolist() == [0]


def test_at_any_rate_the_presets_sample_a_frame_in_eight_or_more() -> None:
    for preset in ("balanced", "fast", "thorough"):
        detection = load_redaction_config(preset).detection
        for rate in (5, 25, 60, 240, 1000, 10_000):
            times = np.arange(100) / rate
            looked = looked_frames(times, detection.every_seconds, detection.every_frames)
            assert np.diff(looked).max() <= 8


def test_an_audit_samples_by_time_alone() -> None:
    assert looked_frames(np.arange(101) / 100, 0.5, None).tolist() == [0, 50, 100]


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
def test_a_missed_look_leaves_everything_between_its_neighbours_unseen(
    seen: list[int], unseen: list[list[int]]
) -> None:
    schedule = np.array([0, 4, 8, 12], np.int32)
    ranges = unseen_ranges(schedule, np.array(seen, np.int32), frames=13)
    assert ranges.reshape(-1, 2).tolist() == unseen
    assert ranges.dtype == np.int32


def test_a_picture_is_never_enlarged_to_be_looked_at() -> None:
    assert looked_size(640, 360, 1280) == (640, 360)
    assert looked_size(1080, 1920, 1280) == (720, 1280)
    assert looked_size(3000, 2, 1280) == (1280, 1)


def test_only_the_networks_that_are_needed_are_opened() -> None:
    assert weights_for(RedactionConfig(hide=("face",))) == ["centerface"]
    assert weights_for(RedactionConfig(hide=("car", "head"))) == [
        "objectron",
        "centerface",
        "people",
    ]
    fast = RedactionConfig.model_validate({"detection": {"faces": "blazeface"}})
    assert weights_for(fast) == ["blazeface", "plates"]
