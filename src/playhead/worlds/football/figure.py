"""Players as small stamps: a jointed figure drawn once for each pose, facing and size.

A stamp keeps how much of each pixel every part (skin, jersey, ...) covers, so one drawing serves
all kits; `colour` turns it into premultiplied colour and what of the background stays visible.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from playhead.worlds.football.look import COLOURS
from playhead.worlds.football.play import FACINGS, POSES

__all__ = ["SIZES_AN_OCTAVE", "Stamp", "colour", "disc", "figure"]

SIZES_AN_OCTAVE = 5  # sizes of stamps between a height and its double
Joint = tuple[float, float, float]  # forward, left, up: metres
Floats = NDArray[np.float32]
SKIN, HAIR, JERSEY, SHORTS, SOCKS, SHOES, SHADOW = range(len(COLOURS))


@dataclass(frozen=True, slots=True, eq=False)
class Stamp:
    """A coloured picture to lay over a frame: frame * keep / 256 + paint."""

    paint: NDArray[np.uint16]  # (h, w, 4), premultiplied
    keep: NDArray[np.uint16]  # (h, w, 1), 0..256
    left: int  # from the anchor (the feet) to the first column
    top: int


@dataclass(frozen=True, slots=True, eq=False)
class _Shape:
    cover: Floats  # (h, w, parts): how much of each pixel a part is seen to cover
    left: int
    top: int


@dataclass(frozen=True, slots=True)
class _Limb:
    start: Joint
    end: Joint
    radius: float
    part: int


@lru_cache(maxsize=60_000)
def figure(pose: int, facing: int, size: int, *, tilt: float, light: int, shift: float) -> _Shape:
    """Draw one figure.

    size: pixels a metre are 2 ** (size / SIZES_AN_OCTAVE); tilt: radians the camera looks down;
    light: which of 8 ways the shadow falls; shift: part of a pixel to the right.
    """
    scale = 2.0 ** (size / SIZES_AN_OCTAVE)
    limbs = _skeleton(POSES[pose])
    angle = 2 * math.pi * facing / FACINGS
    sun = 2 * math.pi * light / 8
    fall = (0.55 * math.cos(sun), 0.55 * math.sin(sun))
    segments, depths = [], []
    for limb in limbs:
        start, end = _turn(limb.start, angle), _turn(limb.end, angle)
        segments.append((_project(start, tilt), _project(end, tilt), limb.radius))
        depths.append((start[1] + end[1]) / 2)
        segments.append(
            (
                _project(_flat(start, fall), tilt),
                _project(_flat(end, fall), tilt),
                limb.radius * 0.9,
            )
        )
    cover, left, top = _cover(segments, scale, shift)
    order = sorted(range(len(limbs)), key=lambda index: -depths[index])
    return _Shape(_stack(limbs, order, cover), left, top)


def colour(shape: _Shape, kit: NDArray[np.uint8], shade: float) -> Stamp:
    """Give a figure its kit, (parts, 3) RGB, and its shadow a darkness of 0..1."""
    cover = shape.cover.copy()
    cover[..., SHADOW] *= shade
    paint = np.zeros((*cover.shape[:2], 4), np.uint16)
    paint[..., :3] = cover @ kit.astype(np.float32)
    keep = np.rint(256 * (1 - cover.sum(axis=-1, keepdims=True))).clip(0, 256)
    return Stamp(paint, keep.astype(np.uint16), shape.left, shape.top)


def disc(
    radius: float, shift: tuple[float, float], rgb: tuple[int, int, int], alpha: float,
    squash: float = 1.0,
) -> Stamp:  # fmt: skip
    """A round spot; squash below 1 flattens it (a shadow on the ground)."""
    reach = math.ceil(radius + 1.5)
    axis = np.arange(-reach, reach + 1, dtype=np.float32)
    away = np.hypot(axis[None, :] - shift[0], (axis[:, None] - shift[1]) / squash)
    cover = np.clip(radius + 0.5 - away, 0, 1)[..., None] * np.float32(alpha)
    paint = np.zeros((*cover.shape[:2], 4), np.uint16)
    paint[..., :3] = cover * np.array(rgb, np.float32)
    return Stamp(paint, np.rint(256 * (1 - cover)).astype(np.uint16), -reach, -reach)


def _stack(limbs: list[_Limb], order: list[int], cover: Floats) -> Floats:
    """Lay limbs over one another, far ones first; the shadow lies below all."""
    seen = np.zeros((*cover.shape[1:], len(COLOURS)), np.float32)
    seen[..., SHADOW] = cover[1::2].max(axis=0)
    for index in order:
        alpha = cover[2 * index]
        seen *= (1 - alpha)[..., None]
        seen[..., limbs[index].part] += alpha
    return seen


def _cover(
    segments: list[tuple[tuple[float, float], tuple[float, float], float]],
    scale: float,
    shift: float,
) -> tuple[Floats, int, int]:
    """Coverage (K, h, w) of capsules given in metres right and up of the anchor."""
    ends = np.array([[a, b] for a, b, _ in segments], np.float32) * np.float32(scale)
    ends[..., 1] *= -1
    ends[..., 0] += np.float32(shift)
    radius = np.array([r for _, _, r in segments], np.float32) * np.float32(scale)
    low = np.floor((ends - radius[:, None, None]).min(axis=(0, 1)) - 1).astype(int)
    high = np.ceil((ends + radius[:, None, None]).max(axis=(0, 1)) + 2).astype(int)
    x = np.arange(low[0], high[0], dtype=np.float32)[None, None, :]
    y = np.arange(low[1], high[1], dtype=np.float32)[None, :, None]
    (ax, ay), (bx, by) = ends[:, 0].T[..., None, None], ends[:, 1].T[..., None, None]
    dx, dy = bx - ax, by - ay
    part = ((x - ax) * dx + (y - ay) * dy) / np.maximum(dx * dx + dy * dy, np.float32(1e-6))
    part = np.clip(part, 0, 1)
    away = np.hypot(x - ax - part * dx, y - ay - part * dy)
    cover: Floats = np.clip(radius[:, None, None] + np.float32(0.5) - away, 0, 1)
    return cover, int(low[0]), int(low[1])


def _turn(joint: Joint, angle: float) -> Joint:
    forward, left, up = joint
    return (
        forward * math.cos(angle) - left * math.sin(angle),
        forward * math.sin(angle) + left * math.cos(angle),
        up,
    )


def _flat(joint: Joint, fall: tuple[float, float]) -> Joint:
    """Where a joint's shadow meets the ground."""
    return joint[0] + fall[0] * joint[2], joint[1] + fall[1] * joint[2], 0.0


