"""Augmented keypoints."""

import numpy as np

from playhead.events.keypoints import COCO_17
from playhead.recognition.config import KeypointAugmentationConfig
from playhead.recognition.plan import KeypointClipPlan
from playhead.recognition.samples import vary

NOTHING = KeypointAugmentationConfig(
    flip=0, rotate_degrees=0, scale=0, stretch=0, noise=0, drop_joints=0
)


def varied(people: int, probability: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of people before and after exchanging them with a probability, and nothing else."""
    plan = KeypointClipPlan(seconds=2, people=people, skeleton=COCO_17, length=16)
    points = np.random.default_rng(seed).random(plan.shape, np.float32)
    config = NOTHING.model_copy(update={"swap_people": probability})
    return points, vary(points.copy(), config, plan, np.random.default_rng(seed))


def test_two_people_exchange_their_places_as_often_as_asked() -> None:
    swapped = 0
    for seed in range(100):
        points, result = varied(2, 0.5, seed)
        exchanged = np.array_equal(result, points[:, ::-1])
        assert exchanged or np.array_equal(result, points)
        swapped += exchanged
    assert 35 <= swapped <= 65


def test_one_person_has_nobody_to_exchange_with() -> None:
    points, result = varied(1, 1.0, 0)
    assert np.array_equal(result, points)


def test_without_a_probability_the_random_numbers_of_a_sample_are_as_before() -> None:
    plan = KeypointClipPlan(seconds=2, people=2, skeleton=COCO_17, length=16)
    points = np.ones(plan.shape, np.float32)
    rng = np.random.default_rng(3)
    vary(points, NOTHING, plan, rng)
    other = np.random.default_rng(3)
    other.random(), other.uniform(0, 1, 1), other.uniform(0, 1, 2)
    assert rng.random() == other.random()
