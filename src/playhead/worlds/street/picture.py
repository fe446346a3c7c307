"""The picture of a street: layers laid over the empty street, and the truth that is left visible.

Every pixel remembers which object owns it. A box is the bounding box of the pixels that an object,
or its part, still owns; an object of which less than a share is left has none.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from playhead.events.model import Box
from playhead.worlds.street.car import FRONT_PLATE, REAR_PLATE, CarModel
from playhead.worlds.street.ground import paint_ground
from playhead.worlds.street.layer import OWNED, Layer, Mask
from playhead.worlds.street.person import FACE_PART, HEAD_PART, PersonModel
from playhead.worlds.street.plan import HEAD, Plan

__all__ = ["LABELS", "PARTS", "Painter", "Seen"]

LABELS = ("car", "plate", "person", "head", "face")
PARTS = 4
"""Track `object * PARTS + part`: 0 the car or person, 1 and 2 its plates, or its head and face."""

LEAST_SHARE = 0.3
"""Of an object's pixels, those that must be left visible for it to have a box."""

LEAST_PIXELS = 4
"""A visible part narrower or lower than this has no box."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One visible object, or part of one, in one picture."""

    track: int
    label: str
    box: Box
    share: float  # of its pixels that are visible


class Painter:
    """Paints any moment of a plan.

    times: the moments that will be asked for, seconds
    """

    def __init__(self, plan: Plan, times: Sequence[float]) -> None:
        self.plan = plan
        offsets = np.array([plan.offset(time) for time in times])
        self.margin = tuple(int(side) for side in np.abs(offsets).max(axis=0))
        self.ground = paint_ground(plan, (self.margin[0], self.margin[1]))
        self.cars = [CarModel(car, plan.light) for car in plan.cars]
        self.people = [
            PersonModel(person, plan.light, self._largest(number, times))
            for number, person in enumerate(plan.people)
        ]
        rng = np.random.default_rng([plan.seed, 2])
        tall, wide = plan.camera.height + 32, plan.camera.width + 32
        self.noise = np.rint(rng.normal(0, plan.grain, (tall, wide, 1))).astype(np.int16)
        levels = np.arange(256)
        self.lut = [round(min(level * gain, 255)) for gain in plan.gain for level in levels]

    def frame(
        self, time: float, leave_out: Collection[int] = ()
    ) -> tuple[NDArray[np.uint8], list[Seen]]:
        """One moment: RGB (H, W, 3), and what of whom is visible in it.

        leave_out: objects, cars first and then people, that are not drawn (their shadows are)
        """
        offset = self.plan.offset(time)
        camera = self.plan.camera
        left, top = self.margin[0] - offset[0], self.margin[1] - offset[1]
        picture = self.ground.crop((left, top, left + camera.width, top + camera.height))
        self._shadows(picture, offset, time)
        layers = self._layers(offset, time, leave_out)
        owner = np.full((camera.height, camera.width), -1, np.int16)
        for number, layer in layers:
            picture.paste(layer.picture, (layer.left, layer.top), layer.alpha)
            _part_of(owner, layer)[np.asarray(layer.alpha) >= OWNED] = number
        seen = [
            one
            for number, layer in sorted(layers, key=lambda pair: pair[0])
            if number >= 0
            for one in self._seen(owner, number, layer)
        ]
        return self._exposed(picture.point(self.lut), time), seen

    def _largest(self, number: int, times: Sequence[float]) -> float:
        """Pixels of a person's head at its largest."""
        person, camera = self.plan.people[number], self.plan.camera
        depths = [person.path.at(time)[1] for time in times]
        return camera.focal / max(min(depths), 0.5) * person.height * HEAD

    def _layers(
        self, offset: tuple[int, int], time: float, leave_out: Collection[int]
    ) -> list[tuple[int, Layer]]:
        """Everything that stands in the street, furthest first; -1 is nobody's."""
        models: list[CarModel | PersonModel] = [*self.cars, *self.people]
        layers = [
            (number, layer)
            for number, model in enumerate(models)
            if number not in leave_out
            and (layer := model.layer(self.plan.camera, offset, time)) is not None
        ]
        layers += [(-1, post) for post in self._posts(offset)]
        return sorted(layers, key=lambda pair: -pair[1].depth)

    def _posts(self, offset: tuple[int, int]) -> list[Layer]:
        camera, layers = self.plan.camera, []
        for x, z, radius, height in self.plan.posts:
            column, row, scale = (
                float(value) for value in camera.project(np.array(x), np.array(0.0), np.array(z))
            )
            column, row = column + offset[0], row + offset[1]
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
            layers.append(Layer(z, rod, Image.new("L", rod.size, 255), left, top))
        return layers

    def _shadows(self, picture: Image.Image, offset: tuple[int, int], time: float) -> None:
        """Soft dark patches under all that stands on the ground, drawn at a quarter of the size."""
        camera = self.plan.camera
        small = Image.new("L", (camera.width // 4 + 1, camera.height // 4 + 1))
        draw = ImageDraw.Draw(small)
        for car in self.cars:
            corners = car.shadow(camera, offset, time)
            if corners is not None:
                draw.polygon([(float(c) / 4, float(r) / 4) for c, r in corners], fill=170)
        for person in self.people:
            x, z, _, _ = person.person.path.at(time)
            column, row, scale = (
                float(value) for value in camera.project(np.array(x), np.array(0.0), np.array(z))
            )
            column, row, wide = (column + offset[0]) / 4, (row + offset[1]) / 4, 0.32 * scale / 4
            tall = wide * camera.eye / z
            draw.ellipse((column - wide, row - tall, column + wide, row + tall), fill=130)
        soft = small.filter(ImageFilter.GaussianBlur(1.2)).resize(picture.size)
        picture.paste((22, 22, 26), (0, 0), soft)

    def _seen(self, owner: NDArray[np.int16], number: int, layer: Layer) -> list[Seen]:
        """What an object still owns: itself and its parts."""
        car = number < len(self.cars)
        whole = np.asarray(layer.alpha) >= OWNED
        parts = {0: Mask(whole, layer.left, layer.top, float(whole.sum()))} | layer.parts
        names = (
            {0: "car", FRONT_PLATE: "plate", REAR_PLATE: "plate"}
            if car
            else {0: "person", HEAD_PART: "head", FACE_PART: "face"}
        )
        found = []
        for part, mask in parts.items():
            box, count = _visible(owner, number, mask)
            if box is not None and count >= LEAST_SHARE * mask.whole:
                share = min(count / mask.whole, 1.0)
                found.append(Seen(number * PARTS + part, names[part], box, share))
        return found

    def _exposed(self, picture: Image.Image, time: float) -> NDArray[np.uint8]:
        """Add the sensor's noise; another part of the same noise for each instant."""
        mixed = round(time * 1000) * 2_654_435_761 >> 8
        top, left = mixed % 32, mixed // 32 % 32
        noise = self.noise[top : top + picture.height, left : left + picture.width]
        noisy = np.asarray(picture) + noise
        return np.clip(noisy, 0, 255, out=noisy).astype(np.uint8)


def _part_of(owner: NDArray[np.int16], layer: Layer) -> NDArray[np.int16]:
    """The pixels of the picture that a layer lies over; it may not reach out of it."""
    wide, high = layer.alpha.size
    return owner[layer.top : layer.top + high, layer.left : layer.left + wide]


def _visible(owner: NDArray[np.int16], number: int, mask: Mask) -> tuple[Box | None, int]:
    """The bounding box of what an object owns of a mask, and how many pixels that is."""
    high, wide = mask.pixels.shape
    left, top = max(mask.left, 0), max(mask.top, 0)
    right, low = min(mask.left + wide, owner.shape[1]), min(mask.top + high, owner.shape[0])
    if right <= left or low <= top:
        return None, 0
    inside = mask.pixels[top - mask.top : low - mask.top, left - mask.left : right - mask.left]
    left_over = inside & (owner[top:low, left:right] == number)
    rows, columns = np.flatnonzero(left_over.any(axis=1)), np.flatnonzero(left_over.any(axis=0))
    if not len(rows):
        return None, 0
    box = (
        float(left + columns[0]), float(top + rows[0]),
        float(left + columns[-1] + 1), float(top + rows[-1] + 1),
    )  # fmt: skip
    if min(box[2] - box[0], box[3] - box[1]) < LEAST_PIXELS:
        return None, 0
    return box, int(left_over.sum())
