"""Sets of labelled images: what is refused, and choosing classes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from playhead.errors import LabelError
from playhead.events.images import ImageSet
from tests.detection.labels.image_files import labelled

BOXES = [[0, 0, 9, 9], [10, 0, 19, 9], [20, 0, 29, 9], [30, 0, 39, 9]]
ONE = replace(labelled(Path("a.jpg"), BOXES, [2, 0, 1, 0], [0.4, 0.3, 0.2, 0.1]), split="test")
SET = ImageSet(("car", "plate", "face"), (ONE, labelled(Path("b.jpg"), [], [])))


def test_chosen_classes_are_numbered_in_their_order_and_the_boxes_of_others_go() -> None:
    chosen = SET.of_classes(["face", "car"])
    assert chosen.classes == ("face", "car")
    first, second = chosen.images
    assert first.labels.tolist() == [0, 1, 1]
    assert first.boxes[:, 0].tolist() == [0, 10, 30]
    np.testing.assert_allclose(first.scores, [0.4, 0.3, 0.1])
    assert (first.path, first.size, first.split) == (ONE.path, ONE.size, "test")
    assert (second.boxes.shape, second.labels.dtype) == ((0, 4), np.int32)


def test_all_classes_in_their_order_are_the_same_set() -> None:
    same = SET.of_classes(SET.classes)
    assert same.images[0].labels.tolist() == ONE.labels.tolist()
    assert same.count() == SET.count() == {"car": 2, "plate": 1, "face": 1}


def test_a_class_that_the_set_does_not_know_is_answered_with_those_it_knows() -> None:
    with pytest.raises(LabelError, match=r"set/labels: has no class dog; .* car, plate, face$"):
        SET.of_classes(["car", "dog"], source="set/labels")
    with pytest.raises(LabelError, match="listed twice"):
        SET.of_classes(["car", "car"])
