"""Window mAP against its definition, worked out by hand and by a slow loop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.metrics.window_map import window_map


def test_a_ranking_worked_out_by_hand() -> None:
    scores = np.array([[0.9], [0.8], [0.7], [0.1]], np.float32)
    targets = np.array([[1], [0], [1], [0]], np.float32)
    assert window_map(scores, targets) == pytest.approx((1 + 2 / 3) / 2)


def test_equal_scores_rank_no_better_than_their_share_of_positives() -> None:
    targets = np.array([[1], [0], [0], [1]], np.float32)
    assert window_map(np.full((4, 1), 0.5, np.float32), targets) == pytest.approx(0.5)


def test_a_class_that_no_window_has_does_not_count() -> None:
    scores = np.array([[0.9, 0.9], [0.1, 0.8]], np.float32)
    targets = np.array([[1, 0], [0, 0]], np.float32)
    assert window_map(scores, targets) == 1.0


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=40))
def test_it_is_the_mean_over_positives_of_the_precision_at_their_score(
    rows: list[tuple[int, bool]],
) -> None:
    scores = np.array([[score / 5] for score, _ in rows], np.float32)
    targets = np.array([[float(positive)] for _, positive in rows], np.float32)
    precisions = []
    for score, positive in rows:
        if positive:
            above = [other for value, other in rows if value >= score]
            precisions.append(sum(above) / len(above))
    expected = sum(precisions) / len(precisions) if precisions else 0.0
    assert window_map(scores, targets) == pytest.approx(expected)
