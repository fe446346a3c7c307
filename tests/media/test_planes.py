"""Planes: views that write through, boxes and colours that mean the same before and after."""

import itertools

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange
from hypothesis import given
from hypothesis import strategies as st

from playhead.errors import MediaError
from playhead.media.pixels import Converter
from playhead.media.planes import Planes
from playhead.media.table import Layout

TURNS = [Layout(40, 30, *how) for how in itertools.product([False, True], repeat=3)]


def framed(pixel_format: str, width: int = 40, height: int = 30) -> av.VideoFrame:
    frame = av.VideoFrame(width, height, pixel_format)
    for plane in frame.planes:
        np.frombuffer(plane, np.uint8)[:] = 0
    return frame


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le", "yuv444p", "gray"])
def test_writing_to_a_plane_writes_into_the_frame(pixel_format: str) -> None:
    frame = framed(pixel_format)
    image = Planes.of_frame(frame, Layout(40, 30))
    for index, plane in enumerate(image.planes):
        plane[-1, -1] = 7 + index
    for index, stored in enumerate(frame.planes):
        kind = np.uint8 if image.depth == 8 else np.uint16
        values = np.frombuffer(stored, kind).reshape(stored.height, -1)
        assert values[stored.height - 1, stored.width - 1] == 7 + index


def test_rgb_planes_are_views_into_the_array() -> None:
    array = np.zeros((3, 5, 3), np.uint8)
    image = Planes.of_rgb(array)
    for plane, value in zip(image.planes, image.values((10, 20, 30)), strict=True):
        plane[1, 2] = value
    assert array[1, 2].tolist() == [10, 20, 30]
    assert array.sum() == 60


@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 4)])
def test_what_is_no_rgb_image_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(MediaError, match="RGB"):
        Planes.of_rgb(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("layout", TURNS, ids=str)
def test_a_box_of_the_displayed_image_covers_the_same_pixels_of_the_stored_one(
    layout: Layout,
) -> None:
    """The reader turns the stored image by itself: what is painted must appear in the box."""
    frame = framed("gray")
    image = Planes.of_frame(frame, layout)
    box = (3.0, 5.0, 12.0, 21.0)
    x1, y1, x2, y2 = map(int, image.stored_box(box))
    image.planes[0][y1:y2, x1:x2] = 200
    converter = Converter(layout, "luma", None)
    shown = np.empty(converter.shape, np.uint8)
    converter.write(frame, shown)
    expected = np.zeros_like(shown)
    expected[5:21, 3:12] = 200
    assert np.array_equal(shown, expected)


@pytest.mark.parametrize("layout", TURNS, ids=str)
@given(
    st.tuples(*[st.floats(-100, 100, allow_nan=False) for _ in range(4)]),
)
def test_a_stored_box_has_the_size_of_the_displayed_one(
    layout: Layout, corners: tuple[float, float, float, float]
) -> None:
    x1, x2 = sorted(corners[:2])
    y1, y2 = sorted(corners[2:])
    image = Planes((), (), 8, "yuv", False, 2, layout)
    a1, b1, a2, b2 = image.stored_box((x1, y1, x2, y2))
    sides = (b2 - b1, a2 - a1) if layout.transpose else (a2 - a1, b2 - b1)
    assert sides == pytest.approx((x2 - x1, y2 - y1))


@pytest.mark.slow
@pytest.mark.parametrize("matrix", [1, 5, 6, 9])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("pixel_format", ["yuv444p", "yuv420p10le"])
@pytest.mark.parametrize(
    "colour", [(0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255), (90, 160, 220)]
)
def test_values_show_as_the_colour_by_the_scaler_of_ffmpeg(
    matrix: int, full: bool, pixel_format: str, colour: tuple[int, int, int]
) -> None:
    frame = framed(pixel_format)
    frame.colorspace = matrix
    frame.color_range = ColorRange.JPEG if full else ColorRange.MPEG
    image = Planes.of_frame(frame, Layout(40, 30))
    assert (image.full_range, image.matrix) == (full, matrix)
    for plane, value in zip(image.planes, image.values(colour), strict=True):
        plane[:] = value
    shown = frame.reformat(format="rgb24", dst_color_range=ColorRange.JPEG).to_ndarray()
    assert np.abs(shown.astype(int) - colour).max() <= 3


def test_an_unknown_matrix_counts_as_bt601() -> None:
    known = Planes((np.zeros((1, 1)),) * 3, ((1, 1),) * 3, 8, "yuv", False, 6, Layout(1, 1))
    unknown = Planes((np.zeros((1, 1)),) * 3, ((1, 1),) * 3, 8, "yuv", False, 2, Layout(1, 1))
    assert known.values((12, 99, 200)) == unknown.values((12, 99, 200))
    assert known.values((255, 0, 0)) == (81, 90, 240), "red of BT.601 in every textbook"


@pytest.mark.parametrize(
    ("pixel_format", "size", "steps"),
    [
        ("yuv420p", (40, 30), [(1, 1), (2, 2), (2, 2)]),
        ("yuv422p", (40, 30), [(1, 1), (2, 1), (2, 1)]),
        ("yuv420p", (35, 27), [(1, 1), (2, 2), (2, 2)]),
        ("yuv411p", (40, 30), [(1, 1), (4, 1), (4, 1)]),
        ("gray10le", (40, 30), [(1, 1)]),
    ],
)
def test_steps_say_how_many_pixels_a_sample_stands_for(
    pixel_format: str, size: tuple[int, int], steps: list[tuple[int, int]]
) -> None:
    image = Planes.of_frame(framed(pixel_format, *size), Layout(*size))
    assert list(image.steps) == steps
    assert image.kind == ("grey" if len(steps) == 1 else "yuv")
    for plane, (x, y) in zip(image.planes, steps, strict=True):
        assert plane.shape == (-(-size[1] // y), -(-size[0] // x))
