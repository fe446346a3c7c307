"""Dense prediction at full model size against the straightforward reference, on one CPU.

Reference: torch eager, one window at a time, each stack's 2D features cached; in fp32, and in bf16
by autocast or with bf16 weights, whichever is faster. Ours: the same weights through the bundle.
All decode the same H.264 clip and take turns, clip by clip, so that a machine whose speed varies
treats them alike; the ratios are medians over the turns. A busy machine favours us (eager's threads
wait for each other after every layer): look at the load.

    python benchmarks/dense_prediction.py [--rounds 3] [--demo demo]

`--demo` names the folder that `playhead demo` wrote: then the cost in mAP of scoring every second
frame is printed too.
"""

import argparse
import copy
import os
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from environment import describe
from playhead.inference.bundle import Bundle
from playhead.inference.dense import WindowPlan
from playhead.inference.runtime import Backend, open_backend, openvino_core
from playhead.learning.export import export_bundle
from playhead.media import VideoWriter, open_video
from playhead.samples.grid import make_grid
from playhead.samples.windows import WindowSpec
from playhead.spotting.config import ModelConfig, full_size
from playhead.spotting.model import SpottingModel, build_model
from playhead.spotting.score import score_video

THREADS = 2
FRAMES = 25  # odd: then every second window ends on the last frame, as in a long video
FULL, DEMO = (1280, 720), (112, 64)
CLASSES = ("pass", "drive")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--demo", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(THREADS)
    print(describe())
    print(
        f"{THREADS} threads, clips of {FRAMES} frames, load {os.getloadavg()[0]:.1f} at the start; "
        f"the processor has {units()}"
    )
    with tempfile.TemporaryDirectory() as folder:
        compare_full_size(Path(folder), arguments.rounds)
        print(f"load {os.getloadavg()[0]:.1f} after the comparison")
        demo_size(Path(folder))
    if arguments.demo:
        cost_in_map(arguments.demo)
    else:
        print("mAP@1 by a window for every n-th frame: needs --demo, the folder of a demo")


def compare_full_size(folder: Path, rounds: int) -> None:
    model, bundle = make(full_size("none"), FULL, folder / "full")
    clip = write_clip(folder / "full.mp4", FULL, FRAMES)
    precisions = ["fp32"]
    if "BF16" in openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        precisions.append("bf16")
    arms: dict[str, Callable[[], NDArray[np.float32]]] = {}
    for precision in precisions:
        arms[f"torch eager, {precision}"] = eager(model, clip, precision)
    for precision in precisions:
        arms[f"playhead, {precision}"] = scorer(bundle, clip, precision)
        arms[f"playhead, {precision}, every second frame"] = scorer(
            bundle, clip, precision, every=2
        )
    scores = {name: run() for name, run in arms.items()}  # the first run also warms up
    taken = take_turns(arms, rounds)
    references = [name for name in arms if name.startswith("torch")]
    print(f"full size, {FULL[0]}x{FULL[1]} from H.264:")
    print(f"  {'':36} s a frame  ratio to {' and '.join(precisions)}  x real time  score apart")
    for name, times in taken.items():
        ratios = [float(np.median(taken[reference] / times)) for reference in references]
        apart = float(np.abs(scores[name] - scores[references[0]]).max())
        each = float(np.median(times)) / FRAMES
        shown = "".join(f"{ratio:9.2f}" for ratio in ratios)
        print(f"  {name:36} {each:9.3f}{shown}  {1 / 25 / each:13.3f}  {apart:11.1e}")
    apart = float(np.abs(scores["playhead, fp32"] - scores[references[0]]).max())
    spread = float(np.ptp(scores[references[0]], axis=0).max())
    print(f"  fp32 within 1e-3 of the reference: {apart <= 1e-3} (its scores span {spread:.2f})")


def units() -> str:
    """What the processor has for convolutions, as far as Linux tells."""
    cpu = Path("/proc/cpuinfo")
    flags = set(cpu.read_text(encoding="utf-8").split()) if cpu.is_file() else set()
    known = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
    return ", ".join(name for name in known if name in flags) or "none of those known"


def take_turns(
    arms: dict[str, Callable[[], NDArray[np.float32]]], rounds: int
) -> dict[str, NDArray[np.float64]]:
    """Seconds of each arm in each round; the order turns, so that no arm always follows another."""
    taken: dict[str, list[float]] = {name: [] for name in arms}
    for turn in range(rounds):
        names = list(arms)[turn % len(arms) :] + list(arms)[: turn % len(arms)]
        for name in names:
            started = time.perf_counter()
            arms[name]()
            taken[name].append(time.perf_counter() - started)
    return {name: np.array(times) for name, times in taken.items()}


def eager(model: SpottingModel, clip: Path, precision: str) -> Callable[[], NDArray[np.float32]]:
    """The reference in a precision; in bf16 the faster of autocast and bf16 weights."""
    if precision == "fp32":
        return lambda: straightforward(model, clip)
    half = copy.deepcopy(model).bfloat16()
    half.pool.float()  # which computes in fp32
    half.classify.float()

    def cast() -> NDArray[np.float32]:
        with torch.autocast("cpu", torch.bfloat16):
            return straightforward(model, clip)

    ways = {"autocast": cast, "bf16 weights": lambda: straightforward(half, clip)}
    taken = {name: times.min() for name, times in take_turns(ways, 2).items()}
    fastest = min(taken, key=taken.__getitem__)
    print(
        "torch eager in bf16, s a frame: "
        + ", ".join(f"{name} {seconds / FRAMES:.3f}" for name, seconds in taken.items())
    )
    return ways[fastest]


