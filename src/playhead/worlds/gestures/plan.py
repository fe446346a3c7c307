"""The plan of a video: who stands where, does what and when, and how the camera sees them.

The performer is the central person: over all frames nearest to the middle of the image, weighted by
size and by how long they are seen. Bystanders are drawn again until that is so.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playhead.worlds.drawing import Camera
from playhead.worlds.gestures.body import JOINTS, Build, place_body
from playhead.worlds.gestures.look import FigureLook, Light, draw_figure_look, draw_light
from playhead.worlds.gestures.moves import (
    CLASSES,
    Gesture,
    Manner,
    Move,
    draw_manner,
    draw_move,
    standing,
    walking,
)
from playhead.worlds.gestures.projection import Projected, covered_joints, project

__all__ = ["Performer", "Person", "Plan", "Request", "centrality", "draw_performer", "draw_plan"]

Floats = NDArray[np.float64]

_MARGIN = 1.35  # how much more central than any bystander the performer is
_COVERED = 0.25  # the largest share of the performer's joints that bystanders may hide
_TRIES = 30
_YAW = math.radians(60)
_GESTURING = 0.4  # chance that a bystander who stands makes a gesture in a stretch of the video
_WALKING = 0.4  # chance that a bystander walks


@dataclass(frozen=True, slots=True)
class Performer:
    """What stays the same of a person in all of their videos."""

    build: Build
    manner: Manner
    look: FigureLook


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """Somebody in a video: how they look, where they are, and what they do."""

    who: Performer
    points: Floats  # (F, POINTS, 3) metres
    moves: tuple[Move, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A video that is decided but not drawn."""

    people: tuple[Person, ...]
    performer: int  # which of them gestures
    seconds: float  # length of the video
    times: Floats  # (F,) of the frames, seconds
    camera: Camera
    shake: Floats  # (F, 2) pixels by which the image is moved
    light: Light
    seed: int  # of the place and of the noise

    def projected(self) -> Projected:
        """All people in the image."""
        return project([person.points for person in self.people], self.camera, self.shake)


@dataclass(frozen=True, slots=True)
class Request:
    """What a plan is asked for."""

    labels: tuple[Gesture, ...]  # the performer's, one for each stretch of the video
    seconds: float  # of a stretch
    times: tuple[float, ...]  # of all frames
    size: tuple[int, int]
    bystanders: int  # maximum; at least one, unless it is 0
    shake: float  # strength; 0 for none


def draw_performer(rng: np.random.Generator) -> Performer:
    """Decide one person."""
    return Performer(Build.draw(rng), draw_manner(rng), draw_figure_look(rng))


def draw_plan(rng: np.random.Generator, performer: Performer, request: Request) -> Plan:
    """Decide a video of one performer."""
    times = np.array(request.times)
    camera = _camera(rng, performer.build, request.size)
    shake = request.size[0] * request.shake * _shake(rng, times)
    moves = tuple(
        draw_move(rng, label, performer.manner, _span(rng, number, request))
        for number, label in enumerate(request.labels)
    )
    heading = float(rng.uniform(-_YAW, _YAW))
    central = _stand(rng, performer, moves, times, place=(0.0, 0.0), heading=heading)
    bystanders: list[Person] = []
    wanted = int(rng.integers(1, request.bystanders + 1)) if request.bystanders else 0
    for _ in range(wanted):
        for _ in range(_TRIES):
            person = _bystander(rng, camera, times, request)
            if _stays_central([central, *bystanders, person], camera, shake):
                bystanders.append(person)
                break
    order = rng.permutation(len(bystanders) + 1).tolist()
    people = [central, *bystanders]
    return Plan(
        people=tuple(people[index] for index in order),
        performer=order.index(0),
        seconds=request.seconds * len(request.labels),
        times=times,
        camera=camera,
        shake=shake,
        light=draw_light(rng),
        seed=int(rng.integers(1 << 31)),
    )


def centrality(boxes: Floats, size: tuple[int, int]) -> Floats:
    """How central each of P people is in a video of an image size; boxes: (P, F, 4).

    The mean over all frames of the root of the box's area within the image, divided by one plus
    the distance of its middle from that of the image in quarters of the image's width. A frame in
    which nobody sees the person counts as 0, so who is seen for long is more central.
    """
    clipped = np.clip(boxes, 0, np.tile(size, 2))
    wide, high = clipped[..., 2] - clipped[..., 0], clipped[..., 3] - clipped[..., 1]
    middle = (clipped[..., :2] + clipped[..., 2:]) / 2
    distance = np.linalg.norm(middle - np.array(size) / 2, axis=-1) / (size[0] / 4)
    central: Floats = (np.sqrt(wide * high) / (1 + distance)).mean(axis=1)
    return central


