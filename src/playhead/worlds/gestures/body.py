"""Bodies: from a posture at every frame to joints in space, and the rods that a body is drawn of.

A posture says where the hands are and how the trunk is bent; arms and legs follow from it. Points
are in metres: x to the right, y away from the usual camera, z up. A heading of 0 faces the camera.
"""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from playhead.events.keypoints import COCO_17
from playhead.worlds.drawing import bend

__all__ = [
    "HEAD", "HEAD_RADIUS", "JOINTS", "POINTS", "RODS", "TRUNK", "Build", "Posture", "place_body",
]  # fmt: skip

Floats = NDArray[np.float64]

JOINTS = COCO_17.joints
POINTS = (*JOINTS, "head", "left_hand", "right_hand", "left_toe", "right_toe")
"""What `place_body` returns, in this order."""

HEAD = POINTS.index("head")
HEAD_RADIUS = 0.062  # of the body's height


def _rod(
    start: str, end: str, radii: tuple[float, float], part: str
) -> list[tuple[int, int, tuple[float, float], str]]:
    return [
        (POINTS.index(f"{side}_{start}"), POINTS.index(f"{side}_{end}"), radii, part)
        for side in ("left", "right")
    ]  # fmt: skip


RODS: tuple[tuple[int, int, tuple[float, float], str], ...] = (
    *_rod("hip", "knee", (0.052, 0.036), "trousers"),
    *_rod("knee", "ankle", (0.036, 0.026), "shin"),
    *_rod("ankle", "toe", (0.027, 0.02), "shoes"),
    *_rod("shoulder", "elbow", (0.033, 0.026), "sleeve"),
    *_rod("elbow", "wrist", (0.025, 0.019), "forearm"),
    *_rod("wrist", "hand", (0.021, 0.021), "skin"),
)
"""Limbs: two points, the radii there in heights of the body, and what they are coloured as."""

TRUNK = (
    *COCO_17.indices(("left_shoulder", "right_shoulder")),
    *COCO_17.indices(("right_hip", "left_hip")),
)
"""The corners of the trunk, in the order of its outline."""