def straightforward(model: SpottingModel, clip: Path) -> NDArray[np.float32]:
    """Frame by frame: stack, 2D features if not cached, 3D part of one window, sigmoid."""
    window = WindowSpec()
    dtype = next(model.parameters()).dtype
    cache: dict[tuple[int, ...], torch.Tensor] = {}
    scores = []
    with open_video(clip) as video, torch.inference_mode():
        grid = make_grid(video.times, video.duration, Fraction(25))
        luma = {k: torch.from_numpy(y) for k, y in video.stream(pixels="luma", size=FULL)}
        for point in range(len(grid)):
            shown = grid.frames[window.window_points(point, len(grid))].reshape(-1, window.stack)
            stacks = [tuple(int(k) for k in stack) for stack in shown]
            for stack in stacks:
                if stack not in cache:
                    images = torch.stack([luma[k] for k in stack])[None].to(dtype) / 255
                    cache[stack] = model.encode(images)
            maps = torch.stack([cache[stack] for stack in stacks], 1)
            scores.append(torch.sigmoid(model.fuse(maps).float())[0].numpy())
            cache = {stack: maps for stack, maps in cache.items() if stack[-1] >= stacks[0][0]}
    return np.array(scores)


def scorer(
    bundle: Bundle, clip: Path, precision: str, *, every: int = 1
) -> Callable[[], NDArray[np.float32]]:
    backend = open_backend(bundle, device="cpu", threads=THREADS, precision=precision)

    def score() -> NDArray[np.float32]:
        with open_video(clip) as video:
            return score_video(video, bundle.manifest, backend, every=every).values

    return score


def demo_size(folder: Path) -> None:
    """How much faster than real time the demo's model is, decoding included."""
    _, bundle = make(ModelConfig(), DEMO, folder / "demo")
    frames = 2500
    clip = write_clip(folder / "demo.mp4", DEMO, frames)
    backend: Backend = open_backend(bundle, device="cpu", threads=THREADS)
    print(f"demo size, {DEMO[0]}x{DEMO[1]} from H.264, {frames} frames: x real time")
    for every in (1, 2):
        seconds = []
        for _ in range(4):
            started = time.perf_counter()
            with open_video(clip) as video:
                score_video(video, bundle.manifest, backend, every=every)
            seconds.append(time.perf_counter() - started)
        print(f"  every {every}: {frames / 25 / float(np.median(seconds[1:])):.1f}")


def make(config: ModelConfig, size: tuple[int, int], folder: Path) -> tuple[SpottingModel, Bundle]:
    """A model of seeded random weights whose scores differ between frames, and its bundle."""
    torch.manual_seed(0)
    window = WindowSpec()
    model = build_model(config, len(CLASSES), window)
    settle(model, window, (size[0] // 4, size[1] // 4) if size == FULL else size)
    plan = WindowPlan(window=window, rate="25", size=size)
    bundle = export_bundle(model, folder, job="spotting", classes=CLASSES, plan=plan)
    return model.eval(), bundle


def settle(model: SpottingModel, window: WindowSpec, size: tuple[int, int]) -> None:
    """Give batch norms the statistics of images, and the last layer large weights.

    Without, random weights fade out and every score is one half, which any error would pass.
    """
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.momentum = None
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    model.train()
    with torch.no_grad():
        for _ in range(2):
            model(torch.rand(4, window.frames, size[1], size[0]).round())
        assert isinstance(model.classify, torch.nn.Linear)
        model.classify.weight.mul_(20)


def write_clip(path: Path, size: tuple[int, int], frames: int) -> Path:
    """Seeded images with something in every frequency, that move a little."""
    rng = np.random.default_rng(0)
    width, height = size
    image = rng.integers(16, 236, (height // 8 + 1, width // 8 + 1)).repeat(8, 0).repeat(8, 1)
    with VideoWriter(path, width, height, rate=25) as writer:
        for k in range(frames):
            moved = np.roll(image, (k, 3 * k), (0, 1))[:height, :width]
            writer.write(moved.astype(np.uint8))
    return path


def cost_in_map(demo: Path) -> None:
    """What a window for every second frame costs on the demo's unseen matches."""
    from playhead.demos.spotting import MATCHES
    from playhead.events.manifest import read_manifest
    from playhead.spotting.evaluate import measure, pair_events
    from playhead.spotting.predict import PredictOptions, predict_videos
    from playhead.spotting.truth import read_predictions, read_truth
    from playhead.worlds.kept import world_manifest

    manifest = world_manifest(MATCHES)
    videos = [row.video for row in read_manifest(manifest) if row.split == "test"]
    print(f"demo bundle on {len(videos)} unseen matches: mAP@1 by a window for every n-th frame")
    for every in (1, 2, 3, 4):
        with tempfile.TemporaryDirectory() as folder:
            options = PredictOptions(device="cpu", threads=THREADS, every=every)
            predict_videos(demo / "run" / "bundle", videos, Path(folder), options)
            pairs = pair_events(read_truth(manifest, split="test"), read_predictions(Path(folder)))
        print(f"  every {every}: {measure(*pairs).metrics['map@1']:.3f}")


if __name__ == "__main__":
    main()
