"""Redaction of eight short videos: one process beside two workers, alternating in one run.

Generated streets with people and cars, `playhead redaction run` by a packaged preset, on two cores:
`serial` with its default of every core, in which OpenVINO, decoding and encoding already run on
several; `one thread`, the same with a single thread; `processes`, two workers of one thread each.

Prints the seconds of each round, the medians, the peak memory, and the CPU seconds of the serial
side: what it leaves idle of the cores bounds what worker processes can gain over it. Bar: processes
at least 1.6 times as fast as serial.

    playhead weights get redaction
    python benchmarks/executors.py [--rounds 3] [--videos 8] [--seconds 4] [--preset balanced]
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from environment import describe
from playhead.execution.runner import Executor
from playhead.inference.runtime import available_cores
from playhead.redaction.config import load_redaction_config
from playhead.redaction.run import redact_files
from playhead.worlds.street import StreetConfig, generate_street

BAR = 1.6
SIDES = {
    "serial": (Executor(), None),
    "one thread": (Executor(), 1),
    "processes": (Executor(kind="processes", workers=2), 1),
}
"""The executor of each side, and the threads of each process."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--videos", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--preset", default="balanced")
    given = parser.parse_args()
    print(describe("openvino", "av", "numpy"))
    config = load_redaction_config(given.preset)
    seconds: dict[str, list[float]] = {side: [] for side in SIDES}
    peaks = dict.fromkeys(SIDES, 0)
    cpu_seconds: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        street = StreetConfig(seconds=given.seconds, width=given.width, height=given.height)
        generate_street(folder / "in", count=given.videos, seed=3, config=street)
        videos = sorted((folder / "in").glob("*.mp4"))
        frames = given.videos * given.seconds * 25
        print(
            f"{len(videos)} videos of {given.width}x{given.height}, {given.seconds:g} s each, "
            f"preset {given.preset}, {available_cores()} cores"
        )
        for number in range(1, given.rounds + 1):
            for side, (executor, threads) in SIDES.items():
                chosen = config.model_copy(update={"threads": threads})
                out, started = folder / side, time.process_time()
                result = redact_files(videos, chosen, out=out, overwrite=True, executor=executor)
                if side == "serial":
                    cpu_seconds.append(time.process_time() - started)
                if any(file.status != "ok" for file in result.files):
                    sys.exit(result.describe())
                seconds[side].append(result.seconds)
                peaks[side] = max(peaks[side], result.peak_memory_bytes)
                print(f"  round {number}: {side:10}{result.seconds:8.1f} s", flush=True)
    for side in SIDES:
        median = statistics.median(seconds[side])
        print(
            f"  {side:10} median {median:6.1f} s, {frames / median:6.1f} frames/s, "
            f"peak {peaks[side] / 1e6:6.0f} MB"
        )
    serial, single, parallel = (statistics.median(seconds[side]) for side in SIDES)
    busy = statistics.median(cpu_seconds) / serial
    print(
        f"  serial keeps {busy:.2f} of {available_cores()} cores busy: processes can gain at most "
        f"{available_cores() / busy:.2f}"
    )
    print(f"  serial over processes: {serial / parallel:.2f}")
    print(f"  one thread over two workers of one: {single / parallel:.2f}")
    sys.exit(0 if serial / parallel >= BAR else 1)


if __name__ == "__main__":
    main()
