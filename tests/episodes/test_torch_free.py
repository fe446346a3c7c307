"""Matching, chapters and evaluation need neither torch nor librosa."""

import subprocess
import sys


def test_no_command_of_a_season_imports_torch() -> None:
    script = (
        "import sys, playhead.episodes.run, playhead.episodes.outputs.copies\n"
        "import playhead.episodes.evaluate, playhead.episodes.evaluation_page\n"
        "print([name for name in ('torch', 'timm', 'librosa') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
