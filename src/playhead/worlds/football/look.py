"""The look of one match: colours, light, and the pitch with its stands as one texture.

Whatever is drawn from the random generator here changes images only, never what happens.
Nothing but the ball is brighter than `BRIGHTEST`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playhead.worlds.drawing import Texture
from playhead.worlds.football.flow import LENGTH, WIDTH

__all__ = ["BRIGHTEST", "PARTS", "MatchLook", "draw_look", "paint_pitch"]

BRIGHTEST = 212
LINE = 200.0
PARTS = ("skin", "hair", "jersey", "shorts", "socks", "shoes", "shadow")
LIGHTS = 8
LEFT, RIGHT, NEAR, FAR = -20.0, LENGTH + 20.0, -16.0, WIDTH + 34.0  # the texture's edges, metres

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Distance = Callable[[Floats, Floats], Floats]  # metres from a line, of x (1, C) and y (R, 1)


@dataclass(frozen=True, slots=True, eq=False)
class MatchLook:
    """Everything that distinguishes the images of one match from another's."""

    grass: NDArray[np.float64]  # (2, 3) RGB of the two mowing stripes
    stripe: float  # metres
    stripes_along: bool
    kits: Bytes  # (5, 3, 7, 3): team, keeper ×2 and referee; tone of skin; part; RGB
    light: int  # one of LIGHTS directions that shadows fall to
    shade: float  # darkness of shadows, 0..1
    stand_shadow: float  # metres from the far touch-line that lie in the shadow of the stand
    crowd: Bytes  # (6, 3)
    boards: Bytes  # (5, 3)
    grain: float  # grey levels
    gain: float  # exposure
    seed: int  # of the texture's noise


_KITS = (
    (200, 30, 40), (30, 60, 190), (240, 200, 40), (20, 20, 28), (225, 225, 228), (120, 20, 60),
    (20, 130, 150), (240, 120, 30), (90, 40, 140), (110, 180, 230), (20, 60, 40),
)  # fmt: skip
_SKIN = ((232, 190, 160), (180, 130, 95), (105, 70, 50))
_HAIR = ((60, 40, 25), (30, 22, 18), (20, 16, 14))


def draw_look(rng: np.random.Generator) -> MatchLook:
    """Draw the look of a match."""
    green = np.array([rng.uniform(38, 80), rng.uniform(98, 138), rng.uniform(32, 62)])
    contrast = rng.uniform(0.03, 0.1)
    shirts = rng.permutation(len(_KITS))[:5]
    kits = np.stack([_draw_kit(rng, _KITS[shirt]) for shirt in shirts])
    return MatchLook(
        grass=np.stack([green * (1 + contrast), green * (1 - contrast)]),
        stripe=rng.uniform(4.5, 7.5),
        stripes_along=bool(rng.random() < 0.3),
        kits=kits,
        light=int(rng.integers(LIGHTS)),
        shade=rng.uniform(0.25, 0.55),
        stand_shadow=float(rng.uniform(8, 30)) if rng.random() < 0.4 else 0.0,
        crowd=rng.integers(30, 190, (6, 3)).astype(np.uint8),
        boards=rng.integers(20, 190, (5, 3)).astype(np.uint8),
        grain=rng.uniform(1.5, 4.0),
        gain=rng.uniform(0.85, 1.1),
        seed=int(rng.integers(2**31)),
    )


def _draw_kit(rng: np.random.Generator, jersey: tuple[int, int, int]) -> Bytes:
    """(3, 7, 3): one kit on players of three tones of skin, shadow last."""
    shirt = np.array(jersey) * 0.93
    shorts = shirt if rng.random() < 0.4 else rng.choice(([220, 220, 220], [25, 25, 30]))
    socks = shirt if rng.random() < 0.6 else shorts
    shoes = rng.choice(([30, 30, 30], [200, 80, 30], [180, 180, 60]))
    parts = [
        [*pair, shirt, shorts, socks, shoes, (0, 0, 0)] for pair in zip(_SKIN, _HAIR, strict=True)
    ]
    return np.clip(np.array(parts), 0, BRIGHTEST).astype(np.uint8)


