"""Warps of images with their boxes."""

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.detection.sample_settings import ImageAugmentation
from playhead.detection.warp import Warp

SIZE = (320, 200)


def drawn(seed: int, **settings: float) -> Warp:
    return Warp.draw(np.random.default_rng(seed), SIZE, ImageAugmentation(warp=1, **settings))


@pytest.mark.parametrize("seed", range(5))
def test_the_inverse_undoes_a_warp(seed: int) -> None:
    points = np.random.default_rng(seed).uniform((0, 0), SIZE, (50, 2))
    warp = drawn(seed)
    assert np.abs(warp.inverse(warp.forward(points)) - points).max() < 1e-3


def test_a_warp_of_nothing_keeps_image_and_boxes() -> None:
    warp = drawn(1, rotation=0, perspective=0, distortion=0)
    image = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    boxes = np.array([[10.0, 20, 60, 50]])
    assert np.abs(warp.image(image).astype(int) - image).max() <= 1
    assert np.allclose(warp.boxes(boxes), boxes)


def square_seen(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    rows, columns = np.nonzero(image[..., 0] > 180)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], float)


@pytest.mark.parametrize("seed", range(8))
def test_a_box_encloses_the_warped_square_within_two_pixels(seed: int) -> None:
    image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    image[80:120, 130:190] = 255
    warp = drawn(seed, rotation=15)
    [box] = warp.boxes(np.array([[130.0, 80, 190, 120]]))
    assert np.abs(square_seen(warp.image(image)) - box).max() <= 2


def test_barrel_distortion_bends_the_edges_of_a_wide_box_outwards() -> None:
    warp = drawn(3, rotation=0, perspective=0, distortion=1)
    corners = warp.forward(np.array([[20.0, 20], [300, 20]]))
    [box] = warp.boxes(np.array([[20.0, 20, 300, 180]]))
    assert box[1] < corners[:, 1].min() - 1


def test_distortion_alone_leaves_the_corners_where_they_were() -> None:
    warp = drawn(3, rotation=0, perspective=0, distortion=1)
    corners = np.array([[0.0, 0], [SIZE[0], 0], [SIZE[0], SIZE[1]], [0, SIZE[1]]])
    assert np.abs(warp.forward(corners) - corners).max() < 12
    middle = np.array([[SIZE[0] / 2, SIZE[1] / 2]])
    assert np.allclose(warp.forward(middle), middle)
