"""Cut-outs: labelled objects with a margin around them, and a bank of them of bounded size.

Objects inside an object are part of its cut-out: a cut-out of a car has the label of its plate. An
object is not cut out if its cut-out would show much of another, unlabelled object.
"""

import heapq
import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from playhead.decisions.boxes import cover
from playhead.detection.synthesis.pasting_config import CutPasteConfig
from playhead.errors import LabelError

__all__ = ["Cutout", "CutoutBank", "Labelled", "cut_out", "scaled"]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Labelled = tuple[Bytes, NDArray[np.floating], NDArray[np.integer]]

_LEAST_MARGIN = 2


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """An object, the objects inside it, and a margin around it, within the image.

    pixels: RGB (h, w, 3)
    boxes: float64 (1 + P, 4) in `pixels`: the object's, then those of the objects inside it
    labels: int32 (1 + P,)
    source: longer side of the image it was cut from, in pixels of the cut-out's size
    origin: which of a bank's images it was cut from, counted from 0
    """

    pixels: Bytes
    boxes: Floats
    labels: NDArray[np.int32]
    source: float
    origin: int = 0

    @property
    def label(self) -> int:
        """The class of the object itself."""
        return int(self.labels[0])

    @property
    def core(self) -> tuple[int, int, int, int]:
        """The whole pixels `x1, y1, x2, y2` that the object's box touches."""
        x1, y1, x2, y2 = self.boxes[0].tolist()
        high, wide, _ = self.pixels.shape
        right, low = min(math.ceil(x2 - 1e-6), wide), min(math.ceil(y2 - 1e-6), high)
        return min(math.floor(x1), right - 1), min(math.floor(y1), low - 1), right, low


def cut_out(
    image: Bytes,
    boxes: NDArray[np.floating],
    labels: NDArray[np.integer],
    which: int,
    *,
    margin: float = 0.1,
    inside: float = 0.7,
) -> Cutout:
    """Cut the object `which` of (N, 4) boxes out of an image, RGB (H, W, 3).

    margin: around it on each side, as a share of that side, two pixels at least
    inside: share of another box that must lie inside the object's for it to be included
    Raises LabelError for a box without area in the image.
    """
    high, wide, _ = image.shape
    edges = np.array([wide, high, wide, high], np.float64)
    own = np.clip(np.asarray(boxes[which], np.float64), 0, edges)
    if not (own[:2] < own[2:]).all():
        raise LabelError(
            f"box {boxes[which]} has no area inside an image of {wide}x{high}; remove it"
        )
    around = np.maximum(margin * (own[2:] - own[:2]), _LEAST_MARGIN)
    left, top = np.floor(np.maximum(own[:2] - around, 0)).astype(int).tolist()
    right, low = np.ceil(np.minimum(own[2:] + around, (wide, high))).astype(int).tolist()
    others = np.flatnonzero(cover(boxes, own[None])[:, 0] >= inside)
    carried = np.array([which, *others[others != which]])
    within = np.clip(
        np.asarray(boxes[carried], np.float64), np.tile(own[:2], 2), np.tile(own[2:], 2)
    )
    return Cutout(
        image[top:low, left:right].copy(),
        within - (left, top, left, top),
        np.asarray(labels[carried], np.int32),
        float(max(high, wide)),
    )


def scaled(cutout: Cutout, size: tuple[int, int], *, mirror: bool = False) -> Cutout:
    """The cut-out at `size` (width, height), its boxes with it; `mirror` swaps left and right."""
    high, wide, _ = cutout.pixels.shape
    pixels, boxes = cutout.pixels, cutout.boxes
    if size != (wide, high):
        pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))
        boxes = boxes * np.tile((size[0] / wide, size[1] / high), 2)
    if mirror:
        pixels = pixels[:, ::-1]
        boxes = np.column_stack(
            [size[0] - boxes[:, 2], boxes[:, 1], size[0] - boxes[:, 0], boxes[:, 3]]
        )
    growth = math.sqrt(size[0] * size[1] / (wide * high))
    return replace(cutout, pixels=pixels, boxes=boxes, source=cutout.source * growth)


