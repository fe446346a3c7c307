"""Training of a network of clips, prediction with its bundle, and both commands."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from safetensors.numpy import load_file
from torch import Tensor
from typer.testing import CliRunner

from playhead.config import validate
from playhead.episodes.features.contest import contest_score, read_answers
from playhead.episodes.features.table import read_features, read_table
from playhead.episodes.network.answers import read_answer
from playhead.episodes.network.commands import mount
from playhead.episodes.network.config import BoundaryConfig
from playhead.episodes.network.loss import boundary_loss
from playhead.episodes.network.predict import open_boundary_network, predict_clips
from playhead.episodes.network.train import export_run, train_boundaries
from playhead.errors import LabelError, PlayheadError
from playhead.inference.bundle import load_bundle, note_in_bundle
from playhead.learning.run import TrainingRun, TrainResult
from tests.episodes.fake_clips import SECONDS, make_clip, write_clips
from tests.episodes.networks import TINY

BOUNDARIES = [5.0, 9.0, 14.0, None, 11.0, 19.0, 8.0, 16.0, None, 7.0]


def config_of(features: Path, **changes: Any) -> BoundaryConfig:
    values = {
        "data": {"features": str(features), "seconds": SECONDS},
        "network": {**TINY, "presence": True},
        "shift_seconds": 3,
        "keep_from": 0.5,
        "training": {
            "epochs": 3, "batch_size": 4, "rate": 3e-3, "threads": 1, "precision": "fp32",
            "select": "score", "direction": "min", "checkpoint_seconds": 0,
        },
        **changes,
    }  # fmt: skip
    return validate(BoundaryConfig, values, source="test")


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clips(tmp_path_factory.mktemp("features"), BOUNDARIES, valid=4)


@pytest.fixture(scope="module")
def run(features: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    return train_boundaries(config_of(features), tmp_path_factory.mktemp("runs") / "run")


def test_a_bundle_tells_how_often_its_network_was_right(run: TrainResult, tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    shutil.copytree(run.bundle, out)
    assert "near_share" in load_bundle(out).manifest.metrics
    note_in_bundle(out, metrics={"opening_near_share": 0.25})
    assert open_boundary_network(out).trust == {
        "opening": 0.25,
        "ending": run.metrics.get("ending_near_share", 0.5),
    }


def test_a_run_keeps_the_best_epoch_and_those_past_its_share(run: TrainResult) -> None:
    kept = sorted(file.name for file in run.run.glob("*.safetensors"))
    assert kept == ["best.safetensors", "epoch_3.safetensors"]
    rows = [json.loads(line) for line in (run.run / "log.jsonl").read_text().splitlines()]
    scores = [row["metrics"]["score"] for row in rows if row["kind"] == "epoch"]
    assert run.fitted.best_epoch == 1 + int(np.argmin(scores))


def test_the_metrics_are_those_of_the_written_answers(run: TrainResult, features: Path) -> None:
    answers = read_answers(run.run / "answers.csv")
    labels = {row.name: row.label for row in read_table(features) if row.split == "valid"}
    assert answers.keys() == labels.keys()
    network = open_boundary_network(run.bundle)
    errors = [
        network.answer(read_features(features / f"{name}.npz"), "start").seconds - label
        for name, label in labels.items()
        if label is not None
    ]
    assert run.metrics["score"] == pytest.approx(contest_score(errors), abs=1e-4)
    assert run.metrics["presence_accuracy"] == np.mean(
        [(answers[name] is None) == (label is None) for name, label in labels.items()]
    )


def test_training_resumes_to_equal_weights_and_a_kept_epoch_is_exported_by_its_number(
    features: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(features, network={**TINY, "inputs": ["sound", "text"]})
    complete, calls = boundary_loss, 0

    def interrupted(*values: Any) -> Tensor:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt
        return complete(*values)

    # The weights are compared, so there is no need of a bundle each time.
    monkeypatch.setattr(TrainingRun, "export", _stop)
    for folder, loss in (("whole", complete), ("resumed", interrupted)):
        monkeypatch.setattr("playhead.episodes.network.train.boundary_loss", loss)
        with pytest.raises((_TrainedError, KeyboardInterrupt)):
            train_boundaries(config, tmp_path / folder)
    monkeypatch.setattr("playhead.episodes.network.train.boundary_loss", complete)
    with pytest.raises(_TrainedError):
        train_boundaries(config, tmp_path / "resumed", resume=True)
    kept = [load_file(tmp_path / name / "epoch_3.safetensors") for name in ("whole", "resumed")]
    assert kept[0].keys() == kept[1].keys()
    for name, values in kept[0].items():
        np.testing.assert_array_equal(kept[1][name], values, err_msg=name)

    bundle = export_run(tmp_path / "whole", tmp_path / "bundle", epoch=3)
    weights = load_file(bundle / "model.safetensors")
    assert all(np.array_equal(weights[name], values) for name, values in kept[0].items())


class _TrainedError(Exception):
    pass


def _stop(*_: Any, **__: Any) -> None:
    raise _TrainedError


def test_answers_lie_in_a_clip_of_any_length(run: TrainResult) -> None:
    network = open_boundary_network(run.bundle)
    for seconds in (3.4, 24.0, 61.7):
        for part in ("start", "end"):
            answer = network.answer(make_clip(2.0, seconds=seconds), part)
            assert answer.start <= answer.seconds <= seconds
            assert answer.start == (37 if (seconds, part) == (61.7, "end") else 0)
            assert len(answer.moments) == SECONDS
            assert sum(answer.moments) == pytest.approx(1, abs=1e-4)
            total = answer.probability_near(answer.start + SECONDS / 2, SECONDS)
            assert total == pytest.approx(answer.presence, abs=1e-4)


def test_a_broken_clip_does_not_stop_the_others(
    run: TrainResult, features: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "in" / "show" / "bad_start.npz"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"PK\3\4 nothing")
    good = broken.with_name("good_end.npz")
    good.write_bytes((features / "clip01_end.npz").read_bytes())
    result = predict_clips(run.bundle, [tmp_path / "in"], tmp_path / "out")
    assert [file.status for file in result.files] == ["failed", "ok"]
    answer = read_answer(tmp_path / "out" / "show" / "good_end.answer.json")
    assert answer.clip == "show/good_end"
    written = read_answers(tmp_path / "out" / "answers.csv")
    assert written.keys() == {"show/good_end"}
    seconds = written["show/good_end"]
    assert (seconds is None) == (answer.answer is None)


def test_a_presence_that_no_clip_can_teach_is_refused(tmp_path: Path) -> None:
    features = write_clips(tmp_path / "features", [5.0, 9.0, 14.0])
    with pytest.raises(LabelError, match="every training clip has a boundary"):
        train_boundaries(config_of(features), tmp_path / "run")


def test_the_commands_train_and_predict(features: Path, tmp_path: Path) -> None:
    app = typer.Typer()
    mount(app)
    config = tmp_path / "small.yaml"
    config.write_text(
        json.dumps(
            config_of(features, network={**TINY, "inputs": ["text"]}).model_dump(mode="json")
        )
    )
    runner, out = CliRunner(), tmp_path / "run"
    arguments = ["train", str(config), "--set", "training.epochs=1", "--out", str(out), "--json"]
    trained = runner.invoke(app, [*arguments, "--set", "keep_from=null", "--device", "cpu"])
    assert trained.exit_code == 0, trained.output
    document = json.loads(trained.stdout)
    assert document["job"] == "episodes"
    assert {"score", "constant", "opening_score", "ending_score"} <= document["metrics"].keys()
    predicted = runner.invoke(
        app,
        ["predict", str(out / "bundle"), str(features), "--out", str(tmp_path / "out"), "--json"],
    )
    assert predicted.exit_code == 0, predicted.output
    assert len(json.loads(predicted.stdout)["files"]) == len(BOUNDARIES)


def test_predicting_does_not_import_torch() -> None:
    code = (
        "import sys, playhead.episodes.network.predict, playhead.episodes.network.commands, "
        "playhead.episodes.network.config\n"
        "assert not {'torch', 'librosa', 'timm'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_video_in_place_of_prepared_clips_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a_start.mp4").write_bytes(b"video")
    with pytest.raises(PlayheadError, match="playhead episodes prepare"):
        predict_clips(tmp_path / "bundle", [tmp_path / "a_start.mp4"], tmp_path / "out")
    with pytest.raises(PlayheadError, match="there is no such file or folder"):
        predict_clips(tmp_path / "bundle", [tmp_path / "none"], tmp_path / "out")
