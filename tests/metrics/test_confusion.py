"""Confusion and mistakes: counted one by one, and in closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.decisions.boxes import cover, iou
from playhead.errors import LabelError
from playhead.events.images import ImageSet, LabelledImage
from playhead.metrics.confusion import confusion_matrix
from playhead.metrics.detection import measure_classes
from playhead.metrics.mistakes import Mistake, find_mistakes
from playhead.metrics.thresholds import at_threshold
from tests.metrics.coco_reference import cases, image, random_case

Case = tuple[ImageSet, ImageSet]
CAR, FACE, HEAD = [0, 0, 100, 60], [200, 100, 230, 140], [195, 90, 235, 150]


def one_by_one(truth: ImageSet, found: ImageSet, threshold: float) -> np.ndarray:
    """Greedy matching within each class, then of what is left over across the classes."""
    n = len(truth.classes)
    counts = np.zeros((n + 1, n + 1), int)
    for real, made in zip(truth.images, found.images, strict=True):
        free = [at for at in range(len(real.labels)) if real.scores[at] > 0]
        crowds = [at for at in range(len(real.labels)) if real.scores[at] <= 0]
        order = np.argsort(-made.scores, kind="stable")
        left = [at for at in order.tolist() if made.scores[at] >= threshold]
        shared = iou(made.boxes, real.boxes)
        within = cover(made.boxes, real.boxes)
        for same in (True, False):
            still = []
            for at in left:
                fit = [g for g in free if (real.labels[g] == made.labels[at]) == same]
                fit = [g for g in fit if shared[at, g] >= 0.5]
                if fit:
                    best = max(fit, key=lambda g: (shared[at, g], g))
                    counts[real.labels[best], made.labels[at]] += 1
                    free.remove(best)
                elif not (
                    same
                    and any(
                        real.labels[g] == made.labels[at] and within[at, g] >= 0.5 for g in crowds
                    )
                ):
                    still.append(at)
            left = still
        for at in left:
            counts[n, made.labels[at]] += 1
        for at in free:
            counts[real.labels[at], n] += 1
    return counts


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(cases(), st.sampled_from([0.05, 0.5, 0.9]))
def test_the_matrix_is_what_counting_one_by_one_gives(case: Case, threshold: float) -> None:
    made = confusion_matrix(*case, thresholds=threshold)
    np.testing.assert_array_equal(made.counts, one_by_one(*case, threshold))


def test_its_diagonal_holds_the_hits_and_every_box_is_counted_once() -> None:
    truth, found = random_case(8, 60)
    thresholds = dict(zip(truth.classes, (0.2, 0.4, 0.6), strict=True))
    made = confusion_matrix(truth, found, thresholds=thresholds)
    for place, (label, one) in enumerate(measure_classes(truth, found).items()):
        expected = at_threshold(one.hits, thresholds[label])
        hits = made.counts[place, place]
        assert hits == pytest.approx(expected.recall * one.boxes)
        assert made.counts[place].sum() == one.boxes
        assert hits == pytest.approx(expected.precision * made.counts[:, place].sum())
        assert hits > 0
    assert made.counts[-1, -1] == 0


def test_a_face_taken_for_a_head_stands_in_the_row_of_face_and_the_column_of_head() -> None:
    truth = ImageSet(("face", "head"), (image("a.jpg", [FACE], [0]),))
    found = ImageSet(("face", "head"), (image("a.jpg", [FACE], [1]),))
    made = confusion_matrix(truth, found, thresholds=0.5)
    assert made.counts.tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]
    assert made.rows() == [
        {"true": "face", "face": 0, "head": 1, "missed": 0},
        {"true": "head", "face": 0, "head": 0, "missed": 0},
        {"true": "nothing", "face": 0, "head": 0, "missed": 0},
    ]


def test_a_class_without_a_threshold_is_named() -> None:
    truth, found = random_case(1)
    with pytest.raises(LabelError, match="class 2"):
        confusion_matrix(truth, found, thresholds={"class 0": 0.5, "class 1": 0.5})


def mistakes(real: LabelledImage, made: LabelledImage, threshold: float = 0.5) -> list[Mistake]:
    classes = ("car", "face", "head")
    sets = ImageSet(classes, (real,)), ImageSet(classes, (made,))
    return find_mistakes(*sets, thresholds=threshold)


@pytest.mark.parametrize(
    ("box", "label", "kind", "other"),
    [
        ([300, 200, 340, 240], "car", "nothing there", None),
        ([60, 0, 160, 60], "car", "wrong place", 0),  # IoU .25
        ([92, 0, 192, 60], "car", "nothing there", None),  # IoU .04
        ([0, 0, 100, 50], "car", "duplicate", 0),
        (FACE, "head", "wrong class", 1),
    ],
)
def test_a_false_box_is_told_by_what_it_overlaps(
    box: list[float], label: str, kind: str, other: int | None
) -> None:
    real = image("a.jpg", [CAR, FACE], [0, 1])
    classes = ("car", "face", "head")
    boxes, labels = [CAR, FACE, box], [0, 1, classes.index(label)]
    [one] = mistakes(real, image("a.jpg", boxes, labels, [0.9, 0.9, 0.8]))
    assert (one.kind, one.label, one.found, one.true) == (kind, label, 2, other)
    assert one.score == pytest.approx(0.8)


def test_a_missed_box_says_with_what_score_it_was_seen_below_the_threshold() -> None:
    real = image("a.jpg", [CAR, FACE], [0, 1])
    made = image("a.jpg", [CAR], [0], [0.2])
    seen, unseen = sorted(mistakes(real, made), key=lambda one: one.label)
    assert (seen.kind, seen.label, seen.true, seen.found) == ("missed", "car", 0, 0)
    assert seen.score == pytest.approx(0.2)
    assert (unseen.label, unseen.true, unseen.found, unseen.score) == ("face", 1, None, None)


def test_a_missed_box_was_not_seen_by_what_found_another_object() -> None:
    beside = [5, 0, 105, 60]
    real = image("a.jpg", [CAR, beside], [0, 0])
    [missed] = mistakes(real, image("a.jpg", [CAR], [0], [0.9]))
    assert (missed.kind, missed.true, missed.found, missed.score) == ("missed", 1, None, None)


def test_what_lies_in_a_crowd_is_no_mistake_and_a_crowd_is_not_missed() -> None:
    real = image("a.jpg", [CAR, FACE], [0, 1], [0, 0])
    made = image("a.jpg", [[10, 10, 30, 30]], [0], [0.9])
    assert mistakes(real, made) == []


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(cases())
def test_mistakes_are_the_boxes_that_are_no_hits_and_the_truth_that_none_hit(case: Case) -> None:
    counts = confusion_matrix(*case, thresholds=0.4).counts
    found = find_mistakes(*case, thresholds=0.4)
    hits = counts.diagonal()[:-1]
    for place, label in enumerate(case[0].classes):
        missed = [one for one in found if one.label == label and one.kind == "missed"]
        false = [one for one in found if one.label == label and one.kind != "missed"]
        assert len(missed) == counts[place].sum() - hits[place]
        assert len(false) == counts[:, place].sum() - hits[place]
