"""A pinhole camera: from metres in a scene to pixels of an image, and from pixels to the ground.

Scenes are in metres: x to the right, y away from the usual camera, z up. Columns and rows are
continuous: the pixel in column 0 and row 0 covers [0, 1) x [0, 1), so its centre is (0.5, 0.5).
"""

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Camera"]

Floats = NDArray[Any]
Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Camera:
    """Where a camera stands, where it looks, and how it maps points to its image."""

    width: int
    height: int
    focal: float  # pixels
    centre: tuple[float, float]  # column and row where the optical axis meets the image
    axes: tuple[Vector, Vector, Vector]  # the camera's right, up and forward, in the scene
    origin: Vector  # the scene's origin in camera coordinates (right, up, depth): metres
    nearest: float  # metres: a point at a smaller depth is projected as if it were this deep

    @classmethod
    def at(
        cls, point: Vector, *, size: tuple[int, int], focal: float, distance: float = 0.0,
        pan: float = 0.0, tilt: float = 0.0, centre: tuple[float, float] | None = None,
        nearest: float = 0.1,
    ) -> Self:  # fmt: skip
        """A camera whose optical axis passes through `point`, `distance` metres ahead of it.

        distance: 0 puts the camera itself at `point`; pan, tilt: radians to the left of y, and
        down; centre: the middle of the image by default.
        """
        sine, cosine, down, level = math.sin(pan), math.cos(pan), math.sin(tilt), math.cos(tilt)
        axes = (
            (cosine, sine, 0.0),
            (-sine * down, cosine * down, level),
            (-sine * level, cosine * level, -down),
        )
        right, up, depth = (sum(a * p for a, p in zip(axis, point, strict=True)) for axis in axes)
        middle = (size[0] / 2, size[1] / 2)
        return cls(
            *size, focal, centre or middle, axes, (-right, -up, distance - depth), nearest
        )  # fmt: skip

    @property
    def position(self) -> Vector:
        """Where the camera stands in the scene."""
        x, y, z = (
            -sum(axis[i] * o for axis, o in zip(self.axes, self.origin, strict=True))
            for i in range(3)
        )
        return x, y, z

    def view(self, points: Floats) -> tuple[Floats, Floats, Floats]:
        """`points` (..., 3) of the scene → metres right, up and deep as the camera sees them."""
        x, y, z = points[..., 0], points[..., 1], points[..., 2]
        right, up, depth = (
            origin + x * axis[0] + y * axis[1] + z * axis[2]
            for origin, axis in zip(self.origin, self.axes, strict=True)
        )
        return right, up, depth

    def project(self, points: Floats) -> tuple[Floats, Floats, Floats]:
        """`points` (..., 3) of the scene → column, row, and pixels a metre at their depth."""
        right, up, depth = self.view(points)
        scale = self.focal / np.maximum(depth, self.nearest)
        return self.centre[0] + right * scale, self.centre[1] - up * scale, scale

    def rays(self, columns: Floats, rows: Floats) -> tuple[Floats, Floats]:
        """Metres right and up, for each metre of depth, along the rays through image points."""
        return (columns - self.centre[0]) / self.focal, (self.centre[1] - rows) / self.focal

    def ground(self, columns: Floats, rows: Floats) -> tuple[Floats, Floats]:
        """Image points below the horizon → x and y where their rays meet the ground, z = 0."""
        right, up = self.rays(columns, rows)
        ways = [a * right + b * up + c for a, b, c in zip(*self.axes, strict=True)]
        x, y, z = self.position
        depth = -z / ways[2]
        return x + depth * ways[0], y + depth * ways[1]
