"""What happens in a match, checked from the ball's way alone."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.worlds.football import CLASSES, FootballConfig, Match, draw_match
from playhead.worlds.football.flow import LENGTH, REFEREE, WIDTH
from playhead.worlds.football.shots import play_times

UNLABELLED = {"trap", "dribble", "header", "deflection", "tackle", "fake", "bounce"}


@pytest.fixture(scope="module")
def matches() -> list[Match]:
    return [draw_match(11, number, FootballConfig()) for number in range(6)]


def ball_and_figures(match: Match, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions on the ground at these frames, asked frame by frame: (T, 2) and (T, 23, 2)."""
    times = np.array([float(match.times[0]) + frame / 25 for frame in frames])
    state = match.play.at(times)
    return state.ball[:, :2], state.figures


@pytest.mark.slow
def test_a_match_has_about_25_events_a_minute(matches: list[Match]) -> None:
    per_minute = [len(match.events) / 3 for match in matches]
    assert 23 <= np.mean(per_minute) <= 28
    assert all(18 <= rate <= 32 for rate in per_minute)


@pytest.mark.slow
def test_both_classes_are_common(matches: list[Match]) -> None:
    labels = [event.label for match in matches for event in match.events]
    assert all(labels.count(name) > 0.25 * len(labels) for name in CLASSES)


@pytest.mark.slow
def test_every_event_has_the_time_of_its_frame(matches: list[Match]) -> None:
    for match in matches:
        for event in match.events:
            assert event.frame is not None
            assert 0 <= event.frame < len(match.times) == 4500
            assert event.start == float(match.times[event.frame])


@pytest.mark.slow
def test_at_the_frame_of_a_pass_the_ball_jumps_away_from_a_foot(matches: list[Match]) -> None:
    for match in matches:
        passes = [e.frame for e in match.events if e.label == "pass" and e.frame < 4480]
        for frame in passes:
            ball, figures = ball_and_figures(match, np.arange(frame - 1, frame + 13))
            speed = np.hypot(*np.diff(ball, axis=0).T) * 25
            away = np.hypot(*(ball[:, None] - figures[:, :REFEREE]).transpose(2, 0, 1))
            assert speed[1] > 5.5
            # 7 frames later, before anybody can block it, it has left somebody behind
            assert np.any((away[1] < 0.6) & (away[8] > 1.3))


@pytest.mark.slow
def test_at_the_frame_of_a_drive_the_ball_is_pushed_and_its_owner_runs_after(
    matches: list[Match],
) -> None:
    for match in matches:
        drives = [e.frame for e in match.events if e.label == "drive" and e.frame < 4470]
        assert drives
        for frame in drives:
            ball, figures = ball_and_figures(match, np.arange(frame - 1, frame + 21))
            speed = np.hypot(*np.diff(ball, axis=0).T) * 25
            away = np.hypot(*(ball[:, None] - figures[:, :REFEREE]).transpose(2, 0, 1))
            assert speed[1] > speed[0] + 1.5
            ran = np.hypot(*(figures[-1] - figures[1])[:REFEREE].T)
            assert np.any((away[1] < 0.6) & (away.max(axis=0) < 3.0) & (ran > 1.2))


@pytest.mark.slow
def test_a_pass_is_faster_than_a_drive(matches: list[Match]) -> None:
    speeds: dict[str, list[float]] = {name: [] for name in CLASSES}
    for match in matches:
        for event in match.events:
            ball, _ = ball_and_figures(match, np.array([event.frame, event.frame + 6]))
            speeds[event.label].append(float(np.hypot(*(ball[1] - ball[0]))) * 25 / 6)
    assert np.percentile(speeds["pass"], 25) > np.percentile(speeds["drive"], 75)


def test_events_of_one_class_keep_clear_of_the_distance_of_peaks(matches: list[Match]) -> None:
    for match in matches:
        for name in CLASSES:
            starts = [event.start for event in match.events if event.label == name]
            assert min(later - first for first, later in pairwise(starts)) >= 0.6


