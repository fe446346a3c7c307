"""Regions: what a track file hides in each frame."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from playhead.events.formats.tracks import TrackFile
from playhead.events.model import Track
from playhead.media.planes import Planes
from playhead.redaction.config import MaskConfig
from playhead.redaction.hide import HideConfig, Hider, Region, Shape
from playhead.redaction.regions import Masks, active_frames, covers_frame, expanded, scaled_boxes
from playhead.times import displayed_frames

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
    return Masks(tracks, TIMES, 1.0, MaskConfig(scale=scale, motion=motion), "box")


def test_a_mask_has_scale_times_the_sides_of_its_box_about_the_same_centre() -> None:
    assert scaled_boxes(np.array([[10.0, 20, 30, 60]]), 1.5).tolist() == [[5, 10, 35, 70]]


def test_a_standing_object_does_not_grow_by_motion() -> None:
    standing = track([[10, 10, 20, 20]] * 4)
    assert (
        expanded(standing, MaskConfig(scale=1, motion=2)).boxes.tolist() == [[10, 10, 20, 20]] * 4
    )


def test_a_moving_object_is_hidden_where_it_is_before_and_after_its_frame() -> None:
    moving = track([[10, 10, 20, 20], [14, 10, 24, 20], [18, 10, 28, 20]])
    boxes = expanded(moving, MaskConfig(scale=1, motion=1)).boxes.tolist()
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
    masked = expanded(track(boxes), MaskConfig(scale=scale, motion=motion)).boxes
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
    assert expanded(broken, MaskConfig(scale=1, motion=1)).boxes.tolist() == broken.boxes.tolist()


def test_a_shown_track_hides_nothing_and_its_neighbour_still_does() -> None:
    one, other = track([[0, 0, 9, 9]] * 3), track([[50, 50, 60, 60]] * 3, number=7)
    at = masks(file(one, other, shown=frozenset({0})))
    assert [region.box for region in at.regions(1)] == [(50, 50, 60, 60)]


def test_outside_of_the_spans_nothing_is_hidden() -> None:
    at = masks(file(track([[0, 0, 9, 9]] * 10), spans=np.array([[0.2, 0.4], [0.8, 0.85]])))
    assert [k for k in range(10) if at.regions(k)] == [2, 3, 8]


def test_a_frame_is_in_a_span_if_it_is_displayed_in_it_not_if_it_begins_in_it() -> None:
    times = np.array([0.0, 1, 2, 3, 8, 9])  # frame 3 is displayed from 3 s to 8 s
    for spans, inside in (
        ([[5.0, 9.0]], [3, 4]),
        ([[5.0, 6.0]], [3]),
        ([[8.0, 9.0]], [4]),
        ([[2.5, 3.0]], [2]),
        ([[9.5, 20.0]], [5]),
        ([[10.0, 20.0]], []),
    ):
        assert np.flatnonzero(active_frames(np.array(spans), times, 10.0)).tolist() == inside


def test_at_a_constant_rate_the_frame_that_straddles_the_start_of_a_span_is_in_it() -> None:
    active = active_frames(np.array([[0.25, 0.4]]), TIMES, 1.0)
    assert np.flatnonzero(active).tolist() == [2, 3]


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=12),
    st.integers(0, 40),
    st.integers(1, 20),
)
def test_the_frames_of_a_span_are_those_that_a_player_displays_during_it(
    lengths: list[int], start: int, length: int
) -> None:
    """Moment by moment, in whole tenths; a frame of no length is looked at where it begins."""
    edges = np.concatenate(([0], np.cumsum(lengths)))
    moments = range(start, start + length)
    displayed = [
        k
        for k, (begin, end) in enumerate(itertools.pairwise(edges.tolist()))
        if any(begin <= moment < end for moment in moments) or (begin == end and begin in moments)
    ]
    if start >= edges[-1]:
        displayed = []
    found = displayed_frames(edges[:-1] / 10, edges[-1] / 10, start / 10, (start + length) / 10)
    assert list(found) == displayed


def test_an_unseen_range_is_hidden_whole_whatever_a_person_chose() -> None:
    chosen = file(unseen=np.array([[3, 5]], np.int32), spans=np.array([[0.8, 0.9]]))
    assert [k for k in range(10) if masks(chosen).whole(k)] == [3, 4]


@given(
    st.tuples(*[st.floats(-40, 20)] * 2, *[st.floats(30, 150)] * 2),
    st.sampled_from(["box", "ellipse"]),
)
def test_a_region_covers_the_frame_only_where_the_hider_leaves_no_pixel(
    corners: tuple[float, ...], shape: Shape
) -> None:
    x, y, w, h = corners
    region = Region((x, y, x + w, y + h), shape)
    image = np.full((30, 40, 3), 255, np.uint8)
    Hider(HideConfig()).hide(Planes.of_rgb(image), [region])
    assert not (covers_frame(region, (40, 30)) and image.any())
    inner = Region((x + 1, y + 1, x + w - 1, y + h - 1), shape)
    smaller = np.full((30, 40, 3), 255, np.uint8)
    Hider(HideConfig()).hide(Planes.of_rgb(smaller), [inner])
    assert covers_frame(region, (40, 30)) or shape == "ellipse" or smaller.any()


def test_an_ellipse_covers_the_frame_if_it_holds_its_corners() -> None:
    assert covers_frame(Region((-9, -9, 49, 39)), (40, 30))
    assert not covers_frame(Region((-8, -6, 48, 36)), (40, 30))
