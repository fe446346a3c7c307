"""Tracks that hide: what is covered when, against closed forms, mirrored worlds, simulated ones."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes, cover
from playhead.decisions.track_config import TrackConfig
from playhead.events.model import Origin, Track
from playhead.redaction.config import ExtensionConfig
from playhead.redaction.track_extension import covering_tracks
from tests.moving_boxes import RATE, SIZE, box_of, boxes_at, constant, covered, detections_of


def track(
    found: Sequence[Boxes],
    times: NDArray[np.float64],
    frames: Sequence[int] | None = None,
    **extension: float,
) -> list[Track]:
    sampled = np.array(range(len(times)) if frames is None else frames, np.int32)
    return covering_tracks(
        times,
        sampled,
        found,
        label="face",
        tracking=TrackConfig(),
        extension=ExtensionConfig.model_validate(extension),
        start_score=0.3,
        size=SIZE,
    )


def test_missing_detections_at_constant_velocity_are_filled_within_half_a_pixel() -> None:
    path, times = constant(100, 300, 130, -40), np.arange(60) / RATE
    missed = [7, *range(20, 30), 41, 42]
    found = detections_of([path], times, range(60), missed)
    (one,) = track(found, times, margin=0)
    inside = one.origin != Origin.EXTENDED
    truth = np.array([box_of(path, times[frame]) for frame in one.frames[inside]])
    assert np.abs(one.boxes[inside] - truth).max() < 0.5
    assert one.frames[one.origin == Origin.FILLED].tolist() == missed


def test_a_face_missed_for_five_frames_is_covered_in_all_five() -> None:
    path, times = constant(200, 200, 90, 60), np.arange(50) / RATE
    missed = range(22, 27)
    tracks = track(detections_of([path], times, range(50), missed), times)
    assert len(tracks) == 1
    for frame in missed:
        assert covered(tracks, frame, box_of(path, times[frame]), scale=1) == pytest.approx(1)


def test_a_gap_in_which_the_object_accelerates_is_filled_along_its_curve() -> None:
    # In .6 s at 400 px/s² the straight line is 18 px off, nearly half the box.
    times = np.arange(60) / RATE
    missed = range(24, 38)

    def path(t: float) -> tuple[float, float, float, float]:
        return 300, 100 + 200 * t * t, 40, 40

    tracks = track(detections_of([path], times, range(60), missed), times, margin=0)
    for frame in missed:
        assert covered(tracks, frame, box_of(path, times[frame]), scale=1) > 0.95


def test_both_ends_reach_as_far_as_the_configuration_says() -> None:
    path, times = constant(600, 300, 0, 0), np.arange(100) / RATE
    missed = [*range(40), *range(60, 100)]
    (one,) = track(detections_of([path], times, range(100), missed), times, seconds=0.4)
    assert (one.frames[0], one.frames[-1]) == (30, 69)
    assert set(one.origin[:10]) == set(one.origin[-10:]) == {Origin.EXTENDED}
    assert np.all(one.origin[10:-10] == Origin.DETECTED)


def test_an_end_covers_where_the_object_stood_and_where_it_goes() -> None:
    path, times = constant(300, 300, 200, 0), np.arange(60) / RATE
    missed = range(30, 60)
    tracks = track(detections_of([path], times, range(60), missed), times, seconds=0.2)
    for frame in range(30, 35):
        assert covered(tracks, frame, box_of(path, times[29]), 1) == pytest.approx(1)
        assert covered(tracks, frame, box_of(path, times[frame]), 1) == pytest.approx(1)


@pytest.mark.parametrize("limit", [0.0, 0.25, 0.5])
def test_where_nobody_saw_it_a_box_grows_on_each_side_by_the_growth_limit_at_most(
    limit: float,
) -> None:
    times = np.arange(100) / RATE
    found = detections_of([constant(640, 360, 0, 0)], times, range(100), missed=range(50, 100))
    [one] = track(found, times, growth_limit=limit, samples=20)
    sides = one.boxes[:, 2:] - one.boxes[:, :2]
    assert sides.max(axis=0) == pytest.approx([40 * (1 + 2 * limit), 50 * (1 + 2 * limit)])


def test_extension_reaches_over_the_neighbouring_samples_however_far_apart() -> None:
    path, times = constant(600, 300, 0, 0), np.arange(100) / RATE
    frames = range(5, 95, 30)  # 5, 35, 65: 1.2 s apart
    found = detections_of([path], times, frames, missed=[5, 65])
    for reach, span in ((1, (5, 65)), (2, (0, 99))):
        (one,) = track(found, times, frames, seconds=0, samples=reach)
        assert (one.frames[0], one.frames[-1]) == span


@pytest.mark.slow
@pytest.mark.parametrize("every", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [12, 40, 130])
def test_an_object_that_accelerates_is_covered_between_sampled_frames(
    every: int, size: int
) -> None:
    times = np.arange(75) / RATE

    def path(t: float) -> tuple[float, float, float, float]:  # up to 3 sizes a second
        return 640 + 1.5 * size * np.sin(2 * t), 300 + size * t - 0.5 * size * t * t, size, size

    frames = range(0, 75, every)
    tracks = track(detections_of([path], times, frames), times, frames)
    for frame in range(75):
        assert covered(tracks, frame, box_of(path, times[frame]), scale=1.3) >= 0.95


def test_no_track_crosses_a_far_jump() -> None:
    left, right = constant(200, 300, 20, 0), constant(900, 400, -20, 0)
    times = np.arange(100) / RATE
    before, after = (
        detections_of([left], times, range(50)),
        detections_of([right], times, range(50, 100)),
    )
    tracks = track([*before, *after], times)
    assert len(tracks) == 2
    for frame in range(100):
        boxes = boxes_at(tracks, frame)
        assert not np.any((boxes[:, 0] > 320) & (boxes[:, 2] < 780))
        assert np.all(boxes[:, 2] - boxes[:, 0] < 130)
    for one in tracks:
        assert not np.any(one.origin == Origin.FILLED)


@pytest.mark.parametrize(("x", "vx"), [(1103, 250), (177, -250)])
def test_an_object_that_leaves_the_image_takes_its_track_along(x: float, vx: float) -> None:
    path, times = constant(x, 300, vx, 0), np.arange(75) / RATE
    boxes = [box_of(path, time) for time in times]
    outside = [frame for frame, box in enumerate(boxes) if box[0] >= SIZE[0] or box[2] <= 0]
    found = detections_of([path], times, range(75), outside)
    tracks = track(found, times, margin=0, seconds=1.0)
    assert tracks[0].frames.tolist() == list(range(outside[0]))
    assert len(tracks) == 1
    inside = np.clip(tracks[0].boxes, 0, (*SIZE, *SIZE))
    assert np.all(inside[:, :2] < inside[:, 2:])


def test_a_box_over_the_edge_of_the_frame_is_not_cut() -> None:
    path, times = constant(5, 300, 0, 0, w=40, h=50), np.arange(20) / RATE
    found = detections_of([path], times, range(20))
    (one,) = track(found, times)
    assert np.all(one.boxes[:, 0] <= -15)


def test_a_box_that_is_small_for_a_moment_exposes_nothing() -> None:
    path, times = constant(400, 300, 30, 0), np.arange(50) / RATE
    found = detections_of([path], times, range(50))
    x1, y1, x2, y2 = found[25].boxes[0]
    small = np.array([[x1 + 8, y1 + 10, x2 - 8, y2 - 10]], np.float32)
    found[25] = Boxes(small, found[25].scores)
    tracks = track(found, times)
    assert covered(tracks, 25, box_of(path, times[25]), scale=1) == pytest.approx(1)


def test_one_good_detection_is_a_track_that_stands_still() -> None:
    path, times = constant(600, 300, 0, 0), np.arange(100) / RATE
    missed = [frame for frame in range(100) if frame != 50]
    (one,) = track(detections_of([path], times, range(100), missed), times)
    assert one.frames.tolist() == list(range(44, 57))
    assert np.all(cover(box_of(path, 0)[None], one.boxes) == 1)
    assert np.flatnonzero(one.origin == Origin.DETECTED).tolist() == [6]


def test_a_video_of_four_frames_is_covered_whole() -> None:
    path, times = constant(600, 300, 30, 0), np.arange(4) / RATE
    for seen in range(4):
        missed = [frame for frame in range(4) if frame != seen]
        (one,) = track(detections_of([path], times, range(4), missed), times)
        assert one.frames.tolist() == [0, 1, 2, 3]


def test_times_decide_and_not_frame_numbers() -> None:
    # 12.5 then 50 frames a second, and a pause: positions follow the seconds.
    times = np.cumsum([0.08] * 20 + [0.02] * 40 + [0.3] + [0.02] * 20)
    path = constant(100, 300, 120, 20)
    n = len(times)
    missed = [5, 6, *range(30, 40), *range(58, 63)]
    (one,) = track(detections_of([path], times, range(n), missed), times, margin=0)
    truth = np.array([box_of(path, times[frame]) for frame in one.frames])
    filled = one.origin == Origin.FILLED
    assert one.frames[filled].tolist() == missed
    assert np.abs(one.boxes - truth)[filled].max() < 0.5


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("every", [1, 2])
def test_frames_that_share_a_time_keep_their_own_boxes(every: int) -> None:
    times = np.repeat(np.arange(20) / RATE, 2)
    boxes = [np.array([[300 + 4 * k, 300, 340 + 4 * k, 350]], np.float32) for k in range(40)]
    found = [Boxes(box, np.full(1, 0.9, np.float32)) for box in boxes[::every]]
    tracks = track(found, times, range(0, 40, every))
    assert [one.frames.tolist() for one in tracks] == [list(range(40))]
    for frame in range(0, 40, every):
        assert covered(tracks, frame, boxes[frame][0], scale=1) == pytest.approx(1)
    still = track(found, np.zeros(40), range(0, 40, every))
    assert len(still) > 0
    assert all(np.isfinite(one.boxes).all() for one in still)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[NDArray[np.float64], list[int], list[Boxes]]:
    """A lone object that moves steadily with jitter, detected in some sampled frames."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    steps = rng.uniform(0.01, 0.08, draw(st.integers(1, 60)))
    times, every = np.cumsum(steps), draw(st.integers(1, 4))
    frames = list(range(0, len(times), every))
    w, h = draw(st.floats(10, 150)), draw(st.floats(10, 150))
    path = constant(640, 360, draw(st.floats(-100, 100)), draw(st.floats(-60, 60)), w=w, h=h)
    found = []
    for frame in frames:
        box = box_of(path, times[frame]) + rng.normal(0, 0.02, 4) * [w, h, w, h]
        seen = rng.random() < 0.8
        boxes = np.array([box] if seen else [], np.float32).reshape(-1, 4)
        found.append(Boxes(boxes, np.full(int(seen), 0.8, np.float32)))
    return times, frames, found


