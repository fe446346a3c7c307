"""Spotting on a GPU beside the naive loop: prediction and training at 1280x736.

Naive prediction: torch eager in fp32 (with the TF32 of torch's defaults), one window at a time,
each stack's 2D features cached; naive training: the same, without channels last or compiling. Ours:
the same network through `CudaBackend` and `Learner`, in several settings. Prediction reads the same
H.264 clip in every arm and takes turns; training sees one batch that is on the device already.

    python benchmarks/cuda_spotting.py [--frames 1000] [--steps 30] [--rounds 3]
    python benchmarks/cuda_spotting.py --device cpu --small      the script itself, in a minute

Without a GPU, and without `--device cpu`, it says so and measures nothing.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dense_prediction import CLASSES, DEMO, FULL, make, write_clip
from environment import describe
from playhead.inference.bundle import Bundle
from playhead.inference.dense import VideoStream, WindowPlan
from playhead.inference.precision import Precision
from playhead.learning.cuda import CudaBackend
from playhead.learning.decoding import choose_decoder
from playhead.learning.learner import Batch, Learner
from playhead.learning.losses import classification_loss
from playhead.learning.settings import Decoder, LossConfig, TrainingConfig
from playhead.media import open_video
from playhead.samples.grid import make_grid
from playhead.samples.windows import WindowSpec
from playhead.spotting.config import ModelConfig, full_size
from playhead.spotting.model import SpottingModel, build_model
from playhead.spotting.score import score_video

BAR = 6.0
WINDOW = WindowSpec()


@dataclass(frozen=True)
class Setting:
    """One run of the script: the network, the size of frames, and how much is done."""

    device: torch.device
    model: ModelConfig
    size: tuple[int, int]
    frames: int
    steps: int
    rounds: int
    compiles: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--small", action="store_true", help="the demo's network and size")
    parser.add_argument("--frames", type=int, help="of the clip")
    parser.add_argument("--steps", type=int, help="of training, each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=None)
    given = parser.parse_args()
    print(describe("torch", "numpy", "av"))
    if given.device != "cpu" and not torch.cuda.is_available():
        print("no CUDA device here: nothing was measured; --device cpu --small tries the script")
        return
    device = torch.device("cpu" if given.device == "cpu" else "cuda")
    print(torch.cuda.get_device_name() if device.type == "cuda" else "on the CPU, in place of CUDA")
    setting = Setting(
        device=device,
        model=ModelConfig() if given.small else full_size("none"),
        size=DEMO if given.small else FULL,
        frames=given.frames or (60 if given.small else 1000),
        steps=given.steps or (3 if given.small else 30),
        rounds=given.rounds,
        compiles=device.type == "cuda" if given.compile is None else given.compile,
    )
    with tempfile.TemporaryDirectory() as folder:
        prediction(setting, Path(folder))
    training(setting)


def prediction(setting: Setting, folder: Path) -> None:
    model, bundle = make(setting.model, setting.size, folder / "bundle")
    clip = write_clip(folder / "clip.mp4", setting.size, setting.frames)
    model = model.to(setting.device)
    arms: dict[str, Callable[[], NDArray[np.float32]]] = {
        "naive loop, fp32": lambda: naive_scores(model, clip, setting),
        "playhead, fp32": scorer(bundle, clip, setting, "fp32"),
        "playhead, bf16": scorer(bundle, clip, setting, "bf16"),
        "playhead, bf16, decoded frames": scorer(bundle, clip, setting, "bf16", held=True),
    }
    if setting.device.type == "cuda":
        arms["playhead, fp16"] = scorer(bundle, clip, setting, "fp16")
        arms["playhead, bf16, torchcodec"] = scorer(bundle, clip, setting, "bf16", decoder="auto")
    if setting.compiles:
        arms["playhead, bf16, compiled"] = scorer(bundle, clip, setting, "bf16", compiled=True)
    scores, first = {}, {}
    for name, run in arms.items():
        started = time.perf_counter()
        scores[name] = run()
        first[name] = time.perf_counter() - started
    taken = take_turns(arms, setting.rounds)
    width, height = setting.size
    print(f"prediction, {width}x{height}, {setting.frames} frames of H.264")
    print(f"  {'':32} {'frames/s':>9} {'ratio':>6} {'first run':>10} {'scores apart':>13}")
    naive = next(iter(arms))
    best = 0.0
    for name, times in taken.items():
        ratio = float(np.median(taken[naive] / times))
        best = max(best, ratio)
        apart = float(np.abs(scores[name] - scores[naive]).max())
        rate = setting.frames / float(np.median(times))
        print(f"  {name:32} {rate:9.1f} {ratio:6.2f} {first[name]:8.1f} s {apart:13.1e}")
    if setting.device.type == "cuda":
        print(f"  at least {BAR:g} times the naive loop: {best >= BAR}")


def naive_scores(model: SpottingModel, clip: Path, setting: Setting) -> NDArray[np.float32]:
    """Frame by frame: stack, 2D features if not cached, 3D part of one window, sigmoid."""
    cache: dict[tuple[int, ...], torch.Tensor] = {}
    luma: dict[int, torch.Tensor] = {}
    scores = []
    with open_video(clip) as video, torch.inference_mode():
        grid = make_grid(video.times, video.duration, Fraction(25))
        stream = video.stream(pixels="luma", size=setting.size)
        for point in range(len(grid)):
            shown = grid.frames[WINDOW.window_points(point, len(grid))].reshape(-1, WINDOW.stack)
            while shown.max() not in luma:
                k, image = next(stream)
                luma[k] = torch.from_numpy(image)
            stacks = [tuple(int(k) for k in stack) for stack in shown]
            for stack in stacks:
                if stack not in cache:
                    images = torch.stack([luma[k] for k in stack])[None].to(setting.device)
                    cache[stack] = model.encode(images.float() / 255)
            maps = torch.stack([cache[stack] for stack in stacks], 1)
            scores.append(torch.sigmoid(model.fuse(maps))[0].cpu().numpy())
            first = stacks[0][0]
            cache = {stack: maps for stack, maps in cache.items() if stack[-1] >= first}
            luma = {k: image for k, image in luma.items() if k >= first}
    return np.array(scores)


def scorer(
    bundle: Bundle,
    clip: Path,
    setting: Setting,
    precision: Precision,
    *,
    compiled: bool = False,
    decoder: Decoder = "pyav",
    held: bool = False,
) -> Callable[[], NDArray[np.float32]]:
    """Scores the clip. decoder: see `choose_decoder`; held: its frames are decoded beforehand."""
    plan = bundle.manifest.plan(WindowPlan)
    backend = CudaBackend(
        bundle,
        lambda manifest: (build_model(setting.model, len(CLASSES), WINDOW), plan),
        precision=precision,
        device=setting.device.type,
        compile_parts=compiled,
    )
    told: set[str] = set()
    frames = Held.read(clip, setting.size) if held else None

    def score() -> NDArray[np.float32]:
        if frames is not None:
            return score_video(frames, bundle.manifest, backend).values
        with open_video(clip) as video:
            decoding = choose_decoder(video, [plan], backend, decoder)
            values = score_video(decoding.video, bundle.manifest, backend).values
        if decoder != "pyav" and not told:
            told.add(decoding.describe())
            print(decoding.describe())
        return values

    return score


@dataclass(frozen=True)
class Held:
    """A video whose frames are in memory: what the model reaches without a decoder."""

    path: Path
    times: NDArray[np.float64]
    duration: float
    images: dict[int, NDArray[np.uint8]]

    @classmethod
    def read(cls, clip: Path, size: tuple[int, int]) -> VideoStream:
        with open_video(clip) as video:
            images = dict(video.stream(pixels="luma", size=size))
            return cls(clip, video.times, video.duration, images)

    def stream(
        self, *, wanted: NDArray[np.int32], **how: Any
    ) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        for k in wanted.tolist():
            yield k, self.images[k]


def training(setting: Setting) -> None:
    """Windows a second of whole steps: forward, backward, clipping, optimiser, average."""
    config = TrainingConfig(precision="fp32", clip_norm=1.0)
    width, height = setting.size
    half: Precision = "bf16"
    ours = {"precision": half, "channels_last": True, "ema": 0.999}
    arms = {
        "naive loop, fp32": naive_training(setting, config),
        "playhead, fp32": our_training(setting, config.model_copy(update={"ema": 0.999})),
        "playhead, bf16, channels last": our_training(setting, config.model_copy(update=ours)),
    }
    if setting.compiles:
        compiled = ours | {"compile": True}
        arms["playhead, bf16, compiled"] = our_training(setting, config.model_copy(update=compiled))
    first = {}
    for name, steps in arms.items():
        started = time.perf_counter()
        steps(2)
        first[name] = time.perf_counter() - started
    taken = take_turns(
        {name: partial(steps, setting.steps) for name, steps in arms.items()},
        setting.rounds,
    )
    print(f"training, {width}x{height}, windows of {WINDOW.frames}, batch {config.batch_size}")
    print(f"  {'':32} {'windows/s':>9} {'ratio':>6} {'first run':>10}")
    naive = next(iter(arms))
    for name, times in taken.items():
        ratio = float(np.median(taken[naive] / times))
        rate = setting.steps * config.batch_size / float(np.median(times))
        print(f"  {name:32} {rate:9.2f} {ratio:6.2f} {first[name]:8.1f} s")


def make_batch(setting: Setting, size: int) -> Batch:
    width, height = setting.size
    rng = np.random.default_rng(0)
    frames = rng.integers(16, 236, (size, WINDOW.frames, height, width), dtype=np.uint8)
    target = rng.integers(0, 2, (size, len(CLASSES))).astype(np.float32)
    batch = {"frames": torch.from_numpy(frames), "target": torch.from_numpy(target)}
    return {name: value.to(setting.device) for name, value in batch.items()}


def loss(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    logits: torch.Tensor = model(batch["frames"].float() / 255)
    return classification_loss(logits, batch["target"], LossConfig())


def naive_training(setting: Setting, config: TrainingConfig) -> Callable[[int], None]:
    torch.manual_seed(0)
    model = build_model(setting.model, len(CLASSES), WINDOW).to(setting.device).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.rate)
    batch = make_batch(setting, config.batch_size)

    def steps(count: int) -> None:
        for _ in range(count):
            optimiser.zero_grad()
            value = loss(model, batch)
            torch.autograd.backward(value)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            value.item()  # as a loop does that logs its loss

    return steps


def our_training(setting: Setting, config: TrainingConfig) -> Callable[[int], None]:
    torch.manual_seed(0)
    model = build_model(setting.model, len(CLASSES), WINDOW)
    learner = Learner(model, config, setting.device)
    learner.model.train()
    batch = make_batch(setting, config.batch_size)

    def steps(count: int) -> None:
        for step in range(count):
            learner.gradients([batch], loss)
            learner.apply(step, config.rate)

    return steps


def take_turns(arms: dict[str, Callable[[], Any]], rounds: int) -> dict[str, NDArray[np.float64]]:
    """Seconds of each arm in each round; the order turns, so that no arm always follows another."""
    taken: dict[str, list[float]] = {name: [] for name in arms}
    for turn in range(rounds):
        names = list(arms)[turn % len(arms) :] + list(arms)[: turn % len(arms)]
        for name in names:
            started = time.perf_counter()
            arms[name]()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            taken[name].append(time.perf_counter() - started)
    return {name: np.array(times) for name, times in taken.items()}


if __name__ == "__main__":
    main()
