"""SoccerNet's folders as a data set: which videos and labels of a game are used, and its split."""

import json

import pytest

from playhead.errors import LabelError
from playhead.events.games import GameFiles, game_videos, is_games, read_games, read_set
from playhead.events.pairing import pair_videos

LEAGUE = "england_epl/2014-2015"
GAME = f"{LEAGUE}/2015-02-21 - 18-00 Chelsea 1 - 1 Burnley"
OTHER = f"{LEAGUE}/2015-02-21 - 18-00 Swansea 2 - 1 Manchester United"


def add_game(root, game, *videos, labels=("Labels-v2.json",), halves=(1, 2)):
    folder = root / game
    folder.mkdir(parents=True, exist_ok=True)
    for name in videos:
        (folder / name).touch()
    entries = [{"gameTime": f"{half} - 00:01", "label": "Goal"} for half in halves]
    for name in labels:
        (folder / name).write_text(json.dumps({"UrlLocal": game, "annotations": entries}))
    return folder


def names(root, **files):
    return [row.name.removeprefix(f"{GAME}/") for row in read_games(root, GameFiles(**files))]


def test_both_halves_are_videos_of_one_group_with_the_labels_of_the_game(tmp_path):
    folder = add_game(tmp_path, GAME, "1_720p.mkv", "2_720p.mkv", "1_ResNET_TF2.npy")
    first, second = read_games(tmp_path, GameFiles())
    assert (first.name, second.name) == (f"{GAME}/1_720p.mkv", f"{GAME}/2_720p.mkv")
    assert first.video == folder / "1_720p.mkv"
    assert first.labels == second.labels == folder / "Labels-v2.json"
    assert first.group == second.group == GAME
    assert first.split is None


def test_each_half_is_used_once_in_its_best_resolution(tmp_path):
    add_game(tmp_path, GAME, "1_720p.mkv", "1_224p.mkv", "2_224p.mkv", "1.mkv", "2.mkv")
    assert names(tmp_path) == ["1_720p.mkv", "2_224p.mkv"]
    assert names(tmp_path, resolution="224p") == ["1_224p.mkv", "2_224p.mkv"]
    assert [path.name for path in game_videos(tmp_path, "224p")] == ["1_224p.mkv", "2_224p.mkv"]


def test_other_resolutions_and_untrimmed_halves_are_not_to_be_predicted(tmp_path):
    folder = add_game(tmp_path, GAME, "1_224p.mkv", "1_HQ.mkv", "2_224p.mkv", "2.mkv", "goals.mp4")
    used = ("1_224p.mkv", "2_224p.mkv", "goals.mp4")
    assert game_videos(tmp_path) == [folder / name for name in used]


def test_a_half_that_is_not_there_in_the_chosen_resolution_is_a_row_without_a_file(tmp_path):
    add_game(tmp_path, GAME, "1_720p.mkv", "1_224p.mkv", "2_224p.mkv")
    first, second = read_games(tmp_path, GameFiles(resolution="720p"))
    assert first.video.is_file()
    assert second.video.name == "2_720p.mkv"
    assert not second.video.exists()


def test_a_half_that_the_labels_name_but_has_no_video_is_a_row_without_a_file(tmp_path):
    add_game(tmp_path, GAME, "1_720p.mkv")
    assert names(tmp_path) == ["1_720p.mkv", "2_720p.mkv"]
    add_game(tmp_path, GAME, halves=(1,))
    assert names(tmp_path) == ["1_720p.mkv"]


def test_without_labels_to_say_otherwise_a_game_has_two_halves(tmp_path):
    add_game(tmp_path, GAME, "2_224p.mkv", labels=())
    assert names(tmp_path) == ["1_224p.mkv", "2_224p.mkv"]


def test_a_whole_game_is_one_video(tmp_path):
    add_game(tmp_path, GAME, "720p.mp4", "224p.mp4", labels=["Labels-ball.json"], halves=(1,))
    assert names(tmp_path) == ["720p.mp4"]
    assert names(tmp_path, resolution="224p") == ["224p.mp4"]


def test_halves_beside_a_whole_game_are_used_if_the_labels_are_theirs(tmp_path):
    videos = ("720p.mp4", "1_224p.mkv", "2_224p.mkv")
    add_game(tmp_path, GAME, *videos)
    assert names(tmp_path) == ["1_224p.mkv", "2_224p.mkv"]
    add_game(tmp_path, GAME, halves=(1,))
    with pytest.raises(LabelError, match=r"has halves and a whole game.*data\.resolution"):
        names(tmp_path)
    assert names(tmp_path, resolution="720p") == ["720p.mp4"]


def test_ball_labels_are_found_and_of_two_label_files_one_must_be_chosen(tmp_path):
    both = ("Labels-ball.json", "Labels-v2.json", "Labels-cameras.json")
    add_game(tmp_path, OTHER, "720p.mp4", labels=both[::2], halves=(1,))
    assert read_games(tmp_path, GameFiles())[0].labels.name == "Labels-ball.json"
    add_game(tmp_path, GAME, "720p.mp4", labels=both, halves=(1,))
    with pytest.raises(LabelError, match=r"has Labels-ball\.json and Labels-v2\.json; choose one"):
        read_games(tmp_path, GameFiles())
    assert game_videos(tmp_path), "which labels does not matter for prediction"
    rows = read_games(tmp_path, GameFiles(label_file="Labels-v2.json"))
    assert [row.labels and row.labels.name for row in rows] == ["Labels-v2.json", None]


