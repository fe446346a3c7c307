"""Slow fusion, without its 3D blocks, a control of equal size, and early fusion: which is better?

On the demo's world: equal windows and optimiser, the same seeds and held-out matches. The control
has no 3D blocks either, but a wider 2D encoder, which brings it to the parameter count of slow
fusion. All arms train at the demo's learning rate, but early fusion, which first gets a sweep of
its own on the validation matches. Prints the parameters of each arm, and mAP at hit windows of 1
and .24 s, beside chance and the right times with classes confused. Two trainings of a thread each
run side by side; finished ones are kept in --work and not repeated.

    python benchmarks/fusion_arms.py [--arms slow flat equal early] [--windows 21600] [--seeds 1 2]
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from environment import describe
from playhead.demos.spotting import demo_config
from playhead.events.manifest import read_manifest
from playhead.metrics.soccernet_map import map_at
from playhead.metrics.spotting import chance_map, confused_map
from playhead.spotting.evaluate import pair_events
from playhead.spotting.model import build_model
from playhead.spotting.report import durations_of
from playhead.spotting.truth import read_predictions, read_scores_of, read_truth

EPOCH = 2400
RATES = (3e-4, 1e-3, 3e-3, 1e-2)
TOLERANCES = (1.0, 0.24)
SIDE_BY_SIDE = 2


@dataclass(frozen=True)
class Arm:
    """One model to compare, as settings over the demo's configuration.

    swept: its learning rate is chosen among RATES; else it is the demo's
    """

    name: str
    settings: tuple[str, ...]
    swept: bool = False

    def at_rate(self, rate: float) -> "Arm":
        settings = (f"training.rate={rate}", f"training.final_rate={rate / 100}")
        return replace(self, settings=(*self.settings, *settings))


ARMS = {
    "slow": Arm("slow fusion", ()),
    "flat": Arm("no 3D blocks", ("model.fusion_blocks=0",)),
    "equal": Arm(
        "no 3D blocks, wider encoder", ("model.fusion_blocks=0", "model.encoder_channels=84")
    ),
    "early": Arm("early fusion", ("model.kind=early_fusion",), swept=True),
}


def main() -> None:
    arguments = parse()
    print(describe())
    config = demo_config()
    manifest = config.data.manifest
    truth = read_truth(manifest, split="test")
    videos = [row.video for row in read_manifest(manifest) if row.split == "test"]
    events = sum(len(video.events) for video in truth)
    print(f"{arguments.windows} windows a run; {len(videos)} test matches, {events} events")
    asked = [ARMS[name] for name in arguments.arms]
    for arm in asked:
        print(f"{arm.name:28} {parameters(arm):8,} parameters", flush=True)
    arms = [best_rate(arm, arguments) if arm.swept else arm for arm in asked]
    runs = train_all([(arm, seed) for arm in arms for seed in arguments.seeds], arguments)
    print(
        f"{'arm':28} {'seed':>4} " + " ".join(f"{'mAP@' + format(t, 'g'):>9}" for t in TOLERANCES)
    )
    durations: dict[str, float] = {}
    for (arm, seed), run in runs.items():
        predictions = predict(run, videos)
        real, made = pair_events(truth, read_predictions(predictions))
        durations = durations_of(read_scores_of(predictions, real))
        values = [map_at(real, made, tolerance) for tolerance in TOLERANCES]
        print(f"{arm.name:28} {seed:4} " + " ".join(f"{value:9.3f}" for value in values))
    for tolerance in TOLERANCES:
        chance = chance_map(truth, durations, tolerance=tolerance)
        confused = confused_map(truth, tolerance=tolerance)
        print(f"mAP@{tolerance:g} of chance {chance:.3f}, of confused classes {confused:.3f}")


def parameters(arm: Arm) -> int:
    """How many weights and biases the network of an arm learns."""
    config = demo_config(arm.settings)
    assert config.data.classes is not None
    model = build_model(config.model, len(config.data.classes), config.window)
    return sum(parameter.numel() for parameter in model.parameters())


def best_rate(arm: Arm, arguments: argparse.Namespace) -> Arm:
    """The arm at the learning rate that is best on the validation matches, for the first seed."""
    tried = {rate: arm.at_rate(rate) for rate in RATES}
    runs = train_all([(one, arguments.seeds[0]) for one in tried.values()], arguments)
    reached = {}
    for rate, run in zip(RATES, runs.values(), strict=True):
        reached[rate] = json.loads((run / "result.json").read_text())["metrics"]["map@1"]
        print(f"{arm.name}, rate {rate:g}: validation mAP@1 {reached[rate]:.3f}", flush=True)
    return tried[max(reached, key=lambda rate: reached[rate])]


def train_all(
    runs: Sequence[tuple[Arm, int]], arguments: argparse.Namespace
) -> dict[tuple[Arm, int], Path]:
    """Train every arm at its seed, several at a time; the run folders, in the order given."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        folders = pool.map(partial(train, arguments=arguments), *zip(*runs, strict=True))
        return dict(zip(runs, folders, strict=True))


def train(arm: Arm, seed: int, arguments: argparse.Namespace) -> Path:
    """Train one arm with the command a user has; a finished run is not trained again."""
    settings = (
        *arm.settings,
        f"training.seed={seed}",
        f"training.epochs={arguments.windows // EPOCH}",
        "training.threads=1",
        f"samples_per_epoch={EPOCH}",
    )
    name = "-".join([arm.name, *settings]).replace(" ", "_").replace("/", "_")
    run = Path(arguments.work) / name
    if not (run / "result.json").is_file():
        command = ["spotting", "train", "football-demo", "--out", str(run), "--json"]
        for setting in settings:
            command += ["--set", setting]
        command += ["--resume"] if run.is_dir() else []
        (run.parent).mkdir(parents=True, exist_ok=True)
        output = playhead(command)
        (run / "result.json").write_text(output)
    return run


def predict(run: Path, videos: list[Path]) -> Path:
    out = run / "test"
    playhead(["spotting", "predict", str(run / "bundle"), *map(str, videos), "--out", str(out)])
    return out


def playhead(arguments: list[str]) -> str:
    command = [sys.executable, "-m", "playhead", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--work", default="build/arms", help="where the runs are kept")
    parser.add_argument("--windows", type=int, default=21_600, help="training windows of a run")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    return parser.parse_args()


if __name__ == "__main__":
    main()
