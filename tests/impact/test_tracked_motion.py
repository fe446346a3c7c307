"""Motion of tracked helmets: closed forms, and crops that follow a helmet."""

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.impact.meetings import nearest_boxes
from playhead.impact.tracked.crops import crop_windows, cut_crops, marked_crops, marks
from playhead.impact.tracked.motion import FAR, FilledTracks, motion_features
from playhead.impact.tracked.plan import TrackClipPlan
from tests.impact.tiny_plays import draw

RADIUS, STEPS = 2, np.arange(-2, 3)
PLAN = TrackClipPlan(
    size=(96, 64), rate="native", frames=4, before=2, side=24, box_sizes=3, radius=RADIUS
)


def path(x: float, speed: float, frames: int = 12, size: float = 10) -> NDArray[np.float64]:
    """Boxes (frames, 4) of a helmet that moves right."""
    centres = np.column_stack([x + speed * np.arange(frames), np.full(frames, 30.0)] * 2)
    return centres + np.array([-1, -1, 1, 1]) * size / 2


def filled_of(*paths: NDArray[np.float64], scale: float = 1, shift: float = 0) -> FilledTracks:
    counts = [len(boxes) for boxes in paths]
    ids, points = (
        np.repeat(np.arange(len(paths)), counts),
        np.concatenate([*map(np.arange, counts)]),
    )
    return FilledTracks.of(ids, points, np.concatenate(paths) * scale + shift)


def features(filled: FilledTracks, track: int, point: int) -> NDArray[np.float32]:
    """(helmet and two neighbours, 5, 2 * RADIUS + 1)."""
    values = motion_features(
        filled, np.array([track]), np.array([point]), radius=RADIUS, neighbours=2
    )
    return values.reshape(3, 5, len(STEPS))


def test_constant_velocity_is_a_straight_line_in_box_sizes() -> None:
    own, other, absent = features(filled_of(path(20, 3), path(50, 1)), 0, 6)
    np.testing.assert_allclose(own[0], 0.3 * STEPS, atol=1e-6)
    np.testing.assert_allclose(own[1:], 0, atol=1e-6)
    # At the point the other is 30 - 2 * 6 = 18 pixels ahead, and falls back by 2 in each frame.
    np.testing.assert_allclose(other[0], (18 - 2 * STEPS) / 10, atol=1e-6)
    np.testing.assert_allclose(other[1:], 0, atol=1e-6)
    np.testing.assert_array_equal(absent.T, np.tile([FAR, FAR, 0, 0, 1], (5, 1)))


def test_motion_does_not_change_with_scale_and_place() -> None:
    rng = np.random.default_rng(0)
    paths = [path(x, speed) + rng.normal(0, 0.5, (12, 4)) for x, speed in ((20, 3), (50, 1))]
    expected = features(filled_of(*paths), 0, 6)
    np.testing.assert_allclose(
        features(filled_of(*paths, scale=2.5, shift=70), 0, 6), expected, atol=1e-4
    )


def test_the_nearest_come_first_and_far_ones_are_limited() -> None:
    paths = path(20, 0), path(320, 0), path(60, 0), path(33, 0)
    _, first, second = features(filled_of(*paths), 0, 6)
    np.testing.assert_allclose([first[0, 2], second[0, 2]], [1.3, 4], atol=1e-6)
    _, first, second = features(filled_of(*paths[:2]), 0, 6)
    np.testing.assert_allclose(first[0], FAR)


def test_missing_boxes_are_filled_and_flagged_and_ends_are_held() -> None:
    boxes = path(20, 3)
    kept = np.array([1, 2, 5, 6])
    filled = FilledTracks.of(np.full(4, 7), kept, boxes[kept])
    assert (filled.ids.tolist(), filled.first.tolist(), filled.last.tolist()) == ([7], [1], [6])
    np.testing.assert_allclose(filled.boxes, boxes[1:7], atol=1e-5)
    own = features(filled, 0, 5)[0]
    np.testing.assert_allclose(own[0], [-0.6, -0.3, 0, 0.3, 0.3], atol=1e-6)
    assert own[4].tolist() == [1, 1, 0, 0, 1]


def test_a_batch_over_several_points_is_that_of_each_alone() -> None:
    filled = filled_of(path(20, 3), path(50, 1)[:5], path(80, -2))
    tracks, points = np.array([2, 0, 1, 0]), np.array([7, 3, 3, 8])
    batch = motion_features(filled, tracks, points, radius=RADIUS, neighbours=2)
    for row, track, point in zip(batch, tracks.tolist(), points.tolist(), strict=True):
        np.testing.assert_array_equal(row.reshape(3, 5, -1), features(filled, track, point))


def test_nearest_boxes_are_those_of_the_same_frame() -> None:
    frames = np.array([0, 0, 0, 1])
    boxes = np.array([[x, 0, x + 10, 10] for x in (0, 30, 12, 1)], np.float32)
    nearest = nearest_boxes(frames, boxes, np.array([3, 0, 2]), 3)
    assert nearest.tolist() == [[-1, -1, -1], [2, 1, -1], [0, 1, -1]]


@pytest.mark.parametrize("colour", [False, True])
def test_crops_follow_the_helmet(colour: bool) -> None:
    paths = np.stack([path(20, 3, size=8), path(80, -1, size=8)]).astype(np.float32)
    images = draw(paths) if colour else draw(paths)[..., 0]
    plan = PLAN.model_copy(update={"pixels": "rgb" if colour else "luma"})
    filled = filled_of(*paths.astype(np.float64))
    for point in (0, 4, 9):
        crop = marked_crops(images[point], filled, np.array([0, 1]), point, plan)
        assert crop.shape == (2, 24, 24, plan.channels)
        for bright in (crop[..., 0] > 140, crop[..., -1] > 0):
            for rows, columns in (np.nonzero(each) for each in bright):
                assert abs(rows.mean() - 11.5) < 0.6
                assert abs(columns.mean() - 11.5) < 0.6
        # A third of the side is the square, and the ellipse in it is the mark.
        assert abs(int((crop[0, ..., 0] > 140).sum()) - 64) < 17
        assert abs(int((crop[0, ..., -1] > 0).sum()) - 64 * np.pi / 4) < 8


def test_a_window_of_whole_pixels_is_copied_and_the_edge_repeats() -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 96), dtype=np.uint8)
    crops = cut_crops(image, np.array([[40.0, 30, 8], [0, 0, 8]]), 8)
    np.testing.assert_array_equal(crops[0], image[26:34, 36:44])
    np.testing.assert_array_equal(crops[1, 4:, 4:], image[:4, :4])
    assert (crops[1, :5, :5] == image[0, 0]).all()


def test_a_missing_box_has_no_mark_and_the_side_is_the_mean_of_sizes() -> None:
    boxes = np.concatenate([path(20, 0, size=8)[:6], path(20, 0, size=12)[:6]])
    filled = FilledTracks.of(np.zeros(12, np.int64), np.arange(12), boxes)
    windows = crop_windows(filled, np.array([0, 0, 0]), np.array([0, 6, 11]), PLAN)
    np.testing.assert_allclose(windows[:, 2], [24, 3 * (2 * 8 + 3 * 12) / 5, 36], rtol=1e-6)
    drawn = marks(*filled.at(np.array([0, 0]), np.array([11, 12])), windows[[2, 2]], 24)
    assert (drawn > 0).any((1, 2)).tolist() == [True, False]
