"""The shells of cars: flat faces in metres forward, left and up, each with its outward normal."""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["SPOKES", "Face", "Shell", "draw_shell"]

Floats = NDArray[np.float64]
Colour = tuple[int, int, int]
HALF = 0.89  # metres, half the width of a car
WHEEL = 0.32  # metres
SPOKES = 5
_GLASS: Colour = (44, 54, 62)
_TYRE: Colour = (26, 26, 28)
_RIM: Colour = (138, 140, 144)

# Each outline from the front bumper over the roof to the rear one: metres forward, up, and how
# wide; then what lies between a point and the next.
_SEDAN = (
    (2.16, 0.24, 0.94, "dark"), (2.2, 0.36, 0.96, "paint"), (2.2, 0.62, 0.95, "paint"),
    (2.1, 0.76, 0.9, "paint"), (1.05, 0.96, 0.92, "glass"), (0.35, 1.4, 0.7, "paint"),
    (-0.85, 1.42, 0.7, "glass"), (-1.5, 1.04, 0.86, "paint"), (-2.12, 0.98, 0.9, "paint"),
    (-2.2, 0.6, 0.95, "paint"), (-2.18, 0.36, 0.95, "dark"), (-2.14, 0.24, 0.94, "paint"),
)  # fmt: skip
_HATCH = (
    (1.92, 0.24, 0.94, "dark"), (1.97, 0.38, 0.96, "paint"), (1.97, 0.68, 0.95, "paint"),
    (1.84, 0.86, 0.9, "paint"), (0.95, 1.04, 0.92, "glass"), (0.3, 1.52, 0.72, "paint"),
    (-1.45, 1.5, 0.72, "glass"), (-1.85, 1.02, 0.9, "paint"), (-1.95, 0.64, 0.95, "paint"),
    (-1.93, 0.4, 0.95, "dark"), (-1.9, 0.24, 0.94, "paint"),
)  # fmt: skip
_VAN = (
    (2.36, 0.28, 0.95, "dark"), (2.42, 0.42, 0.98, "paint"), (2.4, 0.86, 0.97, "paint"),
    (2.2, 1.08, 0.95, "paint"), (1.75, 1.22, 0.94, "glass"), (1.15, 1.9, 0.82, "paint"),
    (-2.3, 1.98, 0.84, "glass"), (-2.4, 1.3, 0.94, "paint"), (-2.44, 0.62, 0.97, "paint"),
    (-2.42, 0.42, 0.97, "dark"), (-2.38, 0.28, 0.95, "paint"),
)  # fmt: skip
_OUTLINES = (_SEDAN, _HATCH, _VAN)
_AXLES = ((1.36, -1.32), (1.22, -1.24), (1.5, -1.45))
_WINDOWS = (  # forward along the sill, then along the roof: metres; sill and top: metres
    ((0.86, -1.2), (0.3, -0.78), (0.99, 1.35)),
    ((0.78, -1.6), (0.26, -1.36), (1.07, 1.45)),
    ((1.6, 0.5), (1.12, 0.5), (1.25, 1.8)),
)
# Metres up at which the front and the rear plate sit.
_PLATE_UP = ((0.5, 0.78), (0.5, 0.82), (0.6, 0.85))


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A flat polygon; it is drawn where its normal is turned to the camera.

    colour: None is the car's paint; it is multiplied by base + slope times how lit the face is.
    fine: it is left out where the car is small.
    """

    points: Floats  # (N, 3)
    normal: Floats  # (3,)
    colour: Colour | None
    base: float = 0.0
    slope: float = 1.0
    fine: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Shell:
    """A kind of car: its faces in the order of drawing, how far it reaches, where plates sit."""

    faces: tuple[Face, ...]
    front: float  # metres forward
    rear: float
    top: float
    plates: tuple[tuple[float, float], tuple[float, float]]  # forward, up: front, rear


@lru_cache(maxsize=8)
def draw_shell(kind: int) -> Shell:
    """The shell of a sedan, a hatchback or a van."""
    outline = _OUTLINES[kind]
    faces = [face for side in (-1, 1) for face in _tyres(kind, side)]
    for (f0, u0, w0, name), (f1, u1, w1, _) in pairwise(outline):
        h0, h1 = w0 * HALF, w1 * HALF
        quad = np.array([(f0, h0, u0), (f0, -h0, u0), (f1, -h1, u1), (f1, h1, u1)])
        faces += _strip(quad, name)
    for side in (-1, 1):
        faces += _side(kind, side) + _rims(kind, side)
    front, rear = max(p[0] for p in outline), min(p[0] for p in outline)
    up = _PLATE_UP[kind]
    return Shell(
        tuple(faces), front, rear, max(p[1] for p in outline),
        ((front + 0.015, up[0]), (rear - 0.015, up[1])),
    )  # fmt: skip


def _normal(points: Floats) -> Floats:
    """The unit normal that looks away from the middle of the car."""
    normal = np.cross(points[1] - points[0], points[2] - points[0])
    normal = normal / (np.linalg.norm(normal) + 1e-9)
    outward = points.mean(axis=0) - np.array((0.0, 0.0, 0.6))
    unit: Floats = normal if float(normal @ outward) >= 0 else -normal
    return unit


def _strip(quad: Floats, name: str) -> list[Face]:
    """A face across the car, with what is on it."""
    normal = _normal(quad)
    faces = [Face(quad, normal, _TYRE if name == "dark" else None)]
    (f0, _, u0), (f1, _, u1) = quad[0], quad[3]
    upright = abs(f0 - f1) < 0.25
    if name == "glass":
        pane = quad + (quad.mean(axis=0) - quad) * 0.08
        faces += [Face(pane, normal, _GLASS, 0.7, 0.8), Face(pane[:3], normal, _GLASS, 0.85, 0.9)]
    elif upright and u1 - u0 > 0.2 and f0 > 0:
        faces.append(Face(_patch(quad, 0.22, 0.78, 0.55, 0.9), normal, _TYRE, fine=True))
        for left in (0.03, 0.8):
            lamp = _patch(quad, left, left + 0.17, 0.6, 0.95)
            faces.append(Face(lamp, normal, (226, 228, 222), 0.4, 0.6))
    elif upright and u1 < u0 and f0 < 0 and u0 > 0.7:
        for left in (0.02, 0.8):
            lamp = _patch(quad, left, left + 0.18, 0.15, 0.6)
            faces.append(Face(lamp, normal, (150, 24, 26), 0.4, 0.6))
    return faces


def _side(kind: int, side: int) -> list[Face]:
    outline = np.array([point[:3] for point in _OUTLINES[kind]])
    shape = np.stack([outline[:, 0], side * outline[:, 2] * HALF, outline[:, 1]], axis=1)
    normal = np.array((0.0, side, 0.12))
    sill, roof, (down, up) = _WINDOWS[kind]
    inner, outer = 0.735 * HALF * side, 0.9 * HALF * side
    pane = [
        (sill[0], outer, down),
        (roof[0], inner, up),
        (roof[1], inner, up),
        (sill[1], outer, down),
    ]
    faces = [
        Face(shape, normal, None),
        Face(shape[shape[:, 2] < 0.7], normal, None, slope=0.86),
        Face(np.array(pane), normal, _GLASS, 1.25, 0.0),
    ]
    if kind != 2:
        middle = (sill[0] + sill[1]) / 2
        pillar = [(middle + 0.04, outer, down), (middle + 0.04, inner, up)]
        pillar += [(middle - 0.04, inner, up), (middle - 0.04, outer, down)]
        faces.append(Face(np.array(pillar), normal, None, slope=0.8, fine=True))
    return faces


def _ring(middle: tuple[float, float, float], radius: float) -> Floats:
    turn = np.linspace(0, 2 * math.pi, 18, endpoint=False)
    return np.stack(
        [
            middle[0] + radius * np.cos(turn),
            np.full(len(turn), middle[1]),
            middle[2] + radius * np.sin(turn),
        ],
        axis=1,
    )


def _tyres(kind: int, side: int) -> list[Face]:
    normal = np.array((0.0, side, 0.0))
    return [
        Face(_ring((axle, side * HALF * 0.9, WHEEL), WHEEL), normal, _TYRE, 1.0, 0.0)
        for axle in _AXLES[kind]
    ]


def _rims(kind: int, side: int) -> list[Face]:
    """Wheels as seen from outside, with holes between the spokes."""
    normal = np.array((0.0, side, 0.0))
    faces = []
    for axle in _AXLES[kind]:
        middle = (axle, side * HALF * 0.985, WHEEL)
        faces.append(Face(_ring(middle, WHEEL), normal, _TYRE, 1.0, 0.0))
        faces.append(Face(_ring(middle, 0.21), normal, _RIM, 0.4, 0.6))
        for spoke in range(SPOKES):
            angle = spoke * 2 * math.pi / SPOKES
            hole = (axle + 0.13 * math.cos(angle), middle[1], WHEEL + 0.13 * math.sin(angle))
            faces.append(Face(_ring(hole, 0.05)[::3], normal, (60, 62, 66), fine=True))
    return faces


def _patch(quad: Floats, left: float, right: float, low: float, high: float) -> Floats:
    """A part of a quad (0 to 1 from its first side to the opposite one)."""

    def at(across: float, up: float) -> Floats:
        start = quad[0] + (quad[1] - quad[0]) * across
        end = quad[3] + (quad[2] - quad[3]) * across
        point: Floats = start + (end - start) * up
        return point

    return np.array([at(left, low), at(right, low), at(right, high), at(left, high)])
