"""What commands print."""

import json

import pytest

from playhead.output import print_error, print_json, print_table


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
