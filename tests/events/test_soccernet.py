"""SoccerNet's files, hand-written as the data set has them."""

import json

import numpy as np
import pytest

from playhead.errors import LabelError
from playhead.events.formats import read_events, read_row, write_events
from playhead.events.manifest import ManifestRow

GAME = "england_epl/2014-2015/2015-02-21 - 18-00 Chelsea 1 - 1 Burnley"
LABELS = {
    "UrlLocal": GAME + "/",
    "UrlYoutube": "",
    "gameHomeTeam": "Chelsea",
    "annotations": [
        {
            "gameTime": "1 - 00:00",
            "label": "Kick-off",
            "position": "200",
            "team": "away",
            "visibility": "visible",
        },
        {
            "gameTime": "1 - 12:34",
            "label": "Ball out of play",
            "position": "754490",
            "team": "not applicable",
            "visibility": "not shown",
        },
        {"gameTime": "2 - 45:01", "label": "Goal", "position": 2701000, "team": "home"},
    ],
}
RESULTS = {
    "UrlLocal": GAME,
    "predictions": [
        {
            "gameTime": "2 - 0:31",
            "label": "Ball out of play",
            "position": "31500",
            "half": "2",
            "confidence": "0.006630070507526398",
        },
        {"gameTime": "1 - 0:01", "label": "Goal", "position": 1000, "half": 1, "confidence": 0.5},
    ],
}


@pytest.fixture
def labels(tmp_path):
    path = tmp_path / "Labels-v2.json"
    path.write_text(json.dumps(LABELS))
    return path


def test_each_half_is_a_video_with_times_from_its_own_start(labels):
    first, second = read_events(labels)
    assert (first.video, second.video) == (f"{GAME}/1", f"{GAME}/2")
    assert [event.start for event in first.events] == [0.2, 754.49]
    assert [event.start for event in second.events] == [2701.0]
    assert first.classes == second.classes == ("Ball out of play", "Goal", "Kick-off")


def test_team_and_visibility_are_kept_in_the_note_and_written_again(labels, tmp_path):
    game = read_events(labels)
    notes = [event.note for half in game for event in half.events]
    assert notes == ["away; visible", "not applicable; not shown", "home"]
    write_events(game, tmp_path / "Labels-ball.json")
    written = json.loads((tmp_path / "Labels-ball.json").read_text())
    expected = [entry | {"position": str(entry["position"])} for entry in LABELS["annotations"]]
    assert written == {"UrlLocal": GAME, "annotations": expected}


def test_predictions_keep_their_confidence_and_are_written_again(tmp_path):
    path = tmp_path / "results_spotting.json"
    path.write_text(json.dumps(RESULTS))
    first, second = read_events(path)
    assert second.events[0].score == 0.006630070507526398
    assert second.events[0].start == 31.5
    again = tmp_path / "again" / "results_spotting.json"
    write_events([first, second], again)
    assert read_events(again) == (first, second)
    entry = json.loads(again.read_text())["predictions"][1]
    assert (entry["half"], entry["gameTime"]) == ("2", "2 - 00:31")
    assert float(entry["confidence"]) == 0.006630070507526398


def test_what_is_written_is_what_the_public_evaluator_reads(tmp_path):
    evaluation = pytest.importorskip("SoccerNet.Evaluation.ActionSpotting")
    (tmp_path / "Labels-v2.json").write_text(json.dumps(LABELS))
    (tmp_path / "results_spotting.json").write_text(json.dumps(RESULTS))
    classes = {"Kick-off": 0, "Ball out of play": 1, "Goal": 2}
    for name, vectors in (
        ("Labels-v2.json", evaluation.label2vector),
        ("results_spotting.json", evaluation.predictions2vector),
    ):
        again = tmp_path / "again" / name
        write_events(read_events(tmp_path / name), again)
        halves = [
            vectors(json.loads(path.read_text()), num_classes=3, EVENT_DICTIONARY=classes)
            for path in (tmp_path / name, again)
        ]
        for theirs, ours in zip(*halves, strict=True):
            assert np.array_equal(theirs, ours)
            assert np.any(theirs > 0)


