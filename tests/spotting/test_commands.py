"""The commands of spotting on a tiny world: what they write, print and answer to bad input."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from playhead import read_events
from playhead.inference.scores import read_scores
from playhead.media import open_video
from tests.command import playhead, playhead_json, run
from tests.spotting.conftest import Tiny

pytestmark = pytest.mark.slow


def test_a_run_holds_what_the_design_promises(tiny: Tiny) -> None:
    names = {path.name for path in tiny.run.iterdir()}
    assert {"config.yaml", "log.jsonl", "checkpoint", "bundle", "scores", "report.html"} <= names
    assert {path.name for path in tiny.bundle.iterdir()} == {
        "README.md",
        "SHA256SUMS",
        "bundle.json",
        "encode.onnx",
        "fuse.onnx",
        "model.safetensors",
    }


def test_a_run_keeps_validation_scores_under_the_folder_of_their_video(tiny: Tiny) -> None:
    names = {str(path.relative_to(tiny.run)) for path in tiny.run.glob("scores/**/*.npz")}
    assert names == {f"scores/{tiny.manifest.parent.name}/match-002.scores.npz"}


def test_there_is_one_score_vector_for_every_grid_point(tiny: Tiny) -> None:
    scores = read_scores(tiny.predictions / "match-003.scores.npz")
    with open_video(tiny.test_video) as video:
        assert scores.times.tolist() == pytest.approx(np.arange(video.frames) / 25)
        assert scores.frame_times.tolist() == video.times.tolist()
    assert scores.classes == ("pass", "drive")
    assert not np.isnan(scores.values).any()


def test_an_event_has_the_time_of_its_frame(tiny: Tiny) -> None:
    [events] = read_events(tiny.predictions / "match-003.events.json")
    assert events.events
    with open_video(tiny.test_video) as video:
        for event in events.events:
            assert event.frame is not None
            assert event.start == pytest.approx(video.times[event.frame], abs=1e-6)


def test_deciding_again_keeps_the_decisions_of_the_bundle(tiny: Tiny, tmp_path: Path) -> None:
    """The bundle's least height is 0, not the default of .2."""
    playhead("spotting", "decide", tiny.predictions, "--out", tmp_path)
    name = "match-003.events.json"
    assert (tmp_path / name).read_bytes() == (tiny.predictions / name).read_bytes()


def test_deciding_from_a_folder_twice_is_deciding_from_it_once(tiny: Tiny, tmp_path: Path) -> None:
    folders = (tiny.predictions, tiny.predictions)
    playhead("spotting", "decide", *folders, "--set", "min_height=0", "--out", tmp_path)
    mean = read_scores(tmp_path / "match-003.scores.npz")
    once = read_scores(tiny.predictions / "match-003.scores.npz")
    assert np.array_equal(mean.values, once.values)


def test_evaluating_the_truth_against_itself_is_perfect(tiny: Tiny, tmp_path: Path) -> None:
    for path in tiny.manifest.parent.glob("*.events.json"):
        shutil.copy(path, tmp_path)
    result = playhead_json(
        "spotting", "evaluate", "--truth", tiny.manifest, "--predictions", tmp_path
    )
    assert result["job"] == "spotting"
    assert result["metrics"]["best_f1"] == 1.0
    assert result["metrics"]["frame_map@0"] == pytest.approx(1.0)


def test_predictions_of_other_splits_are_left_out_but_some_must_remain(
    tiny: Tiny, tmp_path: Path
) -> None:
    for path in tiny.manifest.parent.glob("*.events.json"):
        shutil.copy(path, tmp_path)
    paths = ("--truth", tiny.manifest, "--predictions", tmp_path)
    result = playhead_json("spotting", "evaluate", *paths, "--split", "train")
    assert result["videos"] == 2
    assert result["metrics"]["best_f1"] == 1.0
    finished = run(
        *("spotting", "evaluate", "--truth", tiny.manifest, "--split", "train"),
        *("--predictions", tiny.predictions),
    )
    assert finished.code == 2
    assert "no predictions for the videos of the split 'train'" in finished.err