def test_the_split_is_the_name_of_a_folder_above_the_game(tmp_path):
    add_game(tmp_path / "train", GAME, "720p.mp4", halves=(1,))
    add_game(tmp_path / "Validation", OTHER, "720p.mp4", halves=(1,))
    rows = read_games(tmp_path, GameFiles())
    assert {row.group: row.split for row in rows} == {GAME: "train", OTHER: "valid"}


def test_lists_of_games_at_the_top_tell_the_split(tmp_path):
    for game in (GAME, OTHER):
        add_game(tmp_path, game, "720p.mp4", halves=(1,))
    league, season, name = GAME.split("/")
    (tmp_path / "SoccerNetGamesTest.json").write_text(json.dumps({league: {season: [name]}}))
    rows = read_games(tmp_path, GameFiles())
    assert {row.group: row.split for row in rows} == {GAME: "test", OTHER: None}
    (tmp_path / "BallTrain.json").write_text(json.dumps({league: {season: [name]}}))
    with pytest.raises(LabelError, match="is also in the list for train"):
        read_games(tmp_path, GameFiles())
    (tmp_path / "BallTrain.json").write_text(json.dumps([name]))
    with pytest.raises(LabelError, match="a list of games by league and season"):
        read_games(tmp_path, GameFiles())


def test_a_game_without_labels_is_a_challenge_but_in_train_its_labels_are_missing(tmp_path):
    add_game(tmp_path, GAME, "720p.mp4", labels=())
    add_game(tmp_path / "train", OTHER, "720p.mp4", labels=())
    challenge, train = read_games(tmp_path, GameFiles())
    assert (challenge.labels, challenge.split) == (None, "challenge")
    assert train.split == "train"
    assert not train.labels.exists()


def test_labels_that_cannot_be_read_are_left_for_their_reader_to_tell(tmp_path):
    folder = add_game(tmp_path, GAME, "1_224p.mkv")
    (folder / "Labels-v2.json").write_text("{")
    assert names(tmp_path) == ["1_224p.mkv", "2_224p.mkv"]


def test_linked_leagues_are_read_once_and_circles_end(tmp_path):
    add_game(tmp_path / "disk", GAME, "720p.mp4", halves=(1,))
    root = tmp_path / "set"
    root.mkdir()
    (root / "england_epl").symlink_to(tmp_path / "disk" / "england_epl")
    (tmp_path / "disk" / LEAGUE / "again").symlink_to(root)
    assert names(root) == ["720p.mp4"]


def test_a_folder_of_one_game_is_a_set_too(tmp_path):
    folder = add_game(tmp_path, GAME, "720p.mp4", halves=(1,))
    [row] = read_games(folder, GameFiles())
    assert (row.name, row.group) == ("720p.mp4", folder.name)


def test_two_files_of_one_half_are_refused(tmp_path):
    add_game(tmp_path, GAME, "1_720p.mkv", "1_720p.mp4")
    with pytest.raises(LabelError, match=r"has 1_720p\.mkv and 1_720p\.mp4; keep one"):
        read_games(tmp_path, GameFiles())


def test_other_folders_of_videos_are_not_games(tmp_path):
    for name in ("1.mp4", "2.mp4", "1_HQ.mkv", "match.mp4"):
        (tmp_path / name).touch()
    assert not is_games(tmp_path)
    assert not is_games(tmp_path / "1.mp4")
    with pytest.raises(LabelError, match=r"has no games of SoccerNet.*or a manifest"):
        read_games(tmp_path, GameFiles())
    add_game(tmp_path, "sub", "1.mp4", halves=(1,))
    assert is_games(tmp_path), "labels beside 1.mp4 tell that it is a half"


def test_options_of_the_other_kind_of_set_are_refused(tmp_path):
    add_game(tmp_path, GAME, "720p.mp4", halves=(1,))
    with pytest.raises(LabelError, match=r"is a folder of games.*leave out data\.videos"):
        read_set(tmp_path, videos=tmp_path)
    with pytest.raises(LabelError, match=r"are for a folder of SoccerNet games"):
        read_set(tmp_path / "manifest.csv", games=GameFiles(resolution="720p"))
    assert read_set(tmp_path, games=GameFiles())[0].group == GAME


def test_halves_of_different_games_are_never_paired_by_their_name_alone():
    offered = ["/data/train/A/1_720p.mkv", "/data/train/B/1_720p.mkv", "/data/train/C/720p.mp4"]
    wanted = ["train/B/1_720p", "challenge/D/1_720p", "D/720p"]
    assert pair_videos(wanted, offered) == [1, None, None]
    assert pair_videos(["1_720p"], offered[:1]) == [0], "without a folder the name must do"
