"""Cut and paste works where torch is not installed."""

import subprocess
import sys

import pytest

BLOCKED = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torchvision", "timm"):
            raise ImportError(name)
sys.meta_path.insert(0, Block())
import playhead.detection.synthesis.pasting, playhead.detection.synthesis.background
import playhead.detection.synthesis.synthesise
"""


@pytest.mark.slow
def test_nothing_of_cut_and_paste_needs_torch() -> None:
    finished = subprocess.run(
        [sys.executable, "-c", BLOCKED], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
