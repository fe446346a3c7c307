"""Thresholds: each is the best there is, tried against every other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.metrics.curves import F1
from playhead.metrics.matching import ScoredHits
from playhead.metrics.thresholds import (
    at_threshold,
    best_f1_threshold,
    threshold_of_precision,
    threshold_of_recall,
)

LEVELS = [0.001, 0.25, 0.2501, 0.3, 1 / 3, 0.5, 0.9, 1.0]


@st.composite
def scored(draw: st.DrawFn) -> ScoredHits:
    rows = draw(st.lists(st.tuples(st.sampled_from(LEVELS), st.booleans()), max_size=12))
    rows.sort(key=lambda row: -row[0])
    hits = np.array([hit for _, hit in rows], np.bool_)
    missed = draw(st.integers(0, 4))
    scores = np.array([row[0] for row in rows], np.float32).astype(np.float64)
    return ScoredHits(scores, hits, int(hits.sum()) + missed)


def counted(found: ScoredHits, threshold: float) -> tuple[float, float, float]:
    """Precision, recall and F1 by counting."""
    kept = found.hits[found.scores.astype(np.float32) >= np.float32(threshold)]
    tp, fp, fn = kept.sum(), (~kept).sum(), found.truths - kept.sum()
    return (
        tp / (tp + fp) if tp + fp else 0.0,
        tp / found.truths if found.truths else 0.0,
        2 * tp / (2 * tp + fp + fn) if tp else 0.0,
    )


def everything(found: ScoredHits) -> list[tuple[float, float, float]]:
    return [counted(found, threshold) for threshold in set(found.scores.tolist())]


@given(scored(), st.floats(0, 1))
def test_figures_at_a_threshold_are_those_of_counting(found: ScoredHits, threshold: float) -> None:
    one = at_threshold(found, threshold)
    assert (one.precision, one.recall, one.f1) == pytest.approx(counted(found, threshold))
    assert one.threshold == threshold


@given(scored())
def test_no_threshold_has_a_better_f1_than_the_best(found: ScoredHits) -> None:
    best = best_f1_threshold(found)
    assert best.f1 == pytest.approx(max((f1 for _, _, f1 in everything(found)), default=0.0))
    assert (best.threshold is None) == (not found.hits.any())
    check(found, best)


@given(scored(), st.sampled_from([0.1, 0.5, 2 / 3, 0.9, 1.0]))
def test_the_threshold_of_a_precision_has_it_and_the_greatest_recall_with_it(
    found: ScoredHits, wanted: float
) -> None:
    best = threshold_of_precision(found, wanted)
    enough = [recall for precision, recall, _ in everything(found) if precision >= wanted]
    assert (best is None) == (not enough)
    if best is not None:
        assert best.precision >= wanted
        assert best.recall == pytest.approx(max(enough))
        check(found, best)


@given(scored(), st.sampled_from([0.1, 0.5, 2 / 3, 0.9, 1.0]))
def test_the_threshold_of_a_recall_has_it_and_is_the_highest_that_has(
    found: ScoredHits, wanted: float
) -> None:
    best = threshold_of_recall(found, wanted)
    enough = [score for score in found.scores.tolist() if counted(found, score)[1] >= wanted]
    assert (best is None) == (not enough)
    if best is not None:
        assert best.recall >= wanted
        assert best.threshold is not None
        assert not any(
            score > max(enough) for score in found.scores if score <= np.float32(best.threshold)
        )
        check(found, best)


def check(found: ScoredHits, one: F1) -> None:
    """What a threshold promises is what it does, and it can be used: above 0, at most 1."""
    if one.threshold is None:
        return
    assert 0 < one.threshold <= 1
    assert (one.precision, one.recall, one.f1) == pytest.approx(counted(found, one.threshold))


def test_a_threshold_has_no_more_decimals_than_it_takes_to_part_two_scores() -> None:
    hits = np.array([True, True, False])
    assert best_f1_threshold(ScoredHits(np.array([0.81, 0.7321, 0.4]), hits, 2)).threshold == 0.7
    close = ScoredHits(np.array([0.81, 0.7321, 0.7319]), hits, 2)
    assert best_f1_threshold(close).threshold == 0.732
    saved = ScoredHits(np.array([0.81, 0.7, 0.69], np.float32).astype(float), hits, 2)
    assert best_f1_threshold(saved).threshold == 0.7
    single = np.array([0.9, 0.4], np.float32).astype(float)
    assert best_f1_threshold(ScoredHits(single, hits[1:], 1)).threshold == 0.9
    lowest = ScoredHits(np.array([0.00123]), np.array([True]), 1)
    assert best_f1_threshold(lowest).threshold == 0.001


@pytest.mark.parametrize("wanted", [0.0, 1.5, float("nan")])
def test_a_share_outside_0_to_1_is_refused(wanted: float) -> None:
    found = ScoredHits(np.array([0.5]), np.array([True]), 1)
    with pytest.raises(ValueError, match="above 0"):
        threshold_of_recall(found, wanted)
    with pytest.raises(ValueError, match="above 0"):
        threshold_of_precision(found, wanted)
