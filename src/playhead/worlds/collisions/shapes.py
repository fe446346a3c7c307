"""From bodies in the image of a camera to what is drawn of them: lines, discs and polygons.

The shapes of all players and instants are computed at once, so a painter only loops over them.
"""

from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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
)
from playhead.worlds.collisions.script import HEAD_RADIUS

__all__ = ["LAYERS", "SILHOUETTES", "STROKES", "Shapes", "digit_paths", "shape_bodies"]

Floats = NDArray[np.float64]

# Which ends of a rod are round: the others lie in another part. And whether it is shaded.
_CAPS = {
    "thigh": (0, 0, 1), "shin": (0, 0, 0), "shoe": (0, 0, 0), "knee": (1, 0, 1), "torso": (1, 1, 1),
    "chest": (0, 0, 1), "pad": (1, 0, 1), "arm": (0, 0, 1), "forearm": (1, 0, 0), "hand": (1, 0, 0),
}  # fmt: skip
# Strokes through the points of a grid of two columns and three rows: 01, 45, 23 from top to bottom.
_DIGITS = {
    "0": ("01320",), "1": ("13",), "2": ("015423",), "3": ("0132", "45"), "4": ("045", "13"),
    "5": ("104532",), "6": ("102354",), "7": ("013",), "8": ("01320", "45"), "9": ("540132",),
}  # fmt: skip
_GRID = {"0": (0, 0), "1": (1, 0), "4": (0, 1), "5": (1, 1), "2": (0, 2), "3": (1, 2)}
# Discs on the sphere of a helmet, in its radii: to the right, down, radius.
_SHELL = np.array([[0, 0, 1], [-0.06, -0.1, 0.88], [-0.16, -0.24, 0.58], [-0.32, -0.48, 0.16]])


class Stroke(NamedTuple):
    """A line along a rod, or a disc at one of its ends."""

    rod: int
    ends: tuple[int, int]  # 0 the start, 1 the end of the rod; a disc if they are the same
    share: float  # of the radius of the rod
    move: tuple[float, float]  # radii to the right and down
    colour: str
    tone: int  # 0 lit, 1 shaded


def _strokes(rod: int) -> list[Stroke]:
    """The strokes of a rod, from the lowest to the uppermost."""
    name = RODS[rod][0]
    first, last, shaded = _CAPS[name]
    ends = [(0, 1)] * (name not in ("knee", "pad", "hand")) + [(0, 0)] * first + [(1, 1)] * last
    strokes = [Stroke(rod, pair, 1.0, (0.0, 0.0), name, shaded) for pair in ends]
    if shaded:
        strokes += [Stroke(rod, pair, 0.72, (-0.12, -0.24), name, 0) for pair in ends]
    if name == "pad":
        strokes.append(Stroke(rod, (0, 0), 0.2, (-0.35, -0.42), "shine", 0))
    return strokes


STROKES = [stroke for rod in range(HELMET) for stroke in _strokes(rod)]
"""The strokes of a body but for its helmet."""
_EDGES = accumulate((len(_strokes(rod)) for rod in range(HELMET)), initial=0)
LAYERS = [slice(start, stop) for start, stop in pairwise(_EDGES)]
"""Which strokes a rod has."""
SILHOUETTES = [
    slice(layer.start, layer.start + sum(stroke.share == 1 for stroke in STROKES[layer]))
    for layer in LAYERS
]
"""Which strokes make up the silhouette of a rod."""


@dataclass(frozen=True, slots=True, eq=False)
class Shapes:
    """The shapes of bodies at instants (...,), in pixels of the drawing."""

    strokes: Floats  # (..., players, strokes, 4) the ends of a line or the box of a disc
    widths: NDArray[np.int64]  # (..., players, strokes) 0: a disc
    shell: Floats  # (..., players, 4, 4) boxes: three tones from the shaded to the lit, and a shine
    ears: Floats  # (..., players, 2, 4) boxes
    face: Floats  # (..., players, 4) box
    inside: Floats  # (..., players, 24) the polygon of the face opening
    stripe: Floats  # (..., players, 9, 2)
    cage: Floats  # (..., players, 50) the points of all bars
    digits: Floats  # (..., players, 12, 2) the grids of both digits
    pens: NDArray[np.int64]  # (..., players, 3) the widths of the bars, the stripe and the digits
    shown: NDArray[np.bool_]  # (..., players, 9) which points of the stripe are on the near side
    sides: NDArray[np.bool_]  # (..., players, 6) see `shape_bodies`
    depths: Floats  # (..., players, rods + 1) metres by which the parts are sorted


