"""Advice after training: each planted fault is named with its remedy, and a good run with none."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from playhead.config import override, validate
from playhead.decisions.peaks import PeakConfig
from playhead.events.model import VideoEvents
from playhead.inference.scores import Scores
from playhead.spotting.advice import advise, find_shift
from playhead.spotting.config import SpottingConfig
from playhead.spotting.findings import Finding
from playhead.spotting.tune import tune_decisions
from tests.spotting.stub_scores import events_of, score

RISING = [(0.6, 0.3), (0.3, 0.7), (0.2, 0.85), (0.1, 0.9)]
DECISIONS = PeakConfig(smoothing_seconds=0.08, min_height=0.2, distance_seconds=0.4)


def log(pairs: Sequence[tuple[float, float]]) -> list[dict[str, Any]]:
    """A log of epochs, each with its loss and window_map."""
    return [{"kind": "epoch", "loss": loss, "metrics": {"window_map": ap}} for loss, ap in pairs]


def serves(video: str, *, seed: int, gap: float = 3.0) -> VideoEvents:
    rng = np.random.default_rng(seed)
    times = 2 + np.cumsum(rng.uniform(0.7 * gap, 1.3 * gap, int(50 / gap)))
    kept = [float(time) for time in times if time < 57]
    return events_of({"serve": kept}, video)


TRUTH = [serves(f"{number}.mp4", seed=number) for number in range(4)]


def scored(truth: Sequence[VideoEvents], **options: Any) -> dict[str, Scores]:
    return {v.video: score(v, seed=n, **options) for n, v in enumerate(truth)}


def advice(
    scores: Mapping[str, Scores],
    *,
    truth: Sequence[VideoEvents] = TRUTH,
    rows: Sequence[tuple[float, float]] = RISING,
    trained: int = 200,
    settings: Sequence[str] = (),
    decisions: PeakConfig = DECISIONS,
) -> list[Finding]:
    values: dict[str, Any] = {}
    size = ("data.manifest=m.csv", "data.classes=[serve]", "data.size=[64, 36]")
    for setting in (*size, "model.kind=slow_fusion", "target_seconds=.2", *settings):
        override(values, setting)
    config = validate(SpottingConfig, values, source="test")
    tuned = tune_decisions(truth, scores, decisions, tolerance=0.4, search=False)
    counts = {"serve": trained}
    return advise(config, truth, scores, log(rows), tuned=tuned, trained=counts)


def only(findings: Sequence[Finding], name: str) -> Finding:
    assert [finding.name for finding in findings] == [name]
    return findings[0]


@pytest.mark.parametrize("seed", range(6))
def test_a_good_run_gets_no_advice(seed: int) -> None:
    truth = [serves(f"{number}.mp4", seed=10 * seed + number) for number in range(4)]
    assert advice(scored(truth, noise=0.3), truth=truth) == []
    dense = [serves(f"{number}.mp4", seed=10 * seed + number, gap=0.5) for number in range(4)]
    narrow = scored(dense, width=0.1, noise=0.3)
    close = PeakConfig(smoothing_seconds=0.04, min_height=0.3, distance_seconds=0.16)
    settings = ("target_seconds=.1",)
    assert advice(narrow, truth=dense, settings=settings, decisions=close) == []


@pytest.mark.parametrize("seed", range(6))
def test_a_middling_model_gets_no_advice_on_its_labels(seed: int) -> None:
    """Half the events are missed, and as many others are found."""
    truth = [serves(f"{number}.mp4", seed=10 * seed + number) for number in range(4)]
    others = [serves(video.video, seed=99 - seed - number) for number, video in enumerate(truth)]
    seen = [
        replace(video, events=(*video.events[::2], *other.events[::2]))
        for video, other in zip(truth, others, strict=True)
    ]
    assert advice(scored(seen, noise=0.3), truth=truth) == []


def test_flat_scores_are_named() -> None:
    found = only(advice(scored(TRUTH, height=0.01, noise=0.005)), "flat-scores")
    assert "serve (0.003 to 0.010)" in found.found
    assert "train longer" in found.remedy
    assert "pretrained" in found.remedy


def test_saturated_scores_are_named() -> None:
    high = {name: replace(s, values=0.92 + 0.08 * s.values) for name, s in scored(TRUTH).items()}
    found = only(advice(high), "saturated-scores")
    assert "--set target_seconds=0.1" in found.remedy


def test_scores_of_a_low_video_are_compared_with_its_own() -> None:
    truth = [TRUTH[0], replace(TRUTH[1], events=TRUTH[1].events[:2])]  # most events in the low one
    scores = scored(truth, height=0.2)
    high = scores[truth[1].video]
    scores[truth[1].video] = replace(high, values=(high.values / 2 + 0.5).astype(np.float32))
    assert "below-chance" not in [finding.name for finding in advice(scores, truth=truth)]


def test_scores_that_do_not_know_the_events_are_not_above_chance() -> None:
    others = [serves(video.video, seed=77 + n) for n, video in enumerate(TRUTH)]
    found = advice(scored(others, noise=0.4), rows=[(0.6, 0.3), (0.5, 0.3), (0.45, 0.32)])
    assert "below-chance" in {finding.name for finding in found}
    inverted = {name: replace(s, values=1 - s.values) for name, s in scored(TRUTH).items()}
    names = {finding.name for finding in advice(inverted)}
    assert "below-chance" in names
    assert "shifted-labels" not in names


@pytest.mark.parametrize("shift", [0.6, -0.6, 0.24, -0.24, 1.2])
def test_labels_off_by_a_constant_time_are_measured(shift: float) -> None:
    found = [f for f in advice(scored(TRUTH, shift=shift)) if f.name == "shifted-labels"]
    assert len(found) == 1
    measured = float(found[0].remedy.split("--shift ")[1].split("`")[0])
    assert measured == pytest.approx(shift, abs=0.05)
    assert "the validation videos" in found[0].found
    assert (
        f"{abs(measured):.2f} s {'after' if shift > 0 else 'before'} the labels" in found[0].found
    )


def test_a_single_video_with_shifted_labels_is_named() -> None:
    scores = scored(TRUTH)
    scores["2.mp4"] = score(TRUTH[2], shift=0.5)
    found = only(advice(scores), "shifted-labels")
    assert "the scores of 2.mp4 are highest 0.5" in found.found
    assert "convert LABELS shifted.csv --shift 0.5" in found.remedy


def test_a_shift_of_dense_labels_is_measured_within_half_their_spacing() -> None:
    dense = [serves(f"{number}.mp4", seed=number, gap=0.6) for number in range(4)]
    shift = find_shift(dense, scored(dense, width=0.08, shift=0.16), least=0.05)
    assert shift is not None
    assert shift.seconds == pytest.approx(0.16, abs=0.03)
    assert find_shift(dense, scored(dense, width=0.08), least=0.05) is None


def test_a_shift_below_the_grid_or_the_target_is_no_mistake() -> None:
    assert advice(scored(TRUTH, shift=0.04)) == []
    assert advice(scored(TRUTH, shift=0.08)) == []


def test_peaks_that_the_decisions_merge_are_named() -> None:
    dense = [serves(f"{number}.mp4", seed=number, gap=0.5) for number in range(4)]
    wide = PeakConfig(smoothing_seconds=0.04, min_height=0.2, distance_seconds=1.5)
    settings = ("target_seconds=.08",)
    scores = scored(dense, width=0.08)
    found = advice(scores, truth=dense, decisions=wide, settings=settings)
    [merged] = [finding for finding in found if finding.name == "merged-peaks"]
    assert "playhead spotting decide" in merged.remedy
    assert "per_class.serve.distance_seconds=0.2" in merged.remedy


def test_peaks_that_the_target_merges_are_named() -> None:
    dense = [serves(f"{number}.mp4", seed=number, gap=0.3) for number in range(4)]
    scores = scored(dense, width=1.5, noise=0.01)
    loose = PeakConfig(smoothing_seconds=0.2, min_height=0.2, distance_seconds=0.0)
    found = advice(scores, truth=dense, decisions=loose, settings=("target_seconds=.5",))
    [merged] = [finding for finding in found if finding.name == "merged-peaks"]
    assert merged.remedy.startswith("train with --set target_seconds=0.0")


def test_too_little_data_of_a_poor_class_is_named() -> None:
    half = [replace(video, events=video.events[::4]) for video in TRUTH]
    found = only(advice(scored(half, noise=0.2), trained=7), "too-little-data")
    assert "serve has 7 training events and an F1 of 0.4" in found.found
    assert advice(scored(TRUTH), trained=7) == []  # good with little data


def test_a_gap_between_training_and_validation_is_named() -> None:
    scores = scored(TRUTH)
    rows = [(0.6, 0.4), (0.3, 0.41), (0.2, 0.42), (0.1, 0.42)]
    found = only(advice(scores, rows=rows), "generalisation")
    assert "the loss fell from 0.600 to 0.100, but window_map stayed at 0.420" in found.found
    assert "label videos of more groups" in found.remedy


def test_an_early_best_epoch_is_named() -> None:
    rows = [(0.6, 0.4), (0.3, 0.6), (0.2, 0.5), (0.1, 0.45), (0.05, 0.4)]
    found = only(advice(scored(TRUTH), rows=rows), "overfitting")
    assert "--set training.epochs=2" in found.remedy


def test_a_training_that_is_still_improving_or_does_not_learn_is_named() -> None:
    rising = [(0.6, 0.2), (0.5, 0.3), (0.4, 0.45)]
    found = only(advice(scored(TRUTH), rows=rising), "still-improving")
    assert "--set training.epochs=" in found.remedy
    still = [(0.6, 0.2), (0.6, 0.2), (0.59, 0.2)]
    assert only(advice(scored(TRUTH), rows=still), "not-learning")
