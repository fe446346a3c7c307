"""Measuring labelled images: the figures of each class, their means, and their intervals."""

import io
import json
import math
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from playhead.detection.evaluate import (
    ImageEvaluation,
    measure_images,
    read_sets,
)
from playhead.detection.intervals import image_differences, image_intervals
from playhead.events.images import ImageSet
from tests.metrics.coco_reference import coco_ap, image, random_case

CAR, FACE = [0, 0, 100, 100], [200, 100, 230, 130]


def two_classes() -> tuple[ImageSet, ImageSet]:
    """The car found, the face found beside a surer false one; nothing is a head."""
    classes = ("car", "face", "head")
    truth = image("a.jpg", [CAR, FACE], [0, 1])
    found = image("a.jpg", [CAR, FACE, [300, 0, 330, 30]], [0, 1, 1], [0.85, 0.4, 0.6])
    return ImageSet(classes, (truth,)), ImageSet(classes, (found,))


def test_the_means_are_over_the_classes_that_have_boxes() -> None:
    result = measure_images(*two_classes())
    assert result.metrics()["ap50"] == pytest.approx((1 + 0.5) / 2)
    assert result.metrics()["ap50_95"] == pytest.approx((1 + 0.5) / 2)
    assert math.isnan(result.classes["head"].ap50)
    assert result.to_json()["per_class"]["head"]["ap50"] is None


def test_precision_and_recall_are_at_the_best_f1_or_at_the_threshold_that_is_asked_for() -> None:
    truth, found = two_classes()
    face = measure_images(truth, found).classes["face"]
    assert (face.chosen.precision, face.chosen.recall, face.chosen.threshold) == (0.5, 1.0, 0.4)
    face = measure_images(truth, found, thresholds=0.5).classes["face"]
    assert (face.chosen.precision, face.chosen.recall, face.chosen.threshold) == (0.0, 0.0, 0.5)
    some = measure_images(truth, found, thresholds={"face": 0.5})
    assert some.classes["face"].chosen.threshold == 0.5
    assert some.classes["car"].chosen.threshold == 0.8


def test_the_result_says_for_each_class_where_its_threshold_comes_from() -> None:
    truth, found = two_classes()
    chosen = measure_images(truth, found)
    sources = {label: one["threshold_source"] for label, one in per_class(chosen).items()}
    assert sources == {
        "car": "evaluated images",
        "face": "evaluated images",
        "head": "default",
    }
    assert "chosen on these same images for the best F1" in chosen.threshold_note()
    assert "optimistic (car, face); 0.3, the default" in chosen.threshold_note()
    given = measure_images(truth, found, thresholds=0.5)
    assert {one["threshold_source"] for one in per_class(given).values()} == {"given"}
    assert given.threshold_note().endswith("confusion: as given.")
    some = measure_images(truth, found, thresholds={"face": 0.5, "head": 0.5}, source="bundle")
    assert some.threshold_note().endswith(
        "confusion: chosen on these same images for the best F1, so that these figures are "
        "optimistic (car); those of the bundle (face, head)."
    )


def per_class(result: ImageEvaluation) -> dict[str, Any]:
    columns: dict[str, Any] = result.to_json()["per_class"]
    return columns


def test_the_figures_are_those_of_pycocotools() -> None:
    truth, found = random_case(11, 20)
    expected = coco_ap(truth, found)
    result = measure_images(truth, found)
    for one, row in zip(result.classes.values(), expected, strict=True):
        assert one.ap50 == pytest.approx(row[0, 0], abs=1e-6)
        assert one.ap50_95 == pytest.approx(row[0].mean(), abs=1e-6)
        sizes = (one.small, one.medium, one.large)
        assert sizes == pytest.approx(row[1:].mean(axis=1).tolist(), abs=1e-6, nan_ok=True)
    assert result.metrics()["ap50"] == pytest.approx(float(np.mean(expected[:, 0, 0])), abs=1e-6)


def test_boxes_below_a_width_are_ignored_in_every_figure() -> None:
    truth, found = two_classes()
    result = measure_images(truth, found, ignore_below=50)
    assert (result.classes["car"].boxes, result.classes["face"].boxes) == (1, 0)
    assert result.metrics()["ap50"] == 1
    assert result.to_json()["ignore_below"] == 50
    assert "ignore_below" not in measure_images(truth, found).to_json()


def test_nothing_found_is_zero_and_no_image_at_all_is_unknown() -> None:
    truth, _ = two_classes()
    none = ImageSet(truth.classes, (image("a.jpg", []),))
    result = measure_images(truth, none)
    assert [result.metrics()[name] for name in ("ap50", "precision", "recall", "f1")] == [0] * 4
    empty = ImageSet(("car",), ())
    assert measure_images(empty, empty).to_json()["metrics"]["ap50"] is None


