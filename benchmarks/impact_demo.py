"""The impact demo as a user runs it, timed: seconds, and F1 on plays the model has never seen.

    python benchmarks/impact_demo.py [--runs 1]

Bars: at most 480 s on two cores after the install; F1 at least .55 on at least 12 plays, .20 above
contacts guessed from exact boxes, and .08 above a 2D network that was trained as long. Seeds are
fixed; nothing is kept between runs.
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
    out = str(folder / "demo")
    command = [sys.executable, "-m", "playhead", "demo", "impact", "--out", out, "--json"]
    output = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=environment
    ).stdout
    found = json.loads(output)
    metrics, interval = found["metrics"], found["intervals"]["f1"]
    print(
        f"run {number}: {monotonic() - started:.0f} s, {found['videos']} videos; F1 "
        f"{metrics['f1']:.3f} ({interval['low']:.3f} to {interval['high']:.3f}), precision "
        f"{metrics['precision']:.3f}, recall {metrics['recall']:.3f}",
        end="",
    )
    views = (f", {view} {figures['f1']:.3f}" for view, figures in found["per_view"].items())
    print("".join(views))
    for name, figures in found["references"].items():
        print(
            f"  {name}: F1 {figures['f1']:.3f}, precision {figures['precision']:.3f}, recall "
            f"{figures['recall']:.3f}; the network is {metrics['f1'] - figures['f1']:+.3f}"
        )


if __name__ == "__main__":
    main()
