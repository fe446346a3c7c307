"""The program as a user runs it: a command in a process of its own, and the document it prints."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

from environment import describe

__all__ = ["demo_runs", "playhead_json"]


def playhead_json(*arguments: object, **environment: str) -> dict[str, Any]:
    """The document of `playhead ... --json`; its errors are shown, and end the benchmark."""
    command = [sys.executable, "-m", "playhead", *map(str, arguments), "--json"]
    variables = {**os.environ, **environment}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=variables, check=False)
    if done.returncode:
        sys.exit(done.stdout or done.returncode)  # a failed file has its reason in the document
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def demo_runs(description: str, *job: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Run a demo as often as --runs says, with nothing kept; its seconds in words, its document."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--runs", type=int, default=1, help="how often")
    runs = parser.parse_args().runs
    print(describe())
    for number in range(runs):
        with tempfile.TemporaryDirectory() as name:
            folder, started = Path(name), monotonic()
            cache = str(folder / "cache")
            found = playhead_json("demo", *job, "--out", folder / "demo", PLAYHEAD_CACHE=cache)
            yield f"run {number}: {monotonic() - started:.0f} s", found