def test_every_distractor_happens_and_none_is_labelled(matches: list[Match]) -> None:
    kinds = {touch.kind for match in matches for touch in match.play.plan.touches}
    assert kinds == UNLABELLED | set(CLASSES)
    shots = {shot.kind for match in matches for shot in match.shots}
    assert shots == {"live", "tight", "close-up", "replay"}
    for match in matches:
        times = {event.start for event in match.events}
        others = [t.time for t in match.play.plan.touches if t.kind in UNLABELLED - {"trap"}]
        assert len(times & set(others)) == 0


def test_no_event_lies_in_a_close_up_or_a_replay(matches: list[Match]) -> None:
    hidden = 0
    for match in matches:
        for shot in match.shots:
            if shot.kind in ("close-up", "replay"):
                hidden += 1
                assert not any(shot.start - 0.04 <= e.start < shot.end for e in match.events)
    assert hidden > 6


def test_a_replay_shows_a_labelled_event_again_in_slow_motion(matches: list[Match]) -> None:
    again = 0
    for match in matches:
        for shot in match.shots:
            if shot.kind == "replay":
                last = shot.source + (shot.end - shot.start) * shot.speed
                assert last < shot.start
                assert shot.speed < 0.7
                again += any(shot.source < event.start < last for event in match.events)
    assert again > 0


def test_live_frames_show_the_play_at_their_own_time(matches: list[Match]) -> None:
    for match in matches:
        seconds = match.seconds
        at, index = play_times(match.shots, seconds)
        live = np.array([shot.kind in ("live", "tight") for shot in match.shots])[index]
        np.testing.assert_allclose(at[live], seconds[live], atol=1e-9)
        assert match.shots[0].start == 0
        assert match.shots[-1].end == 180
        assert all(a.end == b.start for a, b in pairwise(match.shots))


def test_without_distractors_there_are_only_passes_drives_and_what_they_need() -> None:
    match = draw_match(3, 0, FootballConfig(seconds=90, distractors=0))
    kinds = {touch.kind for touch in match.play.plan.touches}
    assert kinds == {"pass", "drive", "dribble", "trap"}
    assert {shot.kind for shot in match.shots} == {"live"}


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**63), number=st.integers(0, 999))
def test_whatever_the_seed_the_play_is_possible(seed: int, number: int) -> None:
    match = draw_match(seed, number, FootballConfig(seconds=40))
    legs = match.play.plan.legs
    for before, after in pairwise(legs):
        assert before.t1 == after.t0
        assert before.end == after.start
        assert before.t0 <= before.t1
    state = match.play.at(match.seconds)
    assert np.all((state.ball[:, :2] > 0) & (state.ball[:, :2] < (LENGTH, WIDTH)))
    assert np.all((state.ball[:, 2] >= 0) & (state.ball[:, 2] < 6))
    speed = np.hypot(*np.diff(state.ball[:, :2], axis=0).T) * 25
    assert speed.max() < 25
    assert np.all(np.isfinite(state.figures))
    ran = np.diff(match.play.at(match.seconds).figures, axis=0)
    assert np.hypot(ran[..., 0], ran[..., 1]).max() * 25 < 20


def test_a_state_does_not_depend_on_what_else_is_asked(matches: list[Match]) -> None:
    match = matches[0]
    times = match.seconds[1000:1100]
    together, alone = match.play.at(times), match.play.at(times[[57]])
    assert np.array_equal(together.ball[57], alone.ball[0])
    assert np.array_equal(together.figures[57], alone.figures[0])
    assert np.array_equal(together.pose[57], alone.pose[0])


@pytest.mark.parametrize("rate", ["30000/1001", "50", "60"])
def test_at_any_rate_events_lie_on_frames_near_those_at_25(rate: str) -> None:
    usual = draw_match(5, 0, FootballConfig(seconds=30)).events
    other = draw_match(5, 0, FootballConfig(seconds=30, rate=rate))
    first = other.events[0]
    assert first.label == usual[0].label
    assert abs(first.start - usual[0].start) < 0.05
    frames = other.seconds
    assert all(event.start == frames[event.frame] for event in other.events)
