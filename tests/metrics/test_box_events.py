"""F1 of events with boxes: the matching is a maximum one, at every score threshold."""

import time
from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from playhead.errors import LabelError, PlayheadError
from playhead.events.model import Event, VideoEvents
from playhead.metrics import box_events
from playhead.metrics.box_events import (
    Counts,
    box_event_f1,
    box_event_hits,
    box_event_intervals,
)
from playhead.metrics.curves import hits_best_f1

SIDE = 20.0


def hit_at(
    frame: int, x: float, *, score: float = 1.0, view: str | None = None, note: str | None = None
) -> Event:
    box = (x, 0.0, x + SIDE, SIDE)
    return Event(
        label="hit", start=frame / 60, frame=frame, box=box, score=score, view=view, note=note
    )


def of(video: str, *events: Event) -> VideoEvents:
    return VideoEvents(video=video, classes=("hit",), events=events)


def counts_of(truth: VideoEvents, predictions: VideoEvents, **limits: float) -> Counts:
    return box_event_f1([truth], [predictions], **limits).counts  # type: ignore[arg-type]


def can_match(truth: Event, prediction: Event) -> bool:
    """An implementation of its own: boxes of one size on one line overlap along x only."""
    assert truth.box is not None
    assert prediction.box is not None
    assert truth.frame is not None
    assert prediction.frame is not None
    shared = max(0.0, SIDE - abs(truth.box[0] - prediction.box[0]))
    iou = shared / (2 * SIDE - shared)
    return abs(truth.frame - prediction.frame) <= 4 and iou >= 0.35


def most_matches(truth: VideoEvents, predictions: VideoEvents) -> int:
    pairs = np.array([[can_match(t, p) for p in predictions.events] for t in truth.events], int)
    if not pairs.size:
        return 0
    rows, columns = linear_sum_assignment(pairs, maximize=True)
    return int(pairs[rows, columns].sum())


def greedy_matches(truth: VideoEvents, predictions: VideoEvents) -> int:
    free = list(truth.events)
    for prediction in sorted(predictions.events, key=lambda event: -event.score):
        near = [event for event in free if can_match(event, prediction)]
        if near:
            assert prediction.box is not None
            x = prediction.box[0]
            free.remove(min(near, key=lambda event: abs((event.box or (0,))[0] - x)))
    return len(truth.events) - len(free)


def random_case(rng: np.random.Generator, most: int = 9) -> tuple[VideoEvents, VideoEvents]:
    def events(count: int) -> list[Event]:
        return [
            hit_at(int(rng.integers(0, 14)), float(rng.integers(0, 45)), score=float(score))
            for score in rng.integers(1, 6, count) / 5  # with ties
        ]

    truth = of("a", *events(int(rng.integers(0, most))))
    return truth, of("a", *events(int(rng.integers(0, most))))


def test_a_thousand_random_cases_have_as_many_hits_as_an_optimal_assignment() -> None:
    rng = np.random.default_rng(7)
    differs = 0
    for _ in range(1000):
        truth, predictions = random_case(rng)
        result = box_event_f1([truth], [predictions])
        best = most_matches(truth, predictions)
        assert result.counts == Counts(
            best, len(predictions.events) - best, len(truth.events) - best
        )
        [matches] = result.videos
        assert all(can_match(truth.events[t], predictions.events[p]) for t, p in matches.hits)
        used = [p for _, p in matches.hits] + list(matches.false_positives)
        assert sorted(used) == list(range(len(predictions.events)))
        assert sorted([t for t, _ in matches.hits] + list(matches.misses)) == list(
            range(len(truth.events))
        )
        differs += greedy_matches(truth, predictions) != best
    assert differs > 5


def test_pairs_compared_in_blocks_give_the_same_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    cases = [random_case(rng, most=20) for _ in range(50)]
    whole = [box_event_f1([truth], [predictions]).videos for truth, predictions in cases]
    monkeypatch.setattr(box_events, "PAIRS", 4)
    blocks = [box_event_f1([truth], [predictions]).videos for truth, predictions in cases]
    assert blocks == whole


def test_a_case_that_greedy_matching_gets_wrong_is_right() -> None:
    truth = of("a", hit_at(0, 0), hit_at(0, 8))
    predictions = of("a", hit_at(0, 5, score=0.9), hit_at(0, 17, score=0.8))
    assert greedy_matches(truth, predictions) == 1
    assert counts_of(truth, predictions) == Counts(2, 0, 0)


