"""Is training on a CPU faster where freed memory is kept, and does it need more?

    python benchmarks/freed_memory.py [--steps 40] [--rounds 5] [--threads 2]

Steps of the detector `small` at 320 pixels, in batches of 4, and of the demo's spotting model, in
batches of 32, both on noise. A side is a process of its own, that keeps what it frees or leaves
glibc as it is. The sides take turns; the ratio is that of a round's two, the middle one of all.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from environment import describe
from playhead.detection.config import find_config as find_detector
from playhead.detection.config import load_detector_config
from playhead.detection.loss import detection_loss
from playhead.learning.learner import Batch, Learner, Loss
from playhead.learning.losses import classification_loss
from playhead.learning.memory import keep_freed_memory
from playhead.learning.nn.detector import build_detector
from playhead.spotting.config import find_config, load_spotting_config
from playhead.spotting.model import build_model

Made = tuple[Learner, Batch, Loss]
WARM_UP = 5
"""Steps before the first that is counted."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--side", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.side:
        print(json.dumps(measure(*given.side, steps=given.steps)))
        return
    print(f"{describe('torch')}; {given.threads} torch threads, {given.steps} steps\n")
    print("| model | side | ms a step | page faults a step | peak MB | ratio of speed |")
    print("|---|---|---|---|---|---|")
    for name in MAKERS:
        report(
            name, [(one_side(name, "kept"), one_side(name, "left")) for _ in range(given.rounds)]
        )


def report(name: str, rounds: list[tuple[dict[str, float], dict[str, float]]]) -> None:
    ratio = statistics.median(left["seconds"] / kept["seconds"] for kept, left in rounds)
    for place, side in enumerate(("kept", "left")):
        seconds, faults, peak = (
            statistics.median(one[place][key] for one in rounds)
            for key in ("seconds", "faults", "peak")
        )
        said = f"{ratio:.2f}" if side == "kept" else "1"
        print(f"| {name} | {side} | {seconds * 1e3:.0f} | {faults:,.0f} | {peak:.0f} | {said} |")


def one_side(name: str, side: str) -> dict[str, float]:
    """Seconds and faults of a step, and the peak, of a process of its own."""
    command = [sys.executable, *sys.argv, "--side", name, side]
    finished = subprocess.run(command, check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(finished.stdout)
    return figures


def measure(name: str, side: str, *, steps: int) -> dict[str, float]:
    if side == "kept" and not keep_freed_memory():
        sys.exit("this C library cannot be told to keep freed memory")
    torch.manual_seed(0)
    learner, batch, loss = MAKERS[name]()
    for number in range(WARM_UP + steps):
        if number == WARM_UP:
            began, faults = time.perf_counter(), _usage().ru_minflt
        learner.gradients([batch], loss)
        learner.apply(number, 1e-4)
    return {
        "seconds": (time.perf_counter() - began) / steps,
        "faults": (_usage().ru_minflt - faults) / steps,
        "peak": _usage().ru_maxrss / 1024,
    }


def detector() -> Made:
    config = load_detector_config(find_detector("small"), ["data.manifest=none.csv"])
    model = build_detector(config.model.without_start(), 2).train()
    batch = {
        "image": torch.randint(0, 256, (4, 3, 320, 320), dtype=torch.uint8),
        "boxes": torch.tensor([[[40.0, 60.0, 200.0, 180.0]]] * 4),
        "labels": torch.zeros(4, 1, dtype=torch.int64),
    }

    def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        return detection_loss(model, batch, config.loss)

    return Learner(model, config.training, torch.device("cpu")), batch, loss


def spotting() -> Made:
    config = load_spotting_config(find_config("football-demo"))
    model = build_model(config.model, len(config.data.classes), config.window).train()
    (width, height), frames = config.data.size, config.window.frames
    batch = {
        "frames": torch.randint(0, 256, (32, frames, height, width), dtype=torch.uint8),
        "target": torch.rand(32, len(config.data.classes)),
    }

    def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        return classification_loss(
            model(batch["frames"].float() / 255), batch["target"], config.loss
        )

    return Learner(model, config.training, torch.device("cpu")), batch, loss


MAKERS: dict[str, Callable[[], Made]] = {"detector": detector, "spotting": spotting}


def _usage() -> resource.struct_rusage:
    return resource.getrusage(resource.RUSAGE_SELF)


if __name__ == "__main__":
    main()
