"""Peak memory of dense prediction, from one minute of video to thirty: it must stay flat.

Each length is predicted in a process of its own, at the demo's size and with its network (random
weights), from a real H.264 file to written scores.

    python benchmarks/memory.py [--minutes 1 5 30]
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch

from environment import describe
from playhead.inference.dense import WindowPlan
from playhead.learning.export import export_bundle
from playhead.media import VideoWriter
from playhead.samples.windows import WindowSpec
from playhead.spotting.config import ModelConfig
from playhead.spotting.model import build_model
from program import playhead_json

SIZE = (112, 64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=int, nargs="+", default=[1, 5, 30])
    minutes = sorted(parser.parse_args().minutes)
    print(describe())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bundle = make_bundle(folder / "bundle")
        peaks = {}
        for length in minutes:
            clip = write_clip(folder / f"{length}.mp4", length * 60 * 25)
            predicted = ("spotting", "predict", bundle, clip, "--out", folder / "out")
            document = playhead_json(*predicted, "--device", "cpu", "--threads", 2)
            peaks[length] = document["peak_memory_bytes"] / 2**20
            speed = length * 60 / document["seconds"]
            print(f"  {length:3} min: peak {peaks[length]:6.1f} MiB, {speed:5.1f} x real time")
    shortest, longest = minutes[0], minutes[-1]
    growth = peaks[longest] - peaks[shortest]
    print(f"  from {shortest} to {longest} min: {growth:+.1f} MiB", end=", ")
    print(f"ratio {peaks[longest] / peaks[shortest]:.3f}")


def make_bundle(folder: Path) -> Path:
    torch.manual_seed(0)
    window = WindowSpec()
    plan = WindowPlan(window=window, rate="25", size=SIZE)
    classes = ("pass", "drive")
    model = build_model(ModelConfig(), len(classes), window)
    return export_bundle(model, folder, job="spotting", classes=classes, plan=plan).folder


def write_clip(path: Path, frames: int) -> Path:
    image = np.random.default_rng(0).integers(16, 236, SIZE[::-1]).astype(np.uint8)
    with VideoWriter(path, *SIZE, rate=25) as writer:
        for k in range(frames):
            writer.write(np.roll(image, k // 8, 1))
    return path


if __name__ == "__main__":
    main()
