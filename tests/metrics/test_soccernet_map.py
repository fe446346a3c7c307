"""SoccerNet mAP against the public evaluator and against values known by hand."""

import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.errors import LabelError, PlayheadError
from playhead.events.formats import soccernet
from playhead.events.model import Event, VideoEvents
from playhead.metrics.soccernet_map import LOOSE, TIGHT, map_at, soccernet_map

sys.path.insert(0, str(Path(__file__).parent))
from soccernet_reference import evaluate, public_map, random_case


def _video(*events: Event, video: str = "a", classes: tuple[str, ...] = ("pass", "drive")):
    return VideoEvents(video=video, classes=classes, events=events)


def _at(label: str, start: float, score: float = 1.0) -> Event:
    return Event(label=label, start=start, score=score)


@pytest.mark.parametrize(
    "seed", [pytest.param(seed, marks=[pytest.mark.slow] * (seed > 7)) for seed in range(100)]
)
def test_equals_the_public_evaluator_on_random_cases(seed: int) -> None:
    rng = np.random.default_rng([7, seed])
    truth, predictions, classes, rate = random_case(rng)
    tolerances = [list(range(1, 6)), [1, 5, 30, 60], [2], [1]][seed % 4]
    mean, per_class = public_map(truth, predictions, classes, rate, tolerances)
    ours = soccernet_map(truth, predictions, rate=rate, tolerances=tolerances, classes=classes)
    assert ours.average() == pytest.approx(mean, abs=1e-9)
    assert list(ours.average_per_class().values()) == pytest.approx(list(per_class), abs=1e-9)


