"""Folds keep every group whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.errors import LabelError
from playhead.samples.folds import Fold, chosen_fold, grouped_folds, refuse_leaks

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


def test_folds_are_of_about_equal_size():
    groups = ["big"] * 6 + ["b"] * 3 + ["c"] * 3 + ["d"] * 2 + ["e"] * 4
    assert sorted(len(fold.validation) for fold in grouped_folds(groups, 3)) == [6, 6, 6]


def test_a_group_on_both_sides_is_refused_by_name():
    with pytest.raises(LabelError, match=r"^derby: on both sides"):
        refuse_leaks(["derby", "cup", "derby"], Fold((0,), (1, 2)))
    refuse_leaks(["derby", "cup", "derby"], Fold((0, 2), (1,)))


@pytest.mark.parametrize("side", ["train", "valid"])
@pytest.mark.parametrize("folds", [None, 2])
def test_a_group_of_a_test_split_is_refused_where_it_trains_or_validates(side, folds):
    splits = ["train", "valid", side, "test", None]
    groups = ["derby", "cup", "final", "final", "final"]
    with pytest.raises(LabelError, match=r"^final: on both sides of the split .*, and test\)"):
        chosen_fold(groups, splits, folds=folds)
    chosen_fold([*groups[:3], "last", "spare"], splits, folds=folds)


def test_a_group_may_have_videos_that_take_no_part_unless_folds_deal_them_out():
    groups, splits = ["derby", "cup", "final", "derby"], ["train", "valid", "test", None]
    assert chosen_fold(groups, splits, folds=None) == Fold((0,), (1,))
    with pytest.raises(LabelError, match="^final"):
        chosen_fold(["derby", "cup", "final", "final"], splits, folds=2)


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("xyz")), min_size=8))
def test_folds_by_class_are_never_empty_and_keep_groups_whole(videos):
    groups, labels = zip(*videos, strict=True)
    count = len(set(groups))
    if count < 2:
        return
    folds = grouped_folds(groups, count, labels=labels)
    assert all(len({groups[v] for v in fold.validation}) == 1 for fold in folds)
    assert folds == grouped_folds(groups, count, labels=labels)


def test_every_fold_has_its_share_of_each_class_where_groups_allow_it():
    labels = ["run"] * 6 + ["jump"] * 6
    groups = [f"{label}{number % 3}" for number, label in enumerate(labels)]
    for fold in grouped_folds(groups, 3, labels=labels):
        assert sorted(labels[v] for v in fold.validation) == ["jump"] * 2 + ["run"] * 2
