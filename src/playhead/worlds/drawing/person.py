"""People: a jointed body of shaded limbs under a head with a face, in any pose, seen by a camera.

A person is drawn upright and in the scale of his feet, so the camera should not look far down.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from playhead.worlds.drawing.body import Joint, Limb, Pose, hang, turned
from playhead.worlds.drawing.camera import Camera
from playhead.worlds.drawing.head import HeadLook, HeadModel
from playhead.worlds.drawing.layer import OWNED, Bounds, Canvas, Layer, Mask

__all__ = ["CLOTHES", "HEAD_HEIGHT", "PERSON_LABELS", "PersonLook", "PersonModel"]

HEAD_HEIGHT = 0.134
"""Height of a head in heights of its person."""

_HEAD, _FACE = 1, 2
PERSON_LABELS = {0: "person", _HEAD: "head", _FACE: "face"}
"""The parts of a person's layer; 0 is all of it."""

Colour = tuple[int, int, int]
CLOTHES: tuple[Colour, ...] = (
    (38, 42, 56), (72, 74, 80), (150, 152, 150), (196, 190, 176), (128, 42, 44), (36, 70, 120),
    (58, 92, 66), (176, 140, 62), (86, 58, 96), (28, 28, 30),
)  # fmt: skip
_SHADES = (  # how much of a rod's thickness is how bright: thin, thicker, thick
    ((1.0, 0.78),),
    ((1.0, 0.66), (0.65, 0.86)),
    ((1.0, 0.62), (0.8, 0.76), (0.55, 0.88)),
)


@dataclass(frozen=True, slots=True)
class PersonLook:
    """What one person looks like."""

    head: HeadLook
    height: float  # metres
    broad: float  # 1 is usual
    shirt: Colour
    trousers: Colour
    shoes: Colour
    sleeves: bool  # long ones
    coat: bool
    bag: bool


