"""The commands of recognition on tiny clips: from class folders to a page."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from playhead.events.formats import native
from playhead.events.formats.keypoints import SUFFIX, write_keypoints
from playhead.learning.log import joined_rows, read_rows
from playhead.learning.state import read_tensors
from playhead.recognition.answers import read_answers
from playhead.recognition.config import load_recognition_config
from playhead.recognition.train import train_recognition
from tests.command import playhead, playhead_json, run
from tests.recognition.tiny_clips import (
    CLASSES,
    recording,
    write_recordings,
    write_video,
    write_videos,
)

FAST = (
    "--set", "training.epochs=30", "--set", "training.threads=1", "--set", "training.batch_size=8",
    "--set", "training.warmup_epochs=1", "--set", "training.log_steps=1",
)  # fmt: skip
SMALL = (
    *FAST, "--set", "network.width=16", "--set", "network.length=12",
    "--set", "network.dropout=0", "--set", "network.last_dropout=0", "--set", "training.rate=0.01",
)  # fmt: skip
PIXELS = (
    *FAST, "--set", "network.size=[32, 32]", "--set", "network.frames=4",
    "--set", "augmentation.crop=0", "--set", "training.rate=5.0e-3", "--set", "training.epochs=60",
)  # fmt: skip
FRAMES = (*PIXELS, "--set", "network.encoder=small", "--set", "network.weights=null")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recordings(tmp_path_factory.mktemp("clips ö"))


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_videos(tmp_path_factory.mktemp("videos"))


@pytest.fixture(scope="module")
def trained(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one network of keypoints."""
    out = tmp_path_factory.mktemp("runs") / "tcn"
    playhead("recognition", "train", recordings, "--model", "tcn", *SMALL, "--out", out)
    return out


