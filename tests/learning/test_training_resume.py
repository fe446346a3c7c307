"""A run that is killed or interrupted anywhere and resumed ends with the very same weights."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_training
from safetensors.numpy import load_file

from playhead.learning.log import read_rows

TOTAL = tiny_training.SETTINGS["epochs"] * tiny_training.STEPS
TIMES = {"seconds", "samples_per_second", "data_wait", "validation_seconds"}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted")
    tiny_training.run(folder)
    return folder


def live(folder: Path, plan: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """Train in `folder` through the lives of `plan`, in processes of their own."""
    script = Path(tiny_training.__file__)
    done = subprocess.run(
        [sys.executable, str(script), str(folder), json.dumps(plan)],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return [tuple(end) for end in json.loads(done.stdout)]


def same_runs(one: Path, other: Path) -> None:
    """Weights, average, best, optimiser, kept epochs, log: all the same, to the bit."""
    names = ["best.safetensors", "epoch_2.safetensors", "checkpoint/state.safetensors"]
    for name in names:
        left, right = load_file(one / name), load_file(other / name)
        assert left.keys() == right.keys(), name
        for key in left:
            assert left[key].tobytes() == right[key].tobytes(), f"{name}: {key}"
    assert sorted(path.name for path in one.rglob("*")) == sorted(
        path.name for path in other.rglob("*")
    )
    logs = [
        [{k: v for k, v in row.items() if k not in TIMES} for row in read_rows(run / "log.jsonl")]
        for run in (one, other)
    ]
    assert logs[0] == logs[1]


@pytest.mark.parametrize("workers", [0, 2])
def test_killed_and_interrupted_at_any_time_a_run_ends_with_the_same_weights(
    tmp_path: Path, uninterrupted: Path, workers: int
) -> None:
    rng = np.random.default_rng(workers)
    plan = []
    for index in range(10):
        way, often = ("kill_after", "interrupt_after")[index % 2], (0, 1000, 0.02)[index % 3]
        changes = {"workers": workers, "checkpoint_seconds": often}
        plan.append({way: float(rng.uniform(0.1, 0.35)), "changes": changes})
    ends = live(tmp_path / "run", [*plan, {"changes": {"workers": workers}}])
    stops = {(end, done) for end, done in ends if 0 < done < TOTAL}
    assert {end for end, _ in stops} == {"killed", "exit 130"}, ends
    assert ends[-1] == ("exit 0", TOTAL)
    same_runs(uninterrupted, tmp_path / "run")


def test_killed_at_the_renaming_of_any_file_a_run_ends_with_the_same_weights(
    tmp_path: Path, uninterrupted: Path
) -> None:
    # A step ends with the renaming of a checkpoint; an epoch with that of its best weights, of
    # those to be kept and of a checkpoint. Without checkpoints of steps the latter come first.
    often: dict[str, Any] = {"checkpoint_seconds": 0}
    plan = [
        {"kill_at": at, "kill_when": when, "changes": changes}
        for at, changes in [(1, often), (8, often), (5, often), (1, {}), (2, {}), (3, {})]
        for when in ("before", "after")
    ]
    ends = live(tmp_path / "run", [*plan, {}])
    assert [end for end, _ in ends[:-1]].count("killed") >= 10, ends
    assert ends[-1] == ("exit 0", TOTAL)
    same_runs(uninterrupted, tmp_path / "run")
