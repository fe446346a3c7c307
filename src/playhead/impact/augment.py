"""Augmentation of whole clips with their boxes, and the cut of a clip from frames.

Parameters are drawn once per clip and are the same for all of its frames; only noise is independent
per pixel. A shift and a scale change the window that is cut, so that the pixels around a patch move
in. All random numbers come from the given generator.
"""

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import ndimage

from playhead.impact.config import ClipAugmentationConfig

__all__ = ["augment_clip", "cut", "move_window"]

Clip = NDArray[np.uint8]
Values = NDArray[np.floating[Any]]
Boxes = NDArray[np.float32]
Window = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels of the frames; it may extend past their edges."""


def cut(clip: Clip, boxes: Boxes, window: Window, size: tuple[int, int]) -> tuple[Clip, Boxes]:
    """A window of all frames, scaled to `size` (width, height), and the boxes in its pixels.

    clip: (T, H, W) or (T, H, W, 3); boxes: (N, 4), of which none is dropped
    Beyond the edges of the frames, their outermost pixels repeat.
    """
    x1, y1, x2, y2 = window
    scale = size[0] / (x2 - x1), size[1] / (y2 - y1)
    moved = ((boxes - np.tile((x1, y1), 2)) * np.tile(scale, 2)).astype(np.float32)
    height, width = clip.shape[1:3]
    whole = all(float(side).is_integer() for side in window) and scale == (1, 1)
    if whole and min(x1, y1) >= 0 and x2 <= width and y2 <= height:
        rows, columns = slice(int(y1), int(y2)), slice(int(x1), int(x2))
        return np.array(clip[:, rows, columns], order="C"), moved  # writable
    # Only the part of the frames that the window sees is converted.
    left, right = (int(np.clip(at, 0, width)) for at in (math.floor(x1) - 1, math.ceil(x2) + 1))
    top, bottom = (int(np.clip(at, 0, height)) for at in (math.floor(y1) - 1, math.ceil(y2) + 1))
    part = torch.from_numpy(clip[:, top:bottom, left:right].astype(np.float32))
    part = part.permute(0, 3, 1, 2) if part.ndim == 4 else part[:, None]
    # grid_sample's coordinates are -1 to 1 from edge to edge.
    x = (x1 - left + (torch.arange(size[0]) + 0.5) / scale[0]) * (2 / (right - left)) - 1
    y = (y1 - top + (torch.arange(size[1]) + 0.5) / scale[1]) * (2 / (bottom - top)) - 1
    places = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)[None]
    places = places.expand(len(part), -1, -1, -1)
    cells = F.grid_sample(part, places, padding_mode="border", align_corners=False)
    cells = cells.add(0.5).clamp(0, 255).to(torch.uint8)
    cells = cells.permute(0, 2, 3, 1) if clip.ndim == 4 else cells[:, 0]
    return cells.contiguous().numpy(), moved


def move_window(window: Window, config: ClipAugmentationConfig, rng: np.random.Generator) -> Window:
    """The window with its random shift and scale, or unchanged."""
    if not rng.random() < config.move:
        return window
    x1, y1, x2, y2 = window
    width, height = x2 - x1, y2 - y1
    right, down = rng.uniform(-1, 1, 2) * config.shift
    half = 0.5 / (1 + rng.uniform(-1, 1) * config.scale)
    x, y = (x1 + x2) / 2 - right * width, (y1 + y2) / 2 - down * height
    return x - half * width, y - half * height, x + half * width, y + half * height


def augment_clip(
    clip: Clip, boxes: Boxes, config: ClipAugmentationConfig, rng: np.random.Generator
) -> tuple[Clip, Boxes]:
    """Mirror a clip with its boxes, and change its light and focus.

    clip: (T, H, W) or (T, H, W, 3); boxes: (N, 4) in its pixels; neither is written into
    """
    if rng.random() < config.flip:
        clip, boxes = np.ascontiguousarray(clip[:, :, ::-1]), boxes.copy()
        boxes[:, [0, 2]] = clip.shape[2] - boxes[:, [2, 0]]
    values = clip
    if rng.random() < config.light:
        values = _to_bytes(_light(clip.astype(np.float32) / 255, config, rng))
    if rng.random() < config.focus:
        values = _focus(values, config, rng)
    return values, boxes


def _light(clip: Values, config: ClipAugmentationConfig, rng: np.random.Generator) -> Values:
    """One change of light; values are in [0, 1]."""
    colour = clip.ndim == 4
    match int(rng.integers(4 if colour else 2)):
        case 0:  # brightness, contrast, and saturation in colour
            brightness, contrast, saturation = 1 + rng.uniform(-1, 1, 3) * config.jitter
            mean = float(clip.mean(dtype=np.float64))
            clip = mean + (clip * brightness - mean) * contrast
            return _saturate(clip, saturation) if colour else clip
        case 1:
            low, high = np.log(config.gamma)
            return np.power(clip, math.exp(rng.uniform(low, high)), dtype=np.float32)
        case 2:  # hue, saturation and value
            clip = clip @ _hue_turn(math.radians(rng.uniform(-1, 1) * config.hue)).T
            clip = _saturate(clip, 1 + rng.uniform(-1, 1) * config.saturation)
            return clip + np.float32(rng.uniform(-1, 1) * config.value)
        case _:
            return clip + (rng.uniform(-1, 1, 3) * config.channel_shift).astype(np.float32)


def _saturate(clip: Values, factor: float) -> Values:
    grey: Values = clip @ np.full((3, 1), 1 / 3, np.float32)  # several times as fast as a mean
    return grey + (clip - grey) * np.float32(factor)


def _hue_turn(angle: float) -> Values:
    """(3, 3): a rotation of colours about grey."""
    cos, sin = math.cos(angle), math.sin(angle) / math.sqrt(3)
    rest = (1 - cos) / 3
    turn = np.full((3, 3), rest) + cos * np.eye(3)
    turn += sin * np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])
    return turn.astype(np.float32)


def _focus(clip: Clip, config: ClipAugmentationConfig, rng: np.random.Generator) -> Clip:
    """One of Gaussian blur, noise, median and motion blur, on single planes."""
    colours = (1,) if clip.ndim == 4 else ()  # no filter mixes them, nor frames
    match int(rng.integers(4)):
        case 0:
            deviation = float(rng.uniform(0.3, max(0.3, config.blur_deviation)))
            sigma = (0, deviation, deviation, *[0] * len(colours))
            return _to_bytes(ndimage.gaussian_filter(clip.astype(np.float32) / 255, sigma))
        case 1:
            noise = rng.standard_normal(clip.shape, np.float32) * rng.uniform(*config.noise)
            return _to_bytes((clip + noise.astype(np.float32)) / 255)
        case 2:
            side = config.median
            return np.asarray(ndimage.median_filter(clip, (1, side, side, *colours)))
        case _:
            length = int(rng.integers(3, config.blur_pixels, endpoint=True))
            angle = rng.uniform(0, math.pi)
            along = np.arange(length) - (length - 1) / 2
            kernel = np.zeros((length, length), np.float32)
            middle = (length - 1) / 2
            rows = np.rint(middle + along * math.sin(angle)).astype(int)
            columns = np.rint(middle + along * math.cos(angle)).astype(int)
            kernel[rows, columns] = 1
            kernel = (kernel / kernel.sum()).reshape(1, length, length, *colours)
            blurred = ndimage.convolve(clip.astype(np.float32) / 255, kernel, mode="nearest")
            return _to_bytes(blurred)


def _to_bytes(values: Values) -> Clip:
    levels: Clip = np.clip(np.asarray(values) * 255 + 0.5, 0, 255).astype(np.uint8)
    return levels
