"""The cache is measured by kind, and cleared as a whole or by age."""

import os
import time
from pathlib import Path

import pytest

from playhead.files import atomic_path
from tests.command import playhead, playhead_json


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache: 3,000 bytes of frames, used 40 days ago, and a world of two files, used today."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("PLAYHEAD_CACHE", str(folder))
    (folder / "frames").mkdir(parents=True)
    old = folder / "frames/a.frames"
    old.write_bytes(bytes(3000))
    then = time.time() - 40 * 86_400
    os.utime(old, (then, then))
    world = folder / "worlds/football/videos"
    world.mkdir(parents=True)
    (world / "a.mp4").write_bytes(bytes(100))
    (world / "b.mp4").write_bytes(bytes(200))
    return folder


def test_the_cache_is_measured_by_kind(folder: Path) -> None:
    found = playhead_json("cache")
    assert found["kinds"] == {
        "frames": {"entries": 1, "bytes": 3000},
        "worlds": {"entries": 1, "bytes": 300},
        "tables": {"entries": 0, "bytes": 0},
        "episodes": {"entries": 0, "bytes": 0},
        "clips": {"entries": 0, "bytes": 0},
    }
    assert (folder / "frames/a.frames").exists()


def test_only_what_was_not_used_for_days_is_removed(folder: Path) -> None:
    found = playhead_json("cache", "--clear", "--unused", 30)
    assert found["freed_bytes"] == 3000
    assert found["kinds"]["frames"]["entries"] == 0
    assert not (folder / "frames/a.frames").exists()
    assert (folder / "worlds/football/videos/b.mp4").exists()


def test_a_world_goes_whole_and_what_a_link_names_stays(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept.txt").write_text("kept")
    (folder / "worlds/link").symlink_to(outside)
    (folder / "tables").symlink_to(outside)
    assert "3 entries removed" in playhead("cache", "--clear")
    assert not any(kind["entries"] for kind in playhead_json("cache")["kinds"].values())
    assert (outside / "kept.txt").read_text() == "kept"


def test_what_other_programs_keep_there_and_what_is_being_written_stay(folder: Path) -> None:
    (folder / "photos").mkdir()
    (folder / "photos/a.jpg").write_bytes(b"kept")
    with atomic_path(folder / "frames/b.frames") as writing:
        writing.write_bytes(b"half")
        playhead("cache", "--clear")
        assert writing.exists()
    assert (folder / "photos/a.jpg").exists()
