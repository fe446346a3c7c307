"""Does the small recipe of four stages end within half an hour on two cores, and how good is it?

Generates the matches that `ball-2023-small` names, trains it with the command a user has, and
measures its bundle, the mean of three folds, on matches that are in no fold.

    python benchmarks/ball_recipe.py [--work build/ball]
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from environment import describe
from playhead.events.manifest import read_manifest

WORLDS = {
    "matches": ("--count", "18", "--seed", "1", "--set", "train=0.67", "--set", "valid=0"),
    "other": (
        *("--count", "10", "--seed", "2", "--set", "train=0.8", "--set", "valid=0.2"),
        *("--set", "classes=[dribble, trap, fake, bounce, tackle, header, deflection]"),
    ),
}
SHOWN = ("map@1", "tight", "loose", "frame_map@2", "f1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("build/ball"))
    work: Path = parser.parse_args().work
    work.mkdir(parents=True, exist_ok=True)
    print(f"{describe()}, load {os.getloadavg()[0]:.1f} at the start", flush=True)
    began = time.perf_counter()
    for name, options in WORLDS.items():
        if not (work / name / "manifest.csv").is_file():
            playhead(work, "world", "football", "--out", name, *options)
    print(f"generated: {(time.perf_counter() - began) / 60:.1f} minutes", flush=True)
    result = json.loads(playhead(work, "spotting", "train", "ball-2023-small", "--out", "run"))
    print(f"trained: {result['seconds'] / 60:.1f} minutes, load {os.getloadavg()[1]:.1f}")
    print("stage     runs " + " ".join(f"{name:>11}" for name in SHOWN) + "  chance map@1")
    for name, stage in result["stages"].items():
        print(
            f"{name:9} {len(stage['runs']):4} "
            + " ".join(f"{stage['metrics'][metric]:11.3f}" for metric in SHOWN)
            + f"  {stage['chance']['map@1']:.3f}"
        )
    rows = read_manifest(work / "matches" / "manifest.csv")
    videos = [str(row.video.resolve()) for row in rows if row.split == "test"]
    playhead(work, "spotting", "predict", "run", *videos, "--out", "test")
    options = ("--truth", "matches/manifest.csv", "--split", "test", "--predictions", "test")
    tested = json.loads(playhead(work, "spotting", "evaluate", *options))["metrics"]
    print(
        f"the bundle on {len(videos)} test matches: "
        + ", ".join(f"{metric} {tested[metric]:.3f}" for metric in SHOWN)
    )
    print(f"wall time: {(time.perf_counter() - began) / 60:.1f} minutes")


def playhead(work: Path, *arguments: str) -> str:
    """Run a command in the folder; its document. A command that fails ends the program."""
    command = [sys.executable, "-m", "playhead", *arguments, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, cwd=work)
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout


if __name__ == "__main__":
    main()
