"""Speed of impact's prediction: full size against a sliding window, fast mode, and memory.

(a) The collision network of the recipe at 1280x720, with random weights. Reference: torch eager in
fp32, one clip of eight frames for every frame. Ours: the same weights as a bundle, through the
code that `playhead impact predict` runs. Both decode the same H.264 clip and take turns; the ratios
are medians over the turns. A frame takes seconds, so the clips are short: the ratio per frame is
what counts. A busy machine favours us (eager's threads wait for each other after every layer).

The same network without the mark, by chunks of frames as fast mode does it: its window in torch
eager is timed on a few frames, the chunks are those of a clip that fills two of them.

(b) With `--bundle` and `--manifest`: F1 and seconds of exact and of fast mode on labelled plays.

(c) Peak memory at the demo's size, for a short and a long video, each in a process of its own.

    python benchmarks/impact_speed.py [--rounds 3] [--frames 3] [--minutes 10]
        [--size 1280 720] [--chunk-frames 25] [--windows 2]
        [--bundle demo-impact/run/bundle --manifest MANIFEST] [--only work full chunks fast memory]
"""

import argparse
import itertools
import os
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from environment import describe
from playhead.impact.candidates import read_folder
from playhead.impact.config import find_config, load_impact_config
from playhead.impact.evaluate import evaluate_truth, read_impacts
from playhead.impact.grids import Gate, Member, run_clips
from playhead.impact.model import (
    CollisionNetwork,
    I3DCollisionNetwork,
    as_input,
    build_collision_network,
)
from playhead.impact.network_config import full_size_collision
from playhead.impact.plan import ClipGridPlan
from playhead.impact.predict import PredictOptions, find_plays, predict_plays
from playhead.inference.bundle import Bundle
from playhead.inference.precision import native_bf16
from playhead.inference.runtime import open_backend, openvino_core
from playhead.learning.export import export_bundle
from playhead.media import VideoWriter, open_video
from playhead.worlds.collisions import CollisionsConfig, draw_play, render
from program import playhead_json

THREADS = 2
PARTS = ("work", "full", "chunks", "fast", "memory")
CLOSED = Gate(distance=0.0)  # never opens: the least that fast mode computes

Grids = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=3, help="of the clip at full size")
    parser.add_argument("--size", type=int, nargs=2, default=(1280, 720), help="of full and chunks")
    parser.add_argument("--chunk-frames", type=int, default=25, help="frames of a chunk")
    parser.add_argument("--windows", type=int, default=2, help="frames that torch eager computes")
    parser.add_argument("--minutes", type=float, default=10, help="of the long video")
    parser.add_argument("--bundle", type=Path, help="of a trained network, for fast mode")
    parser.add_argument("--manifest", type=Path, help="its plays")
    parser.add_argument("--split", default="test")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    arguments = parser.parse_args()
    size: tuple[int, int] = tuple(arguments.size)
    torch.set_num_threads(THREADS)
    print(describe())
    print(f"{THREADS} threads, load {os.getloadavg()[0]:.1f} at the start")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "work" in arguments.only:
            print_work()
        if "full" in arguments.only:
            full_size(folder, size, arguments.rounds, arguments.frames)
        if "chunks" in arguments.only:
            by_chunks(folder, size, arguments.rounds, arguments.chunk_frames, arguments.windows)
        if "fast" in arguments.only:
            if arguments.bundle is None or arguments.manifest is None:
                print("fast mode in F1: left out; needs --bundle and --manifest")
            else:
                fast_mode(arguments.bundle, arguments.manifest, arguments.split, folder)
        if "memory" in arguments.only:
            memory(folder, arguments.bundle, arguments.minutes)
    print(f"load {os.getloadavg()[0]:.1f} at the end")


