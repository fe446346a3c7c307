"""From the motion to bodies in space: rods with round ends for limbs, and helmets.

All players and instants are computed at once. A helmet is a sphere with a cage of bars in front of
the face; its box is that of both together.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playhead.worlds.collisions.physics import Motion
from playhead.worlds.collisions.script import HEAD_RADIUS
from playhead.worlds.drawing import Camera, bend

__all__ = [
    "BAR",
    "BARS",
    "CHEST",
    "EARS",
    "HELMET",
    "MIDDLE",
    "OPENING",
    "RODS",
    "STRIPE",
    "TORSO",
    "Bodies",
    "Projected",
    "place_bodies",
    "project",
]

Floats = NDArray[np.float64]

# Of each rod of a body: what it is coloured as, and its radius in metres.
RODS: tuple[tuple[str, float], ...] = (
    ("thigh", 0.095), ("thigh", 0.095), ("shin", 0.065), ("shin", 0.065), ("shoe", 0.055),
    ("shoe", 0.055), ("knee", 0.1), ("knee", 0.1), ("torso", 0.175), ("chest", 0.13),
    ("pad", 0.145), ("pad", 0.145), ("arm", 0.065), ("arm", 0.065), ("forearm", 0.05),
    ("forearm", 0.05), ("hand", 0.06), ("hand", 0.06),
)  # fmt: skip
HELMET = len(RODS)
"""The number of the helmet among the parts of a body."""

TORSO, CHEST = 8, 9

THIGH, SHIN, UPPER, LOWER = 0.45, 0.45, 0.3, 0.28  # metres
BAR = 0.014  # metres: radius of a bar of the cage
CAGE = 1.2  # radii of the sphere from its middle to the bars


def _on_sphere(radius: float, azimuths: Floats, elevations: Floats) -> Floats:
    """Points (N, 3): forward, left, up, in radii of the sphere; angles in degrees."""
    a, e = np.radians(azimuths), np.radians(elevations)
    return radius * np.stack([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)], axis=-1)


_SIDES = np.linspace(-62, 62, 7)
BARS: tuple[slice, ...] = (slice(0, 7), slice(7, 14), slice(14, 21), slice(21, 25))
OPENING, STRIPE, EARS, MIDDLE = slice(25, 37), slice(37, 46), slice(46, 48), 48
_POINTS = np.concatenate([
    *(_on_sphere(CAGE, _SIDES, np.full(7, level)) for level in (-12.0, -31.0, -50.0)),
    _on_sphere(CAGE, np.zeros(4), np.linspace(-4, -50, 4)),
    _on_sphere(1, np.linspace(-52, 52, 6), np.full(6, 6.0)),
    _on_sphere(1, np.linspace(48, -48, 6), np.full(6, -46.0)),
    _on_sphere(1, np.zeros(9), np.linspace(14, 166, 9)),
    _on_sphere(1, np.array([96.0, -96.0]), np.array([4.0, 4.0])),
    np.zeros((1, 3)),
])  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Bodies:
    """All players at instants (...,), in metres."""

    starts: Floats  # (..., players, rods, 3)
    ends: Floats  # (..., players, rods, 3)
    helmets: Floats  # (..., players, points, 3)
    chest: Floats  # (..., players, 3) unit vectors: where the chests look


@dataclass(frozen=True, slots=True, eq=False)
class Projected:
    """Bodies in the image of a camera without pan and shake; columns and rows in pixels."""

    starts: Floats  # (..., players, rods, 2)
    ends: Floats  # (..., players, rods, 2)
    scales: Floats  # (..., players, rods + 1) pixels a metre, the helmet's last
    helmets: Floats  # (..., players, points, 2)
    depths: Floats  # (..., players, rods + 1) metres from the camera, the helmet's last
    front: Floats  # (..., players, points) metres that points of the helmet are nearer than it
    looks: Floats  # (..., players) 1: the chest looks at the camera, -1: away from it

    def boxes(self) -> Floats:
        """The boxes (..., players, 4) of the helmets' silhouettes, whatever hides them."""
        middle = self.helmets[..., MIDDLE, :]
        radius = HEAD_RADIUS * self.scales[..., HELMET, None]
        cage = self.helmets[..., : BARS[-1].stop, :]
        bar = BAR * self.scales[..., HELMET, None]
        low = np.minimum(middle - radius, cage.min(axis=-2) - bar)
        high = np.maximum(middle + radius, cage.max(axis=-2) + bar)
        boxes: Floats = np.concatenate([low, high], axis=-1)
        return boxes


