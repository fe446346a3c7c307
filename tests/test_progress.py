"""Progress where standard error is not a terminal: a plain line about every ten seconds."""

import io
import json
import re
import sys
from collections.abc import Iterator

import pytest

from playhead.progress import progress, restart
from tests.command import run


class Clock:
    """Time that passes only when it is told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    monkeypatch.setattr("playhead.progress.monotonic", clock)
    restart()
    yield clock
    restart()


def work(clock: Clock, steps: int, seconds: float, total: float | None = None) -> None:
    with progress("predicting", total or steps) as bar:
        for number in range(steps):
            clock.now += seconds
            bar.advance(1, f"file {number}.mp4")


def test_a_line_comes_every_ten_seconds_with_share_times_and_note(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    work(clock, 120, 0.5)
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert len(lines) == 6
    assert lines[0] == "predicting: 17%, 0:00:10 elapsed, 0:00:50 left, file 19.mp4"
    assert lines[4] == "predicting: 83%, 0:00:50 elapsed, 0:00:10 left, file 99.mp4"


def test_a_task_shorter_than_the_interval_is_silent(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(5):
        work(clock, 10, 0.9)
        clock.now += 11  # nothing to do: that time does not count
    assert capsys.readouterr().err == ""


def test_short_tasks_in_a_row_are_one_long_work(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    """Epochs of eight seconds, and their validation, which reports nothing."""
    for _ in range(6):
        work(clock, 8, 1)
        clock.now += 3
    assert 4 <= len(capsys.readouterr().err.splitlines()) <= 6


def test_a_new_command_does_not_count_the_time_of_the_last_one(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    work(clock, 9, 1)
    restart()
    work(clock, 9, 1)
    assert capsys.readouterr().err == ""


def test_what_was_done_before_a_resumed_task_does_not_shorten_the_time_left(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress("epoch 2/3", 100) as bar:
        bar.advance(80)
        for _ in range(10):
            clock.now += 1
            bar.advance(1)
    assert capsys.readouterr().err == "epoch 2/3: 90%, 0:00:10 elapsed, 0:00:10 left\n"


def test_without_a_known_end_the_count_is_said(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress("looking for damage", None) as bar:
        clock.now += 3700
        bar.advance(25)
    assert capsys.readouterr().err == "looking for damage: 25, 1:01:40 elapsed\n"


def test_a_reader_that_went_away_does_not_end_the_work(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Closed())
    work(clock, 20, 1)


@pytest.mark.slow
def test_json_stays_the_only_thing_on_standard_output(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setattr("playhead.progress.INTERVAL", 0.0)
    finished = run(
        "world", "football", "--out", tmp_path, "--count", 1, "--set", "seconds=5", "--json"
    )
    assert finished.code == 0
    assert json.loads(finished.out)["world"] == "football"
    assert re.search(r"^\S.*: 100%, 0:0\d:\d\d elapsed", finished.err, re.MULTILINE)
