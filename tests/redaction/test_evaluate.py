"""Measuring tracks against a truth: closed forms of what masks hide."""

from pathlib import Path

import numpy as np
import pytest

from playhead.errors import LabelError
from playhead.events.formats.tracks import TrackFile, write_tracks
from playhead.events.model import Track
from playhead.redaction.evaluate import evaluate_tracks, exposed_track_frames
from tests.command import playhead, playhead_json, run

BOX = {"hide": ["face"], "style": {"shape": "box"}, "mask": {"scale": 1.0, "motion": 0.0}}


def track(box: list[float], frames: range, number: int = 0, label: str = "face") -> Track:
    n = len(frames)
    return Track(
        number,
        label,
        np.array(frames, np.int32),
        np.tile(np.array(box, np.float32), (n, 1)),
        np.ones(n, np.float32),
        np.zeros(n, np.uint8),
    )


def file(*tracks: Track, config: dict | None = None, **others: object) -> TrackFile:
    settings = {"config": BOX if config is None else config}
    return TrackFile(
        video="a.mp4", frames=20, width=200, height=100, classes=("face", "plate"), tracks=tracks,
        settings=settings, **others
    )  # fmt: skip


TRUTH = file(track([10, 10, 50, 60], range(20)))


@pytest.mark.parametrize(
    ("box", "exposed"),
    [
        ([10, 10, 50, 60], 0),
        ([12, 10, 60, 60], 0),  # 38 of 40 columns: 95 %
        ([13, 10, 60, 60], 20),  # 37 of 40 columns: 92.5 %
    ],
)
def test_exposed_is_less_than_95_percent_hidden(box: list[float], exposed: int) -> None:
    assert exposed_track_frames(TRUTH, file(track(box, range(20))))["face"] == exposed


def test_a_missed_frame_is_one_exposed_track_frame_and_a_whole_hidden_one_is_none() -> None:
    seen = track([10, 10, 50, 60], range(15))
    assert exposed_track_frames(TRUTH, file(seen))["face"] == 5
    unseen = np.array([[15, 18]], np.int32)
    assert exposed_track_frames(TRUTH, file(seen, unseen=unseen))["face"] == 2


def test_what_a_person_left_visible_plays_no_part() -> None:
    seen = track([10, 10, 50, 60], range(20))
    chosen = file(seen, shown=frozenset({0}), spans=np.array([[0.4, 0.8]]))
    assert exposed_track_frames(TRUTH, chosen)["face"] == 0


def test_an_ellipse_in_the_box_itself_leaves_the_corners_and_one_of_1_5_does_not() -> None:
    same = track([10, 10, 50, 60], range(20))
    narrow = {**BOX, "style": {"shape": "ellipse"}}
    wide = {**narrow, "mask": {"scale": 1.5, "motion": 0.0}}
    assert exposed_track_frames(TRUTH, file(same, config=narrow))["face"] == 20
    assert exposed_track_frames(TRUTH, file(same, config=wide))["face"] == 0


def test_the_command_prints_what_was_found_of_each_class(tmp_path: Path) -> None:
    for folder, tracks in (
        ("truth", (TRUTH.tracks[0], track([100, 20, 140, 40], range(20), 1, "plate"))),
        ("found", (TRUTH.tracks[0], track([0, 0, 5, 5], range(20), 1, "plate"))),
    ):
        (tmp_path / folder).mkdir()
        write_tracks(tmp_path / folder / "a.tracks.npz", file(*tracks))
    paths = ("--truth", tmp_path / "truth", "--predictions", tmp_path / "found")
    result = playhead_json("redaction", "evaluate", *paths)
    half = dict.fromkeys(("ap50", "ap50_95", "precision", "recall"), 0.5)
    assert result["metrics"] == {**half, "exposed_track_frames": 20, "track_frames": 40}
    assert result["per_class"]["face"]["recall"] == 1.0
    assert result["per_class"]["plate"]["precision"] == 0.0
    assert "plate" in playhead("redaction", "evaluate", *paths)


def test_a_class_without_truth_does_not_make_the_mean_unknown(tmp_path: Path) -> None:
    write_tracks(tmp_path / "a.tracks.npz", TRUTH)
    paths = ("--truth", tmp_path / "a.tracks.npz", "--predictions", tmp_path / "a.tracks.npz")
    result = playhead_json("redaction", "evaluate", *paths)
    assert result["metrics"]["ap50_95"] == 1.0
    assert result["per_class"]["plate"]["ap50"] is None


def test_tracks_of_different_videos_are_not_compared(tmp_path: Path) -> None:
    write_tracks(tmp_path / "a.tracks.npz", TRUTH)
    shorter = TrackFile(video="a.mp4", frames=19, width=200, height=100, classes=("face",))
    write_tracks(tmp_path / "b.tracks.npz", shorter)
    with pytest.raises(LabelError, match="the tracks of the same video"):
        evaluate_tracks(tmp_path / "a.tracks.npz", tmp_path / "b.tracks.npz")


def test_a_video_without_found_tracks_is_named(tmp_path: Path) -> None:
    (tmp_path / "found").mkdir()
    (tmp_path / "truth").mkdir()
    write_tracks(tmp_path / "truth" / "a.tracks.npz", TRUTH)
    finished = run(
        "redaction", "evaluate", "--truth", tmp_path / "truth", "--predictions", tmp_path / "found"
    )
    assert finished.code == 2
    assert "a.tracks.npz" in finished.err


def test_classes_that_have_nothing_in_common_are_refused(tmp_path: Path) -> None:
    write_tracks(tmp_path / "a.tracks.npz", TRUTH)
    other = TrackFile(video="a.mp4", frames=20, width=200, height=100, classes=("car",))
    write_tracks(tmp_path / "b.tracks.npz", other)
    with pytest.raises(LabelError, match="need a class in common"):
        evaluate_tracks(tmp_path / "a.tracks.npz", tmp_path / "b.tracks.npz")
