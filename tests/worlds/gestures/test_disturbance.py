"""Disturbed keypoints: how wrong they are, measured on people who stand still."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.events.formats.keypoints import KeypointFile
from playhead.events.keypoints import COCO_17, Keypoints
from playhead.worlds.gestures import Disturbance, disturbed

FRAMES = 3000
TORSO = 40.0
NOTHING = Disturbance(
    head=0, trunk=0, middle=0, end=0, jitter=0, unsure=0, unsure_arm=0, unsure_hidden=0,
    swapped=0, missed=0, cut=0,
)  # fmt: skip


def still_person(track: int, frames: int, confidence: float = 1.0) -> Keypoints:
    """Somebody whose shoulders are 40 pixels above the hips; the sides are 20 pixels apart."""
    points = np.zeros((frames, 17, 3), np.float32)
    points[..., 0] = np.array([20 * name.startswith("right") for name in COCO_17.joints])
    points[..., 1] = np.arange(17)
    points[:, COCO_17.indices(("left_hip", "right_hip")), 1] = 60
    points[:, COCO_17.indices(("left_shoulder", "right_shoulder")), 1] = 60 - TORSO
    points[..., 2] = confidence
    return Keypoints(track, COCO_17, np.arange(frames, dtype=np.int32), points)


def still_file(*people: Keypoints, video: str = "a.mp4") -> KeypointFile:
    frames = max(len(person.frames) for person in people)
    return KeypointFile(
        video=video, times=np.arange(frames) / 15, size=(160, 120), skeleton=COCO_17, people=people,
        chosen=(people[0].track,),
    )  # fmt: skip


TRUTH = still_file(still_person(3, FRAMES))


def errors(found: Keypoints) -> NDArray[np.float64]:
    """(N, 17, 2) in torso lengths."""
    moved = found.points[..., :2] - TRUTH.person(3).points[found.frames, :, :2]
    return moved.astype(np.float64) / TORSO


@pytest.mark.parametrize(
    ("joint", "spread"),
    [("nose", 0.02), ("left_shoulder", 0.04), ("right_hip", 0.04), ("left_elbow", 0.03),
     ("right_knee", 0.03), ("left_wrist", 0.03), ("right_ankle", 0.03)],
)  # fmt: skip
def test_the_offset_of_a_joint_has_the_documented_deviation(joint: str, spread: float) -> None:
    alone = replace(Disturbance(), memory=0.5, jitter=0, unsure_factor=1, swapped=0, cut=0)
    found = disturbed(TRUTH, 1, alone).person(3)
    error = errors(found)[:, COCO_17.joints.index(joint)]
    assert error.std() == pytest.approx(spread, rel=0.12)
    assert error.mean(axis=0) == pytest.approx((0, 0), abs=0.2 * spread)


def test_offsets_of_neighbouring_frames_correlate_and_jitter_does_not() -> None:
    error = errors(disturbed(TRUTH, 1, replace(NOTHING, middle=0.05, memory=0.7)).person(3))
    elbow = error[:, COCO_17.joints.index("left_elbow"), 0]
    assert np.corrcoef(elbow[1:], elbow[:-1])[0, 1] == pytest.approx(0.7, abs=0.06)
    error = errors(disturbed(TRUTH, 1, replace(NOTHING, jitter=0.01)).person(3))
    assert error.std() == pytest.approx(0.01, rel=0.05)
    nose = error[:, 0, 0]
    assert np.corrcoef(nose[1:], nose[:-1])[0, 1] == pytest.approx(0, abs=0.06)


def test_joints_behind_a_body_have_errors_twice_as_large() -> None:
    behind = still_file(still_person(3, FRAMES, confidence=0.3))
    found = disturbed(behind, 1, replace(NOTHING, jitter=0.01)).person(3)
    assert errors(found).std() == pytest.approx(0.02, rel=0.05)


def test_an_extractor_is_unsure_of_joints_in_runs_and_of_arms_and_hidden_ones_more_often() -> None:
    steady = replace(Disturbance(), cut=0, missed=0)
    unsure = disturbed(TRUTH, 2, steady).person(3).points[..., 2] < 0.2
    arms = COCO_17.indices(("left_elbow", "right_elbow", "left_wrist", "right_wrist"))
    others = [joint for joint in range(17) if joint not in arms]
    assert unsure[:, others].mean() == pytest.approx(0.03, rel=0.2)
    assert unsure[:, arms].mean() == pytest.approx(0.33, rel=0.1)
    begins = (unsure[1:] & ~unsure[:-1]).sum()
    assert unsure.sum() / begins == pytest.approx(6.0, rel=0.2)
    behind = still_file(still_person(3, FRAMES, confidence=0.3))
    found = disturbed(behind, 2, steady).person(3)
    share = (found.points[..., 2] < 0.2).mean(axis=0)
    assert share[others].mean() == pytest.approx(1 - 0.97 * 0.67, rel=0.1)


def test_joints_of_which_it_is_unsure_have_larger_errors_and_no_confidence_of_0() -> None:
    found = disturbed(TRUTH, 1, replace(NOTHING, jitter=0.01, unsure_arm=0.3)).person(3)
    low = found.points[..., 2] < 0.2
    assert errors(found)[low].std() == pytest.approx(0.03, rel=0.06)
    assert errors(found)[~low].std() == pytest.approx(0.01, rel=0.06)
    assert found.points[..., 2].min() > 0


def test_the_confidence_falls_with_the_error() -> None:
    found = disturbed(TRUTH, 3, replace(NOTHING, end=0.08)).person(3)
    ankle = COCO_17.joints.index("left_ankle")
    size = np.linalg.norm(errors(found)[:, ankle], axis=-1)
    assert np.corrcoef(size, found.points[:, ankle, 2])[0, 1] < -0.7


@pytest.mark.parametrize(
    ("swapped", "kept"),
    [("wrist", "hip"), ("elbow", "shoulder"), ("knee", "hip"), ("ankle", "eye")],
)
def test_arms_and_legs_are_swapped_in_one_frame_of_a_hundred(swapped: str, kept: str) -> None:
    found = disturbed(TRUTH, 4, replace(NOTHING, swapped=0.01)).person(3)
    moved = np.abs(errors(found)).sum(axis=-1) > 0.1
    left, right = COCO_17.indices((f"left_{swapped}", f"right_{swapped}"))
    assert np.array_equal(moved[:, left], moved[:, right])
    assert moved[:, left].mean() == pytest.approx(0.01, rel=0.6)
    assert not moved[:, COCO_17.joints.index(f"left_{kept}")].any()


def test_people_are_missed_in_three_frames_of_a_hundred() -> None:
    found = disturbed(TRUTH, 5, replace(NOTHING, missed=0.03)).person(3)
    assert len(found.frames) / FRAMES == pytest.approx(0.97, abs=0.01)


def test_a_track_is_cut_now_and_then_and_the_longer_part_is_chosen() -> None:
    cut = 0
    for seed in range(300):
        truth = still_file(still_person(3, 12), still_person(5, 12), video=f"{seed}.mp4")
        found = disturbed(truth, 0, replace(NOTHING, cut=0.05))
        (chosen,) = found.chosen
        parts = [person for person in found.people if person.track not in (3, 5)]
        assert len(found.people) == 2 + len(parts)
        if chosen != 3 or len(found.person(3).frames) < 12:
            cut += 1
            lengths = {person.track: len(person.frames) for person in found.people}
            rest = 12 - lengths[3]
            assert rest in {lengths[person.track] for person in parts}
            assert lengths[chosen] >= 6
    assert 5 <= cut <= 28


def test_the_same_seed_and_video_give_the_same_errors_and_others_do_not() -> None:
    small = still_file(still_person(3, 20))
    first, again, other = disturbed(small, 7), disturbed(small, 7), disturbed(small, 8)
    assert np.array_equal(first.person(3).points, again.person(3).points)
    assert not np.array_equal(first.person(3).points[:5], other.person(3).points[:5])
    elsewhere = disturbed(replace(small, video="b.mp4"), 7)
    assert not np.array_equal(first.person(3).points[:5], elsewhere.person(3).points[:5])


def test_all_but_the_people_stays_and_the_settings_say_what_was_done() -> None:
    small = still_file(still_person(3, 20))
    found = disturbed(small, 7)
    assert (found.video, found.size, found.skeleton) == (small.video, small.size, small.skeleton)
    assert np.array_equal(found.times, small.times)
    assert found.settings["disturbed"]["seed"] == 7
    assert found.settings["disturbed"]["end"] == 0.03


def test_somebody_in_a_single_frame_is_still_found() -> None:
    brief = still_file(still_person(3, 1))
    for seed in range(20):
        found = disturbed(brief, seed, Disturbance(missed=0.9, missed_frames=1, cut=0.9))
        assert found.chosen == (3,)
        assert found.person(3).points.shape == (1, 17, 3)
