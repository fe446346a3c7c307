"""What a scene looks like: people's clothes, and the place behind them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from playhead.worlds.drawing import CLOTHES, Camera, HeadLook, draw_head_look

__all__ = ["FigureLook", "Light", "draw_figure_look", "draw_light", "paint_place"]

Colour = tuple[int, int, int]
Floats = NDArray[Any]


@dataclass(frozen=True, slots=True)
class FigureLook:
    """What one person looks like."""

    head: HeadLook
    shirt: Colour
    trousers: Colour
    shoes: Colour
    sleeves: bool  # long ones
    shorts: bool

    def colour(self, part: str) -> Colour:
        """The colour of a part of the body, as `body.RODS` names it."""
        match part:
            case "shirt" | "sleeve":
                return self.shirt
            case "forearm":
                return self.shirt if self.sleeves else self.head.skin
            case "shin":
                return self.head.skin if self.shorts else self.trousers
            case "trousers":
                return self.trousers
            case "shoes":
                return self.shoes
            case _:
                return self.head.skin


@dataclass(frozen=True, slots=True)
class Light:
    """The light and the camera's sensor."""

    side: float  # -1 from the left .. 1 from the right
    gain: tuple[float, float, float]  # of red, green and blue
    grain: float  # grey levels


def draw_figure_look(rng: np.random.Generator) -> FigureLook:
    """Decide one person's clothes."""
    shirt, trousers, shoes = (_cloth(rng) for _ in range(3))
    sleeves, shorts = rng.random(2) < (0.5, 0.25)
    return FigureLook(draw_head_look(rng), shirt, trousers, shoes, bool(sleeves), bool(shorts))


def draw_light(rng: np.random.Generator) -> Light:
    """Decide light, exposure and noise."""
    gain = rng.uniform(0.7, 1.08) * rng.uniform(0.94, 1.06, 3)
    red, green, blue = (float(value) for value in gain)
    return Light(float(rng.uniform(-1, 1)), (red, green, blue), float(rng.uniform(1.0, 5.0)))


def _cloth(rng: np.random.Generator) -> Colour:
    base = np.array(CLOTHES[int(rng.integers(len(CLOTHES)))]) + rng.uniform(-24, 24, 3)
    red, green, blue = (int(value) for value in np.clip(base, 12, 228))
    return red, green, blue


def paint_place(
    rng: np.random.Generator, camera: Camera, light: Light, margin: int
) -> NDArray[np.uint8]:
    """The empty place, RGB: a floor, and a wall with posters or a row of houses.

    margin: pixels that it is larger than the camera's image on each side
    """
    columns = np.arange(-margin, camera.width + margin)[None, :] + 0.5
    rows = np.arange(-margin, camera.height + margin)[:, None] + 0.5
    far = float(rng.uniform(3.0, 8.0))  # metres behind the performer: the wall
    foot = float(camera.project(np.array((0.0, far, 0.0)))[1])
    scale = float(camera.project(np.array((0.0, far, 1.0)))[2])
    x, y = camera.ground(columns, np.maximum(rows, foot))
    grains = gaussian_filter(rng.normal(0, 1, (2, 128, 128)), (0, 2.5, 2.5), mode="wrap") * 5
    rough = rng.normal(0, 1, (128, 128))
    floor = _colour(rng, 60, 190) * _shade(grains[0], x, y, 4)[..., None]
    tile = float(rng.uniform(0.4, 1.6))
    seams = (np.abs(x / tile - np.rint(x / tile)) < 0.03) | (
        np.abs(y / tile - np.rint(y / tile)) < 0.04
    )
    if rng.random() < 0.5:
        floor = floor * np.where(seams, 0.8, 1.0)[..., None]
    floor = floor * (1 + 0.04 * rough[_cell(x, 20), _cell(y, 20)])[..., None]

    across, up = (columns - camera.centre[0]) / scale, (foot - rows) / scale  # metres on the wall
    wall = _colour(rng, 70, 215) * _shade(grains[1], across, up, 3)[..., None]
    for _ in range(int(rng.integers(2, 9))):
        left, low = rng.uniform(-6, 6), rng.uniform(-0.5, 2.2)
        wide, high = rng.uniform(0.3, 2.5), rng.uniform(0.4, 2.5)
        inside = (across > left) & (across < left + wide) & (up > low) & (up < low + high)
        wall = np.where(
            inside[..., None],
            _colour(rng, 30, 235) * (0.9 + 0.1 * _shade(grains[0], across, up, 9))[..., None],
            wall,
        )
    image = np.where((rows > foot)[..., None], floor, wall)
    lit = 1 + 0.18 * light.side * (columns / camera.width - 0.5)
    image = image * lit[..., None] * light.gain
    return np.clip(image, 0, 255).astype(np.uint8)


def _colour(rng: np.random.Generator, low: float, high: float) -> Floats:
    """A colour that is not vivid."""
    colour: Floats = rng.uniform(low, high) + rng.uniform(-20, 20, 3)
    return colour


def _shade(grain: Floats, x: Floats, y: Floats, scale: float) -> Floats:
    shade: Floats = 1 + 0.1 * grain[_cell(x, scale), _cell(y, scale)]
    return shade


def _cell(metres: Floats, scale: float) -> NDArray[np.int64]:
    return np.floor(metres * scale).astype(np.int64) & 127
