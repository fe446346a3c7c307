"""SoccerNet's folders wherever a manifest can stand, and its evaluator on what is written."""

import json
import shutil
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from playhead.events.formats import native
from playhead.media.write import VideoWriter
from playhead.samples.folds import split_manifest
from playhead.spotting.config import load_spotting_config
from playhead.spotting.init import config_of_folder
from playhead.spotting.truth import read_truth
from tests.command import playhead, playhead_json, run
from tests.metrics.soccernet_reference import evaluate as public_evaluate

SEASON = "england_efl/2019-2020"
TRAIN, VALID, TEST, CHALLENGE = (
    f"{split}/{SEASON}/2019-10-0{number} - A{number} - B{number}"
    for number, split in enumerate(("train", "valid", "test", "challenge"), start=1)
)
EVENTS = {  # half, label, milliseconds on frames at 25 a second
    TRAIN: [(1, "pass", 400), (1, "drive", 1000), (2, "pass", 800)],
    VALID: [(1, "pass", 200), (2, "drive", 600), (2, "pass", 1200)],
    TEST: [(1, "pass", 200), (1, "drive", 560), (1, "pass", 1320)],
}


def add_video(path: Path, *, rate: float | None = 25, times: Sequence[float] | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(path.name))
    frames = len(times) if times is not None else round(1.5 * float(rate or 25))
    with VideoWriter(path, 64, 36, rate=None if times is not None else rate, times=times) as writer:
        for number in range(frames):
            image = rng.integers(0, 255, (36, 64), dtype=np.uint8)
            writer.write(image, None if times is None else times[number])


