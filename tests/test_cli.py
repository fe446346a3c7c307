"""The command line as a whole: help at once, errors in one line, exit codes that tell."""

import json
import subprocess
import sys

import pytest

from tests.command import playhead, playhead_json, run

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
    ("redaction", "normalise"),
    ("redaction", "thresholds"),
    ("redaction", "predict"),
    ("redaction", "synthesise"),
    ("redaction", "train"),
    ("weights", "list"),
    ("weights", "get"),
    ("bundle", "info"),
    ("bundle", "verify"),
    ("bundle", "export"),
    ("runs", "list"),
)


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


def test_json_of_weights_names_licence_and_size() -> None:
    rows = json.loads(playhead("weights", "list", "--json"))
    assert all(row["licence"] and row["megabytes"] > 0 for row in rows)


def test_an_unknown_demo_is_answered_with_the_known_one() -> None:
    finished = run("demo", "chess")
    assert finished.code == 2
    assert "spotting" in finished.err
