"""What a match looks like: the truth does not depend on it, and the ball can be found in it."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context

import numpy as np
import pytest

from playhead.worlds.football import FootballConfig, draw_match, render
from playhead.worlds.football.figure import player_shape, player_stamp
from playhead.worlds.football.look import BRIGHTEST, draw_look, paint_pitch
from playhead.worlds.football.play import FACINGS, POSES

SHORT = FootballConfig(seconds=8)


def digest(seed: int, number: int) -> str:
    """Of all frames of a short match, before any encoding."""
    frames = hashlib.sha256()
    for frame in render(draw_match(seed, number, SHORT)):
        frames.update(frame.tobytes())
    return frames.hexdigest()


def whitest(frame: np.ndarray) -> np.ndarray:
    """The middle of the pixels that only the ball can have, as parts of the image (x, y)."""
    y, x = np.nonzero(frame.min(axis=2) > 235)
    return np.array([np.median(x) + 0.5, np.median(y) + 0.5]) / frame.shape[1::-1]


def test_the_same_seed_has_the_same_truth_at_every_size() -> None:
    small = draw_match(4, 2, FootballConfig(seconds=60))
    large = draw_match(4, 2, FootballConfig(seconds=60, width=1280, height=720))
    assert small.events == large.events
    assert len(small.events) > 10
    assert np.array_equal(small.looks, large.looks)


@pytest.mark.slow
def test_two_sizes_of_a_match_show_the_ball_at_the_same_place() -> None:
    match = draw_match(4, 2, SHORT)
    pairs = zip(render(match, (112, 64)), render(match, (448, 256)), strict=True)
    away = [
        float(np.hypot(*((whitest(small) - whitest(large)) * (24, 14))))
        for number, (small, large) in enumerate(pairs)
        if number % 10 == 0
    ]
    assert max(away) < 0.5  # metres


@pytest.mark.slow
def test_the_ball_is_the_brightest_thing() -> None:
    """Every live frame has a pixel that only the ball can be."""
    for number in range(3):
        match = draw_match(9, number, SHORT.model_copy(update={"distractors": 0.0}))
        brightness = [frame.min(axis=2).max() for frame in islice(render(match), 0, None, 5)]
        assert min(brightness) > BRIGHTEST + 15


def test_matches_differ_in_look() -> None:
    first = [next(render(draw_match(1, number, SHORT))) for number in range(4)]
    colours = np.array([frame.reshape(-1, 3).mean(axis=0) for frame in first])
    distance = np.abs(colours[:, None] - colours[None]).sum(axis=2)
    assert distance[~np.eye(4, dtype=bool)].min() > 3


@pytest.mark.slow
def test_frames_are_the_same_in_another_process() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        other = pool.submit(digest, 6, 1)
        assert digest(6, 1) == other.result()


@pytest.mark.slow
def test_frames_have_the_asked_size_and_number() -> None:
    config = FootballConfig(seconds=5, rate="30000/1001", width=130, height=74)
    frames = list(render(draw_match(2, 0, config)))
    assert len(frames) == 149
    assert all(frame.shape == (74, 130, 3) and frame.dtype == np.uint8 for frame in frames)
    assert next(render(draw_match(2, 0, config), (64, 48))).shape == (48, 64, 3)


@pytest.mark.slow
def test_a_few_frames_are_drawn_as_they_are_among_all() -> None:
    match = draw_match(6, 1, SHORT)
    every = list(render(match))
    wanted = [0, 3, 77, 150, 199]
    for number, frame in zip(wanted, render(match, None, wanted), strict=True):
        assert np.array_equal(frame, every[number])


def rendered(frames: Iterator[np.ndarray], count: int) -> np.ndarray:
    return np.stack(list(islice(frames, count))).astype(np.int16)


def test_the_image_moves_and_is_grainy() -> None:
    frames = rendered(render(draw_match(2, 0, SHORT)), 20)
    change = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3))
    assert np.all(change > 0.5)
    assert np.all(change < 40)


@pytest.mark.parametrize("pose", range(len(POSES)))
def test_every_pose_is_drawn_in_every_facing(pose: int) -> None:
    for facing in range(FACINGS):
        shape = player_shape(pose, facing, 20, tilt=0.5, light=1, shift=0.0)
        assert np.all(shape.cover >= 0)
        assert shape.cover.sum(axis=2).max() <= 1 + 1e-5
        assert shape.cover[..., :6].sum() > 40  # 16 pixels a metre
        kit = np.full((7, 3), 200, np.uint8)
        stamp = player_stamp(shape, kit, 0.4)
        assert stamp.paint.max() <= 200
        assert stamp.keep.max() == 256


def test_a_kick_looks_unlike_a_run() -> None:
    shapes = [player_shape(p, 2, 12, tilt=0.5, light=0, shift=0.0) for p in range(len(POSES))]
    images = {shape.cover.tobytes() for shape in shapes}
    assert len(images) == len(POSES)


def test_the_lines_of_the_pitch_lie_where_they_should() -> None:
    look = draw_look(np.random.default_rng(0))
    pitch = paint_pitch(look, 8.0, 0.1)
    green = pitch.texels.view(np.uint8).reshape(*pitch.texels.shape, 4)

    def white(x: float, y: float) -> int:
        column = int(pitch.column(np.float32(x)))
        row = int(pitch.row(np.float32(y)))
        return int(green[row - 1 : row + 2, column - 1 : column + 2, :3].min(axis=2).max())

    on = [(52.5, 20), (0, 10), (105, 60), (30, 0), (30, 68), (16.5, 20), (88.5, 40), (5.5, 40)]
    on += [(52.5, 34 + 9.15), (52.5 - 9.15, 34), (11 + 9.15, 34), (94 - 9.15, 34), (80, 68)]
    off = [(52.5 + 5, 34), (40, 30), (11 - 9.15 + 0.5, 30), (25, 10), (70, 50), (3, 34)]
    assert min(white(*spot) for spot in on) > 100
    assert max(white(*spot) for spot in off) < 95
