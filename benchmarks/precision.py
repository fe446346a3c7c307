"""Does bf16 keep the metrics, and how much faster is it? The bars of `--precision auto`.

`auto` takes bf16 only for jobs whose metric holds: mAP@1 within .003, AP50 within .005. What bf16
does to the numbers is measured in torch, which emulates it on a processor that lacks it; the speed
only where the processor has it. Needs what `playhead demo` and `playhead demo detection` left:

    python benchmarks/precision.py [--spotting demo] [--detection demo-detection] [--matches 6]
"""

import argparse
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch

from environment import describe
from playhead.demos.spotting import demo_config
from playhead.detection.evaluate import measure_images
from playhead.detection.labels.read import read_image_set
from playhead.detection.predict import PredictOptions, predict_set
from playhead.events.manifest import read_manifest
from playhead.inference.bundle import Bundle, load_bundle
from playhead.inference.dense import WindowPlan
from playhead.inference.precision import Precision, PrecisionChoice, native_bf16
from playhead.inference.runtime import Backend, OpenVinoBackend
from playhead.learning.cuda import CudaBackend
from playhead.learning.nn.detector import build_from_manifest as build_detector
from playhead.media import open_video
from playhead.spotting.evaluate import measure, pair_events
from playhead.spotting.model import build_from_manifest
from playhead.spotting.predict import decide
from playhead.spotting.score import score_video
from playhead.spotting.truth import read_truth

PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--spotting", type=Path, default=Path("demo"))
    parser.add_argument("--detection", type=Path, default=Path("demo-detection"))
    parser.add_argument("--matches", type=int, default=6, help="test matches of spotting")
    given = parser.parse_args()
    torch.set_num_threads(2)
    print(describe())
    spotting(given.spotting / "run" / "bundle", given.matches)
    detection(given.detection)
    speed(given.spotting / "run" / "bundle")


def spotting(folder: Path, matches: int) -> None:
    """mAP@1 of the demo's bundle on its test matches, in torch."""
    bundle = load_bundle(folder)
    manifest = demo_config().data.manifest
    truth = read_truth(manifest, split="test")
    rows = [row for row in read_manifest(manifest) if row.split == "test"]
    videos = [row.video for row in rows][:matches]
    truth = truth[:matches]
    values = []
    for precision in PRECISIONS:
        backend = CudaBackend(bundle, build_from_manifest, precision=precision, device="cpu")
        predictions = []
        for path in videos:
            with open_video(path) as video:
                predictions.append(decide(score_video(video, bundle.manifest, backend)))
        values.append(measure(*pair_events(truth, predictions)).metrics["map@1"])
    show(f"spotting, {len(videos)} test matches: mAP@1", values, 0.003)


def detection(folder: Path) -> None:
    """AP50 of the demo's detector on its test images, in torch."""

    def on_cpu(bundle: Bundle, precision: PrecisionChoice) -> Backend:
        return CudaBackend(bundle, build_detector, precision=precision, device="cpu")

    test = read_image_set(folder / "set", split="test")
    values = []
    for precision in PRECISIONS:
        options = PredictOptions(device="cuda", precision=precision)
        with patch("playhead.detection.predict.cuda_detector", on_cpu):
            found = predict_set([folder / "run" / "bundle"], test, options)
        values.append(measure_images(test, found).metrics()["ap50"])
    show(f"detection, {len(test)} test images: AP50", values, 0.005)


def show(what: str, values: list[float], bar: float) -> None:
    difference = abs(values[1] - values[0])
    verdict = "holds" if difference <= bar else "does not hold"
    print(f"{what} fp32 {values[0]:.4f}, bf16 {values[1]:.4f}: {verdict} within {bar:g}")


def speed(folder: Path) -> None:
    """Frames a second of the spotting bundle through OpenVINO, the two sides in turn."""
    if not native_bf16():
        print("speed: this processor has no bf16, so `auto` is fp32 here; nothing to compare")
        return
    bundle = load_bundle(folder)
    width, height = bundle.manifest.plan(WindowPlan).size
    stack = bundle.manifest.parts["encode"].input.shape[1] or 1
    rng = np.random.default_rng(0)
    stacks = rng.integers(0, 256, (64, stack, height, width), dtype=np.uint8)
    backends = [OpenVinoBackend(bundle, precision=precision) for precision in PRECISIONS]
    seconds: list[list[float]] = [[], []]
    for _ in range(ROUNDS):
        for tally, backend in zip(seconds, backends, strict=True):
            started = time.perf_counter()
            backend.run("encode", stacks)
            tally.append(time.perf_counter() - started)
    print(f"speed: bf16 is {min(seconds[0]) / min(seconds[1]):.2f} times as fast as fp32")


if __name__ == "__main__":
    main()
