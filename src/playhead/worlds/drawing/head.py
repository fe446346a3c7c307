"""Heads: a displaced ellipsoid of dense points, painted, lit and seen from any side.

A head is 1 high, from chin to crown; x to its left cheek (the right of the image when it looks at
the camera), y up, z out of the face. What counts as face is the skin between the ears, from the
chin to the hairline; the head is all of it, with hair, cap and ears, without the neck.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_closing, gaussian_filter, uniform_filter

__all__ = ["FACE_HEIGHT", "HeadLook", "HeadModel", "Sprite", "draw_head_look"]

Floats = NDArray[np.floating[Any]]
Hair = Literal["short", "long", "receding", "bald", "cap"]
FACE_HEIGHT = 0.74
"""Height of the face in heights of the head."""

_SKINS = ((236, 196, 172), (224, 178, 148), (198, 148, 114), (160, 112, 82), (112, 76, 56))
_HAIRS = ((32, 26, 24), (58, 40, 30), (96, 66, 42), (158, 122, 78), (150, 148, 146))
_EYES = ((52, 36, 26), (74, 54, 34), (70, 92, 112), (72, 88, 60))
_HAIRLINE = (  # height of the hairline at degrees from the middle of the face
    (0.0, 40.0, 60.0, 72.0, 84.0, 100.0, 180.0),
    (0.265, 0.25, 0.18, 0.04, -0.04, -0.36, -0.4),
)
_EYE_X, _EYE_Y, _MOUTH_Y = 0.138, 0.0, -0.285
_MARGIN = 0.06  # heads of room around a sprite


@dataclass(frozen=True, slots=True)
class HeadLook:
    """What one person's head looks like."""

    skin: tuple[int, int, int]
    hair_colour: tuple[int, int, int]
    eyes: tuple[int, int, int]
    hair: Hair
    cap: tuple[int, int, int]
    beard: float  # 0..1
    glasses: bool
    jaw: float  # 1 is usual, more is wider
    brow: float  # thickness, 1 is usual
    smile: float  # 0..1
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Sprite:
    """An image of a head to scale and lay over a frame; one head is `scale` of its pixels high."""

    rgb: Image.Image
    alpha: Image.Image  # L
    face: Image.Image  # L, which pixels are face
    scale: float
    anchor: tuple[float, float]  # column and row of the middle of the head


def draw_head_look(rng: np.random.Generator) -> HeadLook:
    """Decide one head."""
    kinds: tuple[Hair, ...] = ("short", "long", "receding", "bald", "cap")
    style = kinds[int(rng.choice(5, p=(0.42, 0.32, 0.1, 0.06, 0.1)))]
    skin = np.array(_SKINS[int(rng.integers(len(_SKINS)))]) * rng.uniform(0.93, 1.05)
    red, green, blue = (int(value) for value in np.clip(skin, 0, 250))
    return HeadLook(
        skin=(red, green, blue),
        hair_colour=_HAIRS[int(rng.integers(len(_HAIRS)))],
        eyes=_EYES[int(rng.integers(len(_EYES)))],
        hair=style,
        cap=tuple(int(value) for value in rng.integers(20, 210, 3)),  # type: ignore[arg-type]
        beard=float(rng.uniform(0.3, 0.9)) if style != "long" and rng.random() < 0.25 else 0.0,
        glasses=bool(rng.random() < 0.15),
        jaw=float(rng.uniform(0.94, 1.08)),
        brow=float(rng.uniform(0.8, 1.3)),
        smile=float(rng.uniform(0.0, 1.0)),
        seed=int(rng.integers(1 << 31)),
    )


