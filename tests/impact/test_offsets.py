"""The offset of two video files of a play, by motion and by sound, and predictions that use it."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.errors import MediaError, PlayheadError
from playhead.impact.candidates import read_candidates
from playhead.impact.views import (
    PlayView,
    estimate_view_offset,
    loudness,
    with_estimated_offsets,
)
from playhead.media.write import VideoWriter
from tests.command import playhead, playhead_json, run
from tests.impact.networks import write_bundle

WIDTH, HEIGHT = 64, 48
SAMPLES = 16000  # of sound a second


def write_view(
    path: Path,
    start: float = 0.0,
    rate: int = 30,
    *,
    play: int = 1,
    seconds: float = 5.0,
    far: bool = False,
    still: bool = False,
    sound: NDArray[np.float32] | None = None,
) -> Path:
    """A camera's video of a play: squares that dash and rest; the far one is mirrored and small."""
    rng = np.random.default_rng(play)
    moments, lengths = rng.uniform(0, 8, (3, 12)), rng.uniform(0.1, 0.4, (3, 12))
    side = 8 if far else 12
    with VideoWriter(
        path, WIDTH, HEIGHT, Fraction(rate), audio=None if sound is None else (sound, SAMPLES)
    ) as writer:
        for k in range(round(seconds * rate)):
            image = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
            ran = ((start + k / rate - moments) / lengths).clip(0, 1).sum(1)  # dashes so far
            for number, dashes in enumerate([] if still else ran):
                x = round(abs((dashes * 20) % 80 - 40))
                x = WIDTH - side - x if far else x
                y = 4 + 14 * number
                image[y : y + side, max(x, 0) : x + side] = 220
            writer.write(image)
    return path


def claps(start: float, seconds: float = 5.0, seed: int = 1) -> NDArray[np.float32]:
    """Sound of a play from `start` seconds on: short bursts over a quiet hum, one channel."""
    rng = np.random.default_rng(seed)
    whole = rng.normal(0, 0.01, round(10 * SAMPLES))
    for at in rng.uniform(0, 9, 12):
        first = round(at * SAMPLES)
        whole[first : first + 1200] += rng.normal(0, rng.uniform(0.05, 0.3), 1200)
    first = round(start * SAMPLES)
    return whole[None, first : first + round(seconds * SAMPLES)].astype(np.float32)


@pytest.mark.parametrize(("rate", "other"), [(30, 30), (60, 25)])
def test_a_view_that_is_cut_by_ten_frames_is_found_by_its_motion(
    tmp_path: Path, rate: int, other: int
) -> None:
    first = write_view(tmp_path / "first.mp4", 1.0, rate)
    second = write_view(tmp_path / "second.mp4", 1.0 + 10 / rate, other, far=True)
    estimate = estimate_view_offset(first, second)
    assert estimate.source == "motion"
    assert estimate.seconds == pytest.approx(10 / rate, abs=0.02)
    assert estimate.is_confident
    back = estimate_view_offset(second, first)
    assert back.seconds == pytest.approx(-10 / rate, abs=0.02)


def test_views_without_motion_are_aligned_by_their_sound(tmp_path: Path) -> None:
    loud, quiet = claps(1.0), claps(1.4) * 0.2
    first = write_view(tmp_path / "first.mp4", still=True, sound=loud)
    second = write_view(tmp_path / "second.mkv", still=True, rate=25, sound=quiet.repeat(2, 0))
    estimate = estimate_view_offset(first, second)
    assert estimate.source == "sound"
    assert estimate.seconds == pytest.approx(0.4, abs=0.02)
    assert estimate.confidence > 0.3
    assert not estimate_view_offset(first, second, max_seconds=0.2).seconds > 0.3


def test_the_more_confident_of_motion_and_sound_is_taken(tmp_path: Path) -> None:
    first = write_view(tmp_path / "first.mp4", 1.0, sound=claps(1.0))
    noise = np.random.default_rng(5).normal(0, 0.1, (1, 5 * SAMPLES)).astype(np.float32)
    other = write_view(tmp_path / "second.mp4", 1.3, far=True, sound=noise)
    estimate = estimate_view_offset(first, other)
    assert estimate.source == "motion"
    assert estimate.seconds == pytest.approx(0.3, abs=0.02)
    silent = write_view(tmp_path / "silent.mp4", 1.3, far=True)
    assert estimate_view_offset(first, silent).source == "motion"
    assert loudness(silent) is None


def test_the_loudness_is_in_decibels_of_the_times_of_the_video(tmp_path: Path) -> None:
    level = np.repeat(np.array([0.1, 0, 0.5], np.float32), SAMPLES)
    signs = np.resize(np.array([1, -1], np.float32).repeat(20), 3 * SAMPLES)
    path = write_view(tmp_path / "loud.mkv", seconds=3, still=True, sound=(level * signs)[None])
    measured = loudness(path)
    assert measured is not None
    times, levels = measured
    assert np.diff(times) == pytest.approx(0.01)
    at = np.interp([0.5, 1.5, 2.5], times, levels)
    assert times[levels < -40].min() == pytest.approx(1.0, abs=0.05)
    assert at == pytest.approx([-20, -60, -6], abs=1)


