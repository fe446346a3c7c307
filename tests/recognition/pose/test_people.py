"""People over time and who is chosen: ids, gaps, the central person and the two who interact."""

from dataclasses import replace

import numpy as np
import pytest

from playhead.events.formats.keypoints import KeypointFile
from playhead.events.keypoints import COCO_17, Keypoints
from playhead.recognition.pose.people import (
    INTERPOLATED,
    PeopleConfig,
    PeopleTracker,
    choose_people,
    seen_frames,
)
from playhead.recognition.pose.protocol import Pose
from playhead.recognition.pose.similarity import MIN_CONFIDENCE
from tests.recognition.pose.stick_people import person

RATE = 25


def tracked(frames: list[list[Pose]], config: PeopleConfig | None = None) -> tuple[Keypoints, ...]:
    """The people of the poses of each frame, at 25 frames a second."""
    tracker = PeopleTracker(COCO_17, config or PeopleConfig())
    for k, poses in enumerate(frames):
        tracker.add(k, k / RATE, poses)
    return tracker.people()


def file_of(people: tuple[Keypoints, ...], frames: int = 50, size=(640, 360)) -> KeypointFile:
    times = np.arange(frames) / RATE
    return KeypointFile(video="x.mp4", times=times, size=size, skeleton=COCO_17, people=people)


def standing(track: int, x: float, y: float, height: float = 100, frames=range(50)) -> Keypoints:
    """A person who does not move."""
    points = np.stack([person(x, y, height).points] * len(frames))
    return Keypoints(track, COCO_17, np.array(frames, np.int32), points)


def test_two_people_who_cross_keep_their_ids():
    rng = np.random.default_rng(0)
    frames = []
    for k in range(100):
        poses = [person(100 + 4 * k, 180), person(500 - 4 * k, 180)]
        poses = [
            Pose(pose.points + rng.normal(0, (1, 1, 0), (17, 3)).astype(np.float32), 0.9)
            for pose in poses
        ]
        frames.append(poses if rng.random() < 0.5 else poses[::-1])
    people = tracked(frames)
    assert len(people) == 2
    hips = sorted((float(p.points[0, 11, 0]), float(p.points[-1, 11, 0])) for p in people)
    assert hips[0] == pytest.approx((106, 502), abs=5)
    assert hips[1] == pytest.approx((506, 110), abs=5)


def test_thirty_people_have_thirty_ids():
    places = [(60 + 120 * (k % 6), 60 + 130 * (k // 6)) for k in range(30)]
    frames = [[person(x + k, y) for x, y in places] for k in range(10)]
    people = tracked(frames)
    assert [p.track for p in people] == list(range(30))
    assert all(len(p.frames) == 10 for p in people)


def test_a_short_gap_lies_on_a_line_and_is_never_seen():
    frames = [[person(100 + 2 * k, 180)] for k in range(20)]
    for k in (8, 9, 10):
        frames[k] = []
    frames[7][0].points[3, 2] = 0  # a joint that was not seen before the gap
    [known] = tracked(frames)
    assert known.frames.tolist() == list(range(20))
    assert known.points[8:11, 11, 0] == pytest.approx([122, 124, 126], abs=1e-3)
    assert (known.points[8:11, :, 2] <= INTERPOLATED).all()
    assert (known.points[8:11, 3, 2] == 0).all()
    assert seen_frames(known).tolist() == [k not in (8, 9, 10) for k in range(20)]
    assert INTERPOLATED < MIN_CONFIDENCE


def test_a_long_gap_stays_empty_but_the_person_comes_back():
    frames = [[person(100, 180)] if k < 10 or k >= 40 else [] for k in range(50)]
    [known] = tracked(frames)
    assert known.frames.tolist() == [*range(10), *range(40, 50)]


def test_a_person_lost_for_too_long_comes_back_as_another():
    frames = [[person(100, 180)] if k < 10 or k >= 40 else [] for k in range(50)]
    people = tracked(frames, PeopleConfig(resume_seconds=1.0))
    assert [p.frames[0] for p in people] == [0, 40]


def test_one_frame_has_its_people():
    people = tracked([[person(100, 180), person(300, 180)]])
    assert [p.frames.tolist() for p in people] == [[0], [0]]
    assert choose_people(file_of(people, frames=1)) == (1,)


def test_nobody_is_chosen_of_nobody():
    assert choose_people(file_of(())) == ()
    assert choose_people(file_of(()), 2) == ()


def test_the_central_person_is_one_for_the_whole_clip():
    # The first is nearest to the middle in most frames, the second walks through it.
    walking = np.stack([person(20 + 12 * k, 180).points for k in range(50)])
    people = (
        standing(4, 350, 180),
        Keypoints(7, COCO_17, np.arange(50, dtype=np.int32), walking),
    )
    assert choose_people(file_of(people)) == (4,)


def test_a_large_person_in_the_middle_wins_over_a_small_one_and_over_a_glimpse():
    people = (
        standing(0, 320, 180, height=40),
        standing(1, 340, 180, height=150),
        standing(2, 320, 180, height=160, frames=range(4)),
        standing(3, 40, 180, height=170),
    )
    assert choose_people(file_of(people)) == (1,)


def test_the_formula_of_the_central_person():
    people = (standing(0, 320, 180, 100), standing(1, 440, 180, 150, frames=range(30)))
    scores = []
    for p in people:
        boxes = [(q[:, :2].min(axis=0), q[:, :2].max(axis=0)) for q in p.points]
        middle = np.median([np.hypot(*((a + b) / 2 - (320, 180))) for a, b in boxes])
        size = np.median([np.sqrt(np.prod(b - a)) for a, b in boxes])
        scores.append((1 - middle / np.hypot(320, 180)) ** 2 * size * len(p.frames))
    assert choose_people(file_of(people)) == (people[int(np.argmax(scores))].track,)


def test_a_gap_does_not_count_as_seen():
    points = np.stack([person(320, 180).points] * 50)
    points[5:, :, 2] = INTERPOLATED
    ghost = Keypoints(0, COCO_17, np.arange(50, dtype=np.int32), points)
    assert choose_people(file_of((ghost, standing(1, 360, 180)))) == (1,)


def test_the_two_who_interact_stand_close_and_are_seen_together():
    people = (
        standing(0, 320, 180, 60),  # in the middle, but small and alone
        standing(1, 560, 180, 200),
        standing(2, 90, 180, 200),
        standing(3, 170, 180, 200),
    )
    assert choose_people(file_of(people), 2) == (3, 2)  # the central one comes first


def test_people_never_seen_together_are_no_pair():
    people = (standing(0, 320, 180, frames=range(20)), standing(1, 330, 180, frames=range(20, 30)))
    assert choose_people(file_of(people), 2) == (0,)


def test_a_recording_without_an_image_has_a_central_person():
    people = (standing(0, 9000, 0, frames=range(5)), standing(1, -9000, 0))
    assert choose_people(replace(file_of(people), size=None)) == (1,)
