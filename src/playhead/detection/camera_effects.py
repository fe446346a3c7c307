"""Effects of a camera on training images: darkness, glare, motion blur, noise, compression.

Each function takes an RGB image, uint8 (H, W, 3), and returns one of the same shape; boxes stay.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from playhead.detection.sample_settings import ImageAugmentation

__all__ = ["add_glare", "add_noise", "camera_effects", "compress", "darken", "motion_blur"]

Bytes = NDArray[np.uint8]


def camera_effects(rng: np.random.Generator, image: Bytes, settings: ImageAugmentation) -> Bytes:
    """The effects in the order in which a camera adds them, each with its probability."""
    if rng.random() < settings.darkness:
        image = darken(image, rng.uniform(0.12, 0.6), rng.uniform(0.9, 1.6))
    if rng.random() < settings.glare:
        for _ in range(int(rng.integers(1, 4))):
            image = add_glare(
                image,
                middle=(rng.random(), rng.random()),
                radius=float(np.exp(rng.uniform(np.log(0.01), np.log(0.35)))),
                strength=rng.uniform(60, 300),
                tint=1 - 0.4 * rng.random(3),
            )
    if rng.random() < settings.motion_blur:
        image = motion_blur(image, rng.uniform(1, settings.blur_pixels), rng.uniform(0, np.pi))
    if settings.noise:
        image = add_noise(rng, image, settings.noise * rng.random() ** 2)
    if rng.random() < settings.compression:
        image = compress(image, int(rng.integers(20, 81)))
    return image


def darken(image: Bytes, gain: float, gamma: float) -> Bytes:
    """Underexpose: values in [0, 1] become gain * value ** gamma."""
    table = 255 * gain * (np.arange(256) / 255) ** gamma
    levels: Bytes = np.clip(table.round(), 0, 255).astype(np.uint8)
    darker: Bytes = levels[image]
    return darker


def add_glare(
    image: Bytes,
    *,
    middle: tuple[float, float],
    radius: float,
    strength: float,
    tint: NDArray[np.float64],
) -> Bytes:
    """Add a spot of light that falls off as a Gaussian.

    middle: x and y as shares of the sides; radius: standard deviation as a share of the longer
    side; strength: grey levels in the middle; tint: (3,) of red, green and blue
    """
    height, width = image.shape[:2]
    sigma = radius * max(width, height)
    x = np.exp(-(((np.arange(width) - middle[0] * width) / sigma) ** 2) / 2)
    y = np.exp(-(((np.arange(height) - middle[1] * height) / sigma) ** 2) / 2)
    light = (strength * np.outer(y, x)).astype(np.float32)[..., None] * tint.astype(np.float32)
    lit: Bytes = np.minimum(image + light, 255).astype(np.uint8)
    return lit


def motion_blur(image: Bytes, length: float, angle: float) -> Bytes:
    """Average the image along a line of `length` pixels at `angle` radians."""
    steps = max(round(length), 1)
    offsets = np.linspace(-length / 2, length / 2, steps)
    pad = int(np.ceil(length / 2))
    height, width = image.shape[:2]
    padded = np.pad(image, ((pad, pad), (pad, pad), (0, 0)), mode="edge")
    total = np.zeros(image.shape, np.uint16)
    for offset in offsets:
        x, y = pad + round(offset * np.cos(angle)), pad + round(offset * np.sin(angle))
        total += padded[y : y + height, x : x + width]
    return ((total + steps // 2) // steps).astype(np.uint8)


def add_noise(rng: np.random.Generator, image: Bytes, sigma: float) -> Bytes:
    """Add normal noise with a standard deviation of `sigma` grey levels."""
    noise = rng.standard_normal(image.shape, np.float32) * np.float32(sigma)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


def compress(image: Bytes, quality: int) -> Bytes:
    """Encode as JPEG of `quality` 1 to 95, and decode."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality)
    return np.array(Image.open(stream))
