"""Regions of interest: rotated squares of an image, cropped inside the graph of a network.

The square is sampled bilinearly at the input size of the network, as MediaPipe's
ImageToTensorCalculator does with OpenCV: the corners of the region lie on those of the input, the
pixel with the index u samples the position u, not u + 1/2, positions are rounded to 1/32 of a pixel
and values to whole numbers. The networks answer to such details by pixels in the image.
"""

from math import atan2, cos, hypot, pi, sin
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from playhead.errors import WeightsError
from playhead.inference.precision import Precision
from playhead.inference.runtime import cpu_options, openvino_core

__all__ = ["CroppingNetwork", "Region", "region_of", "whole_image"]

Array = NDArray[np.float32]


class Region(NamedTuple):
    """A square: its centre and side in pixels of the image, and radians by which it is turned.

    A positive angle turns it clockwise, as the y axis points down.
    """

    x: float
    y: float
    side: float
    angle: float

    def to_image(self, points: Array) -> Array:
        """Points (N, 2), as shares of the square, in pixels of the image."""
        turn = np.array(
            [[cos(self.angle), sin(self.angle)], [-sin(self.angle), cos(self.angle)]], np.float32
        )
        centre = np.array([self.x, self.y], np.float32)
        return np.asarray((points - 0.5) @ turn * self.side + centre, np.float32)

    def to_region(self, points: Array) -> Array:
        """Points (N, 2) in pixels of the image, as shares of the square."""
        turn = np.array(
            [[cos(self.angle), -sin(self.angle)], [sin(self.angle), cos(self.angle)]], np.float32
        )
        centre = np.array([self.x, self.y], np.float32)
        return np.asarray((points - centre) @ turn / self.side + 0.5, np.float32)


def region_of(centre: Array, top: Array, scale: float) -> Region:
    """The region of a person whose circle has a centre and passes through `top`, above the head.

    It is turned so that `top` lies straight above the centre, and `scale` times as large as the
    circle.
    """
    dx, dy = float(top[0] - centre[0]), float(top[1] - centre[1])
    angle = pi / 2 - atan2(-dy, dx)
    turned = angle - 2 * pi * np.floor((angle + pi) / (2 * pi))
    return Region(float(centre[0]), float(centre[1]), 2 * hypot(dx, dy) * scale, float(turned))


def whole_image(height: int, width: int) -> Region:
    """The smallest upright square about the middle of an image that contains the image."""
    return Region(width / 2, height / 2, float(max(width, height)), 0.0)


class CroppingNetwork:
    """A packaged network with a square input, which crops its input out of images of any size.

    outputs: the names of the outputs to compute
    mean, scale: what it sees are (pixel - mean) / scale
    outside: what surrounds the image: its edge repeated, or black
    Raises WeightsError if the file cannot be run.
    """

    def __init__(
        self,
        path: Path,
        *,
        name: str,
        outputs: tuple[str, ...],
        mean: float,
        scale: float,
        outside: Literal["edge", "black"],
        threads: int,
        precision: Precision,
    ) -> None:
        self._name, self._outside = name, outside
        options = cpu_options(threads, 1, precision) | {"PERFORMANCE_HINT": "LATENCY"}
        try:
            model = openvino_core().read_model(path)
            self.side = int(model.input(0).shape[1])
            cropping = _with_cropping(model, outputs, mean, scale, outside)
            compiled = openvino_core().compile_model(cropping, "CPU", options)
        except RuntimeError as error:
            raise WeightsError(
                f"weights {name}: OpenVINO cannot run {path}: {error}; "
                f"fetch them again with `playhead weights get {name}`"
            ) from error
        self._request = compiled.create_infer_request()
        self._outputs = len(outputs)

    def run(self, image: NDArray[np.uint8], region: Region) -> tuple[Array, ...]:
        """The outputs for a region of an image (H, W, 3), without the batch axis.

        They are overwritten by the next run. Raises WeightsError if one is not finite.
        """
        part, grid = _part_and_grid(image, region, self.side, self._outside)
        self._request.infer([part[None], grid[None]], share_inputs=True)
        outputs = tuple(
            np.asarray(self._request.get_output_tensor(k).data[0]) for k in range(self._outputs)
        )
        if not all(np.isfinite(output).all() for output in outputs):
            height, width = image.shape[:2]
            raise WeightsError(
                f"weights {self._name}: the output is not finite for an image of "
                f"{width}x{height}; fetch them again with `playhead weights get {self._name}`"
            )
        return outputs


def _part_and_grid(
    image: NDArray[np.uint8], region: Region, side: int, outside: str
) -> tuple[NDArray[np.uint8], Array]:
    """The part of the image that the region needs, and where in it each pixel is sampled.

    The sides of the part are powers of two: only then are the coordinates of GridSample, from -1 to
    1 between the outer edges of the outermost pixels, exact.
    """
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float32)
    origin, right, below, last = region.to_image(corners).astype(np.float64)
    high = np.array(image.shape[1::-1])
    around = np.stack([origin, right, below, last])
    start = np.clip(np.floor(around.min(axis=0)) - 1, 0, high - 1).astype(int)
    stop = np.clip(np.ceil(around.max(axis=0)) + 2, start + 1, high).astype(int)
    seen = image[start[1] : stop[1], start[0] : stop[0]]
    height, width = seen.shape[:2]
    part = np.zeros((_power_of_two(height), _power_of_two(width), 3), np.uint8)
    part[:height, :width] = seen
    if outside == "edge":
        part[:height, width:] = seen[:, -1:]
        part[height:] = part[height - 1]
    steps = np.arange(side) / side
    x, y = (
        np.add.outer(steps * (below - origin)[axis] + origin[axis], steps * (right - origin)[axis])
        for axis in (0, 1)
    )
    positions = np.stack([np.rint(x * 32), np.rint(y * 32)], axis=-1) / 32 - start
    grid = (2 * positions + 1) / (part.shape[1], part.shape[0]) - 1
    return part, grid.astype(np.float32)


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()


def _with_cropping(
    model: Any, outputs: tuple[str, ...], mean: float, scale: float, outside: str
) -> Any:
    """The model with two other inputs: the image, u8 (1, H, W, 3), and the grid that is sampled."""
    import openvino
    from openvino import opset13 as ops

    side = int(model.input(0).shape[1])
    image = ops.parameter(openvino.PartialShape([1, -1, -1, 3]), np.uint8)
    grid = ops.parameter([1, side, side, 2], np.float32)

    def number(value: float) -> Any:
        return ops.constant(np.float32(value))

    planes = ops.transpose(ops.convert(image, np.float32), ops.constant(np.array([0, 3, 1, 2])))
    padding = {"edge": "border", "black": "zeros"}[outside]
    attributes = {"align_corners": False, "mode": "bilinear", "padding_mode": padding}
    crop = ops.round(ops.grid_sample(planes, grid, attributes), "half_away_from_zero")
    rows = ops.transpose(crop, ops.constant(np.array([0, 2, 3, 1])))
    scaled = ops.divide(ops.subtract(rows, number(mean)), number(scale))
    model.get_parameters()[0].output(0).replace(scaled.output(0))
    wanted = [model.output(name).node.input_value(0) for name in outputs]
    return openvino.Model(wanted, [image, grid])
