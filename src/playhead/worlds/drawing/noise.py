"""Sensor noise: the grain of a camera, different in each frame."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["SensorNoise"]

_SHIFT = 32  # pixels by which the noise of two instants may be shifted


class SensorNoise:
    """Gaussian noise drawn once; each instant adds another part of it, so frames stay seeded."""

    def __init__(
        self, rng: np.random.Generator, size: tuple[int, int], sigma: float, *, channels: int = 3
    ) -> None:
        """size: width and height of the images; sigma: grey levels."""
        width, height = size
        noise = np.rint(rng.normal(0, sigma, (height + _SHIFT, width + _SHIFT, 1)))
        self.noise = np.repeat(noise.astype(np.int16), channels, axis=2)

    def add(self, image: NDArray[np.uint8], time: float) -> NDArray[np.uint8]:
        """`image` (H, W, channels) with the noise of an instant in seconds."""
        mixed = round(time * 1000) * 2_654_435_761 >> 8
        top, left = mixed % _SHIFT, mixed // _SHIFT % _SHIFT
        noisy = image + self.noise[top : top + image.shape[0], left : left + image.shape[1]]
        return np.clip(noisy, 0, 255, out=noisy).astype(np.uint8)
