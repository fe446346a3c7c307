"""What the reference claims of training a detector, on generated streets whose truth is exact.

    python benchmarks/detector_street.py [--images N] [--epochs N] [--seeds 1 2] [--runs FOLDER]

Size 416 against 1024, twice as long, cut and paste: the same images of 1280x720, the same network
and optimiser, the same held-out images. Finished runs are kept in --runs and not repeated.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from environment import describe
from playhead.detection.config import DetectorConfig, find_config, load_detector_config
from playhead.detection.evaluate import measure_images
from playhead.detection.labels.read import read_image_set
from playhead.detection.predict import PredictOptions, predict_set
from playhead.detection.train import fit_detector, plan_of
from playhead.learning.run import TrainingRun
from playhead.worlds.kept import WorldConfig, world_manifest

THREADS = 2
SIZES = {416: [416, 256], 1024: [1024, 576]}
WORLD = ("kind=images", "width=1280", "height=720", "smallest_face=14", "train=.7", "valid=.05")

Arm = tuple[int, int, bool]
"""Pixels of the longer side, how many times the epochs, cut and paste."""

ARMS: dict[str, Arm] = {
    "416": (416, 1, False),
    "416, twice as long": (416, 2, False),
    "416, twice as long, cut and paste": (416, 2, True),
    "1024": (1024, 1, False),
    "1024, twice as long": (1024, 2, False),
    "1024, twice as long, cut and paste": (1024, 2, True),
}


def main() -> None:
    arguments = parse()
    print(describe())
    settings = WORLD
    world = WorldConfig(name="street", count=arguments.images, seed=7, settings=settings)
    manifest = world_manifest(world)
    held_out = read_image_set(manifest, split="test")
    print(f"{len(held_out)} images that do not train: {held_out.count()}")
    print(f"{arguments.epochs} epochs and twice as many, seeds {arguments.seeds}\n")
    print(f"| arm | mAP50 | mAP50-95 | {' | '.join(held_out.classes)} | seconds |")
    print("|---" * (4 + len(held_out.classes)) + "|")
    for name in arguments.arms:
        rows = [one_run(manifest, ARMS[name], seed, arguments) for seed in arguments.seeds]
        cells = [
            "/".join(f"{row[figure]:.3f}" for row in rows)
            for figure in ("ap50", "ap50_95", *held_out.classes)
        ]
        seconds = np.mean([row["seconds"] for row in rows])
        print(f"| {name} | {' | '.join(cells)} | {seconds:.0f} |", flush=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=240)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--runs", type=Path, default=Path("build/detector_street"))
    return parser.parse_args()


def one_run(manifest: Path, arm: Arm, seed: int, arguments: argparse.Namespace) -> dict[str, float]:
    """Train and measure, unless that was done before with the same settings."""
    size, times, pasted = arm
    name = f"{size}-{times}-{pasted}-{seed}-{arguments.epochs}-{arguments.images}.json"
    kept = arguments.runs / name
    if kept.is_file():
        row: dict[str, float] = json.loads(kept.read_text())
        return row
    config = config_of(manifest, arm, seed, arguments.epochs)
    held_out = read_image_set(manifest, split="test")
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        run = TrainingRun(Path(folder) / "run", config)
        trained = fit_detector(run)
        seconds = time.monotonic() - started
        run.export(trained.model, plan_of(config), trained.sides.train.classes, trained.fitted)
        found = predict_set([run.bundle], held_out, PredictOptions(threads=THREADS))
    result = measure_images(held_out, found)
    row = {label: one.ap50 for label, one in result.classes.items()}
    row |= {figure: result.metrics()[figure] for figure in ("ap50", "ap50_95")}
    row["seconds"] = seconds
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(row))
    return row


def config_of(manifest: Path, arm: Arm, seed: int, epochs: int) -> DetectorConfig:
    size, times, pasted = arm
    values: dict[str, Any] = load_detector_config(find_config("street-demo")).model_dump(
        mode="json"
    )
    values["data"] |= {"manifest": str(manifest), "size": SIZES[size]}
    values["augmentation"] |= {"cut_paste": {} if pasted else None}
    values["training"] |= {
        "epochs": epochs * times,
        "seed": seed,
        "threads": THREADS,
        "validate_every": epochs * times,
        "select": None,
    }
    return DetectorConfig.model_validate(values)


if __name__ == "__main__":
    main()