@given(worlds())
def test_time_reversed_covers_the_same_mirrored(
    world: tuple[NDArray[np.float64], list[int], list[Boxes]],
) -> None:
    times, frames, found = world
    last = len(times) - 1
    forwards = track(found, times, frames)
    mirrored = [last - frame for frame in frames[::-1]]
    backwards = track(found[::-1], times[-1] - times[::-1], mirrored)
    assert len(forwards) == len(backwards)
    for frame in range(len(times)):
        there, back = boxes_at(forwards, frame), boxes_at(backwards, last - frame)
        assert there.shape == back.shape
        assert np.allclose(np.sort(there, axis=0), np.sort(back, axis=0), atol=0.01)


COORDINATE = st.integers(-200, 1500)


FOUND = st.lists(
    st.tuples(COORDINATE, COORDINATE, st.integers(0, 300), st.integers(0, 300), st.floats(0, 1)),
    max_size=5,
)


@pytest.mark.slow
@settings(max_examples=150)
@given(st.lists(FOUND, max_size=14), st.integers(1, 3))
def test_every_good_box_lies_within_a_box_of_its_frame(
    images: list[list[tuple[int, int, int, int, float]]], every: int
) -> None:
    found = []
    for image in images:
        boxes = [(x, y, x + w, y + h) for x, y, w, h, _ in image]
        scores = np.array([score for *_, score in image], np.float32)
        found.append(Boxes(np.array(boxes, np.float32).reshape(-1, 4), scores))
    frames = range(0, len(images) * every, every)
    tracks = track(found, np.arange(len(images) * every) / RATE, frames)
    for frame, boxes in zip(frames, found, strict=True):
        for box in _in_image(boxes.above(0.3)):
            finals = boxes_at(tracks, frame)
            inside = np.all(finals[:, :2] <= box[:2], axis=1)
            assert np.any(inside & np.all(finals[:, 2:] >= box[2:], axis=1))
    for one in tracks:
        assert np.all(np.diff(one.frames) == 1)
        assert np.all(np.isfinite(one.boxes))
        assert np.all(one.boxes[:, :2] < one.boxes[:, 2:])
        inside = np.clip(one.boxes, 0, (*SIZE, *SIZE))
        assert np.all(inside[:, :2] < inside[:, 2:])