def paint_pitch(look: MatchLook, scale: float, blur: float) -> Texture:
    """Paint pitch, boards and stands at `scale` texels a metre.

    blur: metres that one pixel of the frame will cover; lines are never thinner, so they
    dim with distance instead of flickering.
    """
    rng = np.random.default_rng(look.seed)
    columns, rows = round((RIGHT - LEFT) * scale), round((FAR - NEAR) * scale)
    x = (LEFT + (np.arange(columns, dtype=np.float32) + 0.5) / scale).astype(np.float32)
    y = (FAR - (np.arange(rows, dtype=np.float32) + 0.5) / scale).astype(np.float32)
    texels = np.full((rows, columns, 4), 255, np.uint8)
    _paint_grass(texels, look, x, y, rng)
    brush = _Brush(texels, x, y, max(0.14, 0.8 * blur), max(blur, 0.03))
    _paint_lines(brush)
    _paint_stands(texels, look, x, y, rng)
    return Texture(texels.view(np.uint32)[..., 0], scale, LEFT, FAR)


def _paint_grass(
    texels: Bytes, look: MatchLook, x: Floats, y: Floats, rng: np.random.Generator
) -> None:
    """Mowing stripes, the stand's shadow, and a fine unevenness."""
    wave = np.clip(np.sin((y if look.stripes_along else x) * (np.pi / look.stripe)) * 6, -1, 1)
    stripe = ((wave + 1) / 2).astype(np.float32)[:, None]
    first, second = look.grass.astype(np.float32) * np.float32(look.gain)
    colours = second + (first - second) * stripe  # (rows or columns, 3)
    shadow = np.ones_like(y)
    if look.stand_shadow:
        shadow -= 0.35 * np.clip((y - WIDTH + look.stand_shadow) * 2, 0, 1)
    uneven = 1 + 0.035 * rng.standard_normal((64, len(x)), dtype=np.float32)
    for top in range(0, len(y), 64):
        band = slice(top, min(top + 64, len(y)))
        light = shadow[band, None] * uneven[: band.stop - top]
        for channel in range(3):
            colour = colours[band, None, channel] if look.stripes_along else colours[:, channel]
            texels[band, :, channel] = np.clip(light * colour, 0, BRIGHTEST)


class _Brush:
    """Paints white lines of one width on the grass."""

    def __init__(self, texels: Bytes, x: Floats, y: Floats, width: float, soft: float) -> None:
        self.texels, self.x, self.y, self.width, self.soft = texels, x, y, width, soft

    def box(self, x0: float, x1: float, y0: float, y1: float) -> None:
        """The outline of a rectangle."""
        for level in (y0, y1):
            self.stroke((x0, x1), (level, level), _from_row(level))
        for level in (x0, x1):
            self.stroke((level, level), (y0, y1), _from_column(level))

    def ring(self, x: float, y: float, radius: float, between: tuple[float, float]) -> None:
        """A circle, of which only the part with x in `between` is drawn."""
        x0, x1 = max(x - radius, between[0]), min(x + radius, between[1])
        self.stroke(
            (x0, x1),
            (y - radius, y + radius),
            lambda across, along: np.abs(np.hypot(across - x, along - y) - radius),
        )

    def stroke(
        self,
        across: tuple[float, float],
        along: tuple[float, float],
        distance: Distance,
    ) -> None:
        """Paint the texels of a rectangle whose `distance` to the line is within half a width."""
        reach = self.width / 2
        columns = slice(*np.searchsorted(self.x, (across[0] - reach, across[1] + reach)))
        rows = slice(*np.searchsorted(-self.y, (-along[1] - reach, -along[0] + reach)))
        away = distance(self.x[None, columns], self.y[rows, None])
        cover = np.clip((reach - away) / self.soft + 0.5, 0, 1)[..., None] * np.float32(0.9)
        part = self.texels[rows, columns, :3]
        part[...] = part + (LINE - part.astype(np.float32)) * cover