def test_the_curve_equals_the_metric_recomputed_at_every_threshold() -> None:
    rng = np.random.default_rng(3)
    for _ in range(60):
        cases = [random_case(rng, 14) for _ in range(3)]
        truth = [replace(t, video=str(n)) for n, (t, _) in enumerate(cases)]
        predictions = [replace(p, video=str(n)) for n, (_, p) in enumerate(cases)]
        hits = box_event_hits(truth, predictions)
        kept = 0
        for threshold, group in groupby(hits.scores.tolist()):
            kept += len(list(group))
            expected = sum(
                most_matches(t, of("a", *(e for e in p.events if e.score >= threshold)))
                for t, p in zip(truth, predictions, strict=True)
            )
            assert int(hits.hits[:kept].sum()) == expected
            counts = box_event_f1(truth, predictions, threshold=threshold).counts
            assert (counts.tp, counts.fp) == (expected, kept - expected)
            assert counts.tp + counts.fn == hits.truths


def test_every_first_part_of_the_predictions_is_matched_as_scipy_matches_it() -> None:
    rng = np.random.default_rng(5)
    truth, predictions = random_case(rng, 60)
    hits = box_event_hits([truth], [predictions])
    by_score = sorted(predictions.events, key=lambda event: -event.score)
    for kept in range(1, len(by_score) + 1):
        pairs = csr_array([[can_match(t, p) for t in truth.events] for p in by_score[:kept]])
        partners = maximum_bipartite_matching(pairs, perm_type="column")
        assert int(hits.hits[:kept].sum()) == int((partners >= 0).sum())


def test_a_hundred_thousand_candidates_take_seconds() -> None:
    rng = np.random.default_rng(0)
    truth = of("a", *(hit_at(int(k), float(x)) for k, x in rng.integers(0, 400, (400, 2))))
    places = rng.integers(0, 400, (100_000, 2)).tolist()
    scores = rng.random(100_000).tolist()
    candidates = (hit_at(k, x, score=s) for (k, x), s in zip(places, scores, strict=True))
    predictions = of("a", *candidates)
    start = time.process_time()
    best = hits_best_f1(box_event_hits([truth], [predictions]))
    assert time.process_time() - start < 10
    assert best.f1 > 0


def test_the_limits_themselves_match_and_past_them_nothing_does() -> None:
    truth = of("a", hit_at(10, 0))
    assert counts_of(truth, of("a", hit_at(14, 0))).tp == 1
    assert counts_of(truth, of("a", hit_at(6, 0))).tp == 1
    assert counts_of(truth, of("a", hit_at(15, 0))) == Counts(0, 1, 1)
    assert counts_of(truth, of("a", hit_at(5, 0))).tp == 0
    assert counts_of(truth, of("a", hit_at(15, 0)), max_frames=5).tp == 1
    third = of("a", hit_at(10, 10))  # IoU 1/3
    assert counts_of(truth, third).tp == 0
    assert counts_of(truth, third, min_iou=1 / 3).tp == 1


def test_an_event_is_hit_once() -> None:
    truth = of("a", hit_at(10, 0))
    assert counts_of(truth, of("a", hit_at(10, 0), hit_at(11, 0))) == Counts(1, 1, 0)


def test_a_prediction_hits_the_event_that_it_overlaps_most() -> None:
    truth = of("a", hit_at(5, 0), hit_at(5, 6), hit_at(5, 3))
    [matches] = box_event_f1([truth], [of("a", hit_at(5, 4))]).videos
    assert [event for event, _ in matches.hits] == [2]


def test_a_class_matches_only_itself() -> None:
    both = replace(of("a", hit_at(10, 0)), classes=("hit", "fall"))
    other = replace(both, events=(replace(both.events[0], label="fall"),))
    assert counts_of(both, other) == Counts(0, 1, 1)


def test_a_video_without_predictions_counts_its_misses() -> None:
    truth = [of("a", hit_at(1, 0)), of("b", hit_at(1, 0), hit_at(9, 0)), of("c")]
    result = box_event_f1(truth, [of("a", hit_at(1, 0))])
    assert result.counts == Counts(1, 0, 2)
    assert (result.counts.f1, result.counts.precision) == (0.5, 1.0)
    assert result.counts.recall == pytest.approx(1 / 3)
    assert {matches.video: matches.misses for matches in result.videos} == {
        "a": (), "b": (0, 1), "c": ()
    }  # fmt: skip


