"""The command line as a whole: help at once, errors in one line, exit codes that tell."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from playhead.media import open_video
from tests.command import playhead, playhead_json, run
from tests.media.encode import encode, sound_in_the_middle

COMMANDS = (
    (),
    ("demo",),
    ("info",),
    ("frames",),
    ("world",),
    ("convert",),
    ("spotting", "train"),
    ("spotting", "predict"),
    ("spotting", "decide"),
    ("spotting", "evaluate"),
    ("spotting", "report"),
    ("redaction", "run"),
    ("redaction", "detect"),
    ("redaction", "review"),
    ("redaction", "apply"),
    ("redaction", "audit"),
    ("redaction", "evaluate"),
    ("detection", "normalise"),
    ("detection", "thresholds"),
    ("detection", "predict"),
    ("detection", "synthesise"),
    ("detection", "train"),
    ("weights", "list"),
    ("weights", "get"),
    ("bundle", "info"),
    ("bundle", "verify"),
    ("bundle", "export"),
    ("runs", "list"),
)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS[1:], ids=" ".join)
def test_help_shows_an_example_that_can_be_pasted(command: tuple[str, ...]) -> None:
    assert f"Example: playhead {' '.join(command)}" in playhead(*command, "--help")


def test_wrong_use_is_one_line_and_ends_with_two() -> None:
    for arguments in (("nonsense",), ("frames", "a.mp4"), ("info", "--wrong", "a.mp4")):
        finished = run(*arguments)
        assert finished.code == 2
        assert finished.out == ""
        assert finished.err.startswith("playhead: ")
        assert finished.err.count("\n") == 1


def test_a_group_without_a_command_says_what_it_has() -> None:
    finished = run("spotting")
    assert finished.code == 2
    assert "predict" in finished.err


@pytest.mark.slow
def test_a_defect_is_one_line_and_ends_with_one_and_debug_shows_where() -> None:
    code = (
        "import sys, playhead.cli, playhead.media\n"
        "def broken(path): raise RuntimeError('nobody foresaw this')\n"
        "playhead.media.inspect = broken\n"
        "sys.argv = ['playhead', 'info', 'a.mp4', *sys.argv[1:]]\n"
        "playhead.cli.main()\n"
    )
    for options, lines in (((), 1), (("--debug",), None)):
        command = [sys.executable, "-c", code, *options]
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
        assert finished.returncode == 1
        assert "nobody foresaw this" in finished.stderr
        assert lines is None or finished.stderr.count("\n") == lines
    assert "Traceback" in finished.stderr


def test_a_missing_file_of_info_is_failed_and_ends_with_three() -> None:
    [found] = playhead_json("info", "nowhere.mp4", code=3)
    assert found["status"] == "failed"
    assert found["path"] == "nowhere.mp4"


def test_a_file_that_may_not_be_read_fails_alone_also_where_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")
    monkeypatch.setattr("os.access", lambda path, mode: False)  # root may read everything
    assert run("info", tmp_path / "a.mp4").code == 3


def test_info_shows_every_file_however_one_of_them_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = [encode(tmp_path / f"{name}.mp4", 20) for name in "ab"]
    nasty = tmp_path / "nasty.mp4"
    nasty.write_bytes(whole[0].read_bytes())

    def broken(path: Path, **_: object) -> object:
        if path == nasty:
            raise IndexError("nobody foresaw this")
        return open_video(path)

    monkeypatch.setattr("playhead.media.inspection.open_video", broken)
    paths = [whole[0], nasty, tmp_path / "none.mp4", whole[1]]
    found = playhead_json("info", *paths, code=3)
    assert [one["status"] for one in found] == ["ok", "failed", "failed", "ok"]
    assert "IndexError: nobody foresaw this" in found[1]["reason"]
    lines = playhead("info", *paths, code=3).splitlines()
    assert [line for line in lines if not line.startswith(" ")] == list(map(str, paths))


@pytest.mark.slow
def test_info_reads_a_file_whose_sound_begins_in_its_middle(tmp_path: Path) -> None:
    paths = [sound_in_the_middle(tmp_path / "joined.ts"), encode(tmp_path / "a.mp4", 20)]
    found = playhead_json("info", *paths, code=3)
    assert [(one["status"], one["frames"]) for one in found] == [("partial", 900), ("ok", 20)]


@pytest.mark.slow
def test_debug_shows_the_traceback_of_a_file_that_fails(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", 20)
    code = (
        "import sys, playhead.cli, playhead.media.inspection as inspection\n"
        "def broken(path, threads): raise IndexError('nobody foresaw this')\n"
        "inspection.open_video = broken\n"
        "sys.argv = ['playhead', 'info', *sys.argv[1:]]\n"
        "playhead.cli.main()\n"
    )
    for options in ((), ("--debug",)):
        command = [sys.executable, "-c", code, str(path), *options]
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
        assert finished.returncode == 3
        assert "nobody foresaw this" in finished.stdout
        assert ("in broken" in finished.stderr) == bool(options)
    assert finished.stderr.startswith(f"{path}: the work on this file failed\nTraceback")
    assert finished.stderr.count("the work on this file failed") == 1


def test_json_of_weights_names_licence_and_size() -> None:
    rows = json.loads(playhead("weights", "list", "--json"))
    assert all(row["licence"] and row["megabytes"] > 0 for row in rows)


def test_an_unknown_demo_is_answered_with_the_known_one() -> None:
    finished = run("demo", "chess")
    assert finished.code == 2
    assert "spotting" in finished.err


@pytest.mark.parametrize(("job", "config"), [("spotting", "football-demo"), ("detection", "small")])
def test_training_without_a_data_set_names_the_setting_that_gives_one(
    job: str, config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    missing = ("--set", "data.manifest=nothing.csv", "--out", tmp_path / "run")
    finished = run(job, "train", config, *missing)
    assert (finished.code, "data.manifest: nothing.csv does not exist" in finished.err) == (2, True)
    assert not (tmp_path / "run").exists()
