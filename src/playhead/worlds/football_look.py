"""The look of one match: colours, light, and the pitch with its stands as one texture.

Whatever is drawn from the random generator here changes pictures only, never what happens.
Nothing but the ball is brighter than `BRIGHTEST`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playhead.worlds.football_flow import LENGTH, WIDTH

__all__ = ["BRIGHTEST", "COLOURS", "Look", "Texture", "draw_look", "paint_pitch"]

BRIGHTEST = 212
COLOURS = ("skin", "hair", "jersey", "shorts", "socks", "shoes", "shadow")
LIGHTS = 8
LEFT, RIGHT, NEAR, FAR = -20.0, LENGTH + 20.0, -16.0, WIDTH + 34.0  # the texture's edges, metres

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """Everything that distinguishes the picture of one match from another's."""

    grass: NDArray[np.float64]  # (2, 3) RGB of the two mowing stripes
    stripe: float  # metres
    stripes_along: bool
    kits: Bytes  # (5, 3, 7, 3): team, keeper ×2 and referee; tone of skin; part; RGB
    light: int  # one of LIGHTS directions that shadows fall to
    shade: float  # darkness of shadows, 0..1
    stand_shadow: float  # metres from the far touch-line that lie in the stand's shadow
    crowd: Bytes  # (6, 3)
    boards: Bytes  # (5, 3)
    grain: float  # grey levels
    gain: float  # exposure
    seed: int  # of the texture's noise


@dataclass(frozen=True, slots=True, eq=False)
class Texture:
    """Ground seen from above: packed RGBA, `scale` texels a metre; row 0 is the far edge."""

    texels: NDArray[np.uint32]  # (rows, columns)
    scale: float

    def column(self, x: Floats) -> Floats:
        """Metres along the pitch → texel columns, not rounded."""
        return (x - np.float32(LEFT)) * np.float32(self.scale)

    def row(self, y: Floats) -> Floats:
        """Metres across the pitch → texel rows, not rounded."""
        return (np.float32(FAR) - y) * np.float32(self.scale)


_KITS = (
    (200, 30, 40), (30, 60, 190), (240, 200, 40), (20, 20, 28), (225, 225, 228), (120, 20, 60),
    (20, 130, 150), (240, 120, 30), (90, 40, 140), (110, 180, 230), (20, 60, 40),
)  # fmt: skip
_SKIN = ((232, 190, 160), (180, 130, 95), (105, 70, 50))
_HAIR = ((60, 40, 25), (30, 22, 18), (20, 16, 14))


