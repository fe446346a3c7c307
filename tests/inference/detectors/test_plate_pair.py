"""Two plate networks as one: joint scores, and wide boxes that need both."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes
from playhead.inference.detectors.plate_pair import ALONE, PlatePair, agreed

IMAGE = np.zeros((200, 400, 3), np.uint8)


def boxes_of(*rows: tuple[float, float, float, float, float]) -> Boxes:
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Boxes(table[:, :4], table[:, 4])


class Fixed:
    """Detects the same boxes in every image, and notes the threshold."""

    labels = ("plate",)

    def __init__(self, name: str, boxes: Boxes) -> None:
        self.name, self.boxes, self.threshold = name, boxes, 0.0

    def detect(
        self, images: Sequence[NDArray[np.uint8]], *, threshold: float
    ) -> list[dict[str, Boxes]]:
        self.threshold = threshold
        return [{"plate": self.boxes.above(threshold)} for _ in images]


def test_a_plate_of_both_gets_the_joint_score_and_the_weighted_mean_of_the_boxes() -> None:
    joint = agreed(boxes_of((10, 10, 50, 20, 0.6)), boxes_of((12, 10, 54, 20, 0.2)))
    assert joint.scores.tolist() == pytest.approx([1 - 0.4 * 0.8])
    assert joint.boxes.tolist() == [pytest.approx([10.5, 10, 51, 20])]


def test_a_plate_of_one_of_them_keeps_a_part_of_its_score() -> None:
    alone = agreed(boxes_of((10, 10, 50, 20, 0.6)), boxes_of((100, 10, 140, 20, 0.9)))
    assert alone.scores.tolist() == pytest.approx([0.9 * ALONE, 0.6 * ALONE])
    assert agreed(Boxes.empty(), Boxes.empty()).boxes.shape == (0, 4)


def test_each_box_is_joined_with_one_other_at_most_the_best_pair_first() -> None:
    first = boxes_of((10, 10, 50, 20, 0.5))
    second = boxes_of((10, 10, 50, 20, 0.4), (20, 10, 60, 20, 0.9))
    joint = agreed(first, second)
    assert joint.scores.max() == pytest.approx(1 - 0.5 * 0.1)
    assert len(joint) == 1  # what is left of the other overlaps the joint box


def test_a_wide_box_needs_both() -> None:
    wide, narrow = (0, 10, 120, 50, 0.9), (200, 10, 260, 30, 0.9)
    first = Fixed("a", boxes_of(wide, narrow))
    pair = PlatePair(first, Fixed("b", boxes_of()))
    [found] = pair.detect([IMAGE], threshold=0.3)
    assert found["plate"].boxes.tolist() == [pytest.approx(narrow[:4])]
    both = PlatePair(first, Fixed("b", boxes_of((0, 10, 120, 50, 0.5))))
    [found] = both.detect([IMAGE], threshold=0.3)
    assert len(found["plate"]) == 2


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.9])
def test_no_pair_whose_joint_score_passes_is_lost_to_the_threshold_of_the_members(
    threshold: float,
) -> None:
    score = 1 - np.sqrt(1 - threshold) + 1e-4
    box = (10.0, 10.0, 50.0, 20.0, float(score))
    pair = PlatePair(Fixed("a", boxes_of(box)), Fixed("b", boxes_of(box)))
    [found] = pair.detect([IMAGE], threshold=threshold)
    assert len(found["plate"]) == 1
