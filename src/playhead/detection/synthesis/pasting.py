"""Cut and paste: objects cut out of other images, pasted at random places with their labels.

    bank = CutoutBank(labelled_images, config)
    image, boxes, labels = paste_into(rng, image, boxes, labels, bank, config)

All randomness comes from `rng`, so the same generator gives the same pixels. Positions are random,
not realistic, which suffices ("Cut, Paste and Learn", 2017); the blending mode is drawn for each
cut-out, so that a network cannot rely on edge artefacts.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import cover
from playhead.detection.synthesis.blend import (
    contrast_left,
    feather_mask,
    mixed,
    poisson,
    quick_side,
)
from playhead.detection.synthesis.cutouts import Cutout, CutoutBank, scaled
from playhead.detection.synthesis.occlusion import visible_part
from playhead.detection.synthesis.pasting_config import Blending, CutPasteConfig
from playhead.errors import PlayheadError

__all__ = ["Pasted", "Scene", "paste", "paste_into", "paste_some"]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Labels = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Pasted:
    """One pasted cut-out.

    box: of the object, in pixels, before later pastes cover it
    blending: the mode used; faded: poisson was drawn but would have left too little contrast
    origin: index of the bank's image that it was cut from
    """

    label: int
    box: tuple[float, float, float, float]
    blending: Blending
    scale: float
    mirrored: bool
    gain: float
    faded: bool = False
    origin: int = 0


class Scene:
    """A copy of an image to paste into, the boxes in it, and the pastes that cover them.

    image: RGB (H, W, 3); boxes: (N, 4) in pixels; labels: (N,)
    """

    def __init__(
        self, image: Bytes, boxes: NDArray[np.floating], labels: NDArray[np.integer]
    ) -> None:
        self.image = image.copy()
        self._boxes = np.array(boxes, np.float64).reshape(-1, 4)
        self._labels = np.array(labels, np.int32)
        self._layers = np.zeros(len(self._labels), np.int64)
        self._covers = np.zeros((0, 4))

    def covered_most(self, boxes: Floats) -> Floats:
        """For each of (M, 4) boxes, the largest share of an existing box that it covers → (M,)."""
        most: Floats = cover(self._boxes, boxes).max(axis=0, initial=0.0)
        return most

    def paste(
        self,
        cutout: Cutout,
        corner: tuple[int, int],
        blending: Blending,
        *,
        contrast_least: float = 0.0,
    ) -> Blending:
        """Paste a cut-out and its labels with its top left at `corner`; returns the mode used."""
        covered, used = paste(self.image, cutout, corner, blending, contrast_least=contrast_least)
        self._covers = np.vstack([self._covers, covered])
        self._boxes = np.vstack([self._boxes, cutout.boxes + np.tile(corner, 2)])
        self._labels = np.concatenate([self._labels, cutout.labels])
        layers = np.full(len(cutout.labels), len(self._covers))
        self._layers = np.concatenate([self._layers, layers])
        return used

    def labels_left(self, *, hidden_most: float, least_part: float) -> tuple[Floats, Labels]:
        """The visible part of each box under later pastes: (M, 4) and (M,), in order.

        A box is dropped if more than `hidden_most` of it is covered; a pasted or partly covered one
        also if its shorter side is below `least_part`.
        """
        left, kept = self._boxes.copy(), np.ones(len(self._boxes), bool)
        for row, (box, layer) in enumerate(zip(self._boxes, self._layers, strict=True)):
            covers = self._covers[layer:]
            covers = covers[cover(covers, box[None])[:, 0] > 0]
            if layer == 0 and not len(covers):
                continue
            share, left[row] = visible_part(box, covers)
            smallest = (left[row, 2:] - left[row, :2]).min()
            kept[row] = 1 - share <= hidden_most and smallest >= least_part
        return left[kept], self._labels[kept]


def paste(
    image: Bytes,
    cutout: Cutout,
    corner: tuple[int, int],
    blending: Blending,
    *,
    contrast_least: float = 0.0,
) -> tuple[NDArray[np.float64], Blending]:
    """Paste a cut-out into `image` in place, with its top left pixel at `corner` (x, y).

    `none` pastes the object's box only, `feather` fades out over the margin around it, `poisson`
    includes the whole margin; if that leaves less than `contrast_least` of the cut-out's contrast,
    as for a white plate on snow, `feather` is used.
    Returns the covered box (4,) and the blending mode used.
    Raises PlayheadError if the cut-out extends past the edge of the image.
    """
    (x, y), (high, wide, _) = corner, cutout.pixels.shape
    if not (0 <= x <= image.shape[1] - wide and 0 <= y <= image.shape[0] - high):
        raise PlayheadError(
            f"a cut-out of {wide}x{high} at {x}, {y} extends past an image of "
            f"{image.shape[1]}x{image.shape[0]}; choose a corner further inside"
        )
    part = image[y : y + high, x : x + wide]
    if blending == "poisson":
        blended = poisson(part, cutout.pixels)
        if contrast_left(blended, cutout.pixels, cutout.core) >= contrast_least:
            part[...] = blended
            return np.array([x, y, x + wide, y + high], np.float64), "poisson"
        blending = "feather"
    left, top, right, low = cutout.core
    if blending == "feather":
        part[...] = mixed(part, cutout.pixels, feather_mask((wide, high), cutout.core))
    else:
        part[top:low, left:right] = cutout.pixels[top:low, left:right]
    return np.array([x + left, y + top, x + right, y + low], np.float64), blending


def paste_into(  # noqa: PLR0917
    rng: np.random.Generator,
    image: Bytes,
    boxes: NDArray[np.floating],
    labels: NDArray[np.integer],
    bank: CutoutBank,
    config: CutPasteConfig,
) -> tuple[Bytes, Floats, Labels]:
    """The augmentation: with `probability`, cut-outs of `bank` pasted into the image.

    image: RGB (H, W, 3); boxes: (N, 4) in pixels; labels: (N,). Returns new arrays: the visible
    parts of the existing boxes first, then the pasted ones.
    """
    scene = Scene(image, boxes, labels)
    if rng.random() < config.probability:
        paste_some(rng, scene, bank, config)
    left = scene.labels_left(hidden_most=config.hidden_most, least_part=config.least_part)
    return scene.image, *left


def paste_some(
    rng: np.random.Generator, scene: Scene, bank: CutoutBank, config: CutPasteConfig
) -> tuple[Pasted, ...]:
    """Paste a random number of cut-outs, from `count`; one without a free position is left out."""
    wanted = int(rng.integers(config.count[0], config.count[1] + 1))
    pasted = (_paste_cutout(rng, scene, bank, config) for _ in range(wanted if len(bank) else 0))
    return tuple(paste for paste in pasted if paste is not None)


def _paste_cutout(
    rng: np.random.Generator, scene: Scene, bank: CutoutBank, config: CutPasteConfig
) -> Pasted | None:
    # All random numbers are drawn first, so that later ones do not depend on what failed.
    cutout = bank.draw(rng, config.balance)
    relative = float(rng.uniform(*config.scale))
    mirrored = bool(rng.random() < config.mirror)
    gain = float(1 + rng.uniform(-config.brightness, config.brightness))
    blending = config.blendings[int(rng.integers(len(config.blendings)))]
    positions = rng.random((config.tries, 2))
    size = _drawn_size(cutout, relative, scene.image.shape[:2], config)
    if size is None:
        return None
    if blending == "poisson":
        size = quick_side(size[0]), quick_side(size[1])
    ready = _brighter(scaled(cutout, size, mirror=mirrored), gain)
    corner = _free_corner(scene, ready, positions, config.overlap_most)
    if corner is None:
        return None
    used = scene.paste(ready, corner, blending, contrast_least=config.contrast_least)
    x1, y1, x2, y2 = (ready.boxes[0] + np.tile(corner, 2)).tolist()
    scale = size[0] / cutout.pixels.shape[1]
    box, faded = (x1, y1, x2, y2), used != blending
    return Pasted(cutout.label, box, used, scale, mirrored, gain, faded, cutout.origin)


def _drawn_size(
    cutout: Cutout, relative: float, shape: tuple[int, ...], config: CutPasteConfig
) -> tuple[int, int] | None:
    """The size (width, height) to paste a cut-out at; None if no allowed size fits."""
    high, wide, _ = cutout.pixels.shape
    least = config.least / float((cutout.boxes[0, 2:] - cutout.boxes[0, :2]).min())
    room = config.largest * min(shape[0] / high, shape[1] / wide)
    most = min(config.enlarge_most, room)
    if least > most:
        return None
    factor = min(max(relative * max(shape) / cutout.source, least), most)
    return max(int(wide * factor), 1), max(int(high * factor), 1)


def _free_corner(
    scene: Scene, cutout: Cutout, positions: Floats, overlap_most: float
) -> tuple[int, int] | None:
    """The first of positions (T, 2), as shares of the free range, that covers no box too far."""
    room = np.array(scene.image.shape[1::-1]) - cutout.pixels.shape[1::-1]
    corners = np.minimum(positions * (room + 1), room).astype(np.int64)
    free = scene.covered_most(cutout.boxes[0] + np.tile(corners, (1, 2))) <= overlap_most
    if not free.any():
        return None
    x, y = corners[int(free.argmax())].tolist()
    return x, y


def _brighter(cutout: Cutout, gain: float) -> Cutout:
    table = np.rint(np.arange(256) * gain).clip(0, 255).astype(np.uint8)
    return replace(cutout, pixels=table[cutout.pixels])