def draw_look(rng: np.random.Generator) -> Look:
    """Draw the look of a match."""
    green = np.array([rng.uniform(38, 80), rng.uniform(98, 138), rng.uniform(32, 62)])
    contrast = rng.uniform(0.03, 0.1)
    shirts = rng.permutation(len(_KITS))[:5]
    kits = np.stack([_draw_kit(rng, _KITS[shirt]) for shirt in shirts])
    return Look(
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


def paint_pitch(look: Look, scale: float, blur: float) -> Texture:
    """Paint pitch, boards and stands at `scale` texels a metre.

    blur: metres that one pixel of the picture will cover; lines are never thinner, so they
    dim with distance instead of flickering.
    """
    rng = np.random.default_rng(look.seed)
    columns, rows = round((RIGHT - LEFT) * scale), round((FAR - NEAR) * scale)
    x = (LEFT + (np.arange(columns, dtype=np.float32) + 0.5) / scale)[None, :]
    y = (FAR - (np.arange(rows, dtype=np.float32) + 0.5) / scale)[:, None]
    texels = np.empty((rows, columns, 4), np.uint8)
    for top in range(0, rows, 256):
        band = slice(top, min(top + 256, rows))
        _paint_band(texels[band], look, x, y[band], blur=blur, rng=rng)
    _paint_stands(texels, look, x[0], y[:, 0], rng)
    texels[..., 3] = 255
    return Texture(texels.view(np.uint32)[..., 0], scale)


def _paint_band(
    texels: Bytes, look: Look, x: Floats, y: Floats, *, blur: float, rng: np.random.Generator
) -> None:
    along = y if look.stripes_along else x
    wave = np.sin(along * np.float32(np.pi / look.stripe)) * 6
    stripe = np.broadcast_to(np.clip(wave, -1, 1) * 0.5 + 0.5, texels.shape[:2])
    light = rng.normal(1.0, 0.035, texels.shape[:2]).astype(np.float32)
    if look.stand_shadow:
        edge = WIDTH - look.stand_shadow
        light *= 1 - np.float32(0.35) * np.clip((y - edge) * 2, 0, 1)
    light *= np.float32(look.gain)
    lines = _lines(x, y, np.float32(blur)) * np.float32(0.9)
    for channel in range(3):
        first, second = look.grass[:, channel].astype(np.float32)
        colour = (second + (first - second) * stripe) * light
        colour += (np.minimum(205 * np.sqrt(light), BRIGHTEST) - colour) * lines
        texels[..., channel] = np.clip(colour, 0, BRIGHTEST)


def _lines(x: Floats, y: Floats, blur: np.float32) -> Floats:
    """Coverage 0..1 of the white lines at x (1, C), y (R, 1)."""
    width = np.maximum(np.float32(0.14), blur * np.float32(0.8))
    soft = np.maximum(blur, np.float32(0.03))

    def stroke(distance: Floats) -> Floats:
        covered: Floats = np.clip((width / 2 - distance) / soft + np.float32(0.5), 0, 1)
        return covered

    def within(value: Floats, low: float, high: float) -> Floats:
        inner: Floats = ((value > low - width / 2) & (value < high + width / 2)).astype(np.float32)
        return inner

    across, middle = np.abs(y - np.float32(WIDTH / 2)), np.abs(x - np.float32(LENGTH / 2))
    goal_line = np.float32(LENGTH / 2) - middle  # metres from the nearer goal line
    total = stroke(np.abs(across - np.float32(WIDTH / 2))) * within(goal_line, 0, LENGTH)
    total = np.maximum(total, stroke(np.abs(goal_line)) * within(across, 0, WIDTH / 2))
    total = np.maximum(total, stroke(middle) * within(across, 0, WIDTH / 2))
    for depth, half in ((16.5, 20.16), (5.5, 9.16)):
        total = np.maximum(total, stroke(np.abs(goal_line - depth)) * within(across, 0, half))
        total = np.maximum(total, stroke(np.abs(across - half)) * within(goal_line, 0, depth))
    total = np.maximum(total, stroke(np.abs(np.hypot(middle, across) - np.float32(9.15))))
    spot = np.hypot(goal_line - 11, across)
    arc = stroke(np.abs(spot - np.float32(9.15))) * within(goal_line, 16.5, 30)
    spots = np.minimum(spot, np.hypot(middle, across)) - np.float32(0.12)
    painted: Floats = np.maximum(np.maximum(total, arc), stroke(np.maximum(spots, 0)))
    return painted


def _paint_stands(
    texels: Bytes, look: Look, x: Floats, y: Floats, rng: np.random.Generator
) -> None:
    """Boards and a crowd beyond the far side and behind the goals, a track on the near side."""
    scale = 1.0 / float(x[1] - x[0])
    far = int(np.searchsorted(-y, -(WIDTH + 4.0)))  # rows above belong to the far stand
    near = int(np.searchsorted(-y, 5.0))
    left, right = int(np.searchsorted(x, -6.0)), int(np.searchsorted(x, LENGTH + 6.0))
    texels[near:, :, :3] = (52, 50, 54)
    crowd = _crowd(look, len(y), len(x), scale, rng)
    texels[:, :left], texels[:, right:] = crowd[:, :left], crowd[:, right:]
    texels[:far] = crowd[:far]
    thick = max(1, round(0.9 * scale))
    texels[:near, left : left + thick, :3] = look.boards[0]
    texels[:near, right - thick : right, :3] = look.boards[1]
    length = max(1, round(6 * scale))
    board = (np.arange(len(x)) // length) % len(look.boards)
    depth = max(1, round(2.0 * scale))
    texels[far : far + depth, :, :3] = look.boards[board]
    texels[far : far + max(1, depth // 6), :, :3] = 200


def _crowd(look: Look, rows: int, columns: int, scale: float, rng: np.random.Generator) -> Bytes:
    """People as blobs of a palette on dark seats, (rows, columns, 4)."""
    wide, deep = 0.55, 1.15  # metres a seat, as seen on the ground
    seats = rng.integers(0, 6, (int(rows / scale / deep) + 2, int(columns / scale / wide) + 2))
    lights = rng.uniform(0.45, 1.0, seats.shape)
    taken = (rng.random(seats.shape) < 0.86) * lights
    across = np.arange(columns) / scale / wide
    down = np.arange(rows) / scale / deep
    i, j = down.astype(np.intp)[:, None], across.astype(np.intp)[None, :]
    away = ((across % 1 - 0.5)[None, :] / 0.46) ** 2 + ((down % 1 - 0.5)[:, None] / 0.44) ** 2
    shape = np.clip(1.35 - away, 0, 1).astype(np.float32) * taken[i, j].astype(np.float32)
    out = np.full((rows, columns, 4), 255, np.uint8)
    for channel in range(3):
        colour = look.crowd[:, channel].astype(np.float32)[seats[i, j]]
        out[..., channel] = (
            30 + (colour * np.float32(look.gain) - 30).clip(0, BRIGHTEST - 40) * shape
        )
    return out
