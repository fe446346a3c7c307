"""The benchmark of a GPU runs to its end on a CPU, and says so where there is no GPU."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "cuda_spotting.py"


def run(*options: str) -> str:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *options],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_without_a_gpu_it_says_so_and_measures_nothing() -> None:
    printed = run()
    assert "no CUDA device here: nothing was measured" in printed
    assert "frames/s" not in printed


@pytest.mark.slow
def test_on_a_cpu_every_arm_of_prediction_and_training_is_measured() -> None:
    small = ("--device", "cpu", "--small", "--frames", "20", "--steps", "1", "--rounds", "1")
    printed = run(*small)
    arms = re.findall(r"^  (\w.*?)  +([\d.]+) +([\d.]+) ", printed, re.MULTILINE)
    assert [name for name, _, _ in arms] == [
        "naive loop, fp32",
        "playhead, fp32",
        "playhead, bf16",
        "playhead, bf16, decoded frames",
        "naive loop, fp32",
        "playhead, fp32",
        "playhead, bf16, channels last",
    ]
    assert all(float(rate) > 0 for _, rate, _ in arms)
    apart = re.search(r"playhead, fp32 .* s +(\S+)$", printed, re.MULTILINE)
    assert apart is not None
    assert float(apart[1]) < 1e-4
    assert "at least 6 times" not in printed