def print_work() -> None:
    """Multiplications of one clip at full size, and where they are; nothing is computed."""
    with torch.device("meta"):
        model = build_collision_network(full_size_collision()).eval()
        clip, marked = torch.empty(1, 3, 8, 720, 1280), torch.empty(1, 4, 8, 736, 1280)
        backbone = model.backbone
        arms: dict[str, Callable[[], object]] = {
            "whole": lambda: model(clip),
            "backbone": lambda: backbone(marked),
            "stem": lambda: backbone.get_submodule("stem")(marked),
        }
        done = {name: gmac(run) for name, run in arms.items()}
    print(
        f"(a) work of a frame at full size: {done['whole']:.0f} GMAC, of which the backbone "
        f"{done['backbone']:.0f} (its stem {done['stem']:.0f}), pyramid and head "
        f"{done['whole'] - done['backbone']:.0f}"
    )
    for frames in (16, 24, 25, 32, 40):
        window, chunk = work_of_chunks((1280, 720), frames)
        print(
            f"  without the mark, by chunks of {frames}: {chunk:.0f} GMAC a frame instead of "
            f"{window:.0f}, {window / chunk:.2f} times fewer"
        )


def gmac(run: Callable[[], object]) -> float:
    """Multiplications in billions; on the meta device nothing is computed."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        run()
    return float(counter.get_total_flops()) / 2e9


def unmarked(chunk_frames: int) -> I3DCollisionNetwork:
    """The network of the recipe without the mark, which can predict by chunks."""
    changes = {"marker": False, "chunk_frames": chunk_frames}
    model = build_collision_network(full_size_collision().model_copy(update=changes))
    assert isinstance(model, I3DCollisionNetwork)
    return model


def work_of_chunks(size: tuple[int, int], chunk_frames: int) -> tuple[float, float]:
    """GMAC of a frame: by its window, and by a chunk."""
    width, height = size
    with torch.device("meta"):
        model = unmarked(chunk_frames).eval()
        window = gmac(lambda: model(torch.empty(1, 3, 8, height, width)))
        chunk = gmac(lambda: model.forward_chunks(torch.empty(1, 3, chunk_frames, height, width)))
    return window, chunk / (chunk_frames - 7)


def by_chunks(
    folder: Path, size: tuple[int, int], rounds: int, chunk_frames: int, windows: int
) -> None:
    torch.manual_seed(0)
    model = unmarked(chunk_frames)
    settle(model)
    with torch.no_grad():
        model.head.weight *= 0.5  # random weights amplify rounding, which the export bounds
    plan = ClipGridPlan(size=size, pixels="rgb", rate="native", frames=8, before=4, marker=False)
    bundle = export_bundle(model, folder / "unmarked", job="impact", classes=("impact",), plan=plan)
    model.eval()
    answered = chunk_frames - 7
    world = CollisionsConfig(width=size[0], height=size[1])
    clip = write_play(folder / "chunks.mp4", 2 * answered, world)
    some = np.arange(answered - windows // 2, answered - windows // 2 + windows)  # at the seam
    with open_video(clip) as video:
        images = [image for _, image in video.stream(pixels="rgb", size=size)]
    chunk = np.stack([images[min(k, len(images) - 1)] for k in range(chunk_frames)])[None]

    def eager_chunk() -> Grids:
        with torch.inference_mode():
            pixels = as_input(torch.from_numpy(chunk), 3)
            grids: Grids = torch.sigmoid(model.forward_chunks(pixels)).numpy()
        return grids

    arms: dict[str, Callable[[], Grids]] = {
        "torch eager, windows": lambda: sliding(model, clip, size, some.tolist()),
        "torch eager, one chunk": eager_chunk,
    }
    for precision in precisions():
        arms[f"playhead, {precision}, chunks"] = runner(bundle, clip, precision, chunks=True)
    grids = {name: run() for name, run in arms.items()}  # the first run also warms up
    taken = take_turns(arms, rounds)
    window, shared = work_of_chunks(size, chunk_frames)
    print(
        f"(a) without the mark, {size[0]}x{size[1]} in colour from H.264, chunks of {chunk_frames} "
        f"frames: frames computed, s a frame, ratio of windows, GMAC a frame, mean difference of "
        f"probabilities from those of windows in {windows} frames"
    )
    reference = next(iter(arms))
    base = taken[reference] / windows
    for name, seconds in taken.items():
        each = seconds / len(grids[name])
        apart, work = "", window if name == reference else shared
        if len(grids[name]) == 2 * answered:
            apart = f"{float(np.abs(grids[name][some] - grids[reference]).mean()):.1e}"
        print(
            f"  {name:24} {len(grids[name]):3}  {float(np.median(each)):7.3f}  "
            f"{float(np.median(base / each)):5.2f}  {work:6.1f}  {apart}"
        )
    print(f"  windows need {window / shared:.2f} times the multiplications")


def precisions() -> list[str]:
    """fp32, and bf16 where the processor computes in it natively."""
    if native_bf16() and "BF16" in openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        return ["fp32", "bf16"]
    print("bf16: left out; this processor does not compute in it natively")
    return ["fp32"]


def full_size(folder: Path, size: tuple[int, int], rounds: int, frames: int) -> None:
    torch.manual_seed(0)
    model = build_collision_network(full_size_collision())
    settle(model)
    plan = ClipGridPlan(size=size, pixels="rgb", rate="native", frames=8, before=4)
    bundle = export_bundle(model, folder / "full", job="impact", classes=("impact",), plan=plan)
    model.eval()
    clip = write_play(folder / "full.mp4", frames, CollisionsConfig(width=size[0], height=size[1]))
    arms: dict[str, Callable[[], Grids]] = {"torch eager, fp32": lambda: sliding(model, clip, size)}
    usable = precisions()
    for precision in usable:
        arms[f"playhead, {precision}"] = runner(bundle, clip, precision)
    for precision in usable:
        arms[f"playhead, {precision}, fast"] = runner(bundle, clip, precision, gate=CLOSED)
    grids = {name: run() for name, run in arms.items()}  # the first run also warms up
    taken = take_turns(arms, rounds)
    reference = next(iter(arms))
    whole = grids[reference]
    print(
        f"(a) full size, {size[0]}x{size[1]} in colour from H.264, a clip of {frames} frames: "
        "frames computed, s a computed frame, ratio of it, probabilities apart"
    )
    for name, seconds in taken.items():
        computed = len(grids[name])
        ratio = float(np.median((taken[reference] / len(whole)) / (seconds / computed)))
        apart = ""
        if computed == len(whole):
            apart = f"{float(np.abs(grids[name] - whole).max()):.1e}"
        each = float(np.median(seconds)) / computed
        print(f"  {name:24} {computed:3}  {each:7.3f}  {ratio:5.2f}  {apart}")
        if name.endswith("fast"):
            print(
                f"  {'':24} in a long video without two helmets near each other it computes every "
                f"{CLOSED.every}th frame: {ratio * CLOSED.every:.2f} times the reference"
            )
    span = float(np.ptp(whole[:, 1:5], axis=(2, 3)).min())
    print(f"  the reference's outputs for boxes span at least {span:.2f} in every frame")


def settle(model: CollisionNetwork) -> None:
    """Give batch norms the statistics of images.

    Without, random weights fade out and every output is the same, which any error would pass.
    """
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.momentum = None
    model.train()
    with torch.no_grad():
        model(torch.rand(2, 3, 8, 96, 160).round())


def sliding(
    model: CollisionNetwork, clip: Path, size: tuple[int, int], frames: list[int] | None = None
) -> Grids:
    """The reference: one clip for every frame (or `frames`), the ends of the video repeated."""
    grids = []
    with open_video(clip) as video, torch.inference_mode():
        images = [image for _, image in video.stream(pixels="rgb", size=size)]
        for frame in frames or range(len(images)):
            shown = np.arange(frame - 4, frame + 4).clip(0, len(images) - 1)
            window = torch.from_numpy(np.stack([images[k] for k in shown.tolist()]))[None]
            grids.append(torch.sigmoid(model(as_input(window, 3)))[0].numpy())
    return np.array(grids)


def runner(
    bundle: Bundle, clip: Path, precision: str, *, gate: Gate | None = None, chunks: bool = False
) -> Callable[[], Grids]:
    backend = open_backend(
        bundle,
        device="cpu",
        threads=THREADS,
        precision=precision,
        parts=["chunk" if chunks else "model"],
    )

    def run() -> Grids:
        with open_video(clip) as video:
            member = Member(bundle.manifest, backend)
            results = list(run_clips(video, [member], gate=gate, chunks=chunks))
        return np.array([result.grid for result in results if result.grid is not None])

    return run


def take_turns(arms: dict[str, Callable[[], Grids]], rounds: int) -> dict[str, NDArray[np.float64]]:
    """Seconds of each arm in each round; the order turns, so that no arm always follows another."""
    taken: dict[str, list[float]] = {name: [] for name in arms}
    for turn in range(rounds):
        names = list(arms)[turn % len(arms) :] + list(arms)[: turn % len(arms)]
        for name in names:
            started = time.perf_counter()
            arms[name]()
            taken[name].append(time.perf_counter() - started)
    return {name: np.array(times) for name, times in taken.items()}


def fast_mode(bundle: Path, manifest: Path, split: str, folder: Path) -> None:
    """What fast mode saves and costs on labelled plays, with the decisions of the bundle."""
    truth = read_impacts(manifest, split=split)
    plays = find_plays([manifest], split=split)
    seconds: dict[str, list[float]] = {"exact": [], "fast": []}
    for turn, mode in itertools.product(range(2), ("exact", "fast")):
        options = PredictOptions(
            device="cpu",
            threads=THREADS,
            precision="fp32",
            mode="exact" if mode == "exact" else "fast",
        )
        started = time.perf_counter()
        predict_plays([bundle], plays, folder / f"{mode}-{turn}", options)
        seconds[mode].append(time.perf_counter() - started)
    print(f"(b) fast mode on {len(truth.videos)} videos of {split}: F1, share of frames, seconds")
    for mode, times in seconds.items():
        counts = evaluate_truth(truth, folder / f"{mode}-0").result.counts
        settings = [held.settings for held in read_folder(folder / f"{mode}-0").values()]
        share = sum(s["computed_frames"] for s in settings) / sum(s["frames"] for s in settings)
        print(
            f"  {mode:6} F1 {counts.f1:.3f} (precision {counts.precision:.3f}, recall "
            f"{counts.recall:.3f})  {share:.2f}  {min(times):.1f}"
        )
    print(f"  exact takes {min(seconds['exact']) / min(seconds['fast']):.2f} times as long as fast")


def memory(folder: Path, bundle: Path | None, minutes: float) -> None:
    """Peak memory of the command, for 10 seconds and for `minutes` of the same play in a loop."""
    if bundle is None:
        config = load_impact_config(find_config("collisions-demo"))
        torch.manual_seed(0)
        model = build_collision_network(config.network)
        classes = (config.data.label,)
        bundle = export_bundle(
            model, folder / "demo", job="impact", classes=classes, plan=config.plan
        ).folder
        kind = "of random weights, which finds no candidates"
    else:
        kind = str(bundle)
    print(f"(c) memory of prediction at the demo's size, network {kind}")
    peaks = []
    for length in (10.0, minutes * 60):
        world = CollisionsConfig(rate="30000/1001")
        clip = write_play(folder / f"{length:g}.mp4", round(length * 30000 / 1001), world)
        predicted = ("impact", "predict", bundle, clip, "--out", folder / "out")
        document = playhead_json(*predicted, "--device", "cpu", "--threads", THREADS)
        peaks.append(document["peak_memory_bytes"] / 2**20)
        speed = length / document["seconds"]
        print(f"  {length:5g} s: peak {peaks[-1]:6.1f} MiB, {speed:5.2f} x real time")
        clip.unlink()
    print(f"  from the first to the last: {peaks[1] - peaks[0]:+.1f} MiB", end=", ")
    print(f"ratio {peaks[1] / peaks[0]:.3f}")


def write_play(path: Path, frames: int, config: CollisionsConfig) -> Path:
    """A generated play from the sideline, repeated until the video has so many frames."""
    play = draw_play(seed=1, number=0, config=config)
    images = list(itertools.islice(render(play, "sideline"), frames))
    with VideoWriter(path, config.width, config.height, rate=Fraction(config.rate)) as writer:
        for k in range(frames):
            writer.write(images[k % len(images)])
    return path


if __name__ == "__main__":
    main()