def test_a_folder_of_classes_becomes_a_bundle_that_labels_new_clips(
    trained: Path, recordings: Path, tmp_path: Path
) -> None:
    document = playhead_json(
        "recognition", "predict", trained / "bundle", recordings, "--out", tmp_path / "out"
    )
    assert {file["status"] for file in document["files"]} == {"ok"}
    with (tmp_path / "out" / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24
    right = [row["label"] == row["video"].split("/")[0] for row in rows]
    assert np.mean(right) > 0.9
    assert {row["person"] for row in rows} == {"7"}
    evaluation = playhead_json(
        "recognition", "evaluate", "--truth", recordings, "--predictions", tmp_path / "out",
        "--report", tmp_path / "page.html",
    )  # fmt: skip
    assert evaluation["job"] == "recognition"
    assert evaluation["metrics"]["top1"] == pytest.approx(np.mean(right))
    assert evaluation["groups"] == 6
    low, high = evaluation["intervals"]["macro_f1"]
    assert low <= evaluation["metrics"]["macro_f1"] <= high
    assert set(evaluation["per_class"]) == set(CLASSES)
    assert "<html" in (tmp_path / "page.html").read_text()


def test_validation_clips_are_of_groups_that_did_not_train(trained: Path) -> None:
    answers = read_answers(trained / "answers.npz")
    assert 0 < len(set(answers.groups)) < 6
    assert len(answers.clips) == 4 * len(set(answers.groups))  # whole groups


def test_curves_have_a_row_for_every_epoch_and_for_steps(trained: Path) -> None:
    rows = read_rows(trained / "log.jsonl")
    assert [row["epoch"] for row in rows if row["kind"] == "epoch"] == list(range(1, 31))
    assert any(row["kind"] == "step" for row in rows)
    assert (trained / "report.html").is_file()


def test_folds_answer_every_clip_once_and_fuse(recordings: Path, tmp_path: Path) -> None:
    document = playhead_json(
        "recognition", "train", recordings, "--model", "tcn", "--model", "lstm", "--fold", "all",
        "--set", "data.folds=2", *SMALL, "--set", "training.epochs=15", "--out", tmp_path / "run",
    )  # fmt: skip
    assert document["clips"] == 24
    assert document["models"]["fusion"]["macro_f1"] > 0.8
    weights = [document["models"][name]["weight"] for name in ("tcn", "lstm")]
    assert sum(weights) == pytest.approx(1)
    answers = read_answers(tmp_path / "run" / "answers.npz")
    assert len(set(answers.clips)) == 24
    predicted = playhead_json(
        "recognition", "predict", tmp_path / "run" / "bundle", recordings / "up",
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert len(predicted["files"]) == 12
    fused = playhead_json(
        "recognition", "fuse", tmp_path / "run" / "tcn", tmp_path / "run" / "lstm",
        "--out", tmp_path / "fused",
    )  # fmt: skip
    assert fused["models"]["fusion"] == document["models"]["fusion"]


def test_a_stopped_run_goes_on_to_the_same_weights(
    trained: Path, recordings: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    arguments = ("recognition", "train", recordings, "--model", "tcn", *SMALL, "--out", out)
    shutil.copytree(trained, out)
    assert run(*arguments).code == 2  # there is a run already
    shutil.rmtree(out / "bundle")
    playhead(*arguments, "--resume")
    first, _ = read_tensors(trained / "best.safetensors")
    again, _ = read_tensors(out / "bundle" / "model.safetensors")
    assert all((first[name] == again[name]).all() for name in first)


def test_a_training_goes_on_from_another_run_and_its_curves_join(
    trained: Path, recordings: Path, tmp_path: Path
) -> None:
    out = tmp_path / "more"
    playhead(
        "recognition", "train", recordings, "--model", "tcn", *SMALL, "--out", out,
        "--set", f"start.run={trained}", "--set", "training.epochs=2",
    )  # fmt: skip
    rows = read_rows(out / "log.jsonl")
    assert rows[0]["kind"] == "start"
    assert rows[0]["loaded"] == rows[0]["tensors"]
    joined = [row for row in joined_rows(out) if row["kind"] == "epoch"]
    assert [row["epoch"] for row in joined] == list(range(1, 33))
    steps = [row["step"] for row in joined]
    assert steps == sorted(set(steps))
    first = next(row for row in rows if row["kind"] == "epoch")
    before = next(row for row in read_rows(trained / "log.jsonl") if row["kind"] == "epoch")
    assert first["loss"] < before["loss"]


def test_training_on_all_clips_validates_on_none(recordings: Path, tmp_path: Path) -> None:
    text = playhead(
        "recognition", "train", recordings, "--model", "tcn", *SMALL, "--out", tmp_path / "all",
        "--set", "data.train_on_all=true", "--set", "training.select=null",
        "--set", "training.epochs=2",
    )  # fmt: skip
    assert "bundle" in text
    assert not (tmp_path / "all" / "answers.npz").exists()


def test_without_a_bundle_the_answers_are_the_same(
    trained: Path, recordings: Path, tmp_path: Path
) -> None:
    config = load_recognition_config(trained / "config.yaml")
    result = train_recognition(config, tmp_path / "run", export=False)
    assert not result.bundle.exists()
    answers, others = (read_answers(run / "answers.npz") for run in (tmp_path / "run", trained))
    assert answers.clips == others.clips
    assert np.array_equal(answers.log_probabilities, others.log_probabilities)


@pytest.mark.parametrize("model", [("frames", *FRAMES), ("clip", *PIXELS)], ids=lambda m: m[0])
def test_networks_of_pixels_learn_from_videos(
    model: tuple[str, ...], videos: Path, tmp_path: Path
) -> None:
    name, *settings = model
    out = tmp_path / "run"
    playhead("recognition", "train", videos, "--model", name, *settings, "--out", out)
    playhead("recognition", "predict", out / "bundle", videos, "--out", tmp_path / "out")
    result = playhead_json(
        "recognition", "evaluate", "--truth", videos, "--predictions", tmp_path / "out"
    )
    assert result["metrics"]["top1"] == 1.0  # the colours tell the classes


def test_a_long_video_gets_spans_with_labels(trained: Path, tmp_path: Path) -> None:
    first, second = (recording(label, 5, frames=60) for label in CLASSES)
    points = first.people[0].points.copy()
    points[30:] = second.people[0].points[30:]
    person = type(first.people[0])(7, first.skeleton, first.people[0].frames, points)
    file = type(first)(
        video="long.mp4", times=first.times, size=first.size, skeleton=first.skeleton,
        people=(person,), chosen=(7,),
    )  # fmt: skip
    write_keypoints(tmp_path / f"long{SUFFIX}", file)
    playhead(
        "recognition", "predict", trained / "bundle", tmp_path / f"long{SUFFIX}",
        "--out", tmp_path / "out", "--set", "unknown_below=0", "--set", "min_seconds=1",
    )  # fmt: skip
    events = native.read(tmp_path / "out" / "long.events.json").events
    assert [event.label for event in events] == list(CLASSES)
    assert events[0].end == pytest.approx(3.0, abs=0.7)
    assert events[-1].end == pytest.approx(6.0, abs=0.11)


def test_each_person_gets_a_label_of_their_own(trained: Path, tmp_path: Path) -> None:
    file = recording("up", 3, others=2)
    write_keypoints(tmp_path / f"three{SUFFIX}", file)
    playhead(
        "recognition", "predict", trained / "bundle", tmp_path / f"three{SUFFIX}", "--everyone",
        "--out", tmp_path / "out",
    )  # fmt: skip
    events = native.read(tmp_path / "out" / "three.events.json").events
    assert sorted(event.track for event in events if event.track is not None) == [0, 1, 7]


def test_a_clip_without_people_fails_alone(trained: Path, tmp_path: Path) -> None:
    file = recording("up", 3)
    empty = type(file)(video="empty.mp4", times=file.times, size=file.size, skeleton=file.skeleton)
    write_keypoints(tmp_path / f"empty{SUFFIX}", empty)
    write_keypoints(tmp_path / f"good{SUFFIX}", file)
    document = playhead_json(
        "recognition", "predict", trained / "bundle", tmp_path, "--out", tmp_path / "out", code=3
    )
    status = {Path(file["path"]).name: file["status"] for file in document["files"]}
    assert status == {f"empty{SUFFIX}": "failed", f"good{SUFFIX}": "ok"}
    assert "no person was found" in document["files"][0]["reason"]


@pytest.mark.parametrize("frames", [1, 2])
def test_a_clip_of_one_frame_is_answered(trained: Path, tmp_path: Path, frames: int) -> None:
    write_keypoints(tmp_path / f"short{SUFFIX}", recording("up", 3, frames=frames))
    playhead(
        "recognition", "predict", trained / "bundle", tmp_path / f"short{SUFFIX}",
        "--out", tmp_path / "out",
    )  # fmt: skip
    [event] = native.read(tmp_path / "out" / "short.events.json").events
    assert event.label in {*CLASSES, "unknown"}


@pytest.mark.slow
def test_a_video_that_cannot_be_read_is_left_out_of_training(tmp_path: Path) -> None:
    clips = write_videos(tmp_path / "videos", groups=3)
    broken = sorted(clips.rglob("*.mp4"))[0]
    broken.write_text("no video", encoding="utf-8")
    out = tmp_path / "run"
    changes = (*FRAMES, "--set", "training.epochs=1", "--no-report")
    finished = run("recognition", "train", clips, "--model", "frames", *changes, "--out", out)
    assert finished.code == 0, finished.err
    assert f"left out: {broken}" in finished.err
    assert (out / "bundle" / "bundle.json").is_file()


def test_one_class_only_is_refused(recordings: Path, tmp_path: Path) -> None:
    shutil.copytree(recordings / "up", tmp_path / "clips" / "up")
    finished = run("recognition", "train", tmp_path / "clips", "--model", "tcn", *SMALL)
    assert finished.code == 2
    assert "at least two classes" in finished.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--model", "tnc"), "choose from frames, clip, tcn, lstm, each once"),
        (("--model", "tcn", "--model", "tcn"), "choose from frames"),
        (("--model", "tcn", "--fold", "9"), "needs all, or a number below 5"),
        (("--model", "frames", *FRAMES), "the network sees frames"),
        (("--model", "tcn", "--keypoints", "nowhere"), "there are no keypoints of"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    recordings: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    clips = recordings
    if "--keypoints" in arguments:
        clips = write_videos(tmp_path / "videos", groups=2)
    finished = run("recognition", "train", clips, *arguments, "--out", tmp_path / "run")
    assert finished.code == 2
    assert message in finished.err
    assert len([line for line in finished.err.splitlines() if "playhead:" in line][-1]) < 400


def test_a_group_in_two_splits_is_refused(recordings: Path, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    playhead("recognition", "predict", trained / "bundle", recordings, "--out", out)
    lines = ["video,label,group,split"]
    for number, path in enumerate(sorted(recordings.rglob(f"*{SUFFIX}"))):
        name = path.relative_to(recordings).as_posix()
        lines.append(f"{name},{path.parent.name},same,{('train', 'test')[number % 2]}")
    (recordings / "leaky.csv").write_text("\n".join(lines))
    finished = run(
        "recognition", "evaluate", "--truth", recordings / "leaky.csv", "--predictions", out
    )
    (recordings / "leaky.csv").unlink()
    assert finished.code == 2
    assert "same: on both sides of the split" in finished.err


def test_spans_of_one_video_are_evaluated_by_their_own_windows(
    trained: Path, tmp_path: Path
) -> None:
    first, second = (recording(label, 5, frames=60) for label in CLASSES)
    points = first.people[0].points.copy()
    points[30:] = second.people[0].points[30:]
    person = type(first.people[0])(7, first.skeleton, first.people[0].frames, points)
    file = type(first)(
        video="long.mp4", times=first.times, size=first.size, skeleton=first.skeleton,
        people=(person,), chosen=(7,),
    )  # fmt: skip
    write_keypoints(tmp_path / f"long{SUFFIX}", file)
    rows = [f"long{SUFFIX},across,0,3", f"long{SUFFIX},up,3,6"]
    (tmp_path / "index.csv").write_text("\n".join(["video,label,start,end", *rows]))
    playhead(
        "recognition", "predict", trained / "bundle", tmp_path / f"long{SUFFIX}",
        "--out", tmp_path / "out",
    )  # fmt: skip
    truth = ("--truth", tmp_path / "index.csv", "--predictions", tmp_path / "out")
    assert playhead_json("recognition", "evaluate", *truth)["metrics"]["top1"] == 1.0


def test_a_run_is_exported_again(trained: Path, tmp_path: Path) -> None:
    playhead("bundle", "export", trained, "--out", tmp_path / "again")
    first, _ = read_tensors(trained / "bundle" / "model.safetensors")
    again, _ = read_tensors(tmp_path / "again" / "model.safetensors")
    assert all((first[name] == again[name]).all() for name in first)


def test_everyone_of_a_network_of_whole_frames_is_refused(videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    few = (*FRAMES, "--set", "training.epochs=1")
    playhead("recognition", "train", videos, "--model", "frames", *few, "--out", out)
    finished = run(
        "recognition", "predict", out / "bundle", videos, "--everyone", "--out", tmp_path / "out"
    )
    assert finished.code == 2
    assert "answers about whole frames" in finished.err


def test_what_the_data_set_lacks_is_said_before_training(recordings: Path, tmp_path: Path) -> None:
    shutil.copytree(recordings, tmp_path / "clips")
    empty = recording("up", 3)
    nobody = type(empty)(video="a.mp4", times=empty.times, size=empty.size, skeleton=empty.skeleton)
    write_keypoints(tmp_path / "clips" / "up" / f"up_g00_c09{SUFFIX}", nobody)
    finished = run(
        "recognition", "train", tmp_path / "clips", "--model", "tcn", *SMALL,
        "--set", "training.epochs=1", "--set", "data.people=2", "--out", tmp_path / "run",
    )  # fmt: skip
    assert finished.code == 0
    assert "1 of 25 clips show nobody" in finished.err
    assert "in 24 of 25 clips only one person is chosen" in finished.err


def test_a_video_and_keypoints_of_its_name_would_write_the_same_outputs(
    trained: Path, tmp_path: Path
) -> None:
    write_video(tmp_path / "a.mp4", "up", 1)
    write_keypoints(tmp_path / f"a{SUFFIX}", recording("up", 1))
    both = (tmp_path / "a.mp4", tmp_path / f"a{SUFFIX}")
    finished = run("recognition", "predict", trained / "bundle", *both, "--out", tmp_path / "out")
    assert finished.code == 2
    assert "would write to the same outputs" in finished.err
    playhead("recognition", "predict", trained / "bundle", tmp_path, "--out", tmp_path / "out")
    assert (tmp_path / "out" / "a.events.json").is_file()  # of a folder the video alone is taken


def test_notes_of_the_data_set_come_once_and_before_training(
    recordings: Path, tmp_path: Path
) -> None:
    shutil.copytree(recordings, tmp_path / "clips")
    (tmp_path / "clips" / "empty").mkdir()
    finished = run(
        "recognition", "train", tmp_path / "clips", "--model", "tcn", *SMALL, "--fold", "all",
        "--set", "data.folds=2", "--set", "training.epochs=1", "--out", tmp_path / "run",
    )  # fmt: skip
    assert finished.err.count("folders without clips: empty") == 1
    assert finished.err.index("folders without clips") < finished.err.index("training tcn, fold 1")
