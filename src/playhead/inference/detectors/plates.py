"""Number plates, detected at several scales of the image and, on request, in a crop of each car.

The network is a RetinaFace (2019) for plates: two square priors per cell on grids of stride 8, 16
and 32, box variances 0.1 and 0.2, four corners. It was trained on Chinese plates.

Far above the sizes of its training, grass, coats and car roofs get scores up to 0.8 as plates, but
only at one scale: so a wide box must be detected at two scales.
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
"""An image this many times larger than the largest size is processed at full size too."""

_PREPARATION = Preparation(
    axes="NCHW", outputs=("loc", "conf"), mean=(104.0, 117.0, 123.0), bgr=True
)


@dataclass(frozen=True, kw_only=True)
class PlateSearch:
    """At which scales plates are detected, and how their boxes are corrected.

    sizes: longer sides in pixels that the image is scaled to
    own: whether a much larger image is also processed at full size
    widen: factors of width and height, because the network's boxes are too small
    wide: a box wider than this share of the image's longer side gets the second-best score of all
        scales, and is dropped if only one of several scales has it
    crop: longer side in pixels that the crop of a car is scaled to
    car_threshold: minimum score of a car
    car_margin: padding of a car on each side, as a share of that side
    """

    sizes: tuple[int, ...] = (640, 960)
    own: bool = True
    widen: tuple[float, float] = (1.1, 1.1)
    wide: float = 0.25
    crop: int = 480
    car_threshold: float = 0.3
    car_margin: float = 0.05


class Plates:
    """Number plate detector; with a car detector `cars`, the crop of each car is searched too."""

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
        """Plates in each RGB image (H, W, 3), in its pixels; boxes may extend past its edges."""
        check_images(images)
        by_image: list[list[Boxes]] = [[] for _ in images]
        for size in self._search.sizes:
            for boxes, scales in zip(
                self._candidates(images, size, threshold), by_image, strict=True
            ):
                scales.append(boxes)
        if self._search.own:
            self._add_full_size(images, by_image, threshold)
        if self._cars is not None:
            for image, scales in zip(images, by_image, strict=True):
                scales.extend(self._in_cars(image, self._cars, threshold))
        return [
            {"plate": self._merged(scales, image.shape)}
            for scales, image in zip(by_image, images, strict=True)
        ]

    def _merged(self, scales: Sequence[Boxes], shape: tuple[int, ...]) -> Boxes:
        """The plates of one image from its candidates at every scale."""
        selected = [select(self.name, candidates, shape, OVERLAP) for candidates in scales]
        plates = Boxes.joined(confirmed(selected, self._search.wide * max(shape[:2])))
        return _widened(select(self.name, plates, shape, OVERLAP), self._search.widen)

    def _add_full_size(
        self, images: Sequence[NDArray[np.uint8]], by_image: list[list[Boxes]], threshold: float
    ) -> None:
        """Add candidates at full size for images much larger than every other scale."""
        min_side = LARGER * max(self._search.sizes, default=0)
        for image, scales in zip(images, by_image, strict=True):
            if max(image.shape) > min_side:
                scales.extend(self._candidates([image], max(image.shape), threshold))

    def _candidates(
        self, images: Sequence[NDArray[np.uint8]], longest: int, threshold: float
    ) -> list[Boxes]:
        """Candidates of each image at a longer side of `longest`, in the image's pixels."""
        views = [resize(image, _scaled_size(image.shape, longest)) for image in images]
        filled = [padded(view, rounded_up(view.shape, MULTIPLE)) for view in views]
        outputs = by_size(filled, self._graph.run)
        return [
            self._placed(heads, filled[k].shape, view.shape, images[k].shape, threshold)
            for k, (heads, view) in enumerate(zip(outputs, views, strict=True))
        ]

    def _in_cars(self, image: NDArray[np.uint8], cars: Detector, threshold: float) -> list[Boxes]:
        """Candidates from the crop of each car in one image, in the image's pixels."""
        search = self._search
        detected = cars.detect([image], threshold=search.car_threshold)[0]["car"]
        windows = _windows(detected.boxes, search.car_margin, image.shape)
        crops = [image[y1:y2, x1:x2] for x1, y1, x2, y2 in windows]
        views = [resize(part, _scaled_size(part.shape, search.crop)) for part in crops]
        # Squares, because the network is compiled for each input size.
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
    """Locations (N, 4: x, y, w, h), probabilities (N, 2: none, plate), priors → candidates."""
    chosen = conf[:, 1] >= threshold
    loc, centres, sides = loc[chosen], priors[chosen, :2], priors[chosen, 2:]
    middle = centres + loc[:, :2] * VARIANCES[0] * sides
    with np.errstate(over="ignore"):
        half = np.exp(loc[:, 2:] * VARIANCES[1]) * sides / 2
    return Boxes(np.concatenate([middle - half, middle + half], axis=1), conf[chosen, 1])


def confirmed(scales: Sequence[Boxes], wide: float) -> list[Boxes]:
    """The boxes of each scale; those wider than `wide` pixels must be confirmed by another scale.

    The score of such a box becomes the minimum of its own and the best of another scale at an IoU
    of at least OVERLAP; without any it is dropped. A single scale is returned unchanged.
    """
    if len(scales) < 2:
        return list(scales)
    return [
        _confirmed_by(boxes, Boxes.joined([*scales[:k], *scales[k + 1 :]]), wide)
        for k, boxes in enumerate(scales)
    ]


def _confirmed_by(boxes: Boxes, others: Boxes, wide: float) -> Boxes:
    is_wide = boxes.boxes[:, 2] - boxes.boxes[:, 0] > wide
    same = iou(boxes.boxes[is_wide], others.boxes) >= OVERLAP
    second = np.where(same, others.scores, -np.inf).max(axis=1, initial=-np.inf)
    scores = boxes.scores.copy()
    scores[is_wide] = np.minimum(scores[is_wide], second)
    return Boxes(boxes.boxes, scores).chosen(scores > -np.inf)


def _widened(boxes: Boxes, factors: tuple[float, float]) -> Boxes:
    """Boxes scaled by `factors` (width, height) about their centres."""
    low, high = boxes.boxes[:, :2], boxes.boxes[:, 2:]
    middle, half = (low + high) / 2, (high - low) / 2 * np.array(factors, np.float32)
    return Boxes(np.concatenate([middle - half, middle + half], axis=1), boxes.scores)


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
