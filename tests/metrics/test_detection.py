"""Detection: the same numbers as pycocotools, and closed forms."""

import io
from contextlib import redirect_stdout

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from playhead.decisions.boxes import Boxes
from playhead.metrics.detection import detection_result


def random_case(seed: int) -> tuple[list[np.ndarray], list[Boxes]]:
    rng = np.random.default_rng(seed)
    truth, found = [], []
    for _ in range(int(rng.integers(1, 8))):
        corners = rng.integers(0, 80, (int(rng.integers(0, 6)), 2))
        true = np.concatenate([corners, corners + rng.integers(5, 40, corners.shape)], axis=1)
        near = true[rng.random(len(true)) < 0.8] + rng.integers(-6, 7, (1, 4))
        far = rng.integers(0, 50, (int(rng.integers(0, 5)), 2))
        boxes = np.concatenate([near, np.concatenate([far, far + 20], axis=1)]).astype(np.float32)
        boxes = boxes[(boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])]
        truth.append(true.astype(np.float64))
        found.append(Boxes(boxes, rng.random(len(boxes)).astype(np.float32)))
    return truth, found


def coco_ap50(truth: list[np.ndarray], found: list[Boxes]) -> float:
    def annotation(image: int, box: np.ndarray, number: int) -> dict:
        x1, y1, x2, y2 = (float(value) for value in box)
        size = [x1, y1, x2 - x1, y2 - y1]
        return {"id": number, "image_id": image, "category_id": 1, "bbox": size, "iscrowd": 0,
                "area": size[2] * size[3]}  # fmt: skip

    rows = [(image, box) for image, boxes in enumerate(truth, 1) for box in boxes]
    with redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": image} for image in range(1, len(truth) + 1)],
            "categories": [{"id": 1, "name": "thing"}],
            "annotations": [annotation(image, box, n) for n, (image, box) in enumerate(rows, 1)],
        }
        coco.createIndex()
        results = [
            {"image_id": image, "category_id": 1, "score": float(score),
             "bbox": annotation(image, box, 0)["bbox"]}
            for image, one in enumerate(found, 1)
            for box, score in zip(one.boxes, one.scores, strict=True)
        ]  # fmt: skip
        evaluation = COCOeval(coco, coco.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][0, :, 0, 0, 2]
    return float(precision.mean())


@pytest.mark.parametrize("seed", range(40))
def test_average_precision_is_that_of_pycocotools(seed: int) -> None:
    truth, found = random_case(seed)
    if not sum(map(len, truth)) or not sum(map(len, found)):
        truth[0] = np.array([[0.0, 0.0, 9.0, 9.0]])
        found[0] = Boxes(np.array([[0, 0, 9, 8]], np.float32), np.ones(1, np.float32))
    assert detection_result(truth, found).ap == pytest.approx(coco_ap50(truth, found), abs=1e-6)


def test_a_second_box_on_one_object_is_false() -> None:
    truth = [np.array([[0.0, 0.0, 10.0, 10.0]])]
    twice = Boxes(np.array([[0, 0, 10, 10], [0, 0, 10, 9]], np.float32), np.array([0.9, 0.8], "f4"))
    result = detection_result(truth, [twice])
    assert (result.tp, result.fp, result.fn) == (1, 1, 0)
    assert (result.precision, result.recall, result.ap) == (0.5, 1.0, 1.0)


def test_nothing_found_is_a_recall_of_zero_and_nothing_true_is_none_at_all() -> None:
    assert detection_result([np.array([[0.0, 0.0, 9.0, 9.0]])], [Boxes.empty()]).ap == 0
    assert np.isnan(detection_result([np.zeros((0, 4))], [Boxes.empty()]).recall)
