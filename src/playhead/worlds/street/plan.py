"""The plan of a street: which people and cars move where, in metres and seconds.

The camera stands above (0, 0) and looks along y; x is to the right, z up. A road runs past it in a
direction of its own; people walk anywhere between the houses, cars on the road or turning off it.
Every path goes through an anchor: a moment and a place inside the frame.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from playhead.worlds.drawing import (
    CLOTHES,
    FACE_HEIGHT,
    HEAD_HEIGHT,
    STEP,
    Camera,
    PersonLook,
    at_times,
    draw_head_look,
)
from playhead.worlds.street.plate import BASIC, PLATES, PlateRange, draw_number

__all__ = ["Car", "Path", "Person", "Road", "StreetPlan", "StreetRequest", "draw_plan"]

Floats = NDArray[np.float64]
Colour = tuple[int, int, int]
_PAINTS: tuple[Colour, ...] = (
    (206, 208, 210), (150, 154, 158), (34, 36, 40), (138, 30, 32), (32, 58, 104), (72, 82, 76),
    (188, 170, 132), (222, 222, 218),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StreetRequest:
    """The content of one scene."""

    seconds: float
    people: int
    cars: int
    faces: tuple[float, float]  # pixels: the smallest and the largest face
    motion: float
    shake: float
    plates: PlateRange = "basic"


@dataclass(frozen=True, slots=True)
class Road:
    """Where the road and the houses lie: `along` and `across` are coordinates turned with it."""

    angle: float  # radians from the view to the road
    side: float  # 1: the road lies ahead and to the left, -1: to the right
    near: float  # metres across to the kerb, from the camera
    behind: float  # metres to the houses on the camera's side
    end: float  # metres along to the houses at the end

    WIDE = 7.0
    PAVEMENT = 3.4

    @property
    def far(self) -> float:
        """Metres across to the houses on the other side."""
        return self.near + self.WIDE + self.PAVEMENT

    def turned(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """x, y → metres along, metres across."""
        sine, cosine = math.sin(self.angle), math.cos(self.angle)
        return sine * self.side * x + cosine * y, sine * y - cosine * self.side * x

    def place(self, along: Floats, across: Floats) -> tuple[Floats, Floats]:
        """Metres along and across → x, y."""
        sine, cosine = math.sin(self.angle), math.cos(self.angle)
        return self.side * (sine * along - cosine * across), cosine * along + sine * across


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """A way over the ground at steps of STEP seconds from `start`."""

    start: float
    x: Floats
    y: Floats
    heading: Floats  # radians: 0 towards the camera (against y), rising to the right of the image
    walked: Floats  # metres

    def at(self, time: float) -> tuple[float, float, float, float]:
        """x, y, heading and metres walked at a time in seconds."""
        x, y, heading, walked = (
            float(at_times(values, self.start, time))
            for values in (self.x, self.y, self.heading, self.walked)
        )
        return x, y, heading, walked


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """Somebody who walks, stands and turns."""

    path: Path
    look: PersonLook
    glance: tuple[float, float, float]  # radians, seconds, phase of the head's own turning


@dataclass(frozen=True, slots=True, eq=False)
class Car:
    """A car with its number plates."""

    path: Path
    kind: int  # sedan, hatchback, van
    paint: Colour
    plate: int  # style
    text: str
    fade: float = 0.0  # of the plate's ink, 0 to 1
    dirt: float = 0.0  # on the plate, 0 to 1


@dataclass(frozen=True, slots=True, eq=False)
class StreetPlan:
    """A whole scene that is planned but not drawn."""

    camera: Camera  # without pan and shake
    road: Road
    people: tuple[Person, ...]
    cars: tuple[Car, ...]
    posts: tuple[tuple[float, float, float, float], ...]  # x, y, radius, height: metres
    light: tuple[float, float, float]  # direction to it: right, up, towards the camera
    gain: tuple[float, float, float]  # exposure and cast: what the colours are multiplied by
    grain: float
    pan: tuple[float, float, float]  # pixels a second, then sway in pixels and its seconds
    shake: float  # pixels
    seed: int

    def camera_at(self, time: float) -> Camera:
        """The camera with its pan and shake, which move the image as a whole."""
        (column, row), (right, down) = self.camera.centre, self.offset(time)
        return replace(self.camera, centre=(column + right, row + down))

    def offset(self, time: float) -> tuple[int, int]:
        """Whole pixels by which the image is moved at a time: to the right, down."""
        speed, sway, seconds = self.pan
        phase = self.seed % 97
        right = speed * time + sway * math.sin(2 * math.pi * time / seconds + phase)
        for rate, size in ((1.3, 1.0), (3.7, 0.5), (7.9, 0.25)):
            right += self.shake * size * math.sin(rate * 6.28 * time + phase * rate)
        down = sum(
            self.shake * size * math.sin(rate * 6.28 * time + phase)
            for rate, size in ((1.1, 0.8), (4.3, 0.4), (8.3, 0.25))
        )
        return round(right), round(down)


def draw_plan(
    rng: np.random.Generator, size: tuple[int, int], request: StreetRequest
) -> StreetPlan:
    """Plan a scene for frames of (width, height)."""
    camera = _camera(rng, size)
    road = Road(
        angle=math.radians(rng.uniform(8, 62)),
        side=float(rng.choice((-1.0, 1.0))),
        near=rng.uniform(1.2, 4.0),
        behind=rng.uniform(7.0, 16.0),
        end=rng.uniform(45.0, 80.0),
    )
    cars = tuple(_car(rng, camera, road, request) for _ in range(request.cars))
    if request.plates == "worldwide":
        # A stream of its own: the rest of the scene is that of the basic plates.
        (plates,) = rng.spawn(1)
        cars = tuple(_worldwide(plates, car) for car in cars)
    people = tuple(_person(rng, camera, road, request) for _ in range(request.people))
    dark = rng.random() < 0.25
    gain = rng.uniform(0.32, 0.55) if dark else rng.uniform(0.8, 1.12)
    cast = 1 + rng.normal(0, 0.035, 3) + (np.array([0.06, 0.0, -0.07]) if dark else 0.0)
    red, green, blue = (float(value) for value in gain * cast)
    return StreetPlan(
        camera=camera, road=road, people=people, cars=cars,
        posts=_posts(rng, camera, road),
        light=(float(rng.uniform(-0.8, 0.8)), float(rng.uniform(0.5, 1.0)), 0.7),
        gain=(red, green, blue),
        grain=float(rng.uniform(1.0, 3.5)) * (1.5 if dark else 1.0),
        pan=(
            float(rng.normal(0, 0.004) * size[0]) * request.shake,
            float(rng.uniform(0, 0.02) * size[0]) * request.shake,
            float(rng.uniform(6, 14)),
        ),
        shake=float(rng.exponential(0.0012) * size[0]) * request.shake,
        seed=int(rng.integers(1 << 31)),
    )  # fmt: skip


def _camera(rng: np.random.Generator, size: tuple[int, int]) -> Camera:
    width, height = size
    focal, eye = width * rng.uniform(0.8, 1.25), rng.uniform(1.45, 2.3)
    horizon = height * rng.uniform(0.36, 0.5)
    return Camera.at(
        (0.0, 0.0, eye), size=size, focal=focal, centre=(width / 2, horizon), nearest=0.6
    )


def _person(rng: np.random.Generator, camera: Camera, road: Road, request: StreetRequest) -> Person:
    height = float(np.clip(rng.normal(1.71, 0.09), 1.45, 1.95))
    metre = camera.focal * FACE_HEIGHT * HEAD_HEIGHT * height  # pixels of the face a metre away
    near, far = metre / request.faces[1], min(metre / request.faces[0], road.end - 4)
    shirt, trousers = (CLOTHES[int(rng.integers(len(CLOTHES)))] for _ in range(2))
    return Person(
        path=_walk(rng, camera, road, request, (max(near, 0.9), far)),
        look=PersonLook(
            head=draw_head_look(rng),
            height=height,
            shirt=shirt,
            trousers=trousers,
            shoes=(int(rng.integers(20, 70)),) * 3,
            sleeves=bool(rng.random() < 0.6),
            coat=bool(rng.random() < 0.3),
            bag=bool(rng.random() < 0.3),
            broad=float(rng.uniform(0.88, 1.15)),
        ),
        glance=(
            float(rng.uniform(0, 0.45)), float(rng.uniform(2.0, 6.0)), float(rng.uniform(0, 6)),
        ),
    )  # fmt: skip


def _walk(
    rng: np.random.Generator, camera: Camera, road: Road, request: StreetRequest,
    depths: tuple[float, float],
) -> Path:  # fmt: skip
    """Towards the camera, away from it, across, or standing about; most people turn somewhere."""
    for attempt in range(40):
        near, far = depths
        y = math.exp(rng.uniform(math.log(near * 1.05), math.log(max(far, near * 1.5))))
        x = rng.uniform(-0.42, 0.42) * camera.width / camera.focal * y
        along, across = road.turned(np.array(x), np.array(y))
        inside = 0.8 - road.behind < across < road.far - 0.6 and along < road.end - 2
        if inside or attempt == 39:
            break
    kind = rng.choice(4, p=(0.46, 0.12, 0.24, 0.18))
    base = (0.0, math.pi, math.copysign(math.pi / 2, -x), 0.0)[int(kind)]
    heading = base + rng.normal(0, 0.28)
    speed = 0.0 if kind == 3 else rng.uniform(0.8, 1.7) * request.motion
    turns = [
        (rng.uniform(0, request.seconds), rng.choice((-1, 1)) * rng.uniform(0.7, 2.2))
        for _ in range(int(rng.poisson(request.seconds * (0.12 if kind == 3 else 0.05))))
    ]
    anchor = (rng.uniform(0.1, 0.9) * request.seconds, x, y)
    return _path(
        anchor, heading=heading, speed=speed, turns=turns, seconds=request.seconds,
        depths=(near, far * 1.2), ease=0.9,
    )  # fmt: skip


def _car(rng: np.random.Generator, camera: Camera, road: Road, request: StreetRequest) -> Car:
    kind = int(rng.choice(3, p=(0.42, 0.35, 0.23)))  # driving by, turning off the road, parked
    depths = max(camera.focal * 0.44 / 110, 4.0), min(camera.focal * 0.44 / 14, 40.0)
    x, y, heading = (_turning if kind == 1 else _on_road)(rng, camera, road, depths)
    anchor = (rng.uniform(0.15, 0.85) * request.seconds, x, y)
    speed = (rng.uniform(2.5, 9.0), rng.uniform(1.5, 4.0), 0.0)[kind] * request.motion
    turns = []
    if kind == 1:
        turns = [(anchor[0] + rng.uniform(0.5, 2.5), rng.choice((-1, 1)) * rng.uniform(0.6, 1.6))]
    return Car(
        path=_path(
            anchor,
            heading=heading,
            speed=speed,
            turns=turns,
            seconds=request.seconds,
            depths=(depths[0] * 0.9, 200.0),
            ease=2.0,
        ),
        kind=int(rng.integers(3)),
        paint=_PAINTS[int(rng.integers(len(_PAINTS)))],
        plate=int(rng.choice(BASIC, p=(0.4, 0.2, 0.2, 0.2))),
        text="".join(rng.choice(list("ABCDEFGHJKLMNPRSTUVWXYZ"), 2))
        + "".join(rng.choice(list("0123456789ABCDEFGHKLMNPRSTUVXYZ0123456789"), 5)),
    )


def _worldwide(rng: np.random.Generator, car: Car) -> Car:
    """The car with a plate of any style; about half of the plates are faded, half are dirty."""
    weights = np.array([style.weight for style in PLATES])
    plate = int(rng.choice(len(PLATES), p=weights / weights.sum()))
    return replace(
        car,
        plate=plate,
        text=draw_number(rng, plate),
        fade=max(float(rng.uniform(-0.5, 0.6)), 0.0),
        dirt=max(float(rng.uniform(-0.5, 0.6)), 0.0),
    )


def _on_road(
    rng: np.random.Generator, camera: Camera, road: Road, depths: tuple[float, float]
) -> tuple[float, float, float]:
    """A place in one of the two lanes, x and y, and the heading of the lane."""
    lane = int(rng.integers(2))
    across = road.near + (1.8, 5.2)[lane]
    for _ in range(40):
        depth = math.exp(rng.uniform(*np.log(depths)))
        along = (depth - math.sin(road.angle) * across) / math.cos(road.angle)
        x, y = road.place(np.array(along), np.array(across))
        if abs(x) < 0.5 * camera.width / camera.focal * y:
            break
    forward = math.pi - road.side * road.angle  # the heading that leads away along the road
    oncoming = lane == int(road.side < 0)
    return float(x), float(y), forward + (math.pi if oncoming else 0.0)


def _turning(
    rng: np.random.Generator, camera: Camera, road: Road, depths: tuple[float, float]
) -> tuple[float, float, float]:
    """A place anywhere in the frame; more cars come than go."""
    far = max(0.6 * depths[1], depths[0])  # in a narrow frame, plates are only legible near by
    y = math.exp(rng.uniform(math.log(depths[0]), math.log(far)))
    x = rng.uniform(-0.45, 0.45) * camera.width / camera.focal * y
    return x, y, (0.0 if rng.random() < 0.6 else math.pi) + rng.normal(0, 0.5)


def _path(
    anchor: tuple[float, float, float], *, heading: float, speed: float,
    turns: list[tuple[float, float]], seconds: float, depths: tuple[float, float], ease: float,
) -> Path:  # fmt: skip
    """Walk at `speed` from the anchor both ways in time; never nearer than the nearest depth."""
    when, x, y = anchor
    times = np.arange(-1.0, seconds + 1.0, STEP)
    angle = np.full(len(times), heading)
    for moment, turn in turns:
        part = np.clip((times - moment) / ease, 0, 1) - float(np.clip((when - moment) / ease, 0, 1))
        angle += turn * part
    right = np.cumsum(np.sin(angle)) * speed * STEP
    away = -np.cumsum(np.cos(angle)) * speed * STEP
    index = int(np.argmin(np.abs(times - when)))
    right += x - right[index]
    away += y - away[index]
    # Those who come too near slide past along a soft wall.
    near, far = depths
    away = near + np.logaddexp(0, (away - near) / 0.3) * 0.3
    away = np.minimum(away, far)
    velocity = np.gradient(right, STEP), np.gradient(away, STEP)
    pull = 0.25 + 0.0 * angle
    true = np.arctan2(velocity[0] + pull * np.sin(angle), -velocity[1] + pull * np.cos(angle))
    walked = np.cumsum(np.hypot(*velocity)) * STEP
    smooth = uniform_filter1d(np.unwrap(true), 15, mode="nearest")
    return Path(-1.0, right, away, smooth, walked)


def _posts(
    rng: np.random.Generator, camera: Camera, road: Road
) -> tuple[tuple[float, float, float, float], ...]:
    """Lamp posts along the kerb, a few bollards and trunks among the people."""
    posts = []
    gap, first = rng.uniform(9, 14), rng.uniform(0, 9)
    for number in range(6):
        column, away = road.place(np.array(first + gap * number - 9), np.array(road.near - 0.5))
        posts.append((float(column), float(away), 0.075, 5.5))
    for _ in range(int(rng.integers(1, 4))):
        radius, height = ((0.05, 3.2), (0.15, 6.0), (0.09, 1.0))[int(rng.integers(3))]
        y = math.exp(rng.uniform(math.log(_clear(camera, radius)), math.log(16.0)))
        x = rng.uniform(-0.45, 0.45) * camera.width / camera.focal * y
        posts.append((x, y, radius, height))
    return tuple(post for post in posts if post[1] > _clear(camera, post[2]))


def _clear(camera: Camera, radius: float) -> float:
    """The least depth at which a post is at most a twentieth of the frame wide."""
    return max(1.5, 40 * radius * camera.focal / camera.width)
