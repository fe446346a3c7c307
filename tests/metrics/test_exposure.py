"""Exposure against closed forms, and in files that were really encoded."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from playhead.errors import MediaError
from playhead.events.formats.tracks import TrackFile
from playhead.events.model import Origin, Track
from playhead.media import VideoWriter
from playhead.metrics.exposure import HIDDEN, covered_share, exposure, hidden_share

Bytes = NDArray[np.uint8]
FRAMES, WIDTH, HEIGHT = 12, 160, 96
GREY = np.full((40, 120, 3), 128, np.uint8)


@pytest.mark.parametrize(("pixels", "enough"), [(949, False), (950, True), (951, True)])
def test_of_a_thousand_pixels_950_must_be_hidden(pixels: int, enough: bool) -> None:
    after = GREY.copy()
    flat = after[10:20, 5:105].reshape(-1, 3).copy()
    flat[:pixels] = 0
    after[10:20, 5:105] = flat.reshape(10, 100, 3)
    share = hidden_share(GREY, after, (5, 10, 105, 20))
    assert share == pytest.approx(pixels / 1000)
    assert (share >= HIDDEN) is enough


@given(
    st.floats(0, 100), st.floats(0, 30), st.floats(0.5, 20), st.floats(0.5, 10), st.integers(0, 120)
)
def test_a_share_is_that_of_the_areas(
    left: float, top: float, wide: float, high: float, edge: int
) -> None:
    """Hiding every column left of `edge`: the closed form of the common area."""
    after = GREY.copy()
    after[:, :edge] = 0
    common = min(max(edge - left, 0), wide)
    box = (left, top, left + wide, top + high)
    assert hidden_share(GREY, after, box) == pytest.approx(common / wide, abs=1e-9)
    assert covered_share(box, after[..., 0] == 0) == pytest.approx(common / wide, abs=1e-9)


def test_a_box_is_clipped_and_what_lies_outside_shows_nothing() -> None:
    after = GREY.copy()
    after[:, :10] = 0
    assert hidden_share(GREY, after, (-50, 0, 10, 40)) == 1
    assert hidden_share(GREY, after, (-50, 0, 20, 40)) == 0.5
    for box in ((-20.0, 0.0, -5.0, 10.0), (130.0, 5.0, 140.0, 10.0), (30.0, 5.0, 30.0, 9.0)):
        assert hidden_share(GREY, GREY, box) == 1
        assert covered_share(box, np.zeros((40, 120), bool)) == 1


def test_an_image_that_hides_is_known_by_its_change() -> None:
    after = GREY.copy()
    after[:, 30:60] = (128, 200, 128)
    box = (30.0, 0.0, 60.0, 40.0)
    assert hidden_share(GREY, after, box, colour=None) == 1
    assert hidden_share(GREY, GREY + np.uint8(59), box, colour=None) == 0
    assert hidden_share(GREY, GREY + np.uint8(61), box, colour=None) == 1
    assert hidden_share(GREY, GREY, box, colour=(120, 130, 150)) == 1  # it looked like that before


def test_pixels_that_were_dark_before_say_nothing_of_black_hiding() -> None:
    before = GREY.copy()
    before[:, :60] = 10
    box = (0.0, 0.0, 100.0, 40.0)
    assert hidden_share(before, before, box) == 0
    after = before.copy()
    after[:, 80:] = 0
    assert hidden_share(before, after, box) == 0.5


def scene(frame: int) -> Bytes:
    """A textured image that drifts, light enough to be told from black."""
    noise = gaussian_filter(
        np.random.default_rng(4).normal(0, 1, (HEIGHT, WIDTH + 40, 3)), (2, 2, 0)
    )
    part = noise[:, frame : frame + WIDTH]
    return np.clip(150 + part * 220, 90, 250).astype(np.uint8)


def box_at(frame: int) -> tuple[float, float, float, float]:
    return (20.3 + 4 * frame, 30.0, 52.7 + 4 * frame, 61.5)


def written(path: Path, change: Callable[[int, Bytes], None], frames: int = FRAMES) -> Path:
    with VideoWriter(path, WIDTH, HEIGHT, 25, crf=20) as writer:
        for frame in range(frames):
            image = scene(frame)
            change(frame, image)
            writer.write(image)
    return path


def untouched(frame: int, image: Bytes) -> None:
    """Hide nothing."""


def blackened(frame: int, image: Bytes) -> None:
    x1, y1, x2, y2 = box_at(frame)
    image[int(y1) - 3 : math.ceil(y2) + 3, int(x1) - 3 : math.ceil(x2) + 3] = 0


def blackened_but_for_three(frame: int, image: Bytes) -> None:
    if frame not in {2, 3, 9}:
        blackened(frame, image)


def truth(frames: int = FRAMES, width: int = WIDTH) -> TrackFile:
    boxes = np.array([box_at(frame) for frame in range(0, FRAMES)], np.float32)
    still = np.tile(np.array([4, 4, 14, 14], np.float32), (FRAMES, 1))
    tracks = tuple(
        Track(
            id=number,
            label=label,
            frames=np.arange(FRAMES, dtype=np.int32),
            boxes=values,
            scores=np.ones(FRAMES, np.float32),
            origin=np.full(FRAMES, Origin.DRAWN, np.uint8),
        )
        for number, label, values in ((7, "face", boxes), (9, "plate", still))
    )
    return TrackFile(
        video="a.mp4", frames=frames, width=width, height=HEIGHT, classes=("face", "plate"),
        tracks=tracks,
    )  # fmt: skip


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("exposure") / "a.mp4", untouched)


def test_in_an_encoded_copy_everything_is_exposed(original: Path, tmp_path: Path) -> None:
    """The copy is encoded once more: compression alone hides nothing."""
    measured = exposure(truth(), original, recoded(original, tmp_path / "b.mp4"))
    assert measured.track_frames == len(measured.exposed) == 2 * FRAMES
    assert measured.share == 1
    assert max(one.share for one in measured.exposed) < 0.01


def recoded(path: Path, target: Path) -> Path:
    from playhead.media import open_video

    with open_video(path) as video, VideoWriter(target, WIDTH, HEIGHT, 25, crf=26) as writer:
        for _, image in video.stream():
            writer.write(image)
    return target


def test_what_is_blackened_a_little_larger_is_not_exposed(original: Path, tmp_path: Path) -> None:
    after = written(tmp_path / "b.mp4", blackened)
    measured = exposure(truth(), original, after, labels=["face"])
    assert (measured.track_frames, measured.exposed) == (FRAMES, ())
    both = exposure(truth(), original, after)
    assert {one.track for one in both.exposed} == {9}
    assert both.share == 0.5


def test_each_frame_that_was_missed_is_named(original: Path, tmp_path: Path) -> None:
    after = written(tmp_path / "b.mp4", blackened_but_for_three)
    measured = exposure(truth(), original, after, labels=["face"])
    assert [(one.frame, one.track) for one in measured.exposed] == [(2, 7), (3, 7), (9, 7)]
    assert all(one.share < 0.05 for one in measured.exposed)


def test_videos_of_other_lengths_or_sizes_are_refused(original: Path, tmp_path: Path) -> None:
    shorter = written(tmp_path / "b.mp4", blackened, frames=FRAMES - 1)
    with pytest.raises(MediaError, match="11 frames"):
        exposure(truth(), original, shorter)
    with pytest.raises(MediaError, match="the ground truth 13"):
        exposure(truth(frames=13), original, original)
    with pytest.raises(MediaError, match="162x96"):
        exposure(truth(width=162), original, original)


def test_without_a_box_there_is_nothing_to_expose(original: Path) -> None:
    measured = exposure(truth(), original, original, labels=["head"])
    assert (measured.track_frames, measured.exposed) == (0, ())
    assert math.isnan(measured.share)


def dark_texture(seed: int = 0) -> Bytes:
    """A dark image without a pixel brighter than 24, whose detail varies by some 5 levels."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(0, 1, (40, 120)), 2)
    levels = np.clip(12 + noise * 5 / noise.std(), 0, 24).astype(np.uint8)
    return np.repeat(levels[..., None], 3, axis=2)


