"""Training of a helmet network, from a tiny set to a bundle and its candidates."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from playhead.config import validate
from playhead.errors import LabelError
from playhead.events.manifest import read_manifest
from playhead.impact.candidates import read_candidates
from playhead.impact.config import ImpactDataConfig
from playhead.impact.data import load_videos
from playhead.impact.helmets.config import HelmetConfig
from playhead.impact.helmets.model import build_helmet_network
from playhead.impact.helmets.plan import HeatMapPlan
from playhead.impact.helmets.samples import HelmetSamples
from playhead.impact.helmets.train import train_helmets
from playhead.impact.loss import helmet_loss
from playhead.impact.model import as_input
from playhead.impact.network_config import CollisionNetworkConfig
from playhead.impact.plan import ClipGridPlan
from playhead.impact.predict import PredictOptions, find_plays, predict_plays
from playhead.impact.train import export_run
from playhead.inference.bundle import load_bundle
from playhead.learning.export import export_bundle
from playhead.learning.log import read_rows
from playhead.learning.run import TrainingRun, TrainResult
from playhead.learning.state import read_tensors
from tests.impact.networks import network_of
from tests.impact.tiny_plays import (
    FRAMES,
    HEIGHT,
    PLAIN,
    WIDTH,
    boxes_of,
    plays,
    write_labels,
    write_plays,
)

VALUES: dict[str, Any] = {
    "task": "helmets",
    "network": {
        "encoder": "resnet10t", "weights": "none", "pixels": "luma", "pyramid_channels": 16,
        "branch_channels": 16,
    },
    "frames": {"validation": 6},
    "augmentation": {**PLAIN, "flip": 0.5},
    "training": {
        "precision": "fp32", "epochs": 8, "batch_size": 4, "rate": 5e-3, "final_rate": 5e-4,
        "threads": 1, "select": "best_f1", "keep_epochs": [1],
    },
}  # fmt: skip


def config(manifest: Path, **changes: Any) -> HelmetConfig:
    data = {"manifest": str(manifest), "size": [WIDTH, HEIGHT]}
    return validate(HelmetConfig, {**VALUES, "data": data, **changes}, source="test")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_plays(tmp_path_factory.mktemp("plays ö"))


@pytest.fixture(scope="module")
def trained(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    return train_helmets(config(manifest), tmp_path_factory.mktemp("run") / "run", device="cpu")


def test_a_few_steps_lower_the_loss() -> None:
    torch.manual_seed(0)
    chosen = config(Path("m.csv"), network={**VALUES["network"], "encoder": "mobilenetv2_035"})
    samples, network = HelmetSamples(plays(1), chosen), build_helmet_network(chosen.network)
    optimiser = torch.optim.AdamW(network.parameters(), 5e-3)
    losses = []
    for step in range(6):
        batch = [samples.sample(1, 4 * step + at) for at in range(4)]
        images = torch.from_numpy(np.stack([sample["image"] for sample in batch]))
        target = torch.from_numpy(np.stack([sample["target"] for sample in batch]))
        loss = helmet_loss(network(as_input(images, network.colours)), target)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


@pytest.mark.slow
def test_the_loss_falls_and_centres_are_found(trained: TrainResult) -> None:
    assert "report" not in trained.describe()  # a helmet network has none
    assert trained.to_json()["report"] is None
    rows = [row for row in read_rows(trained.run / "log.jsonl") if row["kind"] == "epoch"]
    assert rows[-1]["loss"] < rows[0]["loss"] / 2
    assert set(trained.metrics) == {"best_f1", "precision", "recall", "threshold"}
    assert trained.metrics["best_f1"] > 0.8
    assert "F1 of the centres of helmets" in trained.describe()
    assert trained.to_json()["frames"] == {"train": FRAMES, "valid": 6}


@pytest.mark.slow
def test_a_run_gives_a_bundle_of_its_plan(trained: TrainResult, manifest: Path) -> None:
    bundle = load_bundle(trained.bundle)
    assert bundle.manifest.plan(HeatMapPlan) == config(manifest).plan
    assert (bundle.manifest.job, bundle.manifest.classes) == ("impact", ("helmet",))
    assert bundle.manifest.parts["model"].input.shape == (None, None, None)
    assert bundle.manifest.training["task"] == "helmets"


@pytest.mark.slow
def test_a_kept_epoch_is_exported_by_the_command_of_all_runs(
    trained: TrainResult, tmp_path: Path
) -> None:
    out = export_run(trained.run, tmp_path / "bundle", epoch=1)
    tensors, _ = read_tensors(out / "model.safetensors")
    kept, _ = read_tensors(trained.run / "epoch_1.safetensors")
    assert all(torch.equal(tensors[name], kept[name]) for name in kept)
    assert load_bundle(out).manifest.kind == HeatMapPlan.kind


@pytest.mark.slow
def test_the_bundle_finds_the_helmets_of_a_collision_network_that_finds_none(
    trained: TrainResult, manifest: Path, tmp_path: Path
) -> None:
    network = CollisionNetworkConfig(stem_channels=4, widths=(4, 6, 6), pyramid_channels=8)
    plan = ClipGridPlan(size=(WIDTH, HEIGHT), rate="native", frames=8, before=4, box_unit=32)
    collisions = network_of(network)
    with torch.no_grad():
        assert collisions.head.bias is not None
        collisions.head.bias[0] = -20
    bundle = tmp_path / "collisions"
    export_bundle(collisions, bundle, job="impact", classes=("impact",), plan=plan)
    plays = find_plays([manifest], split="valid")
    options = PredictOptions(device="cpu", threads=1, precision="fp32")
    threshold = trained.metrics["threshold"]
    hits = []
    for helmets in ([], [trained.bundle]):
        [file] = predict_plays([bundle], plays, tmp_path / "out", options, helmets=helmets).files
        held = read_candidates(file.outputs[0])
        chosen = held.helmet >= threshold
        centres = (held.boxes[:, :2] + held.boxes[:, 2:]) / 2
        found = 0
        for frame in range(FRAMES):
            boxes = boxes_of(1)[0][:, frame]
            true = (boxes[:, :2] + boxes[:, 2:]) / 2
            here = centres[chosen & (held.frames == frame)]
            if len(here):
                apart = np.linalg.norm(true[:, None] - here[None], axis=-1)
                found += int((apart.min(1) < 5).sum())
        hits.append(found)
    assert hits[0] == 0
    assert hits[1] > 2 * FRAMES * 0.7


@pytest.mark.slow
def test_points_and_crops_are_trained_too(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TrainingRun, "export", lambda *arguments: True)
    network = {**VALUES["network"], "target": "point", "positive_weight": 5}
    changed = config(manifest, network=network, frames={"validation": 6, "crop": [64, 48]})
    result = train_helmets(changed, tmp_path / "run", device="cpu")
    assert result.metrics["best_f1"] > 0.7


def test_plays_without_an_impact_are_enough_for_the_helmet_network(tmp_path: Path) -> None:
    manifest = write_plays(tmp_path)
    for play in range(2):
        write_labels(tmp_path / f"play-{play}.mp4", boxes_of(play)[0], [])
    rows = read_manifest(manifest)
    data = ImpactDataConfig(manifest=manifest, size=(WIDTH, HEIGHT))
    videos = load_videos(rows, data, need_impacts=False)
    assert [len(video.boxes) for video in videos.videos] == [2 * FRAMES] * 2
    with pytest.raises(LabelError, match="there is no impact"):
        load_videos(rows, data)