def shape_bodies(bodies: Projected, shift: Floats) -> Shapes:
    """shift: (..., 2) by which the image is moved, in pixels.

    `sides` says of a helmet whether the cage is on the near side, each ear, the opening, and the
    face are shown; and of the chest whether its number is.
    """
    shift = shift[..., None, None, :]
    points, front, scales = bodies.helmets + shift, bodies.front, bodies.scales
    rods = np.stack([bodies.starts + shift, bodies.ends + shift], axis=-2)
    which, ends = np.array([s.rod for s in STROKES]), np.array([s.ends for s in STROKES])
    size = np.array([metres for _, metres in RODS])[which] * scales[..., which]
    lines = rods[..., which[:, None], ends, :]
    lines = lines + (np.array([s.move for s in STROKES]) * size[..., None])[..., None, :]
    size = size * np.array([s.share for s in STROKES])
    disc = ends[:, 0] == ends[:, 1]
    strokes = lines.reshape(*size.shape, 4)
    strokes[..., disc, :] = _boxes(lines[..., disc, 0, :], size[..., disc])

    middle = points[..., MIDDLE, None, :]
    radius = HEAD_RADIUS * scales[..., HELMET, None]
    shell = _boxes(middle + _SHELL[:, :2] * radius[..., None], _SHELL[:, 2] * radius)
    ears = _boxes(middle + 0.85 * (points[..., EARS, :] - middle), 0.2 * radius)
    # Points of the face opening behind the limb are moved onto it.
    opening, hidden = points[..., OPENING, :] - middle, front[..., OPENING] <= 0
    length = np.maximum(np.linalg.norm(opening, axis=-1), 1e-6)
    reach = np.where(hidden, radius * 0.97 / length, 1.0)[..., None]
    face = _boxes(middle[..., 0, :] + 0.85 * opening.mean(axis=-2), 0.42 * radius[..., 0])
    sides = np.concatenate(
        [
            front[..., BARS[1]][..., 3, None] > -0.02,
            front[..., EARS] > 0.4 * HEAD_RADIUS,
            ~hidden.all(axis=-1, keepdims=True),
            front[..., OPENING].mean(axis=-1, keepdims=True) > 0.3 * HEAD_RADIUS,
            np.abs(bodies.looks)[..., None] > 0.45,
        ],
        axis=-1,
    )
    depths = bodies.depths.copy()
    # Rods are sorted by their middles: a head and a chest bulge out of what is next to them.
    depths[..., [CHEST, HELMET]] -= 0.1
    pens = [2 * BAR * scales[..., HELMET], 0.24 * radius[..., 0], 0.035 * scales[..., CHEST]]
    return Shapes(
        strokes, np.where(disc, 0, _pen(2 * size)), shell, ears, face,
        (middle + opening * reach).reshape(*radius.shape[:-1], -1),
        middle + 0.89 * (points[..., STRIPE, :] - middle),  # within the shell
        (points[..., : BARS[-1].stop, :] - 0.5).reshape(*radius.shape[:-1], -1),
        _digits(rods), _pen(np.stack(pens, axis=-1)),
        front[..., STRIPE] > 0, sides, depths,
    )  # fmt: skip


@cache
def digit_paths(number: str) -> list[list[int]]:
    """The strokes of two digits, through points of `Shapes.digits`."""
    return [
        [6 * place + 2 * _GRID[point][1] + _GRID[point][0] for point in stroke]
        for place, digit in enumerate(number)
        for stroke in _DIGITS[digit]
    ]


def _digits(rods: Floats) -> Floats:
    """Two grids of 3 rows and 2 columns on the chest or the back: (..., players, 12, 2)."""
    chest = rods[..., CHEST, :, :]
    chest = np.where(chest[..., :1, :1] > chest[..., 1:, :1], chest[..., ::-1, :], chest)
    middle = chest.mean(axis=-2)
    wide, down = (
        (chest[..., 1, :] - chest[..., 0, :]) * 0.95,
        (rods[..., TORSO, 0, :] - middle) * 0.26,
    )
    along = np.tile(np.array([-0.5, -0.1, 0.1, 0.5]).reshape(2, 1, 2), (1, 3, 1)).reshape(12, 1)
    below = np.tile(np.repeat([0.2, 1.2, 2.2], 2), 2)[:, None]
    grid: Floats = middle[..., None, :] + along * wide[..., None, :] + below * down[..., None, :]
    return grid


def _boxes(middles: Floats, radii: Floats) -> Floats:
    """The boxes (..., 4) of discs in whole pixels, both sides inclusive."""
    low = np.rint(middles - radii[..., None])
    high = np.maximum(np.rint(middles + radii[..., None]) - 1, low)
    return np.concatenate([low, high], axis=-1)


def _pen(widths: Floats) -> NDArray[np.int64]:
    return np.maximum(np.rint(widths), 1).astype(np.int64)
