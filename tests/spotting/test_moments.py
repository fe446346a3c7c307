"""The moment of an event: a short clip, a link, the frames of a strip."""

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from playhead.media import VideoWriter
from playhead.spotting.moments import local_link, moment_clip, strip_offsets


def write_video(
    path: Path, frames: int = 150, rate: int = 25, size: tuple[int, int] = (640, 364)
) -> None:
    with VideoWriter(path, size[0], size[1], Fraction(rate)) as writer:
        for k in range(frames):
            writer.write(np.full((size[1], size[0]), 40 + k, np.uint8))


def decode(clip: bytes) -> tuple[list[float], list[float], tuple[int, int], int]:
    """Times, mean luma of each frame, size, and the number of streams."""
    with av.open(io.BytesIO(clip), "r") as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        frames = list(container.decode(stream))
        grey = [float(frame.to_ndarray(format="gray").mean()) for frame in frames]
        size = (frames[0].width, frames[0].height)
        return [float(frame.time or 0) for frame in frames], grey, size, len(container.streams)


def test_a_clip_has_the_seconds_around_the_event_small_and_silent(tmp_path: Path) -> None:
    path = tmp_path / "spiel ö.mp4"
    write_video(path)
    clip = moment_clip(path, 3.0)
    assert clip is not None
    times, grey, size, streams = decode(clip)
    assert (len(times), size, streams) == (51, (320, 182), 1)
    assert times[0] == 0
    assert times[-1] == pytest.approx(2.0, abs=1e-3)
    assert grey[25] - grey[0] == pytest.approx(25 * 255 / 219, abs=4)


def test_a_clip_at_the_beginning_begins_with_the_video(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    write_video(path, 60, size=(64, 48))
    clip = moment_clip(path, 0.2)
    assert clip is not None
    times, _, size, _ = decode(clip)
    assert (len(times), size) == (31, (64, 48))


def test_a_clip_of_a_fast_video_has_at_most_30_frames_a_second(tmp_path: Path) -> None:
    path = tmp_path / "fast.mp4"
    write_video(path, 200, rate=50, size=(64, 48))
    clip = moment_clip(path, 2.0)
    assert clip is not None
    assert len(decode(clip)[0]) <= 61


def test_there_is_no_clip_of_a_missing_or_broken_video(tmp_path: Path) -> None:
    assert moment_clip(tmp_path / "none.mp4", 1.0) is None
    (tmp_path / "text.mp4").write_text("no video", encoding="utf-8")
    assert moment_clip(tmp_path / "text.mp4", 1.0) is None


def test_a_link_is_relative_and_quoted(tmp_path: Path) -> None:
    video = tmp_path / "data" / "spiel #1 ö.mp4"
    video.parent.mkdir()
    video.write_bytes(b"")
    assert local_link(video, tmp_path / "report.html") == "data/spiel%20%231%20%C3%B6.mp4"
    page = tmp_path / "runs" / "x" / "report.html"
    assert local_link(video, page) == "../../data/spiel%20%231%20%C3%B6.mp4"
    assert local_link(tmp_path / "gone.mp4", page) is None
    assert local_link(video, Path(tmp_path.anchor) / "report.html") is None


def test_a_strip_reaches_about_halfway_to_the_neighbours_in_steps_of_whole_frames() -> None:
    assert strip_offsets(None, 0.04) == pytest.approx([-0.4, -0.2, 0, 0.2, 0.4])
    assert strip_offsets(8.0, 0.04) == strip_offsets(None, 0.04)
    assert strip_offsets(0.4, 0.04) == pytest.approx([-0.16, -0.08, 0, 0.08, 0.16])
    assert strip_offsets(0.1, 0.04) == pytest.approx([-0.08, -0.04, 0, 0.04, 0.08])