def _in_image(found: Boxes) -> NDArray[np.float32]:
    inside = np.clip(found.boxes, 0, np.array([*SIZE, *SIZE], np.float32))
    return inside[np.all(inside[:, :2] < inside[:, 2:], axis=1)]


@pytest.mark.slow
@pytest.mark.parametrize(("every", "most"), [(1, 0.001), (2, 0.003), (4, 0.01)])
def test_of_objects_that_wander_and_are_often_missed_hardly_a_frame_is_exposed(
    every: int, most: float
) -> None:
    exposed, total = 0, 0
    for seed in range(2):
        times, truth, frames, found = _wandering(np.random.default_rng(seed), every)
        tracks = track(found, times, frames)
        for frame in range(len(times)):
            for box in truth[:, frame]:
                if np.isfinite(box).all():
                    total += 1
                    exposed += covered(tracks, frame, box, scale=1.3) < 0.95
    assert total > 1000
    assert exposed <= most * total


def _wandering(
    rng: np.random.Generator, every: int
) -> tuple[NDArray[np.float64], NDArray[np.float32], range, list[Boxes]]:
    """Ten objects of 10 to 150 px for 8 s; 3 in 10 detections missed, corners off by 5 %.

    Their velocity wanders as an Ornstein-Uhlenbeck process does: 1.5 sizes a second, .7 s.
    """
    times = np.arange(200) / RATE
    truth = np.full((10, 200, 4), np.nan, np.float32)
    for one in truth:
        size, stay = np.exp(rng.uniform(np.log(10), np.log(150))), np.exp(-1 / RATE / 0.7)
        velocity = rng.normal(0, 1.5, 2)
        middle = rng.uniform((0, 0), SIZE)
        for frame in range(200):
            velocity = stay * velocity + np.sqrt(1 - stay**2) * rng.normal(0, 1.5, 2)
            middle = middle + velocity * size / RATE
            if np.all((middle > 0) & (middle < SIZE)):
                corners = np.concatenate((middle - size / 2, middle + size / 2))
                one[frame] = np.clip(corners, 0, (*SIZE, *SIZE))
    frames = range(0, 200, every)
    return times, truth, frames, [_seen(rng, truth[:, frame]) for frame in frames]


def _seen(rng: np.random.Generator, truth: NDArray[np.float32]) -> Boxes:
    there = truth[np.isfinite(truth).all(axis=1) & (rng.random(len(truth)) > 0.3)]
    sides = there[:, 2:] - there[:, :2]
    off = rng.normal(0, 0.05, there.shape) * np.concatenate((sides, sides), axis=1)
    low = rng.uniform((0, 0), SIZE, (rng.poisson(1), 2))
    false = np.concatenate((low, low + rng.uniform(10, 100, (len(low), 1))), axis=1)
    scores = np.concatenate((rng.beta(4, 2, len(there)), rng.uniform(0.1, 0.25, len(false))))
    return Boxes(np.concatenate((there + off, false)).astype(np.float32), scores.astype(np.float32))
