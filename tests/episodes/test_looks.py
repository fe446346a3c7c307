"""Hashes survive scale and codec; credits and cuts are found where they were drawn."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from playhead.episodes.images import looks as module
from playhead.episodes.images.looks import (
    black_spans,
    key_frames_near,
    read_looks,
    rolling_spans,
    shot_changes_near,
)
from playhead.media import VideoWriter, open_video

SHOT = 1.5


def shot(number: int, width: int, height: int) -> np.ndarray:
    """Smooth blobs, the same for every size."""
    random = np.random.default_rng(number)
    rows, columns = np.mgrid[0:height, 0:width] / np.array([height, width])[:, None, None]
    image = np.zeros((height, width))
    for _ in range(8):
        x, y, size, level = random.random(4)
        image += (level + 0.3) * np.exp(
            -((columns - x) ** 2 + (rows - y) ** 2) / (0.01 + size / 15)
        )
    return (20 + 200 * image / image.max()).astype(np.uint8)


def shots(path: Path, size: tuple[int, int] = (160, 96), rate: int = 10, **how: object) -> Path:
    with VideoWriter(path, *size, rate, **how) as writer:  # type: ignore[arg-type]
        for k in range(12 * rate):
            writer.write(shot(int(k / rate / SHOT), *size))
    return path


def rolling(path: Path, *, speed: float, seconds: float = 14) -> Path:
    """Two shots, black from 5 to 6 s, and then text that moves up by `speed` heights a second."""
    random = np.random.default_rng(0)
    with VideoWriter(path, 320, 180, 10) as writer:
        lines = ["".join(chr(97 + c) for c in random.integers(0, 26, 14)) for _ in range(60)]
        page = Image.new("L", (320, 1600), 16)
        for number, line in enumerate(lines):
            ImageDraw.Draw(page).text((90 + 7 * (number % 4), 8 + 25 * number), line, fill=230)
        drawn = np.asarray(page)
        for k in range(round((6 + seconds) * 10)):
            if k < 50:
                writer.write(shot(k // 25, 320, 180))
            elif k < 60:
                writer.write(np.full((180, 320), 16, np.uint8))
            else:
                top = round((k - 60) / 10 * speed * 180) + (800 if speed < 0 else 0)
                writer.write(np.ascontiguousarray(drawn[top : top + 180]))
    return path


def test_hashes_hardly_depend_on_scale_and_codec(tmp_path: Path) -> None:
    first = read_looks(shots(tmp_path / "a.mp4"), folder=tmp_path)
    second = read_looks(
        shots(tmp_path / "b.webm", (320, 192), 25, codec="vp9", crf=45), folder=tmp_path
    )
    assert len(first.hashes) == len(second.hashes) == 24
    # Where a cut falls on a sampled time, the nearest frame may be of either shot.
    assert np.quantile(np.bitwise_count(first.hashes ^ second.hashes), 0.8) <= 6
    other = np.roll(second.hashes, 3)
    assert np.quantile(np.bitwise_count(first.hashes ^ other), 0.2) >= 16


def test_frames_without_structure_have_no_hash(tmp_path: Path) -> None:
    looks = read_looks(rolling(tmp_path / "a.mkv", speed=0.2), folder=tmp_path)
    assert looks.hashes[10:12].tolist() == [0, 0]
    assert np.all(looks.hashes[:10] != 0)


def test_looks_are_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = shots(tmp_path / "a.mp4")
    first = read_looks(path, folder=tmp_path)
    monkeypatch.setattr(module, "open_video", None)
    second = read_looks(path, folder=tmp_path)
    assert np.array_equal(first.hashes, second.hashes)
    assert np.array_equal(first.shift, second.shift)


def test_black_frames_are_a_span(tmp_path: Path) -> None:
    (span,) = black_spans(read_looks(rolling(tmp_path / "a.mkv", speed=0.2), folder=tmp_path))
    assert (span.start, span.end) == (5, 6)
    assert span.score > 0.8


@pytest.mark.parametrize("speed", [0.06, 0.15, 0.3])
def test_rolling_text_is_a_span(tmp_path: Path, speed: float) -> None:
    (span,) = rolling_spans(read_looks(rolling(tmp_path / "a.mkv", speed=speed), folder=tmp_path))
    assert span.start == pytest.approx(6, abs=1)
    assert span.end == pytest.approx(20, abs=1)
    assert span.score > 0.4


def test_text_that_stands_or_falls_and_shots_do_not_roll(tmp_path: Path) -> None:
    assert rolling_spans(read_looks(rolling(tmp_path / "a.mkv", speed=0), folder=tmp_path)) == []
    down = rolling(tmp_path / "c.mkv", speed=-0.15)
    assert rolling_spans(read_looks(down, folder=tmp_path)) == []
    assert rolling_spans(read_looks(shots(tmp_path / "b.mp4"), folder=tmp_path)) == []


def test_shot_changes_and_key_frames_near_a_time(tmp_path: Path) -> None:
    with open_video(shots(tmp_path / "a.mp4", rate=20, gop=15)) as video:
        assert shot_changes_near(video, 4.4).tolist() == pytest.approx([4.5])
        assert shot_changes_near(video, 3.75, seconds=0.8).tolist() == pytest.approx([3, 4.5])
        assert len(shot_changes_near(video, 3.75, seconds=0.5)) == 0
        near = key_frames_near(video, 4.4)
        assert 4.5 in near.tolist()
        assert np.all(np.abs(near - 4.4) <= 1)
        assert len(shot_changes_near(video, 500)) == 0
