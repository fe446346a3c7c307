"""Targets of the impact networks, against closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.impact.targets import disc_target, grid_boxes, grid_target, point_target


def test_a_disc_fades_linearly_from_its_centre_to_its_rim() -> None:
    # Centre (20.5, 10.5), in the middle of a pixel; diameter (12 + 8) / 2, so the radius is 5.
    disc = disc_target([[14.5, 6.5, 26.5, 14.5]], 24, 40)
    assert disc.shape == (24, 40)
    assert disc[10, 20] == 1
    np.testing.assert_allclose(disc[10, 20:27], [1, 0.8, 0.6, 0.4, 0.2, 0, 0], atol=1e-6)
    np.testing.assert_allclose(disc[5:11, 20], [0, 0.2, 0.4, 0.6, 0.8, 1], atol=1e-6)
    assert disc[13, 24] == 0  # 3, 4: on the rim
    assert disc[12, 21] == pytest.approx(1 - 5**0.5 / 5)
    assert int((disc > 0).sum()) == 69  # grid points closer than 5


def test_the_volume_of_a_disc_is_that_of_a_cone() -> None:
    assert disc_target([[100, 100, 300, 240]], 400, 400).sum() == pytest.approx(
        np.pi * 85**2 / 3, rel=1e-3
    )


def test_overlapping_discs_do_not_add_up_and_discs_are_cut_at_the_border() -> None:
    a, b, cut = [2, 2, 12, 12], [6, 2, 16, 12], [-4, -4, 8, 8]
    each = [disc_target([box], 16, 20) for box in (a, b, cut)]
    np.testing.assert_array_equal(disc_target([a, b, cut], 16, 20), np.maximum.reduce(each))
    assert each[2][0, 0] > 0


@pytest.mark.parametrize("box", [[-9, 0, 5, 8], [15, 0, 25, 8], [4, 4, 4, 4]])
def test_boxes_without_area_or_with_their_centre_outside_have_no_disc(box: list[float]) -> None:
    assert not disc_target([box], 16, 20).any()
    assert not disc_target(np.empty((0, 4)), 16, 20).any()


def test_a_point_is_the_cell_of_the_centre() -> None:
    target = point_target([[10, 4, 20, 14], [0, 0, 1, 1]], 30, 50, stride=4)  # centre (15, 9)
    assert target.shape == (8, 13)
    assert np.argwhere(target == 1).tolist() == [[0, 0], [2, 3]]
    assert target.sum() == 2
    assert np.argwhere(point_target([[10, 4, 20, 14]], 30, 50)).tolist() == [[9, 15]]


def test_the_grid_holds_centre_place_size_and_impact() -> None:
    grid = grid_target([[10, 4, 20, 15]], [1], 30, 50)  # centre (15, 9.5): cell 3, 2
    assert grid.shape == (6, 8, 13)
    np.testing.assert_allclose(grid[:, 2, 3], [1, 1.5 / 4, 3 / 4, 11 / 224, 10 / 224, 1])
    grid[:, 2, 3] = 0
    assert not grid.any()


def test_in_one_cell_an_impact_counts_more_than_size_and_size_more_than_order() -> None:
    big, small = [8, 8, 20, 20], [12, 12, 16, 16]
    for boxes, impacts, side in (
        ([big, small], [0, 1], 4),
        ([small, big], [1, 0], 4),
        ([big, small], [0, 0], 12),
        ([small, big], [1, 1], 12),
    ):
        cell = grid_target(boxes, impacts, 32, 32)[:, 3, 3]
        np.testing.assert_allclose(cell[[3, 5]], [side / 224, max(impacts)])


BOX = st.tuples(
    st.floats(0, 79.9), st.floats(0, 59.9), st.floats(0.5, 100), st.floats(0.5, 100)
)  # centre x, y, width, height


@settings(max_examples=50, deadline=None)
@given(box=BOX, unit=st.sampled_from([100.0, 224.0]))
def test_boxes_of_the_grid_are_the_boxes_that_were_drawn(
    box: tuple[float, float, float, float], unit: float
) -> None:
    x, y, w, h = box
    drawn = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
    grid = grid_target([drawn], [0], 60, 80, unit=unit)
    cells = grid[0] > 0
    assert int(cells.sum()) == 1
    np.testing.assert_allclose(grid_boxes(grid, unit=unit)[cells], [drawn], atol=1e-4)


def test_sizes_past_the_unit_are_cut() -> None:
    assert grid_target([[0, 0, 300, 100]], [0], 400, 400)[3:5].max(axis=(1, 2)).tolist() == [
        pytest.approx(100 / 224),
        1,
    ]
