"""Training of a collision network, from a tiny set to a bundle."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from playhead.config import validate, without_folders
from playhead.errors import ConfigError, WeightsError
from playhead.impact.config import ImpactConfig, StartConfig
from playhead.impact.plan import ClipGridPlan
from playhead.impact.samples import TrainingPatches
from playhead.impact.train import export_run, grid_metrics, train_impact
from playhead.inference.bundle import load_bundle
from playhead.learning.log import read_rows
from playhead.learning.nn.i3d import I3D
from playhead.learning.run import TrainingRun, TrainResult
from playhead.learning.state import read_tensors, write_tensors
from tests.impact.tiny_plays import HEIGHT, WIDTH, write_plays

VALUES: dict[str, Any] = {
    "network": {
        "frames": 4, "before": 2, "box_unit": 32, "stem_channels": 8, "widths": [8, 8],
        "pyramid_channels": 8, "branch_channels": 8,
    },
    "patches": {"side": 32},
    "mining": {"share": 0.3, "min_score": 0.02},
    "frames": {"validation": 8},
    "training": {
        "precision": "fp32", "epochs": 6, "batch_size": 8, "rate": 1e-2, "final_rate": 1e-3,
        "ema": 0.7, "threads": 1, "select": "impact_ap", "keep_epochs": [1],
        "checkpoint_seconds": 0,
    },
}  # fmt: skip


def config(manifest: Path, **changes: Any) -> ImpactConfig:
    data = {"manifest": str(manifest), "size": [WIDTH, HEIGHT]}
    values = {**VALUES, **changes}
    training = {**VALUES["training"], **changes.get("training", {})}
    return validate(ImpactConfig, {**values, "data": data, "training": training}, source="test")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_plays(tmp_path_factory.mktemp("plays ö"))


@pytest.fixture(scope="module")
def trained(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    return train_impact(config(manifest), tmp_path_factory.mktemp("run") / "run", device="cpu")


@pytest.mark.slow
def test_a_run_gives_a_bundle_of_its_plan_with_probabilities(
    trained: TrainResult, manifest: Path
) -> None:
    bundle = load_bundle(trained.bundle)
    plan = bundle.manifest.plan(ClipGridPlan)
    assert plan == config(manifest).plan
    assert (bundle.manifest.job, bundle.manifest.classes) == ("impact", ("impact",))
    assert list(bundle.manifest.parts) == ["frames", "windows"]
    assert bundle.manifest.post_processing == config(manifest).decisions.model_dump()
    assert bundle.manifest.metrics["impact_ap"] == trained.fitted.metrics["impact_ap"]
    assert bundle.manifest.metrics["f1"] == trained.metrics["f1"]


@pytest.mark.slow
def test_a_single_validation_play_is_too_few_to_tune_on_and_the_run_says_so(
    trained: TrainResult,
) -> None:
    assert any(
        "the decisions were not tuned: candidates of 1 play" in note for note in trained.notes
    )
    assert "with the configured decisions" in trained.summary
    page = (trained.run / "report.html").read_text()
    assert trained.to_json()["report"] == str(trained.run / "report.html")
    assert "Validation plays" in page
    assert "impact_ap" in page  # the curve of the training


@pytest.mark.slow
def test_the_loss_falls_and_helmets_are_found(trained: TrainResult) -> None:
    rows = [row for row in read_rows(trained.run / "log.jsonl") if row["kind"] == "epoch"]
    assert rows[-1]["loss"] < rows[0]["loss"] / 2
    assert rows[-1]["metrics"]["centre_ap"] > 0.5
    assert set(rows[-1]["metrics"]) == {"impact_ap", "centre_ap"}


@pytest.mark.slow
def test_a_kept_epoch_can_be_exported(trained: TrainResult, tmp_path: Path) -> None:
    out = export_run(trained.run, tmp_path / "bundle", epoch=1)
    tensors, _ = read_tensors(out / "model.safetensors")
    kept, _ = read_tensors(trained.run / "epoch_1.safetensors")
    assert all((tensors[name] == kept[name]).all() for name in kept)


@pytest.mark.slow
def test_a_run_stopped_while_mining_and_in_an_epoch_ends_with_the_same_weights(
    trained: TrainResult, manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, sample = TrainingPatches.begin_epoch, TrainingPatches.sample
    mined: dict[int, list[int]] = {}

    def counting_begin(self: TrainingPatches, model: nn.Module, epoch: int) -> Mapping[str, Tensor]:
        choice = begin(self, model, epoch)
        mined.setdefault(epoch, []).append(len(choice["hard"]))
        if mined == {1: [0], 2: mined[epoch]} and len(mined[epoch]) == 1:
            raise RuntimeError("stopped while mining")
        return choice

    stops = [40]

    def stopped_sample(self: TrainingPatches, epoch: int, index: int) -> dict[str, Any]:
        if epoch == 3 and index in stops:
            stops.clear()
            raise RuntimeError("stopped in an epoch")
        return sample(self, epoch, index)

    monkeypatch.setattr(TrainingPatches, "begin_epoch", counting_begin)
    monkeypatch.setattr(TrainingPatches, "sample", stopped_sample)
    for resume, where in [(False, "while mining"), (True, "in an epoch")]:
        with pytest.raises(RuntimeError, match=where):
            train_impact(config(manifest), tmp_path / "run", resume=resume, device="cpu")
    resumed = train_impact(config(manifest), tmp_path / "run", resume=True, device="cpu")
    # Mining is repeated where it was stopped, and its result is kept in the checkpoint after that.
    assert {epoch: len(times) for epoch, times in mined.items()} == {
        1: 1, 2: 2, 3: 1, 4: 1, 5: 1, 6: 1,
    }  # fmt: skip
    assert min(mined[3]) > 0
    for name in ("best.safetensors", "checkpoint/state.safetensors"):
        one, other = (read_tensors(result.run / name)[0] for result in (trained, resumed))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.slow
def test_the_second_stage_changes_the_pyramid_alone(
    trained: TrainResult, manifest: Path, tmp_path: Path
) -> None:
    second = config(
        manifest,
        stage="frames",
        start={"weights": str(trained.run)},
        network={**VALUES["network"], "freeze_backbone": True},
        training={"epochs": 1, "batch_size": 2, "keep_epochs": []},
    )
    result = train_impact(second, tmp_path / "run", device="cpu")
    before, _ = read_tensors(trained.run / "best.safetensors")
    after, _ = read_tensors(result.run / "best.safetensors")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name.partition(".")[0] for name in changed} == {"pyramid", "head"}
    assert read_rows(result.run / "log.jsonl")[0]["kind"] == "start"


def i3d_config(manifest: Path, weights: Path, **network: Any) -> ImpactConfig:
    values = {
        "kind": "i3d", "frames": 4, "before": 2, "box_unit": 32, "depths": [1, 1, 1, 1], "width": 4,
        "pyramid_channels": 8, "branch_channels": 8, "weights": str(weights), **network,
    }  # fmt: skip
    training = {"epochs": 1, "batch_size": 32, "keep_epochs": []}
    return config(manifest, network=values, training=training)


@pytest.mark.slow
def test_converted_weights_start_a_backbone_and_the_log_names_them(
    manifest: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(TrainingRun, "export", lambda *_, **__: True)
    monkeypatch.setattr("playhead.impact.train._predict_validation", lambda *_: None)
    torch.manual_seed(5)
    weights = tmp_path / "converted.safetensors"
    start = I3D(3, depths=(1, 1, 1, 1), width=4).state_dict()
    write_tensors(weights, start)
    chosen, run = i3d_config(manifest, weights, freeze_backbone=True), tmp_path / "run"
    train_impact(chosen, run, device="cpu")
    assert "backbone: loaded 102 of 102 tensors" in capsys.readouterr().err
    row = read_rows(run / "log.jsonl")[0]
    assert (row["kind"], row["backbone"]["loaded"]) == ("start", 102)
    after, _ = read_tensors(run / "best.safetensors")
    for name, value in start.items():
        if name != "stem.0.weight":
            assert torch.equal(after[f"backbone.{name}"], value)
    grey, mark = after["backbone.stem.0.weight"].unbind(1)
    torch.testing.assert_close(grey, start["stem.0.weight"].sum(1))
    assert not mark.any()
    weights.unlink()  # a resumed run has its own weights
    train_impact(chosen, run, resume=True, device="cpu")
    assert "backbone" not in capsys.readouterr().err


def test_a_published_configuration_names_weights_without_their_folder(tmp_path: Path) -> None:
    chosen = i3d_config(tmp_path / "manifest.csv", tmp_path / "converted.safetensors")
    assert without_folders(chosen)["network"]["weights"] == "converted.safetensors"


def test_a_backbone_of_another_size_is_refused_before_training(
    manifest: Path, tmp_path: Path
) -> None:
    weights = tmp_path / "converted.safetensors"
    write_tensors(weights, I3D(3, depths=(1, 1, 1, 1), width=8).state_dict())
    with pytest.raises(WeightsError, match="another model"):
        train_impact(i3d_config(manifest, weights), tmp_path / "run", device="cpu")


def test_weights_of_another_network_are_refused_before_training(
    manifest: Path, tmp_path: Path
) -> None:
    weights = tmp_path / "other.safetensors"
    write_tensors(weights, {"head.weight": torch.zeros(6, 8, 3, 3)})
    frozen = {**VALUES["network"], "freeze_backbone": True}
    start = {"weights": str(weights), "strict": False}
    with pytest.raises(ConfigError, match="frozen"):
        train_impact(config(manifest, start=start, network=frozen), tmp_path / "run", device="cpu")
    assert StartConfig(weights=weights).file == weights


def test_the_impact_is_ranked_among_true_helmets_and_centres_among_all_cells() -> None:
    target = np.zeros((1, 6, 2, 2), np.float32)
    target[0, 0, 0] = 1  # two helmets, of which the first is in an impact
    target[0, 5, 0, 0] = 1
    scores = np.zeros_like(target)
    scores[0, 0] = [[0.9, 0.2], [0.5, 0.1]]
    scores[0, 5] = [[0.6, 0.3], [0.9, 0.9]]  # what is seen away from helmets does not count
    metrics = grid_metrics([(torch.from_numpy(scores), torch.from_numpy(target))])
    assert metrics == {"impact_ap": 1.0, "centre_ap": pytest.approx((1 + 2 / 3) / 2)}
