"""BlazePose: anchors, decoding and refinement against formulas; the real networks with weights."""

import math

import numpy as np
import pytest

from playhead.decisions.boxes import Boxes
from playhead.errors import ConfigError, PlayheadError
from playhead.recognition.pose.blazepose import (
    BlazePose,
    decode_landmarks,
    decode_people,
    pose_anchors,
    refine_landmarks,
    weighted_nms,
)


def ssd_calculator_anchors() -> list[tuple[float, float]]:
    """MediaPipe's SsdAnchorsCalculator with the options of the graph, written out."""
    strides, anchors, layer = [8, 16, 32, 32, 32], [], 0
    while layer < len(strides):
        last, per_cell = layer, 0
        while last < len(strides) and strides[last] == strides[layer]:
            per_cell += 2  # the aspect ratio 1, and one more of the interpolated scale
            last += 1
        cells = math.ceil(224 / strides[layer])
        for y in range(cells):
            for x in range(cells):
                anchors += [((x + 0.5) / cells, (y + 0.5) / cells)] * per_cell
        layer = last
    return anchors


def test_the_anchors_are_those_of_the_published_graph():
    expected = ssd_calculator_anchors()
    assert len(expected) == 2254
    assert pose_anchors() == pytest.approx(np.array(expected), abs=1e-6)


def test_a_person_is_decoded_from_their_anchor():
    raw, logits = np.zeros((2254, 12), np.float32), np.full((2254, 1), -9, np.float32)
    raw[100] = [22.4, 0, 44.8, 22.4, 0, 11.2, 0, -112, 5.6, 0, 0, 0]
    logits[100] = 2
    boxes, points = decode_people(raw, logits, 0.5)
    x, y = pose_anchors()[100]
    assert boxes.scores == pytest.approx([1 / (1 + math.exp(-2))])
    assert boxes.boxes[0] == pytest.approx((x, y - 0.05, x + 0.2, y + 0.05), abs=1e-6)
    expected = [(x, y + 0.05), (x, y - 0.5), (x + 0.025, y), (x, y)]
    assert points[0] == pytest.approx(np.array(expected), abs=1e-6)


def test_overlapping_candidates_are_averaged_by_their_scores():
    boxes = np.array([[0, 0, 1, 1], [0, 0, 1, 0.9], [5, 5, 6, 6], [1, 1, 0, 2]], np.float32)
    points = np.arange(4, dtype=np.float32)[:, None, None] * np.ones((4, 4, 2), np.float32)
    people = weighted_nms(Boxes(boxes, np.array([0.9, 0.6, 0.95, 0.99], np.float32)), points)
    assert people[:, 0, 0] == pytest.approx([2, (0.9 * 0 + 0.6 * 1) / 1.5])


def test_no_candidates_give_no_people():
    assert weighted_nms(Boxes.empty(), np.zeros((0, 4, 2), np.float32)).shape == (0, 4, 2)


def test_landmarks_are_shares_of_the_region_and_visibility_is_a_probability():
    raw = np.zeros(195, np.float32)
    raw[5 * 7 : 5 * 8] = [128, 64, 3, 1.5, -4]
    assert decode_landmarks(raw)[7] == pytest.approx((0.5, 0.25, 1 / (1 + math.exp(-1.5))))


def refined(x: float, y: float, heat: np.ndarray) -> tuple[float, float]:
    """MediaPipe's RefineLandmarksFromHeatmapCalculator for one landmark, written out."""
    column, row = int(x * 64), int(y * 64)
    if not (0 <= column < 64 and 0 <= row < 64):
        return x, y
    total = across = down = most = 0.0
    for r in range(max(0, row - 4), min(64, row + 5)):
        for c in range(max(0, column - 4), min(64, column + 5)):
            weight = 1 / (1 + math.exp(-heat[r, c]))
            total, most = total + weight, max(most, weight)
            across, down = across + c * weight, down + r * weight
    return (across / 64 / total, down / 64 / total) if most >= 0.5 else (x, y)


def test_landmarks_are_refined_as_the_published_calculator_does():
    rng = np.random.default_rng(5)
    heat = rng.normal(-4, 2.2, (64, 64, 39)).astype(np.float32)
    landmarks = rng.uniform(-0.1, 1.1, (39, 3)).astype(np.float32)
    landmarks[0, :2], landmarks[1, :2] = (0.001, 0.999), (-0.01, 0.5)
    result = refine_landmarks(landmarks, heat)
    expected = [refined(x, y, heat[..., k]) for k, (x, y, _) in enumerate(landmarks.tolist())]
    assert result[:, :2] == pytest.approx(np.array(expected), abs=1e-5)
    assert (result[:, 2] == landmarks[:, 2]).all()
    moved = np.abs(result[:, :2] - landmarks[:, :2]).max(axis=1) > 1e-4
    assert 5 < moved.sum() < 39


def test_less_than_one_person_is_refused():
    with pytest.raises(ConfigError, match="at least 1 person, not 0"):
        BlazePose(max_people=0)


@pytest.mark.weights
@pytest.mark.slow
def test_an_image_without_people_has_none_and_a_wrong_one_is_refused(packaged_weights):
    packaged_weights("pose-detection")
    packaged_weights("pose-landmark")
    estimator = BlazePose(threads=1)
    assert estimator.people(np.full((36, 64, 3), 90, np.uint8)) == []
    assert estimator.people(np.zeros((1, 1, 3), np.uint8)) == []
    with pytest.raises(PlayheadError, match="needs uint8"):
        estimator.people(np.zeros((36, 64), np.uint8))
