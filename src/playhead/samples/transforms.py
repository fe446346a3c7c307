"""Augmentation of training windows.

Parameters are drawn once per window and are the same for all of its frames; only the simulated
camera move changes over time, as in a pan, and noise is independent per pixel. All geometric
changes are one resampling. All random numbers come from the given generator, and no result depends
on the number of threads.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from playhead.samples.augmentation import AugmentationConfig

__all__ = ["Augmentation", "augment"]

Matrix = NDArray[np.float64]

FULL_WIDTH = 1280
"""Width for which lengths in pixels are given; they scale with the width of the image."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """`augment` for NumPy arrays, as a picklable transform of training windows."""

    config: AugmentationConfig

    def __call__(self, frames: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        """Luma (T, H, W) or colour (T, H, W, 3) → the same shape."""
        changed: NDArray[np.uint8] = augment(torch.from_numpy(frames), self.config, rng).numpy()
        return changed


def augment(frames: Tensor, config: AugmentationConfig, rng: np.random.Generator) -> Tensor:
    """Augment a window: luma (T, H, W) or colour (T, H, W, 3), uint8 or float32 in [0, 1].

    Returns the same shape, type and range, or `frames` itself if nothing changes; never writes into
    `frames`. The three planes of a colour frame change alike, except for noise.
    """
    if frames.ndim == 4:
        planes = frames.permute(0, 3, 1, 2).flatten(0, 1)  # (T, H, W, 3) → (3 T, H, W)
        changed = _augment(planes, config, rng, planes_per_frame=3)
        if changed is planes:
            return frames
        return changed.view(-1, 3, *planes.shape[1:]).permute(0, 2, 3, 1).contiguous()
    return _augment(frames, config, rng, planes_per_frame=1)


def _augment(
    planes: Tensor, config: AugmentationConfig, rng: np.random.Generator, *, planes_per_frame: int
) -> Tensor:
    changed = _move(planes, config, rng, planes_per_frame)
    changed = _relight(_refocus(changed, config, rng), config, rng)
    if changed.dtype == planes.dtype:
        return changed
    return changed.mul(255).add_(0.5).to(torch.uint8)


def _happens(probability: float, rng: np.random.Generator) -> bool:
    return bool(rng.random() < probability)


def _unit(frames: Tensor) -> Tensor:
    """uint8 or float32 → float32 in [0, 1]."""
    return frames.float().div_(255) if frames.dtype == torch.uint8 else frames


def _move(
    planes: Tensor, config: AugmentationConfig, rng: np.random.Generator, planes_per_frame: int
) -> Tensor:
    """Camera move, rotation, crop and flip as one resampling."""
    count, height, width = planes.shape
    flip = _happens(config.flip, rng)
    steps = []  # each maps output to input coordinates
    if _happens(config.crop, rng):
        steps.append(_crop(width, height, config, rng))
    if _happens(config.rotate, rng):
        steps.append(_turn(rng.uniform(-1, 1) * config.rotate_degrees))
    if _happens(config.camera, rng):
        moves = _camera(count // planes_per_frame, width, height, config, rng)
        steps.append(np.repeat(moves, planes_per_frame, axis=0))
    if not steps:
        return planes.flip(-1) if flip else planes
    if flip:
        steps.insert(0, np.diag([-1.0, 1.0, 1.0]))
    whole = steps[0]
    for step in steps[1:]:
        whole = step @ whole
    return _resample(_unit(planes), whole.reshape(-1, 3, 3))


def _crop(width: int, height: int, config: AugmentationConfig, rng: np.random.Generator) -> Matrix:
    """(3, 3): a random resized crop. Coordinates are pixels from the centre."""
    area = rng.uniform(*config.crop_area)
    aspect = config.crop_aspect ** rng.uniform(-1, 1)
    scale_x, scale_y = min(1, math.sqrt(area * aspect)), min(1, math.sqrt(area / aspect))
    x, y = rng.uniform(-1, 1, 2) * (1 - scale_x, 1 - scale_y) * (width / 2, height / 2)
    return np.array([[scale_x, 0, x], [0, scale_y, y], [0, 0, 1.0]])


def _turn(degrees: float) -> Matrix:
    """(3, 3): a rotation about the centre."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1.0]])


