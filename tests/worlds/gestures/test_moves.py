"""The classes of gestures: what tells them apart, for people who were not seen before."""

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.events.keypoints import COCO_17
from playhead.worlds.gestures import CLASSES, GesturesConfig, draw_performance
from playhead.worlds.gestures.moves import draw_manner, draw_move

Floats = NDArray[np.float64]
PEOPLE = 16
PAIRED = 6  # the first classes, which come in pairs that share their postures
LABELS = np.tile(np.arange(len(CLASSES)), PEOPLE)


@pytest.fixture(scope="module")
def bodies() -> Floats:
    """The true joints (clips, frames, 17, 2) of each class by each person, in torso lengths."""
    config = GesturesConfig(bystanders=0)
    clips = []
    for person in range(PEOPLE):
        for label in CLASSES:
            (joints,) = draw_performance(9, person, label, 0, config).keypoints.people
            clips.append(joints.points[..., :2].astype(float))
    points = np.stack(clips)
    hips, shoulders = (
        points[:, :, COCO_17.indices(end)].mean(axis=(1, 2))
        for end in (("left_hip", "right_hip"), ("left_shoulder", "right_shoulder"))
    )
    torso = np.linalg.norm(hips - shoulders, axis=-1)
    scaled: Floats = (points - hips[:, None, None]) / torso[:, None, None, None]
    return scaled


def motion(bodies: Floats) -> Floats:
    """A few numbers about each clip (clips, numbers): where and how the hands and hips move."""
    wrists = bodies[:, :, COCO_17.indices(("left_wrist", "right_wrist"))]
    shoulders = bodies[:, :, COCO_17.indices(("left_shoulder", "right_shoulder"))]
    hips = bodies[:, :, COCO_17.indices(("left_hip", "right_hip")), 1].mean(axis=2)
    nose = bodies[:, :, COCO_17.joints.index("nose"), 1] - hips
    speed = np.linalg.norm(np.diff(wrists, axis=1), axis=-1).mean(axis=1)
    active = (np.arange(len(bodies)), slice(None), speed.argmax(axis=1))
    wrist = wrists[active]
    rise = np.diff((shoulders - wrists)[active][..., 1], axis=1)  # hands rise as they go out
    power = np.abs(np.fft.rfft(wrist - wrist.mean(axis=1, keepdims=True), axis=1)) ** 2
    power = power.sum(axis=-1)
    gap = np.linalg.norm(wrists[:, :, 0] - wrists[:, :, 1], axis=-1)
    numbers = np.stack(
        [
            wrists[..., 1].min(axis=(1, 2)),
            np.median(wrists[..., 1].min(axis=2), axis=1),
            np.log(speed.max(axis=1) + 0.01),
            (power * np.arange(power.shape[1])).sum(axis=1) / power.sum(axis=1),
            np.log(gap.std(axis=1) + 0.01),
            gap.min(axis=1),
            (rise**3).mean(axis=1) / (rise**2).mean(axis=1) ** 1.5,  # fast out or fast back
            np.ptp(hips, axis=1),
            np.ptp(nose, axis=1),
            np.log(np.diff(wrist[..., 0], axis=1).std(axis=1) + 0.01),
        ],
        axis=1,
    )
    scaled: Floats = (numbers - numbers.mean(axis=0)) / numbers.std(axis=0)
    return scaled


def hits(numbers: Floats) -> NDArray[np.bool_]:
    """Whether the nearest clip of another person has the same class, for each clip."""
    flat = numbers.reshape(len(numbers), -1)
    distance = ((flat[:, None] - flat[None]) ** 2).sum(axis=-1)
    people = np.arange(len(flat)) // len(CLASSES)
    distance[people[:, None] == people[None]] = np.inf
    correct: NDArray[np.bool_] = LABELS[distance.argmin(axis=1)] == LABELS
    return correct


@pytest.mark.slow
def test_motion_tells_the_classes_of_unseen_people_apart(bodies: Floats) -> None:
    correct = hits(motion(bodies))
    assert correct.mean() > 0.8  # chance is 0.125
    for number in range(len(CLASSES)):
        assert correct[number == LABELS].mean() > 0.4, CLASSES[number]


@pytest.mark.slow
def test_a_single_frame_does_not_tell_the_classes_of_a_pair_apart(bodies: Floats) -> None:
    paired = LABELS < PAIRED
    in_motion = hits(motion(bodies))[paired].mean()
    for frame in (8, 15, 22):
        alone = hits(bodies[:, frame])[paired].mean()
        assert alone < 0.6
        assert in_motion > alone + 0.2


@pytest.mark.slow
def test_the_motions_of_push_and_pull_are_each_other_backwards(bodies: Floats) -> None:
    """A nearest neighbour that learned from clips played backwards takes one for the other."""
    numbers = motion(np.concatenate([bodies, bodies[:, ::-1]]))
    forward, backward = numbers[: len(bodies)], numbers[len(bodies) :]
    chosen = np.flatnonzero(np.isin(LABELS, [CLASSES.index("push"), CLASSES.index("pull")]))
    distance = ((forward[chosen, None] - backward[None, chosen]) ** 2).sum(axis=-1)
    people = chosen // len(CLASSES)
    distance[people[:, None] == people[None]] = np.inf
    assert (LABELS[chosen][distance.argmin(axis=1)] == LABELS[chosen]).mean() < 0.4


def test_people_differ_in_hand_rest_and_tempo() -> None:
    manners = [draw_manner(np.random.default_rng(seed)) for seed in range(60)]
    assert 0.6 < np.mean([manner.right_handed for manner in manners]) < 0.95
    assert len({manner.rest for manner in manners}) == 5
    tempi = [manner.tempo for manner in manners]
    assert max(tempi) > 1.3 * min(tempi)


@pytest.mark.parametrize("label", CLASSES)
def test_at_least_one_arm_takes_part_and_the_dominant_one_mostly_does(label: str) -> None:
    rng = np.random.default_rng(3)
    dominant = []
    for _ in range(80):
        manner = draw_manner(rng)
        left, right = draw_move(rng, label, manner, (0.0, 2.0)).arms  # type: ignore[arg-type]
        assert left or right
        dominant.append(right if manner.right_handed else left)
    assert np.mean(dominant) > 0.8
