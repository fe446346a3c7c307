"""Training samples: images with mosaic, scaling, cut and paste, flips and colour jitter.

A sample depends on (seed, epoch, index) alone. Boxes are transformed with the image; a box of which
too little remains visible is dropped, but an ignored region is kept as long as any of it is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from playhead.detection.camera_effects import camera_effects
from playhead.detection.sample_cache import ImageCache
from playhead.detection.sample_settings import ImageAugmentation
from playhead.detection.synthesis.cutouts import CutoutBank
from playhead.detection.synthesis.pasting import paste_into
from playhead.detection.warp import Warp
from playhead.errors import LabelError
from playhead.events.images import ImageSet, LabelledImage
from playhead.media.scaling import GREY

__all__ = ["IGNORED", "TrainingImages", "draw_image", "training_labels"]

IGNORED = -2
"""The label of a box that is an ignored region."""

_CENTRE = (0.3, 0.7)
"""Range of the point where the four images of a mosaic meet, as shares of the canvas."""

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Labels = NDArray[np.int32]
Size = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    """A composed image (H, W, 3) and its boxes."""

    canvas: Bytes
    boxes: Floats
    labels: Labels


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """An image, its boxes in its own pixels, and the factor to scale it by."""

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

    All samples of a batch have one size and one M; rows without a box have the label -1, boxes of
    score 0 `IGNORED`.
    size: width and height of a sample before `multi_scale`; an image's longer side is resized to
    the longer of them, a smaller image only with `enlarge`; multiple: that sides are rounded to
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
    max_boxes: int = field(init=False)

    def __post_init__(self) -> None:
        most = max((len(image.labels) for image in self.images.images), default=0)
        if not any((image.scores > 0).any() for image in self.images.images):
            raise LabelError("the training images have no labelled object; label some")
        pasted = 0
        if self.bank is not None and self.settings.cut_paste is not None:
            pasted = self.bank.most_labels * self.settings.cut_paste.count[1]
        object.__setattr__(self, "max_boxes", 4 * most + pasted)

    def __len__(self) -> int:
        return len(self.images)

    def sample(self, epoch: int, index: int) -> dict[str, NDArray[Any]]:
        """Sample `index` of epoch `epoch` (from 1)."""
        rng = np.random.default_rng([self.seed, epoch, index])
        number = int(_permutation(len(self), self.seed, epoch)[index])
        size = self._size(epoch, index)
        if epoch >= self.plain_from or rng.random() >= self.settings.mosaic:
            scene = self._single(rng, number, size)
        else:
            others = rng.integers(len(self), size=3).tolist()
            scene = self._mosaic(rng, [number, *others], size)
        if self.bank is not None and self.settings.cut_paste is not None:
            pasted = paste_into(
                rng, scene.canvas, scene.boxes, scene.labels, self.bank, self.settings.cut_paste
            )
            scene = _Scene(*pasted)
        if self.settings.warp and rng.random() < self.settings.warp:
            scene = self._warped(scene, Warp.draw(rng, size, self.settings))
        if rng.random() < self.settings.flip:
            scene = _flipped(scene)
        canvas = _jittered(rng, scene.canvas, self.settings)
        canvas = camera_effects(rng, canvas, self.settings)
        boxes = np.zeros((self.max_boxes, 4), np.float32)
        labels = np.full(self.max_boxes, -1, np.int64)
        boxes[: len(scene.boxes)], labels[: len(scene.labels)] = scene.boxes, scene.labels
        return {
            "image": np.ascontiguousarray(canvas.transpose(2, 0, 1)),
            "boxes": boxes,
            "labels": labels,
        }

    def _size(self, epoch: int, index: int) -> Size:
        """The size of a sample, the same for all samples of a batch."""
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

    def _single(self, rng: np.random.Generator, number: int, size: Size) -> _Scene:
        """One image at a random scale and position; of an image larger than the canvas, a crop."""
        canvas = np.full((size[1], size[0], 3), GREY, np.uint8)
        drawn = self._drawn(rng, number, size)
        corner = (
            float(rng.random()) * (size[0] - drawn.width),
            float(rng.random()) * (size[1] - drawn.height),
        )
        return _joined(canvas, [self._placed(canvas, drawn, corner, (0, 0, *size))])

    def _mosaic(self, rng: np.random.Generator, numbers: Sequence[int], size: Size) -> _Scene:
        """Four images that meet in one point."""
        canvas = np.full((size[1], size[0], 3), GREY, np.uint8)
        x, y = (round(side * rng.uniform(*_CENTRE)) for side in size)
        parts = []
        for quarter, number in enumerate(numbers):
            right, below = quarter % 2, quarter // 2
            drawn = self._drawn(rng, number, size)
            corner = (x if right else x - drawn.width, y if below else y - drawn.height)
            upper = (x if right else 0, y if below else 0)
            lower = (size[0] if right else x, size[1] if below else y)
            parts.append(self._placed(canvas, drawn, corner, (*upper, *lower)))
        return _joined(canvas, parts)

    def _drawn(self, rng: np.random.Generator, number: int, size: Size) -> _Drawn:
        """An image and its scale: that of prediction times a random factor."""
        low, high = self.settings.scale
        factor = math.exp(rng.uniform(math.log(low), math.log(high)))
        pixels, image = self.cache.read(number), self.images.images[number]
        fitting = max(size) / max(image.size)
        if not self.enlarge:
            fitting = min(fitting, 1.0)
        cached = pixels.shape[1] / image.size[0], pixels.shape[0] / image.size[1]
        scale = fitting * factor / max(cached)
        return _Drawn(pixels, scale, image.boxes * np.tile(cached, 2), training_labels(image))

    def _placed(
        self,
        canvas: Bytes,
        drawn: _Drawn,
        corner: tuple[float, float],
        region: tuple[int, int, int, int],
    ) -> tuple[Floats, Labels]:
        """Draw an image into a region of the canvas; the boxes that remain there."""
        draw_image(canvas, drawn.image, drawn.scale, corner, region)
        boxes = drawn.boxes * drawn.scale + np.tile(np.asarray(corner, float), 2)
        return self._visible(boxes, drawn.labels, region)

    def _visible(
        self, boxes: Floats, labels: Labels, region: tuple[int, int, int, int]
    ) -> tuple[Floats, Labels]:
        """The boxes clipped to a region of the canvas, without those that hardly lie in it."""
        low, high = np.tile(region[:2], 2), np.tile(region[2:], 2)
        clipped = np.clip(boxes, low, high)
        sides = clipped[:, 2:] - clipped[:, :2]
        visible = np.prod(sides, 1) / np.maximum(np.prod(boxes[:, 2:] - boxes[:, :2], 1), 1e-9)
        kept = visible >= self.settings.least_visible
        smallest = sides.min(1, initial=np.inf)
        kept &= smallest >= self.settings.least_pixels
        kept |= (labels == IGNORED) & (smallest > 0)  # what remains is not background
        return clipped[kept], labels[kept]

    def _warped(self, scene: _Scene, warp: Warp) -> _Scene:
        boxes, labels = self._visible(warp.boxes(scene.boxes), scene.labels, (0, 0, *warp.size))
        return _Scene(warp.image(scene.canvas), boxes, labels)


@lru_cache(maxsize=2)
def _permutation(count: int, seed: int, epoch: int) -> NDArray[np.intp]:
    """The shuffled order of an epoch; cached, since every sample of the epoch needs it."""
    return np.random.default_rng([seed, epoch]).permutation(count)


def training_labels(image: LabelledImage) -> Labels:
    """The labels of an image (N,), `IGNORED` for boxes of score 0."""
    return np.where(image.scores > 0, image.labels, np.int32(IGNORED))


def draw_image(
    canvas: Bytes,
    image: Bytes,
    scale: float,
    corner: tuple[float, float],
    region: tuple[int, int, int, int],
) -> None:
    """Draw `image`, scaled, with its top left at `corner` (x, y), clipped to `region`."""
    height, width = image.shape[:2]
    x1, y1 = max(round(corner[0]), region[0]), max(round(corner[1]), region[1])
    x2 = min(round(corner[0] + width * scale), region[2])
    y2 = min(round(corner[1] + height * scale), region[3])
    if x1 >= x2 or y1 >= y2:
        return
    source = [
        min(max((edge - start) / scale, 0.0), float(side))
        for edge, start, side in zip(
            (x1, y1, x2, y2), (*corner, *corner), (width, height) * 2, strict=True
        )
    ]
    part = Image.fromarray(image).resize(
        (x2 - x1, y2 - y1),
        # Box filtering, as prediction shrinks images.
        Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR,
        box=(source[0], source[1], source[2], source[3]),
    )
    canvas[y1:y2, x1:x2] = np.asarray(part)


def _joined(canvas: Bytes, parts: Sequence[tuple[Floats, Labels]]) -> _Scene:
    boxes, labels = zip(*parts, strict=True)
    return _Scene(canvas, np.concatenate(boxes), np.concatenate(labels))


def _flipped(scene: _Scene) -> _Scene:
    width = scene.canvas.shape[1]
    x1, y1, x2, y2 = scene.boxes.T
    return _Scene(
        scene.canvas[:, ::-1], np.stack([width - x2, y1, width - x1, y2], 1), scene.labels
    )


def _jittered(rng: np.random.Generator, canvas: Bytes, settings: ImageAugmentation) -> Bytes:
    """The image with random brightness, contrast, colour balance and saturation."""
    balance = 1 + settings.balance * rng.uniform(-1, 1, 3)
    contrast = 1 + settings.contrast * rng.uniform(-1, 1)
    brightness = 255 * settings.brightness * rng.uniform(-1, 1)
    saturation = np.float32(1 + settings.saturation * rng.uniform(-1, 1))
    gain = (balance * contrast).astype(np.float32)
    values = canvas * gain + np.float32(GREY * (1 - contrast) + brightness)
    grey = values.mean(2, keepdims=True)
    values = grey + (values - grey) * saturation
    jittered: Bytes = np.clip(np.rint(values, out=values), 0, 255, out=values).astype(np.uint8)
    return jittered
