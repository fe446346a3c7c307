"""Samples and training of a network of tracked helmets, and prediction with its bundle."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from playhead.config import validate
from playhead.errors import BundleError, LabelError
from playhead.events.formats import native
from playhead.impact.candidates import Candidates, read_candidates
from playhead.impact.data import ImpactVideos
from playhead.impact.grids import Member
from playhead.impact.model import as_input
from playhead.impact.plan import ClipGridPlan
from playhead.impact.predict import PredictOptions, find_plays, predict_plays
from playhead.impact.tracked.config import TrackedConfig
from playhead.impact.tracked.model import TrackedNetwork
from playhead.impact.tracked.plan import TrackClipPlan
from playhead.impact.tracked.rescore import TrackRescorer, mixed_scores, open_tracks
from playhead.impact.tracked.samples import TrackedClips, ValidationClips
from playhead.impact.tracked.train import train_tracked
from playhead.impact.train import export_run
from playhead.inference.bundle import load_bundle
from playhead.learning.export import export_bundle
from playhead.learning.log import read_rows
from playhead.learning.run import TrainResult
from tests.impact.networks import SIZE, Frames, TorchBackend, manifest_of, network_of
from tests.impact.tiny_plays import (
    FRAMES,
    HEIGHT,
    PLAIN,
    WIDTH,
    boxes_of,
    plays,
    write_plays,
)

VALUES: dict[str, Any] = {
    "task": "tracks",
    "network": {"widths": [6, 8], "motion_widths": [16], "dropout": 0},
    "crops": {"frames": 4, "before": 2, "side": 16, "radius": 2, "neighbours": 1},
    "augmentation": {**PLAIN, "flip": 0.5},
    "training": {
        "precision": "fp32", "epochs": 4, "batch_size": 8, "rate": 1e-2, "final_rate": 1e-3,
        "threads": 1, "select": "impact_ap", "keep_epochs": [1],
    },
    "clips": {"clips": 64},
}  # fmt: skip
INPUTS = pytest.mark.parametrize("inputs", ["pixels+motion", "pixels", "motion"])
CPU = PredictOptions(device="cpu", threads=1, precision="fp32")


def config(manifest: Path = Path("m.csv"), **changes: Any) -> TrackedConfig:
    data = {"manifest": str(manifest), "size": [WIDTH, HEIGHT], **changes.pop("data", {})}
    return validate(TrackedConfig, {**VALUES, "data": data, **changes}, source="test")


def with_inputs(inputs: str) -> TrackedConfig:
    return config(network={**VALUES["network"], "inputs": inputs})


def test_half_of_an_epoch_is_in_an_impact_and_every_impact_is_shown() -> None:
    samples = TrackedClips(plays(2), config(clips={"clips": None}))
    assert len(samples) == 2 * len(samples.positives) == 2 * 2 * 2
    drawn = [samples.sample(1, index) for index in range(len(samples))]
    assert [float(sample["impact"][0]) for sample in drawn] == [1.0, 0.0] * 4
    assert drawn[0]["crops"].shape == (4, 16, 16, 2)
    assert drawn[0]["motion"].shape == (config().plan.motion_values,)
    again = TrackedClips(plays(2), config(clips={"clips": None})).sample(1, 5)
    assert all((again[name] == drawn[5][name]).all() for name in again)


def test_hard_negatives_overlap_another_helmet() -> None:
    videos = plays(1)
    [labelled] = videos.videos
    wide = labelled.boxes + np.array([-3, 0, 3, 0], np.float32)
    near = replace(labelled, boxes=wide, away=np.full(2 * FRAMES, -1))
    near.away[0] = 0
    samples = TrackedClips(ImpactVideos(videos.source, (near,)), config(clips={"hard": 1}))
    meeting = boxes_of(0)[1]
    assert set((samples.hard // 2).tolist()) == {meeting - 1, meeting, meeting + 1}
    negative = samples.sample(1, 1)
    assert negative["impact"][0] == 0


def test_a_clip_of_training_is_that_of_prediction_without_noise() -> None:
    quiet = config(jitter={"centre": 0, "size": 0, "missing": 0}, augmentation=PLAIN)
    checks = ValidationClips(plays(1), quiet)
    assert len(checks) == 2 * FRAMES
    seen: list[np.ndarray] = []

    class Recorder:
        precision = "fp32"

        def run(self, part: str, inputs: np.ndarray) -> np.ndarray:
            seen.extend(inputs)
            return np.zeros((len(inputs), 1), np.float32)

    class Drawn(Frames):
        def image(self, k: int, pixels: str = "luma") -> np.ndarray:
            image: np.ndarray = plays(1).source.read(0, np.array([k]))[0]
            return image

    rescorer = TrackRescorer(Member(manifest_of(quiet.plan, ("crops", "tracks")), Recorder()), 1)  # type: ignore[arg-type]
    rescorer.rescore(Drawn(FRAMES, rate=30), candidates_of(0))
    crops = [row for row in seen if row.ndim == 4]
    values = [row[1:] for row in seen if row.ndim == 1]
    assert len(crops) == len(values) == len(checks)
    for index, (crop, motion) in enumerate(zip(crops, values, strict=True)):
        sample = checks.sample(1, index)
        np.testing.assert_array_equal(crop, sample["crops"])
        np.testing.assert_allclose(motion, sample["motion"], atol=1e-5)


def test_a_mirrored_clip_moves_the_other_way() -> None:
    quiet = {"centre": 0, "size": 0, "missing": 0}
    plain, flipped = (
        TrackedClips(plays(1), config(jitter=quiet, augmentation={**PLAIN, "flip": flip})).sample(
            1, 0
        )
        for flip in (0, 1)
    )
    values = [sample["motion"].reshape(2, 5, -1) for sample in (plain, flipped)]
    np.testing.assert_allclose(values[0][:, 0], -values[1][:, 0], atol=1e-4)
    np.testing.assert_allclose(values[0][:, 1:], values[1][:, 1:], atol=1e-4)
    crops = [sample["crops"].astype(int) for sample in (plain, flipped)]
    assert np.abs(crops[0] - crops[1][:, :, ::-1]).max() <= 1


def test_impacts_that_cannot_be_followed_are_refused() -> None:
    videos = plays(1)
    alone = replace(videos.videos[0], tracks=np.full(2 * FRAMES, -1))
    with pytest.raises(LabelError, match="no impact can be followed"):
        TrackedClips(ImpactVideos(videos.source, (alone,)), config())


@INPUTS
def test_a_few_steps_lower_the_loss(inputs: str) -> None:
    torch.manual_seed(0)
    chosen = with_inputs(inputs)
    samples, network = TrackedClips(plays(2), chosen), TrackedNetwork(chosen.network, chosen.plan)
    optimiser = torch.optim.AdamW(network.parameters(), 1e-2)
    losses = []
    for step in range(12):
        drawn = [samples.sample(1, (16 * step + at) % 64) for at in range(16)]
        batch = {name: torch.from_numpy(np.stack([s[name] for s in drawn])) for name in drawn[0]}
        crops = as_input(batch["crops"], chosen.plan.channels) if "crops" in batch else None
        logits = network(crops, batch.get("motion"))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, batch["impact"])
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        losses.append(loss.item())
    assert np.mean(losses[-3:]) < 0.8 * losses[0]


def candidates_of(play: int, impact: float = 0.25) -> Candidates:
    boxes, _ = boxes_of(play)
    return Candidates(
        video="play.mp4",
        label="impact",
        size=(WIDTH, HEIGHT),
        times=np.arange(FRAMES) / 30,
        frames=np.repeat(np.arange(FRAMES, dtype=np.int32), 2),
        boxes=boxes.swapaxes(0, 1).reshape(-1, 4),
        helmet=np.full(2 * FRAMES, 0.9, np.float32),
        impact=np.full(2 * FRAMES, impact, np.float32),
    )


def rescorer_of(inputs: str, weight: float, rate: str = "native") -> TrackRescorer:
    """A network with random weights; the frames of `Frames` are smaller than the candidates'."""
    torch.manual_seed(0)
    network = {**VALUES["network"], "inputs": inputs}
    chosen = config(network=network, data={"size": list(SIZE), "rate": rate})
    parts = TrackedNetwork(chosen.network, chosen.plan).eval().export_parts(chosen.plan)
    backend = TorchBackend(parts)
    return TrackRescorer(Member(manifest_of(chosen.plan, tuple(backend.parts)), backend), weight)


