"""Where players stand when they have nothing to do: formations that drift with the play.

Everything is a closed form of time, so positions can be evaluated at any time and in any order.
Metres and seconds; x runs along the 105 m of the pitch, y across its 68 m.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["FIGURES", "KEEPERS", "LENGTH", "PLAYERS", "REFEREE", "WIDTH", "Flow", "draw_flow"]

LENGTH, WIDTH = 105.0, 68.0
PLAYERS = 22  # 0..10 the first team, attacking towards x = 105; 11..21 the second
REFEREE = 22
FIGURES = 23
KEEPERS = (0, 11)

Floats = NDArray[np.float64]

_SLOTS = np.array(  # a keeper and a 4-4-2 around the play, attacking to the right
    [[0, 0]]
    + [[-17, y] for y in (-21, -8, 8, 21)]
    + [[-3, y] for y in (-19, -6, 6, 19)]
    + [[10, y] for y in (-8, 8)],
    dtype=np.float64,
)


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """Sums of sines: the drift of the play's centre, and each figure's own wandering."""

    slots: Floats  # (23, 2) offsets from the centre
    drift: Floats  # (2, K, 3) amplitude, angular frequency, phase of the centre along x and y
    wander: Floats  # (23, 2, K, 3)

    def centre(self, times: Floats) -> Floats:
        """`times` (T,) → the centre of the play (T, 2)."""
        middle = np.array([LENGTH / 2, WIDTH / 2])
        return middle + _waves(self.drift, times)

    def base(self, times: Floats) -> Floats:
        """`times` (T,) → where every figure would be (T, 23, 2)."""
        centre = self.centre(times)[:, None, :]
        places = centre + self.slots + _waves(self.wander, times)
        for keeper, goal in zip(KEEPERS, (5.0, LENGTH - 5.0), strict=True):
            places[:, keeper, 0] = goal + 0.1 * (places[:, keeper, 0] - LENGTH / 2)
            places[:, keeper, 1] = WIDTH / 2 + 0.25 * (places[:, keeper, 1] - WIDTH / 2)
        return np.clip(places, 1.0, (LENGTH - 1.0, WIDTH - 1.0))


def draw_flow(rng: np.random.Generator) -> Flow:
    """Draw the drift of a match; the play wanders over most of the pitch."""
    first = _SLOTS * rng.uniform(0.8, 0.95) + rng.normal(0, 1.2, _SLOTS.shape)
    second = _SLOTS * (-1, 1) * rng.uniform(0.8, 0.95) + rng.normal(0, 1.2, _SLOTS.shape)
    slots = np.concatenate([first, second, [[-4.0, -5.0]]])
    drift = np.stack([_draw_waves(rng, (), (22, 10, 5), 50), _draw_waves(rng, (), (13, 6, 3), 40)])
    wander = _draw_waves(rng, (FIGURES, 2), (1.6, 1.0, 0.6), 13)
    return Flow(slots, drift, wander)


def _draw_waves(
    rng: np.random.Generator, shape: tuple[int, ...], sizes: tuple[float, ...], period: float
) -> Floats:
    """Waves (*shape, K, 3); the first has about `period` seconds, each next one is shorter."""
    count = len(sizes)
    amplitude = np.array(sizes) * rng.uniform(0.7, 1.2, (*shape, count))
    periods = period * np.array([1.0, 0.6, 0.37])[:count] * rng.uniform(0.8, 1.3, (*shape, count))
    phase = rng.uniform(0, 2 * np.pi, (*shape, count))
    return np.stack([amplitude, 2 * np.pi / periods, phase], axis=-1)


def _waves(waves: Floats, times: Floats) -> Floats:
    """`waves` (*S, K, 3), times (T,) → their sums (T, *S)."""
    amplitude, frequency, phase = np.moveaxis(waves, -1, 0)
    at = times.reshape((-1,) + (1,) * amplitude.ndim)
    total: Floats = (amplitude * np.sin(frequency * at + phase)).sum(axis=-1)
    return total
