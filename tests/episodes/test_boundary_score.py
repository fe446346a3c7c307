"""Scores of boundaries, against figures worked out by hand."""

import pytest

from playhead.episodes.network.score import NEAR, score_boundaries


def test_errors_count_by_kind_and_clips_without_a_boundary_do_not() -> None:
    scores = score_boundaries(
        [10.0, 21.0, 30.0, 99.0, 50.0],
        [10.0, 20.0, 34.0, None, 52.0],
        ["start", "start", "start", "start", "end"],
    )
    assert scores["opening_near_share"] == pytest.approx(2 / 3)  # errors of 0, 1 and 4 s
    assert scores["ending_near_share"] == 0.0  # 2 s
    assert scores["near_share"] == pytest.approx(2 / 4)
    assert scores["opening_score"] == pytest.approx((0 + 0 + 3) / 3)  # max(0, error - 1)
    assert scores["opening_constant"] == pytest.approx((9 + 0 + 13) / 3)  # of the median, 20 s
    assert scores["ending_median_error"] == 2.0


@pytest.mark.parametrize(("error", "near"), [(NEAR, 1.0), (NEAR + 0.01, 0.0)])
def test_an_answer_is_near_up_to_its_limit(error: float, near: float) -> None:
    assert score_boundaries([30.0 + error], [30.0], ["start"])["near_share"] == near
