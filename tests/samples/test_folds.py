"""Folds keep every group whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.errors import LabelError
from playhead.samples.folds import Fold, fold_of, grouped_folds, leave_one_group_out, refuse_leaks

groups_lists = st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=40).filter(
    lambda groups: len(set(groups)) > 1
)


@given(groups_lists, st.integers(2, 8))
def test_each_video_is_held_out_once_and_no_group_is_on_both_sides(groups, count):
    if count > len(set(groups)):
        with pytest.raises(LabelError, match="folds of"):
            grouped_folds(groups, count)
        return
    folds = grouped_folds(groups, count)
    assert len(folds) == count
    held = [video for fold in folds for video in fold.validation]
    assert sorted(held) == list(range(len(groups)))
    for fold in folds:
        assert set(fold.train) | set(fold.validation) == set(range(len(groups)))
        assert not {groups[v] for v in fold.train} & {groups[v] for v in fold.validation}
        assert fold.train
        assert fold.validation


def test_seven_matches_in_two_halves_make_seven_folds_of_a_match():
    groups = [f"match {i // 2}" for i in range(14)]
    folds = leave_one_group_out(groups)
    assert [fold.validation for fold in folds] == [(i, i + 1) for i in range(0, 14, 2)]


def test_folds_are_of_about_equal_size():
    groups = ["big"] * 6 + ["b"] * 3 + ["c"] * 3 + ["d"] * 2 + ["e"] * 4
    assert sorted(len(fold.validation) for fold in grouped_folds(groups, 3)) == [6, 6, 6]


def test_a_group_on_both_sides_is_refused_by_name():
    with pytest.raises(LabelError, match=r"^derby: on both sides"):
        refuse_leaks(["derby", "cup", "derby"], Fold((0,), (1, 2)))
    refuse_leaks(["derby", "cup", "derby"], Fold((0, 2), (1,)))


def test_the_fold_of_a_video_is_the_one_that_never_saw_it():
    groups = ["a", "b", "c", "a"]
    folds = grouped_folds(groups, 3)
    for video, fold in enumerate(fold_of(folds, 4)):
        assert video not in folds[fold].train
    assert folds[2].validation == (2,)
    with pytest.raises(LabelError, match="videos 2: must be held out"):
        fold_of(folds[:2], 4)


def test_one_group_cannot_be_left_out():
    with pytest.raises(LabelError, match="at least 2"):
        leave_one_group_out(["a", "a"])
