"""Rings: the maps of the last stacks of a video, kept where the backend computes.

The 2D part of a model sees each stack once, and every window fuses the maps of some stacks. Between
the two the maps wait in a ring buffer with one slot a stack, which is overwritten when no later
window needs it: an array of the CPU, or memory of the device of a `RingBackend`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from playhead.inference.runtime import Backend

__all__ = ["ArrayRing", "Ring", "RingBackend", "StackBatch", "Values", "open_ring"]

Values = Callable[[], NDArray[np.float32]]
"""Waits for a computation and returns its result."""


@dataclass(frozen=True)
class StackBatch:
    """N stacks of frames.

    rows: N, the number of each stack in the video
    frames: N lists of S images (H, W) or (H, W, 3); a frame of several stacks is one array object
    """

    rows: list[int]
    frames: list[list[NDArray[np.uint8]]]

    @cached_property
    def images(self) -> NDArray[np.uint8]:
        """uint8 (N, S, H, W), or (N, S, H, W, 3) of colour."""
        return np.stack([np.stack(images) for images in self.frames])


class Ring(Protocol):
    """The maps of the last stacks, each in the slot `row % slots`."""

    def encode(self, part: str, stacks: StackBatch, *, mirrored: bool = False) -> None:
        """Run the first part on stacks, and keep its maps in place of the oldest."""

    def fuse(self, part: str | None, windows: NDArray[np.int32]) -> Values:
        """Begin to run the last part on windows (B, n) of rows; call the result for (B, ...).

        part: None returns the kept values of the only row of each window
        """


@runtime_checkable
class RingBackend(Backend, Protocol):
    """A backend with memory of its own, that computes while the CPU prepares the next batch."""

    @property
    def device(self) -> object:
        """The device, which `str` names as torch does: `cuda:0`."""

    def ring(self, slots: int) -> Ring:
        """A ring of that many slots, in the memory of the device."""

    def batch_size(self, size: tuple[int, int]) -> int:
        """The stacks and windows per batch for frames of (width, height)."""


class ArrayRing:
    """A ring in an array of the CPU; results are ready at once."""

    def __init__(self, backend: Backend, slots: int) -> None:
        self._backend, self._slots = backend, slots
        self._maps: NDArray[np.float32] | None = None

    def encode(self, part: str, stacks: StackBatch, *, mirrored: bool = False) -> None:
        """Run the first part on stacks, and keep its maps in place of the oldest."""
        images = stacks.images[:, :, :, ::-1] if mirrored else stacks.images
        maps = self._backend.run(part, images)
        if self._maps is None:
            self._maps = np.empty((self._slots, *maps.shape[1:]), dtype=np.float32)
        self._maps[np.array(stacks.rows) % self._slots] = maps

    def fuse(self, part: str | None, windows: NDArray[np.int32]) -> Values:
        """Run the last part on windows (B, n) of rows; call the result for (B, ...)."""
        assert self._maps is not None
        maps = self._maps[windows % self._slots]
        values = self._backend.run(part, maps) if part else maps[:, 0]
        return lambda: values


def open_ring(backend: Backend, slots: int) -> Ring:
    """The ring of a backend: its own, or an array of the CPU."""
    return backend.ring(slots) if isinstance(backend, RingBackend) else ArrayRing(backend, slots)
