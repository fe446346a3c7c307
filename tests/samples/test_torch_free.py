"""Prediction uses the grid, windows and configurations where torch is not installed."""

import subprocess
import sys

import pytest

BLOCKED = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torchvision"):
            raise ImportError(name)
sys.meta_path.insert(0, Block())
import playhead.samples.augmentation, playhead.samples.cache, playhead.samples.dataset
import playhead.samples.folds, playhead.samples.grid, playhead.samples.sampling
import playhead.samples.windows
"""


@pytest.mark.slow
def test_all_of_samples_but_transforms_and_loader_works_without_torch():
    result = subprocess.run(
        [sys.executable, "-c", BLOCKED], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
