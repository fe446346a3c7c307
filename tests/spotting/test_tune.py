"""Tuning of decisions on saved scores: what is chosen, what is kept, and where it is written."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from playhead.decisions.peaks import PeakConfig
from playhead.errors import LabelError
from playhead.events.formats import native
from playhead.events.model import VideoEvents
from playhead.inference.scores import Scores, write_scores
from playhead.metrics.curves import best_f1
from playhead.spotting.predict import decide
from playhead.spotting.tune import LEAST_GAIN, tune_decisions, tune_folders
from tests.command import playhead, playhead_json
from tests.spotting.conftest import Tiny
from tests.spotting.stub_scores import events_of, score

BASE = PeakConfig(smoothing_seconds=0.12, min_height=0.2, distance_seconds=0.6)


def world(
    gap: float, count: int = 3, **options: float
) -> tuple[list[VideoEvents], dict[str, Scores]]:
    """Videos with steps every `gap` seconds, and two turns each, far apart."""
    truth = [
        events_of(
            {
                "step": [2 + 0.1 * n + gap * k for k in range(int(40 / gap))],
                "turn": [5.0 + n, 30.0 + n],
            },
            f"{n}.mp4",
        )
        for n in range(count)
    ]
    scores = {v.video: score(v, width=0.06, seed=n, **options) for n, v in enumerate(truth)}
    return truth, scores


def test_dense_steps_get_a_shorter_distance_and_sparse_turns_keep_theirs() -> None:
    truth, scores = world(0.32)
    tuned = tune_decisions(truth, scores, BASE, tolerance=0.16)
    steps, turns = tuned.decisions.of("step"), tuned.decisions.of("turn")
    assert steps.distance_seconds <= 0.3
    assert tuned.per_class["step"].before < 0.75
    assert tuned.per_class["step"].after > 0.95
    assert turns.distance_seconds == 0.6
    assert set(tuned.decisions.per_class) <= {"step", "turn"}


def test_the_f1_that_is_told_is_that_of_the_decided_events() -> None:
    truth, scores = world(0.32, noise=0.5)
    tuned = tune_decisions(truth, scores, BASE, tolerance=0.16)
    for config, name in ((tuned.decisions, "after"), (BASE, "before")):
        events = [
            replace(decide(scores[video.video], config), video=video.video) for video in truth
        ]
        for label, result in tuned.per_class.items():
            ones = [
                replace(v, events=tuple(e for e in v.events if e.label == label)) for v in events
            ]
            # The best threshold of what was decided is at most a little better.
            f1 = best_f1(truth, ones, tolerance=0.16).per_class[label].f1
            assert f1 >= getattr(result, name) - 1e-9
            predicted = sum(len(video.events) for video in ones)
            hits = round(getattr(result, name) * (predicted + result.events) / 2, 6)
            assert hits == pytest.approx(round(hits))


def test_decisions_that_fit_stay_as_they_are() -> None:
    truth, scores = world(4.0)
    fitting = BASE.model_copy(update={"smoothing_seconds": 0.04, "min_height": 0.3})
    tuned = tune_decisions(truth, scores, fitting, tolerance=0.2)
    assert tuned.decisions == fitting
    assert not tuned.changed
    assert tuned.lines() == ()


def test_a_class_with_few_events_keeps_its_decisions() -> None:
    truth, scores = world(4.0, count=2)  # 4 turns
    tuned = tune_decisions(
        truth, scores, BASE.model_copy(update={"min_height": 0.95}), tolerance=0.2
    )
    assert tuned.per_class["turn"].events == 4
    assert tuned.decisions.of("turn").min_height == 0.95
    assert tuned.decisions.of("step").min_height < 0.95


def test_random_scores_do_not_decide() -> None:
    """On scores that know nothing, tuned F1 on other videos is no worse than untuned."""
    differences = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        sides = []
        for _ in range(2):
            truth, scores = world(3.0)
            named = {
                name: replace(s, values=rng.random(s.values.shape).astype(np.float32))
                for name, s in scores.items()
            }
            sides.append((truth, named))
        tuned = tune_decisions(*sides[0], BASE, tolerance=0.3)
        untuned, after = (
            tune_decisions(*sides[1], config, tolerance=0.3, search=False).per_class["step"].after
            for config in (BASE, tuned.decisions)
        )
        differences.append(after - untuned)
    assert np.mean(differences) > -LEAST_GAIN


def written(folder: Path, truth: list[VideoEvents], scores: dict[str, Scores]) -> Path:
    """Scores and labels as `predict` and a user would write them; returns the folder of labels."""
    for video in truth:
        native.write(video, folder / "labels" / f"{Path(video.video).stem}.events.json")
        decisions = BASE.model_dump()
        saved = replace(scores[video.video], decisions=decisions)
        write_scores(saved, folder / "scores" / f"{Path(video.video).stem}.scores.npz")
    return folder / "labels"


def test_the_command_writes_the_decisions_and_prints_them(tmp_path: Path) -> None:
    labels = written(tmp_path, *world(0.32))
    out = tmp_path / "decisions.yaml"
    command = ("spotting", "tune", tmp_path / "scores", "--truth", labels, "--out", out)
    result = playhead_json(*command, "--tolerance", ".16")
    assert result["videos"] == 3
    assert "3 videos; with fewer than 5" in result["warning"]
    assert yaml.safe_load(out.read_text()) == {"decisions": result["decisions"]}
    assert result["per_class"]["step"]["f1"] > result["per_class"]["step"]["f1_before"]
    assert "distance_seconds" in playhead(*command)


def test_scores_of_a_video_without_labels_and_too_few_events_are_refused(tmp_path: Path) -> None:
    truth, scores = world(0.32)
    labels = written(tmp_path, truth, scores)
    (labels / "1.events.json").unlink()
    with pytest.raises(LabelError, match="1: the ground truth does not have the video"):
        tune_folders([tmp_path / "scores"], labels)
    sparse, few = world(30.0, count=1)
    labels = written(tmp_path / "few", sparse, few)
    with pytest.raises(LabelError, match="no class has 5 events"):
        tune_folders([tmp_path / "few" / "scores"], labels)


def test_a_setting_for_all_classes_replaces_those_of_single_ones(tmp_path: Path) -> None:
    _, scores = world(0.32, count=1)
    decisions = {**BASE.model_dump(), "per_class": {"step": {"min_height": 0.99}}}
    saved = replace(scores["0.mp4"], decisions=decisions)
    write_scores(saved, tmp_path / "scores" / "0.scores.npz")

    def steps(*settings: str) -> int:
        options = [word for setting in settings for word in ("--set", setting)]
        playhead("spotting", "decide", tmp_path / "scores", *options, "--out", tmp_path / "out")
        events = native.read(tmp_path / "out" / "0.events.json").events
        return sum(event.label == "step" for event in events)

    assert steps() == 0
    assert steps("per_class.step.min_height=.2") > 10
    assert steps("min_height=.2") > 10
    assert steps("min_height=.2", "per_class.step.min_height=.99") == 0


@pytest.mark.slow
def test_a_bundle_gets_the_decisions_that_are_tuned(tiny: Tiny, tmp_path: Path) -> None:
    bundle = shutil.copytree(tiny.bundle, tmp_path / "bundle")
    folders = (tiny.run / "scores", tiny.predictions)
    options = ("--truth", tiny.manifest, "--bundle", bundle)
    result = playhead_json("spotting", "tune", *folders, *options)
    manifest = playhead_json("bundle", "info", bundle)
    assert manifest["post_processing"] == result["decisions"]
    assert manifest["metrics"]["tuned_on_videos"] == 2
    playhead("bundle", "verify", bundle)
