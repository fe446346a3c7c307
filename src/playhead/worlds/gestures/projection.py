"""Bodies in the image of a camera: where their points are, and which of them are hidden."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playhead.worlds.drawing import Camera
from playhead.worlds.gestures.body import HEAD, HEAD_RADIUS, JOINTS, RODS, TRUNK

__all__ = ["TRUNK_RADIUS", "Projected", "covered_joints", "project"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

TRUNK_RADIUS = 0.043
"""Of the rods along the outline of the trunk, in heights of the body."""

_LEFT_SHOULDER, _RIGHT_SHOULDER, _RIGHT_HIP, _LEFT_HIP = TRUNK
_TRUNK_RODS = (
    (_LEFT_SHOULDER, _RIGHT_SHOULDER), (_RIGHT_SHOULDER, _RIGHT_HIP), (_RIGHT_HIP, _LEFT_HIP),
    (_LEFT_HIP, _LEFT_SHOULDER), (_LEFT_SHOULDER, _RIGHT_HIP), (_RIGHT_SHOULDER, _LEFT_HIP),
)  # fmt: skip
# All that can hide a joint: start, end and radius in heights of the body.
_COVERS: tuple[tuple[int, int, float], ...] = (
    *((start, end, sum(radii) / 2) for start, end, radii, _ in RODS),
    *((start, end, 1.2 * TRUNK_RADIUS) for start, end in _TRUNK_RODS),
    (HEAD, HEAD, 1.1 * HEAD_RADIUS),
)
_STARTS, _ENDS = (np.array([cover[k] for cover in _COVERS]) for k in range(2))
_RADII = np.array([cover[2] for cover in _COVERS])
_NEARER = 0.05  # metres that a rod must be nearer than the joint that it hides
# A joint is not hidden by the rods that it is an end of, nor a face by its head unless behind it.
_OWN = np.array(
    [[joint in (start, end) for start, end, _ in _COVERS] for joint in range(len(JOINTS))]
)


@dataclass(frozen=True, slots=True, eq=False)
class Projected:
    """The points of P people in F frames; columns and rows in pixels, also beyond the image."""

    places: Floats  # (P, F, POINTS, 2)
    scales: Floats  # (P, F, POINTS) pixels a metre
    depths: Floats  # (P, F, POINTS) metres from the camera

    def boxes(self) -> Floats:
        """The boxes (P, F, 4) around the joints, a little wider than them."""
        joints = self.places[:, :, : len(JOINTS)]
        low, high = joints.min(axis=2), joints.max(axis=2)
        wider = 0.06 * (high - low).max(axis=-1, keepdims=True)
        boxes: Floats = np.concatenate([low - wider, high + wider], axis=-1)
        return boxes


def project(points: Sequence[Floats], camera: Camera, shake: Floats) -> Projected:
    """People's points (F, POINTS, 3) each, as a camera sees them; shake: pixels (F, 2)."""
    column, row, scale = camera.project(np.stack(points))
    places = np.stack([column, row], axis=-1) + shake[:, None]
    return Projected(places, scale, camera.focal / scale)


def covered_joints(seen: Projected, near: int, far: int, height: float) -> Bools:
    """Which joints (F, 17) of person `far` are behind the body of person `near`.

    height: that of `near`, metres; for near == far: behind other parts of their own body
    """
    joints = len(JOINTS)
    x, y, depth = (
        values.astype(np.float32)
        for values in (*np.moveaxis(seen.places[near], -1, 0), seen.depths[near])
    )  # (F, POINTS) each: columns and rows apart are faster than a last axis of two
    away_x, away_y = (
        values[:, :joints, None].astype(np.float32) - starts[:, None, _STARTS]
        for values, starts in zip(np.moveaxis(seen.places[far], -1, 0), (x, y), strict=True)
    )  # (F, 17, covers)
    along_x, along_y, along_depth = (
        (values[:, _ENDS] - values[:, _STARTS])[:, None] for values in (x, y, depth)
    )
    square = np.maximum(along_x**2 + along_y**2, np.float32(1e-6))
    part = np.clip((away_x * along_x + away_y * along_y) / square, 0, 1)
    gap = (away_x - part * along_x) ** 2 + (away_y - part * along_y) ** 2
    radii = (_RADII * height * seen.scales[near][:, _STARTS]).astype(np.float32)
    rod_depth = depth[:, None, _STARTS] + part * along_depth
    behind = seen.depths[far][:, :joints, None] > rod_depth + np.float32(_NEARER)
    covered = (gap < radii[:, None] ** 2) & behind
    hidden: Bools = (covered & ~_OWN if near == far else covered).any(axis=-1)
    return hidden