def _project(joint: Joint, tilt: float) -> tuple[float, float]:
    """Metres right and up in the picture."""
    return joint[0], joint[1] * math.sin(tilt) + joint[2] * math.cos(tilt)


def _leg(side: float, swing: float, bend: float, hip: Joint) -> list[_Limb]:
    """A leg that swings forward by `swing` and bends the knee by `bend` (radians)."""
    hip = (hip[0], hip[1] + 0.11 * side, hip[2])
    knee = (hip[0] + 0.44 * math.sin(swing), hip[1], hip[2] - 0.44 * math.cos(swing))
    low = swing - bend
    foot = (knee[0] + 0.44 * math.sin(low), hip[1], knee[2] - 0.44 * math.cos(low))
    middle = (hip[0] + 0.26 * math.sin(swing), hip[1], hip[2] - 0.26 * math.cos(swing))
    toe = (foot[0] + 0.17 * math.cos(low), foot[1], foot[2] + 0.17 * math.sin(low) * 0.6)
    return [
        _Limb(hip, knee, 0.095, SKIN),
        _Limb(knee, foot, 0.085, SOCKS),
        _Limb(foot, toe, 0.07, SHOES),
        _Limb(hip, middle, 0.135, SHORTS),
    ]


def _arm(side: float, swing: float, shoulder: Joint) -> list[_Limb]:
    shoulder = (shoulder[0], shoulder[1] + 0.24 * side, shoulder[2])
    elbow = (
        shoulder[0] + 0.27 * math.sin(swing),
        shoulder[1] + 0.1 * side,
        shoulder[2] - 0.27 * math.cos(swing),
    )
    low = swing + 0.7
    hand = (elbow[0] + 0.25 * math.sin(low), elbow[1], elbow[2] - 0.25 * math.cos(low))
    return [_Limb(shoulder, elbow, 0.075, JERSEY), _Limb(elbow, hand, 0.06, SKIN)]


