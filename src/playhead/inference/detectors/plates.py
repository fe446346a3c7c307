"""Number plates, looked for at several sizes of the image and, on request, once more in each car.

The network is a RetinaFace (2019) for plates: two square priors a cell on grids of
stride 8, 16 and 32, box variances .1 and .2, four corners. It was trained on Chinese plates.

Far larger than it learnt them it takes grass, coats and the roof of a car for plates, with scores
up to .8, but at one size of the image only: what is wide must be seen at two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes, iou
from playhead.inference.detectors.common import by_size, padded, rounded_up, select
from playhead.inference.detectors.graph import Graph, Preparation, check_images
from playhead.inference.detectors.protocol import Detector
from playhead.inference.precision import Precision
from playhead.media.scaling import resize

__all__ = ["PlateSearch", "Plates", "confirmed", "decode_plates", "plate_priors"]

OVERLAP = 0.4
PRIORS = ((8, (24, 48)), (16, (96, 192)), (32, (384, 768)))
"""For each grid its stride and the sides of its priors, in pixels."""

VARIANCES = (0.1, 0.2)
MULTIPLE = 32
LARGER = 1.2
"""An image so many times larger than the largest size is processed at its own size, too."""

_PREPARATION = Preparation(
    axes="NCHW", outputs=("loc", "conf"), mean=(104.0, 117.0, 123.0), bgr=True
)


@dataclass(frozen=True, kw_only=True)
class PlateSearch:
    """At which scales plates are detected, and how their boxes are corrected.

    sizes: longer sides, in pixels, that the image is scaled to; own: whether a much larger image is
    also processed at its own size; widen: width and height of a box over those that the network
    gives, which cuts plates short; wide: a wider box, as a share of the longer side of the image,
    gets the second-best score of all scales, and is dropped if only one of several has it; crop:
    longer side that the crop of a car is scaled to; car_threshold: minimum score of a car;
    car_margin: how much is added around a car on each side, as a share of that side.
    """

    sizes: tuple[int, ...] = (640, 960)
    own: bool = True
    widen: tuple[float, float] = (1.1, 1.1)
    wide: float = 0.25
    crop: int = 480
    car_threshold: float = 0.3
    car_margin: float = 0.05


class Plates:
    """Number plates; with `cars`, a detector of cars, each car is searched again on its own."""

    name = "plates"
    labels: tuple[str, ...] = ("plate",)

    def __init__(
        self,
        *,
        threads: int | None = None,
        precision: Precision = "fp32",
        search: PlateSearch | None = None,
        cars: Detector | None = None,
    ) -> None:
        self._graph = Graph(self.name, _PREPARATION, threads=threads, precision=precision)
        self._search = search or PlateSearch()
        self._cars = cars

    def detect(
        self, images: Sequence[NDArray[np.uint8]], *, threshold: float
    ) -> list[dict[str, Boxes]]:
        """Plates of each RGB image (H, W, 3), in its pixels; they may reach over its edges."""
        check_images(images)
        seen: list[list[Boxes]] = [[] for _ in images]
        for size in self._search.sizes:
            for found, one in zip(self._look(images, size, threshold), seen, strict=True):
                one.append(found)
        if self._search.own:
            self._look_at_large(images, seen, threshold)
        if self._cars is not None:
            for image, one in zip(images, seen, strict=True):
                one.extend(self._in_cars(image, self._cars, threshold))
        return [
            {"plate": self._merged(looks, image.shape)}
            for looks, image in zip(seen, images, strict=True)
        ]

    def _merged(self, looks: Sequence[Boxes], shape: tuple[int, ...]) -> Boxes:
        """The plates of one image from the candidates of every look at it."""
        found = [select(self.name, one, shape, OVERLAP) for one in looks]
        plates = Boxes.joined(confirmed(found, self._search.wide * max(shape[:2])))
        return _widened(select(self.name, plates, shape, OVERLAP), self._search.widen)

    def _look_at_large(
        self, images: Sequence[NDArray[np.uint8]], seen: list[list[Boxes]], threshold: float
    ) -> None:
        """Add the candidates of images that every other look shrinks a good deal."""
        least = LARGER * max(self._search.sizes, default=0)
        for image, one in zip(images, seen, strict=True):
            if max(image.shape) > least:
                one.extend(self._look([image], max(image.shape), threshold))

    def _look(
        self, images: Sequence[NDArray[np.uint8]], longest: int, threshold: float
    ) -> list[Boxes]:
        """Candidates of each image when its longer side is `longest`, in its own pixels."""
        views = [resize(one, _scaled_size(one.shape, longest)) for one in images]
        filled = [padded(view, rounded_up(view.shape, MULTIPLE)) for view in views]
        found = by_size(filled, self._graph.run)
        return [
            self._placed(heads, filled[k].shape, view.shape, images[k].shape, threshold)
            for k, (heads, view) in enumerate(zip(found, views, strict=True))
        ]

    def _in_cars(self, image: NDArray[np.uint8], cars: Detector, threshold: float) -> list[Boxes]:
        """Candidates from the crop of each car in one image, in the image's pixels."""
        search = self._search
        found = cars.detect([image], threshold=search.car_threshold)[0]["car"]
        windows = _windows(found.boxes, search.car_margin, image.shape)
        crops = [image[y1:y2, x1:x2] for x1, y1, x2, y2 in windows]
        views = [resize(one, _scaled_size(one.shape, search.crop)) for one in crops]
        # Squares: a crop of every shape would be compiled anew.
        side = search.crop + -search.crop % MULTIPLE
        heads = self._graph.run([padded(view, (side, side)) for view in views])
        return [
            self._placed(heads[k], (side, side), views[k].shape, crops[k].shape, threshold).scaled(
                1, 1, x1, y1
            )
            for k, (x1, y1, _, _) in enumerate(windows)
        ]

    def _placed(
        self,
        heads: tuple[NDArray[np.float32], ...],
        padded_shape: tuple[int, ...],
        view_shape: tuple[int, ...],
        shape: tuple[int, ...],
        threshold: float,
    ) -> Boxes:
        """Candidates of one padded view, in the pixels of the image of `shape`."""
        loc, conf = heads
        boxes = decode_plates(loc, conf, plate_priors(*padded_shape[:2]), threshold)
        return boxes.scaled(shape[1] / view_shape[1], shape[0] / view_shape[0])