@pytest.mark.slow
def test_tight_and_loose_equal_the_public_evaluator() -> None:
    truth, predictions, classes, rate = random_case(np.random.default_rng(12))
    ours = soccernet_map(truth, predictions, rate=rate, tolerances=[*TIGHT, *LOOSE[1:]])
    for tolerances in (TIGHT, LOOSE):
        whole = [int(tolerance) for tolerance in tolerances]
        mean, _ = public_map(truth, predictions, classes, rate, whole)
        assert ours.average(tolerances) == pytest.approx(mean, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_equals_the_public_evaluator_on_the_files_of_a_game(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng([3, seed])
    names = ("game/1", "game/2")
    truth, predictions = [], []
    for name in names:
        starts = np.sort(rng.uniform(0, 900, 30)).round(3)
        labels = rng.choice(["pass", "drive"], 30)
        real = [_at(str(label), float(t)) for label, t in zip(labels, starts, strict=True)]
        made = [_at(e.label, max(0, e.start + rng.normal()), rng.random()) for e in real]
        truth.append(_video(*real, video=name))
        predictions.append(_video(*made, video=name))
    folders = tmp_path / "truth" / "game", tmp_path / "found" / "game"
    files = folders[0] / "Labels-ball.json", folders[1] / "results_spotting.json"
    soccernet.write(truth, files[0])
    soccernet.write(predictions, files[1], predictions=True)

    theirs = evaluate(
        str(tmp_path / "truth"),
        str(tmp_path / "found"),
        dataset=None,
        label_files="Labels-ball.json",
        metric="tight",
        framerate=25,
        EVENT_DICTIONARY={"pass": 0, "drive": 1},
    )
    read = soccernet.read(files[0]), soccernet.read(files[1])
    for pair in ((truth, predictions), read):
        ours = soccernet_map(*pair, rate=25, tolerances=TIGHT, classes=["pass", "drive"])
        assert ours.average() == pytest.approx(theirs["a_mAP"], abs=1e-9)
        per_class = list(ours.average_per_class().values())
        assert per_class == pytest.approx(theirs["a_mAP_per_class"], abs=1e-9)


def test_a_hit_lies_within_half_the_tolerance() -> None:
    truth = [_video(_at("pass", 10.0), classes=("pass",))]
    for offset, expected in ((0.48, 1.0), (0.52, 0.0)):
        guess = [_video(_at("pass", 10.0 + offset, 0.9), classes=("pass",))]
        assert map_at(truth, guess, 1.0) == expected


def test_a_tolerance_of_a_fraction_of_a_second_counts_whole_frames() -> None:
    truth = [_video(_at("pass", 10.0), classes=("pass",))]
    seven_off = [_video(_at("pass", 10.28, 0.9), classes=("pass",))]
    assert map_at(truth, seven_off, 0.56) == 1.0
    assert map_at(truth, seven_off, 0.52) == 0.0
    assert map_at(truth, seven_off, 0.0) == 0.0


def test_a_class_without_truth_counts_as_zero() -> None:
    truth = [_video(_at("pass", 10.0))]
    guess = [_video(_at("pass", 10.0, 0.9))]
    result = soccernet_map(truth, guess, rate=25, tolerances=[1])
    assert result.per_class(1.0) == {"pass": 1.0, "drive": 0.0}
    assert result.map_at(1.0) == 0.5


def test_half_the_truths_found_without_error_fill_six_of_eleven_points() -> None:
    truth = [_video(_at("pass", 10.0), _at("pass", 20.0), classes=("pass",))]
    guess = [_video(_at("pass", 10.0, 0.9), classes=("pass",))]
    assert map_at(truth, guess, 1.0) == pytest.approx(6 / 11)


def test_each_truth_in_time_order_takes_the_best_unused_prediction() -> None:
    # The first truth takes the better guess at 10.4 from the second, which is left with none.
    truth = [_video(_at("pass", 10.0), _at("pass", 10.8), classes=("pass",))]
    guess = [_video(_at("pass", 9.6, 0.3), _at("pass", 10.4, 0.8), classes=("pass",))]
    assert map_at(truth, guess, 1.0) == pytest.approx(6 / 11)


def test_of_predictions_that_score_alike_a_truth_takes_the_earlier() -> None:
    # Were it the later, the first truth would take 10.5 and leave none in reach of the second.
    truth = [_video(_at("pass", 10.0), _at("pass", 11.0), classes=("pass",))]
    guess = [_video(_at("pass", 10.5, 0.5), _at("pass", 9.5, 0.5), classes=("pass",))]
    assert map_at(truth, guess, 2.0) == pytest.approx(1.0)
    assert public_map(truth, guess, ["pass"], 25, [2])[0] == pytest.approx(1.0)


def test_times_pass_through_milliseconds_as_in_the_evaluators_files() -> None:
    # Frame 1 of 30 a second lies at 33 ms, which the evaluator truncates to frame 0.
    truth = [_video(_at("pass", 1 / 30), classes=("pass",))]
    guess = [_video(_at("pass", 0.0, 0.9), classes=("pass",))]
    assert map_at(truth, guess, 0.0, rate=30) == 1.0
    assert public_map(truth, guess, ["pass"], 30, [0])[0] == 1.0


def test_videos_do_not_lend_each_other_hits() -> None:
    truth = [_video(_at("pass", 5.0), video="a"), _video(video="b")]
    guess = [_video(_at("pass", 5.0, 0.9), video="b")]
    assert map_at(truth, guess, 5.0) == 0.0


def test_a_video_without_predictions_counts_its_truth_as_missed() -> None:
    both = [_video(_at("pass", 5.0), video=v, classes=("pass",)) for v in ("a", "b")]
    assert map_at(both, both[:1], 1.0) == pytest.approx(6 / 11)


def test_without_an_end_what_lies_past_two_hours_keeps_its_own_frame() -> None:
    truth = [_video(_at("pass", 7300.0), classes=("pass",))]
    guess = [_video(_at("pass", 9000.0, 0.9), classes=("pass",))]
    folded = soccernet_map(truth, guess, rate=25, tolerances=[1])
    open_ended = soccernet_map(truth, guess, rate=25, tolerances=[1], longest_seconds=None)
    assert (folded.map_at(1.0), open_ended.map_at(1.0)) == (1.0, 0.0)


@pytest.mark.parametrize("rate", [25.0, 29.97, Fraction(25), True, 0, -25])
def test_a_rate_that_is_no_positive_whole_number_is_refused(rate: object) -> None:
    with pytest.raises(PlayheadError, match="whole frames per second"):
        soccernet_map([_video()], [], rate=rate, tolerances=[1])  # type: ignore[arg-type]


def test_a_predicted_class_that_the_truth_does_not_declare_is_refused() -> None:
    guess = [_video(_at("header", 3.0), classes=("header",))]
    with pytest.raises(LabelError, match="unknown class 'header' predicted"):
        soccernet_map([_video()], guess, rate=25)


def test_predictions_for_a_video_without_truth_are_refused() -> None:
    with pytest.raises(LabelError, match="b: has predictions but no ground truth"):
        soccernet_map([_video(video="a")], [_video(video="b")], rate=25)


def test_a_video_given_twice_is_refused() -> None:
    with pytest.raises(LabelError, match="appears twice in the ground truth"):
        soccernet_map([_video(), _video()], [], rate=25)
    with pytest.raises(LabelError, match="appears twice in the predictions"):
        soccernet_map([_video()], [_video(), _video()], rate=25)


@pytest.mark.parametrize("tolerance", [-1.0, float("nan"), float("inf")])
def test_a_tolerance_that_is_no_width_is_refused(tolerance: float) -> None:
    with pytest.raises(PlayheadError, match="tolerance"):
        map_at([_video()], [], tolerance)


def test_nothing_to_score_is_zero_not_nan() -> None:
    assert map_at([], [], 1.0) == 0.0
    assert map_at([_video()], [_video()], 1.0) == 0.0


TIMES = st.lists(st.integers(0, 400), min_size=1, max_size=30, unique=True)


@settings(max_examples=60, deadline=None)
@given(TIMES, TIMES)
def test_a_perfect_prediction_scores_one_on_classes_with_truth(
    passes: list[int], drives: list[int]
) -> None:
    events = [_at("pass", t) for t in passes] + [_at("drive", t) for t in drives]
    truth = [_video(*events)]
    result = soccernet_map(truth, truth, rate=25)
    assert result.average() == pytest.approx(1.0)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 50))
def test_scores_moved_alike_between_the_thresholds_give_the_same_precision(
    seed: int, shift: int
) -> None:
    # Whole percents stay apart by more than the 200 thresholds are.
    truth, predictions, _, rate = random_case(np.random.default_rng(seed))

    def moved(by: int) -> list[VideoEvents]:
        return [
            replace(
                video,
                events=tuple(
                    replace(event, score=(round(abs(event.score) * 33) + by) / 100)
                    for event in video.events
                ),
            )
            for video in predictions
        ]

    still, up = (soccernet_map(truth, moved(by), rate=rate).ap for by in (0, shift))
    assert up == pytest.approx(still, abs=1e-12)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_more_tolerance_never_finds_fewer_of_all_truths(seed: int) -> None:
    # Every prediction scores alike: precision falls only with misses, so AP cannot fall.
    truth, predictions, _, rate = random_case(np.random.default_rng(seed))
    level = [
        VideoEvents(
            video=v.video,
            classes=v.classes,
            events=tuple(_at(e.label, e.start, 0.5) for e in v.events),
        )
        for v in predictions
    ]
    values = soccernet_map(truth, level, rate=rate, tolerances=[0, 5, 120, 14400]).ap
    assert np.all(values[-1] >= values[0] - 1e-12)
