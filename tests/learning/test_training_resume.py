"""A run that is killed or interrupted anywhere and resumed ends with the very same weights."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import many_lives
import numpy as np
import pytest
import spotting_training
import tiny_training
from safetensors.numpy import load_file

from playhead.learning.log import read_rows

pytestmark = pytest.mark.slow

TIMES = {"seconds", "samples_per_second", "data_wait", "validation_seconds"}
FINISHED = ("exit 0", (tiny_training.SETTINGS["epochs"], 0))

Ends = list[tuple[str, tuple[int, int]]]


def live(kind: str, folder: Path, plan: list[dict[str, Any]]) -> Ends:
    """Train in `folder` through the lives of `plan`, in processes of their own."""
    done = subprocess.run(
        [sys.executable, many_lives.__file__, kind, str(folder), json.dumps(plan)],
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert '"exit 1"' not in done.stdout, done.stderr
    return [(end, (saved[0], saved[1])) for end, saved in json.loads(done.stdout)]


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
    tmp_path: Path, workers: int
) -> None:
    rng = np.random.default_rng(workers)
    for attempt in range(4):  # where the timed life was the slow one, all others end before a stop
        plan = []
        for index in range(10):
            way, often = ("kill_after", "interrupt_after")[index % 2], (0, 1000, 0.02)[index % 3]
            changes = {"workers": workers, "checkpoint_seconds": often}
            plan.append({way: float(rng.uniform(0.1, 0.35)) / 2**attempt, "changes": changes})
        run = tmp_path / f"run{attempt}"
        ends = live("spotting", run, [*plan, {"changes": {"workers": workers}}])
        stops = {(end, saved) for end, saved in ends if (0, 0) < saved < FINISHED[1]}
        if {end for end, _ in stops} == {"killed", "exit 130"}:
            break
    assert {end for end, _ in stops} == {"killed", "exit 130"}, ends
    assert ends[-1] == FINISHED
    spotting_training.run(tmp_path / "uninterrupted")
    same_runs(tmp_path / "uninterrupted", run)


def test_interrupted_while_its_workers_start_a_run_goes_on_later(tmp_path: Path) -> None:
    changes = {"workers": 2}
    plan = [{"interrupt_at_fork": count, "changes": changes} for count in (1, 2, 3, 4)]
    ends = live("tiny", tmp_path / "run", [*plan, {"changes": changes}])
    # Each life forks two workers an epoch, so the last two have ended an epoch by then.
    assert ends == [
        ("exit 130", (0, 0)),
        ("exit 130", (0, 0)),
        ("exit 130", (1, 0)),
        ("exit 130", (2, 0)),
        FINISHED,
    ]
    tiny_training.run(tmp_path / "uninterrupted")
    same_runs(tmp_path / "uninterrupted", tmp_path / "run")


def test_killed_at_the_renaming_of_any_file_a_run_ends_with_the_same_weights(
    tmp_path: Path,
) -> None:
    # A step ends with the renaming of a checkpoint; an epoch with that of its best weights, of
    # those to be kept and of a checkpoint. Without checkpoints of steps the latter come first.
    often: dict[str, Any] = {"checkpoint_seconds": 0}
    plan = [
        {"kill_at": at, "kill_when": when, "changes": changes}
        for at, changes in [(1, often), (8, often), (5, often), (1, {}), (2, {}), (3, {})]
        for when in ("before", "after")
    ]
    ends = live("tiny", tmp_path / "run", [*plan, {}])
    assert [end for end, _ in ends[:-1]].count("killed") >= 10, ends
    assert ends[-1] == FINISHED
    tiny_training.run(tmp_path / "uninterrupted")
    same_runs(tmp_path / "uninterrupted", tmp_path / "run")


def test_a_run_whose_model_chooses_samples_ends_with_the_same_weights(tmp_path: Path) -> None:
    """Killed within epochs, when the choice must be kept, and between them, when it is new."""
    often: dict[str, Any] = {"checkpoint_seconds": 0}
    plan = [
        {"kill_at": at, "kill_when": when, "changes": {**changes, "workers": at % 2}}
        for at, changes in [(6, often), (3, {}), (4, {})]
        for when in ("before", "after")
    ]
    ends = live("chosen", tmp_path / "run", [*plan, {}])
    stops = {saved[1] for end, saved in ends if end == "killed" and saved > (0, 0)}
    assert {0} < stops, ends
    assert ends[-1] == FINISHED
    tiny_training.run_chosen(tmp_path / "uninterrupted")
    same_runs(tmp_path / "uninterrupted", tmp_path / "run")
    # The choice matters: without it, other weights.
    tiny_training.run(tmp_path / "other")
    one, other = (load_file(tmp_path / run / "best.safetensors") for run in ("run", "other"))
    assert any((one[name] != other[name]).any() for name in one)
