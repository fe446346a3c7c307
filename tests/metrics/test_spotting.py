"""The whole evaluation, its references, and the bootstrap."""

import json

import numpy as np
import pytest

from playhead.errors import LabelError, PlayheadError
from playhead.events.model import Event, VideoEvents
from playhead.metrics.bootstrap import bootstrap_interval
from playhead.metrics.curves import best_f1
from playhead.metrics.references import chance_map, confused_map
from playhead.metrics.soccernet_map import map_at
from playhead.metrics.spotting import evaluate_spotting

CLASSES = ("pass", "drive")


def _match(video: str, seed: int, count: int = 40, shift: float = 0.0) -> VideoEvents:
    rng = np.random.default_rng(seed)
    starts = np.sort(rng.permutation(170)[:count] + 1.0)
    events = (
        Event(label=CLASSES[n % 2], start=float(start + shift), score=0.9 - n / 1000)
        for n, start in enumerate(starts)
    )
    return VideoEvents(video=video, classes=CLASSES, events=tuple(events))


TRUTH = [_match("a", 1), _match("b", 2)]


def test_a_perfect_prediction_scores_one_everywhere() -> None:
    result = evaluate_spotting(TRUTH, TRUTH, extra_tolerances=[0.24])
    assert list(result.metrics) == [
        *(f"map@{n}" for n in range(1, 6)),
        *("map@0.24", "tight", "loose"),
        *(f"frame_map@{n}" for n in (0, 1, 2, 4)),
        "best_f1",
    ]
    assert all(value == pytest.approx(1.0) for value in result.metrics.values())
    counts = {"truths": 40, "predictions": 40}
    for values in result.per_class.values():
        assert values == pytest.approx(dict.fromkeys(result.metrics, 1.0) | counts)


def test_the_families_of_metrics_measure_different_widths() -> None:
    late = [_match("a", 1, shift=0.2), _match("b", 2, shift=0.2)]  # five frames of 25 a second
    metrics = evaluate_spotting(TRUTH, late, extra_tolerances=[0.24, 0.4]).metrics
    assert metrics["map@1"] == pytest.approx(1.0)
    assert (metrics["map@0.24"], metrics["map@0.4"]) == (0.0, pytest.approx(1.0))
    assert metrics["frame_map@4"] == 0.0
    assert metrics["best_f1"] == 1.0


def test_the_result_is_plain_json() -> None:
    result = evaluate_spotting(TRUTH, TRUTH[:1])
    read_back = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert read_back == {"metrics": result.metrics, "per_class": result.per_class}
    assert result.per_class["pass"]["predictions"] == 20


def test_a_class_without_truth_lowers_one_mean_and_not_the_other() -> None:
    truth = [
        VideoEvents(video=v.video, classes=(*CLASSES, "cross"), events=v.events) for v in TRUTH
    ]
    result = evaluate_spotting(truth, TRUTH)
    assert result.metrics["map@1"] == pytest.approx(2 / 3)
    assert result.metrics["frame_map@0"] == 1.0
    assert "frame_map@0" not in result.per_class["cross"]
    assert result.per_class["cross"]["truths"] == 0


def test_a_video_longer_than_two_hours_is_scored_where_its_events_lie() -> None:
    truth = [VideoEvents(video="a", classes=("pass",), events=(Event(label="pass", start=9000),))]
    wrong = [VideoEvents(video="a", classes=("pass",), events=(Event(label="pass", start=8000),))]
    assert evaluate_spotting(truth, truth).metrics["map@1"] == 1.0
    assert evaluate_spotting(truth, wrong).metrics["loose"] == 0.0


def test_an_unknown_class_and_a_rate_that_is_not_whole_are_refused_before_scoring() -> None:
    stray = VideoEvents(video="a", classes=("cross",), events=(Event(label="cross", start=1),))
    with pytest.raises(LabelError, match="a: unknown class 'cross' predicted"):
        evaluate_spotting(TRUTH, [stray])
    with pytest.raises(
        PlayheadError, match=r"the rate is 29\.97; the SoccerNet metric needs whole frames"
    ):
        evaluate_spotting(TRUTH, TRUTH, rate=29.97)  # type: ignore[arg-type]


def test_chance_is_low_confusion_between_and_both_are_seeded() -> None:
    durations = {"a": 180.0, "b": 180.0}
    chance = chance_map(TRUTH, durations, seed=3)
    confused = confused_map(TRUTH, seed=3)
    assert 0 < chance < 0.2
    assert 0.3 < confused < 0.7
    assert chance == chance_map(TRUTH, durations, seed=3) != chance_map(TRUTH, durations, seed=4)
    assert confused == confused_map(TRUTH, seed=3) != confused_map(TRUTH, seed=4)


def test_confusing_a_single_class_changes_nothing() -> None:
    events = tuple(Event(label="pass", start=float(n)) for n in range(20))
    truth = [VideoEvents(video="a", classes=("pass",), events=events)]
    assert confused_map(truth) == pytest.approx(1.0)


def test_chance_needs_the_duration_of_every_video() -> None:
    with pytest.raises(LabelError, match="b: the duration"):
        chance_map(TRUTH, {"a": 180.0})


def _f1(truth: list[VideoEvents], predictions: list[VideoEvents]) -> float:
    return best_f1(truth, predictions).overall.f1


def test_a_bootstrap_of_videos_that_are_alike_has_no_width() -> None:
    interval = bootstrap_interval(map_at_1, TRUTH, TRUTH, resamples=20)
    assert (interval.low, interval.value, interval.high) == pytest.approx((1, 1, 1))
    assert str(interval) == "1.000 [1.000, 1.000]"


def map_at_1(truth: list[VideoEvents], predictions: list[VideoEvents]) -> float:
    return map_at(truth, predictions, 1.0)


@pytest.mark.slow
def test_a_bootstrap_covers_what_binomial_draws_of_videos_give() -> None:
    # Half of 20 videos are found, half are not: recall of a draw is binomial(20, .5) / 20.
    truth = [_match(f"{n}", n, count=5) for n in range(20)]
    found = truth[::2]

    def recall(real: list[VideoEvents], made: list[VideoEvents]) -> float:
        return sum(len(v.events) for v in made) / sum(len(v.events) for v in real)

    interval = bootstrap_interval(recall, truth, found, resamples=4000, level=0.9)
    assert interval.value == 0.5
    # Quantiles .05 and .95 of binomial(20, .5) are 6 and 14.
    assert (interval.low, interval.high) == (0.3, 0.7)


def test_a_bootstrap_is_seeded() -> None:
    late = [_match("a", 1, shift=0.7), _match("b", 2)]
    first = bootstrap_interval(_f1, TRUTH, late, resamples=30, seed=1)
    assert first == bootstrap_interval(_f1, TRUTH, late, resamples=30, seed=1)
    assert first.low < first.high


def test_a_bootstrap_keeps_every_class_in_every_draw() -> None:
    only = VideoEvents(video="c", classes=("cross",), events=(Event(label="cross", start=3),))
    seen = set()

    def classes(truth: list[VideoEvents], _: list[VideoEvents]) -> float:
        seen.update(video.classes for video in truth)
        return 0.0

    bootstrap_interval(classes, [*TRUTH, only], [], resamples=20)
    assert seen == {("pass", "drive", "cross")}


def test_a_bootstrap_of_one_video_is_refused() -> None:
    with pytest.raises(PlayheadError, match="at least 2 videos"):
        bootstrap_interval(_f1, TRUTH[:1], TRUTH[:1])
