"""Weighted boxes fusion, against plain lists and closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.decisions.boxes import Boxes, iou
from playhead.decisions.fusion import SAME, fuse, fuse_classes, fuse_objects
from playhead.errors import PlayheadError

Row = tuple[tuple[float, ...], float]

CORNER, SIDE = st.integers(0, 12), st.integers(1, 8)
BOX = st.builds(lambda x, y, w, h: (x, y, x + w, y + h), CORNER, CORNER, SIDE, SIDE)
ROWS = st.lists(st.tuples(BOX, st.floats(0.05, 1)), max_size=6)


def boxes_of(*rows: Row) -> Boxes:
    corners = np.array([box for box, _ in rows], np.float32).reshape(-1, 4)
    return Boxes(corners, np.array([score for _, score in rows], np.float32))


def _plainly(found: list[Boxes], weights: list[float]) -> list[Row]:
    """Clusters as lists of rows, their mean made anew from all their members each time."""
    rows = sorted(
        (
            (-np.float32(score) * weight, detector, place, np.float64(box), float(score))
            for detector, (one, weight) in enumerate(zip(found, weights, strict=True))
            for place, (box, score) in enumerate(zip(one.boxes, one.scores, strict=True))
        ),
        key=lambda row: row[:3],
    )
    clusters: list[list[tuple[int, np.ndarray, float]]] = []

    def middle(cluster: list[tuple[int, np.ndarray, float]]) -> np.ndarray:
        trust = [weights[detector] * score for detector, _, score in cluster]
        return np.average([box for _, box, _ in cluster], axis=0, weights=trust)

    for _, detector, _, box, score in rows:
        overlaps = [iou(box[None], middle(one)[None])[0, 0] for one in clusters]
        if overlaps and max(overlaps) >= SAME:
            clusters[int(np.argmax(overlaps))].append((detector, box, score))
        else:
            clusters.append([(detector, box, score)])
    result = []
    for cluster in clusters:
        best = [
            max([score for owner, _, score in cluster if owner == detector], default=0)
            for detector in range(len(found))
        ]
        result.append((tuple(middle(cluster)), float(np.dot(best, weights) / np.sum(weights))))
    return sorted(result, key=lambda row: -row[1])


@given(st.lists(ROWS, min_size=1, max_size=3), st.data())
def test_boxes_are_fused_as_plain_lists_do(rows: list[list[Row]], data: st.DataObject) -> None:
    weights = [data.draw(st.sampled_from([0.5, 1.0, 3.0])) for _ in rows]
    found = [boxes_of(*one) for one in rows]
    fused, expected = fuse(found, weights=weights), _plainly(found, weights)
    assert len(fused) == len(expected)
    np.testing.assert_allclose(fused.scores, [score for _, score in expected], atol=1e-5)
    # Of equal scores either may come first.
    got = sorted(zip(fused.scores.round(4).tolist(), fused.boxes.round(2).tolist(), strict=True))
    want = sorted((round(score, 4), np.round(box, 2).tolist()) for box, score in expected)
    for (_, one), (_, other) in zip(got, want, strict=True):
        assert one == pytest.approx(other, abs=0.02) or len(set(fused.scores.round(4))) < len(fused)


@given(ROWS, st.integers(1, 4))
def test_detectors_that_agree_change_nothing_but_what_each_says_twice(
    rows: list[Row], count: int
) -> None:
    one = fuse([boxes_of(*rows)])
    again = fuse([one] * count)
    assert len(again) <= len(one)
    if len(again) == len(one):  # fusing can move two objects onto each other
        np.testing.assert_allclose(again.boxes, one.boxes, atol=1e-3)
        np.testing.assert_allclose(again.scores, one.scores, atol=1e-5)


@given(ROWS, ROWS)
def test_every_fused_box_lies_within_the_hull_of_all_and_is_no_surer_than_the_surest(
    first: list[Row], second: list[Row]
) -> None:
    fused = fuse([boxes_of(*first), boxes_of(*second)])
    every = Boxes.joined([boxes_of(*first), boxes_of(*second)])
    assert (len(fused) > 0) == (len(every) > 0)
    if len(fused):
        assert (fused.boxes >= every.boxes.min(axis=0) - 1e-3).all()
        assert (fused.boxes <= every.boxes.max(axis=0) + 1e-3).all()
        assert fused.scores.max() <= every.scores.max() + 1e-6
        assert (np.diff(fused.scores) <= 0).all()


def test_two_boxes_of_one_object_become_their_weighted_mean() -> None:
    fused = fuse([boxes_of(((0, 0, 10, 10), 0.9)), boxes_of(((2, 0, 12, 10), 0.3))])
    # (0 · .9 + 2 · .3) / 1.2 = .5, and (.9 + .3) / 2.
    assert fused.boxes[0].tolist() == pytest.approx([0.5, 0, 10.5, 10])
    assert fused.scores.tolist() == pytest.approx([0.6])


def test_what_one_of_two_sees_is_believed_half_and_by_its_weight() -> None:
    alone = [boxes_of(((0, 0, 10, 10), 0.8)), Boxes.empty()]
    assert fuse(alone).scores.tolist() == pytest.approx([0.4])
    assert fuse(alone, weights=[3, 1]).scores.tolist() == pytest.approx([0.6])
    assert len(fuse(alone, weights=[0, 1])) == 0


def test_a_detector_that_finds_an_object_twice_counts_once() -> None:
    twice = boxes_of(((0, 0, 10, 10), 0.8), ((0, 0, 10, 9), 0.6))
    assert fuse([twice, Boxes.empty()]).scores.tolist() == pytest.approx([0.4])


def test_a_class_that_one_detector_does_not_know_is_not_doubted_for_it() -> None:
    cars = {"car": boxes_of(((0, 0, 10, 10), 0.8))}
    dogs = {"dog": boxes_of(((0, 0, 10, 10), 0.6)), "car": boxes_of(((0, 0, 10, 10), 0.4))}
    fused = fuse_classes([cars, dogs])
    assert list(fused) == ["car", "dog"]
    assert fused["dog"].scores.tolist() == pytest.approx([0.6])
    assert fused["car"].scores.tolist() == pytest.approx([0.6])


@pytest.mark.parametrize("weights", [[1], [1, -1], [1, float("nan")], [0, 0]])
def test_weights_that_are_none_are_refused(weights: list[float]) -> None:
    with pytest.raises(PlayheadError, match="weight"):
        fuse([Boxes.empty(), Boxes.empty()], weights=weights)


def test_no_detector_is_refused() -> None:
    with pytest.raises(PlayheadError, match="at least one detector"):
        fuse_classes([])


def test_an_object_names_the_highest_box_of_each_detector() -> None:
    first = boxes_of(((20, 0, 30, 10), 0.3), ((0, 0, 10, 10), 0.5), ((0, 0, 10, 9), 0.6))
    second = boxes_of(((9, 9, 9, 9), 1.0), ((0, 0, 10, 10), 0.8))  # the first has no area
    fused = fuse_objects([first, second])
    assert fused.members.tolist() == [[2, 0], [0, -1]]
    assert fused.boxes.scores.tolist() == pytest.approx([0.7, 0.15])


def test_no_boxes_are_no_objects() -> None:
    assert fuse_objects([Boxes.empty(), Boxes.empty()]).members.shape == (0, 2)
