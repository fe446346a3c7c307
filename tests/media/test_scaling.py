"""Scaling of images against means over areas, worked out in plain matrices."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from playhead.errors import MediaError
from playhead.media.scaling import letterbox, resize


def noise(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def area_means(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.float64]:
    """Each new pixel as the mean of the old ones under it, in part where an edge cuts them."""

    def weights(old: int, new: int) -> NDArray[np.float64]:
        edges = np.arange(new + 1) * old / new
        low = np.maximum(edges[:-1, None], np.arange(old))
        high = np.minimum(edges[1:, None], np.arange(old) + 1)
        return np.maximum(high - low, 0) * new / old

    rows, columns = weights(image.shape[0], size[1]), weights(image.shape[1], size[0])
    return np.einsum("yjc,xj->yxc", np.einsum("yi,ijc->yjc", rows, image), columns)


@pytest.mark.parametrize("factor", [2, 3, 4, 5, 8])
def test_shrinking_by_a_whole_factor_gives_the_means_of_the_blocks_to_a_level(factor: int) -> None:
    image = noise(factor * 18, factor * 30, seed=factor)
    blocks = image.reshape(18, factor, 30, factor, 3).mean(axis=(1, 3))
    small = resize(image, (30, 18))
    assert small.shape == (18, 30, 3)
    # The scaler rounds twice, once a direction: by half a level each, at most.
    assert np.abs(small - blocks).max() < 1


@given(
    width=st.integers(40, 200),
    height=st.integers(40, 200),
    across=st.floats(0.1, 0.8),
    down=st.floats(0.1, 0.8),
)
def test_shrinking_keeps_the_mean_and_averages_areas(
    width: int, height: int, across: float, down: float
) -> None:
    image = noise(height, width, seed=width * 1000 + height)
    size = round(width * across), round(height * down)
    small = resize(image, size)
    np.testing.assert_allclose(small.mean((0, 1)), image.mean((0, 1)), atol=1.0)
    assert np.abs(small - area_means(image, size)).max() <= 3.0


def test_colours_are_not_smeared_when_an_image_is_shrunk() -> None:
    """As one RGB image the scaler halves the colour: narrow stripes would lose theirs."""
    image = np.zeros((48, 96, 3), np.uint8)
    image[:, 0::6, 0] = image[:, 1::6, 0] = image[:, 2::6, 0] = 255
    image[:, 3::6, 2] = image[:, 4::6, 2] = image[:, 5::6, 2] = 255
    small = resize(image, (32, 16))
    np.testing.assert_array_equal(small[:, 0::2], np.broadcast_to([255, 0, 0], (16, 16, 3)))
    np.testing.assert_array_equal(small[:, 1::2], np.broadcast_to([0, 0, 255], (16, 16, 3)))


@pytest.mark.parametrize("size", [(1, 1), (300, 300), (7, 200), (400, 3), (96, 64)])
@pytest.mark.parametrize("shape", [(1, 1), (10, 200), (64, 96), (3, 1)])
def test_a_flat_image_stays_flat_at_every_size(
    shape: tuple[int, int], size: tuple[int, int]
) -> None:
    image = np.broadcast_to(np.array([7, 130, 251], np.uint8), (*shape, 3))
    scaled = resize(image, size)
    assert scaled.shape == (size[1], size[0], 3)
    assert np.abs(scaled.astype(int) - [7, 130, 251]).max() <= 1


def test_a_view_with_any_strides_scales_like_its_copy() -> None:
    big = noise(120, 160)
    view = big[10:110:2, 150:10:-2]
    np.testing.assert_array_equal(resize(view, (33, 21)), resize(view.copy(), (33, 21)))


@given(width=st.integers(1, 300), height=st.integers(1, 300), side=st.integers(16, 192))
def test_a_letterbox_touches_two_opposite_edges_and_keeps_the_aspect(
    width: int, height: int, side: int
) -> None:
    image = np.full((height, width, 3), 200, np.uint8)
    boxed, box = letterbox(image, (side, side), fill=3)
    rows, columns = (
        np.flatnonzero((boxed != 3).any((1, 2))),
        np.flatnonzero((boxed != 3).any((0, 2))),
    )
    inner = len(columns), len(rows)
    assert boxed.shape == (side, side, 3)
    assert max(inner) == side
    assert (columns[0], rows[0]) == (box.dx, box.dy)
    assert inner == (round(width * box.sx), round(height * box.sy))
    # Half a pixel of rounding on the shorter side, or the one pixel that is always left.
    assert abs(min(inner) - side * min(width, height) / max(width, height)) <= 1
    assert abs((side - inner[0]) / 2 - box.dx) <= 0.5
    assert abs((side - inner[1]) / 2 - box.dy) <= 0.5


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)],
)
def test_what_is_no_rgb_image_of_bytes_is_refused(image: NDArray[np.uint8]) -> None:
    with pytest.raises(MediaError, match="scaling needs uint8"):
        resize(image, (2, 2))


@pytest.mark.parametrize(("shape", "size"), [((0, 4), (2, 2)), ((4, 4), (0, 2))])
def test_an_empty_side_is_refused(shape: tuple[int, int], size: tuple[int, int]) -> None:
    with pytest.raises(MediaError, match="sides need at least 1 pixel"):
        letterbox(np.zeros((*shape, 3), np.uint8), size)
