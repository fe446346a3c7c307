"""Keypoints as the input of a network."""

import numpy as np
import pytest

from playhead.events.formats.keypoints import KeypointFile
from playhead.events.keypoints import COCO_17, Keypoints
from playhead.recognition.plan import KeypointClipPlan
from playhead.recognition.poses import (
    LONGEST_GAP,
    clip_keypoints,
    flip,
    keypoints_between,
    normalise,
)

TIMES = np.arange(30) / 10
JOINTS = len(COCO_17.joints)


def body(x: float = 100.0, y: float = 80.0, torso: float = 40.0) -> np.ndarray:
    """(J, 3): hips at (x, y), shoulders a torso above, all joints seen."""
    points = np.ones((JOINTS, 3), np.float32)
    rng = np.random.default_rng(1)
    points[:, :2] = np.array((x, y)) + rng.normal(0, torso / 2, (JOINTS, 2))
    left_hip, right_hip, left, right = COCO_17.indices(
        ("left_hip", "right_hip", "left_shoulder", "right_shoulder")
    )
    points[left_hip, :2], points[right_hip, :2] = (x + 5, y), (x - 5, y)
    points[left, :2], points[right, :2] = (x + 8, y - torso), (x - 8, y - torso)
    return points


def recording(*people: np.ndarray, frames: np.ndarray | None = None) -> KeypointFile:
    """People (T, J, 3) in all frames, or in some."""
    kept = np.arange(30, dtype=np.int32) if frames is None else frames.astype(np.int32)
    return KeypointFile(
        video="a.mp4",
        times=TIMES,
        size=(320, 240),
        skeleton=COCO_17,
        people=tuple(
            Keypoints(n, COCO_17, kept, points.astype(np.float32))
            for n, points in enumerate(people)
        ),
        chosen=(0,),
    )


def moving(speed: float, torso: float = 40.0) -> np.ndarray:
    """Moves to the right by `speed` pixels a second."""
    return np.stack([body(100 + speed * time, 80, torso) for time in TIMES])


def test_points_between_frames_lie_on_the_line() -> None:
    points = clip_keypoints(recording(moving(10)), (0,), np.array([0.0, 0.25, 1.07]))
    expected = body()[:, 0][None] + 10 * np.array([[0.0], [0.25], [1.07]])
    assert np.allclose(points[:, 0, :, 0], expected, atol=1e-3)
    assert np.all(points[..., -1] == 1)


def test_a_joint_is_missing_where_it_was_not_seen_for_long() -> None:
    points = moving(0)
    points[10:20, 3, -1] = 0
    points[10:20, 3, :2] = 1e4
    found = clip_keypoints(recording(points), (0,), TIMES)[:, 0, 3]
    far = (TIMES - TIMES[9] > LONGEST_GAP) & (TIMES[20] - TIMES > LONGEST_GAP)
    assert np.array_equal(found[:, -1] == 0, far)
    assert np.abs(found[:, :2] - body()[3, :2]).max() < 1e-3  # never the wild coordinates


def test_before_its_first_sighting_a_joint_is_where_it_is_seen_first() -> None:
    points = moving(10)
    points[:5, 3, -1] = 0
    points[:5, 3, :2] = 1e4
    found = clip_keypoints(recording(points), (0,), TIMES)[:, 0, 3]
    assert np.allclose(found[:5, :2], points[5, 3, :2], atol=1e-3)
    assert np.array_equal(found[:5, -1], [0, 0, 0, 1, 1])  # the last two within LONGEST_GAP


def test_place_and_size_of_a_body_do_not_matter() -> None:
    near = np.stack([body(200, 100, 80.0)] * 30)
    far = near.copy()
    far[..., :2] = near[..., :2] / 4 + (30, 60)
    a, b = (normalise(clip_keypoints(recording(p), (0,), TIMES), COCO_17) for p in (near, far))
    assert np.allclose(a, b, atol=1e-4)
    hips = a[..., COCO_17.indices(("left_hip", "right_hip")), :2].mean(-2)
    assert np.allclose(hips, 0, atol=1e-5)


def test_moving_through_the_image_and_distances_between_people_are_kept() -> None:
    one, other = moving(40), moving(0)
    other[..., 0] += 60
    points = clip_keypoints(recording(one, other), (0, 1), TIMES)
    both = normalise(points, COCO_17)
    hip = COCO_17.joints.index("left_hip")
    assert both[-1, 0, hip, 0] - both[0, 0, hip, 0] == pytest.approx(40 * 2.9 / 40, rel=1e-3)
    assert both[0, 1, hip, 0] - both[0, 0, hip, 0] == pytest.approx(60 / 40, rel=1e-3)


def test_a_clip_without_a_torso_is_scaled_by_its_spread_and_one_without_joints_is_zero() -> None:
    points = moving(5)
    points[:, COCO_17.indices(("left_shoulder", "left_hip")), -1] = 0
    found = normalise(clip_keypoints(recording(points), (0,), TIMES), COCO_17)
    assert np.isfinite(found).all()
    assert 0.2 < np.abs(found[found[..., -1] > 0][:, :2]).mean() < 2
    points[..., -1] = 0
    assert not normalise(clip_keypoints(recording(points), (0,), TIMES), COCO_17)[..., :2].any()


def test_a_mirrored_body_is_that_of_the_mirrored_video() -> None:
    points = moving(10)
    mirrored = points.copy()
    mirrored[..., 0] = 320 - mirrored[..., 0]
    mirrored = mirrored[:, COCO_17.flipped()]
    a = normalise(clip_keypoints(recording(points), (0,), TIMES), COCO_17)
    b = normalise(clip_keypoints(recording(mirrored), (0,), TIMES), COCO_17)
    assert np.allclose(flip(a, COCO_17), b, atol=1e-4)


def test_a_person_who_is_not_there_has_the_confidence_zero() -> None:
    plan = KeypointClipPlan(seconds=3, people=2, skeleton=COCO_17, length=12)
    points = keypoints_between(recording(moving(0)), (0,), plan, (0.0, 3.0))
    assert points.shape == plan.shape == (12, 2, 17, 3)
    assert points[:, 0, :, -1].all()
    assert not points[:, 1].any()


def test_a_span_is_seen_alone() -> None:
    plan = KeypointClipPlan(seconds=1, skeleton=COCO_17, length=8)
    still = moving(0)
    still[15:] = body(250, 80)
    points = keypoints_between(recording(still), (0,), plan, (0.0, 1.5))
    assert np.allclose(points, points[:1])  # the jump at 1.5 s is outside


@pytest.mark.parametrize("count", [1, 2])
def test_few_frames_are_enough(count: int) -> None:
    plan = KeypointClipPlan(seconds=1, skeleton=COCO_17, length=8)
    frames = np.arange(count)
    file = recording(moving(0)[:count], frames=frames)
    points = keypoints_between(file, (0,), plan, (0.0, 0.2))
    assert np.isfinite(points).all()
    assert points[0, 0, :, -1].all()
