"""Backgrounds of new images: a set's images with their objects filled in, or a folder of images."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from playhead.detection.labels.layout import image_files
from playhead.detection.labels.write import names_of
from playhead.detection.synthesis.background import clean_background, hidden_by
from playhead.detection.synthesis.config import SynthesisConfig
from playhead.errors import LabelError, MediaError
from playhead.events.images import ImageSet, LabelledImage
from playhead.media.stills import read_still

__all__ = ["Background", "Backgrounds"]

Bytes = NDArray[np.uint8]

_COARSE = 256  # longer side at which the filled share is measured
_TRIES = 20  # draws before giving up on unreadable backgrounds


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """An image to paste into; `boxes` and `labels` are those of its remaining objects."""

    name: str
    path: Path
    pixels: Bytes
    boxes: NDArray[np.float64]
    labels: NDArray[np.int32]


@dataclass(slots=True, eq=False)
class Backgrounds:
    """Images to paste into, read when drawn; filled ones are cached up to `background_mb`.

    failed: errors of unreadable images, by name; filled_too_far: number of images left out because
    objects cover too much of them
    """

    images: tuple[LabelledImage, ...]
    names: tuple[str, ...]
    config: SynthesisConfig
    filled_too_far: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    _kept: dict[int, Bytes] = field(default_factory=dict)
    _room: float = field(init=False)

    def __post_init__(self) -> None:
        self._room = self.config.background_mb * 1e6

    @classmethod
    def of_set(cls, labelled: ImageSet, config: SynthesisConfig) -> Self:
        """The images of a set that objects do not cover too far; LabelError if there are none."""
        usable = tuple(
            image for image in labelled.images if _filled_share(image, config) <= config.filled_most
        )
        if not usable:
            raise LabelError(
                f"objects cover more than {config.filled_most:.0%} of each of {len(labelled)} "
                "images, so none can be a background; give --backgrounds, a folder of images "
                "without objects, or raise filled_most"
            )
        names = names_of([image.path for image in usable])
        return cls(usable, names, config, filled_too_far=len(labelled) - len(usable))

    @classmethod
    def of_folder(cls, folder: Path, config: SynthesisConfig) -> Self:
        """All images under a folder, unchanged; LabelError if there are none."""
        paths = image_files(folder)
        if not paths:
            raise LabelError(f"{folder}: has no images; give a folder of backgrounds")
        nothing = np.zeros((0, 4)), np.zeros(0, np.int32), np.zeros(0, np.float32)
        images = tuple(LabelledImage(path, (0, 0), *nothing) for path in paths)
        return cls(images, names_of(paths, folder), config)

    def checksum(self) -> str:
        """A checksum of their names; the content of a set is in the checksum of the set."""
        return hashlib.sha256("\n".join(self.names).encode()).hexdigest()

    def draw(self, rng: np.random.Generator) -> Background:
        """A random background; draws again if it cannot be read, MediaError after 20 failures."""
        clean = bool(rng.random() < self.config.clean)
        indices = rng.integers(len(self.images), size=_TRIES)
        for index in indices.tolist():
            try:
                return self._read(index, clean=clean)
            except MediaError as error:
                self.failed[self.names[index]] = str(error)
        raise MediaError(
            f"{len(self.failed)} of {len(self.images)} backgrounds cannot be read, the last: "
            f"{self.failed[self.names[index]]}"
        )

    def _read(self, index: int, *, clean: bool) -> Background:
        image, name = self.images[index], self.names[index]
        if clean and index in self._kept:
            return Background(name, image.path, self._kept[index], *_nothing())
        pixels, factor = _shrunk(read_still(image.path), self.config.size)
        if not clean:
            return Background(name, image.path, pixels, image.boxes * factor, image.labels)
        pixels = clean_background(
            pixels, image.boxes * factor, margin=self.config.margin, filling=self.config.filling
        )
        if pixels.nbytes <= self._room:
            self._kept[index] = pixels
            self._room -= pixels.nbytes
        return Background(name, image.path, pixels, *_nothing())


def _nothing() -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    return np.zeros((0, 4)), np.zeros(0, np.int32)


def _shrunk(pixels: Bytes, longest: int) -> tuple[Bytes, NDArray[np.float64]]:
    """An image of at most `longest` pixels a side, and the factors for its boxes (N, 4)."""
    high, wide, _ = pixels.shape
    ratio = longest / max(high, wide)
    if ratio >= 1:
        return pixels, np.ones(4)
    size = max(round(wide * ratio), 1), max(round(high * ratio), 1)
    smaller = Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)
    return np.asarray(smaller), np.tile((size[0] / wide, size[1] / high), 2)


def _filled_share(image: LabelledImage, config: SynthesisConfig) -> float:
    ratio = min(_COARSE / max(image.size), 1.0)
    shape = max(round(image.size[1] * ratio), 1), max(round(image.size[0] * ratio), 1)
    return float(hidden_by(image.boxes * ratio, shape, config.margin).mean())