@pytest.mark.slow
def test_an_interval_holds_its_value_and_is_one_point_where_every_group_is_alike() -> None:
    truth, found = random_case(5, 24)
    intervals = image_intervals(truth, found, resamples=200)
    ap = measure_images(truth, found).metrics()
    for name in ("ap50", "ap50_95"):
        one = intervals["all"][name]
        assert one.low < one.value < one.high
        assert one.value == pytest.approx(ap[name])
    assert image_intervals(truth, found, resamples=200) == intervals
    images = [image(f"{number}.jpg", [CAR, CAR]) for number in range(6)]
    alike = ImageSet(("car",), tuple(images))
    half = ImageSet(("car",), tuple(image(f"{n}.jpg", [CAR]) for n in range(6)))
    one = image_intervals(alike, half, resamples=50)["car"]["ap50"]
    assert one.low == one.high == one.value


def test_images_of_one_group_are_drawn_together() -> None:
    # Two groups, one all right and one all wrong: a draw is one, the other, or both.
    truth = [image(f"{n}.jpg", [CAR], group="good" if n < 5 else "bad") for n in range(10)]
    found = [image(f"{n}.jpg", [CAR] if n < 5 else []) for n in range(10)]
    sets = ImageSet(("car",), tuple(truth)), ImageSet(("car",), tuple(found))
    one = image_intervals(*sets, resamples=200)["car"]["ap50"]
    assert (one.low, one.high) == (0.0, 1.0)
    apart = ImageSet(("car",), tuple(image(f"{n}.jpg", [CAR]) for n in range(10)))
    alone = image_intervals(apart, sets[1], resamples=200)["car"]["ap50"]
    assert alone.low > 0
    assert alone.high < 1


@pytest.mark.slow
def test_a_detector_is_no_better_than_itself_and_surely_better_than_one_without_its_finds() -> None:
    truth, found = random_case(5, 24)
    fewer = ImageSet(
        found.classes,
        tuple(
            replace(one, boxes=one.boxes[::2], labels=one.labels[::2], scores=one.scores[::2])
            for one in found.images
        ),
    )
    same = image_differences(truth, found, found, resamples=50)["all"]["ap50"]
    assert (same.low, same.value, same.high) == (0, 0, 0)
    widest = max(float(np.ptp(one.boxes[:, ::2], axis=1).max(initial=0)) for one in truth.images)
    ignored = image_differences(truth, found, fewer, resamples=20, ignore_below=widest + 1)
    assert np.isnan(ignored["all"]["ap50"].value)
    better = image_differences(truth, found, fewer, resamples=200)["all"]["ap50"]
    ap = [measure_images(truth, one).metrics()["ap50"] for one in (found, fewer)]
    assert better.value == pytest.approx(ap[0] - ap[1])
    assert 0 < better.low < better.value < better.high
    apart = image_intervals(truth, found, resamples=200)["all"]["ap50"]
    assert better.high - better.low < 2 * (apart.high - apart.low)


def test_a_coco_document_with_crowds_is_measured_as_pycocotools_measures_its_files(
    tmp_path: Path,
) -> None:
    truth, found = random_case(21, 12)
    real = list(enumerate(truth.images, 1))
    size = {"width": 400, "height": 300}
    document = {
        "images": [{"id": n, "file_name": f"{n}.jpg", **size} for n, _ in real],
        "categories": [{"id": n, "name": name} for n, name in enumerate(truth.classes, 1)],
        "annotations": [
            {"id": 0, "image_id": n, "category_id": int(label) + 1, "iscrowd": int(score == 0),
             "bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1)}
            for n, one in real
            for (x1, y1, x2, y2), label, score in zip(
                one.boxes.tolist(), one.labels, one.scores, strict=True
            )
        ],
    }  # fmt: skip
    for number, one in enumerate(document["annotations"], 1):
        one["id"] = number
    results = [
        {"image_id": n, "category_id": int(label) + 1, "score": float(score),
         "bbox": [x1, y1, x2 - x1, y2 - y1]}
        for n, one in enumerate(found.images, 1)
        for (x1, y1, x2, y2), label, score in zip(
            one.boxes.tolist(), one.labels, one.scores, strict=True
        )
    ]  # fmt: skip
    (tmp_path / "truth.json").write_text(json.dumps(document))
    (tmp_path / "found.json").write_text(json.dumps(results))
    with redirect_stdout(io.StringIO()):
        theirs = COCO(str(tmp_path / "truth.json"))
        evaluation = COCOeval(theirs, theirs.loadRes(str(tmp_path / "found.json")), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert any(one["iscrowd"] for one in document["annotations"])
    for classes in (None, truth.classes):
        sets = read_sets(tmp_path / "truth.json", tmp_path / "found.json", classes=classes)
        made = measure_images(sets.truth, sets.predictions).metrics()
        names = ("ap50_95", "ap50", "ap_small", "ap_medium", "ap_large")
        own = [made[name] for name in names]
        assert own == pytest.approx(evaluation.stats[[0, 1, 3, 4, 5]].tolist(), abs=1e-6)
