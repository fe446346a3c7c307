"""Peaks of heat maps, their matches, and their reduction to the grid."""

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.impact.grids import grid_candidates
from playhead.impact.helmets.heat import resized
from playhead.impact.helmets.peaks import centre_metrics, heat_peaks, match_centres, to_grid
from playhead.impact.helmets.samples import heat_target
from playhead.impact.targets import disc_target
from tests.impact.networks import FACTORED, SIZE, plan_of

Boxes = NDArray[np.float32]

PHASES = np.arange(0.15, 4, 0.7)
"""Of a centre in its cell, pixels; at the edge of a pixel the values of a disc would be equal."""


def around(centres: NDArray[np.float64], side: float) -> Boxes:
    half = side / 2
    return np.concatenate([centres - half, centres + half], 1).astype(np.float32)


def two_touching(side: float, degrees: float, x: float, y: float) -> Boxes:
    angle = np.radians(degrees)
    first = np.array([20 + x, 20 + y])
    second = first + side * np.array([np.cos(angle), np.sin(angle)])
    return around(np.stack([first, second]), side)


def as_the_head_draws_it(heat: NDArray[np.float32]) -> NDArray[np.float32]:
    """A map at stride 4, enlarged bilinearly."""
    height, width = heat.shape
    cells = heat.reshape(height // 4, 4, width // 4, 4).mean((1, 3))
    return resized(cells, height, width)


@pytest.mark.parametrize("side", [8, 11])
def test_the_centre_of_a_small_disc_survives_in_the_grid(side: int) -> None:
    means = []
    for x in PHASES:
        for y in PHASES:
            heat = disc_target(around(np.array([[20 + x, 20 + y]]), side), 48, 64)
            assert to_grid(heat)[int(20 + y) // 4, int(20 + x) // 4] > 0.8
            cells = heat.reshape(12, 4, 16, 4).mean((1, 3))
            means.append(cells[int(20 + y) // 4, int(20 + x) // 4])
    assert side > 8 or min(means) < 0.4  # the usual threshold; the mean would be below it


def test_a_size_that_is_no_multiple_of_the_stride_is_rounded_up() -> None:
    heat = np.zeros((6, 9), np.float32)
    heat[5, 8], heat[3, 3] = 0.7, 0.2
    assert to_grid(heat).tolist() == [
        [pytest.approx(0.2), 0, 0],
        [0, 0, pytest.approx(0.7)],
    ]


def candidates_of(heat: NDArray[np.float32], side: float) -> NDArray[np.float32]:
    """The boxes of candidates whose cells all have a box of `side` pixels."""
    plan = plan_of(FACTORED)
    grid = np.full((6, 12, 16), 0.5, np.float32)
    grid[0] = to_grid(heat)
    grid[3:5] = side / plan.box_unit
    return grid_candidates(grid, plan, SIZE, min_score=0.4).boxes


@pytest.mark.parametrize(
    ("drawn", "degrees"),
    [
        *[(drawn, at) for drawn in ("point", "point as the head draws it") for at in (0, 45, 90)],
        # Discs whose centres are in diagonally neighbouring cells can be one; see below.
        *[("disc", at) for at in (0, 30, 90)],
    ],
)
def test_two_touching_helmets_of_11_pixels_are_two_candidates(drawn: str, degrees: float) -> None:
    for x in PHASES:
        for y in PHASES:
            boxes = two_touching(11, degrees, x, y)
            heat = heat_target(boxes, SIZE, drawn.split(maxsplit=1)[0])
            if "head" in drawn:
                heat = as_the_head_draws_it(heat)
            found = candidates_of(heat, 11)
            assert len(found) == 2
            apart = (found[:, None] - boxes[None])[..., :2]
            # Each box is that of the middle of the cell of its centre.
            assert (np.abs(apart).max(-1).min(1) <= 2.01).all()


def test_touching_helmets_of_8_pixels_may_be_one_candidate_as_discs_but_are_two_as_points() -> None:
    counts = {
        kind: {
            len(candidates_of(heat_target(two_touching(8, 45, x, y), SIZE, kind), 8))
            for x in PHASES
            for y in PHASES
        }
        for kind in ("disc", "point")
    }
    assert counts == {"disc": {1, 2}, "point": {2}}


def test_peaks_of_perfect_maps_are_all_hits() -> None:
    for kind in ("disc", "point"):
        for x in PHASES:
            boxes = two_touching(11, 30, x, 1)
            points, scores = heat_peaks(heat_target(boxes, (64, 48), kind))
            assert match_centres(points, scores, boxes).tolist() == [True, True]
    # The centre is the corner of four cells, whose maxima are equal.
    corner = np.array([[14, 14, 26, 26]], np.float32)
    points, _ = heat_peaks(disc_target(corner, 48, 64))
    assert points.tolist() == [[19.5, 19.5]]
    assert heat_peaks(np.zeros((48, 64), np.float32))[0].shape == (0, 2)


def test_a_true_centre_is_hit_once_and_only_within_half_of_its_box() -> None:
    boxes = np.array([[10, 10, 20, 22], [40, 10, 48, 18]], np.float32)  # reach 5.5 and 4
    points = np.array([[15, 16], [15, 17], [44, 18.1], [44, 17.9]])
    scores = np.array([0.5, 0.9, 0.8, 0.7], np.float32)
    assert match_centres(points, scores, boxes).tolist() == [False, True, False, True]
    assert match_centres(points, scores, boxes[:0]).tolist() == [False] * 4


def test_the_best_threshold_counts_hits_of_all_frames() -> None:
    boxes = around(np.array([[10.0, 10], [30, 10], [10, 30]]), 8)
    first = np.zeros((48, 64), np.float32)
    first[10, 10], first[10, 30], first[40, 50] = 0.9, 0.6, 0.5  # hit, hit, false positive
    second = np.zeros((48, 64), np.float32)
    second[20, 50] = 0.7  # false positive
    outside = np.array([[-9, 0, 1, 8]], np.float32)  # its centre is outside
    metrics = centre_metrics([(first, boxes), (second, outside)])
    assert metrics == {
        "best_f1": pytest.approx(2 / 3),  # 2 hits of 3 peaks and 3 centres
        "precision": pytest.approx(2 / 3),
        "recall": pytest.approx(2 / 3),
        "threshold": pytest.approx(0.6),
    }
    nothing = centre_metrics([(np.zeros((48, 64), np.float32), boxes)])
    assert (nothing["best_f1"], nothing["threshold"]) == (0, 1)