def _stays_central(people: Sequence[Person], camera: Camera, shake: Floats) -> bool:
    """Whether the first of some people is the central one, and is seen well enough."""
    seen = project([person.points for person in people], camera, shake)
    scores = centrality(seen.boxes(), (camera.width, camera.height))
    if scores[0] < _MARGIN * scores[1:].max():
        return False
    hidden = np.zeros((len(shake), len(JOINTS)), bool)
    for near, person in enumerate(people[1:], start=1):
        hidden |= covered_joints(seen, near, 0, person.who.build.height)
    return bool(hidden.mean() <= _COVERED)


def _camera(rng: np.random.Generator, build: Build, size: tuple[int, int]) -> Camera:
    """A camera that looks along y at a performer who stands at the origin."""
    width, height = size
    focal = width * float(rng.uniform(0.95, 1.5))
    share = float(rng.uniform(0.52, 0.8))  # of the image's height that the performer fills
    distance = build.height * focal / (share * height)
    eye = float(rng.uniform(0.7, 2.4))
    aside = float(rng.uniform(-0.24, 0.24)) * width / focal * distance
    middle = 0.5 * build.height + float(rng.uniform(-0.07, 0.07)) * height / focal * distance
    return Camera.at(
        (aside, -distance, eye), size=size, focal=focal, tilt=math.atan2(eye - middle, distance)
    )


def _shake(rng: np.random.Generator, times: Floats) -> Floats:
    """A slow drift and a faster tremor (F, 2), in image widths."""
    speeds, phases = rng.uniform((0.1, 1.0), (0.4, 2.5), (2, 2)), rng.uniform(0, 6.28, (2, 2))
    turns = 2 * math.pi * times[:, None, None] * speeds + phases
    moved: Floats = np.sin(turns) @ (rng.uniform(0, 1, 2) * (0.018, 0.004))
    return moved


def _span(rng: np.random.Generator, number: int, request: Request) -> tuple[float, float]:
    """When the gesture of a stretch begins and ends; a single one may reach beyond the video."""
    early, late = (-0.35, 0.12), (-0.17, 0.3)
    if len(request.labels) > 1:
        early, late = (0.05, 0.17), (-0.17, -0.05)
    start, end = number + rng.uniform(*early), number + 1 + rng.uniform(*late)
    return float(start) * request.seconds, float(end) * request.seconds


def _stand(
    rng: np.random.Generator, who: Performer, moves: tuple[Move, ...], times: Floats, *,
    place: tuple[float, float], heading: float,
) -> Person:  # fmt: skip
    """Somebody who stays at a place, (x, y), turns a little, and makes some moves."""
    posture = standing(rng, who.build, who.manner, moves, times)
    headings = heading + 0.12 * np.sin(times * rng.uniform(0.5, 2.0) + rng.uniform(0, 6.28))
    ground = np.tile(np.array(place), (len(times), 1))
    return Person(who, place_body(who.build, posture, ground, headings), moves)


def _bystander(rng: np.random.Generator, camera: Camera, times: Floats, request: Request) -> Person:
    """Somebody else: who walks through, or stands and may gesture."""
    who = draw_performer(rng)
    distance = -camera.position[1]
    y = float(rng.uniform(-0.4 * distance, 3.0))
    half = camera.width / 2 / camera.focal * (distance + y)  # metres to the edge of the image
    if rng.random() < _WALKING:
        sign = 1.0 if rng.random() < 0.5 else -1.0
        slope = sign * float(rng.uniform(-0.4, 0.4))  # metres away for each metre across
        pace, passes = float(rng.uniform(0.7, 1.5)), float(rng.uniform(0, times[-1] + 0.1))
        across = pace * (times - passes)
        x = camera.position[0] + float(rng.uniform(-half, half)) + sign * across
        ground = np.stack([x, np.maximum(y + slope * across, 0.8 - distance)], axis=-1)
        posture = walking(rng, who.build, who.manner, math.hypot(1, slope) * across)
        headings = np.full(len(times), math.atan2(sign, -slope))
        return Person(who, place_body(who.build, posture, ground, headings), ())
    acts = []
    for number, label in enumerate(request.labels):
        if rng.random() < _GESTURING:
            other = [name for name in CLASSES if name != label]
            span = _span(rng, number, request)
            acts.append(draw_move(rng, other[int(rng.integers(len(other)))], who.manner, span))
    place = (camera.position[0] + float(rng.uniform(-1.1, 1.1)) * half, y)
    return _stand(rng, who, tuple(acts), times, place=place, heading=float(rng.uniform(-2.2, 2.2)))