@dataclass(frozen=True, slots=True)
class Build:
    """The proportions of a body; lengths in metres."""

    height: float
    broad: float  # 1 is usual
    shoulders: float  # half of the distance between them
    hips: float
    torso: float  # from hips to shoulders
    thigh: float
    shin: float
    upper_arm: float
    forearm: float

    @property
    def arm(self) -> float:
        return self.upper_arm + self.forearm

    @property
    def leg(self) -> float:
        return self.thigh + self.shin

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Decide one body."""
        height = float(rng.uniform(1.5, 1.95))
        legs, arms, broad = (float(value) for value in rng.uniform(0.93, 1.07, 3))
        broad *= float(rng.uniform(0.9, 1.25))
        return cls(
            height=height,
            broad=broad,
            shoulders=0.108 * height * (0.6 + 0.4 * broad),
            hips=0.056 * height * (0.6 + 0.4 * broad),
            torso=(0.29 - 0.25 * (legs - 1)) * height,
            thigh=0.245 * height * legs,
            shin=0.24 * height * legs,
            upper_arm=0.172 * height * arms,
            forearm=0.152 * height * arms,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Posture:
    """How a body is held at each of F instants."""

    hands: Floats  # (F, 2, 3) left and right, from the shoulder: forward, outward, up, in arms
    feet: Floats  # (F, 2, 3) left and right, from the ground below: forward, outward, up, metres
    sink: Floats  # (F,) how far the hips are lowered, in legs
    lean: Floats  # (F,) radians that the trunk is bent forward
    side: Floats  # (F,) radians that it is bent to the left
    twist: Floats  # (F,) radians that the shoulders are turned to the left of the hips
    nod: Floats  # (F,) radians that the head is lowered
    look: Floats  # (F,) radians that it is turned to the left

    def mixed(self, other: Self, part: Floats) -> "Posture":
        """Between this posture (part 0) and another (part 1); part: (F,)."""
        mixes = {}
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            share = part.reshape(part.shape + (1,) * (mine.ndim - 1))
            mixes[field.name] = mine + share * (theirs - mine)
        return Posture(**mixes)


def place_body(build: Build, posture: Posture, ground: Floats, heading: Floats) -> Floats:
    """The points (F, POINTS, 3) of a body on the ground (F, 2), facing `heading` (F,)."""
    up = np.array([0.0, 0.0, 1.0])
    ahead, left = _axes(heading)
    lean, side, sink = (value[:, None] for value in (posture.lean, posture.side, posture.sink))
    base = np.concatenate([ground, np.zeros((len(ground), 1))], axis=1)
    spine = np.cos(lean) * np.cos(side) * up + np.sin(lean) * ahead + np.sin(side) * left
    spine = spine / np.linalg.norm(spine, axis=-1, keepdims=True)
    # The hips go back as the trunk bends, which keeps the weight over the feet.
    back = 0.3 * sink * build.leg + 0.3 * np.sin(lean) * build.torso
    standing = 0.985 * build.leg + 0.04 * build.height
    middle = base + (standing - sink * build.leg) * up - back * ahead
    neck = middle + build.torso * spine
    turned_ahead, turned_left = _axes(heading + posture.twist)
    across = turned_left - (turned_left * spine).sum(-1, keepdims=True) * spine

    points: dict[str, Floats] = {}
    for number, (name, sign) in enumerate((("left", 1.0), ("right", -1.0))):
        points[f"{name}_hip"] = hip = middle + sign * build.hips * left
        forward, outward, rise = (posture.feet[:, number, k, None] for k in range(3))
        foot = base + forward * ahead + sign * outward * left
        foot = foot + (0.04 * build.height + rise) * up
        points[f"{name}_knee"], ankle = bend(
            hip, foot, ahead + 0.25 * sign * left, build.thigh, build.shin
        )
        points[f"{name}_ankle"] = ankle
        toe = ankle + 0.1 * build.height * ahead + 0.03 * sign * left
        points[f"{name}_toe"] = toe - 0.025 * build.height * up

        points[f"{name}_shoulder"] = shoulder = neck + sign * build.shoulders * across
        forward, outward, rise = (posture.hands[:, number, k, None] for k in range(3))
        hand = forward * turned_ahead + sign * outward * turned_left + rise * up
        pole = 0.8 * sign * turned_left - 0.5 * up - 0.35 * turned_ahead
        elbow, wrist = bend(
            shoulder, shoulder + build.arm * hand, pole, build.upper_arm, build.forearm
        )
        points[f"{name}_elbow"], points[f"{name}_wrist"] = elbow, wrist
        points[f"{name}_hand"] = wrist + 0.3 * (wrist - elbow)

    facing, head_left = _axes(heading + 0.6 * posture.twist + posture.look)
    pitch = (0.65 * posture.lean + posture.nod)[:, None]
    face, crown = (
        np.cos(pitch) * facing - np.sin(pitch) * up,
        np.cos(pitch) * up + np.sin(pitch) * facing,
    )
    radius = HEAD_RADIUS * build.height
    points["head"] = head = neck + 0.085 * build.height * spine + 0.6 * radius * crown
    points["nose"] = head + radius * (face - 0.1 * crown)
    for name, sign in (("left", 1.0), ("right", -1.0)):
        points[f"{name}_eye"] = head + radius * (
            0.85 * face + 0.4 * sign * head_left + 0.25 * crown
        )
        points[f"{name}_ear"] = head + radius * (0.9 * sign * head_left + 0.05 * crown)
    return np.stack([points[name] for name in POINTS], axis=1)


def _axes(heading: Floats) -> tuple[Floats, Floats]:
    """Unit vectors (F, 3) forward and to the left of who faces `heading` (F,)."""
    sine, cosine, zero = np.sin(heading), np.cos(heading), np.zeros_like(heading)
    return np.stack([sine, -cosine, zero], axis=-1), np.stack([cosine, sine, zero], axis=-1)
