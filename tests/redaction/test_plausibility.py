"""Support: which boxes around most of the frame are kept."""

import numpy as np
import pytest

from playhead.decisions.boxes import Boxes
from playhead.redaction.plausibility import LARGE_SHARE, holds_face, large_boxes, supported_boxes

SIZE = (100, 100)
WHOLE = (2.0, 0.0, 98.0, 100.0)
SMALL = (10.0, 10.0, 40.0, 90.0)

Row = tuple[float, float, float, float]


def boxes(*rows: tuple[Row, float]) -> Boxes:
    corners = np.array([box for box, _ in rows], np.float32).reshape(-1, 4)
    return Boxes(corners, np.array([score for _, score in rows], np.float32))


def kept(*found: Boxes, step: float = 0.16, faces: tuple[Boxes, ...] = ()) -> list[list[bool]]:
    times = np.arange(len(found), dtype=np.float64) * step
    rows = supported_boxes(found, times, size=SIZE, start_score=0.3, faces=faces)
    return [row.tolist() for row in rows]


def test_a_large_box_that_no_frame_around_it_repeats_is_dropped() -> None:
    small = boxes((SMALL, 0.9))
    assert kept(small, boxes((WHOLE, 0.45), (SMALL, 0.9)), small) == [[True], [False, True], [True]]


def test_a_large_box_is_kept_where_a_frame_nearby_repeats_it_and_one_of_them_is_believed() -> None:
    weak, sure, nothing = boxes((WHOLE, 0.12)), boxes((WHOLE, 0.35)), Boxes.empty()
    assert kept(weak, nothing, sure) == [[True], [], [True]]
    assert kept(weak, nothing, weak) == [[False], [], [False]]
    assert kept(sure, nothing, nothing, nothing, sure) == [[False], [], [], [], [False]]


def test_a_large_box_elsewhere_is_no_support() -> None:
    other = boxes(((60.0, 0.0, 100.0, 100.0), 0.9))
    assert kept(boxes((WHOLE, 0.35)), other) == [[False], [True]]


def test_a_certain_box_needs_no_support() -> None:
    assert kept(boxes((WHOLE, 0.6)), Boxes.empty()) == [[True], []]


def test_where_no_sampled_frame_is_near_enough_to_support_a_box_it_is_kept() -> None:
    assert kept(boxes((WHOLE, 0.35))) == [[True]]
    assert kept(boxes((WHOLE, 0.35)), Boxes.empty(), step=0.51) == [[True], []]
    assert kept(boxes((WHOLE, 0.35)), Boxes.empty(), step=0.5) == [[False], []]


@pytest.mark.parametrize(
    ("face", "keeps"),
    [
        ((40.0, 10.0, 55.0, 30.0), True),
        ((40.0, 10.0, 50.0, 22.0), False),  # less than an eighth as high
        ((40.0, 60.0, 55.0, 80.0), False),  # in the lower half
    ],
)
def test_a_face_of_a_fitting_size_in_the_upper_half_supports_a_large_box(
    face: Row, keeps: bool
) -> None:
    faces = (boxes((face, 0.9)), Boxes.empty())
    assert kept(boxes((WHOLE, 0.35)), Boxes.empty(), faces=faces) == [[keeps], []]
    assert holds_face(boxes((WHOLE, 1)).boxes, faces[0].boxes).tolist() == [keeps]


def test_a_box_is_large_by_the_share_of_the_frame_that_it_covers() -> None:
    wide = np.array([[-300, 0, 100 * LARGE_SHARE, 100], [-300, 0, 59, 100]], np.float32)
    assert large_boxes(wide, SIZE).tolist() == [True, False]
