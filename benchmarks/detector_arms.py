"""Trained detectors on real images: with and without cut and paste, by blending, several seeds.

    python benchmarks/detector_arms.py [--seeds 1 2 3] [--epochs N] [--arms NAME...] [--runs FOLDER]

Trains on the 245 images of plate_vehicle_openimages350 from a packaged ImageNet encoder, with
nothing chosen on what is measured: the last epoch's averaged weights, as a bundle, on the other 105
(valid and test). Beside them the packaged networks on the same images, counted the same way.
Finished runs are kept in --runs and not repeated. Two trainings of a thread each run side by side,
which on two cores takes less time than one after the other on two threads.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from environment import describe
from playhead.detection.config import DetectorConfig, find_config, load_detector_config
from playhead.detection.evaluate import measure_images
from playhead.detection.labels.read import read_image_set
from playhead.detection.normalise import normalise
from playhead.detection.normalise.config import NormaliseConfig
from playhead.detection.predict import PredictOptions, predict_set
from playhead.detection.train import fit_detector, plan_of
from playhead.events.images import ImageSet, LabelledImage
from playhead.inference.detectors import open_detector
from playhead.learning.run import TrainingRun
from playhead.media.stills import read_still

DATA = "plate_vehicle_openimages350"
CLASSES = ("plate", "vehicle")
THREADS = 1
SIDE_BY_SIDE = 2
ARMS: dict[str, dict[str, Any] | None] = {
    "none": None,
    "paste": {"blendings": ["none"]},
    "feather": {"blendings": ["feather"]},
    "poisson": {"blendings": ["poisson"]},
    "any blending": {},
}


def main() -> None:
    arguments = parse()
    print(describe())
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        manifest = one_set(Path(os.environ["PLAYHEAD_DATA"]) / DATA, Path(folder) / "set")
        held_out = joined(read_image_set(manifest, split=split) for split in ("valid", "test"))
        print(f"{held_out.count()} in {len(held_out)} images that do not train\n")
        packaged(held_out)
        work = partial(one_run, manifest, held_out, arguments)
        runs = [(arm, seed) for arm in arguments.arms for seed in arguments.seeds]
        with ProcessPoolExecutor(SIDE_BY_SIDE, mp_context=get_context("spawn")) as pool:
            done = dict(zip(runs, pool.map(work, *zip(*runs, strict=True)), strict=True))
        rows = {arm: [done[arm, seed] for seed in arguments.seeds] for arm in arguments.arms}
    print(f"\n{arguments.epochs} epochs at {arguments.size} pixels, seeds {arguments.seeds}\n")
    print("| cut and paste | plate AP50 | vehicle AP50 | mAP50 | mAP50-95 | seconds |")
    print("|---|---|---|---|---|---|")
    for arm, results in rows.items():
        figures = [with_interval([result[name] for result in results]) for name in FIGURES]
        seconds = np.mean([result["seconds"] for result in results])
        print(f"| {arm} | {' | '.join(figures)} | {seconds:.0f} |", flush=True)
    print(f"\n{(time.monotonic() - began) / 60:.0f} minutes in all")


FIGURES = ("plate", "vehicle", "ap50", "ap50_95")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--runs", type=Path, default=Path("build/detector_arms"))
    return parser.parse_args()


def one_set(source: Path, out: Path) -> Path:
    """The three folders as one set, its splits as they are."""
    config = {
        "classes": CLASSES,
        "map": {"license-plate": "plate"},
        "sources": [
            {
                "path": source / split,
                "name": split,
                "split": split,
                "classes": dict(enumerate(CLASSES)),
            }
            for split in ("train", "valid", "test")
        ],
    }
    normalise(NormaliseConfig.model_validate(config), out)
    return out / "manifest.csv"


def joined(sets: Any) -> ImageSet:
    every = list(sets)
    return ImageSet(every[0].classes, tuple(one for each in every for one in each.images))


def one_run(
    manifest: Path, held_out: ImageSet, arguments: argparse.Namespace, arm: str, seed: int
) -> dict[str, Any]:
    """Train and measure, unless that was done before with the same settings."""
    config = settings_of(manifest, arm, seed, arguments)
    name = f"{arm.replace(' ', '-')}-{seed}-{arguments.epochs}-{arguments.size}"
    kept = arguments.runs / f"{name}.json"
    if kept.is_file():
        result: dict[str, Any] = json.loads(kept.read_text())
        return result
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        run = TrainingRun(Path(folder) / "run", config)
        trained = fit_detector(run)
        seconds = time.monotonic() - started
        run.export(trained.model, plan_of(config), trained.sides.train.classes, trained.fitted)
        found = predict_set([run.bundle], held_out, PredictOptions(threads=THREADS, enlarge=True))
    row = {**figures_of(held_out, found), "seconds": seconds}
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(row))
    print(f"{name}: {row}", flush=True)
    return row


def settings_of(
    manifest: Path, arm: str, seed: int, arguments: argparse.Namespace
) -> DetectorConfig:
    base = load_detector_config(find_config("small"))
    values = base.model_dump(mode="json")
    values["data"] |= {"manifest": str(manifest), "size": [arguments.size, arguments.size]}
    values["augmentation"] |= {"mosaic": 0, "scale": [0.7, 1.4], "cut_paste": ARMS[arm]}
    values["training"] |= {
        "epochs": arguments.epochs,
        "warmup_epochs": 0.5,
        "batch_size": 4,
        "ema": 0.99,
        "seed": seed,
        "threads": THREADS,
        "validate_every": arguments.epochs,
        "select": None,
    }
    return DetectorConfig.model_validate(values)


def figures_of(truth: ImageSet, found: ImageSet) -> dict[str, float]:
    result = measure_images(truth, found)
    return {label: one.ap50 for label, one in result.classes.items()} | {
        name: result.metrics()[name] for name in ("ap50", "ap50_95")
    }


def packaged(held_out: ImageSet) -> None:
    """The networks that `redaction run` takes, on the same images and counted the same way."""
    plates, cars = (open_detector(name, threads=THREADS) for name in ("plates", "objectron"))
    found = []
    for one in held_out.images:
        image = read_still(one.path)
        boxes = [
            detector.detect([image], threshold=0.01)[0][label]
            for detector, label in ((plates, "plate"), (cars, "car"))
        ]
        limits = np.tile(one.size, 2)
        found.append(
            LabelledImage(
                one.path,
                one.size,
                np.clip(np.concatenate([each.boxes for each in boxes]), 0, limits).astype(float),
                np.repeat(np.arange(2, dtype=np.int32), [len(each) for each in boxes]),
                np.concatenate([each.scores for each in boxes]),
            )
        )
    figures = figures_of(held_out, ImageSet(held_out.classes, tuple(found)))
    print("packaged networks:", {name: round(value, 3) for name, value in figures.items()})


def with_interval(values: Sequence[float]) -> str:
    """The mean, and half the width of its 95 % interval after Student."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return f"{mean:.3f}"
    half = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5
    return f"{mean:.3f} ± {half:.3f}"


if __name__ == "__main__":
    main()
