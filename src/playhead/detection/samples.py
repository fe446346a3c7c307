"""Images as training samples: mosaics, cut and paste, other sizes, other light.

A sample is a function of (seed, epoch, index) alone. Boxes follow every change of the image; one
of which too little is left goes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from playhead.detection.sample_cache import ImageCache
from playhead.detection.sample_settings import ImageAugmentation
from playhead.detection.synthesis.cutouts import CutoutBank
from playhead.detection.synthesis.pasting import paste_into
from playhead.errors import LabelError
from playhead.events.images import ImageSet
from playhead.media.scaling import GREY

__all__ = ["TrainingImages", "place"]

_EDGES = (0.3, 0.7)
"""Where the corner of the four images of a mosaic lies, in shares of the canvas."""

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Labels = NDArray[np.int32]
Size = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    """A canvas (H, W, 3) and the boxes on it."""

    canvas: Bytes
    boxes: Floats
    labels: Labels


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """An image with the boxes in its pixels, and what it will be scaled by."""

    image: Bytes
    scale: float
    boxes: Floats
    labels: Labels

    @property
    def width(self) -> float:
        return float(self.image.shape[1] * self.scale)

    @property
    def height(self) -> float:
        return float(self.image.shape[0] * self.scale)


@dataclass(frozen=True, eq=False)
class TrainingImages:
    """Samples `image` uint8 (3, H, W), `boxes` float32 (M, 4) and `labels` int64 (M,).

    All samples of a batch have one size and one M; places without a box have the label -1.
    size: width and height of a sample before `multi_scale`; an image's longer side is brought to
    the longer of them, a smaller image only with `enlarge`; multiple: of the sides
    bank: cut-outs to paste
    plain_from: the first epoch without mosaics; batch_size: of the loader
    """

    images: ImageSet
    cache: ImageCache
    size: Size
    settings: ImageAugmentation
    seed: int
    batch_size: int
    plain_from: int
    multiple: int = 32
    enlarge: bool = False
    bank: CutoutBank | None = None
    most: int = field(init=False)

    def __post_init__(self) -> None:
        counts = sorted(len(one.labels) for one in self.images.images)
        if not counts or counts[-1] == 0:
            raise LabelError("there is no labelled object in the images to train on")
        object.__setattr__(self, "most", 4 * counts[-1] + self._pasted_most())

    def __len__(self) -> int:
        return len(self.images)

    def sample(self, epoch: int, index: int) -> dict[str, NDArray[Any]]:
        """Sample `index` of epoch `epoch` (from 1)."""
        rng = np.random.default_rng([self.seed, epoch, index])
        scene = self._composed(rng, epoch, self._order(epoch)[index], self._size(epoch, index))
        if self.bank is not None and self.settings.cut_paste is not None:
            pasted = paste_into(
                rng, scene.canvas, scene.boxes, scene.labels, self.bank, self.settings.cut_paste
            )
            scene = _Scene(*pasted)
        if rng.random() < self.settings.flip:
            scene = _mirrored(scene)
        canvas = _other_light(rng, scene.canvas, self.settings)
        boxes = np.zeros((self.most, 4), np.float32)
        labels = np.full(self.most, -1, np.int64)
        boxes[: len(scene.boxes)], labels[: len(scene.labels)] = scene.boxes, scene.labels
        return {
            "image": np.ascontiguousarray(canvas.transpose(2, 0, 1)),
            "boxes": boxes,
            "labels": labels,
        }

    def _pasted_most(self) -> int:
        """The most labels that cut and paste can add to an image."""
        if self.bank is None or self.settings.cut_paste is None:
            return 0
        return self.bank.most_labels * self.settings.cut_paste.count[1]

    def _order(self, epoch: int) -> NDArray[np.intp]:
        return _permutation(len(self), self.seed, epoch)

    def _size(self, epoch: int, index: int) -> Size:
        """One size for all samples of a batch."""
        low, high = self.settings.multi_scale
        if low == high == 1:
            return self.size
        rng = np.random.default_rng([self.seed, epoch, index // self.batch_size, 1])
        scale = rng.uniform(low, high)
        width, height = (
            max(self.multiple, round(side * scale / self.multiple) * self.multiple)
            for side in self.size
        )
        return width, height

    def _composed(self, rng: np.random.Generator, epoch: int, number: int, size: Size) -> _Scene:
        if epoch >= self.plain_from or rng.random() >= self.settings.mosaic:
            return self._alone(rng, number, size)
        others = rng.integers(len(self), size=3).tolist()
        return self._mosaic(rng, [number, *others], size)

    def _alone(self, rng: np.random.Generator, number: int, size: Size) -> _Scene:
        """One image, larger or smaller than in use, anywhere that it fills or stays in."""
        canvas = np.full((size[1], size[0], 3), GREY, np.uint8)
        one = self._drawn(rng, number, size)
        # Anywhere in the room there is; of an image that is larger, any part of it.
        corner = (
            float(rng.random()) * (size[0] - one.width),
            float(rng.random()) * (size[1] - one.height),
        )
        return _joined(canvas, [self._placed(canvas, one, corner, (0, 0, *size))])

    def _mosaic(self, rng: np.random.Generator, numbers: Sequence[int], size: Size) -> _Scene:
        """Four images that meet in a point, each with a corner there."""
        canvas = np.full((size[1], size[0], 3), GREY, np.uint8)
        x, y = (round(side * rng.uniform(*_EDGES)) for side in size)
        parts = []
        for quarter, number in enumerate(numbers):
            right, below = quarter % 2, quarter // 2
            one = self._drawn(rng, number, size)
            corner = (x if right else x - one.width, y if below else y - one.height)
            upper = (x if right else 0, y if below else 0)
            lower = (size[0] if right else x, size[1] if below else y)
            parts.append(self._placed(canvas, one, corner, (*upper, *lower)))
        return _joined(canvas, parts)

    def _drawn(self, rng: np.random.Generator, number: int, size: Size) -> _Drawn:
        """An image and its scale: by its longer side as in use, then larger or smaller."""
        low, high = self.settings.scale
        factor = math.exp(rng.uniform(math.log(low), math.log(high)))
        image, one = self.cache.read(number), self.images.images[number]
        fitting = max(size) / max(one.size)
        if not self.enlarge:
            fitting = min(fitting, 1.0)
        kept = image.shape[1] / one.size[0], image.shape[0] / one.size[1]
        return _Drawn(image, fitting * factor / max(kept), one.boxes * np.tile(kept, 2), one.labels)

    def _placed(
        self,
        canvas: Bytes,
        one: _Drawn,
        corner: tuple[float, float],
        region: tuple[int, int, int, int],
    ) -> tuple[Floats, Labels]:
        """Draw an image into a region of the canvas; its boxes there."""
        place(canvas, one.image, one.scale, corner, region)
        boxes = one.boxes * one.scale + np.tile(np.asarray(corner, float), 2)
        low, high = np.tile(region[:2], 2), np.tile(region[2:], 2)
        clipped = np.clip(boxes, low, high)
        sides = clipped[:, 2:] - clipped[:, :2]
        left = np.prod(sides, 1) / np.maximum(np.prod(boxes[:, 2:] - boxes[:, :2], 1), 1e-9)
        stays = left >= self.settings.least_visible
        stays &= sides.min(1, initial=np.inf) >= self.settings.least_pixels
        return clipped[stays], one.labels[stays]


@lru_cache(maxsize=2)
def _permutation(count: int, seed: int, epoch: int) -> NDArray[np.intp]:
    """The order of an epoch, which each of its samples asks for."""
    return np.random.default_rng([seed, epoch]).permutation(count)


def place(
    canvas: Bytes,
    image: Bytes,
    scale: float,
    corner: tuple[float, float],
    region: tuple[int, int, int, int],
) -> None:
    """Draw `image` times `scale` with its top left at `corner` (x, y), within `region` alone."""
    height, width = image.shape[:2]
    x1, y1 = max(round(corner[0]), region[0]), max(round(corner[1]), region[1])
    x2 = min(round(corner[0] + width * scale), region[2])
    y2 = min(round(corner[1] + height * scale), region[3])
    if x1 >= x2 or y1 >= y2:
        return
    shown = [
        min(max((edge - start) / scale, 0.0), float(side))
        for edge, start, side in zip(
            (x1, y1, x2, y2), (*corner, *corner), (width, height) * 2, strict=True
        )
    ]
    part = Image.fromarray(image).resize(
        (x2 - x1, y2 - y1),
        # As sharp as the mean over each new pixel, which shrinks images in use.
        Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR,
        box=(shown[0], shown[1], shown[2], shown[3]),
    )
    canvas[y1:y2, x1:x2] = np.asarray(part)


def _joined(canvas: Bytes, parts: Sequence[tuple[Floats, Labels]]) -> _Scene:
    boxes, labels = zip(*parts, strict=True)
    return _Scene(canvas, np.concatenate(boxes), np.concatenate(labels))


def _mirrored(scene: _Scene) -> _Scene:
    width = scene.canvas.shape[1]
    x1, y1, x2, y2 = scene.boxes.T
    return _Scene(
        scene.canvas[:, ::-1], np.stack([width - x2, y1, width - x1, y2], 1), scene.labels
    )


def _other_light(rng: np.random.Generator, canvas: Bytes, settings: ImageAugmentation) -> Bytes:
    """Brightness, contrast, each colour and colourfulness changed at random."""
    balance = 1 + settings.balance * rng.uniform(-1, 1, 3)
    contrast = 1 + settings.contrast * rng.uniform(-1, 1)
    brightness = 255 * settings.brightness * rng.uniform(-1, 1)
    saturation = np.float32(1 + settings.saturation * rng.uniform(-1, 1))
    gain = (balance * contrast).astype(np.float32)
    values = canvas * gain + np.float32(GREY * (1 - contrast) + brightness)
    grey = values.mean(2, keepdims=True)
    values = grey + (values - grey) * saturation
    seen: Bytes = np.clip(np.rint(values, out=values), 0, 255, out=values).astype(np.uint8)
    return seen
