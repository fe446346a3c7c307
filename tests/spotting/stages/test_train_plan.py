"""A recipe of stages and folds, trained by the command a user has."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from playhead.inference.scores import read_scores
from playhead.learning.log import read_rows
from playhead.spotting.stages.seen import read_seen
from playhead.worlds import generate
from tests.command import playhead, playhead_json, run

RECIPE = """\
job: spotting
data: {manifest: MATCHES, classes: [pass, drive], size: [64, 36], folds: 2, fold: [0, 1]}
samples_per_epoch: 16
model: {kind: slow_fusion, encoder: small, encoder_channels: 8, channels: 8, head_channels: 8}
training: {precision: fp32, epochs: 1, batch_size: 8, rate: 3.0e-3, final_rate: 3.0e-5, threads: 1,
  select: window_map}
decisions: {min_height: 0.0}
stages:
  basic: {}
  other: {data: {manifest: OTHER, folds: null, classes: [trap, push], class_map: {dribble: push}}}
  long: {start_from: other, hard_scores_from: basic, window: {frames: 21},
    model: {freeze_encoder: true}}
"""
SETTINGS = ("seconds=10", "width=64", "height=36")


@dataclass(frozen=True)
class Trained:
    recipe: Path
    out: Path
    result: dict[str, Any]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("recipe")
    matches = generate(
        "football", folder / "m", count=2, seed=3, settings=(*SETTINGS, "train=1", "valid=0")
    )
    classes = "classes=[trap, dribble]"
    other = generate(
        "football", folder / "o", count=2, seed=4,
        settings=(*SETTINGS, "train=0.5", "valid=0.5", classes),
    )  # fmt: skip
    recipe = folder / "recipe.yaml"
    text = RECIPE.replace("MATCHES", json.dumps(str(matches))).replace(
        "OTHER", json.dumps(str(other))
    )
    recipe.write_text(text, encoding="utf-8")
    options = ("--out", folder / "out", "--side-by-side", "1")
    return Trained(recipe, folder / "out", playhead_json("spotting", "train", recipe, *options))


@pytest.mark.slow
def test_every_stage_is_trained_and_the_last_is_the_bundle(trained: Trained) -> None:
    stages = trained.result["stages"]
    assert {name: len(stage["runs"]) for name, stage in stages.items()} == {
        "basic": 2,
        "other": 1,
        "long": 2,
    }
    assert trained.result["metrics"] == stages["long"]["metrics"]
    manifest = json.loads((trained.out / "bundle" / "bundle.json").read_text(encoding="utf-8"))
    assert manifest["classes"] == ["pass", "drive"]
    assert manifest["kind"] == "ensemble"
    assert manifest["metrics"]["map@1"] == pytest.approx(trained.result["metrics"]["map@1"])


@pytest.mark.slow
def test_pooled_scores_are_those_of_the_fold_that_left_the_match_out(trained: Trained) -> None:
    basic = trained.out / "basic"
    for fold in range(2):
        [video] = read_seen(basic / f"fold-{fold}").validated
        own, pooled = (
            read_scores(next(folder.rglob(f"{Path(video.name).stem}.scores.npz")))
            for folder in (basic / f"fold-{fold}" / "scores", basic / "scores")
        )
        assert own.values.tolist() == pooled.values.tolist()
    assert len(list((basic / "scores").rglob("*.scores.npz"))) == 2


@pytest.mark.slow
def test_a_stage_starts_from_the_weights_of_the_one_before(trained: Trained) -> None:
    [start] = [
        row for row in read_rows(trained.out / "long/fold-1/log.jsonl") if row["kind"] == "start"
    ]
    assert start["weights"] == str(trained.out / "other/best.safetensors")
    assert set(start["left"]) == {"mix"}  # 21 frames instead of 15
    seen = read_seen(trained.out / "long/fold-1")
    assert {video.name for video in seen.before} == {"match-000.mp4"}


@pytest.mark.slow
def test_the_pooled_folds_are_evaluated_as_a_run(trained: Trained) -> None:
    folder = trained.out / "long"
    found = playhead_json("spotting", "evaluate", "--truth", folder, "--predictions", folder)
    assert found["videos"] == 2
    assert found["metrics"]["map@1"] == pytest.approx(trained.result["metrics"]["map@1"])


@pytest.mark.slow
def test_resuming_trains_only_what_is_missing(trained: Trained) -> None:
    again = run("spotting", "train", trained.recipe, "--out", trained.out)
    assert "resume them with --resume" in again.err
    changed = run(
        "spotting", "train", trained.recipe, "--out", trained.out, "--resume",
        "--set", "training.seed=5",
    )  # fmt: skip
    assert "training.seed" in changed.err
    assert (again.code, changed.code) == (2, 2)
    kept = (trained.out / "basic/fold-0/best.safetensors").stat().st_mtime_ns
    (trained.out / "long/fold-1/result.json").unlink()
    resumed = playhead_json("spotting", "train", trained.recipe, "--out", trained.out, "--resume")
    assert resumed["metrics"] == trained.result["metrics"]
    assert (trained.out / "long/fold-1/result.json").is_file()
    assert (trained.out / "basic/fold-0/best.safetensors").stat().st_mtime_ns == kept


@pytest.mark.slow
def test_folds_side_by_side_are_those_of_one_after_the_other(
    trained: Trained, tmp_path: Path
) -> None:
    values = trained.recipe.read_text(encoding="utf-8").partition("stages:")[0]
    config = tmp_path / "plain.yaml"
    config.write_text(values, encoding="utf-8")
    out = tmp_path / "out"
    playhead("spotting", "train", config, "--fold", "all", "--side-by-side", "2", "--out", out)
    for fold in range(2):
        name = f"fold-{fold}/best.safetensors"
        assert (out / name).read_bytes() == (trained.out / "basic" / name).read_bytes()
    assert "exporting" in (out / "fold-0" / "output.log").read_text(encoding="utf-8")
