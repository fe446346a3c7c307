"""`--decoder` of predict, and `--compile`, which on the CPU changes nothing."""

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.command import playhead
from tests.spotting.conftest import Tiny

pytestmark = pytest.mark.slow


def predict(tiny: Tiny, out: Path, *options: str) -> dict[str, object]:
    printed = playhead(
        "spotting", "predict", tiny.bundle, tiny.test_video, "--out", out, "--json", *options
    )
    (file,) = json.loads(printed)["files"]
    name = "match-003.events.json"
    assert (out / name).read_bytes() == (tiny.predictions / name).read_bytes()
    return dict(file)


def test_a_note_tells_the_decoder_and_why_if_one_was_asked_for(tiny: Tiny, tmp_path: Path) -> None:
    assert "notes" not in predict(tiny, tmp_path)
    file = predict(tiny, tmp_path, "--decoder", "auto", "--device", "cpu", "--compile")
    assert file["notes"] == ["decoded by pyav: the model runs on the CPU"]


def test_a_file_that_torchcodec_cannot_decode_fails_and_says_why(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = ModuleType("torchcodec.decoders")  # of an older version
    monkeypatch.setitem(sys.modules, "torchcodec.decoders", package)
    printed = playhead(
        *("spotting", "predict", tiny.bundle, tiny.test_video, "--out", tmp_path),
        *("--decoder", "torchcodec"),
        code=3,
    )
    assert "torchcodec cannot decode it: it is not installed (pip install" in printed
