"""Warps of training images: rotation, perspective and lens distortion, with their boxes.

A point of the image is mapped by a homography, and then moved towards the middle as a wide-angle
lens does: r_undistorted = r (1 + k r²), with r in halves of the longer side.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from playhead.detection.sample_settings import ImageAugmentation
from playhead.media.scaling import GREY

__all__ = ["Warp"]

CELL = 40
"""Pixels between the points of the mesh that Pillow interpolates between."""

EDGE_POINTS = 4
"""Points on each edge of a box: the bent edges of a warped box reach further than its corners."""

NEWTON_STEPS = 6

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Warp:
    """A mapping of the pixels of an image of `size` (width, height) onto an image of that size.

    homography: (3, 3), of points relative to the middle, in halves of the longer side; k: the
    strength of the barrel distortion, at least 0
    """

    size: tuple[int, int]
    homography: Floats
    k: float

    @classmethod
    def draw(
        cls, rng: np.random.Generator, size: tuple[int, int], settings: ImageAugmentation
    ) -> Self:
        """A random warp within the limits of the settings."""
        angle = np.radians(settings.rotation) * rng.uniform(-1, 1)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        half = np.array(size) / max(size)
        corners = half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
        shifts = 2 * half * settings.perspective * rng.uniform(-1, 1, (4, 2))
        k = settings.distortion * rng.random()
        # The distortion shrinks the image: enlarged by as much, its corners stay where they were.
        larger = 1 + k * float((half**2).sum()) / 2
        return cls(size, _homography(corners, larger * (corners @ turn.T + shifts)), k)

    def image(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The warped image (H, W, 3), grey where it shows nothing."""
        width, height = self.size
        columns = np.linspace(0, width, max(round(width / CELL), 1) + 1).round().astype(int)
        rows = np.linspace(0, height, max(round(height / CELL), 1) + 1).round().astype(int)
        nodes = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
        sources = self.inverse(nodes.astype(float)).reshape(len(rows), len(columns), 2)
        quads = np.concatenate(  # upper left, lower left, lower right, upper right
            [sources[:-1, :-1], sources[1:, :-1], sources[1:, 1:], sources[:-1, 1:]], axis=-1
        )
        mesh = [
            (
                (int(columns[i]), int(rows[j]), int(columns[i + 1]), int(rows[j + 1])),
                tuple(quads[j, i].tolist()),
            )
            for j in range(len(rows) - 1)
            for i in range(len(columns) - 1)
        ]
        warped = Image.fromarray(image).transform(
            self.size,
            Image.Transform.MESH,
            mesh,
            Image.Resampling.BILINEAR,
            fillcolor=(GREY, GREY, GREY),
        )
        return np.array(warped)

    def boxes(self, boxes: Floats) -> Floats:
        """The boxes (N, 4) around the warped boxes, unclipped."""
        if not len(boxes):
            return boxes
        shares = np.linspace(0, 1, EDGE_POINTS + 1)
        zeros, ones = np.zeros_like(shares), np.ones_like(shares)
        x = np.concatenate([shares, shares, zeros, ones])
        y = np.concatenate([zeros, ones, shares, shares])
        points = np.stack(
            [
                boxes[:, :1] + x * (boxes[:, 2:3] - boxes[:, :1]),
                boxes[:, 1:2] + y * (boxes[:, 3:] - boxes[:, 1:2]),
            ],
            axis=-1,
        )
        warped = self.forward(points.reshape(-1, 2)).reshape(points.shape)
        return np.concatenate([warped.min(axis=1), warped.max(axis=1)], axis=1)

    def forward(self, points: Floats) -> Floats:
        """Points (N, 2) of the image → of the warped image, pixels."""
        flat = _projected(self.homography, self._relative(points))
        radius = np.hypot(*flat.T)
        bent = radius.copy()
        for _ in range(NEWTON_STEPS):
            bent -= (bent * (1 + self.k * bent**2) - radius) / (1 + 3 * self.k * bent**2)
        shrunk = np.divide(bent, radius, out=np.ones_like(radius), where=radius > 0)
        return self._pixels(flat * shrunk[:, None])

    def inverse(self, points: Floats) -> Floats:
        """Points (N, 2) of the warped image → of the image, pixels."""
        bent = self._relative(points)
        flat: Floats = bent * (1 + self.k * (bent**2).sum(axis=1, keepdims=True))
        return self._pixels(_projected(np.linalg.inv(self.homography), flat))

    def _relative(self, points: Floats) -> Floats:
        relative: Floats = (points - np.array(self.size) / 2) / (max(self.size) / 2)
        return relative

    def _pixels(self, points: Floats) -> Floats:
        return points * (max(self.size) / 2) + np.array(self.size) / 2


def _projected(homography: NDArray[np.floating], points: Floats) -> Floats:
    projected = np.column_stack([points, np.ones(len(points))]) @ homography.T
    divided: Floats = projected[:, :2] / projected[:, 2:]
    return divided


def _homography(source: Floats, target: Floats) -> Floats:
    """The homography (3, 3) that maps four points (4, 2) onto four others."""
    rows = []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    solved = np.linalg.solve(np.array(rows), target.ravel())
    return np.append(solved, 1.0).reshape(3, 3)
