"""What is left of a covered box, in closed form and beside a raster of its pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.detection.synthesis.occlusion import visible_part

BOX = (10, 20, 50, 40)


def _part(*covers: tuple[float, float, float, float]) -> tuple[float, list[float]]:
    share, bounds = visible_part(np.array(BOX, float), np.array(covers, float).reshape(-1, 4))
    return share, bounds.tolist()


@pytest.mark.parametrize(
    ("cover", "share", "bounds"),
    [
        ((60, 0, 90, 90), 1.0, BOX),  # beside
        ((50, 0, 90, 90), 1.0, BOX),  # touching
        ((30, 0, 90, 90), 0.5, (10, 20, 30, 40)),  # the right half
        ((0, 0, 20, 90), 0.75, (20, 20, 50, 40)),  # the left quarter
        ((0, 30, 90, 90), 0.5, (10, 20, 50, 30)),  # the lower half
        ((0, 0, 90, 25), 0.75, (10, 25, 50, 40)),  # the upper quarter
        ((30, 30, 90, 90), 0.75, BOX),  # a corner
        ((20, 0, 40, 90), 0.5, BOX),  # a bar through the middle
        ((20, 25, 30, 35), 1 - 100 / 800, BOX),  # a hole
        ((0, 0, 90, 90), 0.0, (10, 20, 10, 20)),  # all
    ],
)
def test_one_cover_leaves_what_geometry_says(
    cover: tuple[float, ...], share: float, bounds: tuple[float, ...]
) -> None:
    found, part = visible_part(np.array(BOX, float), np.array([cover], float))
    assert found == pytest.approx(share)
    assert part.tolist() == list(bounds)


def test_covers_that_overlap_are_not_counted_twice() -> None:
    assert _part((10, 20, 30, 40), (10, 20, 30, 40)) == (0.5, [30, 20, 50, 40])
    assert _part((10, 20, 30, 40), (20, 20, 40, 40)) == (0.25, [40, 20, 50, 40])


def test_two_covers_that_each_take_half_a_side_take_the_side() -> None:
    assert _part((40, 0, 90, 30), (40, 30, 90, 90)) == (0.75, [10, 20, 40, 40])


def test_without_covers_all_is_left() -> None:
    assert _part() == (1.0, list(BOX))


def test_a_box_without_area_is_not_seen() -> None:
    share, bounds = visible_part(np.array([5.0, 5, 5, 9]), np.zeros((0, 4)))
    assert share == 0
    assert bounds.tolist() == [5, 5, 5, 5]


corners = st.tuples(*[st.integers(-5, 30)] * 4).map(
    lambda c: (min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]), max(c[1], c[3]))
)


@given(st.tuples(st.integers(0, 9), st.integers(0, 9)), st.lists(corners, max_size=5))
def test_share_and_bounds_are_those_of_the_free_pixels(
    at: tuple[int, int], covers: list[tuple[int, int, int, int]]
) -> None:
    x, y = at
    box = np.array([x, y, x + 12, y + 15], float)
    free = np.zeros((40, 40), bool)
    free[y : y + 15, x : x + 12] = True
    for x1, y1, x2, y2 in covers:
        free[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)] = False
    share, bounds = visible_part(box, np.array(covers, float).reshape(-1, 4))
    assert share == pytest.approx(free.sum() / 180)
    if free.any():
        rows, columns = np.nonzero(free)
        wanted = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert bounds.tolist() == wanted
