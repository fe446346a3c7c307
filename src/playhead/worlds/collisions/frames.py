"""The frames of one view: field, shadows, and the parts of all players from far to near.

Every frame is the mean of a few images within its exposure, each drawn at twice its size and moved
by a part of a pixel, which gives motion blur and smooth edges.
"""

from collections.abc import Iterator
from itertools import chain, compress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from playhead.worlds.collisions.look import PlayLook, Uniform
from playhead.worlds.collisions.physics import Motion
from playhead.worlds.collisions.pose import BARS, CHEST, HELMET, place_bodies, project
from playhead.worlds.collisions.shapes import (
    LAYERS,
    SILHOUETTES,
    STROKES,
    Shapes,
    digit_paths,
    shape_bodies,
)
from playhead.worlds.collisions.views import View
from playhead.worlds.drawing import SensorNoise

__all__ = ["draw_frames", "visible_shares"]

Floats = NDArray[np.float64]
Colour = tuple[int, int, int]

TRUTH_WIDTH = 1152  # pixels across the image in which the visible shares are counted
CHUNK = 32  # frames whose bodies are computed at once
_DOUBLED_UP_TO = 480_000  # pixels: larger frames are drawn at their own size
# Where the images of one frame are moved, in pixels of the drawing; there are as many as rows.
_JITTER = {
    1: np.array([[0.12, -0.37], [-0.37, -0.12], [0.37, 0.12], [-0.12, 0.37]]),
    2: np.array([[0.25, -0.25], [-0.25, 0.25]]),
}


