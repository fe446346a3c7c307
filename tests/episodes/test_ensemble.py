"""Ensembles: 2-means, median and mean of named members' answers."""

import json

import numpy as np
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from playhead.episodes.features.commands import add_prepare_commands
from playhead.episodes.features.contest import read_answers, write_answers, write_labels
from playhead.episodes.network.ensemble import (
    ensemble,
    ensemble_files,
    fuse,
    read_members,
    two_means,
)
from playhead.errors import LabelError, PlayheadError

answers = st.lists(st.floats(0, 200).map(lambda value: round(value, 1)), min_size=1, max_size=7)


def test_two_means_is_the_mean_of_the_larger_cluster():
    assert two_means([10, 11, 12, 90, 95]) == 11
    assert two_means([90, 10, 95, 12, 97]) == 94
    assert two_means([7.5] * 5) == 7.5
    assert two_means([3]) == 3


def test_a_tie_is_the_median():
    assert two_means([10, 20]) == 15  # one answer each
    assert two_means([10, 11, 90, 93]) == 50.5  # two each
    assert two_means([10, 20, 30]) == 20  # two divisions are equally good


@pytest.mark.slow
def test_two_means_equals_seeded_k_means_of_scikit_learn():
    cluster = pytest.importorskip("sklearn.cluster")
    random = np.random.default_rng(0)
    for _ in range(40):
        values = random.uniform(0, 200, 5)
        fitted = cluster.KMeans(2, n_init=20, random_state=0).fit(values[:, None])
        larger = np.argmax(np.bincount(fitted.labels_))
        assert two_means(values) == pytest.approx(values[fitted.labels_ == larger].mean())


@given(answers, st.randoms())
def test_the_order_of_the_members_does_not_matter(values, random):
    moved = list(values)
    random.shuffle(moved)
    for method in ("two-means", "median", "mean"):
        fused = fuse(values, method)
        assert fuse(moved, method) == pytest.approx(fused)
        assert min(values) - 1e-9 <= fused <= max(values) + 1e-9


def test_the_weights_are_those_of_the_mean():
    assert fuse([10, 20], "mean", [3, 1]) == 12.5
    assert fuse([10, 20, 60], "median") == 20


def test_none_is_the_answer_if_at_least_half_say_so():
    assert fuse([None, None, 5], "two-means") is None
    assert fuse([None, 5], "mean") is None
    assert fuse([None, 4, 6], "mean") == 5
    assert fuse([None, 4, 6], "mean", [2, 1, 1]) is None


def test_the_weighted_mean_leaves_out_the_weight_of_none():
    assert fuse([None, 4, 8], "mean", [1, 3, 1]) == 5


def test_members_and_the_ensemble_are_scored():
    members = {"one": {"a_start": 10.0}, "two": {"a_start": 20.0}, "three": {"a_start": 21.0}}
    result = ensemble(members, labels={"a_start": 20.0})
    assert {name: score.score for name, score in result.scores.items()} == {
        "one": 9.0,
        "two": 0.0,
        "three": 0.0,
        "fused": 0.0,
    }
    assert result.answers == {"a_start": 20.5}
    assert ensemble({"a": members["one"], "b": dict(members["one"])}).alike == (("a", "b"),)


@pytest.fixture
def files(tmp_path):
    for name, value in (("a", 10.0), ("b", 20.0), ("c", 21.0)):
        write_answers({"x_start": value, "y_end": value + 1}, tmp_path / f"{name}.csv")
    return tmp_path


def test_members_have_the_names_that_they_are_given(files):
    members = read_members([f"plain={files}/a.csv", f"{files}/b.csv"])
    assert list(members) == ["plain", "b"]
    assert members["b"] == {"x_start": 20.0, "y_end": 21.0}


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (["m={}/a.csv", "m={}/b.csv"], "m: .* have the same name"),
        (["{}/a.csv", "a={}/b.csv"], "a: .* have the same name"),
        (["m={}/a.csv", "n={}/a.csv"], "given twice, as m and as n"),
        (["={}/a.csv"], "cannot be called"),
        (["fused={}/a.csv"], "cannot be called"),
        (["m={}/a.csv", "n={}/d.csv"], r"y_end is answered by only one of m and n \(1 such"),
    ],
)
def test_members_that_cannot_be_told_apart_are_refused(files, members, message):
    write_answers({"x_start": 1.0}, files / "d.csv")
    with pytest.raises(PlayheadError, match=message):
        read_members([member.format(files) for member in members])


def run(*arguments):
    app = typer.Typer()
    add_prepare_commands(app)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_command_writes_the_contests_rows_and_the_scores(files):
    write_labels({"x_start": 20.0, "y_end": 21.0}, files / "labels.txt")
    members = [f"{name}={files}/{name}.csv" for name in "abc"]
    options = ["--labels", files / "labels.txt", "--json", "--out", files / "out.csv"]
    done = run("ensemble", *members, *options)
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["members"] == ["a", "b", "c"]
    assert document["metrics"]["a"]["score"] == 9
    assert document["metrics"]["fused"] == {"clips": 2, "score": 0, "missed": 0, "false": 0}
    assert read_answers(files / "out.csv") == {"x_start": 20.5, "y_end": 21.5}


def test_the_command_takes_weights_for_the_mean_only(files):
    members = [f"{name}={files}/{name}.csv" for name in "ab"]
    weights = ["--weights", "3,1", "--out", files / "out.csv"]
    assert run("ensemble", *members, *weights, "--method", "mean").exit_code == 0
    assert read_answers(files / "out.csv")["x_start"] == 12.5
    assert isinstance(run("ensemble", *members, *weights).exception, PlayheadError)


def test_the_output_may_not_be_a_member(files):
    before = (files / "a.csv").read_text()
    done = run("ensemble", f"a={files}/a.csv", f"{files}/b.csv", "--out", files / "a.csv")
    assert isinstance(done.exception, PlayheadError)
    assert (files / "a.csv").read_text() == before


def test_the_command_says_that_two_members_are_alike(files):
    (files / "d.csv").write_text((files / "a.csv").read_text())
    done = run("ensemble", f"a={files}/a.csv", f"d={files}/d.csv", "--out", files / "out.csv")
    assert "a and d give the same answers" in done.stderr


def test_a_missing_member_is_named_also_where_the_output_exists(tmp_path):
    write_answers({"a_start": 1.0}, tmp_path / "a.csv")
    write_answers({"a_start": 1.0}, tmp_path / "out.csv")
    members = [f"one={tmp_path / 'a.csv'}", f"two={tmp_path / 'none.csv'}"]
    with pytest.raises(LabelError, match=r"none\.csv: cannot be read"):
        ensemble_files(members, tmp_path / "out.csv")
