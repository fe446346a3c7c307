"""Rendered videos: every frame at its time, events that flash on their frame, curves below."""

from fractions import Fraction

import numpy as np
import pytest

from playhead.events.model import Event, VideoEvents
from playhead.inference.scores import Scores, write_scores
from playhead.media import open_video
from playhead.spotting import drawing
from playhead.spotting.drawing import COLOURS, Lanes, Mark, drawable
from playhead.spotting.render import RenderOptions, marks_of
from tests.command import playhead_json, run
from tests.media.encode import encode

VARIABLE = [Fraction(i * 40 + 11 * (i * i % 7), 1000) for i in range(30)]


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return encode(tmp_path_factory.mktemp("videos") / "a.mp4", 30, times=VARIABLE, bframes=2)


def predicted(folder, video):
    """Predictions of one event in frame 12, decided from scores."""
    with open_video(video) as opened:
        times = opened.times
    values = np.zeros((30, 2), np.float32)
    values[12, 0] = 0.8
    decisions = {"smoothing_seconds": 0.0, "min_height": 0.5, "distance_seconds": 0.2}
    scores = Scores("a.mp4", times, np.arange(30, dtype=np.int32), times, ("serve", "let"), values,
                    decisions)  # fmt: skip
    write_scores(scores, folder / "a.scores.npz")
    return scores


def near(pixel, colour):
    return bool(np.abs(pixel.astype(int) - colour).max() < 40)


def test_every_frame_is_rendered_at_its_time_and_events_flash_on_their_frame(video, tmp_path):
    scores = predicted(tmp_path / "out", video)
    labels = tmp_path / "labels.csv"
    labels.write_text(
        f"video,label,time\na.mp4,serve,{scores.times[13]:.6f}\na.mp4,let,{scores.times[20]:.6f}\n"
    )
    result = playhead_json(
        "spotting", "render", tmp_path / "out", video, "--truth", labels, "--tolerance", ".2",
        "--out", tmp_path / "rendered",
    )  # fmt: skip
    [file] = result["files"]
    assert (file["status"], file["outputs"]) == (
        "ok", [str(tmp_path / "rendered" / "a.events.mp4")],
    )  # fmt: skip
    with open_video(video) as source, open_video(file["outputs"][0]) as rendered:
        assert rendered.frames == 30
        assert np.abs(rendered.times - source.times).max() < 1e-3
        assert (rendered.width, rendered.height) == (640, 384 + 2 * 44)
        images = np.stack([image for _, image in rendered.stream()])
        texture = np.s_[:, 220:370, 400:620]
        given = np.stack([image for _, image in source.stream(size=(640, 384))])
    shown = images[texture].reshape(30, -1, 3)[:, :, 1].astype(np.float32)
    wanted = given[texture].reshape(30, -1, 3)[:, :, 1].astype(np.float32)
    errors = np.abs(shown[:, None] - wanted[None]).mean(axis=2)
    assert errors.argmin(axis=1).tolist() == list(range(30))
    border = images[:, 200, 1]
    assert [near(border[k], COLOURS["hit"]) for k in (11, 12, 19)] == [False, True, False]
    assert [near(border[k], COLOURS["miss"]) for k in (19, 20)] == [False, True]
    lane = images[12, 384:428]
    assert near(lane[12, 403], COLOURS["hit"])  # a dot at its score, beside the line


def test_the_curve_is_as_high_as_the_score_at_each_moment():
    times = np.arange(101) / 10
    values = np.linspace(0, 1, 101, dtype=np.float32)[:, None]
    values[60:] = np.nan
    scores = Scores("a.mp4", times, np.arange(101, dtype=np.int32), times, ("serve",), values)
    lanes = Lanes(("serve",), scores, (), width=800, window=10.0)
    image = lanes.drawn(5.0)
    assert image.shape == (44, 800, 3)
    blue = (image == image[42, 350]).all(axis=2)
    for share in (0.2, 0.3, 0.45, 0.55):
        column = 160 + round(share * 640)
        assert blue[:, column].sum() == pytest.approx(share * 40, abs=2)
    assert not blue[:, 160 + 400 :].any()  # not scored


def test_each_prediction_and_annotation_is_marked_once_by_what_became_of_it(video):
    truth = VideoEvents(
        video="a",
        classes=("serve", "let"),
        events=(Event(label="serve", start=0.2), Event(label="let", start=0.6)),
    )
    guesses = VideoEvents(
        video="b",
        classes=("serve", "ace"),
        events=(
            Event(label="serve", start=0.25, score=0.9),
            Event(label="serve", start=1.0, score=0.4),
            Event(label="ace", start=0.3, score=0.7),
        ),
    )
    with open_video(video) as opened:
        marks = marks_of(guesses, truth, opened, RenderOptions(tolerance=0.2))
        plain = marks_of(guesses, None, opened, RenderOptions())
    assert [(mark.event.label, mark.kind, mark.annotated) for mark in marks] == [
        ("serve", "hit", True),
        ("serve", "hit", False),
        ("ace", "event", False),
        ("let", "miss", True),
        ("serve", "false alarm", False),
    ]
    assert {mark.kind for mark in plain} == {"event"}
    assert [mark.text for mark in marks if mark.kind == "miss"] == ["let  miss"]


def test_a_mark_past_the_window_is_not_drawn():
    event = Event(label="serve", start=9.0)
    lanes = Lanes(("serve",), None, (Mark(event, 9.0, "event"),), width=640, window=4.0)
    far, close = lanes.drawn(2.0), lanes.drawn(8.5)
    assert not (np.abs(far.astype(int) - COLOURS["event"]).max(axis=2) < 10).any()
    assert (np.abs(close.astype(int) - COLOURS["event"]).max(axis=2) < 10).any()


def test_a_rendered_video_is_kept_on_request_and_bad_input_is_told(video, tmp_path):
    labels = tmp_path / "labels.csv"
    labels.write_text("video,label,time\na.mp4,serve,0.5\na.mp4,serve,8\n")
    out = tmp_path / "rendered"
    finished = run("spotting", "render", labels, video, "--out", out)
    assert finished.code == 3
    assert "a.mp4: partial: 1 event past the end" in finished.out
    written = (out / "a.events.mp4").stat().st_mtime_ns
    again = run("spotting", "render", labels, video, "--out", out, "--resume")
    assert (again.code, "done by an earlier run" in again.out) == (3, True)
    assert (out / "a.events.mp4").stat().st_mtime_ns == written
    labels.write_text("video,label,time\nother.mp4,serve,0.5\n")
    finished = run("spotting", "render", labels, video, "--out", out)
    assert finished.code == 2
    assert "the file names must agree" in finished.err


def test_truth_by_frame_may_have_other_videos_too(video, tmp_path):
    predicted(tmp_path / "out", video)
    labels = tmp_path / "labels.csv"
    labels.write_text("video,label,frame\nelsewhere.mp4,serve,7000\na.mp4,serve,12\n")
    done = run(
        "spotting", "render", tmp_path / "out", video, "--truth", labels,
        "--out", tmp_path / "rendered",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert (tmp_path / "rendered" / "a.events.mp4").is_file()


def test_letters_beyond_ascii_are_drawn_or_lose_their_accents(monkeypatch):
    assert drawable("serve", 14)[0] == "serve"
    monkeypatch.setattr(drawing, "_system_font", lambda size: None)
    assert drawable("Rühren é 発", 14)[0] == "Ruhren e ?"
