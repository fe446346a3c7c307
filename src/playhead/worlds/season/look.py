"""How a series looks: colours, places, figures, text and the storyboards of its songs.

Sizes and positions are shares of the frame, so a series looks alike at every size.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

__all__ = [
    "Colour",
    "Credits",
    "SeriesLook",
    "SongShot",
    "draw_figure",
    "draw_look",
    "draw_place",
    "draw_storyboard",
    "made_up_name",
    "text_mask",
]

Colour = tuple[int, int, int]
Image8 = NDArray[np.uint8]
Credits = Literal["rolling", "cards"]

_ONSETS = ("K", "M", "T", "R", "N", "S", "H", "V", "L", "D", "TR", "ST", "GR", "Y")
_NUCLEI = ("A", "E", "I", "O", "U", "AI", "OU")
_ROLES = (
    "DIRECTED BY", "WRITTEN BY", "MUSIC BY", "ART", "SOUND", "CAST", "EDITING", "PRODUCER",
    "COLOUR", "CAMERA", "SCRIPT", "DESIGN",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SongShot:
    """A shot of an opening or ending; times in seconds from the start of the song.

    shapes: (kind, x, y, size, speed x, speed y, colour) in shares of the height, a second
    place: of the series, or -1 for a plain ground; title: shows the name of the series
    """

    start: float
    stop: float
    ground: Colour
    place: int
    figure: int
    shapes: tuple[tuple[str, float, float, float, float, float, Colour], ...]
    title: bool
    text: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SeriesLook:
    """Colours and manners of a series."""

    name: str
    seed: tuple[int, ...]
    hue: float
    palette: tuple[Colour, ...]
    credits: Credits
    people: tuple[str, ...]  # lines of the credits
    corner: tuple[float, float]  # of text over images, shares of the frame
    text: float  # height of the letters of credits, share of the frame's height
    ink: Colour


def made_up_name(rng: np.random.Generator, syllables: int) -> str:
    """A word in capitals."""
    return "".join(
        _ONSETS[rng.integers(len(_ONSETS))] + _NUCLEI[rng.integers(len(_NUCLEI))]
        for _ in range(syllables)
    )


def draw_look(seed: tuple[int, ...]) -> SeriesLook:
    """The look of the series of a seed."""
    rng = np.random.default_rng(seed)
    hue = float(rng.random())
    palette = tuple(
        _colour(hue + shift, rng.uniform(0.35, 0.9), rng.uniform(0.35, 0.95))
        for shift in (0.0, 0.08, 0.5, rng.uniform(0.2, 0.4), rng.uniform(0.6, 0.9))
    )
    people: list[str] = []
    for _ in range(40):
        people.append(_ROLES[rng.integers(len(_ROLES))])
        names = int(rng.integers(1, 3))
        people += [f"{made_up_name(rng, 2)} {made_up_name(rng, 3)}" for _ in range(names)]
    return SeriesLook(
        name=f"{made_up_name(rng, 2)} {made_up_name(rng, 2)}",
        seed=seed,
        hue=hue,
        palette=palette,
        credits="rolling" if rng.random() < 0.6 else "cards",
        people=tuple(people),
        corner=(float(rng.uniform(0.05, 0.4)), float(rng.uniform(0.1, 0.75))),
        text=float(rng.uniform(0.07, 0.09)),
        ink=(245, 245, 240) if rng.random() < 0.7 else (250, 225, 90),
    )


def draw_storyboard(look: SeriesLook, song: int, seconds: float) -> tuple[SongShot, ...]:
    """The shots of an opening or ending."""
    rng = np.random.default_rng((*look.seed, 1, song))
    pace = rng.uniform(1.2, 3.5)
    edges = [0.0]
    while edges[-1] < seconds:
        edges.append(edges[-1] + pace * float(rng.choice([0.5, 1.0, 1.0, 1.5])))
    edges[-1] = seconds + 1
    logo = int(rng.integers(0, min(len(edges) - 1, 3)))
    shots = []
    people = iter(look.people * 4)
    for index, (start, stop) in enumerate(pairwise(edges)):
        shapes = tuple(
            (
                str(rng.choice(["disc", "square", "bar"])),
                float(rng.uniform(0, 1.8)),
                float(rng.uniform(0, 1)),
                float(rng.uniform(0.08, 0.4)),
                float(rng.uniform(-0.5, 0.5)),
                float(rng.uniform(-0.4, 0.4)),
                look.palette[rng.integers(5)],
            )
            for _ in range(int(rng.integers(1, 5)))
        )
        with_text = rng.random() < 0.6
        shots.append(
            SongShot(
                start,
                stop,
                look.palette[rng.integers(5)],
                int(rng.integers(8)) if rng.random() < 0.4 else -1,
                int(rng.integers(5)) if rng.random() < 0.4 else -1,
                shapes,
                index == logo,
                (next(people), next(people)) if with_text and index != logo else (),
            )
        )
    return tuple(shots)


@lru_cache(maxsize=32)
def draw_place(look: SeriesLook, place: int, size: tuple[int, int]) -> Image8:
    """The background of a place, RGB, half as wide again as the frame, read-only."""
    rng = np.random.default_rng((*look.seed, 2, place))
    width, height = size[0] * 3 // 2, size[1]
    sky = _colour(look.hue + rng.normal(0, 0.12), rng.uniform(0.2, 0.6), rng.uniform(0.5, 0.95))
    ground = _colour(look.hue + rng.uniform(0, 0.6), rng.uniform(0.2, 0.6), rng.uniform(0.2, 0.6))
    image = Image.new("RGB", (width, height), sky)
    draw = ImageDraw.Draw(image)
    horizon = int(height * rng.uniform(0.5, 0.8))
    for row in range(horizon):
        light = 0.7 + 0.3 * row / horizon
        draw.line((0, row, width, row), fill=tuple(int(c * light) for c in sky))
    draw.rectangle((0, horizon, width, height), fill=ground)
    for _ in range(int(rng.integers(6, 16))):
        colour = _colour(
            look.hue + rng.normal(0, 0.2), rng.uniform(0.1, 0.7), rng.uniform(0.2, 0.9)
        )
        x, wide, high = rng.uniform(0, 1.5), rng.uniform(0.05, 0.3), rng.uniform(0.1, 0.6)
        left, top = x * size[0], horizon - high * height * 0.7
        box = (left, top, left + wide * size[0], horizon + rng.uniform(0, 0.1) * height)
        match rng.integers(3):
            case 0:
                draw.rectangle(box, fill=colour)
            case 1:
                draw.ellipse(box, fill=colour)
            case _:
                draw.polygon(
                    (box[0], box[3], box[2], box[3], (box[0] + box[2]) / 2, box[1]), colour
                )
    result = np.array(image)
    result.setflags(write=False)
    return result


@lru_cache(maxsize=64)
def draw_figure(
    look: SeriesLook, who: int, height: int, talking: bool
) -> tuple[Image8, NDArray[np.bool_]]:
    """RGB and mask, both (height, W, 3), of a person down to the waist."""
    rng = np.random.default_rng((*look.seed, 3, who))
    skin = _colour(0.07, rng.uniform(0.25, 0.6), rng.uniform(0.5, 1.0))
    hair = _colour(rng.random(), rng.uniform(0.2, 0.9), rng.uniform(0.15, 0.9))
    shirt = _colour(rng.random(), rng.uniform(0.3, 0.9), rng.uniform(0.3, 0.9))
    width = max(int(height * 0.62), 4)
    image = Image.new("RGBA", (width, height))
    draw = ImageDraw.Draw(image)

    def box(x1: float, y1: float, x2: float, y2: float) -> tuple[float, float, float, float]:
        return x1 * width, y1 * height, x2 * width, y2 * height

    draw.ellipse(box(0.02, 0.5, 0.98, 1.5), fill=shirt)
    draw.rectangle(box(0.42, 0.42, 0.58, 0.56), fill=skin)
    long = rng.uniform(0.3, 0.6)
    draw.ellipse(box(0.2, 0.0, 0.8, long), fill=hair)
    draw.ellipse(box(0.26, 0.08, 0.74, 0.48), fill=skin)
    draw.pieslice(box(0.22, 0.02, 0.78, 0.4), 180, 360, fill=hair)
    for eye in (0.4, 0.6):
        draw.ellipse(box(eye - 0.035, 0.23, eye + 0.035, 0.29), fill=(20, 20, 30))
    mouth = 0.05 if talking else 0.012
    draw.ellipse(box(0.43, 0.38 - mouth, 0.57, 0.38 + mouth), fill=(120, 30, 40))
    pixels = np.array(image)
    colours = np.ascontiguousarray(pixels[..., :3])
    return colours, np.repeat(pixels[..., 3:] > 127, 3, axis=2)


@lru_cache(maxsize=512)
def text_mask(text: str, height: int) -> Image8:
    """The letters of a line, `height` pixels high, as opacity; no row or column of it is empty."""
    font = ImageFont.load_default(height * 1.3)
    left, top, right, bottom = (round(side) for side in font.getbbox(text))
    mask = Image.new("L", (right - left + 2, bottom - top + 2))
    ImageDraw.Draw(mask).text((1 - left, 1 - top), text, fill=255, font=font)
    pixels = np.array(mask)
    visible = pixels >= 48
    rows, columns = np.flatnonzero(visible.any(axis=1)), np.flatnonzero(visible.any(axis=0))
    return pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _colour(hue: float, saturation: float, value: float) -> Colour:
    phases = (np.array([5.0, 3.0, 1.0]) + hue % 1 * 6) % 6
    rgb = value - value * saturation * np.clip(np.minimum(phases, 4 - phases), 0, 1)
    red, green, blue = (round(255 * float(part)) for part in rgb)
    return red, green, blue
