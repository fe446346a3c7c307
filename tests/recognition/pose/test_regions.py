"""Regions: their geometry, and crops against bilinear sampling written out."""

from math import cos, pi, sin
from pathlib import Path

import numpy as np
import openvino
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openvino import opset13 as ops

from playhead.errors import WeightsError
from playhead.recognition.pose.regions import CroppingNetwork, Region, region_of, whole_image

SIDE = 16
numbers = st.floats(-300, 300)


@given(st.builds(Region, numbers, numbers, st.floats(1, 500), st.floats(-pi, pi)), numbers, numbers)
def test_to_region_undoes_to_image(region, x, y):
    points = np.array([[x, y]], np.float32)
    assert region.to_image(region.to_region(points)) == pytest.approx(points, abs=2e-3)


@given(numbers, numbers, st.floats(2, 300), st.floats(-3, 3))
def test_the_top_of_a_person_is_straight_above_their_centre(x, y, radius, angle):
    centre = np.array([x, y], np.float32)
    top = centre + np.array([sin(angle), -cos(angle)], np.float32) * radius
    region = region_of(centre, top, 1.25)
    assert region.side == pytest.approx(2 * radius * 1.25, rel=1e-3)
    assert region.to_region(top[None])[0] == pytest.approx((0.5, 0.5 - 0.4), abs=1e-3)


def test_the_whole_image_lies_in_its_square():
    region = whole_image(90, 160)
    corners = np.array([[0, 0], [160, 90]], np.float32)
    assert region.to_region(corners) == pytest.approx(
        np.array([[0, 35 / 160], [1, 125 / 160]]), abs=1e-6
    )


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    """A network that returns its input."""
    image = ops.parameter([1, SIDE, SIDE, 3], np.float32)
    result = ops.add(image, ops.constant(np.float32(0)))
    result.output(0).set_names({"image"})
    model = openvino.Model([result], [image])
    openvino.save_model(model, tmp_path / "identity.xml", compress_to_fp16=False)
    return tmp_path / "identity.xml"


def sampled(image: np.ndarray, region: Region, outside: str) -> np.ndarray:
    """One pixel after the other, as OpenCV's warpPerspective with bilinear interpolation does."""
    height, width = image.shape[:2]
    out = np.zeros((SIDE, SIDE, 3))
    for v in range(SIDE):
        for u in range(SIDE):
            dx, dy = (u / SIDE - 0.5) * region.side, (v / SIDE - 0.5) * region.side
            x = region.x + cos(region.angle) * dx - sin(region.angle) * dy
            y = region.y + sin(region.angle) * dx + cos(region.angle) * dy
            x, y = round(x * 32) / 32, round(y * 32) / 32
            total = np.zeros(3)
            for i in (int(np.floor(x)), int(np.floor(x)) + 1):
                for j in (int(np.floor(y)), int(np.floor(y)) + 1):
                    weight = (1 - abs(x - i)) * (1 - abs(y - j))
                    if outside == "edge":
                        total += (
                            weight * image[min(max(j, 0), height - 1), min(max(i, 0), width - 1)]
                        )
                    elif 0 <= i < width and 0 <= j < height:
                        total += weight * image[j, i]
            out[v, u] = np.floor(total + 0.5)
    return out


@pytest.mark.parametrize("outside", ["edge", "black"])
@pytest.mark.parametrize(
    "region", [Region(20, 15, 16, 0), Region(21.3, 11.1, 37, 0.4), Region(2, 30, 50, -2.5)]
)
def test_a_crop_is_the_image_sampled_bilinearly(identity, outside, region):
    image = np.random.default_rng(3).integers(0, 256, (31, 44, 3), np.uint8)
    network = CroppingNetwork(
        identity,
        name="identity",
        outputs=("image",),
        mean=10.0,
        scale=2.0,
        outside=outside,
        threads=1,
        precision="fp32",
    )
    [crop] = network.run(image, region)
    expected = sampled(image.astype(np.float64), region, outside)
    # Only a position on the boundary of two is rounded one way or the other.
    difference = np.abs(crop * 2 + 10 - expected)
    assert np.mean(difference > 0.01) < 0.005
    assert difference.max() <= 8


def test_a_file_that_is_no_network_is_refused(tmp_path):
    (tmp_path / "x.tflite").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="weights thing: OpenVINO cannot run"):
        CroppingNetwork(
            tmp_path / "x.tflite",
            name="thing",
            outputs=("a",),
            mean=0,
            scale=1,
            outside="edge",
            threads=1,
            precision="fp32",
        )
