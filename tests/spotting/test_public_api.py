"""The Python side is as small as the commands, and its examples run as they stand."""

import doctest
import importlib
import shutil
from pathlib import Path

import pytest

import playhead
from tests.spotting.conftest import Tiny

WITH_EXAMPLES = (
    "playhead",
    "playhead.media.video",
    "playhead.inference.bundle",
    "playhead.events.formats.files",
)


def test_every_public_name_is_there_and_says_what_it_is() -> None:
    assert sorted(playhead.__all__) == dir(playhead)
    for name in playhead.__all__:
        assert getattr(playhead, name).__doc__
    with pytest.raises(AttributeError, match="open_vidio"):
        _ = playhead.open_vidio


def test_types_are_shipped() -> None:
    assert (Path(playhead.__file__).parent / "py.typed").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_run(
    name: str, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(tiny.test_video, tmp_path / "match.mp4")
    shutil.copytree(tiny.bundle, tmp_path / "bundle")
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
