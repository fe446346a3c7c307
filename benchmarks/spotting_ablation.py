"""What each step of the recipe is worth: slow fusion, transfer, out-of-fold sampling, and so on.

One recipe of stages trains every arm on the same harder football, with equal windows of training,
for several seeds; each seed leaves out another fold of the training matches. All arms are measured
on test matches that are in no fold. `control` has the size of slow fusion without its 3D blocks;
`nested` is `sampled` without its indirect leak: its out-of-fold scores come from models that did
not see its validation matches either. `long` starts from `sampled`; `flipped` and `ensemble` are
predictions of `long`: with mirrored frames, and the mean of the seeds, that is of the folds.

Prints mAP@1 and mAP@.24 of every arm, the difference to the arm it is compared with, and its 95 %
interval by a bootstrap over the test matches of the mean over the seeds. Trainings that are
finished are kept in --work and not repeated.

    python benchmarks/spotting_ablation.py [--seeds 1 2 3] [--epochs 4] [--work build/ablation]
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from environment import describe
from playhead.events.manifest import read_manifest
from playhead.events.model import VideoEvents
from playhead.metrics.soccernet_map import map_at
from playhead.metrics.spotting import chance_map
from playhead.spotting.config import find_config
from playhead.spotting.evaluate import pair_events
from playhead.spotting.model import build_model
from playhead.spotting.predict import ranked_peaks
from playhead.spotting.report import durations_of
from playhead.spotting.stages.plan import Plan, load_plan
from playhead.spotting.truth import read_scores_of, read_truth
from playhead.worlds.kept import WorldConfig, world_manifest

HARD = ("distractors=2", "view=30", "ball_pixels=1.4")
MATCHES = WorldConfig(name="football", count=20, seed=11, settings=(*HARD, "train=0.6", "valid=0"))
OTHER = WorldConfig(
    name="football",
    count=10,
    seed=12,
    settings=(
        *HARD,
        "train=0.8",
        "valid=0.2",
        "classes=[dribble, trap, fake, bounce, tackle, header, deflection]",
    ),
)
TOLERANCES = (1.0, 0.24)
RESAMPLES = 200


@dataclass(frozen=True)
class Arm:
    """One row of the table.

    stage: whose bundles predict; against: the arm that it is compared with
    """

    stage: str
    against: str | None
    flip: bool = False
    ensemble: bool = False


ARMS = {
    "early fusion": Arm("early", None),
    "slow fusion": Arm("basic", "early fusion"),
    "control of equal size": Arm("control", "slow fusion"),
    "+ transfer": Arm("plain", "slow fusion"),
    "+ out-of-fold sampling": Arm("sampled", "+ transfer"),
    "the same, nested": Arm("nested", "+ out-of-fold sampling"),
    "+ long windows": Arm("long", "+ out-of-fold sampling"),
    "+ flipped": Arm("long", "+ long windows", flip=True),
    "+ ensemble of folds": Arm("long", "+ flipped", flip=True, ensemble=True),
}


def main() -> None:
    arguments = parse()
    began = time.perf_counter()
    print(describe("torch", "openvino", "numpy", "av"))
    manifest, other = world_manifest(MATCHES), world_manifest(OTHER)
    work = Path(arguments.work)
    recipe = write_recipe(manifest, other, arguments.epochs, work)
    truth = read_truth(manifest, split="test")
    videos = [row.video for row in read_manifest(manifest) if row.split == "test"]
    events = sum(len(video.events) for video in truth)
    windows = arguments.epochs * 2400
    print(
        f"{windows} windows a training (long: {windows // 3}), seeds {arguments.seeds}; "
        f"{len(videos)} test matches, {events} events",
        flush=True,
    )
    plan = load_plan(recipe)
    for stage in dict.fromkeys(arm.stage for arm in ARMS.values()):
        print(f"{stage:9} {parameters(plan, stage):8,} parameters", flush=True)
    runs = {}
    for number, seed in enumerate(arguments.seeds):
        fold = number % 3
        runs[seed] = train(recipe, seed, fold, work)
        print(
            f"seed {seed}, fold {fold}: trained, {(time.perf_counter() - began) / 60:.0f} minutes",
            flush=True,
        )
    predictions = {
        name: predict(arm, runs, arguments.seeds, videos, work) for name, arm in ARMS.items()
    }
    print_table(truth, predictions)
    print(f"wall time: {(time.perf_counter() - began) / 60:.1f} minutes")


def write_recipe(manifest: Path, other: Path, epochs: int, work: Path) -> Path:
    """The stages of every arm, as changes of the packaged small recipe."""
    document = yaml.safe_load(find_config("ball-2023-small").read_text(encoding="utf-8"))
    stages = document["stages"]
    document["data"] |= {"manifest": str(manifest), "fold": 0}
    document["training"]["epochs"] = epochs
    document["prediction"] = {"flip": False}
    stages["other"]["data"]["manifest"] = str(other)
    stages["long"]["training"]["epochs"] = max(1, epochs // 3)
    transfer = stages["transfer"]
    plain = {key: value for key, value in transfer.items() if key != "hard_scores_from"}
    document["stages"] = {
        "early": {
            "model": {"kind": "early_fusion"},
            "training": {"rate": 1.0e-3, "final_rate": 1.0e-5},
        },
        "control": {"model": {"fusion_blocks": 0, "encoder_channels": 84}},
        "basic": stages["basic"],
        "other": stages["other"],
        "plain": plain,
        "sampled": transfer,
        "nested": {**transfer, "nested": True},
        "long": {**stages["long"], "start_from": "sampled"},
    }
    work.mkdir(parents=True, exist_ok=True)
    path = work / "recipe.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path


def parameters(plan: Plan, stage: str) -> int:
    """How many weights and biases the network of a stage has."""
    config = plan.base(plan.stage(stage))
    model = build_model(config.model, len(config.data.classes), config.window)
    return sum(parameter.numel() for parameter in model.parameters())


def train(recipe: Path, seed: int, fold: int, work: Path) -> Path:
    """Train all stages of one seed with the command a user has; its folder."""
    out = work / f"seed-{seed}"
    resume = ["--resume"] if (out / "recipe.yaml").is_file() else []
    playhead(
        "train", recipe, "--out", out, "--fold", fold, "--set", f"training.seed={seed}", *resume
    )
    return out


def predict(
    arm: Arm, runs: dict[int, Path], seeds: Sequence[int], videos: Sequence[Path], work: Path
) -> list[Path]:
    """The folders of the predictions of an arm, one for each seed, or one of the ensemble."""
    folders = []
    for number, seed in enumerate(seeds):
        out = work / "test" / f"{arm.stage}{'-flipped' if arm.flip else ''}-{seed}"
        bundle = runs[seed] / arm.stage / f"fold-{number % 3}"
        if len(list(out.glob("*.scores.npz"))) < len(videos):
            flip = "--flip" if arm.flip else "--no-flip"
            playhead("predict", bundle, *videos, "--out", out, flip, "--executor", "processes")
        folders.append(out)
    if not arm.ensemble:
        return folders
    mean = work / "test" / f"{arm.stage}-mean"
    playhead("ensemble", *folders, "--out", mean)
    return [mean]


def print_table(truth: Sequence[VideoEvents], predictions: dict[str, list[Path]]) -> None:
    """The metrics of every arm, and its differences with intervals."""
    found = {name: [peaks(truth, path) for path in paths] for name, paths in predictions.items()}
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(truth), (RESAMPLES, len(truth)))
    for tolerance in TOLERANCES:
        print(f"\nmAP@{tolerance:g}{'':28} seeds                 mean   against: difference [95 %]")
        drawn: dict[str, NDArray[np.float64]] = {}
        means: dict[str, float] = {}
        for name, arm in ARMS.items():
            values = [map_at(truth, seed, tolerance) for seed in found[name]]
            means[name] = float(np.mean(values))
            drawn[name] = np.array(
                [
                    np.mean(
                        [map_at(*resampled(truth, seed, draw), tolerance) for seed in found[name]]
                    )
                    for draw in draws
                ]
            )
            line = f"{name:30} {', '.join(f'{value:.3f}' for value in values):21} {means[name]:.3f}"
            if arm.against is not None:
                low, high = np.quantile(drawn[name] - drawn[arm.against], [0.025, 0.975])
                difference = means[name] - means[arm.against]
                line += f"   {arm.against}: {difference:+.3f} [{low:+.3f}, {high:+.3f}]"
            print(line, flush=True)
        durations = durations_of(read_scores_of(next(iter(predictions.values()))[0], truth))
        print(f"chance {chance_map(truth, durations, tolerance=tolerance):.3f}")


def peaks(truth: Sequence[VideoEvents], folder: Path) -> list[VideoEvents]:
    """All peaks of saved scores, in the order of the truth."""
    scores = read_scores_of(folder, truth)
    return pair_events(truth, [ranked_peaks(scores[video.video]) for video in truth])[1]


def resampled(
    truth: Sequence[VideoEvents], found: Sequence[VideoEvents], draw: NDArray[np.int64]
) -> tuple[list[VideoEvents], list[VideoEvents]]:
    """Videos drawn with replacement, each under a name of its own."""
    pairs = [
        (_renamed(truth[at], number), _renamed(found[at], number))
        for number, at in enumerate(draw.tolist())
    ]
    return [real for real, _ in pairs], [guess for _, guess in pairs]


def _renamed(video: VideoEvents, number: int) -> VideoEvents:
    return VideoEvents(video=f"{number}", classes=video.classes, events=video.events)


def playhead(*arguments: object) -> str:
    """Run `playhead spotting ...`; its output, which ends the program if it fails."""
    command = [sys.executable, "-m", "playhead", "spotting", *map(str, arguments), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    return json.dumps(json.loads(done.stdout)) if done.stdout.strip() else ""


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--epochs", type=int, default=4, help="of 2,400 windows")
    parser.add_argument("--work", default="build/ablation", help="where the runs are kept")
    return parser.parse_args()


if __name__ == "__main__":
    main()
