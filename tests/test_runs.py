"""What run folders say of themselves."""

import json
from pathlib import Path

import pytest
import yaml

from playhead.errors import PlayheadError
from playhead.runs import list_runs


def make_run(folder: Path, *, select: str | None, values: list[float | None]) -> None:
    folder.mkdir(parents=True)
    training = {"select": select, "direction": "max", "epochs": 9}
    (folder / "config.yaml").write_text(yaml.safe_dump({"job": "spotting", "training": training}))
    rows = [
        {"kind": "epoch", "epoch": 1 + number, "loss": 0.5, "metrics": {"window_map": value}}
        for number, value in enumerate(values)
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "log.jsonl").write_text(text)


def test_the_best_value_of_the_selecting_metric_is_shown(tmp_path):
    make_run(tmp_path / "a", select="window_map", values=[0.2, 0.7, 0.4])
    [run] = list_runs(tmp_path)
    assert (run.run, run.epoch, run.epochs, run.best) == ("a", 3, 9, 0.7)


def test_a_run_that_keeps_its_last_epoch_has_no_best_value(tmp_path):
    make_run(tmp_path / "a", select=None, values=[0.2])
    assert list_runs(tmp_path)[0].best is None


def test_a_run_that_has_just_begun_is_listed(tmp_path):
    make_run(tmp_path / "deep" / "b", select="window_map", values=[])
    [run] = list_runs(tmp_path)
    assert (run.run, run.epoch, run.best) == ("deep/b", None, None)


def test_a_metric_that_was_not_a_number_is_passed_over(tmp_path):
    make_run(tmp_path / "a", select="window_map", values=[None, 0.3, None])
    assert list_runs(tmp_path)[0].best == 0.3
    make_run(tmp_path / "b", select="window_map", values=[None])
    assert list_runs(tmp_path / "b")[0].best is None


@pytest.mark.parametrize(
    ("config", "log"),
    [("a: 1", "{}\n"), ("", ""), ("training: [", ""), ("job: x\ntraining: {}", "no JSON\n")],
)
def test_files_of_another_program_are_one_clear_error(tmp_path, config, log):
    (tmp_path / "config.yaml").write_text(config)
    (tmp_path / "log.jsonl").write_text(log)
    with pytest.raises(PlayheadError, match="training run"):
        list_runs(tmp_path)


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(PlayheadError, match="is not a folder"):
        list_runs(tmp_path / "none")
