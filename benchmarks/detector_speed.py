"""Images a second of own detectors at 640 pixels, beside the packaged networks.

    python benchmarks/detector_speed.py [--threads 2] [--rounds 9]

Every size that is packaged as a configuration, random weights (speed does not hang on them), run
through OpenVINO as `redaction run` runs them: images of 640x640, boxes out. The peers bring every
image to 300x300 first, as they were trained. Rounds alternate; the fastest of each counts.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from environment import describe
from playhead.detection.config import find_config, load_detector_config
from playhead.inference.detectors import open_custom, open_detector
from playhead.inference.detectors.plan import DetectorPlan
from playhead.learning.export import export_bundle
from playhead.learning.nn.detector import build_detector

CLASSES = ("car", "plate", "person", "head", "face")
SIDE, BATCH = 640, 8
PEERS = ("people", "objectron")

Detect = Callable[[list[NDArray[np.uint8]]], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(describe())
    rng = np.random.default_rng(0)
    images = list(rng.integers(0, 256, (BATCH, SIDE, SIDE, 3), dtype=np.uint8))
    with tempfile.TemporaryDirectory() as folder:
        detectors: dict[str, Detect] = {}
        sizes: dict[str, str] = {}
        for name in ("small", "medium", "large"):
            detectors[name], sizes[name] = own(name, Path(folder) / name, arguments.threads)
        for name in PEERS:
            peer = open_detector(name, threads=arguments.threads)
            detectors[name] = partial(peer.detect, threshold=0.3)
        best = fastest(detectors, images, arguments.rounds)
    print(f"\n{SIDE}x{SIDE}, {arguments.threads} threads, batches of {BATCH}\n")
    print("| detector | parameters | images a second | beside people | beside objectron |")
    print("|---|---|---|---|---|")
    for name, seconds in best.items():
        ratios = " | ".join(f"{best[peer] / seconds:.2f}" for peer in PEERS)
        print(f"| {name} | {sizes.get(name, '-')} | {BATCH / seconds:.1f} | {ratios} |")


def own(name: str, folder: Path, threads: int) -> tuple[Detect, str]:
    """A detector of one packaged configuration, and its number of parameters."""
    settings = ["data.manifest=none.csv"]
    config = load_detector_config(find_config(name), settings).model.without_start()
    torch.manual_seed(0)
    model = build_detector(config, len(CLASSES))
    plan = DetectorPlan(longest=SIDE, strides=config.strides)
    export_bundle(
        model,
        folder,
        job="detection",
        classes=CLASSES,
        plan=plan,
        training={"model": config.model_dump(mode="json")},
    )
    detector = open_custom([folder], threads=threads)
    count = sum(one.numel() for one in model.parameters())
    return lambda given: detector.detect(given, threshold=0.3), f"{count / 1e6:.2f} M"


def fastest(
    detectors: dict[str, Detect], images: list[NDArray[np.uint8]], rounds: int
) -> dict[str, float]:
    """Seconds of the fastest batch of each; other work on the machine can only slow one down."""
    best = dict.fromkeys(detectors, float("inf"))
    for round_number in range(rounds + 1):
        for name, detect in detectors.items():
            started = time.perf_counter()
            detect(images)
            if round_number:  # the first one compiles
                best[name] = min(best[name], time.perf_counter() - started)
    return best


if __name__ == "__main__":
    main()
