"""Groups guessed from file names: parts of one recording stay together, kinds do not."""

from playhead.samples.groups import guess_groups


def test_views_and_parts_of_a_recording_are_a_group() -> None:
    names = [f"falls/fall-{n:02d}-cam{c}.mp4" for n in range(1, 9) for c in (0, 1)]
    groups, reason = guess_groups(names)
    assert groups[:4] == ["falls/fall-01", "falls/fall-01", "falls/fall-02", "falls/fall-02"]
    assert reason == "their file names without part or camera"


def test_numbered_videos_of_one_kind_are_not_a_group() -> None:
    names = [f"{kind}-{n:02d}.mp4" for kind in ("fall", "adl") for n in range(20)]
    groups, reason = guess_groups(names)
    assert groups == names
    assert reason.startswith("video: their names")


def test_words_tell_the_scene_if_they_are_many() -> None:
    words = ("swimming", "stirring", "bar_lift", "snow", "painting")
    names = [f"{n:03d}_{word}.mp4" for n, word in enumerate(words * 2)]
    groups, reason = guess_groups(names)
    assert len(set(groups)) == 5
    assert groups[2] == groups[7] == "bar lift"
    assert reason == "the words in their file names"


def test_a_folder_a_game_is_a_group_a_folder_a_split_is_not() -> None:
    games = [f"league/game {g}/{half}_720p.mkv" for g in range(6) for half in (1, 2)]
    assert guess_groups(games) == (
        [f"league/game {g}" for g in range(6) for _ in (1, 2)],
        "their folders",
    )
    sides = [f"{side}/{n}.mp4" for side in ("left", "right") for n in range(5)]
    assert guess_groups(sides)[0] == sides


def test_the_sources_of_public_data_sets_are_known() -> None:
    names = [f"v_Serve_g{g:02d}_c{c:02d}.avi" for g in range(1, 6) for c in (1, 2)]
    assert guess_groups(names)[0] == [f"g{g:02d}" for g in range(1, 6) for _ in (1, 2)]


def test_names_that_tell_too_few_groups_say_so() -> None:
    names = [f"{n:03d}_bar.mp4" for n in range(3)] + [f"{n:03d}_stir.mp4" for n in range(3, 6)]
    groups, reason = guess_groups(names)
    assert groups == names
    assert "tell only 2 groups" in reason
