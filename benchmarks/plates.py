"""Plates in images: Playhead's own network, the packaged one, and both, at several sizes.

Average precision at IoU .5 with 95 % intervals over groups of images, the recall at the threshold
that gives one false positive in ten images, and milliseconds an image. Narrow boxes are ignored. In
the dashcam frames no plate narrower than about 60 pixels has a label, though many are readable: so
they are measured from 16 pixels, where detected plates without a label count as false positives,
and from 64 pixels.

    PLAYHEAD_DATA=... python benchmarks/plates.py [--split valid | --crops FOLDER]

`--crops` only writes the most confident false positives of our network at 960 pixels in the dashcam
frames, to look at.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from environment import describe
from packaged_detectors import cut, row, start
from playhead.decisions.boxes import Boxes, iou
from playhead.detection.intervals import image_intervals
from playhead.detection.labels.read import read_image_set
from playhead.events.images import ImageSet, LabelledImage
from playhead.inference.detectors import Detector, detect_tiled, open_detector
from playhead.media.stills import read_still
from playhead.metrics.detection import measure_classes
from playhead.metrics.matching import ScoredHits
from playhead.worlds.street import StreetConfig, generate_street
from train_plates import prepare_real

LEAST = 0.02
"""The minimum score of a candidate."""

NARROWEST = {"dashcam": (16.0, 64.0), "photographs": (8.0,), "streets": (8.0,)}
"""Pixels: narrower boxes are ignored, in a table for each."""

ONE_IN = 10
"""Images to one false positive."""

TIMED = 12
"""Images that are timed, in turn by every detector."""

STREETS = StreetConfig(
    kind="images", width=1280, height=720, people=4, cars=5, plates="worldwide", train=0, valid=0.5
)

Find = Callable[[NDArray[np.uint8]], Boxes]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--split", default="test", choices=("valid", "test"))
    parser.add_argument("--crops", type=Path, help="a folder for false positives")
    chosen = parser.parse_args()
    split = chosen.split
    print(describe("openvino", "numpy", "av"))
    finders = detectors()
    with TemporaryDirectory() as folder:
        if chosen.crops is not None:
            write_crops(real_images(Path(folder), split)[0], finders["ours, at 960"], chosen.crops)
            return
        for name, images in data_sets(Path(folder), split).items():
            report(name, images, finders)
            if name == "dashcam":
                report_times(images, finders)


def detectors() -> dict[str, Find]:
    packaged = open_detector("plates", threads=2)
    finders: dict[str, Find] = {"packaged, at 640 and 960": whole(packaged)}
    for name, title in (("playhead-plates", "ours"), ("plate-pair", "both")):
        for size in (640, 960, 1280):
            detector = open_detector(name, threads=2, plate_size=size)
            finders[f"{title}, at {size}"] = whole(detector)
        finders[f"{title}, in tiles of 640"] = tiled(open_detector(name, threads=2, plate_size=640))
    return finders


def whole(detector: Detector) -> Find:
    return lambda image: detector.detect([image], threshold=LEAST)[0]["plate"]


def tiled(detector: Detector) -> Find:
    find = partial(detect_tiled, detector, tile=640, overlap=96, threshold=LEAST)
    return lambda image: find(image)["plate"]


def real_images(folder: Path, split: str) -> tuple[ImageSet, ImageSet]:
    """The dashcam frames, and the photographs."""
    prepare_real(folder)
    real = of_split(read_image_set(folder / "real" / "manifest.csv"), split)
    rides = [k for k, image in enumerate(real.images) if "ride" in image.path.name]
    others = [k for k in range(len(real)) if k not in set(rides)]
    return real.chosen(rides), real.chosen(others)


def data_sets(folder: Path, split: str) -> Mapping[str, ImageSet]:
    rides, photographs = real_images(folder, split)
    streets = generate_street(folder / "streets", count=120, seed=11, config=STREETS, processes=2)
    drawn = read_image_set(streets).of_classes(["plate"])
    return {
        "dashcam": rides,
        "photographs": photographs,
        "streets": of_split(drawn, split),
    }


def of_split(images: ImageSet, split: str) -> ImageSet:
    return images.chosen([k for k, image in enumerate(images.images) if image.split == split])


def report(name: str, images: ImageSet, finders: Mapping[str, Find]) -> None:
    pixels = [read_still(image.path) for image in images.images]
    predictions = {
        title: ImageSet(
            images.classes,
            tuple(
                detected(image, find(seen))
                for image, seen in zip(images.images, pixels, strict=True)
            ),
        )
        for title, find in finders.items()
    }
    for narrowest in NARROWEST[name]:
        report_from(narrowest, name, images, predictions)


def report_from(
    narrowest: float, name: str, images: ImageSet, predictions: Mapping[str, ImageSet]
) -> None:
    groups = len({image.group for image in images.images})
    boxes = np.concatenate([image.boxes for image in images.images])
    counted = int((boxes[:, 2] - boxes[:, 0] >= narrowest).sum())
    print(
        f"\n{name}: {counted} plates from {narrowest:g} pixels in {len(images)} images of "
        f"{groups} groups\n"
    )
    start("detector", "AP50", "95 %", f"recall at 1 false in {ONE_IN} images", "its threshold")
    for title, predicted in predictions.items():
        interval = image_intervals(images, predicted, ignore_below=narrowest)["plate"]["ap50"]
        hits = measure_classes(images, predicted, min_width=narrowest)["plate"].hits
        recall, threshold = recall_at(hits, len(images) // ONE_IN)
        row(title, interval.value, f"{interval.low:.3f} to {interval.high:.3f}", recall, threshold)


def detected(image: LabelledImage, found: Boxes) -> LabelledImage:
    inside = cut(found, image.size[::-1])
    return LabelledImage(
        path=image.path,
        size=image.size,
        boxes=inside.boxes.astype(np.float64),
        labels=np.zeros(len(inside), np.int32),
        scores=inside.scores,
        group=image.group,
    )


def recall_at(hits: ScoredHits, most: int) -> tuple[float, float]:
    """The recall, and the lowest score, of the detections before false positive `most` + 1."""
    false = np.cumsum(~hits.hits)
    kept = false <= most
    threshold = float(hits.scores[kept][-1]) if kept.any() else 1.0
    return float(hits.hits[kept].sum()) / hits.truths, threshold


def write_crops(images: ImageSet, find: Find, folder: Path, *, most: int = 24) -> None:
    """Write crops of the false positives from 60 pixels, the most confident first."""
    false = []
    for image in images.images:
        pixels = read_still(image.path)
        found = cut(find(pixels), image.size[::-1])
        alone = iou(found.boxes, image.boxes).max(axis=1, initial=0) < 0.5
        alone &= found.boxes[:, 2] - found.boxes[:, 0] >= 60
        pairs = zip(found.boxes[alone].tolist(), found.scores[alone].tolist(), strict=True)
        false += [(score, image.path.stem, box, pixels) for box, score in pairs]
    folder.mkdir(parents=True, exist_ok=True)
    for number, (score, name, box, pixels) in enumerate(sorted(false, key=lambda f: -f[0])[:most]):
        x1, y1, x2, y2 = (round(side) for side in box)
        margin = x2 - x1
        crop = pixels[max(y1 - margin, 0) : y2 + margin, max(x1 - margin, 0) : x2 + margin]
        Image.fromarray(crop).save(folder / f"{number:02d}_{score:.2f}_{name}.png")
    print(f"{folder}: {min(len(false), most)} of {len(false)} false positives")


def report_times(images: ImageSet, finders: Mapping[str, Find]) -> None:
    """Medians; every image goes through all detectors in turn."""
    chosen = images.images[:: max(len(images) // TIMED, 1)][:TIMED]
    times: dict[str, list[float]] = {title: [] for title in finders}
    for image in chosen:
        pixels = read_still(image.path)
        for title, find in finders.items():
            find(pixels)
            began = time.perf_counter()
            find(pixels)
            times[title].append(1000 * (time.perf_counter() - began))
    medians = {title: float(np.median(values)) for title, values in times.items()}
    first = next(iter(medians.values()))
    print(f"\nmilliseconds an image of {images.images[0].size[0]}x{images.images[0].size[1]}\n")
    start("detector", "median", "times as fast as the packaged network")
    for title, median in medians.items():
        row(title, f"{median:.0f}", f"{first / median:.2f}")


if __name__ == "__main__":
    main()