@INPUTS
def test_rescoring_changes_only_the_impact(inputs: str) -> None:
    held = candidates_of(1)
    changed = rescorer_of(inputs, 1).rescore(Frames(FRAMES, rate=30), held)
    assert len(np.unique(changed.impact)) > FRAMES
    for name in ("frames", "boxes", "helmet", "times", "unseen"):
        np.testing.assert_array_equal(getattr(changed, name), getattr(held, name))
    assert changed.settings["tracks"] == {
        "weight": 1, "inputs": inputs, "tracks": 2, "scored": 2 * FRAMES, "precision": "fp32",
    }  # fmt: skip
    unchanged = rescorer_of(inputs, 0).rescore(Frames(FRAMES, rate=30), held)
    np.testing.assert_array_equal(unchanged.impact, held.impact)
    half = rescorer_of(inputs, 0.5).rescore(Frames(FRAMES, rate=30), held)
    np.testing.assert_allclose(half.impact, mixed_scores(held.impact, changed.impact, 0.5))


def test_a_score_is_the_weighted_mean_of_logits() -> None:
    own, tracked = np.array([0.2, 0, 1], np.float32), np.array([0.8, 0.5, 1], np.float32)
    np.testing.assert_allclose(mixed_scores(own, tracked, 0.5), [0.5, 0.001, 1], atol=1e-5)
    np.testing.assert_allclose(mixed_scores(own, tracked, 1), tracked, atol=1e-5)
    assert (mixed_scores(own, tracked, 0) == own).all()


