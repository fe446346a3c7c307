"""Groups and splits: whole groups on one side, shares kept, nothing by chance."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.detection.labels.read import read_image_set
from playhead.detection.normalise import normalise
from playhead.detection.normalise.config import NormaliseConfig, load_normalise_config
from playhead.samples.splits import assign_splits, group_of
from tests.detection.label_sources import GOOD, found, run, yolo

SHARES = {"train": 0.7, "valid": 0.15, "test": 0.15}


@given(
    groups=st.lists(st.sampled_from([f"g{k}" for k in range(12)]), min_size=1, max_size=80),
    seed=st.integers(0, 5),
)
def test_a_group_is_in_one_split_whatever_the_order(groups: list[str], seed: int) -> None:
    counts = np.array([[len(group) + k % 3, k % 2] for k, group in enumerate(groups)])
    splits = assign_splits(groups, counts, SHARES, seed)
    of_group = dict(zip(groups, splits, strict=True))
    assert [of_group[group] for group in groups] == splits
    back = assign_splits(groups[::-1], counts[::-1], SHARES, seed)
    assert back[::-1] == splits


@pytest.mark.parametrize("seed", range(5))
def test_images_and_the_boxes_of_every_class_have_their_shares(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = [f"g{k}" for k in rng.integers(0, 200, 1000)]
    counts = np.stack([rng.poisson(3, 1000), rng.random(1000) < 0.05], axis=1).astype(int)
    splits = np.array(assign_splits(groups, counts, SHARES, seed))
    for name, share in SHARES.items():
        chosen = splits == name
        assert abs(chosen.mean() - share) < 0.01
        assert np.all(np.abs(counts[chosen].sum(axis=0) / counts.sum(axis=0) - share) < 0.03)


def test_another_seed_gives_another_split_and_the_same_seed_the_same() -> None:
    groups = [f"g{k}" for k in range(100)]
    counts = np.ones((100, 1), int)
    assert assign_splits(groups, counts, SHARES, 1) == assign_splits(groups, counts, SHARES, 1)
    assert assign_splits(groups, counts, SHARES, 1) != assign_splits(groups, counts, SHARES, 2)


@pytest.mark.parametrize(
    ("name", "expression", "group"),
    [
        ("match3_0012", r"match\d+", "match3"),
        ("match3_0012", r"^(.*)_\d+$", "match3"),
        ("day 1/cam2/0012", r"^[^/]+", "day 1"),
        ("other", r"match\d+", None),
        ("_0012", r"^(.*)_\d+$", None),
    ],
)
def test_a_group_is_what_an_expression_finds(name: str, expression: str, group: str | None) -> None:
    assert group_of(name, expression) == group


def test_groups_by_name_are_dealt_out_whole_and_a_name_without_one_is_said(tmp_path: Path) -> None:
    names = [f"m{match}_{k}" for match in range(10) for k in range(4)]
    root = yolo(tmp_path / "set", {**dict.fromkeys(names, GOOD), "odd": GOOD})
    report = run(tmp_path / "out", root, group_by=r"^(m\d+)_", split={"train": 0.7, "valid": 0.3})
    read = read_image_set(tmp_path / "out")
    assert len({one.group for one in read.images}) == 11
    assert len({(one.group, one.split) for one in read.images}) == 11
    train = [one for one in read.images if one.split == "train"]
    assert len(train) in range(27, 31)
    assert found(report) == {"name without a group": 1}
    assert {one.group for one in read.images if one.path.stem == "odd"} == {"odd"}


def test_what_the_shares_leave_over_is_the_test_split(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {f"{k}": GOOD for k in range(10)})
    report = run(tmp_path / "out", root, split={"train": 0.6, "valid": 0.2}).to_json()
    assert report["splits"] == {
        "test": {"images": 2, "boxes": 2},
        "train": {"images": 6, "boxes": 6},
        "valid": {"images": 2, "boxes": 2},
    }


def test_splits_of_the_sources_stay_and_a_group_in_two_of_them_is_warned_of(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {"train/m1_a": GOOD, "valid/m1_b": GOOD, "valid/m2_a": GOOD})
    report = run(tmp_path / "out", root, group_by=r"m\d", classes=["car"])
    assert [one.split for one in report.images.images] == ["train", "valid", "valid"]
    assert [
        "1 group with images in more than one split (first m1)" in w for w in report.warnings
    ] == [True]


def sources_of(root: Path, text: str) -> NormaliseConfig:
    (root / "sources.yaml").write_text(text)
    return load_normalise_config([str(root / "sources.yaml")], {})


def test_the_split_that_a_source_is_given_holds_and_the_others_are_dealt_out(
    tmp_path: Path,
) -> None:
    yolo(tmp_path / "ours", {f"a{k}": GOOD for k in range(10)}, seed=0)
    # A folder called train says less than the split that the source is given.
    yolo(tmp_path / "theirs", {f"train/b{k}": GOOD for k in range(4)}, seed=20)
    config = sources_of(
        tmp_path,
        "sources: [{path: ours}, {path: theirs, split: test}]\n"
        "classes: [car]\nsplit: {train: .8, valid: .2}\n",
    )
    made = normalise(config, tmp_path / "out").images
    split = {one.path.stem: one.split for one in made.images}
    assert [split[f"b{k}"] for k in range(4)] == ["test"] * 4
    assert Counter(split[f"a{k}"] for k in range(10)) == {"train": 8, "valid": 2}


def test_images_of_the_group_of_one_whose_split_holds_go_with_it(tmp_path: Path) -> None:
    yolo(tmp_path / "ours", {f"m{match}_{k}": GOOD for match in range(5) for k in range(2)})
    yolo(tmp_path / "theirs", {"m3_x": GOOD}, seed=20)
    config = sources_of(
        tmp_path,
        "sources: [{path: ours}, {path: theirs, split: test}]\n"
        "classes: [car]\nsplit: {train: .5, valid: .5}\ngroup_by: m\\d\n",
    )
    report = normalise(config, tmp_path / "out")
    split = {one.path.stem: one.split for one in report.images.images}
    assert {name for name, of_name in split.items() if of_name == "test"} == {
        *("m3_0", "m3_1", "m3_x")
    }
    assert not report.warnings


def test_a_group_in_two_splits_that_hold_is_warned_of_with_a_remedy_that_helps(
    tmp_path: Path,
) -> None:
    yolo(tmp_path / "ours", {"m1_a": GOOD, "m2_a": GOOD}, classes="car\n")
    yolo(tmp_path / "theirs", {"m1_b": GOOD}, classes="car\n", seed=20)
    config = sources_of(
        tmp_path,
        "sources: [{path: ours, split: train}, {path: theirs, split: test}]\n"
        "split: {train: .8, valid: .2}\ngroup_by: m\\d\n",
    )
    [warning] = normalise(config, tmp_path / "out").warnings
    assert "(first m1)" in warning
    assert "give the sources that share a group the same split" in warning


def test_of_two_splits_given_to_an_image_the_first_holds_and_is_said(tmp_path: Path) -> None:
    yolo(tmp_path / "one", {"valid/a": GOOD}, classes="car\n")
    config = sources_of(
        tmp_path,
        "sources: [{path: one}, {path: one, split: test}, {path: one, split: train}]\n",
    )
    report = normalise(config, tmp_path / "out")
    assert [one.split for one in report.images.images] == ["test"]
    assert [found(report, k).get("image in two splits", 0) for k in range(3)] == [0, 0, 1]