def _camera(
    count: int, width: int, height: int, config: AugmentationConfig, rng: np.random.Generator
) -> Matrix:
    """(T, 3, 3): a pan with roll and zoom, in even steps from one random pose to another."""
    largest = (*config.camera_shift, config.camera_degrees)
    ends = rng.uniform(-1, 1, (2, 3)) * largest * (width, height, 1)
    zoom_ends = rng.uniform(*config.camera_zoom, 2)
    poses = np.linspace(ends[0], ends[1], count)
    zooms = np.linspace(zoom_ends[0], zoom_ends[1], count)
    cos, sin = np.cos(np.radians(poses[:, 2])), np.sin(np.radians(poses[:, 2]))
    whole = np.zeros((count, 3, 3))
    # The inverse: undo shift, then rotation, then zoom.
    whole[:, :2, :2] = np.moveaxis(np.array([[cos, sin], [-sin, cos]]) / zooms, 2, 0)
    whole[:, :2, 2] = -np.einsum("tij,tj->ti", whole[:, :2, :2], poses[:, :2])
    whole[:, 2, 2] = 1
    return whole


def _resample(frames: Tensor, matrices: Matrix) -> Tensor:
    """Bilinear resampling of (T, H, W) by one or T output-to-input matrices; outside is black."""
    _, height, width = frames.shape
    x = torch.arange(width) - (width - 1) / 2
    y = torch.arange(height) - (height - 1) / 2
    # grid_sample's coordinates are -1 to 1 over the width and the height.
    scaled = matrices[:, :2] * np.array([[2 / width], [2 / height]])
    a, b, c = torch.from_numpy(scaled).float().unsqueeze(-1).unbind(2)  # each (1 or T, 2, 1)
    coordinates = torch.empty(len(matrices), height, width, 2)
    for axis in (0, 1):
        across, down = x * a[:, axis], y * b[:, axis] + c[:, axis]
        torch.add(across[:, None], down[:, :, None], out=coordinates[..., axis])
    batch = frames[None] if len(matrices) == 1 else frames[:, None]
    return F.grid_sample(batch, coordinates, align_corners=False).view_as(frames)


def _refocus(frames: Tensor, config: AugmentationConfig, rng: np.random.Generator) -> Tensor:
    """Sharpness and motion blur."""
    if _happens(config.sharpness, rng):
        factor = rng.uniform(*config.sharpness_range)
        smooth = (1 - factor) / 13  # the usual kernel: 1s around a 5, over 13
        around = [(y, x, smooth) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]
        frames = _correlate(_unit(frames), [*around, (0, 0, 5 * smooth + factor)])
        frames.clamp_(0, 1)
    if _happens(config.blur, rng):
        longest = max(1, round(config.blur_pixels * frames.shape[-1] / FULL_WIDTH))
        length = int(rng.integers(1, longest, endpoint=True))
        angle = math.radians(rng.uniform(-1, 1) * config.blur_degrees)
        along = np.arange(length) - (length - 1) // 2
        rows, columns = np.rint(along * math.sin(angle)), np.rint(along * math.cos(angle))
        line = zip(rows.astype(int).tolist(), columns.astype(int).tolist(), strict=True)
        frames = _correlate(_unit(frames), [(row, column, 1 / length) for row, column in line])
    return frames


def _correlate(frames: Tensor, taps: list[tuple[int, int, float]]) -> Tensor:
    """Sum of shifted copies, (row, column, weight) each, with repeated edges.

    A convolution's last bits may depend on the number of threads.
    """
    _, height, width = frames.shape
    up = max(abs(row) for row, _, _ in taps)
    left = max(abs(column) for _, column, _ in taps)
    padded = F.pad(frames, (left, left, up, up), mode="replicate")
    total = torch.zeros_like(frames)
    for row, column, weight in taps:
        top, start = up + row, left + column
        total.add_(padded[:, top : top + height, start : start + width], alpha=weight)
    return total


def _relight(frames: Tensor, config: AugmentationConfig, rng: np.random.Generator) -> Tensor:
    """Brightness, contrast, posterisation and noise."""
    change = rng.uniform(-1, 1) * config.brightness_change
    change = change if _happens(config.brightness, rng) else 0.0
    factor = rng.uniform(*config.contrast_range)
    factor = factor if _happens(config.contrast, rng) else 1.0
    if factor != 1:
        mean = float(_unit(frames).numpy().mean(dtype=np.float64))
        change += mean * (1 - factor)
    if change or factor != 1:
        frames = _unit(frames).mul(factor).add_(change).clamp_(0, 1)
    if _happens(config.posterise, rng):
        step = 2 ** (8 - int(rng.integers(*config.posterise_bits, endpoint=True)))
        frames = _unit(frames).mul(255 / step).floor_().mul_(step / 255)
    if _happens(config.noise, rng):
        generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
        noise = torch.randn(frames.shape, generator=generator)
        frames = noise.mul_(config.noise_deviation).add_(_unit(frames)).clamp_(0, 1)
    return frames