def test_a_prediction_for_a_video_that_is_nowhere_in_the_truth_is_refused(
    tiny: Tiny, tmp_path: Path
) -> None:
    shutil.copy(tiny.predictions / "match-003.events.json", tmp_path / "other.events.json")
    finished = run(*("spotting", "evaluate", "--truth", tiny.manifest, "--predictions", tmp_path))
    assert finished.code == 2
    assert "other: the ground truth does not have the video of these predictions" in finished.err


def test_a_run_that_is_not_there_cannot_be_resumed(tiny: Tiny, tmp_path: Path) -> None:
    finished = run("spotting", "train", tiny.config, "--resume", "--out", tmp_path / "typo")
    assert finished.code == 2
    assert "no run to resume" in finished.err


def test_a_file_is_no_folder_to_write_into(tiny: Tiny, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("", encoding="utf-8")
    finished = run(
        "spotting", "predict", tiny.bundle, tiny.test_video, "--out", tmp_path / "note.txt"
    )
    assert finished.code == 2
    assert "--out needs a folder" in finished.err


def test_one_bad_file_never_ends_a_batch_and_never_passes(tiny: Tiny, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(tiny.test_video, folder / "good one ü.mp4")
    (folder / "text.mp4").write_text("no video", encoding="utf-8")
    (folder / "empty.mp4").write_bytes(b"")
    result = playhead_json(
        "spotting", "predict", tiny.bundle, folder, "--out", tmp_path / "out", code=3
    )
    status = {Path(file["path"]).name: file["status"] for file in result["files"]}
    assert status == {"good one ü.mp4": "ok", "text.mp4": "failed", "empty.mp4": "failed"}
    assert all(file["reason"] for file in result["files"] if file["status"] == "failed")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "good one ü.events.json",
        "good one ü.scores.npz",
    ]
    assert result["peak_memory_bytes"] > 0


def test_a_file_that_fails_now_does_not_pass_by_what_it_once_gave(
    tiny: Tiny, tmp_path: Path
) -> None:
    video, out = tmp_path / "a.mp4", tmp_path / "out"
    shutil.copy(tiny.test_video, video)
    playhead("spotting", "predict", tiny.bundle, video, "--out", out)
    assert list(out.iterdir())
    video.write_bytes(b"broken since")
    playhead("spotting", "predict", tiny.bundle, video, "--out", out, code=3)
    assert list(out.iterdir()) == []


def test_a_missing_video_alone_ends_with_three(tiny: Tiny, tmp_path: Path) -> None:
    finished = run("spotting", "predict", tiny.bundle, tmp_path / "no.mp4", "--out", tmp_path)
    assert finished.code == 3
    assert "there is no such file" in finished.out


def test_a_bundle_with_a_broken_checksum_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    broken = tmp_path / "bundle"
    shutil.copytree(tiny.bundle, broken)
    with (broken / "fuse.onnx").open("ab") as file:
        file.write(b"x")
    for command in (
        ("bundle", "verify", broken),
        ("spotting", "predict", broken, tiny.test_video, "--out", tmp_path / "out"),
    ):
        finished = run(*command)
        assert finished.code == 2
        assert "fuse.onnx: does not match its checksum" in finished.err


def test_labels_of_a_class_the_configuration_lacks_are_refused(tiny: Tiny, tmp_path: Path) -> None:
    finished = run(
        "spotting", "train", tiny.config, "--set", "data.classes=[pass]", "--out", tmp_path / "run"
    )
    assert finished.code == 2
    assert "'drive'" in finished.err
    assert not (tmp_path / "run").exists()


def test_three_mistakes_of_a_configuration_are_told_at_once(tiny: Tiny) -> None:
    settings = ("training.epochs=0", "model.kind=fast_fusion", "window.frames=14")
    options = [part for setting in settings for part in ("--set", setting)]
    finished = run("spotting", "train", tiny.config, *options)
    assert finished.code == 2
    assert "3 mistakes" in finished.err
    for name in ("training.epochs", "model.kind", "window"):
        assert name in finished.err


def test_an_unknown_packaged_configuration_is_answered_with_the_known_ones() -> None:
    finished = run("spotting", "train", "footbal")
    assert finished.code == 2
    assert "football-demo" in finished.err


@pytest.mark.parametrize("other", ["match-002", "match-003"])  # validates; is for tests
def test_a_group_on_both_sides_of_the_split_is_refused(tiny: Tiny, other: str) -> None:
    text = tiny.manifest.read_text(encoding="utf-8")
    leaky = tiny.manifest.with_name("leaky.csv")
    leaky.write_text(text.replace(f",{other},", ",match-000,"), encoding="utf-8")
    finished = run("spotting", "train", tiny.config, "--set", f"data.manifest={leaky}")
    leaky.unlink()
    assert finished.code == 2
    assert "match-000: on both sides of the split" in finished.err


def test_a_run_is_not_overwritten_and_its_configuration_stays(tiny: Tiny) -> None:
    before = (tiny.run / "config.yaml").read_bytes()
    finished = run("spotting", "train", tiny.config, "--set", "training.seed=9", "--out", tiny.run)
    assert finished.code == 2
    assert "--resume" in finished.err
    assert (tiny.run / "config.yaml").read_bytes() == before


def test_a_run_that_never_began_leaves_no_configuration_to_the_next(
    tiny: Tiny, tmp_path: Path
) -> None:
    for seed in (1, 2):
        finished = run(
            "spotting",
            *("train", tiny.config, "--out", tmp_path, "--device", "cpu"),
            *("--set", "training.precision=fp16", "--set", f"training.seed={seed}"),
        )
        assert (finished.code, "fp16" in finished.err) == (2, True)
        assert f"seed: {seed}" in (tmp_path / "config.yaml").read_text(encoding="utf-8")


def test_resuming_with_other_settings_names_them(tiny: Tiny) -> None:
    finished = run(
        "spotting",
        *("train", tiny.config, "--resume", "--out", tiny.run),
        *("--set", "training.rate=.002"),
    )
    assert finished.code == 2
    assert "rate" in finished.err


def test_a_kept_epoch_exports_to_a_bundle_that_predicts(tiny: Tiny, tmp_path: Path) -> None:
    playhead("bundle", "export", tiny.run, "--epoch", 1, "--out", tmp_path / "b")
    playhead("bundle", "verify", tmp_path / "b")
    playhead("spotting", "predict", tmp_path / "b", tiny.test_video, "--out", tmp_path / "out")
    assert (tmp_path / "out" / "match-003.events.json").is_file()
    finished = run("bundle", "export", tiny.run, "--epoch", 2, "--out", tmp_path / "c")
    assert finished.code == 2
    assert "keep_epochs" in finished.err


def test_runs_are_listed_with_how_far_they_came(tiny: Tiny) -> None:
    [row] = playhead_json("runs", "list", tiny.run.parent)
    assert (row["run"], row["job"], row["epoch"], row["epochs"]) == ("run", "spotting", 2, 2)
    assert row["bundle"] is True


def test_the_report_comes_again_from_saved_scores(tiny: Tiny, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    playhead(
        "spotting",
        "report",
        *("--truth", tiny.manifest, "--split", "test"),
        *("--predictions", tiny.predictions, "--run", tiny.run, "--out", report),
    )
    text = report.read_text(encoding="utf-8")
    assert "match-003" in text
    assert '"kind":"metric"' in text


def test_a_model_sees_a_variable_rate_video_on_its_grid(tiny: Tiny, tmp_path: Path) -> None:
    settings = ("seconds=6", "width=64", "height=36", "variable_rate=true")
    options = [part for setting in settings for part in ("--set", setting)]
    playhead("world", "football", "--out", tmp_path, "--count", 1, *options)
    result = playhead_json(
        "spotting", "predict", tiny.bundle, tmp_path / "match-000.mp4", "--out", tmp_path / "out"
    )
    scores = read_scores(Path(result["files"][0]["outputs"][0]))
    assert np.diff(scores.times) == pytest.approx(0.04)
    [events] = read_events(Path(result["files"][0]["outputs"][1]))
    with open_video(tmp_path / "match-000.mp4") as video:
        assert video.variable_rate
        for event in events.events:
            assert event.start == pytest.approx(video.times[event.frame], abs=1e-6)


def test_the_bundle_tells_how_it_was_trained(tiny: Tiny) -> None:
    manifest = playhead_json("bundle", "info", tiny.bundle)
    assert manifest["job"] == "spotting"
    assert {"map@1", "tight", "window_map", "epoch"} <= manifest["metrics"].keys()
    assert manifest["training"]["training"]["seed"] == 0
    assert json.loads((tiny.bundle / "bundle.json").read_text())["classes"] == ["pass", "drive"]
