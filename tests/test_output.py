"""What commands print."""

import json
import sys

import pytest

from playhead.output import print_error, print_json, print_table, print_wide_table


def test_numbers_stand_to_the_right_and_names_to_the_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table([{"class": "pass", "ap": 0.5, "n": 3}, {"class": "a", "ap": None, "n": 10}])
    assert capsys.readouterr().out.splitlines() == [
        "class     ap   n",
        "pass   0.500   3",
        "a          -  10",
    ]


def test_json_keeps_letters_and_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"path": "Übung.mp4"})
    text = capsys.readouterr().out
    assert json.loads(text) == {"path": "Übung.mp4"}
    assert "Übung" in text


def test_an_error_is_one_line_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    print_error("a.mp4: broken\n  in two lines")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "playhead: a.mp4: broken in two lines\n"


def test_a_table_wider_than_the_terminal_is_printed_in_blocks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"name": "rate", **{f"run-{k}": "x" * 6 for k in range(5)}, "long": "y" * 50}]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "21")
    print_wide_table(rows)
    assert capsys.readouterr().out.splitlines() == [
        "name  run-0   run-1",
        "rate  xxxxxx  xxxxxx",
        "",
        "name  run-2   run-3",
        "rate  xxxxxx  xxxxxx",
        "",
        "name  run-4",
        "rate  xxxxxx",
        "",
        "name  long",
        f"rate  {'y' * 39}…",
    ]


def test_outside_a_terminal_a_wide_table_is_one_block_with_all_of_its_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "21")
    print_wide_table([{"name": "rate", "a": "x" * 50, "b": "y" * 50}])
    assert capsys.readouterr().out.splitlines()[1] == f"rate  {'x' * 50}  {'y' * 50}"