def draw_frames(
    motion: Motion, view: View, look: PlayLook, times: Floats, size: tuple[int, int],
    *, spacing: float, players: list[int] | None = None,
) -> Iterator[NDArray[np.uint8]]:  # fmt: skip
    """Yield the RGB frames (H, W, 3) at `times`.

    spacing: seconds between two frames, which bounds the exposure; players: those that are drawn,
    all by default
    """
    width, height = size
    fine = 2 if width * height <= _DOUBLED_UP_TO else 1
    large = (width * fine, height * fine)
    camera = view.camera(large)
    margin = round(0.1 * large[0])
    field = _paint_field(view, look, large, margin)
    # Images are reused, since new ones cost more than what is copied into them.
    ground, image = Image.new("RGB", large), Image.new("RGB", large)
    noise = SensorNoise(np.random.default_rng(view.seed), size, view.grain)
    kits = [uniform.lit(view.gain) for uniform in look.uniforms]
    ink = ImageDraw.Draw(field).draw.draw_ink
    inks = [[ink(kit.colours[stroke.colour][stroke.tone]) for stroke in STROKES] for kit in kits]
    drawn = list(range(len(kits))) if players is None else players
    exposure = min(view.exposure, spacing)
    jitter = _JITTER[fine]
    count = len(jitter)
    parts = ((np.arange(count) + 0.5) / count - 0.5) * exposure
    for first in range(0, len(times), CHUNK):
        moments = times[first : first + CHUNK, None] + parts
        bodies = project(place_bodies(motion, moments), camera)
        offsets = view.offset(moments) * large[0]
        shapes = shape_bodies(bodies, offsets + jitter)
        shadows = camera.project(_flat(motion.at("body", times[first : first + CHUNK])))
        for index, time in enumerate(times[first : first + CHUNK].tolist()):
            left, top = np.rint(margin - offsets[index].mean(axis=0)).astype(int).tolist()
            ground.paste(field, (-left, -top))
            _draw_shadows(ground, [s[index] for s in shadows], offsets[index].mean(axis=0), drawn)
            total = np.zeros((height, width, 3), np.uint16)
            for sub in range(count):
                image.paste(ground)
                painter = _Painter(image, shapes, (index, sub))
                for player, part in painter.order(drawn):
                    painter.paint(player, part, kits[player], inks[player])
                total += np.asarray(image.reduce(fine) if fine > 1 else image)
            yield noise.add((total // count).astype(np.uint8), time)


def visible_shares(
    motion: Motion, view: View, time: float, players: list[int], ratio: float
) -> list[float]:
    """Which share of the helmets of `players`, 0 to 1, no other part of a body hides.

    ratio: height of the image over its width
    """
    size = (TRUTH_WIDTH, round(TRUTH_WIDTH * ratio))
    bodies = project(place_bodies(motion, np.array([time])), view.camera(size))
    shapes = shape_bodies(bodies, view.offset(np.array([time])) * TRUTH_WIDTH)
    image = Image.new("L", size, 0)
    painter = _Painter(image, shapes, (0,))
    for player, part in painter.order(list(range(shapes.depths.shape[1]))):
        painter.mask(player, part)
    shares: list[float] = []
    for player in players:
        alone = Image.new("L", size, 0)
        _Painter(alone, shapes, (0,)).mask(player, HELMET)
        box = alone.getbbox() or (0, 0, 1, 1)
        pixels = np.asarray(alone.crop(box)) > 0
        shown = np.count_nonzero(pixels & (np.asarray(image.crop(box)) == player + 1))
        shares.append(shown / max(int(np.count_nonzero(pixels)), 1))
    return shares


class _Painter:
    """Draws the parts of bodies at one instant."""

    def __init__(self, image: Image.Image, shapes: Shapes, index: tuple[int, ...]) -> None:
        self.draw = ImageDraw.Draw(image)
        self.depths = shapes.depths[index]
        # Drawing takes lists faster than arrays.
        self.at: dict[str, list[Any]] = {
            name: getattr(shapes, name)[index].tolist() for name in Shapes.__slots__
        }

    def order(self, players: list[int]) -> list[tuple[int, int]]:
        """(player, part) from far to near."""
        depths = self.depths[players]
        ranks = np.argsort(-depths, axis=None, kind="stable")
        rows, parts = np.unravel_index(ranks, depths.shape)
        return [(players[r], p) for r, p in zip(rows.tolist(), parts.tolist(), strict=True)]

    def mask(self, player: int, part: int) -> None:
        """The silhouette of a part: that of a helmet as player + 1, any other as 0."""
        if part < HELMET:
            self.rod(player, SILHOUETTES[part], [0] * len(STROKES))
            return
        self.draw.ellipse(self.at["shell"][player][0], player + 1)
        self.bars(player, player + 1)

    def paint(self, player: int, part: int, kit: Uniform, inks: list[int]) -> None:
        if part == HELMET:
            self.helmet(player, kit)
            return
        self.rod(player, LAYERS[part], inks)
        if part == CHEST and self.at["sides"][player][5]:
            grid, width = self.at["digits"][player], self.at["pens"][player][2]
            for path in digit_paths(kit.number):
                self.draw.line([xy for point in path for xy in grid[point]], kit.ink, width)

    def rod(self, player: int, strokes: slice, inks: list[int]) -> None:
        # Most of the time goes here, so it calls what `ImageDraw.line` and `ellipse` call.
        line, ellipse = self.draw.draw.draw_lines, self.draw.draw.draw_ellipse
        places, widths = self.at["strokes"][player][strokes], self.at["widths"][player][strokes]
        for place, width, ink in zip(places, widths, inks[strokes], strict=True):
            if width:
                line(place, ink, width)
            else:
                ellipse(place, ink, 1)

    def bars(self, player: int, fill: Colour | int) -> None:
        points, width = self.at["cage"][player], self.at["pens"][player][0]
        for bar in BARS:
            self.draw.line(points[2 * bar.start : 2 * bar.stop], fill, width)

    def helmet(self, player: int, kit: Uniform) -> None:
        cage, left, right, opening, face, _ = self.at["sides"][player]
        if not cage:
            self.bars(player, kit.cage)
        light, dark = kit.colours["helmet"]
        shell, ellipse = self.at["shell"][player], self.draw.ellipse
        for disc, fill in zip(shell[:3], (dark, kit.colours["shell"][0], light), strict=True):
            ellipse(disc, fill)
        stripe = list(chain(*compress(self.at["stripe"][player], self.at["shown"][player])))
        if len(stripe) > 2:
            self.draw.line(stripe, kit.stripe, self.at["pens"][player][1])
        for disc in compress(self.at["ears"][player], (left, right)):
            ellipse(disc, kit.stripe)
        if opening:
            self.draw.polygon(self.at["inside"][player], kit.inside)
        if face:
            ellipse(self.at["face"][player], kit.face)
        ellipse(shell[3], kit.colours["shine"][0])
        if cage:
            self.bars(player, kit.cage)


def _flat(places: Floats) -> Floats:
    """(..., 2) on the ground → (..., 3)."""
    return np.concatenate([places, np.zeros((*places.shape[:-1], 1))], axis=-1)


def _draw_shadows(
    ground: Image.Image, feet: list[Floats], shift: Floats, players: list[int]
) -> None:
    draw = ImageDraw.Draw(ground, "RGBA")
    for player in players:
        x, y = feet[0][player] + shift[0], feet[1][player] + shift[1]
        wide, high = 0.42 * feet[2][player], 0.13 * feet[2][player]
        draw.ellipse((x - wide, y - high, x + wide, y + high), fill=(0, 0, 0, 70))


def _paint_field(view: View, look: PlayLook, size: tuple[int, int], margin: int) -> Image.Image:
    """The empty field, `margin` pixels larger than the drawing on each side."""
    camera = view.camera(size)
    columns = np.arange(-margin, size[0] + margin, dtype=np.float32)[None, :] + np.float32(0.5)
    rows = np.arange(-margin, size[1] + margin, dtype=np.float32)[:, None] + np.float32(0.5)
    horizon = camera.centre[1] + camera.focal * np.float32(-np.tan(view.tilt) + 0.02)
    x, y = camera.ground(columns, np.maximum(rows, horizon))
    rng = np.random.default_rng(look.seed)
    patches = gaussian_filter(rng.normal(0, 1, (256, 256)), 3, mode="wrap").astype(np.float32)
    blades = rng.normal(0, 1, (256, 256)).astype(np.float32)
    shade = 1 + 0.25 * patches[_cell(x, 5), _cell(y, 5)] + 0.05 * blades[_cell(x, 22), _cell(y, 9)]
    shade = shade + look.stripes * np.sign(np.sin((x - look.line) * np.pi / 4.572))
    lines, marks = _from_multiple(x - look.line, 4.572), _from_multiple(x - look.line, 0.914)
    hashes = (marks < 0.05) & (np.abs(np.abs(y) - 2.8) < 0.3)
    gain = np.array(view.gain, np.float32)
    image = shade[..., None] * (np.array(look.grass, np.float32) * gain)
    image[(lines < 0.06) | hashes | (np.abs(np.abs(y) - 15) < 0.12)] = (188, 190, 186) * gain
    return Image.fromarray(np.clip(image, 0, 255, out=image).astype(np.uint8))


def _cell(metres: Floats, scale: float) -> NDArray[np.int32]:
    return np.floor(metres * scale).astype(np.int32) & 255


def _from_multiple(metres: Floats, period: float) -> Floats:
    """Metres to the nearest multiple of a period."""
    distance: Floats = np.abs(metres - period * np.rint(metres / period))
    return distance
