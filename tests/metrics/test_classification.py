"""Classification metrics against an independent implementation and closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.errors import LabelError, PlayheadError
from playhead.metrics.classification import (
    chance,
    classify,
    group_interval,
    macro_f1,
    top_k,
)


def drawn(seed, clips, classes):
    rng = np.random.default_rng(seed)
    return rng.integers(0, classes, clips), rng.dirichlet(np.ones(classes), clips)


def f1_by_counting(truth, probabilities):
    """Macro F1 clip by clip, without NumPy."""
    guesses = [max(range(len(row)), key=lambda k: row[k]) for row in probabilities.tolist()]
    values = []
    for k in range(probabilities.shape[1]):
        tp = sum(t == k == g for t, g in zip(truth, guesses, strict=True))
        fp = sum(t != k == g for t, g in zip(truth, guesses, strict=True))
        fn = sum(t == k != g for t, g in zip(truth, guesses, strict=True))
        if tp + fp + fn:
            values.append(2 * tp / (2 * tp + fp + fn))
    return sum(values) / len(values)


@given(st.integers(0, 9999), st.integers(1, 40), st.integers(2, 9))
def test_macro_f1_is_that_of_counting(seed, clips, classes):
    truth, probabilities = drawn(seed, clips, classes)
    assert macro_f1(truth, probabilities) == pytest.approx(
        f1_by_counting(truth.tolist(), probabilities)
    )


@given(st.integers(0, 9999), st.integers(1, 40), st.integers(2, 9), st.integers(1, 9))
def test_top_k_counts_clips_with_fewer_than_k_better_classes(seed, clips, classes, k):
    truth, probabilities = drawn(seed, clips, classes)
    better = (probabilities > probabilities[np.arange(clips), truth][:, None]).sum(1)
    assert top_k(truth, probabilities, k) == pytest.approx(np.mean(better < k))


def test_the_confusion_matrix_has_the_truth_in_rows():
    probabilities = np.eye(3)[[0, 2, 2, 1]]
    result = classify([0, 1, 2, 2], probabilities, ("a", "b", "c"))
    assert result.confusion.tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 1]]
    assert result.top1 == 0.5
    b, c = result.per_class[1:]
    assert (b.precision, b.recall, b.f1) == (0, 0, 0)
    assert (c.clips, c.predicted, c.hits, c.precision, c.recall) == (2, 2, 1, 0.5, 0.5)


def test_equal_probabilities_are_answered_by_the_first_class():
    result = classify([0, 1], np.full((2, 2), 0.5), ("a", "b"))
    assert result.top1 == 0.5


def test_chance_of_equal_classes_is_one_over_their_number():
    assert chance(np.repeat(np.arange(4), 5), 6) == pytest.approx(0.25)


def test_an_interval_over_groups_is_wider_than_over_clips():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(12), 20)
    right = np.repeat(rng.random(12) < 0.5, 20)  # a group is right as a whole
    truth = np.zeros(240, np.intp)
    probabilities = np.where(right[:, None], [[0.9, 0.1]], [[0.1, 0.9]])

    def accuracy(labels, values):
        return top_k(labels, values, 1)

    by_group = group_interval(accuracy, truth, probabilities, groups.astype(str).tolist())
    by_clip = group_interval(accuracy, truth, probabilities, [str(n) for n in range(240)])
    assert by_group.value == by_clip.value == pytest.approx(right.mean())
    assert by_group.high - by_group.low > 3 * (by_clip.high - by_clip.low)
    assert by_group.low <= by_group.value <= by_group.high


def test_the_same_seed_gives_the_same_interval():
    truth, probabilities = drawn(0, 30, 3)
    groups = [str(n // 3) for n in range(30)]
    first = group_interval(macro_f1, truth, probabilities, groups, resamples=50)
    assert first == group_interval(macro_f1, truth, probabilities, groups, resamples=50)
    assert first != group_interval(macro_f1, truth, probabilities, groups, resamples=50, seed=1)


@pytest.mark.parametrize(
    ("truth", "probabilities"),
    [([], np.zeros((0, 2))), ([0], np.ones((2, 2))), ([2], np.ones((1, 2))),
     ([0], np.array([[np.nan, 1.0]])), ([0], np.ones((1, 3)))],
)  # fmt: skip
def test_what_does_not_match_is_refused(truth, probabilities):
    with pytest.raises(LabelError):
        classify(truth, probabilities, ("a", "b"))


def test_one_group_has_no_interval():
    with pytest.raises(PlayheadError):
        group_interval(macro_f1, np.array([0, 1]), np.eye(2), ["a", "a"])