def test_weak_helmets_and_clips_with_unreadable_frames_keep_their_scores() -> None:
    held = candidates_of(1)
    held.helmet[0::2] = 0.05  # the first helmet
    frames = Frames(FRAMES, rate=30, unreadable=(9,))
    changed = rescorer_of("pixels", 1).rescore(frames, held)
    kept = np.flatnonzero(changed.impact == held.impact)
    # Clips have two frames before and one after.
    assert kept.tolist() == sorted([*range(0, 2 * FRAMES, 2), 17, 19, 21, 23])
    assert changed.settings["tracks"]["scored"] == FRAMES - 4


def test_a_grid_finer_than_the_video_scores_each_candidate_once() -> None:
    rescorer = rescorer_of("pixels+motion", 1, rate="60")
    changed = rescorer.rescore(Frames(FRAMES, rate=30), candidates_of(1))
    assert changed.settings["tracks"]["scored"] == 2 * FRAMES


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_plays(tmp_path_factory.mktemp("plays ö"))


@pytest.fixture(scope="module")
def trained(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    return train_tracked(config(manifest), tmp_path_factory.mktemp("run") / "run", device="cpu")


def collision_bundle(folder: Path, rate: str = "native") -> Path:
    from playhead.impact.network_config import CollisionNetworkConfig

    network = CollisionNetworkConfig(
        stem_channels=4, widths=(4, 6, 6), pyramid_channels=8, norm="group"
    )
    plan = ClipGridPlan(size=(WIDTH, HEIGHT), rate=rate, frames=8, before=4, box_unit=32)
    export_bundle(network_of(network), folder, job="impact", classes=("impact",), plan=plan)
    return folder


@pytest.mark.slow
def test_a_run_learns_and_gives_a_bundle_of_its_plan(
    trained: TrainResult, manifest: Path, tmp_path: Path
) -> None:
    rows = [row for row in read_rows(trained.run / "log.jsonl") if row["kind"] == "epoch"]
    assert rows[-1]["loss"] < 0.8 * rows[0]["loss"]
    assert trained.metrics["impact_ap"] > 0.5
    assert trained.to_json()["clips"] == {"train": 64, "valid": 2 * FRAMES}
    bundle = load_bundle(trained.bundle)
    assert bundle.manifest.plan(TrackClipPlan) == config(manifest).plan
    assert (bundle.manifest.job, bundle.manifest.classes) == ("impact", ("impact",))
    assert list(bundle.manifest.parts) == ["crops", "tracks"]
    out = export_run(trained.run, tmp_path / "bundle", epoch=1)
    assert load_bundle(out).manifest.kind == TrackClipPlan.kind


@pytest.mark.slow
def test_a_bundle_changes_the_impacts_of_a_collision_network(
    trained: TrainResult, manifest: Path, tmp_path: Path
) -> None:
    collisions = collision_bundle(tmp_path / "collisions")
    found = find_plays([manifest], split="valid")
    held = []
    for number, weight in enumerate((None, 0.0, 1.0)):
        options = replace(CPU, tracks_weight=weight or 0.0)
        tracks = None if weight is None else trained.bundle
        [file] = predict_plays(
            [collisions], found, tmp_path / str(number), options, tracks=tracks
        ).files
        assert file.status == "ok"
        held.append(read_candidates(file.outputs[0]))
        assert native.read(file.outputs[1]).events is not None
    np.testing.assert_array_equal(held[1].impact, held[0].impact)
    np.testing.assert_array_equal(held[2].boxes, held[0].boxes)
    scored = held[2].settings["tracks"]["scored"]
    assert scored > FRAMES
    assert (held[2].impact != held[0].impact).sum() >= 0.9 * scored


@pytest.mark.slow
def test_bundles_of_other_kinds_and_rates_are_refused(
    trained: TrainResult, manifest: Path, tmp_path: Path
) -> None:
    collisions = collision_bundle(tmp_path / "collisions")
    plan = load_bundle(collisions).manifest.plan(ClipGridPlan)
    with pytest.raises(BundleError, match="not a bundle of a network of tracked helmets"):
        open_tracks(collisions, plan, CPU)
    with pytest.raises(BundleError, match="same data.rate"):
        open_tracks(trained.bundle, plan.model_copy(update={"rate": "25"}), CPU)
    with pytest.raises(BundleError, match="--tracks"):
        predict_plays([trained.bundle], find_plays([manifest]), tmp_path / "out", CPU)