def _body(
    lean: float, right: tuple[float, float], left: tuple[float, float], arms: tuple[float, float],
    rise: float = 0.0,
) -> list[_Limb]:  # fmt: skip
    """A whole figure: lean forward, (swing, bend) of both legs, swing of both arms, rise."""
    hip = (0.0, 0.0, 0.9 + rise)
    neck = (0.52 * math.sin(lean), 0.0, hip[2] + 0.52 * math.cos(lean))
    head = (neck[0] + 0.2 * math.sin(lean), 0.0, neck[2] + 0.22)
    top = (head[0] - 0.03, 0.0, head[2] + 0.06)
    return [
        *_leg(-1, *right, hip),
        *_leg(1, *left, hip),
        _Limb((hip[0], 0.0, hip[2] + 0.08), neck, 0.21, JERSEY),
        *_arm(-1, arms[0], neck),
        *_arm(1, arms[1], neck),
        _Limb(head, head, 0.15, SKIN),
        _Limb(top, top, 0.135, HAIR),
    ]


def _skeleton(pose: str) -> list[_Limb]:
    match pose:
        case "stand":
            return _body(0.04, (0.05, 0.05), (-0.05, 0.05), (0.1, 0.1))
        case "windup":
            return _body(0.25, (-0.95, 1.1), (0.25, 0.25), (0.9, -0.9))
        case "strike":
            return _body(-0.1, (0.75, 0.1), (-0.1, 0.15), (-0.9, 1.1))
        case "follow":
            return _body(-0.25, (1.35, 0.1), (-0.2, 0.1), (-0.7, 0.9), 0.03)
        case "push":
            return _body(0.2, (0.6, 0.15), (-0.45, 0.5), (-0.5, 0.5))
        case "stop":
            return _body(-0.05, (0.45, 0.3), (0.0, 0.2), (0.4, 0.4))
        case "jump":
            return _body(0.2, (-0.3, 1.1), (0.1, 0.8), (-1.2, -1.2), 0.35)
        case "slide":
            return _slide()
        case _:
            return _running(2 * math.pi * int(pose.removeprefix("run")) / 6)


def _running(phase: float) -> list[_Limb]:
    swing = 0.75 * math.sin(phase)
    right = (swing, 0.35 + 0.75 * max(0.0, -math.cos(phase)))
    left = (-swing, 0.35 + 0.75 * max(0.0, math.cos(phase)))
    return _body(0.2, right, left, (-swing, swing), 0.04 * abs(math.cos(phase)))


def _slide() -> list[_Limb]:
    """Lying back with one leg stretched out in front."""
    hip, neck = (-0.1, 0.0, 0.2), (-0.5, 0.1, 0.5)
    return [
        *_leg(-1, 1.45, 0.0, (-0.1, 0.0, 0.25)),
        *_leg(1, 1.3, 1.6, (-0.1, 0.0, 0.25)),
        _Limb(hip, neck, 0.2, JERSEY),
        *_arm(-1, -0.8, neck),
        *_arm(1, 1.2, neck),
        _Limb((-0.62, 0.12, 0.7), (-0.62, 0.12, 0.7), 0.15, SKIN),
        _Limb((-0.64, 0.12, 0.76), (-0.64, 0.12, 0.76), 0.135, HAIR),
    ]