def _from_row(level: float) -> Distance:
    return lambda x, y: np.abs(y - level) + 0 * x


def _from_column(level: float) -> Distance:
    return lambda x, y: np.abs(x - level) + 0 * y


def _paint_lines(brush: _Brush) -> None:
    """The markings of a pitch of 105 by 68 metres."""
    middle = WIDTH / 2
    everywhere = (-np.inf, np.inf)
    brush.box(0, LENGTH, 0, WIDTH)
    brush.box(LENGTH / 2, LENGTH / 2, 0, WIDTH)
    brush.ring(LENGTH / 2, middle, 9.15, everywhere)
    brush.ring(LENGTH / 2, middle, 0.06, everywhere)
    for line, sign in ((0.0, 1), (LENGTH, -1)):
        for depth, half in ((16.5, 20.16), (5.5, 9.16)):
            first, last = sorted((line, line + sign * depth))
            brush.box(first, last, middle - half, middle + half)
        spot, edge = line + sign * 11, line + sign * 16.5
        brush.ring(spot, middle, 9.15, (edge, np.inf) if sign > 0 else (-np.inf, edge))
        brush.ring(spot, middle, 0.06, everywhere)


def _paint_stands(
    texels: Bytes, look: MatchLook, x: Floats, y: Floats, rng: np.random.Generator
) -> None:
    """Boards and a crowd beyond the far side and behind the goals, a track on the near side."""
    scale = 1.0 / float(x[1] - x[0])
    far, near = (int(np.searchsorted(-y, -edge)) for edge in (WIDTH + 4.0, -5.0))
    left, right = (int(np.searchsorted(x, edge)) for edge in (-6.0, LENGTH + 6.0))
    texels[near:, :, :3] = (52, 50, 54)
    for region in (texels[:far], texels[far:, :left], texels[far:, right:]):
        _paint_crowd(region, look, scale, rng)
    thick = max(1, round(0.9 * scale))
    texels[far:near, left : left + thick, :3] = look.boards[0]
    texels[far:near, right - thick : right, :3] = look.boards[1]
    board = np.arange(len(x)) // max(1, round(6 * scale)) % len(look.boards)
    depth = max(1, round(2.0 * scale))
    texels[far : far + depth, :, :3] = look.boards[board]
    texels[far : far + max(1, depth // 6), :, :3] = 200


def _paint_crowd(texels: Bytes, look: MatchLook, scale: float, rng: np.random.Generator) -> None:
    """Heads above shirts on dark seats, as seen lying on the ground: (rows, columns, 4)."""
    rows, columns = texels.shape[:2]
    wide, deep = 0.6, 1.2  # metres a seat
    across = np.arange(columns, dtype=np.float32) / np.float32(scale * wide)
    down = np.arange(rows, dtype=np.float32) / np.float32(scale * deep)
    i, j = down.astype(np.intp)[:, None], across.astype(np.intp)[None, :]
    seats = rng.integers(0, len(look.crowd), (int(down[-1]) + 1, int(across[-1]) + 1))
    light = rng.uniform(0.5, 1.0, seats.shape) * (rng.random(seats.shape) < 0.88)
    u, v = (across % 1 - 0.5)[None, :], (down % 1)[:, None]
    head = np.hypot(u / 0.22, (v - 0.3) / 0.2) < 1
    body = np.hypot(u / 0.44, (v - 0.85) / 0.42) < 1
    palette = np.concatenate([look.crowd, [[176, 134, 104], [30, 30, 34]]]).astype(np.float32)
    colour = np.where(head, len(look.crowd), np.where(body, seats[i, j], len(look.crowd) + 1))
    shade = np.where(head | body, light[i, j], 1.0).astype(np.float32) * np.float32(look.gain)
    for channel in range(3):
        value = palette[:, channel][colour] * shade
        texels[..., channel] = np.clip(np.maximum(value, 26), 0, BRIGHTEST - 40)
