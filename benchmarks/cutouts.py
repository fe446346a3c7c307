"""Real cut-outs along known paths: a really encoded clip whose faces' (or plates') boxes are known.

    face = cut(photo, (212, 80, 268, 152), label="face")
    truth = paste_along(Path("street.mp4"), [face], Path("moving.mp4"), size=(640, 360), seed=1)

The background is the caller's: a clip without faces, or with faces that the caller knows of.
Truth is the box of each cut-out, clipped to the image; one of which less than 30 % lies in the
image has none.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from playhead.errors import LabelError, PlayheadError
from playhead.events.formats.tracks import TrackFile
from playhead.events.model import Box, Origin, Track
from playhead.media.video import open_video
from playhead.media.write import VideoWriter

__all__ = ["Cutout", "cut", "paste_along"]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Way = Literal["cross", "sway", "visit"]
LEAST_SHARE = 0.3
"""Of a box, the share that must lie in the image for it to be true."""

MOST_OVERLAP = 0.1
"""Of the smaller of two boxes, the share that the other may cover."""

_BLOCK = 16  # frames of the background read at once


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """Something cut out of a photo, with the box that is its truth.

    Raises LabelError for a mask of another shape, or a box that has no area or leaves the image.
    """

    image: Bytes  # (h, w, 3) RGB
    mask: NDArray[np.float32]  # (h, w), 0 where nothing is pasted, 1 where all is
    box: Box  # within the image
    label: str

    def __post_init__(self) -> None:
        high, wide = self.mask.shape
        x1, y1, x2, y2 = self.box
        if self.image.shape != (high, wide, 3):
            raise LabelError(
                f"{self.label}: a cut-out's mask of {wide}x{high} needs an image of its size, "
                f"got {self.image.shape}"
            )
        if not (0 <= x1 < x2 <= wide and 0 <= y1 < y2 <= high):
            raise LabelError(
                f"{self.label}: box {self.box} has no area inside a cut-out of {wide}x{high}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class _Flight:
    """One cut-out's way: where its box is at each frame from `start` on, and how bright."""

    cutout: int
    start: int
    boxes: Floats  # (N, 4), not clipped
    gains: Floats  # (N,)


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What is asked of all flights."""

    size: tuple[int, int]
    frames: int
    rate: float
    together: int
    heights: tuple[float, float]
    brightness: float


def cut(
    image: Bytes,
    box: Box,
    margin: float = 0.3,
    *,
    label: str = "face",
    shape: Literal["ellipse", "box"] = "ellipse",
) -> Cutout:
    """Cut an object out of a photo with a soft edge.

    image: RGB (H, W, 3). box: of the object in it. margin: how far the edge reaches beyond the
    box on each side, as a share of its side; the cover falls from 1 to 0 over that margin.
    shape: "box" keeps the corners, as plates need.
    """
    x1, y1, x2, y2 = box
    wide, high = x2 - x1, y2 - y1
    if not (wide > 0 and high > 0 and x1 >= 0 and x2 <= image.shape[1]
            and y1 >= 0 and y2 <= image.shape[0]):  # fmt: skip
        raise LabelError(f"{label}: box {box} has no area inside the image {image.shape[:2]}")
    left, top = max(math.floor(x1 - margin * wide), 0), max(math.floor(y1 - margin * high), 0)
    right = min(math.ceil(x2 + margin * wide), image.shape[1])
    low = min(math.ceil(y2 + margin * high), image.shape[0])
    column = np.abs(np.arange(left, right) + 0.5 - (x1 + x2) / 2) / (wide / 2)
    row = np.abs(np.arange(top, low) + 0.5 - (y1 + y2) / 2) / (high / 2)
    power = 2.0 if shape == "ellipse" else 12.0
    away = (column[None, :] ** power + row[:, None] ** power) ** (1 / power)
    cover = np.clip((1 + 2 * margin - away) / (2 * margin), 0, 1) if margin > 0 else away <= 1
    mask = (cover * cover * (3 - 2 * cover)).astype(np.float32)
    # Where the photo ends nearer than the margin, the edge is soft there too.
    rim = 0.5 * margin
    mask *= _ramp(right - left, rim * wide)[None, :] * _ramp(low - top, rim * high)[:, None]
    return Cutout(
        image[top:low, left:right].copy(), mask, (x1 - left, y1 - top, x2 - left, y2 - top), label
    )


def paste_along(
    clip: Path,
    cutouts: Sequence[Cutout],
    out: Path,
    *,
    size: tuple[int, int],
    seed: int,
    seconds: float = 10.0,
    together: int = 3,
    heights: tuple[float, float] = (0.08, 0.3),
    brightness: float = 0.2,
    crf: int = 18,
) -> TrackFile:
    """Move cut-outs over a clip and write it as `out`; return where they are at every frame.

    clip: is scaled to `size` (width, height) and played forth and back for `seconds`.
    together: how many cut-outs are in the image at once at most. heights: of their boxes, as
    shares of the image's. brightness: how far each brightens and darkens on its way.
    One track a way, at the frames where its box is true. Depends on the arguments alone.
    """
    if not cutouts:
        raise PlayheadError(f"{out}: no cut-out to move; give at least one")
    with open_video(clip) as video:
        rate, length = Fraction(video.rate).limit_denominator(100_000), video.frames
        count = max(round(seconds * rate), 1)
        rng = np.random.default_rng(seed)
        wishes = _Wishes(size, count, float(rate), together, heights, brightness)
        flights = _plan(rng, cutouts, wishes)
        back_and_forth = np.abs(
            (np.arange(count) + length - 1) % max(2 * length - 2, 1) - length + 1
        )
        with VideoWriter(out, *size, rate, crf=crf) as writer:
            for start in range(0, count, _BLOCK):
                block = video.read(back_and_forth[start : start + _BLOCK], size=size)
                for frame, image in enumerate(block, start):
                    _paste_all(image, frame, flights, cutouts)
                    writer.write(image)
    tracks = (_track(number, flight, cutouts, size) for number, flight in enumerate(flights))
    return TrackFile(
        video=out.name,
        frames=count,
        width=size[0],
        height=size[1],
        classes=tuple(sorted({cutout.label for cutout in cutouts})),
        tracks=tuple(track for track in tracks if len(track.frames)),
        settings={"made": "cutouts", "clip": clip.name, "seed": seed},
    )


def _ramp(size: int, reach: float) -> NDArray[np.float32]:
    """From 0 at both ends to 1 over `reach` pixels."""
    place = np.arange(size) + 0.5
    away = np.minimum(place, size - place)
    ramp: NDArray[np.float32] = np.clip(away / max(reach, 1.0), 0, 1).astype(np.float32)
    return ramp


def _plan(
    rng: np.random.Generator, cutouts: Sequence[Cutout], wishes: _Wishes
) -> tuple[_Flight, ...]:
    """Draw flights one after another, keeping those that find room among the ones before."""
    flights: list[_Flight] = []
    busy = np.zeros(wishes.frames, np.int64)
    order = rng.permutation(len(cutouts))
    for _ in range(60 * wishes.together):
        number = int(order[len(flights) % len(order)])
        flight = _flight(rng, number, cutouts[number].box, wishes)
        part = slice(flight.start, flight.start + len(flight.boxes))
        if busy[part].max() < wishes.together and not any(_meet(flight, one) for one in flights):
            busy[part] += 1
            flights.append(flight)
    return tuple(flights)


def _flight(rng: np.random.Generator, number: int, box: Box, wishes: _Wishes) -> _Flight:
    """Across the image, swaying in it all the time, or coming in and going out again."""
    width, height = wishes.size
    way: Way = ("cross", "sway", "visit")[int(rng.choice(3, p=(0.5, 0.25, 0.25)))]
    length = wishes.frames if way == "sway" else round(rng.uniform(1.5, 5.0) * wishes.rate)
    length = min(max(length, 1), wishes.frames)
    start = int(rng.integers(wishes.frames - length + 1))
    part = (np.arange(length) + 0.5) / length
    seconds = np.arange(length) / wishes.rate
    low, high = wishes.heights
    middle, swing = rng.uniform(low, high), rng.uniform(0, 0.25)
    share = middle * (1 + swing * np.sin(6.28 * (rng.uniform(0.1, 0.4) * seconds + rng.random())))
    tall = np.clip(share, low, high) * height
    wide = tall * (box[2] - box[0]) / (box[3] - box[1])
    across, down = _way(rng, way, part, seconds)
    # 0 and 1 lie just out of the image on either side.
    column, row = across * (width + wide) - wide / 2, down * (height + tall) - tall / 2
    boxes = np.stack([column - wide / 2, row - tall / 2, column + wide / 2, row + tall / 2], axis=1)
    wave = np.sin(6.28 * (rng.uniform(0.1, 0.5) * seconds + rng.random()))
    return _Flight(number, start, boxes, 1 + wishes.brightness * wave)


def _way(
    rng: np.random.Generator, way: Way, part: Floats, seconds: Floats
) -> tuple[Floats, Floats]:
    """Two smooth coordinates, each 0 to 1 from just outside one edge to just outside the other."""
    size, speed, phase = rng.uniform(0.02, 0.12), rng.uniform(0.1, 0.5), rng.random()
    side = rng.uniform(0.25, 0.75) + size * np.sin(6.28 * (speed * seconds + phase))
    match way:
        case "cross":
            main = part if rng.random() < 0.5 else 1 - part
            side = side + rng.uniform(-0.2, 0.2) * (part - 0.5)
        case "sway":
            size, speed = rng.uniform(0.05, 0.3), rng.uniform(0.05, 0.3)
            main = 0.5 + size * np.sin(6.28 * (speed * seconds + rng.random()))
        case "visit":
            main = rng.uniform(0.25, 0.6) * np.sin(np.pi * part)
            main = main if rng.random() < 0.5 else 1 - main
    return (main, side) if way == "sway" or rng.random() < 0.75 else (side, main)


def _meet(one: _Flight, other: _Flight) -> bool:
    """Whether two flights ever cover more of each other than they may."""
    start = max(one.start, other.start)
    stop = min(one.start + len(one.boxes), other.start + len(other.boxes))
    if start >= stop:
        return False
    a = one.boxes[start - one.start : stop - one.start]
    b = other.boxes[start - other.start : stop - other.start]
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    common = np.prod(np.clip(sides, 0, None), axis=1)
    smaller = np.minimum(np.prod(a[:, 2:] - a[:, :2], axis=1), np.prod(b[:, 2:] - b[:, :2], axis=1))
    return bool((common > MOST_OVERLAP * smaller).any())


def _paste_all(
    image: Bytes, frame: int, flights: Sequence[_Flight], cutouts: Sequence[Cutout]
) -> None:
    for flight in flights:
        row = frame - flight.start
        if 0 <= row < len(flight.boxes):
            _paste(image, cutouts[flight.cutout], flight.boxes[row], float(flight.gains[row]))


def _paste(image: Bytes, cutout: Cutout, box: Floats, gain: float) -> None:
    """Blend a cut-out into the image so that its own box comes to lie on `box`."""
    scale = float(box[3] - box[1]) / (cutout.box[3] - cutout.box[1])
    left, top = float(box[0]) - cutout.box[0] * scale, float(box[1]) - cutout.box[1] * scale
    high, wide = cutout.mask.shape
    x0, y0 = math.ceil(max(left, 0)), math.ceil(max(top, 0))
    x1 = math.floor(min(left + wide * scale, image.shape[1]))
    y1 = math.floor(min(top + high * scale, image.shape[0]))
    if x1 <= x0 or y1 <= y0:
        return
    source = ((x0 - left) / scale, (y0 - top) / scale, (x1 - left) / scale, (y1 - top) / scale)
    shown = tuple(float(np.clip(value, 0, (wide, high)[i % 2])) for i, value in enumerate(source))
    colour, cover = (
        np.asarray(
            Image.fromarray(plane).resize(
                (x1 - x0, y1 - y0),
                Image.Resampling.BILINEAR,
                box=(shown[0], shown[1], shown[2], shown[3]),
            )
        )
        for plane in (cutout.image, cutout.mask)
    )
    part = image[y0:y1, x0:x1]
    mixed = part + (colour * np.float32(gain) - part) * cover[..., None]
    part[...] = np.clip(np.rint(mixed), 0, 255)


def _track(number: int, flight: _Flight, cutouts: Sequence[Cutout], size: tuple[int, int]) -> Track:
    """The boxes clipped to the image, at the frames where enough of them lies in it."""
    clipped = np.clip(flight.boxes, 0, (*size, *size))
    area = np.prod(clipped[:, 2:] - clipped[:, :2], axis=1)
    whole = np.prod(flight.boxes[:, 2:] - flight.boxes[:, :2], axis=1)
    true = area >= LEAST_SHARE * whole
    rows = np.flatnonzero(true)
    return Track(
        id=number,
        label=cutouts[flight.cutout].label,
        frames=(flight.start + rows).astype(np.int32),
        boxes=clipped[rows].astype(np.float32),
        scores=np.ones(len(rows), np.float32),
        origin=np.full(len(rows), Origin.DRAWN, np.uint8),
    )
