"""Evaluation: chance and counts beside metrics, and the forms of truth and predictions it reads."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from playhead.errors import LabelError
from playhead.events.formats import native, write_events
from playhead.events.model import Event, VideoEvents
from playhead.inference.scores import Scores, write_scores
from playhead.media import VideoWriter
from playhead.spotting.evaluate import evaluate_folder, evaluate_videos, read_pairs
from playhead.spotting.lengths import length_of, video_lengths
from playhead.spotting.predict import decide
from playhead.spotting.truth import (
    open_data_set,
    pair_names,
    read_predictions,
    read_scores_of,
    read_truth,
)
from tests.command import playhead, run

RATE = 25
FRAMES = 200
TRUTH = {"a": (10, 60, 110, 160), "b": (30, 130), "c": (80,)}
SPLITS = {"a": "train", "b": "valid", "c": "test"}
CONFIG = """\
job: spotting
data: {manifest: MANIFEST, classes: [serve], rate: "25", size: [32, 24]}
model: {kind: slow_fusion}
"""


def video_of(name: str, frames: tuple[int, ...], score: float = 1.0) -> VideoEvents:
    events = tuple(Event(label="serve", start=k / RATE, frame=k, score=score) for k in frames)
    return VideoEvents(video=name, classes=("serve",), events=events)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three videos with their labels, a manifest, a configuration, and predictions of two."""
    folder = tmp_path_factory.mktemp("spielö")
    lines = ["video,labels,group,split"]
    for name, frames in TRUTH.items():
        with VideoWriter(folder / f"{name}.mp4", 32, 24, Fraction(RATE)) as writer:
            for k in range(FRAMES):
                writer.write(np.full((24, 32), 60 + k % 100, np.uint8))
        native.write(video_of(f"{name}.mp4", frames), folder / f"{name}.events.json")
        lines.append(f"{name}.mp4,{name}.events.json,{name},{SPLITS[name]}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    config = CONFIG.replace("MANIFEST", json.dumps(str(folder / "manifest.csv")))
    (folder / "my.yaml").write_text(config, encoding="utf-8")
    out = folder / "out"
    for name in ("a", "b"):
        native.write(video_of(name, TRUTH[name], 0.8), out / f"{name}.events.json")
    scored = folder / "run"
    (scored / "scores").mkdir(parents=True)
    (scored / "config.yaml").write_text(config, encoding="utf-8")
    native.write(video_of("b", TRUTH["b"], 0.9), scored / "scores" / "x" / "b.events.json")
    return folder


def test_chance_stands_beside_every_metric(world: Path) -> None:
    found = evaluate_folder(world / "manifest.csv", world / "out").to_json()
    assert found["chance"].keys() == found["metrics"].keys() - {
        "precision",
        "recall",
        "f1",
        "count_error",
    }
    assert found["metrics"]["map@1"] > 0.5 > found["chance"]["map@1"] > 0
    assert found["chance"] == evaluate_folder(world / "manifest.csv", world / "out").chance


def test_videos_without_predictions_are_named_and_all_missed(world: Path) -> None:
    found = evaluate_folder(world / "manifest.csv", world / "out")
    assert [Path(name).stem for name in found.without_predictions] == ["c"]
    assert found.metrics["recall"] == pytest.approx(6 / 7)
    assert found.metrics["precision"] == 1.0
    text = playhead(
        *("spotting", "evaluate", "--truth", world / "manifest.csv"),
        *("--predictions", world / "out"),
    )
    assert "1 of 3 videos of the ground truth has no predictions" in text
    assert "c.mp4" in text
    assert "headline: map@1" in text
    assert [line.split()[0] for line in text.splitlines()[1:4]] == ["serve", "all", "chance"]


def test_counts_are_of_each_video_and_the_count_error_is_their_mean_distance() -> None:
    truth = [video_of("a", (10, 60, 110)), video_of("b", (30,))]
    predictions = [video_of("a", (10,)), video_of("b", (30, 80, 130))]
    found = evaluate_videos(truth, predictions)
    assert [(c.video, c.hits, c.misses, c.count_error) for c in found.counts] == [
        ("a", 1, 2, -2),
        ("b", 1, 0, 2),
    ]
    assert found.metrics["count_error"] == 2.0
    assert (found.metrics["precision"], found.metrics["recall"]) == (0.5, 0.5)
    assert found.class_metrics()["serve"]["count_error"] == 2.0


def test_dense_events_are_judged_in_frames_and_by_counts() -> None:
    truth = [video_of("a", tuple(range(0, 400, 5)))]
    late = [video_of("a", tuple(range(4, 404, 5)), 0.5)]
    found = evaluate_videos(truth, late)
    assert found.headline.metric == "frame_map@1"
    assert found.metrics["map@1"] > 0.85
    # Four frames late, every prediction is one frame before the next event.
    assert found.metrics["recall"] == pytest.approx(79 / 80)
    assert "frame_map@1" in found.describe()
    assert "80 events for 80 true ones" in found.describe()
    assert list(found.rows()[0])[:2] == ["class", "frame_map@1"]
    exact = evaluate_videos(truth, [video_of("a", tuple(range(0, 400, 10)), 0.5)])
    assert exact.metrics["count_error"] == 40


@pytest.mark.parametrize("form", ["manifest.csv", "my.yaml", ".", "run"])
def test_the_truth_is_a_manifest_or_what_names_one(world: Path, form: str) -> None:
    videos = read_truth(world / form)
    assert [Path(video.video).name for video in videos] == ["a.mp4", "b.mp4", "c.mp4"]
    assert [len(video.events) for video in videos] == [4, 2, 1]


def test_a_folder_with_labels_only_and_a_label_file_are_truth_too(
    world: Path, tmp_path: Path
) -> None:
    labels = read_truth(world / "manifest.csv")
    write_events(labels, tmp_path / "labels.csv")
    assert [len(video.events) for video in read_truth(tmp_path / "labels.csv")] == [4, 2, 1]
    native.write(video_of("a", TRUTH["a"]), tmp_path / "in" / "a.events.json")
    assert [video.video for video in read_truth(tmp_path / "in")] == ["a"]
    assert open_data_set(tmp_path / "in") is None


def test_a_run_folder_is_measured_on_its_validation_videos(world: Path) -> None:
    found = evaluate_folder(world / "run", world / "run")
    assert (found.videos, found.metrics["recall"], found.without_predictions) == (1, 1.0, ())
    assert evaluate_folder(world / "my.yaml", world / "run").videos == 1
    assert evaluate_folder(world / "manifest.csv", world / "run").videos == 3


def test_folds_of_a_configuration_say_what_validates(world: Path, tmp_path: Path) -> None:
    config = tmp_path / "folds.yaml"
    text = (world / "my.yaml").read_text(encoding="utf-8").replace("size:", "folds: 2, size:")
    config.write_text(text, encoding="utf-8")
    train = {Path(video.video).stem for video in read_truth(config, split="train")}
    valid = {Path(video.video).stem for video in read_truth(config, split="valid")}
    assert train | valid == {"a", "b"}
    assert len(valid) == 1
    with pytest.raises(LabelError, match="its splits are test, train, valid"):
        read_truth(config, split="tset")


def test_videos_of_the_training_split_are_counted_in_a_note(world: Path) -> None:
    found = evaluate_folder(world / "manifest.csv", world / "out")
    assert found.trained_on == 1
    assert any(note.startswith("1 of 3 videos have the split train") for note in found.notes())
    assert evaluate_folder(world / "manifest.csv", world / "out", split="valid").trained_on == 0


def test_predictions_are_one_file_of_events(world: Path) -> None:
    found = evaluate_folder(world / "manifest.csv", world / "out" / "b.events.json", split="valid")
    assert (found.videos, found.metrics["f1"]) == (1, 1.0)


def test_predictions_are_a_table_whose_times_are_those_of_the_frames(
    world: Path, tmp_path: Path
) -> None:
    table = tmp_path / "mine.csv"
    table.write_text("video,label,frame,score\nb,serve,30,0.9\nb.mp4,serve,131,0.4\n", "utf-8")
    # Both spellings of a name would be two videos.
    with pytest.raises(LabelError, match="appears twice in the predictions"):
        evaluate_folder(world / "manifest.csv", table)
    table.write_text("video,label,frame,score\nb,serve,30,0.9\nb,serve,131,0.4\n", "utf-8")
    _, [predicted] = read_pairs(world / "manifest.csv", table)
    assert [event.start for event in predicted.events] == pytest.approx([30 / 25, 131 / 25])
    table.write_text("video,label,time,score\nb,serve,1.21,0.9\n", "utf-8")
    _, [predicted] = read_pairs(world / "manifest.csv", table)
    assert [event.frame for event in predicted.events] == [30]


def test_predictions_are_a_soccernet_game_with_halves_by_number(tmp_path: Path) -> None:
    game = tmp_path / "2015 - A 1 - 1 B"
    first, second = video_of("x/1_720p.mkv", (30,)), video_of("x/2_720p.mkv", (80,))
    write_events([first, second], game / "results_spotting.json")
    write_events([first, second], game / "Labels-v2.json")
    for path in (game, game / "results_spotting.json"):
        assert [len(video.events) for video in read_predictions(path)] == [1, 1]
        assert evaluate_folder(game, path).metrics["f1"] == 1.0
    named = [video.video for video in read_predictions(tmp_path)]
    assert pair_names(named, ["/d/x/2_720p.mkv", "/d/x/1_720p.mkv"]) == [1, 0]
    assert pair_names(["y/1"], ["/d/a.mkv"]) == [None]


def test_a_wrong_split_is_answered_with_the_right_ones(world: Path, tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="'val'; its splits are test, train, valid"):
        read_truth(world / "manifest.csv", split="val")
    with pytest.raises(LabelError, match="--split needs a manifest"):
        read_truth(world / "out", split="valid")


def test_a_wrong_video_is_answered_with_those_of_the_truth(world: Path, tmp_path: Path) -> None:
    native.write(video_of("z", (3,)), tmp_path / "z.events.json")
    finished = run(
        *("spotting", "evaluate", "--truth", world / "manifest.csv", "--predictions", tmp_path)
    )
    assert finished.code == 2
    assert "does not have the video of these predictions; its videos are" in finished.err
    assert "b.mp4" in finished.err


def test_a_wrong_class_is_answered_with_those_of_the_truth(world: Path, tmp_path: Path) -> None:
    other = VideoEvents(video="b", classes=("goal",), events=(Event(label="goal", start=1.0),))
    native.write(other, tmp_path / "b.events.json")
    with pytest.raises(LabelError, match="unknown class 'goal' .* classes are serve"):
        evaluate_folder(world / "manifest.csv", tmp_path)


@pytest.mark.parametrize(("name", "hint"), [("bundle", "this is a bundle"), ("no", "no such")])
def test_a_path_without_predictions_says_what_is_accepted(
    tmp_path: Path, name: str, hint: str
) -> None:
    if name == "bundle":
        (tmp_path / name).mkdir()
        (tmp_path / name / "bundle.json").write_text("{}", encoding="utf-8")
    with pytest.raises(LabelError, match=f"no predictions .*{hint}.*a run folder") as caught:
        read_predictions(tmp_path / name)
    assert "results_spotting.json" in str(caught.value)


def test_lengths_come_from_scores_then_the_file_then_the_events(world: Path) -> None:
    [a, *_] = read_truth(world / "manifest.csv")
    length = video_lengths([a], [], {})[a.video]
    assert [length.seconds, length.frames] == pytest.approx([8.0, 200])
    loose = video_of("elsewhere", (50, 100, 150))
    length = video_lengths([loose], [], {})["elsewhere"]
    assert [length.seconds, length.frames] == pytest.approx([8.0, 200])
    empty = VideoEvents(video="none", classes=("serve",))
    assert video_lengths([empty], [], {})["none"].seconds == 1.0


def test_lengths_of_scores_reach_to_the_end_of_the_last_frame(world: Path, tmp_path: Path) -> None:
    times = np.arange(100) / RATE
    scores = Scores(
        video="b",
        times=times,
        frames=np.arange(100, dtype=np.int32),
        frame_times=times,
        classes=("serve",),
        values=np.zeros((100, 1), np.float32),
    )
    write_scores(scores, tmp_path / "b.scores.npz")
    native.write(video_of("b", (3,)), tmp_path / "b.events.json")
    [saved] = read_scores_of(tmp_path, [video_of("/x/b.mp4", (3,))]).values()
    length = length_of(saved)
    assert [length.seconds, length.frames] == pytest.approx([4.0, 100])


@pytest.mark.parametrize("height", [0.05, 0.5, 0.95])
def test_ap_ranks_all_peaks_of_saved_scores_and_counts_are_of_those_decided(height: float) -> None:
    truth = video_of("a", (50, 150, 250))
    times = np.arange(300) / RATE
    values = np.zeros((300, 1), np.float32)
    values[[50, 100, 150, 250], 0] = 0.9, 0.6, 0.4, 0.2
    decisions = {"smoothing_seconds": 0, "min_height": height, "distance_seconds": 0.2}
    scores = Scores(
        video="a", times=times, frames=np.arange(300, dtype=np.int32), frame_times=times,
        classes=("serve",), values=values, decisions=decisions,
    )  # fmt: skip
    found = evaluate_videos([truth], [decide(scores)], {"a": scores})
    assert found.metrics["frame_map@0"] == pytest.approx((1 + 3 / 4 + 3 / 4) / 3)
    decided = sum(score >= height for score in (0.9, 0.6, 0.4, 0.2))
    assert [found.counts[0].predictions, found.rows()[0]["predictions"]] == [decided, decided]
    corrected = evaluate_videos([truth], [video_of("a", (50,), 1.0)], {"a": scores})
    assert corrected.metrics["frame_map@0"] == pytest.approx(1 / 3)
