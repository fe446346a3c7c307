"""Tracks: which boxes become one object, and the boxes between them, against closed forms."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes, cover
from playhead.decisions.tracks import TrackConfig, track_boxes
from playhead.errors import PlayheadError
from playhead.events.model import Origin, Track
from tests.moving_boxes import RATE, SIZE, box_of, boxes_at, constant, covered, detections_of


def track(
    found: Sequence[Boxes],
    times: NDArray[np.float64],
    frames: Sequence[int] | None = None,
    **changes: float,
) -> list[Track]:
    sampled = np.array(range(len(times)) if frames is None else frames, np.int32)
    config = TrackConfig.model_validate(changes)
    return track_boxes(
        times, sampled, found, label="face", config=config, start_score=0.3, size=SIZE
    )


def test_missing_detections_at_constant_velocity_are_filled_within_half_a_pixel() -> None:
    path, times = constant(100, 300, 130, -40), np.arange(60) / RATE
    missed = [7, *range(20, 30), 41, 42]
    found = detections_of([path], times, range(60), missed)
    (one,) = track(found, times)
    inside = one.origin != Origin.EXTENDED
    truth = np.array([box_of(path, times[frame]) for frame in one.frames[inside]])
    assert np.abs(one.boxes[inside] - truth).max() < 0.5
    assert one.frames[one.origin == Origin.FILLED].tolist() == missed


def test_two_objects_that_cross_keep_to_themselves() -> None:
    small, large = constant(200, 300, 150, 0, w=24, h=30), constant(600, 310, -110, 0, w=60, h=75)
    times = np.arange(75) / RATE
    tracks = track(detections_of([small, large], times, range(75)), times)
    assert len(tracks) == 2
    for one in tracks:
        seen = one.origin == Origin.DETECTED
        first = one.boxes[seen][0]
        path = small if first[2] - first[0] < 40 else large
        for frame, box in zip(one.frames[seen], one.boxes[seen], strict=True):
            assert cover(box_of(path, times[frame])[None], box[None])[0, 0] > 0.999
            assert box[2] - box[0] < 1.2 * path(0)[2]


def test_two_alike_that_cross_at_other_velocities_keep_to_themselves() -> None:
    right, down = constant(300, 300, 120, 0), constant(480, 120, 0, 120)
    times = np.arange(75) / RATE
    tracks = track(detections_of([right, down], times, range(75)), times)
    assert len(tracks) == 2
    for one in tracks:
        seen = one.boxes[one.origin == Origin.DETECTED]
        way = np.abs(seen[-1, :2] - seen[0, :2])
        assert way.max() > 300
        assert way.min() < 5


def test_a_small_face_that_never_overlaps_itself_is_one_track() -> None:
    path, times = constant(100, 300, 450, 30, w=12, h=15), np.arange(50) / RATE
    tracks = track(detections_of([path], times, range(50), missed=[11, 30, 31]), times)
    assert len(tracks) == 1
    assert np.all(np.diff(tracks[0].frames) == 1)


def test_a_gap_in_which_the_object_accelerates_is_filled_along_its_curve() -> None:
    # In .6 s at 400 px/s² the straight line is 18 px off, nearly half the box.
    times = np.arange(60) / RATE
    missed = range(24, 38)

    def path(t: float) -> tuple[float, float, float, float]:
        return 300, 100 + 200 * t * t, 40, 40

    tracks = track(detections_of([path], times, range(60), missed), times)
    for frame in missed:
        assert np.abs(boxes_at(tracks, frame)[0] - box_of(path, times[frame])).max() < 6


def test_weak_boxes_prolong_a_track_both_ways_and_never_start_one() -> None:
    path, times = constant(300, 300, 50, 0), np.arange(100) / RATE
    weak = {frame: 0.15 for frame in range(100) if not 40 <= frame < 50}
    (one,) = track(detections_of([path], times, range(100), scores=weak), times)
    assert np.all(one.origin == Origin.DETECTED)
    assert one.frames.tolist() == list(range(100))
    everywhere = dict.fromkeys(range(100), 0.15)
    assert track(detections_of([path], times, range(100), scores=everywhere), times) == []


def test_boxes_below_the_low_score_do_nothing() -> None:
    path, times = constant(300, 300, 50, 0), np.arange(100) / RATE
    scores = {frame: 0.05 for frame in range(100) if not 40 <= frame < 50}
    (one,) = track(detections_of([path], times, range(100), scores=scores), times)
    assert one.frames[one.origin == Origin.DETECTED].tolist() == list(range(40, 50))


def test_an_object_unseen_for_longer_than_a_gap_may_be_is_two_tracks() -> None:
    path, times = constant(600, 300, 0, 0), np.arange(120) / RATE
    for missing, expected in ((24, 1), (25, 2)):  # 1 s and 1.04 s from detection to detection
        found = detections_of([path], times, range(120), range(40, 40 + missing))
        assert len(track(found, times, gap_seconds=1.0)) == expected


def test_fragments_whose_ends_predict_each_other_are_joined() -> None:
    # At 5 sizes a second it turns round out of sight: forwards, the first part predicts it 4 sizes
    # too far; half way both parts expect it at the turn.
    def path(t: float) -> tuple[float, float, float, float]:
        way = 200 * min(t, 1.4) - 200 * max(t - 1.4, 0)
        return 300 + way, 300, 40, 40

    times = np.arange(75) / RATE
    missed = range(26, 45)  # 1 s to 1.8 s
    (one,) = track(detections_of([path], times, range(75), missed), times)
    assert one.frames[one.origin == Origin.FILLED].tolist() == list(missed)


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


@pytest.mark.parametrize("frames", [[], [0], [0, 3], [0, 1, 2, 3]])
def test_nothing_found_is_no_track(frames: list[int]) -> None:
    assert track([Boxes.empty() for _ in frames], np.arange(4) / RATE, frames) == []


def test_a_video_without_frames_is_no_track() -> None:
    assert track([], np.zeros(0)) == []


def test_a_track_with_too_few_detections_is_dropped_where_asked() -> None:
    path, times = constant(600, 300, 0, 0), np.arange(20) / RATE
    found = detections_of([path], times, range(20), missed=range(3, 20))
    assert len(track(found, times, min_hits=3)) == 1
    assert track(found, times, min_hits=4) == []


def test_tracks_are_numbered_from_the_first_id_in_order_of_their_start() -> None:
    times = np.arange(60) / RATE
    early = detections_of([constant(200, 200, 0, 0)], times, range(60), range(30, 60))
    late = detections_of([constant(900, 500, 0, 0)], times, range(60), range(30))
    found = [Boxes.joined([a, b]) for a, b in zip(early, late, strict=True)]
    frames = np.arange(60, dtype=np.int32)
    tracks = track_boxes(
        times,
        frames,
        found,
        label="plate",
        config=TrackConfig(),
        start_score=0.3,
        size=SIZE,
        first_id=70,
    )
    assert [(one.id, one.label) for one in tracks] == [(70, "plate"), (71, "plate")]
    assert tracks[0].boxes[0, 0] < 300 < tracks[1].boxes[0, 0]


def test_times_decide_and_not_frame_numbers() -> None:
    # 12.5 then 50 frames a second, and a pause: positions follow the seconds.
    times = np.cumsum([0.08] * 20 + [0.02] * 40 + [0.3] + [0.02] * 20)
    path = constant(100, 300, 120, 20)
    n = len(times)
    missed = [5, 6, *range(30, 40), *range(58, 63)]
    (one,) = track(detections_of([path], times, range(n), missed), times)
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
    assert [one.frames.tolist() for one in tracks] == [list(range(41 - every))]
    for frame in range(0, 40, every):
        assert covered(tracks, frame, boxes[frame][0], scale=1) == pytest.approx(1)
    still = track(found, np.zeros(40), range(0, 40, every))
    assert len(still) > 0
    assert all(np.isfinite(one.boxes).all() for one in still)


@pytest.mark.parametrize(
    ("times", "frames", "found", "words"),
    [
        ([0, 1], [0, 1], 1, "need as many frame numbers"),
        ([0.1, 0], [0], 1, "not fall from frame to frame"),
        ([0, np.nan], [0], 1, "must be finite"),
        ([0, 1], [1, 0], 2, "sampled frames must rise"),
        ([0, 1], [2], 1, "the video has 2"),
        ([0, 1], [-1], 1, "the video has 2"),
    ],
)
def test_times_frames_and_boxes_that_do_not_fit_are_refused(
    times: list[float], frames: list[int], found: int, words: str
) -> None:
    with pytest.raises(PlayheadError, match=words):
        track([Boxes.empty()] * found, np.array(times, np.float64), frames)