def test_nothing_to_find_and_nothing_found_is_zero() -> None:
    counts = box_event_f1([of("a")], []).counts
    assert (counts.f1, counts.precision, counts.recall) == (0, 0, 0)
    assert len(box_event_hits([of("a")], []).scores) == 0


def test_an_unknown_video_an_event_without_box_or_frame_and_wrong_limits_are_refused() -> None:
    truth = of("a", hit_at(1, 0))
    with pytest.raises(LabelError, match="b: has predictions but no ground truth"):
        box_event_f1([truth], [of("b")])
    for event in (replace(hit_at(1, 0), box=None), replace(hit_at(1, 0), frame=None)):
        bare = of("a", event)
        with pytest.raises(LabelError, match="a: hit .* in the predictions needs a frame and a"):
            box_event_hits([truth], [bare])
        with pytest.raises(LabelError, match="in the ground truth"):
            box_event_f1([bare], [truth])
    for limits in ({"min_iou": 0}, {"min_iou": float("nan")}, {"max_frames": -1}):
        with pytest.raises(PlayheadError, match="limits of a match"):
            counts_of(truth, truth, **limits)


def test_events_that_are_not_scored_are_neither_missed_nor_make_false_positives() -> None:
    truth = [of("a", hit_at(1, 0), hit_at(50, 0, note="not scored"), hit_at(90, 0, note="x"))]
    guess = [of("a", hit_at(50, 0), hit_at(1, 0), hit_at(70, 0))]

    def scored(event: Event) -> bool:
        return event.note != "not scored"

    result = box_event_f1(truth, guess, scored=scored)
    assert result.counts == Counts(1, 1, 1)
    [matches] = result.videos
    assert (matches.hits, matches.misses) == (((0, 1),), (2,))
    assert (matches.false_positives, matches.ignored) == ((2,), (0,))
    hits = box_event_hits(truth, guess, scored=scored)
    assert (len(hits.scores), int(hits.hits.sum()), hits.truths) == (2, 1, 2)


def test_a_second_prediction_of_a_scored_event_beside_one_not_scored_is_a_false_positive() -> None:
    truth = [of("a", hit_at(1, 0), hit_at(2, 0, note="not scored"))]
    guess = [of("a", hit_at(1, 0), hit_at(2, 0))]
    counts = box_event_f1(truth, guess, scored=lambda event: event.note is None).counts
    assert counts == Counts(1, 1, 0)


def test_views_have_counts_of_their_own() -> None:
    truth = [
        of("a", hit_at(1, 0, view="Endzone"), hit_at(50, 0, view="Endzone")),
        of("b", hit_at(1, 0, view="Sideline")),
        of("c", hit_at(1, 0)),
    ]
    guess = [
        of("a", hit_at(1, 0), hit_at(90, 0)),
        of("b", hit_at(70, 0, view="Sideline")),
        of("c", hit_at(1, 0), hit_at(30, 0)),
    ]
    result = box_event_f1(truth, guess)
    assert result.views == {"Endzone": Counts(1, 1, 1), "Sideline": Counts(0, 1, 1)}
    assert result.counts == Counts(2, 3, 2)


def test_intervals_resample_whole_groups() -> None:
    truth = [of(f"{play}{view}", hit_at(1, 0)) for play in "abcdef" for view in "ES"]
    # In half of the plays both views are right, in the others both are wrong.
    guess = [t if t.video[0] in "abc" else of(t.video, hit_at(80, 0)) for t in truth]
    result = box_event_f1(truth, guess)
    by_play = box_event_intervals(result, {t.video: t.video[0] for t in truth})
    by_video = box_event_intervals(result)
    assert list(by_play) == ["f1", "precision", "recall"]
    assert by_play["f1"].value == by_video["f1"].value == 0.5
    assert by_play["f1"].low < by_video["f1"].low < 0.5 < by_video["f1"].high < by_play["f1"].high
    # The shares of 6 plays drawn with replacement: binomial(6, 1/2) / 6.
    assert (by_play["f1"].low, by_play["f1"].high) == pytest.approx((1 / 6, 5 / 6))
    assert by_play == box_event_intervals(result, {t.video: t.video[0] for t in truth})


def test_intervals_of_one_group_or_a_video_without_one_are_refused() -> None:
    result = box_event_f1([of("a", hit_at(1, 0)), of("b")], [])
    with pytest.raises(PlayheadError, match="got 1 groups"):
        box_event_intervals(result, {"a": "x", "b": "x"})
    with pytest.raises(LabelError, match="b: has no group"):
        box_event_intervals(result, {"a": "x"})
