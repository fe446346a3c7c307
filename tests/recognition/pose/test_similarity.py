"""OKS against its formula written out for one joint after the other."""

import math

import numpy as np
import pytest

from playhead.recognition.pose.similarity import SIGMA, distinct, pose_boxes, similarities
from tests.recognition.pose.stick_people import person


def oks(a: np.ndarray, b: np.ndarray) -> float:
    """The definition, over the joints that both have seen."""
    terms, area = [], 0.0
    for points in (a, b):
        seen = points[points[:, 2] >= 0.2]
        sides = np.ptp(seen[:, :2], axis=0)
        area = max(area, float(sides[0]) * float(sides[1]))
    for (ax, ay, ac), (bx, by, bc) in zip(a.tolist(), b.tolist(), strict=True):
        if ac >= 0.2 and bc >= 0.2:
            d2 = (ax - bx) ** 2 + (ay - by) ** 2
            terms.append(math.exp(-d2 / (2 * area * (2 * SIGMA) ** 2)))
    return sum(terms) / len(terms) if terms else 0.0


def test_the_similarity_is_the_mean_of_the_gaussians_of_the_joints():
    rng = np.random.default_rng(1)
    poses = rng.uniform(0, 60, (5, 17, 3)).astype(np.float32)
    poses[..., 2] = rng.uniform(0, 1, (5, 17))
    expected = [[oks(a, b) for b in poses] for a in poses]
    assert similarities(poses, poses) == pytest.approx(np.array(expected), rel=1e-5)


def test_people_without_a_joint_in_common_are_not_similar():
    a, b = person(50, 50).points, person(50, 50).points
    a[:9, 2], b[9:, 2] = 0, 0
    assert similarities(a[None], b[None])[0, 0] == 0


def test_a_person_seen_twice_is_one_and_a_neighbour_is_another():
    poses = np.stack([person(x, 50).points for x in (50, 51, 75)])
    assert distinct(poses) == [0, 2]


def test_a_box_leaves_out_joints_of_low_confidence():
    points = person(50, 60).points
    points[0] = (-500, -500, 0.05)
    assert pose_boxes(points[None])[0] == pytest.approx((35, 13, 65, 110), abs=0.01)