def test_unrelated_videos_have_no_confidence(tmp_path: Path) -> None:
    first = write_view(tmp_path / "first.mp4", sound=claps(0, seed=8))
    second = write_view(tmp_path / "second.mp4", play=2, sound=claps(0, seed=9))
    estimate = estimate_view_offset(first, second)
    assert not estimate.is_confident
    assert replace(estimate, confidence=0.1, correlation=0.5).is_confident
    assert not replace(estimate, confidence=0.09, correlation=0.5).is_confident
    assert not replace(estimate, confidence=0.1, correlation=0.49).is_confident
    finished = run("impact", "offset", first, second)
    assert finished.code == 0
    assert "is a guess" in finished.err
    assert "offset of" not in finished.out.replace("`", "")
    assert "is a guess" in playhead_json("impact", "offset", first, second)["warning"]


def test_the_command_tells_the_offset_and_the_column_of_the_manifest(tmp_path: Path) -> None:
    first = write_view(tmp_path / "p_left ö.mp4", 1.0)
    second = write_view(tmp_path / "p_right.mp4", 1.0 + 10 / 30, far=True)
    document = playhead_json("impact", "offset", first, second)
    assert set(document) == {
        "first", "second", "seconds", "correlation", "confidence", "source", "manifest_offset",
        "warning",
    }  # fmt: skip
    assert document["manifest_offset"] == round(-document["seconds"], 3)
    assert document["warning"] is None
    text = playhead("impact", "offset", first, second)
    assert f"write {document['manifest_offset']:g} in the column `offset` of p_right.mp4" in text


def test_files_without_frames_or_with_too_few_are_refused(tmp_path: Path) -> None:
    view = write_view(tmp_path / "view.mp4", seconds=0.5)
    short = write_view(tmp_path / "short.mp4", seconds=0.1)
    empty, absent = tmp_path / "empty.mp4", tmp_path / "absent.mp4"
    empty.touch()
    for path, complaint in (
        (short, "at least 8"), (empty, "empty.mp4"), (absent, "absent.mp4"),
    ):  # fmt: skip
        for pair in ((view, path), (path, view)):
            finished = run("impact", "offset", *pair)
            assert (finished.code, len(finished.err.splitlines())) == (2, 1)
            assert complaint in finished.err
    with pytest.raises(PlayheadError, match="above 0"):
        estimate_view_offset(view, view, max_seconds=float("nan"))


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    view, path = write_view(tmp_path / "view.mp4", seconds=0.5), tmp_path / "sound.wav"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=SAMPLES)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.sample_rate = SAMPLES
        output.mux(stream.encode(frame))
    with pytest.raises(MediaError, match="only sound"):
        estimate_view_offset(view, path)


def test_only_plays_of_two_views_without_offsets_are_estimated(tmp_path: Path) -> None:
    first = write_view(tmp_path / "a.mp4", 1.0)
    second = write_view(tmp_path / "b.mp4", 1.3, far=True)
    third = write_view(tmp_path / "c.mp4", play=2)
    broken = tmp_path / "d.mp4"
    broken.write_bytes(b"no video")
    views = [
        PlayView(first, "one", "left"), PlayView(second, "one", "right"),
        PlayView(third, "two", "left"), PlayView(broken, "two", "right"),
        PlayView(first, "three", "left", 0.5), PlayView(second, "three", "right"),
        PlayView(third, "four", "left"), PlayView(first, "alone"),
        PlayView(first, "five", "left"), PlayView(third, "five", "right"),
    ]  # fmt: skip
    found = with_estimated_offsets(views)
    assert found[0].offset == 0
    assert found[1].offset == pytest.approx(-0.3, abs=0.02)
    assert found[0].estimate == found[1].estimate
    assert found[1].estimate is not None
    assert found[1].estimate["used"]
    assert found[1].note is None
    assert [view.offset for view in found[2:4]] == [0, 0]
    assert "cannot be estimated, 0 is used" in str(found[2].note)
    assert found[4:8] == views[4:8]
    assert [view.offset for view in found[8:]] == [0, 0]
    assert "is a guess" in str(found[9].note)


@pytest.mark.slow
def test_estimated_offsets_are_recorded_with_the_candidates(tmp_path: Path) -> None:
    bundle, folder, out = tmp_path / "bundle", tmp_path / "in", tmp_path / "out"
    write_bundle(bundle)
    folder.mkdir()
    write_view(folder / "p_left.mp4", 1.0, seconds=2)
    write_view(folder / "p_right.mp4", 1.3, far=True, seconds=2)
    command = ("impact", "predict", bundle, folder, "--out", out, "--device", "cpu")
    options = ("--threads", 1, "--precision", "fp32", "--estimate-offsets")
    document = playhead_json(*command, *options)
    assert [file["status"] for file in document["files"]] == ["ok", "ok"]
    left, right = (read_candidates(out / f"p_{name}.candidates.npz") for name in ("left", "right"))
    assert left.offset == 0
    assert right.offset == pytest.approx(-0.3, abs=0.02)
    estimate = right.settings["offset_estimate"]
    assert (estimate["first"], estimate["second"]) == ("p_left.mp4", "p_right.mp4")
    assert estimate["used"] is True
    write_view(folder / "p_right.mp4", seconds=2, still=True)
    document = playhead_json(*command, *options)
    assert all("0 is used" in file["notes"][0] for file in document["files"])
    assert read_candidates(out / "p_right.candidates.npz").offset == 0
    playhead_json(*command, *options[:-1])
    assert "offset_estimate" not in read_candidates(out / "p_left.candidates.npz").settings