def test_a_label_without_position_lies_at_its_game_time(tmp_path):
    path = tmp_path / "Labels.json"
    entry = {"gameTime": "1 - 12:34", "label": "soccer-ball"}
    path.write_text(json.dumps({"annotations": [entry]}))
    (video,) = read_events(path)
    assert (video.video, video.events[0].start) == ("1", 754.0)


def test_a_position_in_milliseconds_means_its_nearest_frame(labels):
    times = np.arange(0, 45 * 60 * 25 + 100) / 25
    first, _ = read_events(labels, times=lambda video: times)
    assert [event.frame for event in first.events] == [5, 18862]  # 754.49 s is 18862.25 frames
    assert [event.start for event in first.events] == [times[5], times[18862]]
    by_rate, _ = read_events(labels, rate=25)
    assert [event.frame for event in by_rate.events] == [5, 18862]


def test_a_frame_between_two_is_the_earlier_and_variable_rate_is_followed(tmp_path):
    path = tmp_path / "Labels-ball.json"
    entries = [
        {"gameTime": "1 - 00:00", "label": "PASS", "position": str(position)}
        for position in (20, 21, 90, 100, 150)
    ]
    path.write_text(json.dumps({"UrlLocal": "g", "annotations": entries}))
    (half,) = read_events(path, times={"g/1": np.array([0.0, 0.04, 0.1, 0.2])})
    assert [event.frame for event in half.events] == [0, 1, 2, 2, 2]


def test_two_actions_on_one_frame_both_survive(tmp_path):
    path = tmp_path / "Labels-ball.json"
    entries = [
        {"gameTime": "1 - 00:01", "label": label, "position": position}
        for label, position in (("PASS", 1000), ("DRIVE", 1000), ("PASS", 1004))
    ]
    path.write_text(json.dumps({"annotations": entries}))
    (half,) = read_events(path, rate=25)
    assert [(event.label, event.frame) for event in half.events] == [
        ("PASS", 25),
        ("DRIVE", 25),
        ("PASS", 25),
    ]


def test_a_row_of_a_manifest_gets_the_half_that_its_video_is_named_after(labels):
    for name, count in (("1_720p.mkv", 2), ("2_720p.mkv", 1), ("1_224p.mkv", 2), ("2.mp4", 1)):
        video = read_row(ManifestRow(labels.parent / name, labels, name=f"g/{name}"))
        assert (video.video, len(video.events)) == (f"g/{name}", count)
        assert "Kick-off" in video.classes


def test_a_game_in_one_file_has_no_second_half(labels, tmp_path):
    with pytest.raises(LabelError, match=r"second half.*a whole game.*1_720p\.mkv"):
        read_row(ManifestRow(tmp_path / "720p.mp4", labels))
    first = [entry for entry in LABELS["annotations"] if entry["gameTime"][0] == "1"]
    labels.write_text(json.dumps({"UrlLocal": GAME, "annotations": first}))
    assert len(read_row(ManifestRow(tmp_path / "720p.mp4", labels)).events) == 2


def test_a_half_in_which_nothing_is_labelled_has_the_classes_of_the_game(labels):
    first = [entry for entry in LABELS["annotations"] if entry["gameTime"][0] == "1"]
    labels.write_text(json.dumps({"UrlLocal": GAME, "annotations": first}))
    half = read_row(ManifestRow(labels.parent / "2_720p.mkv", labels))
    assert (half.events, half.classes) == ((), ("Ball out of play", "Kick-off"))


def test_a_folder_of_games_is_read_game_by_game(tmp_path):
    for game in ("a", "b"):
        path = tmp_path / "league" / game / "Labels-v2.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(LABELS | {"UrlLocal": f"league\\{game}"}))
    names = [video.video for video in read_events(tmp_path)]
    assert names == ["league/a/1", "league/a/2", "league/b/1", "league/b/2"]
