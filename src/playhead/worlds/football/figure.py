"""Players as small stamps: a jointed figure drawn once for each pose, facing and size.

A shape keeps how much of each pixel every part (skin, jersey, ...) covers, so one drawing serves
all kits; `player_stamp` colours it.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from playhead.worlds.drawing import Joint, Limb, Stamp, capsule_cover, hang, turned
from playhead.worlds.football.look import PARTS
from playhead.worlds.football.play import FACINGS, POSES

__all__ = ["SIZES_AN_OCTAVE", "PlayerShape", "player_shape", "player_stamp"]

SIZES_AN_OCTAVE = 5  # sizes of shapes between a height and its double
SHADOW = PARTS.index("shadow")
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class PlayerShape:
    """A figure without colours, around the point between its feet."""

    cover: Floats  # (h, w, parts): how much of each pixel a part is seen to cover
    left: int
    top: int


@lru_cache(maxsize=60_000)
def player_shape(
    pose: int, facing: int, size: int, *, tilt: float, light: int, shift: float
) -> PlayerShape:
    """Draw one figure and its shadow.

    size: pixels a metre are 2 ** (size / SIZES_AN_OCTAVE); tilt: radians the camera looks down;
    light: which of 8 ways the shadow falls; shift: part of a pixel to the right.
    """
    scale = np.float32(2.0 ** (size / SIZES_AN_OCTAVE))
    limbs = _skeleton(POSES[pose])
    angle, sun = 2 * math.pi * facing / FACINGS, 2 * math.pi * light / 8
    faces = math.cos(angle), -math.sin(angle)
    fall = 0.55 * math.cos(sun), 0.55 * math.sin(sun)
    sine, cosine = math.sin(tilt), math.cos(tilt)
    rods, radii, depths = [], [], []  # in metres right and down; each limb, then its shadow
    for limb in limbs:
        joints = [turned(joint, faces) for joint in (limb.start, limb.end)]
        rods.append([(x, -(up * cosine - near * sine)) for x, near, up in joints])
        rods.append([(x + fall[0] * up, -((fall[1] * up - near) * sine)) for x, near, up in joints])
        radii += [limb.radii[0], limb.radii[0] * 0.9]
        depths.append(-(joints[0][1] + joints[1][1]) / 2)
    ends, radius = np.array(rods, np.float32) * scale, np.array(radii, np.float32) * scale
    ends[..., 0] += np.float32(shift)
    low = np.floor((ends - radius[:, None, None]).min(axis=(0, 1)) - 1).astype(int)
    high = np.ceil((ends + radius[:, None, None]).max(axis=(0, 1)) + 2).astype(int)
    cover = capsule_cover(
        np.arange(low[0], high[0], dtype=np.float32)[None, None, :],
        np.arange(low[1], high[1], dtype=np.float32)[None, :, None],
        ends[:, 0].T[..., None, None],
        (ends[:, 1] - ends[:, 0]).T[..., None, None],
        radius[:, None, None],
    )
    # Far limbs first, each over those before it; the shadow lies below all.
    seen = np.zeros((*cover.shape[1:], len(PARTS)), np.float32)
    seen[..., SHADOW] = cover[1::2].max(axis=0)
    for index in sorted(range(len(limbs)), key=lambda index: -depths[index]):
        alpha = cover[2 * index]
        seen *= (1 - alpha)[..., None]
        seen[..., PARTS.index(limbs[index].part)] += alpha
    return PlayerShape(seen, int(low[0]), int(low[1]))


def player_stamp(shape: PlayerShape, kit: NDArray[np.uint8], shade: float) -> Stamp:
    """Give a figure its kit, (parts, 3) RGB, and its shadow a darkness of 0..1."""
    cover = shape.cover.copy()
    cover[..., SHADOW] *= shade
    paint = np.zeros((*cover.shape[:2], 4), np.uint16)
    paint[..., :3] = cover @ kit.astype(np.float32)
    keep = np.rint(256 * (1 - cover.sum(axis=-1, keepdims=True))).clip(0, 256)
    return Stamp(paint, keep.astype(np.uint16), shape.left, shape.top)


def _skeleton(pose: str) -> list[Limb]:
    match pose:
        case "stand":
            return _upright(0.04, (0.05, 0.05), (-0.05, 0.05), (0.1, 0.1))
        case "windup":
            return _upright(0.25, (-0.95, 1.1), (0.25, 0.25), (0.9, -0.9))
        case "strike":
            return _upright(-0.1, (0.75, 0.1), (-0.1, 0.15), (-0.9, 1.1))
        case "follow":
            return _upright(-0.25, (1.35, 0.1), (-0.2, 0.1), (-0.7, 0.9), 0.03)
        case "push":
            return _upright(0.2, (0.6, 0.15), (-0.45, 0.5), (-0.5, 0.5))
        case "stop":
            return _upright(-0.05, (0.45, 0.3), (0.0, 0.2), (0.4, 0.4))
        case "jump":
            return _upright(0.2, (-0.3, 1.1), (0.1, 0.8), (-1.2, -1.2), 0.35)
        case "slide":
            return _slide()
        case _:
            return _running(2 * math.pi * int(pose.removeprefix("run")) / 6)


def _running(phase: float) -> list[Limb]:
    swing = 0.75 * math.sin(phase)
    right = (swing, 0.35 + 0.75 * max(0.0, -math.cos(phase)))
    left = (-swing, 0.35 + 0.75 * max(0.0, math.cos(phase)))
    return _upright(0.2, right, left, (-swing, swing), 0.04 * abs(math.cos(phase)))


def _upright(
    lean: float, right: tuple[float, float], left: tuple[float, float], arms: tuple[float, float],
    rise: float = 0.0,
) -> list[Limb]:  # fmt: skip
    """A figure on its feet: lean forward, (swing, bend) of both legs, swing of both arms, rise."""
    hip = (0.0, 0.0, 0.9 + rise)
    neck = (0.52 * math.sin(lean), 0.0, hip[2] + 0.52 * math.cos(lean))
    head = (neck[0] + 0.2 * math.sin(lean), 0.0, neck[2] + 0.22)
    return [
        *_leg(-1, *right, hip),
        *_leg(1, *left, hip),
        _rod((hip[0], 0.0, hip[2] + 0.08), neck, 0.21, "jersey"),
        *_arm(-1, arms[0], neck),
        *_arm(1, arms[1], neck),
        *_head(head, (head[0] - 0.03, 0.0, head[2] + 0.06)),
    ]


def _slide() -> list[Limb]:
    """Lying back with one leg stretched out in front."""
    neck = (-0.5, 0.1, 0.5)
    return [
        *_leg(-1, 1.45, 0.0, (-0.1, 0.0, 0.25)),
        *_leg(1, 1.3, 1.6, (-0.1, 0.0, 0.25)),
        _rod((-0.1, 0.0, 0.2), neck, 0.2, "jersey"),
        *_arm(-1, -0.8, neck),
        *_arm(1, 1.2, neck),
        *_head((-0.62, 0.12, 0.7), (-0.64, 0.12, 0.76)),
    ]


def _rod(start: Joint, end: Joint, radius: float, part: str) -> Limb:
    return Limb(start, end, (radius, radius), part)


def _leg(side: float, swing: float, bend: float, hip: Joint) -> list[Limb]:
    """A leg that swings forward by `swing` and bends the knee by `bend` (radians)."""
    hip = (hip[0], hip[1] + 0.11 * side, hip[2])
    knee = hang(hip, 0.44, swing)
    low = swing - bend
    foot = hang(knee, 0.44, low)
    toe = (foot[0] + 0.17 * math.cos(low), foot[1], foot[2] + 0.17 * math.sin(low) * 0.6)
    return [
        _rod(hip, knee, 0.095, "skin"),
        _rod(knee, foot, 0.085, "socks"),
        _rod(foot, toe, 0.07, "shoes"),
        _rod(hip, hang(hip, 0.26, swing), 0.135, "shorts"),
    ]


def _arm(side: float, swing: float, neck: Joint) -> list[Limb]:
    shoulder = (neck[0], neck[1] + 0.24 * side, neck[2])
    forward, left, up = hang(shoulder, 0.27, swing)
    elbow = (forward, left + 0.1 * side, up)
    hand = hang(elbow, 0.25, swing + 0.7)
    return [_rod(shoulder, elbow, 0.075, "jersey"), _rod(elbow, hand, 0.06, "skin")]


def _head(middle: Joint, top: Joint) -> list[Limb]:
    return [_rod(middle, middle, 0.15, "skin"), _rod(top, top, 0.135, "hair")]
