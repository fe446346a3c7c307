"""Runs side by side: names, metrics, settings, and what cannot be compared."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.errors import PlayheadError
from playhead.runs.compare import compare_runs, unique_names

from .run_folders import epoch_row, make_run, step_row

Made = Callable[..., Path]


def epochs(*values: float, best: int, name: str = "window_map") -> list[dict[str, Any]]:
    """The epochs of a run; those up to the best were each the best until then."""
    return [
        epoch_row(1 + k, metrics={name: value, "other": 10 * value}, best=1 + k <= best)
        for k, value in enumerate(values)
    ]


def test_every_figure_of_a_run_is_that_of_its_folder(tmp_path: Path) -> None:
    make_run(tmp_path / "a", epochs(0.2, 0.7, 0.4, best=2), final={"map@1": 0.3, "epoch": 2})
    make_run(tmp_path / "b", epochs(0.5, best=1))
    document = compare_runs([tmp_path]).to_json()
    assert (document["job"], document["metric"]) == ("spotting", "window_map")
    first, second = document["runs"]
    assert first == {
        "run": "a",
        "path": str(tmp_path / "a"),
        "value": 0.7,
        "best_epoch": 2,
        "epoch": 3,
        "epochs": 9,
        "loss": 0.25,
        "seconds": 15.0,
        "samples_per_second": 20.0,
        "bundle": True,
        "metrics": {"map@1": 0.3},
    }
    assert (second["value"], second["bundle"], second["metrics"]) == (0.5, False, {})
    json.dumps(document, allow_nan=False)


def test_another_metric_is_that_of_the_epoch_whose_weights_are_kept(tmp_path: Path) -> None:
    make_run(tmp_path / "a", epochs(0.2, 0.7, 0.9, best=2), final={"map@1": 0.3})
    make_run(tmp_path / "b", epochs(0.5, best=1))
    values = {
        metric: [run.value for run in compare_runs([tmp_path], metric).runs]
        for metric in ("other", "map@1")
    }
    assert values == {"other": [7.0, 5.0], "map@1": [0.3, None]}


def test_an_unknown_metric_is_answered_with_the_known(tmp_path: Path) -> None:
    make_run(tmp_path / "a", epochs(0.2, best=1), final={"map@1": 0.3, "epoch": 1})
    make_run(tmp_path / "b")
    with pytest.raises(PlayheadError, match=r"--metric mAP: .* window_map, other, map@1$"):
        compare_runs([tmp_path], "mAP")


def test_runs_that_have_measured_nothing_are_compared_without_a_metric(tmp_path: Path) -> None:
    make_run(tmp_path / "failed")
    make_run(tmp_path / "begun", [step_row(2), step_row(4)])
    comparison = compare_runs([tmp_path / "failed", tmp_path / "begun"])
    assert comparison.metric is None
    assert comparison.rows() == [
        {
            "run": "failed",
            "best epoch": None,
            "epochs": "0 of 9",
            "loss": None,
            "seconds": 0,
            "samples/s": None,
        },
        {
            "run": "begun",
            "best epoch": None,
            "epochs": "0 of 9",
            "loss": 0.5,
            "seconds": 2,
            "samples/s": 20,
        },
    ]
    with pytest.raises(PlayheadError, match="no run has measured any yet"):
        compare_runs([tmp_path], "window_map")


def test_where_runs_select_by_different_metrics_one_of_all_is_taken_and_told(
    tmp_path: Path,
) -> None:
    make_run(tmp_path / "a", epochs(0.2, best=1))
    make_run(tmp_path / "b", epochs(0.4, best=1, name="loss_of_b"), training={"select": None})
    comparison = compare_runs([tmp_path])
    assert comparison.metric == "other"
    assert comparison.notes == (
        "the runs keep their weights by different rules: window_map, the last epoch",
    )


def test_only_the_settings_that_differ_are_told_in_the_order_of_the_files(tmp_path: Path) -> None:
    window = {"frames": 15, "step": 2}
    make_run(tmp_path / "a", window=window, model={"start": None}, tune=True)
    make_run(
        tmp_path / "b",
        window={**window, "frames": 33},
        model={"start": {"weights": "best"}},
        training={"rate": 0.1, "size": [2, 4]},
        tune=True,
    )
    assert compare_runs([tmp_path]).setting_rows() == [
        {"setting": "window.frames", "a": "15", "b": "33"},
        {"setting": "model.start", "a": "null", "b": None},
        {"setting": "model.start.weights", "a": None, "b": "best"},
        {"setting": "training.rate", "a": None, "b": "0.1"},
        {"setting": "training.size", "a": None, "b": "[2, 4]"},
    ]


def test_equal_settings_are_none_and_other_data_are_told(tmp_path: Path) -> None:
    for name, fold in (("a", 0), ("b", 0), ("c", 1)):
        make_run(tmp_path / name, data={"fold": fold, "videos": None})
    same = compare_runs([tmp_path / "a", tmp_path / "b"])
    assert (same.settings, same.notes) == ({}, ())
    folds = compare_runs([tmp_path])
    assert folds.notes == ("the data differ (data.fold): the metrics may not be comparable",)


def test_true_is_not_one(tmp_path: Path) -> None:
    make_run(tmp_path / "a", tune=True)
    make_run(tmp_path / "b", tune=1)
    assert compare_runs([tmp_path]).settings == {"tune": {"a": True, "b": 1}}


def test_runs_of_two_jobs_and_a_single_run_are_refused(tmp_path: Path) -> None:
    make_run(tmp_path / "a")
    with pytest.raises(PlayheadError, match="a: is a single run; name two or more"):
        compare_runs([tmp_path, tmp_path / "a"])
    make_run(tmp_path / "b", job="detection")
    with pytest.raises(PlayheadError, match=r"a is a run of spotting, .*b of detection: only"):
        compare_runs([tmp_path])


def test_runs_of_stages_and_folds_are_named_by_both() -> None:
    folders = ["s/basic/fold-0", "s/basic/fold-1", "s/long/fold-0", "s/other"]
    names = unique_names([Path("/work") / folder for folder in folders])
    assert names == ["basic/fold-0", "basic/fold-1", "long/fold-0", "other"]


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        (["/r/a", "/r/b"], ["a", "b"]),
        (["/x/run", "/y/run", "/y/more"], ["x/run", "y/run", "y/more"]),
        (["/x/1/run", "/y/1/run"], ["x/1/run", "y/1/run"]),
        (["/run", "/x/run"], ["run", "x/run"]),
    ],
)
def test_a_name_is_the_shortest_end_that_no_other_run_has(
    folders: list[str], names: list[str]
) -> None:
    assert unique_names([Path(folder) for folder in folders]) == names


folder_sets = st.sets(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(tuple), min_size=2, max_size=12
)


@given(folder_sets)
def test_names_are_unique_and_ends_of_their_paths(parts: set[tuple[str, ...]]) -> None:
    folders = [Path("/", *own) for own in sorted(parts)]
    names = unique_names(folders)
    assert len(set(names)) == len(folders)
    for folder, name in zip(folders, names, strict=True):
        assert folder.parts[-len(Path(name).parts) :] == Path(name).parts
