"""Derived heads: stated proportions of faces and people, and which of the two counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes, cover
from playhead.redaction.derived import heads_of

PERSON = (100.0, 100.0, 300.0, 850.0)  # 750 px high: a head of 100 px
BOXES = st.lists(
    st.tuples(st.integers(0, 500), st.integers(0, 500), st.integers(1, 300), st.integers(1, 600)),
    max_size=5,
)


def some(*boxes: tuple[float, ...], score: float = 0.8) -> Boxes:
    array = np.array(boxes, np.float32).reshape(-1, 4)
    return Boxes(array, np.full(len(boxes), score, np.float32))


def heads(faces: Boxes, people: Boxes, threshold: float = 0.3) -> Boxes:
    return heads_of(faces, people, threshold=threshold)


def placed(boxes: list[tuple[int, int, int, int]]) -> Boxes:
    return some(*((x, y, x + w, y + h) for x, y, w, h in boxes))


def head_in(person: tuple[float, ...]) -> NDArray[np.float32]:
    """Where a head of 1 / 7.5 of the height stands on a person, 20 cm wide to 23 cm high."""
    x1, y1, x2, y2 = person
    height = (y2 - y1) / 7.5
    half = height * 20 / 23 / 2
    middle = (x1 + x2) / 2
    return np.array([[middle - half, y1, middle + half, y1 + height]], np.float32)


def test_a_face_from_brow_to_chin_gives_a_box_that_holds_the_whole_head() -> None:
    # 14 cm of a head of 23 cm, at 10 px a centimetre; the face 14 cm wide, the head 20 cm.
    face, head = (500, 190, 640, 330), np.array([[470, 100, 670, 330]], np.float32)
    derived = heads(some(face), Boxes.empty())
    assert cover(head, derived.boxes)[0, 0] == pytest.approx(1)
    assert cover(derived.boxes, head)[0, 0] > 0.8


def test_a_standing_person_without_a_face_has_the_head_at_the_top() -> None:
    derived = heads(Boxes.empty(), some(PERSON))
    assert len(derived) == 1
    assert cover(head_in(PERSON), derived.boxes)[0, 0] == pytest.approx(1)
    assert derived.boxes[0, 3] < 100 + 750 / 5


@pytest.mark.parametrize("slip", [-20, 20])
def test_a_head_a_little_aside_of_the_middle_is_covered_all_the_same(slip: float) -> None:
    derived = heads(Boxes.empty(), some(PERSON))
    aside = head_in(PERSON) + np.array([slip, 0, slip, 0], np.float32)
    assert cover(aside, derived.boxes)[0, 0] > 0.95


def test_someone_who_sits_has_a_head_after_the_width_of_the_shoulders() -> None:
    sitting = (100, 100, 280, 280)
    derived = heads(Boxes.empty(), some(sitting))
    # Shoulders of 45 cm fill the box of 180 px: the head is 92 px high.
    head = np.array([[150, 100, 230, 192]], np.float32)
    assert cover(head, derived.boxes)[0, 0] == pytest.approx(1)


def test_the_head_of_a_face_wins_over_that_of_its_person() -> None:
    face = some((170, 130, 230, 200), score=0.6)
    derived = heads(face, some(PERSON, score=0.5))
    assert np.array_equal(derived.boxes, heads(face, Boxes.empty()).boxes)
    assert derived.scores.tolist() == pytest.approx([0.6])


def test_a_head_that_face_and_person_give_is_as_sure_as_the_surer_of_them() -> None:
    derived = heads(some((170, 130, 230, 200), score=0.35), some(PERSON, score=0.9))
    assert derived.scores.tolist() == pytest.approx([0.9])


def test_a_face_below_the_threshold_takes_no_head_from_a_sure_person() -> None:
    guess, person = some((170, 300, 230, 370), score=0.11), some(PERSON, score=0.9)
    derived = heads(guess, person)
    assert derived.scores.tolist() == pytest.approx([0.11, 0.9])
    assert cover(head_in(PERSON), derived.above(0.3).boxes)[0].max() == pytest.approx(1)
    assert len(heads(guess, person, threshold=0.11)) == 1


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_one_face_on_two_people_takes_the_head_of_the_one_it_stands_on(
    order: tuple[int, int],
) -> None:
    behind = (150.0, 60.0, 350.0, 810.0)
    people = some(PERSON, behind, score=0.9).chosen(np.array(order))
    derived = heads(some((175, 130, 225, 200), score=0.5), people)
    assert len(derived) == 2
    for person in (PERSON, behind):
        assert cover(head_in(person), derived.boxes)[0].max() > 0.8
    assert np.array_equal(derived.boxes[1:], heads(Boxes.empty(), some(behind)).boxes)


@pytest.mark.parametrize("face", [(170, 700, 230, 770), (400, 130, 460, 200), (280, 130, 340, 200)])
def test_a_face_low_down_or_beside_a_person_does_not_take_away_its_head(
    face: tuple[float, ...],
) -> None:
    derived = heads(some(face), some(PERSON))
    assert len(derived) == 2
    assert cover(head_in(PERSON), derived.boxes)[0].max() == pytest.approx(1)


@given(BOXES, BOXES)
def test_every_face_is_inside_a_head_and_every_person_has_one_near_the_top(
    faces: list[tuple[int, int, int, int]], people: list[tuple[int, int, int, int]]
) -> None:
    found, persons = placed(faces), placed(people)
    derived = heads(found, persons)
    assert max(len(found), len(persons)) <= len(derived) <= len(found) + len(persons)
    assert len(derived.valid()) == len(derived)
    if len(found):
        assert np.allclose(cover(found.boxes, derived.boxes).max(axis=1), 1)
    for person in persons.boxes:
        x1, y1, x2, y2 = person
        upper = np.array([[x1, y1, x2, y1 + (y2 - y1) * 0.7]], np.float32)
        assert len(derived)
        assert cover(derived.boxes, upper).max() > 0


def test_nothing_and_boxes_without_area_give_no_head() -> None:
    none = some((5, 5, 5, 9), (3, 3, np.nan, 9))
    assert len(heads(Boxes.empty(), Boxes.empty())) == len(heads(none, none)) == 0