def place_bodies(motion: Motion, times: Floats) -> Bodies:
    """The bodies of all players at `times` (...,)."""
    foot, neutral, head = (motion.at(name, times) for name in ("body", "neutral", "head"))
    velocity, facing, turn = (motion.at(name, times) for name in ("velocity", "facing", "turn"))
    hip_height, stride, reach = (motion.at(name, times) for name in ("hips", "stride", "reach"))
    zero = np.zeros_like(facing)
    ahead = np.stack([np.cos(facing), np.sin(facing), zero], axis=-1)
    left = np.stack([-np.sin(facing), np.cos(facing), zero], axis=-1)
    up = np.array([0.0, 0.0, 1.0])
    speed = np.linalg.norm(velocity, axis=-1)
    ground = np.concatenate([foot, zero[..., None]], axis=-1)
    lean = neutral - ground
    hips = ground - 0.3 * lean * (1, 1, 0) + hip_height[..., None] * up
    spine = neutral - hips
    spine = spine / np.maximum(np.linalg.norm(spine, axis=-1, keepdims=True), 1e-6)
    top = neutral - 0.29 * spine
    travel = np.concatenate([velocity, zero[..., None]], axis=-1)
    travel = travel / np.maximum(speed, 0.8)[..., None]
    down = np.clip((0.6 - hip_height) / 0.3, 0, 1)[..., None]  # 1: lies on the ground

    limbs: dict[str, list[tuple[Floats, Floats]]] = {
        name: [] for name in ("thigh", "shin", "shoe", "knee", "pad", "arm", "forearm", "hand")
    }
    for side in (1.0, -1.0):
        swing = stride + (0 if side > 0 else math.pi)
        pace = np.minimum(0.06 + 0.1 * speed, 0.5)
        hip = hips + side * 0.11 * left
        lift = 0.08 + np.clip(np.cos(swing), 0, None) * np.minimum(0.07 * speed, 0.3)
        ankle = ground + side * (0.14 + 0.06 * reach[..., None]) * left
        ankle = ankle + (pace * np.sin(swing))[..., None] * travel + lift[..., None] * up
        lying = hips - 0.8 * spine * (1, 1, 0) + side * 0.16 * left + 0.08 * up
        ankle = ankle * (1 - down) + lying * down
        knee, ankle = bend(hip, ankle, ahead, THIGH, SHIN)
        limbs["thigh"].append((hip, knee))
        limbs["shin"].append((knee, ankle))
        limbs["shoe"].append((ankle - 0.03 * ahead, ankle + 0.13 * ahead - 0.03 * up))
        limbs["knee"].append((knee + 0.03 * ahead, knee + 0.03 * ahead))
        shoulder = top + side * 0.23 * left
        pump = -np.sin(swing) * np.minimum(0.08 * speed, 0.32)
        hand = shoulder + (0.16 + pump)[..., None] * ahead - 0.34 * up
        push = shoulder + 0.48 * ahead - 0.08 * up - side * 0.06 * left
        hand = hand + reach[..., None] * (push - hand)
        elbow, hand = bend(shoulder, hand, side * 0.7 * left - ahead - 0.4 * up, UPPER, LOWER)
        limbs["pad"].append((shoulder + 0.03 * up, shoulder + 0.03 * up))
        limbs["arm"].append((shoulder, elbow))
        limbs["forearm"].append((elbow, hand))
        limbs["hand"].append((hand, hand))
    trunk = {
        "torso": (hips + 0.05 * spine, top - 0.1 * spine),
        "chest": (top - 0.06 * spine + 0.14 * left, top - 0.06 * spine - 0.14 * left),
    }
    rods = [trunk[name] if name in trunk else limbs[name].pop(0) for name, _ in RODS]
    starts, ends = (np.stack(points, axis=-2) for points in zip(*rods, strict=True))
    helmets = _helmets(head, facing, lean, turn)
    return Bodies(starts, ends, helmets, ahead)


def _helmets(head: Floats, facing: Floats, lean: Floats, turn: Floats) -> Floats:
    """The points (..., players, points, 3) of all helmets."""
    # The head leans with the body, less than it, and has its own rotation.
    pitch = 0.35 * np.arctan2(np.linalg.norm(lean[..., :2], axis=-1), lean[..., 2])
    axes = _rotation(facing + turn[..., 0], pitch + turn[..., 1], turn[..., 2])
    points: Floats = head[..., None, :] + HEAD_RADIUS * np.einsum("...ij,kj->...ki", axes, _POINTS)
    return points


def project(bodies: Bodies, camera: Camera) -> Projected:
    """Bodies as a camera sees them."""
    column, row, scale = camera.project((bodies.starts + bodies.ends) / 2)
    starts = np.stack(camera.project(bodies.starts)[:2], axis=-1)
    ends = np.stack(camera.project(bodies.ends)[:2], axis=-1)
    column, row, near = camera.project(bodies.helmets)
    depth = camera.focal / near
    scales = np.concatenate([scale, near[..., MIDDLE, None]], axis=-1)
    looks = -bodies.chest @ np.array(camera.axes[2])
    return Projected(
        starts, ends, scales, np.stack([column, row], axis=-1), camera.focal / scales,
        depth[..., MIDDLE, None] - depth, looks,
    )  # fmt: skip


def _rotation(yaw: Floats, pitch: Floats, roll: Floats) -> Floats:
    """Matrices (..., 3, 3) whose columns are forward, left and up; pitch is down."""
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    cr, sr = np.cos(roll), np.sin(roll)
    forward = np.stack([cy * cp, sy * cp, -sp], axis=-1)
    left = np.stack([-sy, cy, np.zeros_like(cy)], axis=-1)
    up = np.stack([cy * sp, sy * sp, cp], axis=-1)
    cr, sr = cr[..., None], sr[..., None]
    return np.stack([forward, left * cr + up * sr, up * cr - left * sr], axis=-1)
