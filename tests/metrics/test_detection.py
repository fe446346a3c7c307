"""Detection: the same numbers as pycocotools, and closed forms."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings

from playhead.decisions.boxes import Boxes
from playhead.errors import LabelError
from playhead.events.images import ImageSet
from playhead.metrics.box_matching import BoxTable, match_boxes
from playhead.metrics.detection import (
    average_precision,
    counted_boxes,
    detection_result,
    measure_classes,
    resampled_ap,
)
from tests.metrics.coco_reference import (
    cases,
    coco_ap,
    coco_counts,
    image,
    large_case,
    random_case,
    square_case,
)

Case = tuple[ImageSet, ImageSet]


def own_ap(truth: ImageSet, found: ImageSet, min_width: float = 0) -> np.ndarray:
    results = measure_classes(truth, found, min_width=min_width)
    return np.array([result.ap for result in results.values()])


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(cases())
def test_every_average_precision_of_every_size_and_overlap_is_that_of_pycocotools(
    case: Case,
) -> None:
    np.testing.assert_allclose(own_ap(*case), coco_ap(*case), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30))
def test_boxes_at_any_place_get_the_average_precision_of_pycocotools(seed: int) -> None:
    case = random_case(seed)
    np.testing.assert_allclose(own_ap(*case), coco_ap(*case), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("boxes", [99, 100, 101, 250])
def test_only_the_100_surest_boxes_of_a_class_in_an_image_count(boxes: int) -> None:
    case = large_case(boxes, boxes)
    np.testing.assert_allclose(own_ap(*case), coco_ap(*case), atol=1e-6)


def test_images_without_truth_or_without_finds_are_those_of_pycocotools() -> None:
    box = [[10, 10, 60, 60]]
    empty = ImageSet(("car", "face"), (image("a.jpg", []), image("b.jpg", [])))
    full = ImageSet(("car", "face"), (image("a.jpg", box), image("b.jpg", box)))
    half = ImageSet(("car", "face"), (image("a.jpg", box), image("b.jpg", [])))
    for truth in (empty, full, half):
        for found in (empty, full, half):
            np.testing.assert_allclose(own_ap(truth, found), coco_ap(truth, found), atol=1e-6)


def test_a_crowd_is_no_miss_and_what_lies_in_it_is_no_mistake() -> None:
    real = image("a.jpg", [[0, 0, 50, 50], [100, 0, 300, 200]], scores=[1, 0])
    within = [[110, 10, 150, 50], [200, 10, 240, 50]]
    made = image("a.jpg", [*within, [0, 0, 50, 50]], scores=[0.9, 0.8, 0.7])
    [result] = measure_classes(ImageSet(("car",), (real,)), ImageSet(("car",), (made,))).values()
    assert (result.boxes, result.ap50, result.hits.truths) == (1, 1.0, 1)
    assert result.hits.scores == pytest.approx([0.7])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("width", [0, 8, 16, 33])
def test_a_minimum_width_of_squares_is_the_minimum_area_of_pycocotools(
    seed: int, width: int
) -> None:
    truth, detections = square_case(seed)
    expected = coco_ap(truth, detections, min_area=width**2)
    np.testing.assert_allclose(own_ap(truth, detections, width), expected, atol=1e-6)
    results = measure_classes(truth, detections, min_width=width).values()
    counts = coco_counts(truth, detections, min_area=width**2)
    for result, (hits, false, boxes) in zip(results, counts.tolist(), strict=True):
        assert (result.boxes, result.hits.truths, len(result.ranked.truths)) == (boxes,) * 3
        assert (result.hits.hits.sum(), (~result.hits.hits).sum()) == (hits, false)
        assert (result.ranked.hits[0].sum(), result.ranked.counted[0].sum()) == (hits, hits + false)


def test_the_width_decides_and_not_the_height_or_the_area() -> None:
    tall, wide = [0, 0, 9, 200], [100, 0, 110, 2]
    truth = ImageSet(("car",), (image("a.jpg", [tall, wide]),))
    detections = image("a.jpg", [tall, wide, [200, 0, 209, 200]], scores=[0.9, 0.8, 0.7])
    [result] = measure_classes(truth, ImageSet(("car",), (detections,)), min_width=10).values()
    assert (result.boxes, result.ap50) == (1, 1.0)
    assert result.hits.scores == pytest.approx([0.8])


@pytest.mark.parametrize("seed", range(4))
def test_boxes_that_count_have_the_hits_and_misses_of_the_whole_sets(seed: int) -> None:
    truth, detections = square_case(seed)
    whole = measure_classes(truth, detections, min_width=16)
    kept = counted_boxes(truth, detections, min_width=16)
    for label, result in measure_classes(*kept).items():
        assert result.boxes == whole[label].boxes
        np.testing.assert_array_equal(result.hits.scores, whole[label].hits.scores)
        np.testing.assert_array_equal(result.hits.hits, whole[label].hits.hits)
    assert sum(len(one.labels) for one in kept[0].images) == sum(r.boxes for r in whole.values())


def test_the_sizes_of_coco_part_the_boxes_at_32_and_96_squared() -> None:
    sides = (32, 33, 96, 97)
    boxes = [[0, 0, side, side] for side in sides]
    images = tuple(image(f"{side}.jpg", [box]) for side, box in zip(sides, boxes, strict=True))
    truth = ImageSet(("car",), images)
    found = truth.chosen([1])  # only the one of 33x33
    found = ImageSet(
        ("car",),
        tuple(one if at == 1 else image(one.path.name, []) for at, one in enumerate(images)),
    )
    [result] = measure_classes(truth, found).values()
    np.testing.assert_allclose(own_ap(truth, found), coco_ap(truth, found), atol=1e-6)
    assert (result.small, result.large) == (0.0, 0.0)
    assert result.medium == pytest.approx(34 / 101)  # recalls 0 to .33 of three medium boxes


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(cases())
def test_matching_at_a_threshold_is_matching_of_what_lies_above_it(case: Case) -> None:
    truth, found = BoxTable.of_truth(case[0]), BoxTable.of_detections(case[1])
    taken = match_boxes(truth, found, overlaps=[0.5]).taken[0, 0]
    for threshold in (0.3, 0.5, 0.9):
        above = found.chosen(np.flatnonzero(found.scores >= threshold))
        kept = match_boxes(truth, above, overlaps=[0.5]).taken[0, 0]
        np.testing.assert_array_equal(kept, taken[found.scores >= threshold])


def test_no_true_box_is_taken_twice_and_every_taken_one_overlaps_enough() -> None:
    truth, found = (random_case(1, 40)[at] for at in (0, 1))
    tables = BoxTable.of_truth(truth), BoxTable.of_detections(found)
    match = match_boxes(*tables, overlaps=[0.5, 0.75])
    for row in match.taken[0]:
        takers = np.flatnonzero(row >= 0)
        free = ~tables[0].crowd[row[takers]]
        assert len(set(row[takers][free].tolist())) == free.sum() > 20
        np.testing.assert_array_equal(tables[0].images[row[takers]], tables[1].images[takers])
        np.testing.assert_array_equal(tables[0].labels[row[takers]], tables[1].labels[takers])


def test_pairs_in_small_chunks_are_the_same_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, found = random_case(2, 30)
    tables = BoxTable.of_truth(truth), BoxTable.of_detections(found)
    whole = match_boxes(*tables, overlaps=[0.5]).taken
    monkeypatch.setattr("playhead.metrics.box_matching.PAIRS", 7)
    np.testing.assert_array_equal(match_boxes(*tables, overlaps=[0.5]).taken, whole)


def test_resampling_images_is_measuring_them_as_often_as_they_were_drawn() -> None:
    truth, found = random_case(3, 12)
    rng = np.random.default_rng(0)
    results = measure_classes(truth, found)
    for _ in range(5):
        drawn = rng.integers(0, 12, 12)
        repeated = measure_classes(truth.chosen(drawn), found.chosen(drawn))
        times = np.bincount(drawn, minlength=12)
        for label, one in results.items():
            np.testing.assert_allclose(resampled_ap(one, times), repeated[label].ap[0], atol=1e-12)


def test_a_score_that_is_no_number_is_refused() -> None:
    truth = ImageSet(("car",), (image("a.jpg", [[0, 0, 9, 9]]),))
    found = ImageSet(("car",), (image("a.jpg", [[0, 0, 9, 9]], scores=[np.nan]),))
    with pytest.raises(LabelError, match=r"a\.jpg.*score"):
        measure_classes(truth, found)


def test_sets_of_other_classes_or_numbers_of_images_are_refused() -> None:
    one = image("a.jpg", [[0, 0, 9, 9]])
    truth = ImageSet(("car",), (one,))
    with pytest.raises(LabelError, match="face"):
        measure_classes(truth, ImageSet(("face",), (one,)))
    with pytest.raises(LabelError, match="2 images"):
        measure_classes(truth, ImageSet(("car",), (one, one)))


def lists(seed: int) -> tuple[list[np.ndarray], list[Boxes]]:
    truth, found = random_case(seed, classes=1)
    real = [one.boxes[one.scores > 0] for one in truth.images]
    made = [Boxes(one.boxes.astype(np.float32), one.scores) for one in found.images]
    return real, made


@pytest.mark.parametrize("seed", range(8))
def test_lists_of_boxes_of_one_class_get_the_same_figures(seed: int) -> None:
    real, made = lists(seed)
    truth = ImageSet(("x",), tuple(image("a", boxes) for boxes in real))
    found = ImageSet(("x",), tuple(image("a", b.boxes, scores=b.scores) for b in made))
    [expected] = coco_ap(truth, found)
    assert detection_result(real, made).ap == pytest.approx(expected[0, 0], abs=1e-6)
    assert detection_result(real, made, overlap=0.75).ap == pytest.approx(expected[0, 5], abs=1e-6)
    assert average_precision(real, made) == pytest.approx(expected[0].mean(), abs=1e-6)


def test_a_stricter_overlap_never_has_more_hits() -> None:
    real, made = lists(4)
    hits = [detection_result(real, made, overlap=value).tp for value in (0.3, 0.5, 0.7, 0.9)]
    assert all(one >= other for one, other in pairwise(hits))


def test_a_second_box_on_one_object_is_false() -> None:
    truth = [np.array([[0.0, 0.0, 10.0, 10.0]])]
    twice = Boxes(np.array([[0, 0, 10, 10], [0, 0, 10, 9]], np.float32), np.array([0.9, 0.8], "f4"))
    result = detection_result(truth, [twice])
    assert (result.tp, result.fp, result.fn) == (1, 1, 0)
    assert (result.precision, result.recall, result.ap) == (0.5, 1.0, 1.0)


def test_nothing_found_is_a_recall_of_zero_and_nothing_true_is_none_at_all() -> None:
    assert detection_result([np.array([[0.0, 0.0, 9.0, 9.0]])], [Boxes.empty()]).ap == 0
    assert np.isnan(detection_result([np.zeros((0, 4))], [Boxes.empty()]).recall)
