"""Tuning: what it reports is what the decisions give, and it finds what helps."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from playhead.errors import LabelError
from playhead.events.formats import native
from playhead.events.model import Event, VideoEvents
from playhead.impact.candidates import Candidates, write_candidates
from playhead.impact.decide import decide_play
from playhead.impact.decisions import ImpactDecisions
from playhead.impact.evaluate import is_scored
from playhead.impact.predict import read_decisions
from playhead.impact.tune import SearchSpace, Tuned, tune_decisions, tune_folder
from playhead.metrics.box_events import Counts, box_event_f1
from tests.impact.helmets import SIDE, of

SPACE = SearchSpace(
    helmet_thresholds=(0.4, 0.2), suppression_frames=(4, 2), keep_scores=(0.55, None, 0.75)
)
Plays = list[list[Candidates]]


def noisy_plays(count: int) -> tuple[Plays, list[VideoEvents]]:
    """Two views of plays with impacts, near and far wrong scores, and hidden impacts."""
    plays, truth = [], []
    for number in range(count):
        rng = np.random.default_rng(number)
        moments = rng.choice(np.arange(10, 110, 10), 5, replace=False)
        play = []
        for view in ("left", "right"):
            rows, events = [], []
            for at, k in enumerate(moments.tolist()):
                x = 60.0 * at
                for step in range(-3, 4):
                    score = 0.9 - 0.12 * abs(step) + rng.normal(0, 0.15)
                    rows.append((k + step, x, rng.uniform(0.3, 1), float(np.clip(score, 0, 1))))
                box = (x, 0.0, x + SIDE, SIDE)
                note = "hidden; x" if at == 4 else None
                events.append(
                    Event(label="impact", start=k / 60, frame=k, box=box, view=view, note=note)
                )
            for k in range(0, 120, 3):
                score = float(np.clip(rng.normal(0.35, 0.2), 0, 1))
                rows.append((k, 400.0, rng.uniform(0.1, 1), score))
            video = f"play-{number}_{view}.mp4"
            play.append(of(rows, frames=120, video=video, play=f"play-{number}", view=view))
            truth.append(VideoEvents(video=video, classes=("impact",), events=tuple(events)))
        plays.append(play)
    return plays, truth


def reached(
    plays: Plays, truth: Sequence[VideoEvents], decisions: ImpactDecisions
) -> tuple[Counts, int]:
    predicted = [video for play in plays for video in decide_play(play, decisions)]
    counts = box_event_f1(truth, predicted, scored=is_scored).counts
    return counts, sum(len(video.events) for video in predicted)


def check(tuned: Tuned, plays: Plays, truth: Sequence[VideoEvents]) -> None:
    counts, events = reached(plays, truth, tuned.decisions)
    assert (tuned.counts, tuned.alerts) == (counts, events / len(plays))


@pytest.mark.parametrize("alerts", [None, 7.5])
def test_the_reported_counts_are_those_of_the_decisions(alerts: float | None) -> None:
    plays, truth = noisy_plays(4)
    tuned = tune_decisions(plays, truth, alerts=alerts, space=SPACE)
    check(tuned, plays, truth)
    if alerts is not None:
        assert tuned.alerts <= alerts
    single = [[view] for play in plays for view in play]
    check(tune_decisions(single, truth, alerts=alerts, space=SPACE), single, truth)


def test_no_decisions_of_the_space_are_better() -> None:
    plays, truth = noisy_plays(2)
    tuned = tune_decisions(plays, truth, space=SPACE)
    drawn = np.random.default_rng(0)
    for _ in range(25):
        keep = drawn.choice([0.55, 0.75])
        decisions = ImpactDecisions(
            helmet_threshold=drawn.choice(SPACE.helmet_thresholds),
            impact_threshold=drawn.uniform(0.1, 0.9),
            suppression=drawn.choice(SPACE.suppressions),
            suppression_frames=drawn.choice(SPACE.suppression_frames),
            smoothing_frames=drawn.choice(SPACE.smoothing_frames),
            two_views=bool(drawn.integers(2)),
            keep_score=keep,
        )
        assert reached(plays, truth, decisions)[0].f1 <= tuned.counts.f1 + 1e-12
    assert tuned.counts.f1 > reached(plays, truth, ImpactDecisions())[0].f1


def test_the_two_view_rule_is_chosen_where_it_helps() -> None:
    plays, truth = [], []
    for number in range(2):
        rows = [(10, 0.0, 0.9, 0.5)]
        views = (
            of([*rows, (40, 0.0, 0.9, 0.5)], video=f"{number}a", view="a"),
            of([*rows, (90, 200.0, 0.9, 0.5)], frames=120, video=f"{number}b", view="b"),
        )
        plays.append([replace(view, play=str(number)) for view in views])
        event = Event(label="impact", start=1 / 6, frame=10, box=(0, 0, SIDE, SIDE))
        truth += [
            VideoEvents(video=view.video, classes=("impact",), events=(event,)) for view in views
        ]
    tuned = tune_decisions(plays, truth)
    assert tuned.decisions.two_views
    assert tuned.counts == Counts(4, 2, 0)  # frame 90 is after the end of the other view


def scored_alike(*rows: tuple[int, float]) -> tuple[Plays, list[VideoEvents]]:
    """Two plays of one view with impacts (frame, score), of which those in frame 10 are true."""
    plays, truth = [], []
    for number in range(2):
        name = f"{number}.mp4"
        events = [(frame, 0.0, 0.9, score) for frame, score in rows]
        plays.append([of(events, video=name, play=str(number))])
        event = Event(label="impact", start=1 / 6, frame=10, box=(0, 0, SIDE, SIDE))
        truth.append(VideoEvents(video=name, classes=("impact",), events=(event,)))
    return plays, truth


def test_the_threshold_lies_between_the_scores() -> None:
    tuned = tune_decisions(*scored_alike((10, 0.75), (30, 0.25)), space=SPACE)
    assert tuned.decisions.impact_threshold == 0.5
    assert (tuned.counts, tuned.alerts) == (Counts(2, 0, 0), 1)


def test_alerts_of_one_score_are_all_or_none() -> None:
    plays, truth = scored_alike((10, 0.5), (30, 0.5))
    assert tune_decisions(plays, truth, alerts=2, space=SPACE).alerts == 2
    with pytest.raises(LabelError, match="at most 1 alerts"):
        tune_decisions(plays, truth, alerts=1, space=SPACE)


def test_too_few_plays_are_refused_or_warned_about() -> None:
    plays, truth = noisy_plays(2)
    with pytest.raises(LabelError, match="1 play; tuning needs at least 2"):
        tune_decisions(plays[:1], truth[:2])
    small = SearchSpace(helmet_thresholds=(0.4,), suppression_frames=(4,), keep_scores=(0.55,))
    warning = tune_decisions(plays, truth, space=small).warning
    assert warning is not None
    assert "2 plays" in warning
    many = noisy_plays(10)
    assert tune_decisions(*many, space=small).warning is None


def test_truth_or_candidates_without_impacts_are_refused() -> None:
    plays, truth = noisy_plays(2)
    empty = [replace(video, events=()) for video in truth]
    with pytest.raises(LabelError, match="no scored impact"):
        tune_decisions(plays, empty)
    nothing = [[of([], video=view.video) for view in play] for play in plays]
    with pytest.raises(LabelError, match="no decisions find"):
        tune_decisions(nothing, truth, space=SPACE)
    with pytest.raises(LabelError, match=r"0\.1 alerts a play allow none"):
        tune_decisions(plays, truth, alerts=0.1, space=SPACE)


def test_a_folder_is_tuned_and_the_decisions_are_read_again(tmp_path: Path) -> None:
    plays, truth = noisy_plays(2)
    for view in (view for play in plays for view in play):
        stem = view.video.removesuffix(".mp4")
        write_candidates(view, tmp_path / "in" / f"{stem}.candidates.npz")
    for video in truth:
        native.write(video, tmp_path / "truth" / f"{video.video[:-4]}.events.json")
    out = tmp_path / "decisions.yaml"
    tuned = tune_folder(tmp_path / "in", tmp_path / "truth", out, space=SPACE)
    assert read_decisions(out) == tuned.decisions
    assert (tuned.plays, tuned.counts) == (2, tune_decisions(plays, truth, space=SPACE).counts)
    write_candidates(of([], video="x.mp4"), tmp_path / "in" / "x.candidates.npz")
    with pytest.raises(LabelError, match="x: the ground truth"):
        tune_folder(tmp_path / "in", tmp_path / "truth", out, space=SPACE)
