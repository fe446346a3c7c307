"""Crops hold their boxes and what is around them, inside the image, at the size asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.report.crops import boxed_crop, crop_window, draw_boxes
from playhead.report.images import resize

GREY = np.full((200, 300, 3), 90, np.uint8)


def test_a_crop_frames_the_object_with_what_is_around_it() -> None:
    image = GREY.copy()
    image[80:120, 100:140] = (255, 0, 0)
    crop = boxed_crop(image, (100, 80, 140, 120))
    assert crop.shape == (128, 128, 3)
    line = np.argwhere((crop == (255, 214, 10)).all(axis=2))
    assert np.ptp(line, axis=0) + 1 == pytest.approx(40 / 88 * 128, abs=2)
    inner = crop[line.min(axis=0)[0] + 3 : line.max(axis=0)[0] - 2, 64]
    assert np.all(inner[:, 0] > 200)


@pytest.mark.parametrize(
    "box", [(-20, -20, 5, 5), (290, 190, 340, 260), (0, 0, 300, 200), (9, 9, 9.2, 9.2)]
)
def test_a_crop_of_any_box_has_the_size_asked_for(box: tuple[float, ...]) -> None:
    assert max(boxed_crop(GREY, box).shape[:2]) == 128
    assert max(boxed_crop(GREY, box, longest=240).shape[:2]) == 240


def test_a_crop_of_several_boxes_shows_them_all() -> None:
    boxes = [(40, 40, 60, 60), (100, 40, 120, 60)]
    crop = boxed_crop(GREY, boxes, longest=256, colour=(0, 255, 0))
    lines = (crop == (0, 255, 0)).all(axis=2).any(axis=0)
    starts = np.flatnonzero(np.diff(lines.astype(int)) == 1)
    assert len(starts) == 2


corner = st.floats(-50, 350, allow_nan=False)
side = st.floats(0.1, 400)


@given(corner, corner, side, side, st.floats(1, 4))
def test_a_window_lies_in_the_image_and_holds_the_visible_part_of_its_box(
    x: float, y: float, width: float, height: float, context: float
) -> None:
    window = crop_window((x, y, x + width, y + height), (300, 200), context=context, min_side=48)
    assert 0 <= window.x < window.x + window.width <= 300
    assert 0 <= window.y < window.y + window.height <= 200
    assert window.of(GREY).shape == (window.height, window.width, 3)
    low = np.clip((x, y), 0, (299, 199))
    high = np.clip((x + width, y + height), 1, (300, 200))
    if max(width, height) * context <= 200:
        assert window.x <= low[0] + 1
        assert window.y <= low[1] + 1
        assert window.x + window.width >= high[0] - 1
        assert window.y + window.height >= high[1] - 1


def test_a_window_of_an_image_of_unknown_size_is_a_square_around_the_box() -> None:
    assert crop_window((100, 80, 140, 120), None, context=2) == (80, 60, 80, 80)
    assert crop_window((0, 0, 2, 2), None, context=2, min_side=48) == (-23, -23, 48, 48)


def test_drawing_boxes_leaves_the_image_itself_alone() -> None:
    drawn = draw_boxes(GREY, [(10, 20, 30, 40)])
    assert (GREY == 90).all()
    assert (drawn[20, 10:31] == (255, 214, 10)).all()
    assert (drawn[19, 9:32] == 0).all()
    assert (drawn[25, 15] == 90).all()


@pytest.mark.parametrize(
    ("longest", "enlarge", "shape"),
    [(150, False, (100, 150)), (600, False, (200, 300)), (600, True, (400, 600))],
)
def test_an_image_is_enlarged_only_when_asked(
    longest: int, enlarge: bool, shape: tuple[int, int]
) -> None:
    assert resize(GREY, longest, enlarge=enlarge).shape == (*shape, 3)


def test_a_wider_line_grows_outwards() -> None:
    drawn = draw_boxes(GREY, (50, 50, 90, 80), colour=(0, 255, 0), width=3)
    line = np.argwhere((drawn == (0, 255, 0)).all(axis=2))
    assert (line.min(axis=0).tolist(), line.max(axis=0).tolist()) == ([48, 48], [82, 92])
    assert (drawn[47, 47] == 0).all()
    assert (drawn[51:80, 51:90] == 90).all()
