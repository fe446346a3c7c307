"""Boundaries snap to what is near in the video, and stay where nothing is."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from playhead.episodes.images.snapping import snap_segments
from playhead.episodes.segments import Segment

OPENING = Segment(kind="opening", start=2.2, end=5.9, confidence=0.9)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds at 10 fps: another shot at 2 s and at 6 s, key frames every 3 s."""
    path = tmp_path_factory.mktemp("video") / "a.mkv"
    rng = np.random.default_rng(0)
    shots = [rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(3)]
    with av.open(str(path), "w") as out:
        options = {"g": "30", "keyint_min": "30", "sc_threshold": "0", "bf": "0"}
        stream = out.add_stream("libx264", rate=10, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for k in range(80):
            frame = av.VideoFrame.from_ndarray(shots[(k >= 20) + (k >= 60)])
            frame.pts, frame.time_base = k, Fraction(1, 10)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def test_boundaries_snap_to_shot_changes(video: Path) -> None:
    [found] = snap_segments(video, [OPENING], "shot")
    assert (found.snapped_start, found.snapped_end) == (2.0, 6.0)
    assert (found.start, found.end) == (2.2, 5.9)


def test_boundaries_snap_to_key_frames(video: Path) -> None:
    [found] = snap_segments(video, [replace(OPENING, start=4.4, end=6.2)], "keyframe")
    assert (found.snapped_start, found.snapped_end) == (3.0, 6.0)


def test_a_boundary_with_nothing_near_stays(video: Path) -> None:
    [found] = snap_segments(video, [replace(OPENING, start=3.9, end=7.8)], "shot")
    assert (found.snapped_start, found.snapped_end) == (None, None)


def test_nothing_is_opened_where_nothing_snaps() -> None:
    missing = Path("missing.mkv")
    assert snap_segments(missing, [OPENING], "none") == (OPENING,)
    assert snap_segments(missing, [], "shot") == ()
