"""A cache of decoded training images, up to a memory limit.

Images that fit are decoded once, before training; the others each time they are needed. Nothing is
evicted: with random access, eviction would not help.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playhead.media.scaling import resize
from playhead.media.stills import read_still
from playhead.progress import progress

__all__ = ["ImageCache"]

Bytes = NDArray[np.uint8]


class ImageCache:
    """Images by index, RGB uint8 (H, W, 3), shrunk to sides of at most `longest` pixels.

    limit: bytes of the cache; forked workers share it
    The constructor and `read` raise MediaError for an image that cannot be read.
    """

    def __init__(self, paths: Sequence[Path], *, longest: int, limit: int) -> None:
        self.paths, self.longest = tuple(paths), longest
        self.bytes = 0
        self._kept: dict[int, Bytes] = {}
        if limit > 0:
            self._fill(limit)

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def kept(self) -> int:
        """Number of cached images."""
        return len(self._kept)

    def read(self, number: int) -> Bytes:
        """One image; it is shared and must not be modified."""
        kept = self._kept.get(number)
        return self._decode(number) if kept is None else kept

    def _fill(self, limit: int) -> None:
        """Fill the cache in index order, so that its content is deterministic."""
        with (
            ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool,
            progress("Reading images", total=len(self)) as bar,
        ):
            for start in range(0, len(self), 64):
                numbers = range(start, min(start + 64, len(self)))
                for number, image in zip(numbers, pool.map(self._decode, numbers), strict=True):
                    if self.bytes + image.nbytes > limit:
                        return
                    image.setflags(write=False)
                    self._kept[number] = image
                    self.bytes += image.nbytes
                    bar.advance()

    def _decode(self, number: int) -> Bytes:
        image = read_still(self.paths[number])
        height, width = image.shape[:2]
        scale = self.longest / max(height, width)
        if scale >= 1:
            return image
        return resize(image, (max(1, round(width * scale)), max(1, round(height * scale))))
