"""Candidates into what was found, against plain loops over every pair of box and class."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes, iou
from playhead.decisions.detection import CANDIDATES, decide
from playhead.decisions.detection_config import DEFAULT_THRESHOLD, DetectionDecisions
from playhead.decisions.hierarchy import parents_first, penalise_orphans
from playhead.errors import ConfigError, PlayheadError

CLASSES = ("car", "plate", "person")
CORNERS = st.integers(-3, 12)
BOX = st.tuples(CORNERS, CORNERS, CORNERS, CORNERS)
SHARE = st.sampled_from([0.0, 0.2, 0.3, 0.5, 0.5, 0.9, float("nan")])
CANDIDATE = st.tuples(BOX, st.tuples(SHARE, SHARE, SHARE))

Rows = list[tuple[tuple[float, ...], float]]


def _arrays(
    rows: list[tuple[tuple[int, ...], tuple[float, ...]]],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    boxes = np.array([box for box, _ in rows], np.float32).reshape(-1, 4)
    return boxes, np.array([shares for _, shares in rows], np.float32).reshape(-1, 3)


def _plainly(
    rows: list[tuple[tuple[int, ...], tuple[float, ...]]],
    config: DetectionDecisions,
    threshold: float | None,
) -> dict[str, Rows]:
    """One list of pairs, surest first; each is taken unless a taken one stands in its way."""
    pairs = []
    for number, (box, shares) in enumerate(rows):
        if np.isnan(shares).any() or box[2] <= box[0] or box[3] <= box[1]:
            continue
        for label, share in zip(CLASSES, shares, strict=True):
            if share >= (config.threshold(label) if threshold is None else threshold):
                pairs.append((-share, number, CLASSES.index(label), box, label))
    taken: list[tuple[float, int, int, tuple[int, ...], str]] = []
    for pair in sorted(pairs):
        rivals = [one for one in taken if config.class_agnostic or one[4] == pair[4]]
        corners = np.array([one[3] for one in rivals], np.float32).reshape(-1, 4)
        if not (iou(np.array([pair[3]]), corners) > config.overlap).any():
            taken.append(pair)
    return {
        label: [(pair[3], -pair[0]) for pair in taken if pair[4] == label][: config.most]
        for label in CLASSES
    }


def _rows(boxes: Boxes) -> Rows:
    return [
        (tuple(box), pytest.approx(score))
        for box, score in zip(boxes.boxes.tolist(), boxes.scores.tolist(), strict=True)
    ]


@given(
    st.lists(CANDIDATE, max_size=10),
    st.booleans(),
    st.sampled_from([None, 0.25, 0.5]),
    st.sampled_from([0.3, 0.6, 1.0]),
    st.integers(1, 3),
)
def test_each_class_is_suppressed_as_plain_loops_do(
    rows: list[tuple[tuple[int, ...], tuple[float, ...]]],
    agnostic: bool,
    threshold: float | None,
    overlap: float,
    most: int,
) -> None:
    config = DetectionDecisions(
        thresholds={"car": 0.5}, overlap=overlap, class_agnostic=agnostic, most=most
    )
    found = decide(*_arrays(rows), CLASSES, config, threshold)
    assert list(found) == list(CLASSES)
    assert {label: _rows(boxes) for label, boxes in found.items()} == _plainly(
        rows, config, threshold
    )


def test_thousands_of_candidates_of_one_object_leave_one() -> None:
    rng = np.random.default_rng(0)
    boxes = np.array([10, 10, 60, 60]) + rng.normal(0, 1, (CANDIDATES + 500, 4))
    shares = rng.uniform(0.4, 0.9, (len(boxes), 1))
    found = decide(boxes, shares, ["car"], DetectionDecisions())["car"]
    assert len(found) == 1
    assert found.scores[0] == pytest.approx(shares.max())


def test_no_candidates_are_no_boxes() -> None:
    found = decide(np.zeros((0, 4)), np.zeros((0, 3)), CLASSES, DetectionDecisions())
    assert [len(found[label]) for label in CLASSES] == [0, 0, 0]


def test_candidates_of_another_shape_are_refused_with_the_shape_that_is_needed() -> None:
    with pytest.raises(PlayheadError, match=r"\(5, 2\); \(N, 4\) and \(N, 3\) are needed"):
        decide(np.zeros((5, 4)), np.zeros((5, 2)), CLASSES, DetectionDecisions())


NESTED = DetectionDecisions(
    parents={"face": "head", "head": "person"}, thresholds={"person": 0.4, "head": 0.3}
)


def _one(box: tuple[int, ...], score: float) -> Boxes:
    return Boxes(np.array([box], np.float32), np.array([score], np.float32))


@pytest.mark.parametrize(
    ("person", "head", "doubted"),
    [
        # A face in a head in a person keeps its score.
        (0.5, 0.5, {"head": 0.5, "face": 0.8}),
        # The person is not believed: its head is doubted, and then no longer holds the face.
        (0.39, 0.5, {"head": 0.25, "face": 0.4}),
        # A head that is sure enough is still believed after being doubted.
        (0.39, 0.7, {"head": 0.35, "face": 0.8}),
    ],
)
def test_doubt_goes_down_from_parent_to_child(
    person: float, head: float, doubted: dict[str, float]
) -> None:
    found = {
        "face": _one((12, 12, 18, 18), 0.8),
        "head": _one((10, 10, 20, 20), head),
        "person": _one((0, 10, 30, 90), person),
    }
    result = penalise_orphans(found, NESTED)
    for label, score in doubted.items():
        assert result[label].scores.tolist() == pytest.approx([score]), label


@pytest.mark.parametrize(("right", "score"), [(17, 0.8), (18, 0.4)])
def test_a_child_must_lie_in_its_parent_by_the_share_that_is_asked(
    right: int, score: float
) -> None:
    config = DetectionDecisions(parents={"plate": "car"}, inside=0.7)
    # Of 7 and 8 columns of the plate 5 lie in the car: .71 and .63 of it.
    found = {"car": _one((0, 0, 15, 15), 0.9), "plate": _one((10, 5, right, 10), 0.8)}
    assert penalise_orphans(found, config)["plate"].scores[0] == pytest.approx(score)


def test_boxes_that_are_doubted_come_after_those_that_are_not() -> None:
    config = DetectionDecisions(parents={"plate": "car"})
    plates = Boxes.joined([_one((50, 50, 60, 60), 0.9), _one((2, 2, 6, 4), 0.6)])
    found = {"car": _one((0, 0, 20, 20), 0.9), "plate": plates}
    result = penalise_orphans(found, config)["plate"]
    assert result.scores.tolist() == pytest.approx([0.6, 0.45])
    assert result.boxes[0].tolist() == [2, 2, 6, 4]


def test_a_believed_parent_counts_also_where_only_surer_boxes_are_asked_for() -> None:
    config = DetectionDecisions(parents={"plate": "car"})
    boxes = np.array([[0, 0, 50, 50], [10, 10, 20, 20]], np.float32)
    shares = np.array([[DEFAULT_THRESHOLD, 0], [0, 0.95]], np.float32)
    found = decide(boxes, shares, ("car", "plate"), config, 0.9)
    assert len(found["car"]) == 0
    assert found["plate"].scores.tolist() == pytest.approx([0.95])


def test_a_parent_that_nobody_finds_is_an_error_that_lists_the_classes() -> None:
    config = DetectionDecisions(parents={"plate": "lorry"})
    with pytest.raises(
        ConfigError, match="lorry is not a class of this detector; its classes are car"
    ):
        penalise_orphans({"car": Boxes.empty(), "plate": Boxes.empty()}, config)


def test_parents_come_before_children_whatever_the_order_they_are_named_in() -> None:
    parents = {"face": "head", "plate": "car", "head": "person"}
    order = parents_first(parents)
    assert sorted(order) == ["face", "head", "plate"]
    assert order.index("head") < order.index("face")
