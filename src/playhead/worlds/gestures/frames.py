"""The frames of a video: the place, shadows, and people from far to near."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from playhead.worlds.drawing import SensorNoise
from playhead.worlds.gestures.body import HEAD, HEAD_RADIUS, POINTS, RODS, TRUNK
from playhead.worlds.gestures.look import FigureLook, Light, paint_place
from playhead.worlds.gestures.plan import Plan
from playhead.worlds.gestures.projection import TRUNK_RADIUS

__all__ = ["draw_frames"]

Colour = tuple[int, int, int]
Place = tuple[float, float]
_NOSE, _EYES = POINTS.index("nose"), (POINTS.index("left_eye"), POINTS.index("right_eye"))
_DOUBLED_UP_TO = 480_000  # pixels: larger frames are drawn at their own size


def draw_frames(plan: Plan) -> Iterator[NDArray[np.uint8]]:
    """Yield each frame, RGB (H, W, 3)."""
    camera, light = plan.camera, plan.light
    size = (camera.width, camera.height)
    margin = math.ceil(np.abs(plan.shake).max()) + 1
    place = Image.fromarray(
        paint_place(np.random.default_rng([plan.seed, 1]), camera, light, margin)
    )
    noise = SensorNoise(np.random.default_rng([plan.seed, 2]), size, light.grain)
    fine = 2 if size[0] * size[1] <= _DOUBLED_UP_TO else 1
    large = (size[0] * fine, size[1] * fine)
    seen = plan.projected()
    places = (seen.places * fine).tolist()
    scales, depths = seen.scales * fine, seen.depths
    figures = [_Figure(person.who.look, light) for person in plan.people]
    for index, time in enumerate(plan.times.tolist()):
        left, top = (margin - plan.shake[index]).tolist()
        image = place.resize(
            large, Image.Resampling.BILINEAR, box=(left, top, left + size[0], top + size[1])
        )
        draw = ImageDraw.Draw(image)
        order = np.argsort(-depths[:, index].mean(axis=1), kind="stable").tolist()
        for number in order:
            if depths[number, index].min() > camera.nearest:
                build = plan.people[number].who.build
                unit = float(scales[number, index, HEAD]) * build.height
                figures[number].draw(draw, places[number][index], depths[number, index], unit)
        yield noise.add(np.asarray(image.reduce(fine) if fine > 1 else image), time)


class _Figure:
    """Draws one person."""

    def __init__(self, look: FigureLook, light: Light) -> None:
        self.look, self.light = look, light
        self.inks = {
            part: self._shades(look.colour(part))
            for part in ("shirt", "sleeve", "forearm", "skin", "trousers", "shin", "shoes")
        }
        self.hair = self._shades(
            look.head.cap if look.head.hair == "cap" else look.head.hair_colour
        )
        if look.head.hair == "bald":
            self.hair = self.inks["skin"]

    def draw(
        self, draw: ImageDraw.ImageDraw, points: list[Place], depths: NDArray[np.float64],
        unit: float,
    ) -> None:  # fmt: skip
        """points: columns and rows; depths: metres; unit: pixels of the person's height."""
        parts: list[tuple[float, int]] = [
            (float(depths[start] + depths[end]) / 2, number)
            for number, (start, end, _, _) in enumerate(RODS)
        ]
        parts.append((float(depths[list(TRUNK)].mean()) - 0.02, len(RODS)))
        parts.append((float(depths[HEAD]) - 0.03, len(RODS) + 1))
        for _, number in sorted(parts, reverse=True):
            if number == len(RODS):
                self._trunk(draw, [points[corner] for corner in TRUNK], unit)
            elif number > len(RODS):
                self._head(draw, points, depths, unit)
            else:
                start, end, radii, part = RODS[number]
                wide = (radii[0] * unit, radii[1] * unit)
                self._rod(draw, points[start], points[end], wide, self.inks[part])

    def _shades(self, colour: Colour) -> tuple[Colour, Colour]:
        """Dark at the edge, light inside."""
        dark, light = (
            tuple(
                min(int(value * shade * gain), 255)
                for value, gain in zip(colour, self.light.gain, strict=True)
            )
            for shade in (0.74, 1.0)
        )
        return dark, light  # type: ignore[return-value]

    def _rod(
        self, draw: ImageDraw.ImageDraw, start: Place, end: Place, radii: tuple[float, float],
        inks: tuple[Colour, Colour],
    ) -> None:  # fmt: skip
        """A tapered rod with round ends, lighter towards the light."""
        _draw_rod(draw, start, end, radii, inks[0])
        if radii[1] > 1.5:
            right = 0.3 * self.light.side * radii[1]
            _draw_rod(
                draw, (start[0] + right, start[1]), (end[0] + right, end[1]),
                (0.62 * radii[0], 0.62 * radii[1]), inks[1],
            )  # fmt: skip

    def _trunk(self, draw: ImageDraw.ImageDraw, corners: list[Place], unit: float) -> None:
        dark, light = self.inks["shirt"]
        radius = TRUNK_RADIUS * unit
        for number, corner in enumerate(corners):
            _draw_rod(draw, corner, corners[(number + 1) % 4], (radius, radius), dark)
        draw.polygon(corners, fill=dark)
        right = 0.35 * self.light.side * radius
        inner = [(column + right, row) for column, row in corners]
        for number, corner in enumerate(inner):
            _draw_rod(draw, corner, inner[(number + 1) % 4], (0.6 * radius, 0.6 * radius), light)
        draw.polygon(inner, fill=light)

    def _head(
        self, draw: ImageDraw.ImageDraw, points: list[Place], depths: NDArray[np.float64],
        unit: float,
    ) -> None:  # fmt: skip
        """Neck, hair and face; the face moves over the hair as the head turns."""
        dark, light = self.inks["skin"]
        shoulders = points[TRUNK[0]], points[TRUNK[1]]
        neck = ((shoulders[0][0] + shoulders[1][0]) / 2, (shoulders[0][1] + shoulders[1][1]) / 2)
        column, row = points[HEAD]
        radius = HEAD_RADIUS * unit
        _draw_rod(draw, neck, (column, row), (0.55 * radius, 0.5 * radius), dark)
        _draw_disc(draw, (column, row), 1.06 * radius, self.hair[0])
        if self.look.head.hair == "long":
            back = 2 * column - points[_NOSE][0]
            _draw_disc(
                draw, (0.6 * column + 0.4 * back, row + 0.7 * radius), 0.9 * radius, self.hair[0]
            )
        towards = float(depths[HEAD] - depths[_NOSE])
        nose = points[_NOSE]
        if towards > -0.06:  # some of the face is seen
            middle = (
                column + 0.35 * (nose[0] - column),
                row + 0.3 * radius + 0.2 * (nose[1] - row),
            )
            _draw_disc(draw, middle, 0.8 * radius, light)
            for eye in _EYES:
                if depths[eye] < depths[HEAD] - 0.02:
                    _draw_disc(draw, points[eye], max(0.14 * radius, 0.6), self.look.head.eyes)
            _draw_disc(draw, nose, 0.18 * radius, dark)


def _draw_rod(
    draw: ImageDraw.ImageDraw, start: Place, end: Place, radii: tuple[float, float], colour: Colour
) -> None:
    (c0, r0), (c1, r1), (w0, w1) = start, end, radii
    length = math.hypot(c1 - c0, r1 - r0) or 1.0
    right, down = (r0 - r1) / length, (c1 - c0) / length
    draw.polygon(
        (
            c0 + right * w0, r0 + down * w0, c1 + right * w1, r1 + down * w1,
            c1 - right * w1, r1 - down * w1, c0 - right * w0, r0 - down * w0,
        ),
        fill=colour,
    )  # fmt: skip
    _draw_disc(draw, start, w0, colour)
    _draw_disc(draw, end, w1, colour)


def _draw_disc(draw: ImageDraw.ImageDraw, place: Place, radius: float, colour: Colour) -> None:
    column, row = place
    draw.ellipse((column - radius, row - radius, column + radius, row + radius), fill=colour)