def test_dark_detail_that_is_still_there_is_visible_and_one_that_is_painted_over_is_not() -> None:
    before, box = dark_texture(), (10.0, 0.0, 110.0, 40.0)
    assert hidden_share(before, before, box) == 1  # by colour alone nothing can be told
    assert hidden_share(before, before, box, by_detail=True) < 0.05
    painted = np.zeros_like(before)
    assert hidden_share(before, painted, box, by_detail=True) == 1
    other = dark_texture(seed=1)
    assert hidden_share(before, other, box, by_detail=True) > 0.8


def test_of_a_dark_object_that_is_half_painted_over_half_is_visible() -> None:
    before = dark_texture()
    after = before.copy()
    after[:, :60] = 0
    share = hidden_share(before, after, (10.0, 0.0, 110.0, 40.0), by_detail=True)
    assert share == pytest.approx(0.5, abs=0.05)


def test_where_the_dark_original_has_no_detail_nothing_can_be_seen() -> None:
    flat = np.full((40, 120, 3), 12, np.uint8)
    assert hidden_share(flat, flat, (10.0, 0.0, 110.0, 40.0), by_detail=True) == 1
    noise = np.random.default_rng(3).integers(0, 2, (40, 120, 1), np.uint8)
    noisy = flat + noise  # a deviation of .5, below what counts as detail
    assert hidden_share(noisy, noisy, (10.0, 0.0, 110.0, 40.0), by_detail=True) == 1


@given(st.floats(-20, 120), st.floats(-10, 50), st.floats(0, 30), st.floats(0, 10))
def test_detail_changes_nothing_where_the_colour_tells(
    left: float, top: float, wide: float, high: float
) -> None:
    after = GREY.copy()
    after[10:30, 20:50] = 0
    box = (left, top, left + wide, top + high)
    assert hidden_share(GREY, after, box, by_detail=True) == hidden_share(GREY, after, box)
