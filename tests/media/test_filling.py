"""Holes are filled from what lies around them and from nothing else."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from playhead.media.filling import fill, push_pull, spread


def _plane(seed: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(5, 40, 2)
    hidden = np.zeros((height, width), bool)
    top, left = rng.integers(height - 2), rng.integers(width - 2)
    hidden[top + 1 : top + 1 + rng.integers(1, 12), left + 1 : left + 1 + rng.integers(1, 12)] = 1
    return rng.integers(0, 256, (height, width), np.uint8), hidden


@given(st.integers(0, 10_000))
def test_what_a_hole_covers_does_not_change_what_fills_it(seed: int) -> None:
    plane, hidden = _plane(seed)
    other = np.where(hidden, 255 - plane, plane)
    fill(plane, hidden, 16)
    fill(other, hidden, 16)
    np.testing.assert_array_equal(plane, other)


@given(st.integers(0, 10_000))
def test_known_values_stay_and_filled_ones_lie_between_them(seed: int) -> None:
    plane, hidden = _plane(seed)
    values = push_pull(np.where(hidden, 0, plane).astype(np.float32), ~hidden)
    known = plane[~hidden]
    np.testing.assert_array_equal(values[~hidden], known)
    assert values.min() >= known.min() - 1e-3
    assert values.max() <= known.max() + 1e-3


def test_a_hole_in_one_colour_gets_that_colour() -> None:
    plane = np.full((30, 40), 77, np.uint8)
    hidden = np.zeros((30, 40), bool)
    hidden[5:20, 10:33] = True
    plane[hidden] = 200
    fill(plane, hidden, 16)
    assert (plane == 77).all()


def test_where_all_is_hidden_the_value_for_it_stands() -> None:
    plane = np.full((6, 7), 99, np.uint8)
    fill(plane, np.ones((6, 7), bool), 16)
    assert (plane == 16).all()


def test_a_mask_spreads_across_down_and_diagonally() -> None:
    mask = np.zeros((9, 9), bool)
    mask[4, 4] = True
    wanted = np.zeros((9, 9), bool)
    wanted[2:7, 2:7] = True
    np.testing.assert_array_equal(spread(mask, 2), wanted)
