"""The contest's rows and score, and the checks and priors of real labels."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.episodes.features.contest import (
    contest_score,
    read_answers,
    read_labels,
    score_answers,
    write_answers,
    write_labels,
)
from playhead.episodes.features.intro_labels import (
    IntroLabel,
    check_intros,
    contest_priors,
    corrected,
    intro_priors,
    prior_of,
    read_intros,
)
from playhead.errors import LabelError

names = st.tuples(
    st.text("abcXYZ09-_é", min_size=1, max_size=8), st.sampled_from(["_start", "_end"])
).map("".join)
seconds = st.floats(0, 200).map(lambda value: round(value, 3))
rows = st.dictionaries(names, st.none() | seconds, min_size=1, max_size=8)


def test_the_score_is_the_mean_of_the_error_past_one_second():
    assert contest_score([0.5, -1, 3, -11]) == (0 + 0 + 2 + 10) / 4
    assert math.isnan(contest_score([]))


@given(st.lists(st.floats(-200, 200), min_size=1, max_size=9))
def test_the_score_equals_the_reference_loop(errors):
    total = 0.0
    for error in errors:
        if abs(error) > 1:
            total += abs(error) - 1
    assert contest_score(errors) == pytest.approx(total / len(errors))


@given(rows)
def test_labels_and_answers_are_written_and_read_again_unchanged(tmp_path_factory, values):
    folder = tmp_path_factory.mktemp("rows")
    write_labels(values, folder / "labels.txt")
    assert read_labels(folder / "labels.txt") == values
    write_answers(values, folder / "answers.csv")
    assert read_answers(folder / "answers.csv") == values


def test_the_rows_are_those_of_the_contest(tmp_path):
    answers = {"a_start": 66.0, "b,c_end": 1.23456, "d_end": None}
    write_answers(answers, tmp_path / "a.csv")
    expected = "a_start.mp4,s,66.000\nb,c_end.mp4,e,1.235\nd_end.mp4,e,none\n"
    assert (tmp_path / "a.csv").read_text() == expected
    write_labels({"a_start": 66.5}, tmp_path / "l.txt")
    assert (tmp_path / "l.txt").read_text() == "a_start 66.5\n"


@pytest.mark.parametrize(
    "text",
    [
        "a_start",
        "a_start 1 2",
        "a_middle 1",
        "a_start -1",
        "a_start nan",
        "a_start inf",
        "a_start soon",
        "a_start 1\na_start 2",
        "",
    ],
)
def test_a_wrong_label_row_is_refused_by_its_line(tmp_path, text):
    path = tmp_path / "labels.txt"
    path.write_text(text)
    with pytest.raises(LabelError, match=r"labels\.txt: (line \d|the file is empty)"):
        read_labels(path)


@pytest.mark.parametrize(
    "text",
    [
        "a_start.mp4,s",
        "a_start.mp4,e,1",
        "a_end.mp4,s,1",
        "a.mp4,s,1",
        "a_start.mp4,s,x",
        "a_start.mp4,s,1\na_start.mp4,s,1",
    ],
)
def test_a_wrong_answer_row_is_refused_by_its_line(tmp_path, text):
    path = tmp_path / "answers.csv"
    path.write_text(text)
    with pytest.raises(LabelError, match=r"answers\.csv: line \d"):
        read_answers(path)


def test_a_name_that_the_rows_cannot_hold_is_refused(tmp_path):
    for name in ("a_start ", "a\nb_start"):
        with pytest.raises(LabelError, match="no line break"):
            write_labels({name: 1.0}, tmp_path / "l.txt")
    with pytest.raises(LabelError, match="_start or _end"):
        write_answers({"a": 1.0}, tmp_path / "a.csv")


def test_a_name_with_spaces_is_read_again(tmp_path):
    labels = {"Show/Season 01/S01E02_start": 12.5, "a b_end": None}
    write_labels(labels, tmp_path / "labels.txt")
    assert read_labels(tmp_path / "labels.txt") == labels


def test_none_is_counted_apart_from_the_score():
    labels = {"a_start": 10.0, "b_start": None, "c_start": 5.0, "d_start": None}
    answers = {"a_start": 13.0, "b_start": 2.0, "c_start": None, "d_start": None, "e_start": 0.0}
    score = score_answers(answers, labels)
    assert (score.clips, score.score, score.missed, score.false) == (4, 2.0, 1, 1)
    assert score_answers({"b_start": None}, {"b_start": None}).to_json()["score"] is None
    with pytest.raises(LabelError, match="c_start: has a label, but no answer"):
        score_answers({"a_start": 1.0}, {"a_start": 1.0, "c_start": 1.0})


# --- labels of openings


def test_the_checker_finds_swapped_empty_long_and_repeated_rows():
    labels = [
        IntroLabel("right", 10, 70),
        IntroLabel("swapped", 70, 10),
        IntroLabel("empty", 5, 5),
        IntroLabel("long", 460, 11),
        IntroLabel("right", 70, 10),
        IntroLabel("empty", 5, 9),
    ]
    found = [(finding.row, finding.problem) for finding in check_intros(labels)]
    assert found == [
        (1, "swapped"),
        (2, "empty"),
        (3, "swapped"),
        (3, "long"),
        (4, "swapped"),
        (4, "repeated"),
        (5, "contradicts"),
    ]
    assert corrected(labels[1]) == IntroLabel("swapped", 10, 70)
    assert check_intros([corrected(label) for label in labels[:2]]) == []


def test_priors_are_of_corrected_spans_without_the_empty_and_the_long():
    labels = [IntroLabel("a", 10, 70), IntroLabel("b", 90, 50), IntroLabel("c", 1, 1)]
    priors = intro_priors([*labels, IntroLabel("d", 0, 999)])
    assert (priors["start"].count, priors["start"].median) == (2, 30)
    assert priors["length"].median == 50
    assert prior_of([]).count == 0


@pytest.mark.parametrize("time", ["1:60", "x", "1:2:3:4", "90", "0:61:00"])
def test_a_time_that_is_none_is_refused(tmp_path, time):
    path = tmp_path / "labels.json"
    path.write_text(f'{{"a": {{"start": "0:00:01", "end": "{time}"}}}}')
    with pytest.raises(LabelError, match=r"labels\.json: a: 'end' needs a time"):
        read_intros(path)


@pytest.mark.data
def test_the_contest_labels_are_those_of_their_readme(real_data):
    folder = real_data / "intro_labels/video_position"
    counts = {"train": (1541, 1372, 2299), "val": (258, 228, 471)}
    values = {}
    for split, (starts, ends, ids) in counts.items():
        labels = read_labels(folder / f"{split}.txt")
        priors = contest_priors(labels)
        assert (priors["start"].count, priors["end"].count) == (starts, ends)
        assert len({name.rpartition("_")[0] for name in labels}) == ids
        values |= {f"{split} {name}": label for name, label in labels.items()}
    everything = np.array(list(values.values()))
    assert (round(everything.min(), 1), round(everything.max(), 1)) == (3.0, 199.7)


@pytest.mark.data
def test_a_constant_for_each_kind_scores_about_28_on_the_contest_labels(real_data):
    priors = contest_priors(read_labels(real_data / "intro_labels/video_position/train.txt"))
    assert priors["start"].constant == pytest.approx(27.7, abs=0.1)
    assert priors["end"].constant == pytest.approx(28.5, abs=0.1)
    assert (round(priors["start"].median), round(priors["end"].median)) == (77, 136)


@pytest.mark.data
def test_the_checker_finds_the_29_swapped_rows_among_125(real_data):
    folder = real_data / "intro_labels/vk_series_intro"
    labels = [
        label
        for split in ("train", "test")
        for label in read_intros(folder / f"{split}_labels.json")
    ]
    assert len(labels) == 125
    findings = check_intros(labels)
    problems = Counter(finding.problem for finding in findings)
    assert problems == {"swapped": 29, "repeated": 15, "long": 1}
    assert not any(f.problem == "swapped" for f in check_intros([corrected(x) for x in labels]))
