"""The frames of one view: field, shadows, and the parts of all players from far to near.

Every frame is the mean of a few images within its exposure, each drawn at twice its size and moved
by a part of a pixel, which gives motion blur and smooth edges.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from playhead.worlds.collisions.look import PlayLook, Uniform
from playhead.worlds.collisions.physics import Motion
from playhead.worlds.collisions.pose import (
    BAR,
    BARS,
    CHEST,
    EARS,
    HELMET,
    MIDDLE,
    OPENING,
    RODS,
    STRIPE,
    TORSO,
    Projected,
    place_bodies,
    project,
)
from playhead.worlds.collisions.script import HEAD_RADIUS
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
# Strokes through the points of a grid of two columns and three rows: 01, 45, 23 from top to bottom.
_DIGITS = {
    "0": ("01320",), "1": ("13",), "2": ("015423",), "3": ("0132", "45"), "4": ("045", "13"),
    "5": ("104532",), "6": ("102354",), "7": ("013",), "8": ("01320", "45"), "9": ("540132",),
}  # fmt: skip
_GRID = {"0": (0, 0), "1": (1, 0), "4": (0, 1), "5": (1, 1), "2": (0, 2), "3": (1, 2)}
# Which ends of a rod are round: the others lie in another part. And whether it is shaded.
_CAPS = {
    "thigh": (0, 0, 1), "shin": (0, 0, 0), "shoe": (0, 0, 0), "knee": (1, 0, 1), "torso": (1, 1, 1),
    "chest": (0, 0, 1), "pad": (1, 0, 1), "arm": (0, 0, 1), "forearm": (1, 0, 0), "hand": (1, 0, 0),
}  # fmt: skip


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
    noise = SensorNoise(np.random.default_rng(view.seed), size, view.grain)
    kits = [uniform.lit(view.gain) for uniform in look.uniforms]
    drawn = list(range(len(kits))) if players is None else players
    exposure = min(view.exposure, spacing)
    jitter = _JITTER[fine]
    count = len(jitter)
    parts = ((np.arange(count) + 0.5) / count - 0.5) * exposure
    for first in range(0, len(times), CHUNK):
        moments = times[first : first + CHUNK, None] + parts
        bodies = project(place_bodies(motion, moments), camera)
        offsets = view.offset(moments) * large[0]
        shadows = camera.project(_flat(motion.at("body", times[first : first + CHUNK])))
        for index, time in enumerate(times[first : first + CHUNK].tolist()):
            left, top = np.rint(margin - offsets[index].mean(axis=0)).astype(int).tolist()
            ground = field.crop((left, top, left + large[0], top + large[1]))
            _draw_shadows(ground, [s[index] for s in shadows], offsets[index].mean(axis=0), drawn)
            total = np.zeros((height, width, 3), np.uint16)
            for sub in range(count):
                image = ground.copy()
                shift = offsets[index, sub] + jitter[sub]
                painter = _Painter(ImageDraw.Draw(image), bodies, (index, sub), shift)
                for player, part in painter.order(drawn):
                    painter.paint(player, part, kits[player])
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
    shift = view.offset(np.array(time)) * TRUTH_WIDTH
    count = bodies.depths.shape[1]
    image = Image.new("L", size, 0)
    painter = _Painter(ImageDraw.Draw(image), bodies, (0,), shift)
    for player, part in painter.order(list(range(count))):
        painter.mask(player, part)
    owner = np.asarray(image)
    shares: list[float] = []
    for player in players:
        alone = Image.new("L", size, 0)
        _Painter(ImageDraw.Draw(alone), bodies, (0,), shift).mask(player, HELMET)
        pixels = np.asarray(alone) > 0
        shown = np.count_nonzero(pixels & (owner == player + 1))
        shares.append(shown / max(int(np.count_nonzero(pixels)), 1))
    return shares


class _Painter:
    """Draws the parts of bodies at one instant; all coordinates are pixels of the drawing."""

    def __init__(
        self, draw: ImageDraw.ImageDraw, bodies: Projected, index: tuple[int, ...], shift: Floats
    ) -> None:
        self.draw = draw
        self.starts = (bodies.starts[index] + shift).tolist()
        self.ends = (bodies.ends[index] + shift).tolist()
        self.scales = bodies.scales[index].tolist()
        self.helmets = bodies.helmets[index] + shift
        self.front = bodies.front[index]
        self.depths = bodies.depths[index]
        self.looks = bodies.looks[index].tolist()

    def order(self, players: list[int]) -> list[tuple[int, int]]:
        """(player, part) from far to near."""
        # Rods are sorted by their middles: a head and a chest bulge out of what is next to them.
        depths = self.depths[players].copy()
        depths[:, [CHEST, HELMET]] -= 0.1
        ranks = np.argsort(-depths, axis=None, kind="stable")
        rows, parts = np.unravel_index(ranks, depths.shape)
        return [(players[r], p) for r, p in zip(rows.tolist(), parts.tolist(), strict=True)]

    def mask(self, player: int, part: int) -> None:
        """The silhouette of a part: that of a helmet as player + 1, any other as 0."""
        if part < HELMET:
            self.rod(player, part, 0)
            return
        x, y = self.helmets[player, MIDDLE].tolist()
        self.disc(x, y, HEAD_RADIUS * self.scales[player][HELMET], player + 1)
        self.cage(player, player + 1)

    def paint(self, player: int, part: int, kit: Uniform) -> None:
        if part == HELMET:
            self.helmet(player, kit)
            return
        name = RODS[part][0]
        light, dark = kit.colours[name]
        if not _CAPS[name][2]:
            self.rod(player, part, light)
            return
        self.rod(player, part, dark)
        self.rod(player, part, light, share=0.72, aside=0.24)
        if name == "pad":
            x, y = self.starts[player][part]
            size = RODS[part][1] * self.scales[player][part]
            self.disc(x - 0.35 * size, y - 0.42 * size, 0.2 * size, kit.colours["shine"][0])
        if name == "chest" and abs(self.looks[player]) > 0.45:
            self.number(player, part, kit)

    def rod(
        self, player: int, part: int, fill: Colour | int, *, share: float = 1.0, aside: float = 0.0
    ) -> None:
        """share: of the radius; aside: radii it is moved up, and half as many to the left."""
        name, metres = RODS[part]
        radius = metres * self.scales[player][part]
        (x0, y0), (x1, y1) = self.starts[player][part], self.ends[player][part]
        dx, dy = -aside * radius / 2, -aside * radius
        x0, y0, x1, y1 = x0 + dx, y0 + dy, x1 + dx, y1 + dy
        radius *= share
        first, last, _ = _CAPS[name]
        if name not in ("knee", "pad", "hand"):
            self.draw.line((x0, y0, x1, y1), fill=fill, width=max(round(2 * radius), 1))
        if first:
            self.disc(x0, y0, radius, fill)
        if last:
            self.disc(x1, y1, radius, fill)

    def disc(self, x: float, y: float, radius: float, fill: Colour | int) -> None:
        low, left = round(y - radius), round(x - radius)
        right, bottom = max(round(x + radius) - 1, left), max(round(y + radius) - 1, low)
        self.draw.ellipse((left, low, right, bottom), fill=fill)

    def cage(self, player: int, fill: Colour | int) -> None:
        width = max(round(2 * BAR * self.scales[player][HELMET]), 1)
        for bar in BARS:
            points = self.helmets[player, bar] - 0.5
            self.draw.line(points.ravel().tolist(), fill=fill, width=width)

    def helmet(self, player: int, kit: Uniform) -> None:
        points, front = self.helmets[player], self.front[player]
        middle = points[MIDDLE]
        x, y = middle.tolist()
        radius = HEAD_RADIUS * self.scales[player][HELMET]
        facing = bool(front[BARS[1]][3] > -0.02)
        if not facing:
            self.cage(player, kit.cage)
        light, dark = kit.colours["helmet"]
        self.disc(x, y, radius, dark)
        self.disc(x - 0.06 * radius, y - 0.1 * radius, 0.88 * radius, kit.colours["shell"][0])
        self.disc(x - 0.16 * radius, y - 0.24 * radius, 0.58 * radius, light)
        shown = front[STRIPE] > 0
        if shown.sum() > 1:
            stripe = middle + 0.89 * (points[STRIPE][shown] - middle)  # within the shell
            width = max(round(0.24 * radius), 1)
            self.draw.line(stripe.ravel().tolist(), fill=kit.stripe, width=width)
        ears = middle + 0.85 * (points[EARS] - middle)
        for (column, row), near in zip(ears.tolist(), front[EARS].tolist(), strict=True):
            if near > 0.4 * HEAD_RADIUS:
                self.disc(column, row, 0.2 * radius, kit.stripe)
        # Points of the face opening behind the limb are moved onto it.
        opening, hidden = points[OPENING] - middle, front[OPENING] <= 0
        if not hidden.all():
            size = np.maximum(np.linalg.norm(opening, axis=1), 1e-6)[:, None]
            onto = np.where(hidden[:, None], opening / size * radius * 0.97, opening)
            self.draw.polygon((middle + onto).ravel().tolist(), fill=kit.inside)
            if front[OPENING].mean() > 0.3 * HEAD_RADIUS:
                column, row = (middle + 0.85 * opening.mean(axis=0)).tolist()
                self.disc(column, row, 0.42 * radius, kit.face)
        shine = kit.colours["shine"][0]
        self.disc(x - 0.32 * radius, y - 0.48 * radius, 0.16 * radius, shine)
        if facing:
            self.cage(player, kit.cage)

    def number(self, player: int, part: int, kit: Uniform) -> None:
        """Two digits on the chest or the back, as strokes."""
        (x0, y0), (x1, y1) = sorted((self.starts[player][part], self.ends[player][part]))
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        wide, rise = (x1 - x0) * 0.95, (y1 - y0) * 0.95
        low = self.starts[player][TORSO]
        down, slant = (low[1] - y) * 0.26, (low[0] - x) * 0.26
        width = max(round(0.035 * self.scales[player][part]), 1)
        for left, digit in zip((-0.5, 0.1), kit.number, strict=True):
            for stroke in _DIGITS[digit]:
                path = []
                for column, row in map(_GRID.__getitem__, stroke):
                    along, below = left + 0.4 * column, row + 0.2
                    path.append((x + along * wide + below * slant, y + along * rise + below * down))
                self.draw.line(path, fill=kit.ink, width=width)


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
    image = shade[..., None] * np.array(look.grass, np.float32)
    along, across = np.abs((x - look.line + 2.286) % 4.572 - 2.286), np.abs(np.abs(y) - 2.8)
    marks = np.abs((x - look.line + 0.457) % 0.914 - 0.457)
    white = (along < 0.06) | ((marks < 0.05) & (across < 0.3)) | (np.abs(np.abs(y) - 15) < 0.12)
    image = np.where(white[..., None], np.array((188, 190, 186), np.float32), image)
    return Image.fromarray(
        np.clip(image * np.array(view.gain, np.float32), 0, 255).astype(np.uint8)
    )


def _cell(metres: Floats, scale: float) -> NDArray[np.int64]:
    return np.floor(metres * scale).astype(np.int64) % 256
