"""Seasons of folder trees: which files, in which groups, in which order."""

from pathlib import Path

import pytest

from playhead.episodes.season import Season, episode_order, find_seasons
from playhead.errors import PlayheadError


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def names(season: Season) -> list[str]:
    return [item.path.name for item in season.episodes]


def test_each_folder_with_videos_is_a_season_and_specials_are_apart(tmp_path: Path) -> None:
    show = touch(
        tmp_path / "Show",
        *("Season 01/S01E02.mkv", "Season 01/S01E01.mkv", "Season 01/S01E01.srt"),
        *("Season 10/S10E01.mkv", "Season 02/S02E01.mkv", "Specials/Pilot.mkv"),
    )
    seasons = find_seasons([show])
    assert [season.name for season in seasons] == [
        *("Season 01", "Season 02", "Season 10", "Specials")
    ]
    assert names(seasons[0]) == ["S01E01.mkv", "S01E02.mkv"]
    assert [season.specials for season in seasons] == [False, False, False, True]
    assert seasons[0].title == "Show · Season 01"
    assert seasons[0].episodes[0].target(Path("out")) == Path("out/Season 01/S01E01")


def test_specials_beside_other_episodes_are_a_season_of_their_own(tmp_path: Path) -> None:
    folder = touch(tmp_path, "Show S01E01.mkv", "Show S00E01.mkv", "Show S01E02.mkv")
    regular, special = find_seasons([folder])
    assert names(regular) == ["Show S01E01.mkv", "Show S01E02.mkv"]
    assert names(special) == ["Show S00E01.mkv"]
    assert (regular.apart, special.apart) == (False, True)
    assert regular.name == special.name == "."


@pytest.mark.parametrize(
    "ordered",
    [
        ["1.mkv", "2.mkv", "10.mkv"],
        ["[G] Show - 9 [1080p].mkv", "[G] Show - 10 [1080p].mkv"],
        ["Show.s1e9.mkv", "Show.S01E10.mkv", "Show.2x01.mkv"],
        ["B S01E01.mkv", "A S01E02.mkv", "A.mkv"],
        ["Folge ²3.mkv", "Folge ²11.mkv"],
        ["a 1920x1080 1.mkv", "a 1920x1080 2.mkv"],
    ],
)
def test_files_are_ordered_by_their_numbers(ordered: list[str]) -> None:
    assert sorted(ordered, key=episode_order) == ordered
    backwards = ordered[::-1]
    assert sorted(backwards, key=episode_order) == ordered


def test_a_flat_folder_of_500_files_is_one_season_in_order(tmp_path: Path) -> None:
    folder = touch(tmp_path, *(f"Show {k}.mkv" for k in range(1, 501)))
    [season] = find_seasons([folder])
    assert names(season) == [f"Show {k}.mkv" for k in range(1, 501)]
    assert not season.specials


def test_several_folders_keep_their_places_below_their_common_folder(tmp_path: Path) -> None:
    touch(tmp_path, "A/Season 1/E1.mkv", "B/Season 1/E1.mkv")
    first, second = find_seasons([tmp_path / "A", tmp_path / "B" / "Season 1"])
    assert (first.name, second.name) == ("A/Season 1", "B/Season 1")


def test_a_folder_given_twice_counts_once(tmp_path: Path) -> None:
    touch(tmp_path, "E1.mkv", "E2.mkv")
    [season] = find_seasons([tmp_path, tmp_path, tmp_path / "E1.mkv"])
    assert names(season) == ["E1.mkv", "E2.mkv"]


def test_two_files_with_the_same_outputs_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "E1.mkv", "E1.mp4")
    with pytest.raises(PlayheadError, match="same outputs"):
        find_seasons([tmp_path])


def test_a_folder_without_videos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlayheadError, match="has no video"):
        find_seasons([touch(tmp_path, "a.txt", "._b.mkv")])