class CutoutBank:
    """Cut-outs to draw from, within `memory_mb`; depends only on images, their order and the seed.

    labelled: images, RGB (H, W, 3), each with its boxes (N, 4) in pixels and labels (N,); a
    negative label marks an ignored region, which is only cut out as part of an object around it
    Above the limit, a random cut-out of the class with the most memory is dropped, so that frequent
    classes never crowd out rare ones.
    left_out: number of boxes that were not kept, by reason
    """

    def __init__(
        self, labelled: Iterable[Labelled], config: CutPasteConfig, *, seed: int = 0
    ) -> None:
        self.left_out: Counter[str] = Counter()
        self._seen: Counter[int] = Counter()
        self._bytes: Counter[int] = Counter()
        held: dict[int, list[tuple[float, int, Cutout]]] = {}  # heaps by lot
        limit, lots = config.memory_mb * 1e6, np.random.default_rng(seed)
        for number, cutout in enumerate(self._cut(labelled, config)):
            self._seen[cutout.label] += 1
            self._bytes[cutout.label] += cutout.pixels.nbytes
            heapq.heappush(
                held.setdefault(cutout.label, []), (float(lots.random()), number, cutout)
            )
            while self._bytes.total() > limit:
                largest = max(sorted(self._bytes), key=lambda label: self._bytes[label])
                _, _, dropped = heapq.heappop(held[largest])
                self._bytes[largest] -= dropped.pixels.nbytes
                self.left_out["memory"] += 1
        self._cutouts = {
            label: [cutout for _, _, cutout in sorted(of_class, key=lambda entry: entry[1])]
            for label, of_class in held.items()
            if of_class
        }

    def __len__(self) -> int:
        return sum(map(len, self._cutouts.values()))

    def __iter__(self) -> Iterator[Cutout]:
        return itertools.chain.from_iterable(self._cutouts.values())

    @property
    def nbytes(self) -> int:
        """The memory of the pixels."""
        return self._bytes.total()

    @property
    def most_labels(self) -> int:
        """The maximum number of labels in one cut-out."""
        return max((len(cutout.labels) for cutout in self), default=0)

    def count(self) -> dict[int, int]:
        """The number of cut-outs, by the class of the object itself."""
        return {label: len(self._cutouts[label]) for label in sorted(self._cutouts)}

    def draw(self, rng: np.random.Generator, balance: float) -> Cutout:
        """A random class, then a random cut-out of it.

        balance: 0 draws classes as often as they were seen, 1 all equally often
        """
        labels = sorted(self._cutouts)
        weights = np.array([self._seen[label] for label in labels], np.float64) ** (1 - balance)
        at = np.searchsorted(np.cumsum(weights), rng.random() * weights.sum(), side="right")
        of_class = self._cutouts[labels[min(int(at), len(labels) - 1)]]
        return of_class[int(rng.integers(len(of_class)))]

    def _cut(self, labelled: Iterable[Labelled], config: CutPasteConfig) -> Iterator[Cutout]:
        for origin, (image, boxes, labels) in enumerate(labelled):
            high, wide, _ = image.shape
            clipped = np.clip(np.asarray(boxes, np.float64), 0, (wide, high, wide, high))
            for which in np.flatnonzero(np.asarray(labels) >= 0).tolist():
                reason = _refused(clipped, which, config)
                if reason:
                    self.left_out[reason] += 1
                    continue
                cutout = cut_out(
                    image, clipped, labels, which, margin=config.margin, inside=config.inside
                )
                cutout = replace(cutout, origin=origin)
                height, width, _ = cutout.pixels.shape
                ratio = config.longest / max(height, width)
                if ratio < 1:
                    size = max(round(width * ratio), 1), max(round(height * ratio), 1)
                    cutout = scaled(cutout, size)
                yield cutout


def _refused(boxes: Floats, which: int, config: CutPasteConfig) -> str:
    """Why a box is not cut out; empty if it is."""
    own = boxes[[which]]
    if not (own[:, 2:] - own[:, :2]).min() >= config.least:
        return "small"
    shown = np.delete(cover(boxes, own)[:, 0], which)
    if ((shown > config.neighbour_most) & (shown < config.inside)).any():
        return "neighbours"
    return ""
