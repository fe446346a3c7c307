"""People of the street: a jointed body of shaded limbs under a head that is drawn from points."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from playhead.worlds.street.head import HeadModel
from playhead.worlds.street.layer import OWNED, Bounds, Layer, canvas_of, canvas_scale, finished
from playhead.worlds.street.plan import HEAD, Camera, Person

__all__ = ["FACE_PART", "HEAD_PART", "PersonModel"]

HEAD_PART, FACE_PART = 1, 2
STRIDE = 1.45  # metres of a whole cycle of both legs
Joint = tuple[float, float, float]  # forward, left, up: metres
Colour = tuple[int, int, int]
_SHADES = (  # how much of a rod's thickness is how bright: thin, thicker, thick
    ((1.0, 0.78),),
    ((1.0, 0.66), (0.65, 0.86)),
    ((1.0, 0.62), (0.8, 0.76), (0.55, 0.88)),
)


@dataclass(frozen=True, slots=True)
class _Limb:
    """A rod of the body: its ends, its radii there in metres, its colour."""

    start: Joint
    end: Joint
    radii: tuple[float, float]
    colour: Colour


class PersonModel:
    """Draws one person at any time."""

    def __init__(self, person: Person, light: tuple[float, float, float], largest: float) -> None:
        """largest: pixels of the highest head that will be asked for."""
        self.person = person
        self.light = light
        self.head = HeadModel(person.look, light, int(np.clip(largest, 32, 176)))

    def layer(self, camera: Camera, offset: tuple[int, int], time: float) -> Layer | None:
        """The person as the camera sees him, None where he is out of the picture."""
        person = self.person
        x, z, heading, way = person.path.at(time)
        columns, rows, scales = camera.project(np.array(x), np.array(0.0), np.array(z))
        scale = float(scales)
        feet = (float(columns) + offset[0], float(rows) + offset[1])
        tall = person.height * scale
        box = (feet[0] - 0.45 * tall, feet[1] - 1.1 * tall, feet[0] + 0.45 * tall, feet[1] + 4)
        bounds = Bounds.of(box, (camera.width, camera.height))
        if bounds is None:
            return None
        yaw = heading + math.atan2(x, z)
        phase = 2 * math.pi * way / STRIDE
        picture, alpha = self._body(bounds, feet, scale, yaw, phase)
        layer = Layer(z, picture, alpha, bounds.left, bounds.top)
        amount, seconds, start = person.glance
        look = yaw + amount * math.sin(2 * math.pi * time / seconds + start)
        bob = 0.018 * abs(math.sin(phase)) * scale
        crown = (feet[0], feet[1] - tall - bob)
        self._add_head(layer, crown, size=tall * HEAD, look=look, yaw=yaw)
        return layer

    def _add_head(
        self, layer: Layer, crown: tuple[float, float], *, size: float, look: float, yaw: float
    ) -> None:
        """Set the head on the body: `size` pixels high, `look` radians turned, the body `yaw`."""
        sprite = self.head.sprite(look, size)
        part = size / sprite.scale
        lean = 0.1 * size * math.sin(yaw)
        left = crown[0] + lean - sprite.anchor[0] * part
        top = crown[1] + 0.5 * size - sprite.anchor[1] * part
        place = (math.ceil(left), math.ceil(top))
        wide = math.floor(left + sprite.rgb.width * part) - place[0]
        high = math.floor(top + sprite.rgb.height * part) - place[1]
        if wide < 2 or high < 2:
            return
        first = ((place[0] - left) / part, (place[1] - top) / part)
        box = (*first, first[0] + wide / part, first[1] + high / part)
        rgb, alpha, face = (
            picture.resize((wide, high), Image.Resampling.BILINEAR, box=box)
            for picture in (sprite.rgb, sprite.alpha, sprite.face)
        )
        at = (place[0] - layer.left, place[1] - layer.top)
        # Where the body covers nothing, its picture holds no colour that edges may mix with.
        bare = layer.alpha.crop((*at, at[0] + wide, at[1] + high)).point(
            lambda value: 255 * (not value)
        )
        layer.picture.paste(rgb, at, ImageChops.lighter(alpha, bare))
        layer.alpha.paste(255, at, alpha)
        solid = np.asarray(alpha) >= OWNED
        shown = solid & (np.asarray(face) >= 128)
        layer.add_part(HEAD_PART, solid, place, float(solid.sum()))
        layer.add_part(FACE_PART, shown, place, self.head.face_area(size))

    def _body(
        self, bounds: Bounds, feet: tuple[float, float], scale: float, yaw: float, phase: float
    ) -> tuple[Image.Image, Image.Image]:
        fine = canvas_scale(bounds)
        canvas = canvas_of(bounds, fine, self.person.shirt)
        draw = ImageDraw.Draw(canvas)
        sine, cosine = math.sin(yaw), math.cos(yaw)

        def seen(joint: Joint) -> tuple[float, float]:
            across = joint[0] * sine + joint[1] * cosine
            return (
                (feet[0] + across * scale - bounds.left) * fine,
                (feet[1] - joint[2] * scale - bounds.top) * fine,
            )

        def depth(limb: _Limb) -> float:
            return sum(end[0] * cosine - end[1] * sine for end in (limb.start, limb.end))

        limbs, arms = self._limbs(phase)
        unit = scale * fine
        for limb in sorted(limbs, key=depth):
            self._limb(draw, limb, seen, unit)
        behind = [arm for arm in arms if depth(arm) < -0.1]
        for limb in behind:
            self._limb(draw, limb, seen, unit)
        if self.person.bag and cosine < 0.2:
            self._torso(draw, seen, yaw, unit)
            self._bag(draw, seen, unit)
        else:
            self._torso(draw, seen, yaw, unit)
        for limb in arms:
            if limb not in behind:
                self._limb(draw, limb, seen, unit)
        return finished(canvas, fine)

    def _limbs(self, phase: float) -> tuple[list[_Limb], list[_Limb]]:
        """Legs and neck; then the arms."""
        person = self.person
        tall, broad = person.height, person.broad
        walking = min(1.0, person.path.way[-1] / 2.0)
        swing = 0.42 * math.sin(phase) * walking
        limbs, arms = [], []
        for side in (-1, 1):
            leg = swing * side
            bend = max(0.0, math.cos(phase) * -side) * 0.55 * walking + 0.04
            hip = (0.0, 0.055 * tall * side, 0.5 * tall)
            knee = (
                0.245 * tall * math.sin(leg), hip[1], hip[2] - 0.245 * tall * math.cos(leg),
            )  # fmt: skip
            low = leg - bend
            ankle = (
                knee[0] + 0.225 * tall * math.sin(low), hip[1] * 0.9,
                max(knee[2] - 0.225 * tall * math.cos(low), 0.03),
            )  # fmt: skip
            toe = (ankle[0] + 0.1 * tall, ankle[1] * 1.2, max(ankle[2] - 0.02 * tall, 0.025))
            limbs += [
                _Limb(ankle, toe, (0.028 * tall, 0.022 * tall), person.shoes),
                _Limb(knee, ankle, (0.04 * tall, 0.028 * tall), person.trousers),
                _Limb(hip, knee, (0.055 * tall * broad, 0.042 * tall), person.trousers),
            ]
            arms += self._arm(side, -swing * side)
        skin = tuple(int(value * 0.72) for value in person.look.skin)
        limbs.append(
            _Limb((0, 0, 0.8 * tall), (0.01, 0, 0.89 * tall), (0.042 * tall,) * 2, skin)  # type: ignore[arg-type]
        )
        return limbs, arms

    def _arm(self, side: int, swing: float) -> list[_Limb]:
        person = self.person
        tall = person.height
        shoulder = (0.0, 0.115 * tall * side * person.broad, 0.805 * tall)
        elbow = (
            0.17 * tall * math.sin(swing), shoulder[1] * 1.2,
            shoulder[2] - 0.17 * tall * math.cos(swing),
        )  # fmt: skip
        low = swing + 0.3
        hand = (
            elbow[0] + 0.16 * tall * math.sin(low), elbow[1],
            elbow[2] - 0.16 * tall * math.cos(low),
        )  # fmt: skip
        below = person.shirt if person.sleeves else person.look.skin
        palm = (hand[0] + 0.01, hand[1], hand[2] - 0.03 * tall)
        return [
            _Limb(hand, palm, (0.02 * tall, 0.018 * tall), person.look.skin),
            _Limb(elbow, hand, (0.027 * tall, 0.022 * tall), below),
            _Limb(shoulder, elbow, (0.035 * tall, 0.03 * tall), person.shirt),
        ]

    def _limb(self, draw: ImageDraw.ImageDraw, limb: _Limb, seen: Any, unit: float) -> None:
        """A tapered rod: dark at its edge, lighter towards the light; less of it where small."""
        start, end = seen(limb.start), seen(limb.end)
        thick = limb.radii[1] * unit
        for part, shade in _SHADES[min(int(thick / 3), 2)]:
            red, green, blue = limb.colour
            colour = (int(red * shade), int(green * shade), int(blue * shade), 255)
            shift = (1 - part) * 0.8 * thick
            right, down = self.light[0] * shift, -0.3 * shift
            _rod(
                draw,
                (start[0] + right, start[1] + down, limb.radii[0] * unit * part),
                (end[0] + right, end[1] + down, thick * part),
                colour,
            )

    def _torso(self, draw: ImageDraw.ImageDraw, seen: Any, yaw: float, unit: float) -> None:
        """From the shoulders to the hips, in slices that follow the light."""
        person = self.person
        tall = person.height
        sine, cosine = abs(math.sin(yaw)), abs(math.cos(yaw))
        levels = (
            (0.835, 0.06, 0.05), (0.812, 0.125, 0.065), (0.7, 0.12, 0.075), (0.6, 0.103, 0.07),
            (0.5, 0.112, 0.075), (0.4 if person.coat else 0.465, 0.118, 0.078),
        )  # fmt: skip
        outline = []
        for level, wide, deep in levels:
            half = math.hypot(wide * cosine, deep * sine) * tall * person.broad * unit
            column, row = seen((0.0, 0.0, level * tall))
            outline.append((column, row, half))
        slices = 7 if outline[1][2] > 12 else 3
        for number in range(slices):
            middle = (number + 0.5) / slices * 2 - 1
            facing = math.sqrt(1 - min(abs(middle), 0.98) ** 2)
            lit = max(0.0, 0.7 * facing + 0.6 * middle * self.light[0])
            colour = tuple(int(value * min(0.5 + 0.45 * lit, 1.05)) for value in person.shirt)
            low, high = number / slices * 2 - 1, (number + 1) / slices * 2 - 1
            sides = [(c + low * h - 0.6, r) for c, r, h in outline]
            sides += [(c + high * h + 0.6, r) for c, r, h in reversed(outline)]
            draw.polygon(sides, fill=(*colour, 255))
        if person.coat and math.cos(yaw) > 0.3:
            column, row, half = outline[0]
            shift = math.sin(yaw) * outline[2][2] * 0.8
            opening = [(column - half * 0.5, row), (column + half * 0.5, row)]
            opening += [(outline[2][0] + shift, outline[3][1])]
            draw.polygon(opening, fill=(*person.trousers, 255))

    def _bag(self, draw: ImageDraw.ImageDraw, seen: Any, unit: float) -> None:
        tall = self.person.height
        high, low = (-0.1, 0.0, 0.79 * tall), (-0.1, 0.0, 0.58 * tall)
        colour = tuple(max(value - 40, 10) for value in self.person.trousers)
        for part, shade in ((1.0, 0.8), (0.7, 1.1)):
            red, green, blue = (int(value * shade) for value in colour)
            radius = 0.08 * tall * unit * part
            _rod(draw, (*seen(high), radius), (*seen(low), radius), (red, green, blue, 255))


def _rod(
    draw: ImageDraw.ImageDraw, start: Joint, end: Joint, colour: tuple[int, int, int, int]
) -> None:
    """A rod with round ends: (column, row, radius) of both."""
    (c0, r0, w0), (c1, r1, w1) = start, end
    length = math.hypot(c1 - c0, r1 - r0) or 1.0
    right, down = (r0 - r1) / length, (c1 - c0) / length
    draw.polygon(
        (
            c0 + right * w0, r0 + down * w0, c1 + right * w1, r1 + down * w1,
            c1 - right * w1, r1 - down * w1, c0 - right * w0, r0 - down * w0,
        ),
        fill=colour,
    )  # fmt: skip
    for column, row, radius in (start, end):
        draw.ellipse((column - radius, row - radius, column + radius, row + radius), fill=colour)