@lru_cache(maxsize=8)
def plate_priors(height: int, width: int) -> NDArray[np.float32]:
    """Priors (N, 3) of an input: x and y of the centre and the side, in its pixels.

    Grid by grid, row by row, two priors a cell.
    """
    priors = []
    for stride, sides in PRIORS:
        y = (np.arange(-(-height // stride)) + 0.5) * stride
        x = (np.arange(-(-width // stride)) + 0.5) * stride
        grid = np.stack(np.broadcast_arrays(x[None, :, None], y[:, None, None], sides), axis=-1)
        priors.append(grid.reshape(-1, 3))
    return np.concatenate(priors).astype(np.float32)


def decode_plates(
    loc: NDArray[np.float32],
    conf: NDArray[np.float32],
    priors: NDArray[np.float32],
    threshold: float,
) -> Boxes:
    """Locations (N, 4: x, y, width, height), shares (N, 2: none, plate), priors → candidates."""
    chosen = conf[:, 1] >= threshold
    loc, centres, sides = loc[chosen], priors[chosen, :2], priors[chosen, 2:]
    middle = centres + loc[:, :2] * VARIANCES[0] * sides
    with np.errstate(over="ignore"):
        half = np.exp(loc[:, 2:] * VARIANCES[1]) * sides / 2
    return Boxes(np.concatenate([middle - half, middle + half], axis=1), conf[chosen, 1])


def confirmed(scales: Sequence[Boxes], wide: float) -> list[Boxes]:
    """The boxes of each scale, where those wider than `wide` pixels must be confirmed by another.

    The score of such a box becomes the lower of its own and the best that another scale gives the
    same place, at an IoU of OVERLAP or more; without any it is dropped. A single scale stays as it
    is.
    """
    if len(scales) < 2:
        return list(scales)
    return [
        _confirmed_by(boxes, Boxes.joined([*scales[:k], *scales[k + 1 :]]), wide)
        for k, boxes in enumerate(scales)
    ]


def _confirmed_by(found: Boxes, others: Boxes, wide: float) -> Boxes:
    asked = found.boxes[:, 2] - found.boxes[:, 0] > wide
    same = iou(found.boxes[asked], others.boxes) >= OVERLAP
    second = np.where(same, others.scores, -np.inf).max(axis=1, initial=-np.inf)
    scores = found.scores.copy()
    scores[asked] = np.minimum(scores[asked], second)
    return Boxes(found.boxes, scores).chosen(scores > -np.inf)


def _widened(found: Boxes, factors: tuple[float, float]) -> Boxes:
    """Boxes about the same centres with sides of `factors` (width, height) times their own."""
    low, high = found.boxes[:, :2], found.boxes[:, 2:]
    middle, half = (low + high) / 2, (high - low) / 2 * np.array(factors, np.float32)
    return Boxes(np.concatenate([middle - half, middle + half], axis=1), found.scores)


def _windows(
    boxes: NDArray[np.float32], margin: float, shape: tuple[int, ...]
) -> list[tuple[int, int, int, int]]:
    """Whole pixels x1, y1, x2, y2 around each box with a margin, inside the image."""
    sides = boxes[:, 2:] - boxes[:, :2]
    size = np.array([shape[1], shape[0]])
    low = np.clip(np.floor(boxes[:, :2] - sides * margin), 0, size - 1).astype(int)
    high = np.clip(np.ceil(boxes[:, 2:] + sides * margin), low + 1, size).astype(int)
    return [(*a, *b) for a, b in zip(low.tolist(), high.tolist(), strict=True)]


def _scaled_size(shape: tuple[int, ...], longest: int) -> tuple[int, int]:
    """(width, height) of an image of shape (H, W, ...) whose longer side becomes `longest`."""
    height, width = shape[:2]
    scale = longest / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))
