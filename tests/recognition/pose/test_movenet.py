"""MoveNet: its output decoded, and the real network with weights."""

import numpy as np
import pytest

from playhead.errors import ConfigError
from playhead.recognition.pose.movenet import MoveNet, decode_poses


def test_poses_come_in_descending_order_of_score_in_pixels():
    raw = np.zeros((6, 56), np.float32)
    raw[:, 55] = [0.1, 0.3, 0.9, 0, 0, 0]
    raw[2, 3 * 5 : 3 * 5 + 3] = [0.5, 0.25, 0.8]  # y, x, confidence of the left shoulder
    poses = decode_poses(raw, np.array([640, 400], np.float32), 0.2)
    assert [pose.score for pose in poses] == pytest.approx([0.9, 0.3])
    assert poses[0].points[5] == pytest.approx((160, 200, 0.8))


def test_more_than_six_people_are_refused():
    with pytest.raises(ConfigError, match="1 to 6 people in an image, not 7"):
        MoveNet(max_people=7)


@pytest.mark.weights
@pytest.mark.slow
def test_the_network_runs_at_any_size_and_sees_nobody_in_grey(packaged_weights):
    packaged_weights("movenet-graph")
    packaged_weights("movenet-values")
    estimator = MoveNet(threads=1)
    for height, width in ((90, 160), (160, 90), (1, 1)):
        assert estimator.people(np.full((height, width, 3), 90, np.uint8)) == []
