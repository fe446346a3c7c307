"""Boxes: overlaps and suppression against plain loops, and boxes that are none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes, cover, iou, nms, paired_iou
from playhead.errors import PlayheadError

# Whole numbers on a small square meet, touch, contain and equal each other often.
CORNERS = st.integers(-3, 12)
BOX = st.tuples(CORNERS, CORNERS, CORNERS, CORNERS)
MANY = st.lists(BOX, max_size=7)
SCORES = st.sampled_from([0.1, 0.3, 0.5, 0.5, 0.9])


def _array(boxes: list[tuple[int, ...]]) -> NDArray[np.float32]:
    return np.array(boxes, np.float32).reshape(-1, 4)


def _pixels(box: tuple[int, ...]) -> set[tuple[int, int]]:
    x1, y1, x2, y2 = box
    return {(x, y) for x in range(x1, x2) for y in range(y1, y2)}


def _counted_iou(a: tuple[int, ...], b: tuple[int, ...]) -> float:
    union = _pixels(a) | _pixels(b)
    return len(_pixels(a) & _pixels(b)) / len(union) if union else 0.0


def _greedy(boxes: list[tuple[int, ...]], scores: list[float], overlap: float) -> list[int]:
    left = sorted(range(len(boxes)), key=lambda index: (-scores[index], index))
    kept: list[int] = []
    for index in left:
        if not _pixels(boxes[index]):
            continue
        if all(_counted_iou(boxes[index], boxes[other]) <= overlap for other in kept):
            kept.append(index)
    return kept


@given(MANY, MANY)
def test_iou_counts_the_pixels_of_both_over_those_of_either(
    first: list[tuple[int, ...]], second: list[tuple[int, ...]]
) -> None:
    expected = [[_counted_iou(a, b) for b in second] for a in first]
    got = iou(_array(first), _array(second))
    assert got.shape == (len(first), len(second))
    assert np.allclose(got, np.array(expected).reshape(got.shape))


@given(st.lists(st.tuples(BOX, BOX), max_size=12))
def test_the_iou_of_pairs_is_that_of_all_with_all(
    pairs: list[tuple[tuple[int, ...], tuple[int, ...]]],
) -> None:
    first, second = (_array([pair[side] for pair in pairs]) for side in (0, 1))
    assert paired_iou(first, second).tolist() == np.diag(iou(first, second)).tolist()


@given(MANY, MANY)
def test_cover_counts_the_shared_pixels_over_those_of_the_first(
    first: list[tuple[int, ...]], second: list[tuple[int, ...]]
) -> None:
    got = cover(_array(first), _array(second))
    for row, a in enumerate(first):
        for column, b in enumerate(second):
            own = len(_pixels(a))
            expected = len(_pixels(a) & _pixels(b)) / own if own else 0.0
            assert got[row, column] == pytest.approx(expected)


@given(st.lists(st.tuples(BOX, SCORES), max_size=12), st.sampled_from([0.0, 0.27, 0.4, 0.71]))
def test_nms_keeps_what_a_plain_greedy_loop_keeps(
    found: list[tuple[tuple[int, ...], float]], overlap: float
) -> None:
    boxes, scores = [box for box, _ in found], [score for _, score in found]
    kept = nms(Boxes(_array(boxes), np.array(scores, np.float32)), overlap)
    expected = _greedy(boxes, scores, overlap)
    assert np.array_equal(kept.boxes, _array([boxes[index] for index in expected]))
    assert np.allclose(kept.scores, [scores[index] for index in expected])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "broken",
    [
        (5, 5, 5, 5),
        (5, 5, 5, 9),
        (9, 9, 5, 5),
        (np.nan, 0, 4, 4),
        (0, 0, np.inf, 4),
        (-np.inf, -np.inf, np.inf, np.inf),
    ],
)
def test_a_box_that_is_none_overlaps_nothing_and_is_dropped(broken: tuple[float, ...]) -> None:
    boxes = np.array([broken, (0, 0, 10, 10)], np.float32)
    assert iou(boxes, boxes).tolist() == [[0, 0], [0, 1]]
    assert cover(boxes, boxes).tolist() == [[0, 0], [0, 1]]
    found = Boxes(boxes, np.array([0.9, 0.5], np.float32))
    assert found.valid().boxes.tolist() == [[0, 0, 10, 10]]
    assert nms(found, 0.5).boxes.tolist() == [[0, 0, 10, 10]]


def test_a_score_that_is_no_number_is_below_every_threshold_and_not_valid() -> None:
    boxes = np.array([(0, 0, 10, 10), (20, 0, 30, 10)], np.float32)
    found = Boxes(boxes, np.array([np.nan, 0.5], np.float32))
    assert len(found.above(0)) == 1
    assert len(found.valid()) == 1


def test_a_score_equal_to_the_threshold_stays() -> None:
    found = Boxes(np.zeros((2, 4), np.float32), np.array([0.25, 0.5], np.float32))
    assert found.above(0.5).scores.tolist() == [0.5]
    assert found.above(0.25).scores.tolist() == [0.25, 0.5]


def test_scaling_multiplies_then_shifts_each_axis() -> None:
    found = Boxes(np.array([(1, 2, 3, 4)], np.float32), np.ones(1, np.float32))
    assert found.scaled(2, 10, dx=100, dy=-1).boxes.tolist() == [[102, 19, 106, 39]]


def test_joining_keeps_the_order_and_joining_nothing_is_empty() -> None:
    first = Boxes(np.full((1, 4), 1, np.float32), np.array([0.1], np.float32))
    second = Boxes(np.full((2, 4), 2, np.float32), np.array([0.2, 0.3], np.float32))
    joined = Boxes.joined([first, Boxes.empty(), second])
    assert joined.boxes[:, 0].tolist() == [1, 2, 2]
    assert np.allclose(joined.scores, [0.1, 0.2, 0.3])
    assert len(Boxes.joined([])) == len(nms(Boxes.empty(), 0.5)) == 0


def test_boxes_and_scores_of_different_numbers_are_refused() -> None:
    with pytest.raises(PlayheadError, match=r"\(N, 4\) and \(N,\) are needed"):
        Boxes(np.zeros((2, 4), np.float32), np.zeros(3, np.float32))
