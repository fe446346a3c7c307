"""Does training at the demo's size wait for its data less than a tenth of the time?

Trains the demo's model by the demo's configuration on generated and encoded
matches, and prints the share of the time that the training loop waits for batches, the start of
the workers included: from the frame cache and straight from the videos, with 0, 1 and 2 workers.
The settings take turns, so that a busy machine is as busy for each of them. Exits with 1 where
even the best number of workers waits longer on the cache.

    python benchmarks/loader.py [--steps 75] [--rounds 1] [--workers 0 1 2] [--threads N]
"""

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import torch
from torch import Tensor, nn

import environment
from playhead.learning.losses import classification_loss
from playhead.learning.training import fit
from playhead.media.video import open_video
from playhead.media.write import VideoWriter
from playhead.samples.cache import CachedFrames, DecodedFrames, FrameSource
from playhead.samples.dataset import LabelledVideos, TrainingWindows
from playhead.samples.grid import make_grid
from playhead.samples.transforms import Augmentation
from playhead.samples.windows import NearEvents
from playhead.spotting.config import SpottingConfig, find_config, load_spotting_config
from playhead.spotting.model import build_model
from playhead.worlds.football import FootballConfig, draw_match, render

BAR = 0.10


@dataclass
class Tally:
    """Seconds and windows of one setting, over its rounds."""

    waited: float = 0.0
    seconds: float = 0.0
    windows: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=75)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--matches", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="torch threads")
    given = parser.parse_args()
    demo = load_spotting_config(find_config("football-demo"))
    describe(demo, given)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PLAYHEAD_CACHE"] = folder
        windows = make_windows(Path(folder), demo, given)
        tallies = {(name, workers): Tally() for workers in given.workers for name in windows}
        for _ in range(given.rounds):
            for (name, workers), tally in tallies.items():
                train(windows[name], demo, tally, workers=workers, threads=given.threads)
    report(tallies)


def describe(demo: SpottingConfig, given: argparse.Namespace) -> None:
    width, height = demo.data.size
    print(f"{environment.describe('torch', 'numpy', 'av')}; {given.threads} torch threads")
    print(
        f"football-demo: {given.steps} batches of {demo.training.batch_size} windows of "
        f"{demo.window.frames} frames {width}x{height}, augmented as the demo does"
    )


def make_windows(
    folder: Path, demo: SpottingConfig, given: argparse.Namespace
) -> dict[str, TrainingWindows]:
    """The same training windows from both sources."""
    videos, events, grids = [], [], []
    for number in range(given.matches):
        match = draw_match(demo.training.seed, number, FootballConfig(seconds=given.seconds))
        videos.append(folder / f"{match.name}.mp4")
        events.append(match.events)
        with VideoWriter(videos[-1], *demo.data.size, rate=Fraction(25)) as writer:
            for image in render(match):
                writer.write(image)
        with open_video(videos[-1]) as video:
            grids.append(make_grid(video.times, video.duration, demo.data.grid_rate))
    started = time.perf_counter()
    cached = CachedFrames.build(videos, demo.data.size)
    seconds, frames = time.perf_counter() - started, sum(len(grid) for grid in grids)
    print(f"building the cache: {frames} frames, {frames / seconds:,.0f} frames/s")
    sources: dict[str, FrameSource] = {
        "cached": cached,
        "decoded": DecodedFrames(videos, demo.data.size),
    }
    return {
        name: TrainingWindows(
            LabelledVideos(
                source,
                tuple(grids),
                tuple(events),
                demo.window,
                NearEvents(demo.data.classes),
            ),
            length=demo.training.batch_size * given.steps,
            seed=demo.training.seed,
            sampling=demo.sampling,
            shift=demo.shift,
            transform=Augmentation(demo.augmentation),
        )
        for name, source in sources.items()
    }


def train(
    windows: TrainingWindows, demo: SpottingConfig, tally: Tally, *, workers: int, threads: int
) -> None:
    """One epoch of the real training loop, from a fresh model."""
    torch.manual_seed(demo.training.seed)
    model = build_model(demo.model, len(demo.data.classes), demo.window)
    change = {"epochs": 1, "warmup_epochs": 0, "select": None}
    config = demo.training.model_copy(update=change | {"workers": workers, "threads": threads})

    def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        logits = model(batch["frames"].float().div_(255))
        return classification_loss(logits, batch["target"], demo.loss)

    with tempfile.TemporaryDirectory() as run:
        result = fit(model, windows, config, Path(run), loss=loss)
    tally.waited += result.data_wait * result.seconds
    tally.seconds += result.seconds
    tally.windows += len(windows)


def report(tallies: dict[tuple[str, int], Tally]) -> None:
    """Print a line a setting, and hold the best cached one against the bar."""
    print("frames    workers   waiting   windows/s   waiting a window")
    shares = {}
    for (name, workers), tally in tallies.items():
        share = tally.waited / tally.seconds
        print(
            f"{name:<9} {workers:>7} {share:>9.1%} {tally.windows / tally.seconds:>11.1f}"
            f"{tally.waited / tally.windows * 1000:>16.2f} ms"
        )
        if name == "cached":
            shares[workers] = share
    best = min(shares, key=lambda workers: shares[workers])
    print(f"cached, {best} workers: waits {shares[best]:.1%} of the time (bar {BAR:.0%})")
    if shares[best] > BAR:
        sys.exit(1)


if __name__ == "__main__":
    main()
