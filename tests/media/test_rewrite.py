"""Rewriting: the same frames at the same times, and only what was changed is changed."""

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from playhead.errors import MediaError
from playhead.media import Planes, open_video, require_file
from playhead.media.rewrite import RewriteOptions, output_suffix, rewrite
from tests.media.conftest import KINDS
from tests.media.encode import encode, number_of, reference

Made = Callable[[str], Path]
EXACT = RewriteOptions(crf=0, preset="ultrafast", threads=2)


def untouched(k: int, given: Planes) -> None:
    """A change that changes nothing."""


def images(path: Path) -> list[np.ndarray]:
    with open_video(path) as video:
        return [luma for _, luma in video.stream(pixels="luma")]


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_frames_times_and_untouched_luma_are_those_of_the_source(
    name: str, made: Made, tmp_path: Path
) -> None:
    source = made(name)
    target = tmp_path / f"a{output_suffix(source)}"
    numbers = []
    done = rewrite(source, target, lambda k, _: numbers.append(k), EXACT)
    with open_video(source) as before, open_video(target) as after:
        assert done.frames == before.frames == after.frames
        assert numbers == list(range(before.frames))
        np.testing.assert_allclose(after.times, before.times, rtol=0, atol=1e-9)
        assert after.duration == pytest.approx(before.duration, abs=1e-3)
        assert (after.width, after.height) == (before.width, before.height)
        assert (after.rotation, after.rate) == (before.rotation, before.rate)
        assert after.variable_rate == before.variable_rate
        assert after.timestamps == "container"
        given = [luma for _, luma in before.stream(pixels="luma")]
        kept = [luma for _, luma in after.stream(pixels="luma")]
    assert done.marked == ()
    assert done.notes == ()
    assert all(np.array_equal(a, b) for a, b in zip(given, kept, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["variable.mp4", "ntsc.mp4", "late_start.mp4", "open.ts"])
def test_times_keep_the_ticks_of_the_source(name: str, made: Made, tmp_path: Path) -> None:
    target = tmp_path / "a.mp4"
    rewrite(made(name), target, untouched, EXACT)
    with open_video(made(name)) as before, open_video(target) as after:
        assert np.array_equal(after.times, before.times)


def test_what_is_changed_is_changed_in_that_frame_alone(made: Made, tmp_path: Path) -> None:
    def change(k: int, given: Planes) -> None:
        if k % 3 == 0:
            for plane, value in zip(given.planes, given.values((0, 0, 0)), strict=True):
                rows, columns = plane.shape
                plane[rows // 2 :, columns // 2 :] = value

    target = tmp_path / "a.mp4"
    rewrite(made("pyramid_gop250.mp4"), target, change, EXACT)
    for k, (before, after) in enumerate(
        zip(images(made("pyramid_gop250.mp4")), images(target), strict=True)
    ):
        expected = before.copy()
        if k % 3 == 0:
            expected[48:, 80:] = 16
        assert np.array_equal(after, expected), k


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".m4v"])
def test_every_frame_still_carries_its_number_at_the_usual_quality(
    codec: str, suffix: str, made: Made, tmp_path: Path
) -> None:
    target = tmp_path / f"a{suffix}"
    rewrite(made("bframes.mp4"), target, untouched, RewriteOptions(codec=codec, threads=2))
    assert [number_of(luma) for luma in images(target)] == list(range(150))
    with av.open(str(target)) as given:
        assert given.streams.video[0].codec_context.name == codec


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_video_of_few_frames_keeps_them(frames: int, suffix: str, tmp_path: Path) -> None:
    source = encode(tmp_path / f"a{suffix}", frames)
    rewrite(source, tmp_path / f"b{suffix}", untouched, EXACT)
    with open_video(source) as before, open_video(tmp_path / f"b{suffix}") as after:
        assert after.frames == frames
        assert after.duration == pytest.approx(before.duration, abs=1e-3)
        assert np.array_equal(after.times, before.times)


def test_the_encoder_chooses_its_key_frames_itself(made: Made, tmp_path: Path) -> None:
    rewrite(made("all_intra.mp4"), tmp_path / "a.mp4", untouched, RewriteOptions(threads=2))
    with open_video(tmp_path / "a.mp4") as after:
        assert 2 <= len(after.table.key_frames) < 10


