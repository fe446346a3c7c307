"""Average precision of labelled images by pycocotools, and random cases to compare on."""

import io
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from playhead.events.images import ImageSet, LabelledImage

__all__ = ["cases", "coco_ap", "image", "large_case", "random_case"]

SIDES = (4, 8, 10, 16, 32, 40, 96, 120)
LEVELS = (0.1, 0.3, 0.5, 0.5000001, 0.9)


def image(
    name: str, boxes: object, labels: object = None, scores: object = None, group: str = ""
) -> LabelledImage:
    """An image of 400x300 with these boxes, of class 0 and score 1 unless said otherwise."""
    corners = np.array(boxes, np.float64).reshape(-1, 4)
    n = len(corners)
    return LabelledImage(
        path=Path(name),
        size=(400, 300),
        boxes=corners,
        labels=np.zeros(n, np.int32) if labels is None else np.array(labels, np.int32),
        scores=np.ones(n, np.float32) if scores is None else np.array(scores, np.float32),
        group=group,
    )


def coco_ap(truth: ImageSet, found: ImageSet) -> np.ndarray:
    """Average precision (classes, areas, overlaps), NaN where a class has no boxes that count.

    True boxes of score 0 are crowds; areas: all, small, medium, large.
    """
    real = [row for image, one in enumerate(truth.images, 1) for row in _rows(image, one)]
    made = [row for image, one in enumerate(found.images, 1) for row in _rows(image, one)]
    for row in real:
        row["iscrowd"] = int(row.pop("score") == 0)
    with redirect_stdout(io.StringIO()):
        evaluation = COCOeval(_coco(truth, real), _coco(truth, made), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][..., -1]  # overlaps, recalls, classes, areas
    mean = np.where((precision == -1).any(axis=1), np.nan, precision.mean(axis=1))
    return mean.transpose(1, 2, 0)


def _rows(image: int, one: LabelledImage) -> list[dict[str, Any]]:
    return [
        {"image_id": image, "category_id": int(label) + 1, "iscrowd": 0, "score": float(score),
         "bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1)}
        for (x1, y1, x2, y2), label, score in zip(
            one.boxes.tolist(), one.labels, one.scores, strict=True
        )
    ]  # fmt: skip


def _coco(images: ImageSet, rows: list[dict[str, Any]]) -> COCO:
    coco = COCO()
    coco.dataset = {
        "images": [{"id": number} for number in range(1, len(images) + 1)],
        "categories": [{"id": n, "name": name} for n, name in enumerate(images.classes, 1)],
        "annotations": [{"id": number, **row} for number, row in enumerate(rows, 1)],
    }
    coco.createIndex()
    return coco


@st.composite
def cases(draw: st.DrawFn) -> tuple[ImageSet, ImageSet]:
    """Few coarse boxes, so that equal scores, equal overlaps and crowds are frequent."""
    side = st.sampled_from(SIDES)
    place = st.integers(0, 10).map(lambda value: 4.0 * value)
    box = st.tuples(place, place, side, side).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))
    label = st.integers(0, 2)
    true = st.tuples(box, label, st.sampled_from([0, 1, 1, 1, 1]))
    seen = st.tuples(box, label, st.sampled_from(LEVELS))
    truth, found = [], []
    for number in range(draw(st.integers(1, 3))):
        real = draw(st.lists(true, max_size=5))
        # Found boxes are true ones again, moved a little, and others.
        near = [
            ((x1 + dx, y1, x2 + dx, y2), label if same else (label + 1) % 3, score)
            for (x1, y1, x2, y2), label, _ in real
            for dx, same, score in draw(
                st.lists(
                    st.tuples(st.sampled_from([-2, 0, 1]), st.booleans(), st.sampled_from(LEVELS)),
                    max_size=2,
                )
            )
        ]
        rows = draw(st.permutations(near + draw(st.lists(seen, max_size=3))))
        truth.append(_image(number, real))
        found.append(_image(number, rows))
    classes = ("car", "face", "head")
    return ImageSet(classes, tuple(truth)), ImageSet(classes, tuple(found))


def _image(number: int, rows: list[tuple[Any, ...]]) -> LabelledImage:
    boxes, labels, scores = zip(*rows, strict=True) if rows else ((), (), ())
    return image(f"{number}.jpg", boxes, labels, scores)


def random_case(
    seed: int, images: int = 6, classes: int = 3, most: int = 12
) -> tuple[ImageSet, ImageSet]:
    """Boxes at any place with all kinds of mistakes, all numbers drawn from a seed."""
    rng = np.random.default_rng(seed)
    truth, found = [], []
    for number in range(images):
        n, extra = int(rng.integers(0, most)), int(rng.integers(0, most))
        corners = rng.uniform(0, 300, (n, 2))
        real = np.concatenate([corners, corners + rng.uniform(4, 120, (n, 2))], axis=1)
        labels = rng.integers(0, classes, n)
        again = np.flatnonzero(rng.random(n) < 0.8)
        near = real[again] + rng.normal(0, 4, (len(again), 4))
        corners = rng.uniform(0, 300, (extra, 2))
        other = np.concatenate([corners, corners + rng.uniform(4, 120, (extra, 2))], axis=1)
        boxes = np.concatenate([near, other])
        guess = np.concatenate([labels[again], rng.integers(0, classes, extra)])
        guess = np.where(rng.random(len(guess)) < 0.1, rng.integers(0, classes, len(guess)), guess)
        good = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        scores = rng.random(len(boxes)).astype(np.float32).clip(0.001, 1)
        truth.append(image(f"{number}.jpg", real, labels, rng.random(n) > 0.05))
        found.append(image(f"{number}.jpg", boxes[good], guess[good], scores[good]))
    names = tuple(f"class {number}" for number in range(classes))
    return ImageSet(names, tuple(truth)), ImageSet(names, tuple(found))


def large_case(seed: int, boxes: int) -> tuple[ImageSet, ImageSet]:
    """One image with far more boxes of a class than the 100 that count."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 300, (40, 2))
    real = np.concatenate([corners, corners + rng.uniform(20, 60, (40, 2))], axis=1)
    made = real[rng.integers(0, 40, boxes)] + rng.normal(0, 3, (boxes, 4))
    classes = ("thing",)
    return (
        ImageSet(classes, (image("a.jpg", real),)),
        ImageSet(classes, (image("a.jpg", made, scores=rng.random(boxes)),)),
    )
