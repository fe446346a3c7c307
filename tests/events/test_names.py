"""From the name that labels give a video to its file."""

import pytest

from playhead.errors import LabelError
from playhead.events.names import find_media, half_of, is_whole_game, video_stem


def test_a_stem_lacks_only_the_suffix_of_a_media_file():
    names = ["a.mp4", "x/b.MKV", "01__108", "5.6", "a.b.mov", "no suffix", "raw.264"]
    assert [video_stem(name) for name in names] == [
        "a",
        "x/b",
        "01__108",
        "5.6",
        "a.b",
        "no suffix",
        "raw",
    ]


def test_a_half_is_told_by_a_name_that_is_one_or_two():
    assert [half_of(name) for name in ("1", "g/2", "g/1_720p.mkv", "2_224p.mkv", "2_HQ.mp4")] == [
        1,
        2,
        1,
        2,
        2,
    ]
    assert [half_of(name) for name in ("3", "12_720p.mkv", "1 - a.mp4", "720p.mp4", "")] == [
        None
    ] * 5
    assert is_whole_game("g/720p.mp4")
    assert not is_whole_game("g/1_720p.mkv")


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_media_is_found_by_name_by_stem_and_by_half(tmp_path):
    touch(tmp_path, "a.mp4", "a.csv", "g/1_224p.mkv", "g/1_720p.mkv", "g/2_224p.mkv", "h/720p.mp4")
    root = tmp_path.resolve()
    for video, file in (
        ("a.mp4", "a.mp4"),
        ("a", "a.mp4"),
        ("league/a", "a.mp4"),
        ("g/1", "g/1_720p.mkv"),
        ("g/2", "g/2_224p.mkv"),
        ("h/1", "h/720p.mp4"),
    ):
        assert find_media(tmp_path, video) == root / file


def test_media_that_is_not_there_or_not_sure_is_refused(tmp_path):
    touch(tmp_path, "a.mp4", "a.mkv", "h/720p.mp4")
    for video, match in (
        ("b", "no video of this name"),
        ("a", "a.mkv, a.mp4.*match; keep one"),
        ("h/2", "no video of this name"),
        ("../a.mp4", "is outside of"),
        ("/etc/passwd", "is outside of"),
        ("\0", "is outside of"),
    ):
        with pytest.raises(LabelError, match=match):
            find_media(tmp_path, video)
