"""The pictures of a report: those of the video, and none where it cannot be read."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from playhead.media import VideoWriter, open_video
from playhead.spotting.report import video_pictures


def test_a_damaged_stretch_has_no_pictures_and_does_not_end_the_report(tmp_path: Path) -> None:
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
    shown = [time for time, _ in video_pictures(str(path), times.tolist())]
    assert shown == [times[k] for k in range(50) if k not in bad]


def test_a_video_that_is_not_there_has_no_pictures(tmp_path: Path) -> None:
    assert video_pictures(str(tmp_path / "none.mp4"), [0.0, 1.0]) == []
