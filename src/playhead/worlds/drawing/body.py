"""Bodies: the joints and limbs of a figure in any pose, and how a camera sees them.

A joint is (forward, left, up) in metres, from the ground between the feet of its figure.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Joint", "Limb", "Pose", "bend", "hang", "turned", "walking"]

Joint = tuple[float, float, float]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Limb:
    """A rod with round ends, in the colour of the part of the outfit that it shows."""

    start: Joint
    end: Joint
    radii: tuple[float, float]  # metres, at the start and the end
    part: str


@dataclass(frozen=True, slots=True)
class Pose:
    """How the limbs are bent: radians, the right one first; 0 hangs straight down."""

    legs: tuple[tuple[float, float], tuple[float, float]]  # swing forward, bend of the knee
    arms: tuple[tuple[float, float], tuple[float, float]]  # swing forward, bend of the elbow


def hang(joint: Joint, length: float, angle: float) -> Joint:
    """The lower end of a rod that hangs from a joint, swung forward by `angle`."""
    return joint[0] + length * math.sin(angle), joint[1], joint[2] - length * math.cos(angle)


def turned(joint: Joint, facing: tuple[float, float]) -> Joint:
    """A joint as the camera sees it: metres right, towards the camera, and up.

    facing: the unit vector (right, towards the camera) in which the figure faces
    """
    forward, left, up = joint
    right, towards = facing
    return forward * right + left * towards, forward * towards - left * right, up


def walking(phase: float, amount: float = 1.0) -> Pose:
    """A moment of a walk; phase: radians of a cycle of two steps; amount: 0 stands, 1 walks."""
    swing = 0.42 * math.sin(phase) * amount
    right, left = (max(0.0, math.cos(phase) * sign) * 0.55 * amount + 0.04 for sign in (1, -1))
    return Pose(((-swing, right), (swing, left)), ((swing, 0.3), (-swing, 0.3)))


def bend(
    start: Floats, end: Floats, towards: Floats, first: float, second: float
) -> tuple[Floats, Floats]:
    """Two bones between points (..., 3): the joint between them, and the end within their reach.

    towards: the direction to which the joint is bent; first, second: metres of the bones
    """
    way = end - start
    length = np.maximum(np.linalg.norm(way, axis=-1, keepdims=True), 1e-6)
    reached = np.minimum(length, 0.98 * (first + second))
    way = way / length
    part = (first**2 - second**2 + reached**2) / (2 * reached)
    aside = np.sqrt(np.maximum(first**2 - part**2, 0))
    normal = towards - (towards * way).sum(axis=-1, keepdims=True) * way
    normal = normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)
    return start + part * way + aside * normal, start + reached * way
