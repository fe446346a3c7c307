"""What stands still in a street: road, pavements, houses and sky, painted once a scene.

The ray of each pixel meets the ground or one of three walls of houses; its colour there is a
function of the place in metres.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from playhead.worlds.street.plan import Road, StreetPlan

__all__ = ["paint_ground"]

Floats = NDArray[np.floating[Any]]
FAR = 400.0  # metres: what is further is sky
_STRIP = 64  # rows painted at once, which bounds the memory


def paint_ground(plan: StreetPlan, margin: tuple[int, int]) -> Image.Image:
    """The empty street, `margin` (columns, rows) larger than the frame on each side."""
    camera = plan.camera
    wide, high = camera.width + 2 * margin[0], camera.height + 2 * margin[1]
    fine = 2 if wide * high < 1_000_000 else 1
    rng = np.random.default_rng([plan.seed, 1])
    houses = [_Houses(rng) for _ in range(3)]
    sky = np.array(rng.uniform(150, 235)) + np.array([-12.0, 0.0, 14.0])
    image = np.empty((high, wide, 3), np.uint8)
    column = (np.arange(wide * fine, dtype=np.float32) + 0.5) / fine - margin[0]
    for top in range(0, high, _STRIP):
        rows = min(_STRIP, high - top)
        row = (np.arange(rows * fine, dtype=np.float32) + 0.5) / fine + top - margin[1]
        strip = _strip(plan, column[None, :], row[:, None], houses, sky)
        strip = strip.reshape(rows, fine, wide, fine, 3).mean(axis=(1, 3))
        image[top : top + rows] = np.clip(strip, 0, 255)
    return Image.fromarray(image)


class _Houses:
    """A row of houses: each with a width, a height, a colour and a rhythm of windows."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.edges = np.cumsum(rng.uniform(7, 16, 40)) - 200
        self.tall = rng.uniform(6, 19, 41).astype(np.float32)
        warm = rng.uniform(-0.3, 1.0, (41, 1)) * np.array((16.0, 2.0, -16.0))
        tone = rng.uniform(80, 190, (41, 1)) + warm + rng.normal(0, 4, (41, 3))
        self.walls = tone.astype(np.float32)
        self.panes = (
            (rng.uniform(25, 110, (41, 1)) + rng.normal(0, 9, (41, 3)))
            .clip(8, 130)
            .astype(np.float32)
        )
        self.rhythm = rng.uniform(1.9, 3.2, 41).astype(np.float32)

    def colour(self, along: Floats, up: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """RGB (N, 3) at metres along and up, and where there is house at all."""
        number = np.searchsorted(self.edges, along)
        colour = self.walls[number].copy()
        across = np.mod(along, self.rhythm[number]) / self.rhythm[number]
        floor = np.mod(up - 0.4, 3.1)
        window = (np.abs(across - 0.5) < 0.26) & (floor > 0.9) & (floor < 2.4)
        shop = (up < 2.9) & (up > 0.4) & (np.abs(across - 0.5) < 0.42)
        glass = (window & (up > 3.3)) | shop
        cell = np.floor(along / self.rhythm[number]) * 7 + np.floor(up / 3.1) * 13
        shine = 0.75 + 0.5 * np.mod(np.abs(np.sin(cell)) * 43.0, 1.0)
        colour[glass] = self.panes[number[glass]] * shine[glass, None]
        colour[(floor < 0.12) & (up > 3)] *= 0.8
        colour[(up > 2.95) & (up < 3.3)] *= 0.7
        return colour, up < self.tall[number]


@lru_cache(maxsize=2)
def _noise(seed: int) -> Floats:
    """A tile of speckle with patches, mean 0."""
    rng = np.random.default_rng([seed, 3])
    fine = rng.normal(0, 5, (256, 256))
    coarse = gaussian_filter(rng.normal(0, 1, (256, 256)), 9, mode="wrap")
    tile: Floats = (fine + 7 * coarse / coarse.std()).astype(np.float32)
    return tile


def _strip(
    plan: StreetPlan, column: Floats, row: Floats, houses: list[_Houses], sky: Floats
) -> Floats:
    """Paint some rows: (rows, columns, 3)."""
    camera, road = plan.camera, plan.road
    eye = camera.position[2]
    noise = _noise(plan.seed)
    right, up = camera.rays(column, row)
    right, down = right + 0 * row, 0 * column - up
    along, across = road.turned(right, np.ones_like(right))
    with np.errstate(divide="ignore"):
        ground = np.where(down > 1e-4, eye / down, FAR * 2)
        opposite = np.where(across > 1e-4, road.far / across, FAR * 2)
        behind = np.where(across < -1e-4, -road.behind / across, FAR * 2)
        end = np.where(along > 1e-4, road.end / along, FAR * 2)
    # The road goes on between the houses at its end.
    gap = across * end
    end = np.where((gap > road.near - 2) & (gap < road.far), FAR * 2, end)
    fade = np.clip((row / camera.height)[..., None], 0, 1)
    image = (sky * (0.9 + 0.25 * fade) + np.zeros((*right.shape, 3))).astype(np.float32)
    depth = np.minimum(np.minimum(opposite, behind), end)
    low = (ground <= depth) & (ground < FAR)
    for wall, street, sideways in ((opposite, houses[0], along), (behind, houses[1], along),
                                   (end, houses[2], across)):  # fmt: skip
        here: NDArray[np.bool_] = (wall == depth) & (wall < FAR) & ~low
        height = eye - down[here] * wall[here]
        colour, solid = street.colour(sideways[here] * wall[here], height)
        part = image[here]
        part[solid] = colour[solid]
        image[here] = part
    image[low] = _floor(road, along[low] * ground[low], across[low] * ground[low], noise)
    return image


def _floor(road: Road, along: Floats, across: Floats, noise: Floats) -> Floats:
    """Paving, kerbs, asphalt and its markings: (N, 3)."""
    start, stop = road.near, road.near + road.WIDE
    colour = np.full((len(along), 3), (150, 146, 140), np.float32)
    joint = (np.mod(along, 0.9) < 0.03) | (np.mod(across, 0.6) < 0.025)
    colour[joint] *= 0.86
    asphalt = (across > start) & (across < stop)
    colour[asphalt] = (84, 85, 88)
    kerb = ((across > start - 0.16) & (across <= start)) | (
        (across >= stop) & (across < stop + 0.16)
    )
    colour[kerb] = (176, 174, 168)
    dash = asphalt & (np.abs(across - (start + stop) / 2) < 0.07) & (np.mod(along, 6) < 3)
    edge = asphalt & ((np.abs(across - start - 0.3) < 0.05) | (np.abs(across - stop + 0.3) < 0.05))
    zebra = asphalt & (along > 9) & (along < 12.5) & (np.mod(across - start, 1.0) < 0.5)
    colour[dash | edge | zebra] = (206, 206, 202)
    speckle = noise[
        np.mod((along * 31).astype(np.int64), 256), np.mod((across * 31).astype(np.int64), 256)
    ]
    floor: Floats = colour + speckle[:, None]
    return floor
