"""The demo as a user runs it, timed: seconds and mAP@1 on matches the model has never seen.

    python benchmarks/demo.py [--runs 1]

Bars: at most 360 s on two cores after the install, average mAP@1 at least .60. Seeds are fixed;
nothing is kept between runs, and the encoder packs matches a little differently each time.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic

from environment import describe


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1, help="how often")
    print(describe())
    for number in range(parser.parse_args().runs):
        with tempfile.TemporaryDirectory() as folder:
            report(number, Path(folder))


def report(number: int, folder: Path) -> None:
    started = monotonic()
    environment = {**os.environ, "PLAYHEAD_CACHE": str(folder / "cache")}
    command = [sys.executable, "-m", "playhead", "demo", "--out", str(folder / "demo"), "--json"]
    output = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=environment
    ).stdout
    found = json.loads(output)
    values = {label: values["map@1"] for label, values in found["per_class"].items()}
    print(
        f"run {number}: {monotonic() - started:.0f} s, mAP@1 {found['metrics']['map@1']:.3f}",
        end="",
    )
    print("".join(f", {label} {value:.3f}" for label, value in values.items()), end="")
    print("".join(f", {name} {value:.3f}" for name, value in found["chance"].items()))


if __name__ == "__main__":
    main()
