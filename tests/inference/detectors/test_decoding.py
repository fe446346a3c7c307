"""Every head decoded a second time, one candidate after the other, as its description reads."""

from itertools import product
from math import ceil, exp, sqrt

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes
from playhead.errors import WeightsError
from playhead.inference.detectors.blazeface import blazeface_anchors, decode_blazeface
from playhead.inference.detectors.centerface import decode_centerface
from playhead.inference.detectors.common import by_size, padded, rounded_up, select, sigmoid
from playhead.inference.detectors.plates import decode_plates, plate_priors
from playhead.inference.detectors.ssd import decode_ssd, ssd_anchors

Rows = list[tuple[float, ...]]


def normal(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def uniform(*shape: int, seed: int = 1) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random(shape).astype(np.float32)


def assert_same(found: Boxes, rows: Rows) -> None:
    """Boxes in the same order, to the precision of float32; never an empty comparison."""
    assert rows
    expected = np.array(rows)
    np.testing.assert_allclose(found.boxes, expected[:, :4], rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(found.scores, expected[:, 4], rtol=1e-6)


def test_centerface_is_decoded_as_its_paper_says() -> None:
    heat, sides, offsets = uniform(1, 9, 14), normal(2, 9, 14), uniform(2, 9, 14, seed=2)
    rows: Rows = []
    for i, j in product(range(9), range(14)):
        if heat[0, i, j] >= 0.7:
            height, width = 4 * exp(sides[0, i, j]), 4 * exp(sides[1, i, j])
            y = 4 * (i + offsets[0, i, j] + 0.5)
            x = 4 * (j + offsets[1, i, j] + 0.5)
            box = x - width / 2, y - height / 2, x + width / 2, y + height / 2
            rows.append((*box, heat[0, i, j]))
    assert_same(decode_centerface(heat, sides, offsets, 0.7), rows)


def test_a_face_in_the_middle_of_a_cell_has_that_box() -> None:
    heat = np.zeros((1, 8, 8), np.float32)
    heat[0, 2, 5] = 0.9
    sides = np.zeros((2, 8, 8), np.float32)
    sides[:, 2, 5] = np.log(10), np.log(6)  # height, width in cells of four pixels
    found = decode_centerface(heat, sides, np.zeros((2, 8, 8), np.float32), 0.5)
    np.testing.assert_allclose(found.boxes, [[22 - 12, 10 - 20, 22 + 12, 10 + 20]], rtol=1e-6)


def test_blazeface_is_decoded_as_its_graph_says() -> None:
    raw, logits = normal(2304, 16) * 30, normal(2304, 1, seed=1) * 3
    rows: Rows = []
    for k in range(2304):
        row, column = divmod(k, 48)
        score = 1 / (1 + exp(-logits[k, 0]))
        if score >= 0.9:
            x, y = (column + 0.5) / 48 + raw[k, 0] / 192, (row + 0.5) / 48 + raw[k, 1] / 192
            width, height = raw[k, 2] / 192, raw[k, 3] / 192
            shares = x - width / 2, y - height / 2, x + width / 2, y + height / 2
            rows.append((*(192 * share for share in shares), score))
    assert_same(decode_blazeface(raw, logits, 0.9), rows)


def test_blazeface_has_one_anchor_in_the_middle_of_each_cell() -> None:
    anchors = blazeface_anchors()
    assert anchors.shape == (2304, 2)
    np.testing.assert_array_equal(anchors[[0, 1, 48, -1]], [[2, 2], [6, 2], [2, 6], [190, 190]])


@pytest.mark.parametrize(("height", "width"), [(64, 96), (33, 50), (32, 32)])
def test_plates_are_decoded_as_retinaface_is(height: int, width: int) -> None:
    priors: list[tuple[float, float, float]] = []
    for stride, sides in ((8, (24, 48)), (16, (96, 192)), (32, (384, 768))):
        for i, j in product(range(ceil(height / stride)), range(ceil(width / stride))):
            priors += [((j + 0.5) * stride, (i + 0.5) * stride, side) for side in sides]
    np.testing.assert_array_equal(plate_priors(height, width), priors)
    loc, conf = normal(len(priors), 4) * 3, uniform(len(priors), 2)
    rows: Rows = []
    for (cx, cy, side), (a, b, c, d), (_, score) in zip(priors, loc, conf, strict=True):
        if score >= 0.6:
            x, y = cx + a * 0.1 * side, cy + b * 0.1 * side
            w, h = side * exp(c * 0.2), side * exp(d * 0.2)
            rows.append((x - w / 2, y - h / 2, x + w / 2, y + h / 2, score))
    assert_same(decode_plates(loc, conf, plate_priors(height, width), 0.6), rows)


def test_the_ssd_is_decoded_as_its_graph_says() -> None:
    encoded = normal(1917, 4) * 2
    rows: Rows = []
    for (y, x, h, w), (dy, dx, dh, dw) in zip(plain_ssd_anchors(), encoded, strict=True):
        cy, cx = y + dy / 10 * h, x + dx / 10 * w
        height, width = h * exp(dh / 5), w * exp(dw / 5)
        box = cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2
        rows.append((*box, 1))
    assert_same(Boxes(decode_ssd(encoded), np.ones(1917, np.float32)), rows)


def plain_ssd_anchors() -> list[tuple[float, float, float, float]]:
    """Layer by layer; scales .2 to .95 evenly, one more between neighbours, the last beside 1."""
    anchors: list[tuple[float, float, float, float]] = []
    for layer in range(6):
        scale = 0.2 + 0.75 * layer / 5
        following = 0.2 + 0.75 * (layer + 1) / 5 if layer < 5 else 1.0
        kinds = [(1.0, scale), (2.0, scale), (0.5, scale), (3.0, scale), (0.3333, scale)]
        kinds.append((1.0, sqrt(scale * following)))
        if layer == 0:
            kinds = [(1.0, 0.1), (2.0, scale), (0.5, scale)]
        cells = ceil(300 / (16 * 2**layer))
        for i, j in product(range(cells), range(cells)):
            for ratio, size in kinds:
                sides = size / sqrt(ratio), size * sqrt(ratio)
                anchors.append(((i + 0.5) / cells, (j + 0.5) / cells, *sides))
    return anchors


def test_the_ssd_has_1917_anchors_on_grids_of_19_10_5_3_2_and_1() -> None:
    assert len(ssd_anchors()) == 19**2 * 3 + (10**2 + 5**2 + 3**2 + 2**2 + 1) * 6 == 1917
    np.testing.assert_allclose(ssd_anchors(), plain_ssd_anchors(), rtol=1e-6)
    # The last cell is the whole image; its last anchor lies between .95 and 1.
    np.testing.assert_allclose(ssd_anchors()[-1], [0.5, 0.5, sqrt(0.95), sqrt(0.95)], rtol=1e-6)


def test_an_ssd_that_says_nothing_gives_its_anchors() -> None:
    boxes = decode_ssd(np.zeros((1917, 4), np.float32))
    np.testing.assert_allclose(boxes[-6], [0.025, 0.025, 0.975, 0.975], atol=1e-6)


def test_sigmoid_is_that_of_64_bits_and_survives_any_logit() -> None:
    logits = np.array([-1e30, -90, -3, 0, 2.5, 90, 1e30], np.float32)
    expected = [0, 0, 1 / (1 + exp(3)), 0.5, 1 / (1 + exp(-2.5)), 1, 1]
    np.testing.assert_allclose(sigmoid(logits), expected, rtol=1e-6, atol=1e-30)


def test_boxes_without_area_and_outside_the_image_are_dropped() -> None:
    boxes = [
        [5, 5, 5, 5],
        [5, 5, 9, 5],
        [9, 9, 5, 5],
        [-9, 0, 0, 9],
        [20, 0, 29, 9],
        [-3, 6, 4, 12],
    ]
    found = Boxes(np.array(boxes, np.float32), np.linspace(0.9, 0.4, 6, dtype=np.float32))
    kept = select("plates", found, (10, 20, 3), 0.5)
    np.testing.assert_array_equal(kept.boxes, [[-3, 6, 4, 12]])


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_box_that_is_not_finite_is_an_error(wrong: float) -> None:
    found = Boxes(np.array([[0, 0, wrong, 4]], np.float32), np.ones(1, np.float32))
    with pytest.raises(WeightsError, match="weights plates: returned a box that is not finite"):
        select("plates", found, (10, 20, 3), 0.5)


def test_a_side_too_large_for_a_float_is_an_error_in_the_end() -> None:
    heat, sides = np.ones((1, 8, 8), np.float32), np.full((2, 8, 8), 1e4, np.float32)
    found = decode_centerface(heat, sides, np.zeros((2, 8, 8), np.float32), 0.5)
    with pytest.raises(WeightsError, match="not finite"):
        select("centerface", found, (32, 32, 3), 0.3)


def test_images_of_one_size_run_together_and_come_back_in_order() -> None:
    images = [np.full((h, 4, 3), k, np.uint8) for k, h in enumerate((2, 3, 2, 5, 3))]
    groups: list[list[int]] = []

    def run(group: list[NDArray[np.uint8]]) -> list[tuple[NDArray[np.float32], ...]]:
        groups.append([int(one[0, 0, 0]) for one in group])
        return [(one[:1, :1, 0].astype(np.float32),) for one in group]

    found = by_size(images, run)  # type: ignore[arg-type]
    assert groups == [[0, 2], [1, 4], [3]]
    assert [int(one[0][0, 0]) for one in found] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("shape", "size"), [((1, 1), (32, 32)), ((10, 2000), (2016, 32))])
def test_padding_adds_black_below_and_to_the_right_alone(
    shape: tuple[int, int], size: tuple[int, int]
) -> None:
    image = np.full((*shape, 3), 9, np.uint8)
    assert rounded_up(image.shape, 32) == size
    filled = padded(image, size)
    np.testing.assert_array_equal(filled[: shape[0], : shape[1]], image)
    assert filled.shape == (size[1], size[0], 3)
    assert int(filled.sum()) == int(image.sum())
