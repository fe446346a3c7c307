"""Extraction: frame k is frame k, batches resume, and bad input has a defined answer."""

from fractions import Fraction

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from playhead.errors import PlayheadError
from playhead.events.formats.keypoints import KeypointFile, read_keypoints, write_keypoints
from playhead.events.keypoints import COCO_17
from playhead.media import open_video
from playhead.recognition.pose import extract
from playhead.recognition.pose.commands import register
from playhead.recognition.pose.extract import ExtractOptions, extract_keypoints, extract_videos
from playhead.recognition.pose.people import INTERPOLATED
from tests.recognition.pose.stick_people import SIDE, SquareEstimator, square_at, write_squares

OPTIONS = ExtractOptions(estimator="movenet")


@pytest.fixture
def estimator(monkeypatch: pytest.MonkeyPatch) -> SquareEstimator:
    """Stands for the networks."""
    fake = SquareEstimator()
    monkeypatch.setattr(extract, "open_estimator", lambda options, threads=None: fake)
    return fake


def hips(file: KeypointFile) -> tuple[list[int], np.ndarray]:
    """The frames of the only person, and the middle of their hips in each."""
    [known] = file.people
    return known.frames.tolist(), known.points[:, 11:13, :2].mean(axis=1)


def test_the_keypoints_of_frame_k_are_those_of_frame_k(tmp_path, estimator):
    path = write_squares(tmp_path / "walk.mp4", 40, rate=Fraction(30000, 1001))
    file = extract_keypoints(path, OPTIONS, estimator)
    frames, places = hips(file)
    assert frames == list(range(40))
    expected = np.array([square_at(k) for k in range(40)]) + SIDE / 2
    assert places == pytest.approx(expected, abs=0.6)
    assert file.chosen == (0,)
    assert file.size == (192, 96)
    with open_video(path) as video:
        assert (file.times == video.times).all()


def test_keypoints_are_in_pixels_of_the_displayed_frame_whatever_the_size(tmp_path, estimator):
    path = write_squares(tmp_path / "walk.mp4", 20)
    file = extract_keypoints(path, ExtractOptions(estimator="movenet", size=96), estimator)
    expected = np.array([square_at(k) for k in range(20)]) + SIDE / 2
    assert hips(file)[1] == pytest.approx(expected, abs=1.5)


def test_a_rate_analyses_fewer_frames_which_keep_their_numbers(tmp_path, estimator):
    path = write_squares(tmp_path / "walk.mp4", 31)
    file = extract_keypoints(path, ExtractOptions(estimator="movenet", rate=5), estimator)
    frames, places = hips(file)
    assert frames == [0, 5, 10, 15, 20, 25, 30]
    expected = np.array([square_at(k) for k in frames]) + SIDE / 2
    assert places == pytest.approx(expected, abs=0.6)


def test_a_gap_is_filled_but_not_as_seen(tmp_path, estimator):
    path = write_squares(tmp_path / "walk.mp4", 20, empty=(9, 10))
    [known] = extract_keypoints(path, OPTIONS, estimator).people
    assert known.frames.tolist() == list(range(20))
    assert (known.points[9:11, :, 2] <= INTERPOLATED).all()


def test_a_video_without_people_is_ok_and_says_so(tmp_path, estimator):
    write_squares(tmp_path / "in" / "empty.mp4", 8, empty=range(8))
    result = extract_videos([tmp_path / "in"], tmp_path / "out", OPTIONS)
    [outcome] = result.files
    assert (outcome.status, outcome.notes) == ("ok", ("no person found",))
    assert read_keypoints(outcome.outputs[0]).chosen == ()


def test_a_video_of_one_frame_has_keypoints_in_it(tmp_path, estimator):
    path = write_squares(tmp_path / "one.mp4", 1)
    file = extract_keypoints(path, ExtractOptions(estimator="movenet", people=2), estimator)
    assert [p.frames.tolist() for p in file.people] == [[0]]
    assert file.chosen == (0,)


def test_a_batch_resumes_and_other_options_extract_again(tmp_path, estimator):
    videos, out = tmp_path / "in", tmp_path / "out"
    for name in ("a.mp4", "sub/b.mp4"):
        write_squares(videos / name, 6)
    (videos / "c.mp4").write_bytes(b"no video")
    result = extract_videos([videos], out, OPTIONS)
    assert sorted(o.status for o in result.files) == ["failed", "ok", "ok"]
    assert sorted(p.relative_to(out).as_posix() for p in out.rglob("*.npz")) == [
        "a.keypoints.npz",
        "sub/b.keypoints.npz",
    ]
    images = estimator.images
    again = extract_videos([videos], out, OPTIONS)
    assert estimator.images == images
    assert [o.notes for o in again.files if o.status == "ok"] == [("done by an earlier run",)] * 2
    extract_videos([videos], out, ExtractOptions(estimator="movenet", people=2))
    assert estimator.images == images + 12
    write_squares(videos / "a.mp4", 7)
    extract_videos([videos], out, ExtractOptions(estimator="movenet", people=2))
    assert estimator.images == images + 12 + 7


def test_keypoints_that_were_not_extracted_are_not_replaced(tmp_path, estimator):
    path = write_squares(tmp_path / "walk.mp4", 4)
    truth = KeypointFile(video="walk.mp4", times=np.arange(4.0), size=None, skeleton=COCO_17)
    write_keypoints(tmp_path / "walk.keypoints.npz", truth)
    [outcome] = extract_videos([path], tmp_path, OPTIONS).files
    assert outcome.status == "failed"
    assert "may be ground truth" in str(outcome.reason)
    [outcome] = extract_videos([path], tmp_path, OPTIONS, overwrite=True).files
    assert outcome.status == "ok"


def test_an_unreadable_video_raises(tmp_path, estimator):
    (tmp_path / "x.mp4").write_bytes(b"")
    with pytest.raises(PlayheadError):
        extract_keypoints(tmp_path / "x.mp4", OPTIONS, estimator)


def test_the_command_writes_keypoints_a_rendering_and_a_page(tmp_path, estimator):
    clips = tmp_path / "clips ü"
    write_squares(clips / "walk.mp4", 12, empty=(5,))
    write_squares(clips / "empty.mp4", 4, empty=range(4))
    (clips / "bad.mp4").write_bytes(b"no video")
    app = typer.Typer()
    register(app)
    app.command("other")(lambda: None)  # so that the name of the command is needed
    page = tmp_path / "keypoints.html"
    arguments = ["keypoints", str(clips), "--out", str(tmp_path / "out"), "--render"]
    result = CliRunner().invoke(app, [*arguments, "--page", str(page), "--people", "2"])
    assert result.exit_code == 3, result.output
    assert "no person found" in result.output
    assert "bad.mp4: failed" in result.output
    with open_video(tmp_path / "out" / "walk.skeletons.mp4") as video:
        assert (video.frames, video.width, video.height) == (12, 192, 96)
        reds, blues = video.read([3])[0][..., [0, 2]].reshape(-1, 2).T.astype(int)
        assert (reds - blues > 100).any()  # the chosen person is drawn in yellow
    text = page.read_text(encoding="utf-8")
    for words in ("walk.mp4", "bad.mp4", "no person found", "person 0"):
        assert words in text
    assert text.count("<img") == 6 + 4
