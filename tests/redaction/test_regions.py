"""Regions: what a track file hides in each frame."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from playhead.events.formats.tracks import TrackFile
from playhead.events.model import Track
from playhead.redaction.config import MaskConfig
from playhead.redaction.regions import Masks, grown, scaled_boxes

TIMES = np.arange(10) / 10


def track(boxes: list[list[float]], first: int = 0, number: int = 0) -> Track:
    n = len(boxes)
    return Track(
        number,
        "face",
        np.arange(first, first + n, dtype=np.int32),
        np.array(boxes, np.float32),
        np.ones(n, np.float32),
        np.zeros(n, np.uint8),
    )


def file(*tracks: Track, **others: object) -> TrackFile:
    return TrackFile(
        video="x.mp4", frames=10, width=100, height=80, classes=("face",), tracks=tracks, **others
    )


def masks(tracks: TrackFile, scale: float = 1.0, motion: float = 0.0) -> Masks:
    return Masks(tracks, TIMES, MaskConfig(scale=scale, motion=motion), "box")


def test_a_mask_has_scale_times_the_sides_of_its_box_about_the_same_centre() -> None:
    assert scaled_boxes(np.array([[10.0, 20, 30, 60]]), 1.5).tolist() == [[5, 10, 35, 70]]


def test_a_standing_object_does_not_grow_by_motion() -> None:
    standing = track([[10, 10, 20, 20]] * 4)
    assert grown(standing, MaskConfig(scale=1, motion=2)).boxes.tolist() == [[10, 10, 20, 20]] * 4


def test_a_moving_object_is_hidden_where_it_is_before_and_after_its_frame() -> None:
    moving = track([[10, 10, 20, 20], [14, 10, 24, 20], [18, 10, 28, 20]])
    boxes = grown(moving, MaskConfig(scale=1, motion=1)).boxes.tolist()
    assert boxes == [[10, 10, 24, 20], [10, 10, 28, 20], [14, 10, 28, 20]]


@given(
    st.lists(st.tuples(*[st.floats(0, 90)] * 2, *[st.floats(1, 40)] * 2), min_size=1, max_size=6),
    st.floats(1, 3),
    st.floats(0, 3),
)
def test_a_mask_never_covers_less_than_its_box(
    corners: list[tuple[float, ...]], scale: float, motion: float
) -> None:
    boxes = [[x, y, x + w, y + h] for x, y, w, h in corners]
    masked = grown(track(boxes), MaskConfig(scale=scale, motion=motion)).boxes
    assert (masked[:, :2] <= np.array(boxes)[:, :2] + 1e-3).all()
    assert (masked[:, 2:] >= np.array(boxes)[:, 2:] - 1e-3).all()


def test_motion_is_not_taken_over_a_break_in_a_track() -> None:
    broken = Track(
        0,
        "face",
        np.array([0, 5], np.int32),
        np.array([[0, 0, 10, 10], [80, 60, 90, 70]], np.float32),
        np.ones(2, np.float32),
        np.zeros(2, np.uint8),
    )
    assert grown(broken, MaskConfig(scale=1, motion=1)).boxes.tolist() == broken.boxes.tolist()


def test_a_shown_track_hides_nothing_and_its_neighbour_still_does() -> None:
    one, other = track([[0, 0, 9, 9]] * 3), track([[50, 50, 60, 60]] * 3, number=7)
    at = masks(file(one, other, shown=frozenset({0})))
    assert [region.box for region in at.regions(1)] == [(50, 50, 60, 60)]


def test_outside_of_the_spans_nothing_is_hidden() -> None:
    at = masks(file(track([[0, 0, 9, 9]] * 10), spans=np.array([[0.2, 0.4], [0.8, 0.85]])))
    assert [k for k in range(10) if at.regions(k)] == [2, 3, 8]


def test_an_unseen_range_is_hidden_whole_whatever_a_person_chose() -> None:
    chosen = file(unseen=np.array([[3, 5]], np.int32), spans=np.array([[0.8, 0.9]]))
    assert [k for k in range(10) if masks(chosen).whole(k)] == [3, 4]