class HeadModel:
    """One head under one light, drawn at most `pixels` high; each side is drawn once.

    light: direction to the light as the camera sees it, (right, up, towards the camera)
    """

    def __init__(self, look: HeadLook, light: tuple[float, float, float], pixels: int) -> None:
        self.look = look
        self.light = np.array(light, np.float32) / np.float32(math.hypot(*light))
        self.pixels = pixels
        self._views: dict[tuple[int, int], Sprite] = {}

    def sprite(self, yaw: float, height: float) -> Sprite:
        """The head turned by `yaw` radians (0 looks at the camera), to be shown `height` high."""
        steps = 48 if height > 40 else 24
        turn = round(yaw / (2 * math.pi) * steps) % steps * (48 // steps)
        level = max(int(math.log2(max(self.pixels / max(height, 1.0), 1.0)) - 0.3), 0)
        key = (turn, level)
        if key not in self._views:
            whole = self._views.get((turn, 0))
            if whole is None:
                whole = self._views[turn, 0] = self._render(2 * math.pi * turn / 48)
            self._views[key] = _reduced(whole, 2**level)
        return self._views[key]

    def face_area(self, height: float) -> float:
        """Pixels of the face as seen from the front, the head being `height` pixels high."""
        front = self.sprite(0.0, height)
        return self._front_share * (front.scale**2) * (height / front.scale) ** 2

    @cached_property
    def _front_share(self) -> float:
        front = self.sprite(0.0, self.pixels)
        return float(np.asarray(front.face, np.float32).sum() / 255 / front.scale**2)

    @cached_property
    def _points(self) -> "_Points":
        return _model(self.look, self.pixels)

    def _render(self, yaw: float) -> Sprite:
        """Splat the points that face the camera, nearest first, and close the gaps."""
        points = self._points
        position, normal = _turned(points.position, yaw), _turned(points.normal, yaw)
        seen = normal[2] > 0.02
        position, normal = position[:, seen], normal[:, seen]
        lit = np.clip(normal.T @ self.light * 0.8 + 0.2, 0, 1)
        lit = 0.5 + 0.42 * lit + 0.1 * np.clip(normal[1], 0, 1)
        colour = points.colour[:, seen] * lit
        scale = self.pixels
        wide, high = round(scale * (1.3 + 2 * _MARGIN)), round(scale * (1.75 + 2 * _MARGIN))
        middle = (wide / 2, scale * (0.62 + _MARGIN))
        column = (position[0] * scale + middle[0]).astype(np.int64)
        row = (middle[1] - position[1] * scale).astype(np.int64)
        cells = np.clip(row, 0, high - 1) * wide + np.clip(column, 0, wide - 1)
        nearest = np.full(wide * high, -9.0, np.float32)
        np.maximum.at(nearest, cells, position[2])
        front = position[2] > nearest[cells] - 0.05
        cells = cells[front]
        sums: list[Floats] = [
            np.bincount(cells, values[front], wide * high).reshape(high, wide).astype(np.float32)
            for values in (*colour, points.face[seen])
        ]
        count = np.bincount(cells, minlength=wide * high).reshape(high, wide)
        return _sprite(count, sums, float(scale), middle)


@dataclass(frozen=True, slots=True, eq=False)
class _Points:
    position: Floats  # (3, N) heads
    normal: Floats  # (3, N)
    colour: Floats  # (3, N) albedo, 0..255
    face: Floats  # (N,) 1 where face


def _sprite(
    count: NDArray[np.int64], sums: Sequence[Floats], scale: float,
    middle: tuple[float, float],
) -> Sprite:  # fmt: skip
    solid = binary_closing(count > 0, np.ones((3, 3), bool), iterations=2)
    weight = gaussian_filter(np.minimum(count, 3).astype(np.float32), 0.6) + 1e-6
    scaled = np.minimum(count, 3) / np.maximum(count, 1)
    planes = [gaussian_filter((total * scaled).astype(np.float32), 0.6) / weight for total in sums]
    # Colours reach beyond the outline, so that scaling mixes no black into it.
    for size in (3, 5, 9):
        known = weight > 1e-3
        spread = uniform_filter(known.astype(np.float32), size) + 1e-6
        planes = [
            np.where(known, plane, uniform_filter(np.where(known, plane, 0), size) / spread)
            for plane in planes
        ]
        weight = np.where(uniform_filter(known.astype(np.float32), size) > 1e-3, 1, weight)
    rgb = np.clip(np.stack(planes[:3], axis=-1), 0, 255).astype(np.uint8)
    alpha = np.clip(gaussian_filter(solid.astype(np.float32), 0.7) * 425 - 85, 0, 255)
    face = np.where((planes[3] > 0.5) & solid, 255, 0)
    return Sprite(
        Image.fromarray(rgb),
        Image.fromarray(alpha.astype(np.uint8)),
        Image.fromarray(face.astype(np.uint8)),
        scale,
        middle,
    )


def _reduced(sprite: Sprite, factor: int) -> Sprite:
    if factor == 1:
        return sprite
    wide, high = (side // factor * factor for side in sprite.rgb.size)
    rgb, alpha, face = (
        part.crop((0, 0, wide, high)).reduce(factor)
        for part in (sprite.rgb, sprite.alpha, sprite.face)
    )
    column, row = sprite.anchor
    return Sprite(rgb, alpha, face, sprite.scale / factor, (column / factor, row / factor))


def _turned(vectors: Floats, yaw: float) -> Floats:
    x, y, z = vectors
    sine, cosine = np.float32(math.sin(yaw)), np.float32(math.cos(yaw))
    return np.stack([x * cosine + z * sine, y, z * cosine - x * sine])


def _model(look: HeadLook, pixels: int) -> _Points:
    rows, columns = round(pixels * 2.1), round(pixels * 3.4)
    up = np.linspace(-math.pi / 2 + 0.01, math.pi / 2 - 0.01, rows, dtype=np.float32)[:, None]
    around = np.linspace(-math.pi, math.pi, columns, dtype=np.float32)[None, :]
    side = np.cos(up) ** 0.85
    x: Floats = 0.335 * side * np.sin(around)
    y: Floats = 0.5 * np.sin(up) + 0 * around
    z: Floats = 0.4 * side * np.cos(around)
    x, y, z = _skull(x, y, z, look)
    z = np.where(np.cos(around) > 0, _features(x, y, z), z)
    degrees = np.abs(np.degrees(around)) + 0 * up
    ear = np.exp(-(((degrees - 92) / 8) ** 2) - ((y + 0.02) / 0.085) ** 2)
    x = x + np.sign(x) * 0.06 * ear
    hair = _hair(look, degrees, y) * (ear < 0.25)
    colour = _paint(look, (x, y), degrees, hair)
    lift = 1 + (0.085 if look.hair == "cap" else 0.06) * gaussian_filter(hair, pixels / 60)
    x, z = x * lift, z * lift
    y = np.where(y > 0, y * (1 + (lift - 1) * 0.6), y)
    if look.hair == "long":
        fall = hair * np.clip((degrees - 60) / 20, 0, 1) * np.clip(-y, 0, 1)
        x, y, z = x * (1 + 0.75 * fall), y - 0.55 * fall, z * (1 + 0.2 * fall)
    if look.hair == "cap":
        brim = np.exp(-((degrees / 45) ** 2) - ((y - 0.25) / 0.035) ** 2)
        x, z = x * (1 + 0.1 * brim), z * (1 + 0.4 * brim)
    position = np.stack([x, y, z]).astype(np.float32)
    face = (y > -0.52) & (y < 0.27) & (degrees < 78) & (hair < 0.5)
    flat = (3, rows * columns)
    return _Points(
        position.reshape(flat),
        _normals(position).reshape(flat),
        colour.reshape(flat),
        face.reshape(-1).astype(np.float32),
    )


def _skull(x: Floats, y: Floats, z: Floats, look: HeadLook) -> tuple[Floats, Floats, Floats]:
    """From the ellipsoid: a jaw that narrows, a chin in front, a nape that draws in."""
    low = np.clip(-y / 0.5, 0, 1)
    x = x * (1 - 0.2 / look.jaw * low**1.6) * np.float32(look.jaw)
    z = np.where(z < 0, z * (1 - 0.45 * np.clip(low * 1.6 - 0.3, 0, 1)), z * (1 - 0.06 * low))
    return x, y, z


def _bump(x: Floats, y: Floats, at: tuple[float, float], size: tuple[float, float]) -> Floats:
    """A soft spot of height 1, on both sides of the face."""
    spot: Floats = np.exp(-(((np.abs(x) - at[0]) / size[0]) ** 2) - ((y - at[1]) / size[1]) ** 2)
    return spot


def _features(x: Floats, y: Floats, z: Floats) -> Floats:
    """Nose, sockets, brows, cheeks, lips and chin, as heights over the skull."""
    heights: Floats = (
        z
        + 0.04 * _bump(x, y, (0, -0.03), (0.035, 0.11))
        + 0.075 * _bump(x, y, (0, -0.13), (0.05, 0.055))
        + 0.03 * _bump(x, y, (0.05, -0.155), (0.028, 0.03))
        - 0.04 * _bump(x, y, (_EYE_X, _EYE_Y), (0.08, 0.045))
        + 0.015 * _bump(x, y, (_EYE_X, _EYE_Y), (0.045, 0.028))
        + 0.018 * _bump(x, y, (0.13, 0.085), (0.1, 0.03))
        + 0.018 * _bump(x, y, (0.2, -0.1), (0.08, 0.06))
        + 0.025 * _bump(x, y, (0, _MOUTH_Y), (0.09, 0.05))
        - 0.014 * _bump(x, y, (0, -0.365), (0.09, 0.022))
        + 0.03 * _bump(x, y, (0, -0.44), (0.09, 0.05))
    )
    return heights


def _hair(look: HeadLook, degrees: Floats, y: Floats) -> Floats:
    """1 where hair (or cap) grows."""
    line: Floats = np.interp(degrees, *_HAIRLINE)
    match look.hair:
        case "bald":
            line = np.where(degrees < 80, 9.0, np.where(y > 0.12, 9.0, line))
        case "receding":
            line = line + 0.1 * np.clip(1 - degrees / 70, 0, 1)
        case "long":
            line = np.where(degrees > 66, -0.9, line)
        case "cap":
            line = np.where(degrees < 80, 0.23, np.minimum(line, 0.15))
        case "short":
            pass
    return (y > line).astype(np.float32)


def _paint(look: HeadLook, front: tuple[Floats, Floats], degrees: Floats, hair: Floats) -> Floats:
    """Albedo (3, rows, columns) of places seen from the `front`, and degrees around the head."""
    x, y = front
    rng = np.random.default_rng(look.seed)
    skin = np.array(look.skin, np.float32)[:, None, None]
    mottle = gaussian_filter(rng.normal(0, 1, x.shape), x.shape[0] / 30)
    colour: Floats = skin * (1 + 0.03 * mottle / (mottle.std() + 1e-6))[None]
    ahead = degrees < 85
    blush = _bump(x, y, (0.19, -0.13), (0.07, 0.06)) * ahead
    colour = colour * (1 - blush * np.array([0.0, 0.1, 0.1])[:, None, None])
    colour = _face_paint(look, colour, np.where(ahead, x, 9.0).astype(np.float32), y)
    if look.beard:
        jaw = (y < -0.17) & (degrees < 95) & (_bump(x, y, (0, _MOUTH_Y), (0.1, 0.03)) < 0.4)
        stubble = gaussian_filter(jaw.astype(np.float32), x.shape[0] / 90) * look.beard
        colour = _mix(colour, look.hair_colour, stubble * (1 - hair))
    streaks = gaussian_filter(rng.normal(0, 1, x.shape), (x.shape[0] / 40, 1.2))
    tone = 1 + 0.12 * streaks / (streaks.std() + 1e-6)
    covered: Floats = _mix(colour, look.hair_colour, hair)
    covered = np.where(hair > 0.5, covered * tone, covered)
    if look.hair == "cap":
        covered = _mix(colour, look.cap, hair * ((y > 0.12) | (degrees < 80)))
    return np.clip(covered, 0, 255).astype(np.float32)


def _face_paint(look: HeadLook, colour: Floats, x: Floats, y: Floats) -> Floats:
    """Brows, eyes, nostrils and mouth, in the front view's x and y."""
    away = np.abs(x) - _EYE_X
    colour = colour * (1 - 0.22 * _bump(x, y, (_EYE_X, 0.025), (0.085, 0.04)))  # sockets
    colour = colour * (1 - 0.3 * _bump(x, y, (0, -0.205), (0.06, 0.02)))  # under the nose
    colour = colour * (1 - 0.15 * _bump(x, y, (0.05, -0.08), (0.02, 0.07)))  # beside it
    colour = colour * (1 - 0.14 * _bump(x, y, (0, -0.37), (0.08, 0.02)))  # under the lip
    arch = 0.098 - 1.6 * (away - 0.01) ** 2
    brow = np.exp(-(((y - arch) / (0.017 * look.brow)) ** 4) - (away / 0.085) ** 6)
    colour = _mix(colour, tuple(int(c * 0.75) for c in look.hair_colour), 0.85 * brow)
    opening = (away / 0.064) ** 2 + ((y - _EYE_Y) / 0.029) ** 2
    lid = np.exp(-(((opening - 1.15) / 0.35) ** 2)) * np.clip((y - _EYE_Y) / 0.01 + 0.6, 0.25, 1)
    colour = _mix(colour, (40, 26, 22), 0.8 * lid)
    colour = _mix(colour, (226, 220, 214), 0.95 * (opening < 1))
    iris = away**2 + (y - _EYE_Y - 0.003) ** 2
    colour = _mix(colour, look.eyes, (iris < 0.026**2) & (opening < 1))
    colour = _mix(colour, (10, 8, 8), (iris < 0.012**2) & (opening < 1))
    colour = _mix(colour, (36, 20, 18), 0.75 * _bump(x, y, (0.036, -0.178), (0.016, 0.011)))
    bow = _MOUTH_Y + look.smile * 1.6 * x**2
    lips = np.exp(-(((y - bow) / 0.036) ** 4) - (x / 0.1) ** 4)
    red = tuple(int(c * f) for c, f in zip(look.skin, (0.82, 0.58, 0.58), strict=True))
    colour = _mix(colour, red, 0.8 * lips)
    line = np.exp(-(((y - bow) / 0.008) ** 2) - (x / 0.1) ** 6)
    colour = _mix(colour, (60, 26, 26), 0.8 * line)
    if look.glasses:
        ring = ((away / 0.098) ** 4 + ((y - 0.0) / 0.068) ** 4) ** 0.25
        frame = np.exp(-(((ring - 1) / 0.1) ** 4))
        bridge = (np.abs(x) < 0.05) & (np.abs(y - 0.02) < 0.01)
        colour = _mix(colour, (34, 30, 30), np.maximum(frame, bridge) * 0.9)
    return colour


def _mix(colour: Floats, paint: tuple[int, ...], share: NDArray[np.generic]) -> Floats:
    part = np.asarray(share, np.float32)[None]
    mixed: Floats = colour * (1 - part) + np.array(paint, np.float32)[:, None, None] * part
    return mixed


def _normals(position: Floats) -> Floats:
    """Outward unit normals (3, rows, columns) of the grid of points."""
    up, around = np.gradient(position, axis=(1, 2))
    normal = np.cross(around, up, axis=0)
    length = np.sqrt((normal**2).sum(axis=0)) + 1e-12
    unit: Floats = (normal / length).astype(np.float32)
    return unit
