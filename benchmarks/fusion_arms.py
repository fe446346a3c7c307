"""Slow fusion, slow fusion without its 3D blocks, and early fusion, on the demo's own world.

Equal windows, equal optimiser, two seeds, the same held-out matches; early fusion gets a sweep of
its learning rate on the validation matches first. Prints mAP at hit windows of 1 and .24 s, beside
chance and the right times with classes confused.

    python benchmarks/fusion_arms.py --work build/arms [--windows 21600] [--seeds 1 2]
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from environment import describe
from playhead.events.manifest import read_manifest
from playhead.metrics.soccernet_map import map_at
from playhead.metrics.spotting import chance_map, confused_map
from playhead.spotting.config import find_config, load_spotting_config
from playhead.spotting.data import manifest_of
from playhead.spotting.evaluate import pair_events
from playhead.spotting.reporting import durations_of, read_scores_of
from playhead.spotting.truth import read_predictions, read_truth

EPOCH = 2400
RATES = (3e-4, 1e-3, 3e-3, 1e-2)
TOLERANCES = (1.0, 0.24)


@dataclass(frozen=True)
class Arm:
    """One model to compare, as settings over the demo's configuration."""

    name: str
    settings: tuple[str, ...]


SLOW = Arm("slow fusion", ())
FLAT = Arm("slow fusion without 3D blocks", ("model.fusion_blocks=0",))
EARLY = Arm("early fusion", ("model.kind=early_fusion",))


def main() -> None:
    arguments = parse()
    print(describe())
    manifest = manifest_of(load_spotting_config(find_config("football-demo")).data)
    truth = read_truth(manifest, split="test")
    videos = [row.video for row in read_manifest(manifest) if row.split == "test"]
    events = sum(len(one.events) for one in truth)
    print(f"{arguments.windows} windows a run; {len(videos)} test matches, {events} events")
    rate, sweep = best_rate(EARLY, arguments)
    for tried, value in sweep.items():
        print(f"early fusion, rate {tried:g}: validation mAP@1 {value:.3f}")
    arms = [SLOW, FLAT, Arm(EARLY.name, (*EARLY.settings, *rate_settings(rate)))]
    print(
        f"{'arm':32} {'seed':>4} " + " ".join(f"{'mAP@' + format(t, 'g'):>9}" for t in TOLERANCES)
    )
    durations: dict[str, float] = {}
    for arm in arms:
        for seed in arguments.seeds:
            run = train(arm, seed, arguments)
            predictions = predict(run, videos)
            real, made = pair_events(truth, read_predictions(predictions))
            durations = durations_of(read_scores_of(predictions, real))
            values = [map_at(real, made, tolerance) for tolerance in TOLERANCES]
            print(f"{arm.name:32} {seed:4} " + " ".join(f"{value:9.3f}" for value in values))
    for tolerance in TOLERANCES:
        chance = chance_map(truth, durations, tolerance=tolerance)
        confused = confused_map(truth, tolerance=tolerance)
        print(f"mAP@{tolerance:g} of chance {chance:.3f}, of confused classes {confused:.3f}")


def best_rate(arm: Arm, arguments: argparse.Namespace) -> tuple[float, dict[float, float]]:
    """The learning rate that is best on the validation matches, and what each reached."""
    found = {}
    for rate in RATES:
        tried = Arm(arm.name, (*arm.settings, *rate_settings(rate)))
        run = train(tried, arguments.seeds[0], arguments)
        found[rate] = json.loads((run / "result.json").read_text())["metrics"]["map@1"]
    return max(found, key=lambda rate: found[rate]), found


def rate_settings(rate: float) -> tuple[str, ...]:
    return (f"training.rate={rate}", f"training.final_rate={rate / 100}")


def train(arm: Arm, seed: int, arguments: argparse.Namespace) -> Path:
    """Train one arm with the command a user has; a finished run is not trained again."""
    settings = (
        *arm.settings,
        f"training.seed={seed}",
        f"training.epochs={arguments.windows // EPOCH}",
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
    parser.add_argument("--work", default="build/arms", help="where the runs are kept")
    parser.add_argument("--windows", type=int, default=21_600, help="training windows of a run")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    return parser.parse_args()


if __name__ == "__main__":
    main()
