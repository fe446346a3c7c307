"""Holes where objects were: nothing of them is left, all else stays, and texture goes on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from playhead.detection.synthesis.background import clean_background, hidden_by
from playhead.detection.synthesis.pasting_config import Filling
from playhead.detection.synthesis.texture import textured

Bytes = NDArray[np.uint8]
FILLINGS: tuple[Filling, ...] = ("texture", "grain", "smooth")


def _noise(seed: int, low: int = 0, high: int = 256) -> Bytes:
    return np.random.default_rng(seed).integers(low, high, (60, 80, 3), np.uint8)


boxes_anywhere = st.lists(
    st.tuples(
        st.floats(-10, 75), st.floats(-10, 55), st.floats(1, 60), st.floats(1, 50)
    ).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])),
    max_size=4,
).map(lambda rows: np.array(rows, float).reshape(-1, 4))  # fmt: skip


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), boxes_anywhere, st.sampled_from(FILLINGS))
def test_nothing_of_what_a_hole_covers_is_left_and_all_else_stays(
    seed: int, boxes: NDArray[np.float64], filling: Filling
) -> None:
    image = _noise(seed)
    hidden = hidden_by(boxes, image.shape, 0.1)
    other = np.where(hidden[..., None], _noise(seed + 1), image)
    before = image.copy()
    cleaned = clean_background(image, boxes, filling=filling)
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(cleaned[~hidden], image[~hidden])
    np.testing.assert_array_equal(cleaned, clean_background(other, boxes, filling=filling))


def test_a_hole_reaches_the_margin_around_its_box() -> None:
    hidden = hidden_by(np.array([[20.0, 10, 60, 30]]), (60, 80, 3), 0.25)
    wanted = np.zeros((60, 80), bool)
    wanted[5:35, 10:70] = True
    np.testing.assert_array_equal(hidden, wanted)


def test_a_small_box_has_a_margin_of_two_pixels() -> None:
    hidden = hidden_by(np.array([[20.0, 10, 24, 14]]), (60, 80, 3), 0.1)
    assert hidden.sum() == 8 * 8


@pytest.mark.parametrize("filling", FILLINGS)
def test_in_one_colour_no_hole_can_be_seen(filling: Filling) -> None:
    image = np.full((60, 80, 3), (40, 90, 200), np.uint8)
    image[20:30, 30:50] = 255
    cleaned = clean_background(image, np.array([[30.0, 20, 50, 30]]), filling=filling)
    assert (cleaned == np.array((40, 90, 200))).all()


@pytest.mark.parametrize("filling", ["texture", "grain"])
def test_a_hole_in_noise_is_as_rough_as_the_noise_and_only_smooth_is_not(filling: Filling) -> None:
    image, box = _noise(5, 90, 160), np.array([[25.0, 20, 50, 40]])
    hole = np.s_[20:40, 25:50]
    rough = clean_background(image, box, filling=filling)[hole].std()
    smooth = clean_background(image, box, filling="smooth")[hole].std()
    assert rough == pytest.approx(image[hole].std(), rel=0.2)
    assert smooth < rough / 3


@pytest.mark.parametrize("filling", ["texture", "grain"])
def test_stripes_go_on_through_a_hole_between_them(filling: Filling) -> None:
    image = np.zeros((60, 80, 3), np.uint8)
    image[:, 0::4] = image[:, 1::4] = 200
    cleaned = clean_background(image, np.array([[30.0, 2, 50, 20]]), margin=0, filling=filling)
    hole = np.s_[8:18, 34:46]
    rows = cleaned[hole].astype(float).mean(axis=(0, 2))
    assert rows.max() - rows.min() > 100


def test_an_image_that_is_all_hole_becomes_grey() -> None:
    cleaned = clean_background(_noise(1), np.array([[-5.0, -5, 90, 90]]))
    assert (cleaned == 128).all()


def test_a_box_that_is_not_finite_hides_nothing() -> None:
    assert not hidden_by(np.array([[np.nan, 0, 9, 9], [0, 0, np.inf, 9]]), (20, 30), 0.1).any()


def test_without_boxes_a_copy_comes_back() -> None:
    image = _noise(1)
    cleaned = clean_background(image, np.zeros((0, 4)))
    assert cleaned is not image
    np.testing.assert_array_equal(cleaned, image)


def _striped(height: int, width: int) -> Bytes:
    """Stripes of eight pixels, upright on the left and level on the right."""
    rows, columns = np.mgrid[:height, :width]
    bright = np.where(columns < width // 2, columns // 8 % 2, rows // 8 % 2).astype(bool)
    return np.where(bright[..., None], (210, 180, 40), (40, 60, 90)).astype(np.uint8)


@pytest.mark.slow
def test_a_texture_is_made_of_pixels_that_were_there() -> None:
    image, hidden = _striped(120, 200), np.zeros((120, 200), bool)
    hidden[30:100, 20:180] = True
    made = textured(np.where(hidden[..., None], 255, image).astype(np.uint8), hidden)
    assert made is not None
    np.testing.assert_array_equal(made[~hidden], image[~hidden])
    assert set(map(tuple, made[hidden])) <= set(map(tuple, image.reshape(-1, 3)))


def test_a_texture_goes_on_where_it_is_regular() -> None:
    """Of a hole in stripes at least nine pixels of ten are those of the stripes."""
    rows = np.mgrid[:120, :160][0]
    image = np.where((rows // 8 % 2)[..., None], 200, 40) * np.ones(3)
    image = image.astype(np.uint8)
    hidden = np.zeros((120, 160), bool)
    hidden[40:80, 50:110] = True
    made = textured(np.where(hidden[..., None], 0, image).astype(np.uint8), hidden)
    assert made is not None
    assert (made[hidden] == image[hidden]).mean() > 0.9


def test_where_nothing_is_left_there_is_no_texture() -> None:
    hidden = np.ones((40, 60), bool)
    hidden[:, :3] = False
    assert textured(_noise(0)[:40, :60], hidden) is None
