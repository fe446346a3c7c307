"""Freed memory that is kept for the next step of a training."""

import subprocess
import sys

import pytest

from playhead.learning.memory import keep_freed_memory

FAULTS = """
import resource
import torch
from playhead.learning.memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(40):
        torch.ones(48 << 18)  # 48 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

given_back = faults()
keep_freed_memory()
faults()  # aligned arrays need some turns until each finds a place that was freed
print(given_back, faults())
"""


@pytest.mark.slow
@pytest.mark.skipif(not keep_freed_memory(), reason="the C library cannot be told")
def test_large_tensors_get_the_pages_that_were_freed() -> None:
    finished = subprocess.run(
        [sys.executable, "-c", FAULTS], check=True, capture_output=True, text=True
    )
    given_back, kept = map(int, finished.stdout.split())
    assert kept < given_back / 10
