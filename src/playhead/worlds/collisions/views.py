"""The two cameras of a play: `sideline` looks along y, `endzone` along x, both down from masts."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from playhead.worlds.drawing import Camera

__all__ = ["VIEWS", "View", "draw_views"]

Floats = NDArray[np.float64]

VIEWS = ("sideline", "endzone")
TARGET = (0.0, 0.0, 0.75)  # metres: the point that the cameras are aimed at


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A calibrated camera; pan and shake move the centre of its image, in parts of its width."""

    name: str
    distance: float  # metres from the middle of the play
    pan: float  # radians to the left of y
    tilt: float  # radians down
    field: float  # metres across the image in the middle of the play
    drift: Floats  # (2,) a second
    waves: Floats  # (2, K, 3) to the right and down: amplitude, hertz, phase
    gain: tuple[float, float, float]  # what the colours are multiplied by
    grain: float  # grey levels
    exposure: float  # seconds
    seed: int

    def camera(self, size: tuple[int, int]) -> Camera:
        """The camera without pan and shake, for images of (width, height)."""
        focal = size[0] * self.distance / self.field
        return Camera.at(
            TARGET, size=size, focal=focal, distance=self.distance, pan=self.pan, tilt=self.tilt
        )

    def offset(self, times: Floats) -> Floats:
        """Where the image has moved at `times` (...,): (..., 2) right and down, in widths."""
        amplitude, hertz, phase = np.moveaxis(self.waves, -1, 0)
        wave = amplitude * np.sin(2 * np.pi * hertz * times[..., None, None] + phase)
        moved: Floats = self.drift * times[..., None] + wave.sum(axis=-1)
        # A soft limit: the play stays in the image however long it is.
        return 0.08 * np.tanh(moved / 0.08)

    def camera_at(self, time: float, size: tuple[int, int]) -> Camera:
        """The camera at a time in seconds, with pan and shake: what `Camera.project` needs."""
        camera = self.camera(size)
        right, down = (self.offset(np.array(time)) * size[0]).tolist()
        return replace(camera, centre=(camera.centre[0] + right, camera.centre[1] + down))


def draw_views(rng: np.random.Generator, *, shake: float) -> tuple[View, ...]:
    """Both cameras of one play. shake: 0 keeps them still."""
    dark = rng.random() < 0.3
    light = rng.uniform(0.55, 0.75) if dark else rng.uniform(0.85, 1.1)
    views = []
    for index, name in enumerate(VIEWS):
        cast = light * rng.uniform(0.93, 1.07) * (1 + rng.normal(0, 0.03, 3))
        red, green, blue = cast.tolist()
        hertz = np.array([0.35, 1.7, 4.3, 8.9]) * rng.uniform(0.8, 1.25, (2, 4))
        amplitude = np.array([0.012, 0.0016, 0.0007, 0.0004]) * rng.uniform(0.2, 1.5, (2, 4))
        amplitude[1, 0] *= 0.3
        views.append(
            View(
                name=name,
                distance=float(rng.uniform(30, 38)),
                pan=index * math.pi / 2 + float(np.clip(rng.normal(0, 0.08), -0.16, 0.16)),
                tilt=math.radians(rng.uniform(8, 13)),
                field=float(rng.uniform(10.7, 11.8)),
                drift=rng.normal(0, (0.012, 0.003)) * shake,
                waves=np.stack([amplitude * shake, hertz, rng.uniform(0, 6.28, (2, 4))], axis=-1),
                gain=(red, green, blue),
                grain=float(rng.uniform(1.5, 4.5)) * (1.4 if dark else 1.0),
                exposure=float(rng.uniform(1 / 250, 1 / 80)),
                seed=int(rng.integers(1 << 31)),
            )
        )
    return tuple(views)
