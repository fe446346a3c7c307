"""The frames of a street: cars, people and posts over the empty street, and what is visible."""

import math
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from playhead.worlds.drawing import (
    HEAD_HEIGHT,
    NOBODY,
    PERSON_LABELS,
    Camera,
    Composition,
    Layer,
    PersonModel,
    SensorNoise,
    VisibleBox,
    visible_boxes,
    walking,
)
from playhead.worlds.street.car import FRONT_PLATE, REAR_PLATE, CarModel
from playhead.worlds.street.ground import paint_ground
from playhead.worlds.street.plan import StreetPlan

__all__ = ["LABELS", "StreetRenderer"]

LABELS = ("car", "plate", "person", "head", "face")
CAR_LABELS = {0: "car", FRONT_PLATE: "plate", REAR_PLATE: "plate"}
STRIDE = 1.45
"""Metres of a walk's cycle of two steps."""


class StreetRenderer:
    """Renders any moment of a plan.

    times: the moments that will be asked for, seconds
    """

    def __init__(self, plan: StreetPlan, times: Sequence[float]) -> None:
        self.plan = plan
        offsets = np.array([plan.offset(time) for time in times])
        self.margin = tuple(int(side) for side in np.abs(offsets).max(axis=0))
        self.ground = paint_ground(plan, (self.margin[0], self.margin[1]))
        self.cars = [CarModel(car, plan.light) for car in plan.cars]
        self.people = []
        for person in plan.people:
            nearest = min(person.path.at(time)[1] for time in times)
            head = plan.camera.focal / max(nearest, 0.5) * person.look.height * HEAD_HEIGHT
            self.people.append(PersonModel(person.look, plan.light, head))
        rng = np.random.default_rng([plan.seed, 2])
        self.noise = SensorNoise(rng, (plan.camera.width, plan.camera.height), plan.grain)
        levels = np.arange(256)
        self.exposure = [round(min(level * gain, 255)) for gain in plan.gain for level in levels]

    def frame(
        self, time: float, leave_out: Collection[int] = ()
    ) -> tuple[NDArray[np.uint8], list[VisibleBox]]:
        """One moment: RGB (H, W, 3), and what is visible in it.

        leave_out: objects, cars first and then people, that are not drawn (their shadows are)
        """
        right, down = self.plan.offset(time)
        camera = self.plan.camera_at(time)
        left, top = self.margin[0] - right, self.margin[1] - down
        image = self.ground.crop((left, top, left + camera.width, top + camera.height))
        self._shadows(image, camera, time)
        layers: dict[int, Layer] = {}
        for number in range(len(self.cars) + len(self.people)):
            if number not in leave_out and (layer := self._layer(number, camera, time)) is not None:
                layers[number] = layer
        everything = [*layers.items(), *((NOBODY, post) for post in self._posts(camera))]
        composed = Composition(image)
        for number, layer in sorted(everything, key=lambda pair: -pair[1].depth):
            composed.add(layer, number)
        visible = []
        for number, layer in layers.items():
            labels = CAR_LABELS if number < len(self.cars) else PERSON_LABELS
            visible += visible_boxes(composed, number, layer, labels)
        return self.noise.add(np.asarray(image.point(self.exposure)), time), visible

    def _layer(self, number: int, camera: Camera, time: float) -> Layer | None:
        """One object at a moment: a car, or a person who walks and looks around."""
        if number < len(self.cars):
            return self.cars[number].layer(camera, time)
        number -= len(self.cars)
        person = self.plan.people[number]
        x, y, heading, walked = person.path.at(time)
        phase = 2 * math.pi * walked / STRIDE
        pose = walking(phase, min(1.0, float(person.path.walked[-1]) / 2.0))
        amount, seconds, start = person.glance
        glance = amount * math.sin(2 * math.pi * time / seconds + start)
        bob = 0.018 * abs(math.sin(phase))
        return self.people[number].layer(
            camera, (x, y), pose, heading=heading, glance=glance, bob=bob
        )

    def _posts(self, camera: Camera) -> list[Layer]:
        layers = []
        for x, y, radius, height in self.plan.posts:
            column, row, scale = (float(value) for value in camera.project(np.array((x, y, 0.0))))
            left, wide = round(column - radius * scale), max(round(2 * radius * scale), 1)
            top, low = round(row - height * scale), round(row)
            top, low = max(top, 0), min(low, camera.height)
            if left + wide <= 0 or left >= camera.width or top >= low:
                continue
            across = np.linspace(-0.9, 0.9, wide)
            lit = 0.5 + 0.5 * np.clip(np.sqrt(1 - across**2) + across * self.plan.light[0], 0, 1.2)
            strip = (np.array((74, 78, 80)) * lit[:, None]).astype(np.uint8)
            first, last = max(-left, 0), min(wide, camera.width - left)
            shown = np.broadcast_to(strip[first:last], (low - top, last - first, 3))
            rod, left = Image.fromarray(shown.copy()), left + first
            layers.append(Layer(y, rod, Image.new("L", rod.size, 255), left, top))
        return layers

    def _shadows(self, image: Image.Image, camera: Camera, time: float) -> None:
        """Soft dark patches under all that stands on the ground, drawn at a quarter of the size."""
        small = Image.new("L", (camera.width // 4 + 1, camera.height // 4 + 1))
        draw = ImageDraw.Draw(small)
        for car in self.cars:
            corners = car.shadow(camera, time)
            if corners is not None:
                draw.polygon([(float(c) / 4, float(r) / 4) for c, r in corners], fill=170)
        eye = camera.position[2]
        for person in self.plan.people:
            x, y, _, _ = person.path.at(time)
            column, row, scale = (float(value) for value in camera.project(np.array((x, y, 0.0))))
            column, row, wide = column / 4, row / 4, 0.32 * scale / 4
            tall = wide * eye / y
            draw.ellipse((column - wide, row - tall, column + wide, row + tall), fill=130)
        soft = small.filter(ImageFilter.GaussianBlur(1.2)).resize(image.size)
        image.paste((22, 22, 26), (0, 0), soft)
