"""Predicting, evaluating and reporting work where torch is not installed."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.spotting.conftest import Tiny

# Any import of torch, or of what needs it, fails as if it were not installed.
WITHOUT_TORCH = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "torchvision", "timm", "onnx", "onnxscript"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
import playhead
sys.argv = ["playhead", *sys.argv[1:]]
from playhead.cli import main
main()
"""


def without_torch(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_TORCH, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_bundle_predicts_without_torch_what_it_predicts_with_it(
    tiny: Tiny, tmp_path: Path
) -> None:
    paths = (tiny.bundle, tiny.test_video, "--out", tmp_path)
    result = without_torch("spotting", "predict", *paths, "--precision", "fp32")
    assert result.returncode == 0, result.stderr
    name = f"{tiny.test_video.stem}.events.json"
    assert (tmp_path / name).read_bytes() == (tiny.predictions / name).read_bytes()


@pytest.mark.slow
def test_evaluation_and_report_work_without_torch(tiny: Tiny, tmp_path: Path) -> None:
    paths = ("--truth", tiny.manifest, "--predictions", tiny.predictions)
    assert "map@1" in without_torch("spotting", "evaluate", *paths, "--json").stdout
    result = without_torch("spotting", "report", *paths, "--out", tmp_path / "report.html")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "report.html").stat().st_size > 50_000


@pytest.mark.slow
def test_training_without_torch_names_the_extra_and_its_install_line(
    tiny: Tiny, tmp_path: Path
) -> None:
    result = without_torch("spotting", "train", tiny.config, "--out", tmp_path / "run")
    assert result.returncode == 2
    assert result.stderr.strip().splitlines() == [
        "playhead: training needs the extra [train]: install it with "
        "`pip install 'playhead[train]'`"
    ]


def test_the_command_line_imports_nothing_heavy() -> None:
    code = (
        "import sys, playhead.cli; "
        "print([name for name in ('torch', 'numpy', 'av', 'openvino', 'pydantic') "
        "if name in sys.modules])"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert output.stdout.strip() == "[]"
