"""`playhead runs`: what it prints and writes."""

import json
import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from playhead.errors import MissingExtraError
from playhead.runs.commands import runs_compare, runs_tensorboard

from .run_folders import epoch_row, make_run


def test_compare_prints_both_tables_and_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, rate in (("a", 0.1), ("b", 0.2)):
        rows = [epoch_row(1, metrics={"window_map": rate})]
        make_run(tmp_path / name, rows, training={"rate": rate})
    runs_compare([tmp_path], out=tmp_path / "page.html")
    assert capsys.readouterr().out.splitlines() == [
        "run  window_map  best epoch  epochs   loss  seconds  samples/s",
        "a         0.100           1  1 of 9  0.500        5         20",
        "b         0.200           1  1 of 9  0.500        5         20",
        "",
        "setting        a    b",
        "training.rate  0.1  0.2",
        f"page  {tmp_path / 'page.html'}",
    ]
    runs_compare([tmp_path], as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert document["page"] is None
    assert document["settings"] == {"training.rate": {"a": 0.1, "b": 0.2}}


def test_tensorboard_gets_a_folder_for_each_run(tmp_path: Path) -> None:
    for name in ("x/run", "y/run"):
        make_run(tmp_path / name, [epoch_row(1, loss=0.75)])
    runs_tensorboard([tmp_path], tmp_path / "events")
    runs_tensorboard([tmp_path], tmp_path / "events")  # anew, not again
    for name in ("x/run", "y/run"):
        reader = EventAccumulator(str(tmp_path / "events" / name))
        reader.Reload()
        [event] = reader.Scalars("epoch/loss")
        assert (event.step, event.value) == (1, 0.75)


def test_event_files_of_another_program_are_kept(tmp_path: Path) -> None:
    make_run(tmp_path / "run", [epoch_row(1)])
    other = tmp_path / "events" / "run" / "events.out.tfevents.1.host.2.0"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"other")
    runs_tensorboard([tmp_path], tmp_path / "events")
    assert other.read_bytes() == b"other"


def test_tensorboard_without_the_package_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(tmp_path / "run", [epoch_row(1)])
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.record_writer", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'playhead\[tensorboard\]'"):
        runs_tensorboard([tmp_path], tmp_path / "events")
    assert not (tmp_path / "events").exists()
