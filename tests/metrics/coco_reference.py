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

__all__ = [
    "cases",
    "coco_ap",
    "coco_counts",
    "image",
    "large_case",
    "random_case",
    "square_case",
]

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


def coco_ap(truth: ImageSet, found: ImageSet, *, min_area: float = 0) -> np.ndarray:
    """Average precision (classes, areas, overlaps), NaN where a class has no boxes that count.

    True boxes of score 0 are crowds; areas: all, small, medium, large, each from `min_area` on.
    """
    precision = _evaluated(truth, found, min_area).eval["precision"][..., -1]
    # overlaps, recalls, classes, areas
    mean = np.where((precision == -1).any(axis=1), np.nan, precision.mean(axis=1))
    return mean.transpose(1, 2, 0)


def coco_counts(truth: ImageSet, found: ImageSet, *, min_area: float) -> np.ndarray:
    """Hits, false positives and true boxes that count, at IoU 0.5 and any area: (classes, 3)."""
    evaluation = _evaluated(truth, found, min_area)
    counts = np.zeros((len(truth.classes), 3), int)
    for row in evaluation.evalImgs:
        if row is None or row["aRng"] != evaluation.params.areaRng[0]:
            continue
        counted, hit = ~row["dtIgnore"][0].astype(bool), row["dtMatches"][0] > 0
        true = len(row["gtIgnore"]) - int(np.sum(row["gtIgnore"]))
        counts[row["category_id"] - 1] += (counted & hit).sum(), (counted & ~hit).sum(), true
    return counts


def _evaluated(truth: ImageSet, found: ImageSet, min_area: float) -> COCOeval:
    real = [row for image, one in enumerate(truth.images, 1) for row in _rows(image, one)]
    made = [row for image, one in enumerate(found.images, 1) for row in _rows(image, one)]
    for row in real:
        row["iscrowd"] = int(row.pop("score") == 0)
    with redirect_stdout(io.StringIO()):
        evaluation = COCOeval(_coco(truth, real), _coco(truth, made), "bbox")
        ranges = evaluation.params.areaRng
        evaluation.params.areaRng = [[max(low, min_area), high] for low, high in ranges]
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation


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


def square_case(seed: int) -> tuple[ImageSet, ImageSet]:
    """Squares of whole pixels, so that the area of each is exactly the square of its width."""
    rng = np.random.default_rng(seed)

    def squares(corners: np.ndarray, sides: np.ndarray) -> np.ndarray:
        return np.concatenate([corners, corners + np.maximum(sides, 2)[:, None]], axis=1)

    truth, found = [], []
    for number in range(8):
        n, extra = int(rng.integers(0, 12)), int(rng.integers(0, 6))
        corners, sides = rng.integers(0, 60, (n, 2)), rng.integers(4, 48, n)
        labels = rng.integers(0, 2, n)
        again = rng.integers(0, n, 2 * n) if n else np.zeros(0, int)
        moved = corners[again] + rng.integers(-2, 3, (len(again), 2))
        near = squares(moved, sides[again] + rng.integers(-3, 4, len(again)))
        other = squares(rng.integers(0, 60, (extra, 2)), rng.integers(4, 48, extra))
        guess = np.concatenate([labels[again], rng.integers(0, 2, extra)])
        scores = rng.permutation(len(guess)) / 100 + 0.01
        name = f"{number}.jpg"
        truth.append(image(name, squares(corners, sides), labels, rng.random(n) > 0.1))
        found.append(image(name, np.concatenate([near, other]), guess, scores))
    return ImageSet(("car", "face"), tuple(truth)), ImageSet(("car", "face"), tuple(found))


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
