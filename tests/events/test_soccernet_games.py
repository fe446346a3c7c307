"""Results of many games as SoccerNet's evaluator takes them: a ZIP, or folders."""

import json
import zipfile

import pytest

from playhead.errors import LabelError
from playhead.events.formats import native, read_events, write_events
from playhead.events.model import Event, VideoEvents
from tests.command import playhead, run

GAMES = ("league/2019-2020/A - B", "league/2019-2020/Ç - D")
CLASSES = ("DRIVE", "PASS")


def video(name, *seconds, label="PASS"):
    events = tuple(Event(label=label, start=start, score=0.5 + start / 100) for start in seconds)
    return VideoEvents(video=name, classes=CLASSES, events=events)


@pytest.fixture
def videos():
    return [
        video(f"{GAMES[0]}/1_720p", 0.2, 1.04),
        video(f"{GAMES[0]}/2_720p", 3.52, label="DRIVE"),
        video(f"{GAMES[1]}/720p.mp4", 5.0),
    ]


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: json.loads(archive.read(name)) for name in archive.namelist()}


def test_a_zip_has_a_file_for_each_game_named_as_the_evaluator_expects(videos, tmp_path):
    write_events(videos, tmp_path / "results.zip")
    games = members(tmp_path / "results.zip")
    assert list(games) == [f"{game}/results_spotting.json" for game in GAMES]
    first, second = games.values()
    assert first["UrlLocal"] == GAMES[0]
    assert [(e["half"], e["label"], e["position"]) for e in first["predictions"]] == [
        ("1", "PASS", "200"),
        ("1", "PASS", "1040"),
        ("2", "DRIVE", "3520"),
    ]
    assert second["predictions"][0] | {"confidence": None} == {
        "gameTime": "1 - 00:05",
        "label": "PASS",
        "position": "5000",
        "half": "1",
        "confidence": None,
    }


def test_the_bytes_of_a_zip_depend_only_on_the_events(videos, tmp_path):
    write_events(videos, tmp_path / "a.zip")
    write_events(videos[::-1], tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_zip_and_folders_are_read_back_with_every_time_and_score(videos, tmp_path):
    write_events(videos, tmp_path / "results.zip")
    write_events(videos, tmp_path / "results", format="soccernet")
    wanted = [(v.events, part) for v, part in zip(videos, ("1", "2", "1"), strict=True)]
    for path in (tmp_path / "results.zip", tmp_path / "results"):
        read = read_events(path)
        assert [(v.events, v.video[-1]) for v in read] == wanted
        assert [v.video[:-2] for v in read] == [GAMES[0], GAMES[0], GAMES[1]]
        assert {v.classes for v in read} == {CLASSES}


def test_a_game_without_events_still_has_its_file(tmp_path):
    write_events([video(f"{GAMES[0]}/1_224p.mkv")], tmp_path / "results.zip")
    [game] = members(tmp_path / "results.zip").values()
    assert game["predictions"] == []


def test_folders_above_the_league_are_no_part_of_a_game(tmp_path):
    write_events([video(f"challenge/{GAMES[0]}/720p", 1.0)], tmp_path / "results.zip")
    assert list(members(tmp_path / "results.zip")) == [f"{GAMES[0]}/results_spotting.json"]


def test_a_video_of_another_name_is_a_game_of_its_own(tmp_path):
    write_events([video("cup/2020/final.mp4", 1.0)], tmp_path / "results.zip")
    assert list(members(tmp_path / "results.zip")) == ["cup/2020/final/results_spotting.json"]


def test_names_that_the_evaluator_would_not_find_are_told(videos, tmp_path, caplog):
    write_events(videos, tmp_path / "results.zip")
    assert not caplog.messages
    write_events([video("A - B/720p", 1.0)], tmp_path / "results.zip")
    assert "looks for league/season/game/results_spotting.json" in caplog.text
    with pytest.raises(LabelError, match=r"720p: has no folder, so its game has no name"):
        write_events([video("720p", 1.0)], tmp_path / "results.zip")


def test_two_resolutions_of_one_half_are_refused(tmp_path):
    both = [video(f"{GAMES[0]}/1_720p", 1.0), video(f"{GAMES[0]}/1_224p", 1.0)]
    with pytest.raises(LabelError, match=r"1_224p and .*1_720p are both half 1 of league"):
        write_events(both, tmp_path / "results.zip")
    assert not (tmp_path / "results.zip").exists()


def test_two_events_of_a_class_are_refused_only_on_one_millisecond(tmp_path):
    write_events([video(f"{GAMES[0]}/1", 1.0, 1.001)], tmp_path / "results.zip")
    assert len(read_events(tmp_path / "results.zip")[0].events) == 2
    with pytest.raises(LabelError, match=r"two events 'PASS' would be identical"):
        write_events([video(f"{GAMES[0]}/1", 1.0, 1.0001)], tmp_path / "results.zip")


def test_a_zip_of_labels_is_read_too(tmp_path):
    with zipfile.ZipFile(tmp_path / "labels.zip", "w") as archive:
        entry = {"gameTime": "2 - 00:01", "label": "Goal", "position": "1500"}
        archive.writestr(f"{GAMES[0]}/Labels-v2.json", json.dumps({"annotations": [entry]}))
        archive.writestr("__MACOSX/Labels-v2.json", "?")
    [half] = read_events(tmp_path / "labels.zip")
    assert half.video == f"{GAMES[0]}/2"
    assert [event.start for event in half.events] == [1.5]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"readme.txt": "x"}, r"has no results_spotting\.json of a game, but readme\.txt"),
        ({}, r"of a game, but nothing"),
        ({"A/results_spotting.json": "{"}, r"A/results_spotting\.json: line 1, column 2"),
        ({"A/results_a.json": '{"predictions": []}', "A/results_b.json": ""}, "of the same game"),
        ({"A/results_a.json": b"\xff\xfe\xff"}, r"A/results_a\.json is not UTF-8"),
    ],
)
def test_what_is_wrong_in_a_zip_is_told_with_its_file(files, message, tmp_path):
    path = tmp_path / "results.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    with pytest.raises(LabelError, match=message) as caught:
        read_events(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_no_zip_or_is_cut_off_is_refused(videos, tmp_path):
    path = tmp_path / "results.zip"
    write_events(videos, path)
    whole = path.read_bytes()
    for data in (b"", b"no zip", whole[:-30], whole[:60] + b"\0" * 60 + whole[120:]):
        path.write_bytes(data)
        with pytest.raises(LabelError, match=r"results\.zip: .*"):
            read_events(path)


def test_convert_writes_the_folder_of_predictions_as_a_zip(tmp_path):
    for game, name in ((GAMES[0], "1_720p"), (GAMES[0], "2_720p"), (GAMES[1], "1_720p")):
        events = video(f"{name}.mkv", 1.0)
        native.write(events, tmp_path / "out" / "test" / game / f"{name}.events.json")
    told = playhead("convert", tmp_path / "out", tmp_path / "results.zip")
    assert told == f"{tmp_path / 'results.zip'}: 3 events in 3 videos\n"
    games = members(tmp_path / "results.zip")
    assert {name: len(game["predictions"]) for name, game in games.items()} == {
        f"{GAMES[0]}/results_spotting.json": 2,
        f"{GAMES[1]}/results_spotting.json": 1,
    }
    refused = run("convert", tmp_path / "out" / "test" / GAMES[1], tmp_path / "one.zip")
    assert refused.code == 2
    assert "has no folder, so its game has no name" in refused.err
