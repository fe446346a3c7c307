"""What run folders say of themselves."""

from pathlib import Path
from typing import Any

import pytest

from playhead.errors import BundleError, PlayheadError
from playhead.runs.folders import list_runs, read_runs

from .run_folders import epoch_row, make_run, step_row


def measured(*values: float | None) -> list[dict[str, Any]]:
    return [epoch_row(1 + k, metrics={"window_map": value}) for k, value in enumerate(values)]


def test_the_best_value_of_the_selecting_metric_is_shown(tmp_path: Path) -> None:
    make_run(tmp_path / "a", measured(0.2, 0.7, 0.4))
    [run] = list_runs(tmp_path)
    assert (run.run, run.epoch, run.epochs, run.best) == ("a", 3, 9, 0.7)


def test_the_best_value_of_an_error_is_the_least(tmp_path: Path) -> None:
    make_run(tmp_path / "a", measured(0.2, 0.1, 0.4), training={"direction": "min"})
    assert list_runs(tmp_path)[0].best == 0.1


def test_a_run_that_keeps_its_last_epoch_has_no_best_value(tmp_path: Path) -> None:
    make_run(tmp_path / "a", measured(0.2), training={"select": None})
    assert list_runs(tmp_path)[0].best is None


def test_a_run_is_listed_from_its_first_checkpoint_on(tmp_path: Path) -> None:
    make_run(tmp_path / "deep" / "b")
    [run] = list_runs(tmp_path)
    assert (run.run, run.epoch, run.loss, run.best) == ("deep/b", None, None, None)
    (tmp_path / "deep" / "b" / "log.jsonl").write_text("")
    assert list_runs(tmp_path) == [run]


def test_a_configuration_beside_no_run_is_none(tmp_path: Path) -> None:
    make_run(tmp_path / "recipe" / "stage", measured(0.2))
    (tmp_path / "recipe" / "config.yaml").write_text("stages: []")
    assert [run.run for run in list_runs(tmp_path)] == ["recipe/stage"]


def test_a_metric_that_was_not_a_number_is_passed_over(tmp_path: Path) -> None:
    make_run(tmp_path / "a", measured(None, 0.3, None))
    assert list_runs(tmp_path)[0].best == 0.3
    make_run(tmp_path / "b", measured(None))
    assert list_runs(tmp_path / "b")[0].best is None


def test_the_speed_of_a_run_is_its_samples_over_its_seconds(tmp_path: Path) -> None:
    """Of two epochs of 100 samples each, one takes 10 s and the other 2 s."""
    rows = [epoch_row(1, samples_per_second=10.0), epoch_row(2, samples_per_second=50.0)]
    [run] = read_runs([make_run(tmp_path / "a", rows)])
    assert run.samples_per_second == round(200 / 12, 2)


def test_before_its_first_epoch_a_run_has_the_figures_of_its_steps(tmp_path: Path) -> None:
    rows = [{"kind": "start", "loaded": 3}, step_row(2, loss=0.9), step_row(4, loss=0.8)]
    [run] = read_runs([make_run(tmp_path / "a", rows)])
    assert (run.loss, run.seconds, run.samples_per_second) == (0.8, 2.0, 20.0)
    assert run.kept is None


def test_final_metrics_are_the_numbers_of_the_bundle(tmp_path: Path) -> None:
    final = {"map@1": 0.5, "epoch": 2, "note": "text", "tuned_on_videos": 3}
    [run] = read_runs([make_run(tmp_path / "a", measured(0.2), final=final)])
    assert run.final_metrics() == {"map@1": 0.5}
    (tmp_path / "a" / "bundle" / "bundle.json").write_text("{}")
    with pytest.raises(BundleError):
        run.final_metrics()


def test_a_run_named_twice_is_read_once(tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs" / "a", measured(0.2))
    found = read_runs([run, tmp_path / "runs", tmp_path / "runs" / ".." / "runs" / "a"])
    assert [one.folder for one in found] == [run]


def test_a_folder_without_a_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PlayheadError, match="there is no training run in it"):
        read_runs([tmp_path])


@pytest.mark.parametrize(
    ("config", "log"),
    [
        ("a: 1", "{}\n"),
        ("", ""),
        ("training: [", ""),
        ("- 1", ""),
        ("job: x\ntraining: {}", "no JSON\n"),
        ("job: x\ntraining: {epochs: 1, select: a, direction: max}", '{"kind": "epoch"}\n'),
        ("job: x\ntraining: {epochs: 1, select: a, direction: max}", "3\n"),
    ],
)
def test_files_of_another_program_are_one_clear_error(
    tmp_path: Path, config: str, log: str
) -> None:
    (tmp_path / "config.yaml").write_text(config)
    (tmp_path / "log.jsonl").write_text(log)
    with pytest.raises(PlayheadError, match="training run"):
        list_runs(tmp_path)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PlayheadError, match="is not a folder"):
        list_runs(tmp_path / "none")