class PersonModel:
    """Draws one person under one light.

    light: direction to the light as the camera sees it (right, up, towards the camera); largest:
    pixels of the highest head that will be asked for
    """

    def __init__(self, look: PersonLook, light: tuple[float, float, float], largest: float) -> None:
        self.look = look
        self.light = light
        self.head = HeadModel(look.head, light, int(np.clip(largest, 32, 176)))

    def layer(
        self, camera: Camera, position: tuple[float, float], pose: Pose, *, heading: float,
        glance: float = 0.0, bob: float = 0.0,
    ) -> Layer | None:  # fmt: skip
        """The person standing at (x, y), or None where no pixel of the frame can show him.

        heading: radians, 0 against y (towards the usual camera), rising to the right of the image;
        glance: radians that the head is turned beyond the body; bob: metres that a step lifts it
        """
        feet = np.array((*position, 0.0))
        column, row, scale = (float(value) for value in camera.project(feet))
        tall = self.look.height * scale
        box = (column - 0.45 * tall, row - 1.1 * tall, column + 0.45 * tall, row + 4)
        bounds = Bounds.of(box, (camera.width, camera.height))
        depth = float(camera.view(feet)[2])
        if bounds is None or depth < camera.nearest:
            return None
        stand = camera.position
        yaw = heading + math.atan2(position[0] - stand[0], position[1] - stand[1])
        canvas = Canvas(bounds, self.look.shirt)
        self._draw_body(canvas, (column, row), scale, pose, yaw)
        layer = canvas.layer(depth)
        size = tall * HEAD_HEIGHT
        crown = (column + 0.1 * size * math.sin(yaw), row - tall - bob * scale)
        self._add_head(layer, crown, size=size, yaw=yaw + glance)
        return layer

    def _add_head(
        self, layer: Layer, crown: tuple[float, float], *, size: float, yaw: float
    ) -> None:
        """Set the head on the body: `size` pixels high, its top at the crown."""
        sprite = self.head.sprite(yaw, size)
        part = size / sprite.scale
        left = crown[0] - sprite.anchor[0] * part
        top = crown[1] + 0.5 * size - sprite.anchor[1] * part
        corner = (math.ceil(left), math.ceil(top))
        wide = math.floor(left + sprite.rgb.width * part) - corner[0]
        high = math.floor(top + sprite.rgb.height * part) - corner[1]
        if wide < 2 or high < 2:
            return
        first = ((corner[0] - left) / part, (corner[1] - top) / part)
        box = (*first, first[0] + wide / part, first[1] + high / part)
        rgb, alpha, face = (
            image.resize((wide, high), Image.Resampling.BILINEAR, box=box)
            for image in (sprite.rgb, sprite.alpha, sprite.face)
        )
        at = (corner[0] - layer.left, corner[1] - layer.top)
        # Where the body covers nothing, its image holds no colour that edges may mix with.
        bare = layer.alpha.crop((*at, at[0] + wide, at[1] + high)).point(
            lambda value: 255 * (not value)
        )
        layer.image.paste(rgb, at, ImageChops.lighter(alpha, bare))
        layer.alpha.paste(255, at, alpha)
        solid = np.asarray(alpha) >= OWNED
        shown = solid & (np.asarray(face) >= 128)
        layer.parts[_HEAD] = Mask(solid, *corner, float(solid.sum()))
        layer.parts[_FACE] = Mask(shown, *corner, self.head.face_area(size))

    def _draw_body(
        self, canvas: Canvas, feet: tuple[float, float], scale: float, pose: Pose, yaw: float
    ) -> None:
        """Legs and neck, arms behind the torso, torso and bag, arms before it."""
        look, tall, bounds, draw = self.look, self.look.height, canvas.bounds, canvas.draw
        facing = math.sin(yaw), math.cos(yaw)
        unit = scale * canvas.fine
        skin = look.head.skin
        neck: Colour = int(skin[0] * 0.72), int(skin[1] * 0.72), int(skin[2] * 0.72)
        colours = {
            "skin": skin, "neck": neck, "shirt": look.shirt, "trousers": look.trousers,
            "shoes": look.shoes,
        }  # fmt: skip

        def seen(joint: Joint) -> tuple[float, float]:
            right, _, up = turned(joint, facing)
            return (
                (feet[0] + right * scale - bounds.left) * canvas.fine,
                (feet[1] - up * scale - bounds.top) * canvas.fine,
            )

        def nearness(limb: Limb) -> float:
            return turned(limb.start, facing)[1] + turned(limb.end, facing)[1]

        def draw_limb(limb: Limb) -> None:
            """Dark at its edge, lighter towards the light; fewer rods where it is small."""
            start, end = seen(limb.start), seen(limb.end)
            thick = limb.radii[1] * unit
            red, green, blue = colours[limb.part]
            for part, shade in _SHADES[min(int(thick / 3), 2)]:
                shift = (1 - part) * 0.8 * thick
                right, down = self.light[0] * shift, -0.3 * shift
                _draw_rod(
                    draw,
                    (start[0] + right, start[1] + down, limb.radii[0] * unit * part),
                    (end[0] + right, end[1] + down, thick * part),
                    (int(red * shade), int(green * shade), int(blue * shade), 255),
                )

        limbs = [*self._leg(-1, *pose.legs[0]), *self._leg(1, *pose.legs[1])]
        arms = [*self._arm(-1, *pose.arms[0]), *self._arm(1, *pose.arms[1])]
        thick = 0.042 * tall
        limbs.append(Limb((0, 0, 0.8 * tall), (0.01, 0, 0.89 * tall), (thick, thick), "neck"))
        behind = [arm for arm in arms if nearness(arm) < -0.1]
        for limb in [*sorted(limbs, key=nearness), *behind]:
            draw_limb(limb)
        self._draw_torso(draw, seen, yaw, unit)
        if look.bag and facing[1] < 0.2:
            high, low = seen((-0.1, 0.0, 0.79 * tall)), seen((-0.1, 0.0, 0.58 * tall))
            for part, shade in ((1.0, 0.8), (0.7, 1.1)):
                red, green, blue = (int(max(value - 40, 10) * shade) for value in look.trousers)
                radius = 0.08 * tall * unit * part
                _draw_rod(draw, (*high, radius), (*low, radius), (red, green, blue, 255))
        for limb in arms:
            if limb not in behind:
                draw_limb(limb)

    def _leg(self, side: int, swing: float, bend: float) -> list[Limb]:
        tall = self.look.height
        hip = (0.0, 0.055 * tall * side, 0.5 * tall)
        knee = hang(hip, 0.245 * tall, swing)
        forward, _, up = hang(knee, 0.225 * tall, swing - bend)
        ankle = (forward, hip[1] * 0.9, max(up, 0.03))
        toe = (ankle[0] + 0.1 * tall, ankle[1] * 1.2, max(ankle[2] - 0.02 * tall, 0.025))
        return [
            Limb(ankle, toe, (0.028 * tall, 0.022 * tall), "shoes"),
            Limb(knee, ankle, (0.04 * tall, 0.028 * tall), "trousers"),
            Limb(hip, knee, (0.055 * tall * self.look.broad, 0.042 * tall), "trousers"),
        ]

    def _arm(self, side: int, swing: float, bend: float) -> list[Limb]:
        tall = self.look.height
        shoulder = (0.0, 0.115 * tall * side * self.look.broad, 0.805 * tall)
        forward, left, up = hang(shoulder, 0.17 * tall, swing)
        elbow = (forward, left * 1.2, up)
        hand = hang(elbow, 0.16 * tall, swing + bend)
        palm = (hand[0] + 0.01, hand[1], hand[2] - 0.03 * tall)
        return [
            Limb(hand, palm, (0.02 * tall, 0.018 * tall), "skin"),
            Limb(
                elbow, hand, (0.027 * tall, 0.022 * tall), "shirt" if self.look.sleeves else "skin"
            ),
            Limb(shoulder, elbow, (0.035 * tall, 0.03 * tall), "shirt"),
        ]

    def _draw_torso(
        self, draw: ImageDraw.ImageDraw, seen: Callable[[Joint], tuple[float, float]], yaw: float,
        unit: float,
    ) -> None:  # fmt: skip
        """From the shoulders to the hips, in upright slices that follow the light."""
        look, tall = self.look, self.look.height
        sine, cosine = abs(math.sin(yaw)), abs(math.cos(yaw))
        levels = (  # in heights of the person: up, half as wide, half as deep
            (0.835, 0.06, 0.05), (0.812, 0.125, 0.065), (0.7, 0.12, 0.075), (0.6, 0.103, 0.07),
            (0.5, 0.112, 0.075), (0.4 if look.coat else 0.465, 0.118, 0.078),
        )  # fmt: skip
        outline = []
        for level, wide, deep in levels:
            half = math.hypot(wide * cosine, deep * sine) * tall * look.broad * unit
            column, row = seen((0.0, 0.0, level * tall))
            outline.append((column, row, half))
        slices = 7 if outline[1][2] > 12 else 3
        for number in range(slices):
            middle = (number + 0.5) / slices * 2 - 1
            outward = math.sqrt(1 - min(abs(middle), 0.98) ** 2)
            lit = max(0.0, 0.7 * outward + 0.6 * middle * self.light[0])
            colour = tuple(int(value * min(0.5 + 0.45 * lit, 1.05)) for value in look.shirt)
            low, high = number / slices * 2 - 1, (number + 1) / slices * 2 - 1
            sides = [(c + low * h - 0.6, r) for c, r, h in outline]
            sides += [(c + high * h + 0.6, r) for c, r, h in reversed(outline)]
            draw.polygon(sides, fill=(*colour, 255))
        if look.coat and math.cos(yaw) > 0.3:
            column, row, half = outline[0]
            shift = math.sin(yaw) * outline[2][2] * 0.8
            opening = [(column - half * 0.5, row), (column + half * 0.5, row)]
            opening += [(outline[2][0] + shift, outline[3][1])]
            draw.polygon(opening, fill=(*look.trousers, 255))


def _draw_rod(
    draw: ImageDraw.ImageDraw, start: tuple[float, float, float], end: tuple[float, float, float],
    colour: tuple[int, int, int, int],
) -> None:  # fmt: skip
    """A tapered rod with round ends: (column, row, radius) of both."""
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
