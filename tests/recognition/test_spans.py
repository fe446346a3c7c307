"""Spans of long videos."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.recognition.config import RecognitionDecisions
from playhead.recognition.spans import label_spans, windows_of

DECISIONS = RecognitionDecisions()
CLASSES = ("a", "b", "c")


def rows(labels: str, confidence: float = 0.8) -> np.ndarray:
    spread = (1 - confidence) / 2
    return np.array([[confidence if c == label else spread for c in CLASSES] for label in labels])


@given(st.floats(0, 100), st.floats(0.1, 200), st.floats(0.5, 10), st.floats(0.1, 1))
def test_windows_cover_all_and_stay_inside(
    start: float, seconds: float, length: float, share: float
) -> None:
    end = start + seconds
    windows = windows_of(start, end, length, length * share)
    assert windows[0][0] == start
    assert windows[-1][1] == pytest.approx(end)
    for (first, last), (following, _) in pairwise(windows):
        assert last - first == pytest.approx(length)
        assert first < following <= first + length * share + 1e-6


def test_windows_that_do_not_overlap_give_their_labels() -> None:
    windows = [(0.0, 2.0), (2.0, 4.0), (4.0, 6.0), (6.0, 8.0)]
    spans = label_spans(windows, rows("aabb"), CLASSES, DECISIONS, track=3)
    assert [(span.label, span.start, span.end) for span in spans] == [("a", 0, 4), ("b", 4, 8)]
    assert {span.track for span in spans} == {3}
    assert [span.score for span in spans] == [pytest.approx(0.8)] * 2


def test_a_change_lies_between_the_windows_that_see_more_of_one() -> None:
    windows = windows_of(0.0, 10.0, 2.0, 0.5)
    labels = "".join("a" if (first + last) / 2 < 5 else "b" for first, last in windows)
    spans = label_spans(windows, rows(labels), CLASSES, DECISIONS)
    assert [span.label for span in spans] == ["a", "b"]
    assert spans[0].end == pytest.approx(5.0, abs=0.5)
    assert spans[0].end == spans[1].start


def test_low_confidence_is_unknown_and_short_spans_are_left_out() -> None:
    windows = [(0.0, 2.0), (2.0, 4.0), (4.0, 4.5)]
    probabilities = np.concatenate([rows("a"), rows("b", 0.4), rows("c")])
    decisions = RecognitionDecisions(unknown_below=0.5, min_seconds=1.0)
    spans = label_spans(windows, probabilities, CLASSES, decisions)
    assert [(span.label, span.end) for span in spans] == [("a", 2.0), ("unknown", 4.0)]


def test_one_window_is_one_span() -> None:
    [span] = label_spans([(0.5, 1.5)], rows("c"), CLASSES, DECISIONS)
    assert (span.label, span.start, span.end) == ("c", 0.5, 1.5)


def test_a_span_goes_on_over_a_short_one_that_is_left_out() -> None:
    windows = [(0.0, 2.0), (2.0, 2.5), (2.5, 4.0)]
    decisions = RecognitionDecisions(min_seconds=1.0)
    [span] = label_spans(windows, rows("aba"), CLASSES, decisions)
    assert (span.label, span.start, span.end) == ("a", 0.0, 4.0)
    assert span.score == pytest.approx((2 * 0.8 + 0.5 * 0.1 + 1.5 * 0.8) / 4)
