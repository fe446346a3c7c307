"""Frame mAP against a straightforward implementation of its definition and values by hand."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.errors import LabelError, PlayheadError
from playhead.events.model import Event, VideoEvents
from playhead.metrics.alignment import nearest_frame
from playhead.metrics.frame_map import frame_map

CLASSES = ("serve", "bounce", "swing")


def _at(label: str, frame: int, score: float = 1.0) -> Event:
    # The time is deliberately another one: only the frame may count.
    return Event(label=label, start=1000.0 - frame, frame=frame, score=score)


def _video(*events: Event, video: str = "a", classes: tuple[str, ...] = CLASSES) -> VideoEvents:
    return VideoEvents(video=video, classes=classes, events=events)


def _by_definition(
    truth: Sequence[VideoEvents], predictions: Sequence[VideoEvents], label: str, reach: int
) -> float:
    """Average precision, one prediction and one truth at a time."""
    open_truths = [(v.video, e.frame) for v in truth for e in v.events if e.label == label]
    total = len(open_truths)
    guesses = [
        (e.score, v.video, e.frame) for v in predictions for e in v.events if e.label == label
    ]
    guesses.sort(key=lambda guess: -guess[0])
    precisions = []
    for made, (_, video, frame) in enumerate(guesses, start=1):
        near = [
            (abs(other - frame), other)
            for name, other in open_truths
            if name == video and abs(other - frame) <= reach
        ]
        if near:
            open_truths.remove((video, min(near)[1]))
            precisions.append((total - len(open_truths)) / made)
    return sum(max(precisions[at:]) for at in range(len(precisions))) / total


def _random_case(seed: int) -> tuple[list[VideoEvents], list[VideoEvents]]:
    rng = np.random.default_rng(seed)
    length = int(rng.choice([10, 60, 400]))
    tied = rng.random() < 0.5

    def events(count: int) -> tuple[Event, ...]:
        return tuple(
            _at(
                str(rng.choice(CLASSES[: rng.integers(1, 4)])),
                int(rng.integers(length)),
                float(rng.choice([0.2, 0.5, 0.7]) if tied else rng.random()),
            )
            for _ in range(count)
        )

    names = [f"video {n}" for n in range(rng.integers(1, 5))]
    truth = [_video(*events(int(rng.integers(0, 20))), video=name) for name in names]
    guessed = [name for name in rng.permutation(names).tolist() if rng.random() < 0.9]
    return truth, [_video(*events(int(rng.integers(0, 40))), video=name) for name in guessed]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100))
def test_equals_its_definition_on_random_cases(seed: int) -> None:
    truth, predictions = _random_case(seed)
    ours = frame_map(truth, predictions)
    present = [c for c in CLASSES if any(e.label == c for v in truth for e in v.events)]
    for reach in (0, 1, 2, 4):
        expected = {label: _by_definition(truth, predictions, label, reach) for label in present}
        assert ours.per_class(reach) == pytest.approx(expected, abs=1e-12)
        mean = np.mean(list(expected.values())) if expected else 0.0
        assert ours.map_at(reach) == pytest.approx(mean, abs=1e-12)


def test_a_class_without_truth_is_left_out_of_the_mean() -> None:
    truth = [_video(_at("serve", 10))]
    guess = [_video(_at("serve", 10, 0.9), _at("bounce", 10, 0.9))]
    result = frame_map(truth, guess)
    assert result.classes == ("serve",)
    assert result.map_at(0) == 1.0


def test_a_hit_lies_within_k_frames_and_not_one_further() -> None:
    truth = [_video(_at("serve", 10))]
    result = frame_map(truth, [_video(_at("serve", 12, 0.9))])
    assert [result.map_at(reach) for reach in (0, 1, 2, 4)] == [0.0, 0.0, 1.0, 1.0]


def test_a_false_alarm_above_the_only_hit_halves_precision() -> None:
    truth = [_video(_at("serve", 10))]
    guess = [_video(_at("serve", 50, 0.9), _at("serve", 10, 0.8))]
    assert frame_map(truth, guess).map_at(0) == 0.5


def test_the_better_prediction_chooses_first_and_chooses_the_nearest() -> None:
    # 13 is the better guess and takes 12, its nearest; 10 is left for the other one.
    truth = [_video(_at("serve", 10), _at("serve", 12))]
    guess = [_video(_at("serve", 11, 0.5), _at("serve", 13, 0.9))]
    assert frame_map(truth, guess).map_at(4) == 1.0
    # At equal distance the earlier truth goes first: 11 takes 10 and leaves 12 out of reach of 8.
    guess = [_video(_at("serve", 11, 0.9), _at("serve", 8, 0.5))]
    assert frame_map(truth, guess).map_at(2) == 0.5


def test_without_a_frame_an_event_counts_at_the_frame_nearest_to_its_time() -> None:
    truth = [_video(_at("serve", 30))]
    rate = Fraction(30000, 1001)
    late = [_video(Event(label="serve", start=1.016, score=0.9))]  # 30.45 frames
    later = [_video(Event(label="serve", start=1.02, score=0.9))]  # 30.57 frames
    assert frame_map(truth, late, rate=rate).map_at(0) == 1.0
    assert frame_map(truth, later, rate=rate).map_at(0) == 0.0
    halfway = [_video(Event(label="serve", start=1.22, score=0.9))]  # 30.5 frames of 25 a second
    assert frame_map(truth, halfway, rate=25).map_at(0) == 1.0


@pytest.mark.parametrize("rate", [25, 30, 50, 60, Fraction(30000, 1001), Fraction(24000, 1001)])
def test_the_time_of_frame_k_means_frame_k_at_any_rate(rate: Fraction | int) -> None:
    for k in [*range(3000), 10**5, 10**6]:
        assert nearest_frame(Event(label="serve", start=float(k / Fraction(rate))), rate) == k


def test_nothing_to_score_is_zero_not_nan() -> None:
    assert frame_map([], []).map_at(0) == 0.0
    assert frame_map([_video()], [_video(_at("serve", 3))]).map_at(0) == 0.0
    assert frame_map([_video(_at("serve", 3))], []).map_at(0) == 0.0


def test_what_does_not_fit_the_truth_is_refused() -> None:
    truth = [_video(_at("serve", 3), classes=("serve",))]
    with pytest.raises(LabelError, match="unknown class 'bounce'"):
        frame_map(truth, [_video(_at("bounce", 3))])
    with pytest.raises(LabelError, match="b: has predictions but no ground truth"):
        frame_map(truth, [_video(video="b")])
    with pytest.raises(LabelError, match="unknown class 'serve' true"):
        frame_map(truth, [], classes=["bounce"])
    with pytest.raises(PlayheadError, match="the tolerance is -1; it must be 0 frames or more"):
        frame_map(truth, truth, tolerances=[-1])


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6))
def test_only_the_order_of_the_scores_matters(seed: int) -> None:
    truth, predictions = _random_case(seed)
    warped = [
        _video(
            *(_at(e.label, e.frame or 0, np.arctan(e.score * 9) - 7) for e in v.events),
            video=v.video,
        )
        for v in predictions
    ]
    assert np.array_equal(frame_map(truth, predictions).ap, frame_map(truth, warped).ap)


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6))
def test_a_perfect_prediction_scores_one(seed: int) -> None:
    truth, _ = _random_case(seed)
    result = frame_map(truth, truth)
    assert np.all(result.ap == 1.0)