def add_labels(folder: Path, events: Sequence[tuple[int, str, int]]) -> None:
    entries = [
        {"gameTime": f"{half} - 00:{at // 1000:02d}", "label": label, "position": str(at)}
        for half, label, at in events
    ]
    text = json.dumps({"UrlLocal": folder.name, "annotations": entries})
    (folder / "Labels-ball.json").write_text(text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Halves in several resolutions, a whole game, and a challenge without labels."""
    root = tmp_path_factory.mktemp("SoccerNet ö")
    for game in (TRAIN, VALID, CHALLENGE):
        for name in ("1_224p.mkv", "2_224p.mkv"):
            add_video(root / game / name)
    shutil.copy(root / TRAIN / "1_224p.mkv", root / TRAIN / "1_720p.mkv")
    add_video(root / TEST / "720p.mp4")
    for game, events in EVENTS.items():
        add_labels(root / game, events)
    return root


@pytest.fixture(scope="module")
def config(folder, tiny) -> Path:
    path = folder.parent / "ball.yaml"
    world, games = json.dumps(str(tiny.manifest)), json.dumps(str(folder))
    path.write_text(tiny.config.read_text(encoding="utf-8").replace(world, games))
    return path


@pytest.fixture(scope="module")
def predicted(folder, tiny) -> Path:
    out = folder.parent / "out"
    playhead("spotting", "predict", tiny.run, folder, "--out", out)
    return out


def test_every_half_is_predicted_once_and_outputs_mirror_the_games(predicted):
    assert {str(path.relative_to(predicted)) for path in predicted.rglob("*.events.json")} == {
        f"{TRAIN}/1_720p.events.json",
        f"{TRAIN}/2_224p.events.json",
        f"{VALID}/1_224p.events.json",
        f"{VALID}/2_224p.events.json",
        f"{TEST}/720p.events.json",
        f"{CHALLENGE}/1_224p.events.json",
        f"{CHALLENGE}/2_224p.events.json",
    }


def test_a_resolution_can_be_chosen_and_a_missing_half_is_told_in_one_line(folder, tiny, tmp_path):
    done = run(
        *("spotting", "predict", tiny.run, folder / "train", folder / "test", "--out", tmp_path),
        *("--resolution", "224p"),
    )
    assert done.code == 3
    failed = [line for line in done.out.splitlines() if "failed:" in line]
    assert failed == [f"{folder / TEST / '224p.mp4'}: failed: there is no such file"]
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.events.json")}
    assert written == {f"{TRAIN}/1_224p.events.json", f"{TRAIN}/2_224p.events.json"}
    video = tiny.test_video
    refused = run(
        *("spotting", "predict", tiny.run, video, "--out", tmp_path, "--resolution", "720p")
    )
    assert refused.code == 2
    assert "--resolution is for folders of SoccerNet games" in refused.err


def test_videos_beside_games_are_predicted_too(folder, tiny, tmp_path):
    games = tmp_path / "games"
    shutil.copytree(folder / VALID, games / "A - B")
    shutil.copy(games / "A - B" / "1_224p.mkv", games / "A - B" / "1_HQ.mkv")
    shutil.copy(games / "A - B" / "1_224p.mkv", games / "other.mkv")
    playhead("spotting", "predict", tiny.run, games, "--out", tmp_path / "out")
    written = {path.name for path in (tmp_path / "out").rglob("*.events.json")}
    assert written == {"1_224p.events.json", "2_224p.events.json", "other.events.json"}


def test_training_on_a_folder_of_games_needs_no_manifest(config, tmp_path):
    settings = ("samples_per_epoch=8", "training.epochs=1", "training.keep_epochs=[]", "tune=false")
    run_folder = tmp_path / "run"
    options = [part for setting in settings for part in ("--set", setting)]
    playhead("spotting", "train", config, "--out", run_folder, *options)
    written = {str(path.relative_to(run_folder / "scores"))
               for path in (run_folder / "scores").rglob("*.events.json")}  # fmt: skip
    game = VALID.rpartition("/")[2]
    assert written == {f"{game}/1_224p.events.json", f"{game}/2_224p.events.json"}


def test_a_folder_of_games_is_a_folder_to_train_on(folder, tmp_path):
    path, described = config_of_folder(folder, [], tmp_path / "my", resume=False)
    assert path == tmp_path / "my" / "config.yaml"
    assert "3 train" not in described
    assert "2 train, 2 valid" in described
    again, _ = config_of_folder(folder, [], tmp_path / "my", resume=True)
    assert again == path


def test_a_challenge_is_neither_trained_on_nor_ground_truth(folder, config):
    data = load_spotting_config(config).data
    train, valid = split_manifest(data.manifest, folds=None, fold=0, games=data.games)
    groups = {row.group for row in train}, {row.group for row in valid}
    assert groups == ({TRAIN.partition("/")[2]}, {VALID.partition("/")[2]})
    folds = split_manifest(data.manifest, folds=2, fold=1, games=data.games)
    assert sorted(len(side) for side in folds) == [2, 2]
    assert len(read_truth(folder)) == len(read_truth(config)) == 5
    assert len(read_truth(folder, split="test")) == 1


def test_predictions_zip_and_folders_measure_alike_and_as_the_public_evaluator(
    folder, predicted, tmp_path
):
    playhead("spotting", "submit", predicted, tmp_path / "results.zip")
    playhead("spotting", "submit", predicted, tmp_path / "results")
    truth = ("spotting", "evaluate", "--truth", folder, "--predictions")
    ours = playhead_json(*truth, predicted)["metrics"]
    for path in ("results.zip", "results"):
        other = playhead_json(*truth, tmp_path / path)["metrics"]
        assert other["map@1"] == ours["map@1"]
        assert other["tight"] == ours["tight"]
    labels = tmp_path / "labels"
    for game in EVENTS:
        target = labels / game.partition("/")[2]
        target.mkdir(parents=True)
        shutil.copy(folder / game / "Labels-ball.json", target)
    for metric, name in (("at1", "map@1"), ("tight", "tight")):
        theirs = public_evaluate(
            str(labels),
            str(tmp_path / "results.zip"),
            label_files="Labels-ball.json",
            framerate=25,
            metric=metric,
            dataset=None,
            EVENT_DICTIONARY={"drive": 0, "pass": 1},
        )
        assert ours[name] == pytest.approx(theirs["a_mAP"], abs=1e-12)
    assert ours["map@1"] > 0


def test_the_public_evaluator_finds_the_games_of_its_own_lists(tmp_path):
    from SoccerNet.utils import getListGames

    for game in getListGames("test", dataset="Ball"):
        (tmp_path / "labels" / game).mkdir(parents=True)
        add_labels(tmp_path / "labels" / game, [(1, "PASS", 400), (1, "DRIVE", 1000)])
        events = native.read(_events(tmp_path / "one.events.json", "720p.mp4"))
        (tmp_path / "out" / "test" / game).mkdir(parents=True)
        native.write(events, tmp_path / "out" / "test" / game / "720p.events.json")
    playhead("convert", tmp_path / "out", tmp_path / "results.zip")
    theirs = public_evaluate(
        str(tmp_path / "labels"),
        str(tmp_path / "results.zip"),
        label_files="Labels-ball.json",
        framerate=25,
        metric="at1",
        dataset="Ball",
    )
    assert theirs["a_mAP"] == 1


def _events(path: Path, video: str) -> Path:
    events = [
        {"label": "PASS", "start": 0.4, "score": 0.9},
        {"label": "DRIVE", "start": 1.0, "score": 0.8},
    ]
    path.write_text(
        json.dumps({"schema": 1, "video": video, "classes": ["DRIVE", "PASS"], "events": events})
    )
    return path


VARIABLE = [0, 0.04, 0.1, 0.2, 0.52, 0.6, 0.64, 1.2]


@pytest.mark.parametrize(
    ("media", "frames"),
    [
        ({"rate": 25}, [5, 6, 28]),
        ({"rate": Fraction(30000, 1001)}, [6, 7, 34]),
        ({"rate": 50}, [10, 12, 57]),
        ({"times": VARIABLE}, [3, 3, 7]),
    ],
)
def test_positions_go_to_the_nearest_frame_at_any_rate(media, frames, tmp_path):
    game = tmp_path / SEASON / "A - B"
    add_video(game / "720p.mp4", **media)
    add_labels(game, [(1, "pass", 200), (1, "pass", 236), (1, "drive", 1138)])
    [video] = read_truth(tmp_path)
    assert [event.frame for event in video.events] == frames
    assert video.video == (game / "720p.mp4").as_posix()


def test_check_names_a_damaged_and_a_missing_half_and_can_leave_them_out(folder, config, tmp_path):
    games = tmp_path / "games"
    shutil.copytree(folder, games)
    (games / VALID / "1_224p.mkv").write_bytes(b"damaged")
    (games / TRAIN / "2_224p.mkv").unlink()
    (games / CHALLENGE / "1_224p.mkv").unlink()
    settings = ("--set", f"data.manifest={json.dumps(str(games))}")
    refused = run("spotting", "check", config, *settings)
    assert refused.code == 2
    [line] = [line for line in refused.out.splitlines() if line.startswith("refused:")]
    assert "2 videos cannot be used" in line
    assert f"{VALID}/1_224p.mkv" in line
    assert f"{TRAIN}/2_720p.mkv" in line
    assert playhead("spotting", "check", config, "--skip-bad", *settings)


def test_init_writes_a_set_of_games_with_their_split_and_labels(folder, tmp_path):
    told = playhead("spotting", "init", folder, "--out", tmp_path / "my")
    assert "split: by SoccerNet's folders or lists" in told
    assert f"{CHALLENGE}/1_224p.mkv" in told
    rows = (tmp_path / "my" / "manifest.csv").read_text(encoding="utf-8").splitlines()
    assert f"{TEST}/720p.mp4,labels.csv,{TEST.partition('/')[2]},,test," in rows
    assert len(rows) == 6
    assert len(read_truth(tmp_path / "my")) == 5
    refused = run("spotting", "init", tmp_path / "my", "--out", tmp_path / "other")
    assert refused.code == 2
    assert "give the labels of its videos too" in refused.err


def test_decisions_are_tuned_on_scores_of_games_also_beside_a_challenge(folder, predicted):
    tuned = playhead_json("spotting", "tune", predicted, "--truth", folder, "--tolerance", "1")
    assert set(tuned["per_class"]) == {"pass", "drive"}


def test_a_split_without_labels_or_games_on_one_side_only_are_refused_with_the_remedy(
    folder, config, predicted
):
    truth = ("spotting", "evaluate", "--truth", folder, "--predictions", predicted)
    assert "no video has the split 'challenge'" in run(*truth, "--split", "challenge").err
    only = ("--set", f"data.manifest={json.dumps(str(folder / 'test'))}")
    assert "put games into folders train and valid" in run("spotting", "check", config, *only).out