def test_hevc_is_named_as_every_player_expects(made: Made, tmp_path: Path) -> None:
    options = RewriteOptions(codec="hevc", preset="ultrafast", threads=2)
    rewrite(made("gop12.mp4"), tmp_path / "a.mp4", untouched, options)
    assert b"hvc1" in (tmp_path / "a.mp4").read_bytes()


def test_the_last_frame_is_shown_as_long_as_before(tmp_path: Path) -> None:
    times = [Fraction(i, 10) for i in range(30)]
    source = encode(tmp_path / "a.mp4", 30, rate=10, times=times)
    held = tmp_path / "held.mp4"
    with av.open(str(source)) as given, av.open(str(held), "w") as output:
        stream = given.streams.video[0]
        copy = output.add_stream_from_template(stream)
        packets = [p for p in given.demux(stream) if p.size]
        packets[-1].duration = round(Fraction(5, 2) / stream.time_base)
        for packet in packets:
            packet.stream = copy
            output.mux(packet)
    with open_video(held) as before:
        assert before.duration > 3.5, "the source must hold its last frame for this to say much"
        rewrite(held, tmp_path / "b.mp4", untouched, RewriteOptions(threads=2))
        with open_video(tmp_path / "b.mp4") as after:
            assert after.duration == before.duration


@pytest.mark.parametrize("name", ["b.mkv", "b.mp4"])
def test_frames_at_one_time_are_all_kept(name: str, tmp_path: Path) -> None:
    """Matroska rounds to milliseconds, so that a fast camera's frames can fall on one time."""
    times = [Fraction(i, 2500) for i in range(60)]
    source = encode(tmp_path / "a.mkv", 60, times=times)
    rewrite(source, tmp_path / name, untouched, EXACT)
    with open_video(source) as before, open_video(tmp_path / name) as after:
        assert len(np.unique(before.times)) < 60
        assert np.array_equal(after.times, before.times)
        assert [number_of(luma) for _, luma in after.stream(pixels="luma")] == list(range(60))


def test_times_that_matroska_cannot_keep_are_said(made: Made, tmp_path: Path) -> None:
    done = rewrite(made("ntsc.mp4"), tmp_path / "a.mkv", untouched, EXACT)
    assert any("milliseconds" in note for note in done.notes)
    with open_video(made("ntsc.mp4")) as before, open_video(tmp_path / "a.mkv") as after:
        np.testing.assert_allclose(after.times, before.times, rtol=0, atol=0.00101)


def test_a_file_that_breaks_off_is_said_to(tmp_path: Path) -> None:
    source = encode(tmp_path / "whole.mp4", 100, container={"movflags": "faststart"})
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(source.read_bytes()[: int(source.stat().st_size * 0.6)])
    done = rewrite(cut, tmp_path / "b.mp4", untouched, EXACT)
    with open_video(cut) as before, open_video(tmp_path / "b.mp4") as after:
        assert after.frames == before.frames < 100
    assert any("the source ends early" in note for note in done.notes)


def test_progress_counts_every_frame(made: Made, tmp_path: Path) -> None:
    class Counting:
        steps = 0.0

        def advance(self, steps: float = 1, note: str = "") -> None:
            self.steps += steps

    counting = Counting()
    rewrite(made("gop12.mp4"), tmp_path / "a.mp4", untouched, EXACT, counting)
    assert counting.steps == 150


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_change_nothing_of_what_is_kept(threads: int, made: Made, tmp_path: Path) -> None:
    options = RewriteOptions(crf=0, preset="ultrafast", threads=threads)
    rewrite(made("bframes.mp4"), tmp_path / "a.mp4", untouched, options)
    before, after = list(reference(made("bframes.mp4"))), list(reference(tmp_path / "a.mp4"))
    assert len(before) == len(after)
    assert all(map(np.array_equal, before, after))


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("a.MP4", ".mp4"),
        ("a.mov", ".mov"),
        ("a.m4v", ".m4v"),
        ("a.mkv", ".mkv"),
        ("a.b.avi", ".mp4"),
    ],
)
def test_the_suffix_is_kept_where_it_can_be(name: str, suffix: str) -> None:
    assert output_suffix(Path(name)) == suffix


@pytest.mark.parametrize(
    "name", ["-", "/dev/null", "http://host/a.mp4", "rtsp://host/a", "/dev/stdin"]
)
def test_what_gives_its_frames_only_once_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="save it to a file first"):
        require_file(name)


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(MediaError, match="save it to a file first"):
        rewrite(tmp_path / "pipe.mp4", tmp_path / "a.mp4", untouched, EXACT)
