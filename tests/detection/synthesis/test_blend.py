"""Blending against a sparse direct solve, and in closed form."""

import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg
from numpy.typing import NDArray

from playhead.detection.synthesis.blend import (
    contrast_left,
    feather_mask,
    mixed,
    poisson,
    quick_side,
)

Bytes = NDArray[np.uint8]


def _noise(seed: int, height: int, width: int, low: int = 0, high: int = 256) -> Bytes:
    return np.random.default_rng(seed).integers(low, high, (height, width, 3), np.uint8)


def _solved(target: Bytes, source: Bytes) -> NDArray[np.float64]:
    """The Poisson equation with the target's edge and the source's Laplacian, by LU."""
    height, width = target.shape[:2]
    number = np.arange(height * width).reshape(height, width)
    matrix = scipy.sparse.lil_matrix((height * width, height * width))
    wanted = target.reshape(-1, 3).astype(float)
    pixels = source.reshape(-1, 3).astype(float)
    for row in range(height):
        for column in range(width):
            here = number[row, column]
            matrix[here, here] = 1
            if 0 < row < height - 1 and 0 < column < width - 1:
                near = [here - 1, here + 1, here - width, here + width]
                matrix[here, here] = 4
                matrix[here, near] = -1
                wanted[here] = 4 * pixels[here] - pixels[near].sum(axis=0)
    solver = scipy.sparse.linalg.splu(matrix.tocsc())
    return solver.solve(wanted).reshape(height, width, 3)


@pytest.mark.parametrize(("height", "width"), [(3, 3), (3, 9), (12, 5), (17, 23), (31, 30)])
def test_poisson_solves_its_equation(height: int, width: int) -> None:
    # So near to grey that nothing is clipped.
    target, source = _noise(1, height, width, 110, 140), _noise(2, height, width, 100, 120)
    wanted = _solved(target, source)
    assert np.abs(poisson(target, source) - wanted).max() <= 0.5 + 1e-3


@pytest.mark.parametrize("side", [20, 301])
def test_poisson_of_a_shifted_image_is_the_image(side: int) -> None:
    target = _noise(3, side, side + 10, 60, 200)
    np.testing.assert_array_equal(poisson(target, target + np.uint8(40)), target)


def test_poisson_leaves_the_edge_of_the_image_below() -> None:
    target, source = _noise(4, 15, 11), _noise(5, 15, 11)
    blended = poisson(target, source)
    for edge in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        np.testing.assert_array_equal(blended[edge], target[edge])


def test_poisson_of_a_flat_paste_is_as_flat_as_the_image_around_it() -> None:
    target = np.full((20, 20, 3), 90, np.uint8)
    np.testing.assert_array_equal(poisson(target, np.full_like(target, 200)), target)


def test_no_contrast_is_lost_unless_brightness_ends() -> None:
    source = np.full((20, 30, 3), 60, np.uint8)
    source[5:15, 8:22] = 100
    core = (8, 5, 22, 15)
    for below, left in ((60, 1.0), (215, 1.0), (235, 0.5), (245, 0.25), (255, 0.0)):
        pasted = poisson(np.full_like(source, below), source)
        assert contrast_left(pasted, source, core) == pytest.approx(left)


def test_contrast_of_the_image_below_does_not_count_as_that_of_the_paste() -> None:
    source, core = np.full((20, 30, 3), 60, np.uint8), (8, 5, 22, 15)
    source[5:15, 8:22] = 100
    told = [contrast_left(_noise(seed, 20, 30), source, core) for seed in range(60)]
    assert abs(np.mean(told)) < 0.15
    assert contrast_left(source + _noise(10, 20, 30, 0, 20), source, core) > 0.8


def test_a_paste_of_one_colour_has_no_contrast_to_leave() -> None:
    source = np.full((20, 30, 3), 60, np.uint8)
    assert contrast_left(source, source, (8, 5, 22, 15)) == 0


@pytest.mark.parametrize("shape", [(1, 9), (2, 2), (8, 2)])
def test_a_rectangle_that_is_all_edge_leaves_the_image(shape: tuple[int, int]) -> None:
    target = _noise(6, *shape)
    np.testing.assert_array_equal(poisson(target, _noise(7, *shape)), target)


def test_a_feather_is_one_in_the_core_and_falls_to_the_edge() -> None:
    mask = feather_mask((40, 30), (8, 6, 34, 26))
    assert mask.shape == (30, 40)
    assert (mask[6:26, 8:34] == 1).all()
    assert (np.diff(mask[15, :9]) > 0).all()
    assert (np.diff(mask[15, 33:]) < 0).all()
    assert 0 < mask.min() < mask[15, 0] < 0.02


def test_a_feather_without_margin_is_soft_over_two_pixels_of_the_core() -> None:
    mask = feather_mask((12, 10), (0, 0, 12, 10))
    assert (mask[2:-2, 2:-2] == 1).all()
    assert (mask[0] < 0.5).all()


def test_mixing_is_linear_between_both_images() -> None:
    target, source = _noise(8, 4, 5), _noise(9, 4, 5)
    mask = np.zeros((4, 5), np.float32)
    mask[1], mask[2] = 1, 0.25
    blended = mixed(target, source, mask)
    np.testing.assert_array_equal(blended[[0, 3]], target[[0, 3]])
    np.testing.assert_array_equal(blended[1], source[1])
    wanted = np.rint(0.75 * target[2].astype(float) + 0.25 * source[2])
    np.testing.assert_array_equal(blended[2], wanted)


def test_a_quick_side_is_at_most_a_fifth_smaller() -> None:
    for length in range(3, 600):
        assert max(3, 0.8 * length) <= quick_side(length) <= length or length < 5
