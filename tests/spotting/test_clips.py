"""Clips and reels: every frame carries its number, so a cut that is off by one shows."""

import csv

import numpy as np
import pytest

from playhead.inference.scores import Scores, write_scores
from playhead.media import VideoWriter, open_video, read_audio
from playhead.media.cut import encode_frames
from playhead.spotting.reel import Shown, merge
from tests.command import playhead, playhead_json, run
from tests.media.encode import encode, image, numbers


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Two videos of 60 frames at 25 per second, a key frame every 12, and a wider one."""
    folder = tmp_path_factory.mktemp("videos ö")
    encode(folder / "a.mp4", 60, bframes=2, options={"x264-params": "open-gop=0"})
    (folder / "later").mkdir()
    encode(folder / "later" / "b.mp4", range(100, 160))
    return folder


@pytest.fixture
def labels(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text(
        "video,label,time,score\na.mp4,serve,0.96,0.9\na.mp4,let/ball,1.2,0.35\n"
        "a.mp4,serve,2.0,0.5\nb.mp4,serve,0.1,0.8\n"
    )
    return path


AROUND = ("--before", ".4", "--after", ".2")


def test_a_clip_has_exactly_the_frames_around_its_event(videos, labels, tmp_path):
    out, reel = tmp_path / "clips", tmp_path / "reel.mp4"
    result = playhead_json("spotting", "clips", labels, videos, "--out", out, *AROUND,
                           "--reel", reel)  # fmt: skip
    assert result["labels"] == {"serve": 3, "let/ball": 1}
    cut = {path.relative_to(out).as_posix(): numbers(path) for path in out.rglob("*.mp4")}
    assert cut == {
        "a_00-00-00.960_serve_0.90.mp4": list(range(14, 29)),
        "a_00-00-01.200_let-ball_0.35.mp4": list(range(20, 35)),
        "a_00-00-02.000_serve_0.50.mp4": list(range(40, 55)),
        "later/b_00-00-00.100_serve_0.80.mp4": list(range(100, 108)),
    }
    with (out / "index.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["clip"] for row in rows] == sorted(cut)
    assert rows[0] == {
        "clip": "a_00-00-00.960_serve_0.90.mp4", "video": str(videos / "a.mp4"), "label": "serve",
        "time": "0.960", "score": "0.9", "start": "0.560", "end": "1.160",
        "problem": "",
    }  # fmt: skip
    assert numbers(reel) == [*range(14, 35), *range(40, 55), *range(100, 108)]
    assert result["reel"] == str(reel)


def test_the_best_part_of_a_reel_may_come_first(videos, tmp_path):
    a, b = videos / "a.mp4", videos / "later" / "b.mp4"
    parts = [
        Shown(a, range(30, 40), 0.2),
        Shown(b, range(10), 0.8),
        Shown(a, range(10), 0.5),
        Shown(a, range(10, 20), 0.9),
    ]
    first, second = Shown(a, range(20), 0.9), Shown(b, range(10), 0.8)
    assert merge(parts, "time") == [first, Shown(a, range(30, 40), 0.2), second]
    assert merge(parts, "score") == [first, second, Shown(a, range(30, 40), 0.2)]


def test_a_second_run_keeps_clips_of_the_same_span_and_cuts_others_again(videos, labels, tmp_path):
    out = tmp_path / "clips"
    command = ("spotting", "clips", labels, videos / "a.mp4", "--out", out, "--label", "serve")
    first = playhead_json(*command, *AROUND)
    assert first["notes"] == ["the events of 1 other video are left out"]
    written = {path: path.stat().st_mtime_ns for path in out.glob("*.mp4")}
    assert len(written) == 2
    (out / "a_00-00-02.000_serve_0.50.mp4").unlink()
    second = playhead_json(*command, *AROUND)
    assert sorted(file["notes"][0] for file in second["files"]) == [
        "done by an earlier run",
        "re-encoded",
    ]
    kept = out / "a_00-00-00.960_serve_0.90.mp4"
    assert kept.stat().st_mtime_ns == written[kept]
    playhead(*command, "--before", ".2", "--after", ".4")  # as long, but of another span
    assert numbers(kept) == list(range(19, 34))


def test_a_clip_with_lost_frames_stays_partial_when_it_is_kept(
    videos, labels, tmp_path, monkeypatch
):
    out = tmp_path / "clips"
    command = ("spotting", "clips", labels, videos / "a.mp4", "--out", out, *AROUND,
               "--min-score", ".6")  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setattr("playhead.spotting.clips.encode_frames", lossy)
        first = playhead_json(*command, code=3)
    second = playhead_json(*command, code=3)
    assert second["files"][0]["notes"] == ["done by an earlier run"]
    assert second["files"][0]["reason"] == first["files"][0]["reason"]
    assert "2 of 15 frames cannot be decoded" in first["files"][0]["reason"]


def lossy(video, frames, target, threads=None, progress=None, *, sound=False):
    encode_frames(video, frames, target, threads, progress, sound=sound)
    return 2


def test_a_copied_clip_begins_at_the_key_frame_before(videos, labels, tmp_path):
    out = tmp_path / "clips"
    result = playhead_json(
        "spotting", "clips", labels, videos / "a.mp4", "--out", out, *AROUND, "--copy",
        "--min-score", ".6",
    )  # fmt: skip
    [file] = result["files"]
    assert file["notes"] == ["stream copy"]
    [clip] = out.glob("*.mp4")
    shown = numbers(clip)
    assert shown[0] == 12
    assert set(range(14, 29)) <= set(shown) <= set(range(12, 32))
    with (out / "index.csv").open(encoding="utf-8") as file:
        [row] = csv.DictReader(file)
    assert float(row["start"]) == pytest.approx(12 / 25)
    assert float(row["end"]) == pytest.approx((shown[-1] + 1) / 25)


def test_what_cannot_be_cut_is_told_and_the_rest_is_cut(videos, tmp_path):
    labels = tmp_path / "labels.csv"
    labels.write_text(
        "video,label,time\na.mp4,serve,1\na.mp4,serve,7\nb.mp4,serve,9\ngone.mp4,serve,1\n"
    )
    out = tmp_path / "clips"
    finished = run("spotting", "clips", labels, videos, "--out", out, *AROUND)
    assert finished.code == 3
    assert "a.mp4: partial: 1 event past the end, the first (serve) at 7.00 s" in finished.out
    assert "b.mp4: failed: 1 event past the end" in finished.out
    assert "gone.mp4: failed: has events, but there is no such video" in finished.out
    assert "1 clip: serve 1 (1 re-encoded)" in finished.out
    assert [path.name for path in out.rglob("*.mp4")] == ["a_00-00-01.000_serve.mp4"]


@pytest.mark.parametrize(
    ("rows", "options", "words"),
    [
        ("a.mp4,,\n", (), "has no events, so there is nothing to cut"),
        ("a.mp4,serve,1\n", ("--label", "ace"), "the labels are serve"),
        ("a.mp4,serve,1\n", ("--min-score", "2"), "none of its 1 event is left (the highest"),
        ("x.mp4,serve,1\n", (), "the file names must agree"),
        ("a.mp4,serve,1\n", ("--reel", "reel.txt"), "needs the name of a video file"),
    ],
)
def test_without_anything_to_cut_the_reason_is_told(videos, tmp_path, rows, options, words):
    labels = tmp_path / "labels.csv"
    labels.write_text("video,label,time\n" + rows)
    out = tmp_path / "clips"
    finished = run("spotting", "clips", labels, videos / "a.mp4", "--out", out, *options)
    assert finished.code == 2
    assert words in finished.err
    assert not out.exists()


def test_events_are_decided_in_scores_that_have_none_beside_them(videos, tmp_path):
    times = np.arange(60) / 25
    values = np.zeros((60, 1), np.float32)
    values[24] = 0.7
    decisions = {"smoothing_seconds": 0.0, "min_height": 0.5, "distance_seconds": 0.2}
    scores = Scores("a.mp4", times, np.arange(60, dtype=np.int32), times, ("serve",), values,
                    decisions)  # fmt: skip
    write_scores(scores, tmp_path / "run" / "scores" / "a.scores.npz")
    out = tmp_path / "clips"
    playhead("spotting", "clips", tmp_path / "run", videos / "a.mp4", "--out", out, *AROUND)
    [clip] = out.glob("*.mp4")
    assert clip.name == "a_00-00-00.960_serve_0.70.mp4"


def test_labels_by_frame_ask_their_video_for_its_rate(videos, tmp_path):
    labels = tmp_path / "labels.csv"
    labels.write_text("video,label,frame\na.mp4,serve,24\n")
    out = tmp_path / "clips"
    command = ("spotting", "clips", labels, videos / "a.mp4", "--out", out)
    playhead(*command, "--before", "0", "--after", "0")
    [clip] = out.glob("*.mp4")
    assert numbers(clip) == [24]


def test_a_reel_of_several_sizes_rates_and_sounds_keeps_shapes_and_times(tmp_path):
    tone = 0.3 * np.sin(np.arange(3 * 48000) * 0.06).astype(np.float32)[None]
    videos = tmp_path / "videos"
    videos.mkdir()
    with VideoWriter(videos / "a.mp4", 160, 96, 25, audio=(tone, 48000)) as writer:
        for k in range(50):
            writer.write(image(k))
    with VideoWriter(videos / "b.mp4", 96, 96, 50) as writer:
        for _ in range(50):
            writer.write(np.full((96, 96), 200, np.uint8))
    labels = tmp_path / "labels.csv"
    labels.write_text("video,label,time\na.mp4,serve,0.4\na.mp4,serve,1.6\nb.mp4,serve,0.5\n")
    reel = tmp_path / "reel.mp4"
    around = ("--before", ".2", "--after", ".2")
    playhead("spotting", "clips", labels, videos, "--out", tmp_path / "out", *around,
             "--reel", reel)  # fmt: skip
    with open_video(reel) as video:
        assert (video.width, video.height, video.frames) == (160, 96, 40)
        steps = np.diff(video.times)
        luma = video.read([39], pixels="luma")[0]
    assert steps[:19] == pytest.approx(np.full(19, 0.04), abs=1e-3)
    assert steps[20:] == pytest.approx(np.full(19, 0.02), abs=1e-3)
    assert abs(luma[:, 40:120].mean() - 200) < 5
    assert luma[:, :28].mean() < 30
    sound = read_audio(reel)
    rms = [float(np.sqrt(np.mean(part**2))) for part in np.array_split(sound.samples[0], 12)]
    assert min(rms[:7]) > 0.15
    assert max(rms[9:]) < 0.02
