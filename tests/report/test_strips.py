"""Film strips: frames are read from the video, and damaged ones are left out."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from playhead.media import VideoWriter, open_video
from playhead.report.strips import film_strip, read_frames


def test_damaged_frames_are_left_out_of_a_strip(tmp_path: Path) -> None:
    path = tmp_path / "noise.mp4"
    rng = np.random.default_rng(0)
    with VideoWriter(path, 64, 48, Fraction(25)) as writer:
        for _ in range(50):
            writer.write(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4000] = bytes(4000)
    path.write_bytes(content)
    with open_video(path) as video:
        video.check()
        bad = {k for one in video.damage for k in range(one.start, one.stop)}
        times = video.times
    assert 0 < len(bad) < 50
    shown = [time for time, _ in read_frames(path, times.tolist())]
    assert shown == [times[k] for k in range(50) if k not in bad]


def test_a_missing_video_has_no_frames(tmp_path: Path) -> None:
    assert read_frames(tmp_path / "none.mp4", [0.0, 1.0]) == []


def test_frames_are_the_nearest_to_the_times_each_once_and_at_most_as_wide_as_asked(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ramp.mp4"
    with VideoWriter(path, 64, 48, Fraction(25), crf=10) as writer:
        for k in range(10):
            writer.write(np.full((48, 64, 3), 20 * k, np.uint8))
    frames = read_frames(path, [0.21, 0.05, 0.2], width=32)
    assert [time for time, _ in frames] == [0.04, 0.2]
    for time, image in frames:
        assert image.shape == (24, 32, 3)
        assert abs(image.mean() - 20 * round(time * 25)) < 3
    assert read_frames(path, [0.0], width=500)[0][1].shape == (48, 64, 3)


def test_captions_without_a_time_are_times_of_the_video() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    strip = film_strip([(61.5, image), (62.0, image)], name="<a>.mp4")
    assert "<figcaption>1:01.50</figcaption>" in strip
    assert "nearest" not in strip
    assert 'alt="&lt;a&gt;.mp4 at 1:01.50"' in strip
    assert film_strip([], name="a") == '<p class="note">No image.</p>'
