"""Which prediction belongs to which video."""

import pytest

from playhead.errors import LabelError
from playhead.spotting.truth import pair_videos


def test_a_dot_in_a_name_is_no_suffix_of_the_prediction() -> None:
    truth = ["set/2015.02.21 - 18.00 A.mp4", "set/2015.02.21 - 20.00 B.mp4"]
    assert pair_videos(["2015.02.21 - 20.00 B", "2015.02.21 - 18.00 A"], truth) == [1, 0]


def test_names_without_suffixes_that_differ_after_a_dot_are_two_videos() -> None:
    assert pair_videos(["match.2", "match.1"], ["match.1", "match.2"]) == [1, 0]
    assert pair_videos(["match.3"], ["match.1", "match.2"]) == [None]


def test_of_equal_names_the_folders_decide() -> None:
    truth = ["/data/a/720p.mp4", "/data/b/720p.mp4"]
    assert pair_videos(["b/720p", "a/720p"], truth) == [1, 0]


def test_a_name_that_two_videos_share_is_refused() -> None:
    with pytest.raises(LabelError, match="both a/720p.mp4 and b/720p.mp4"):
        pair_videos(["720p"], ["a/720p.mp4", "b/720p.mp4"])


def test_any_suffix_may_be_missing_on_one_side() -> None:
    assert pair_videos(["clip", "x/clip.raw"], ["y/clip.raw"]) == [0, 0]
