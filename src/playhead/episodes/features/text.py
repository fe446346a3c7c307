"""Text in frames: boxes of the packaged detector, or given ones, and the masks drawn of them.

The detector gives for each pixel the probability to be inside a line of text that is shrunk, as in
"Real-time Scene Text Detection with Differentiable Binarization" (2020): connected pixels are a
line, whose upright box is expanded by area x ratio / perimeter again.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from playhead.events.formats.tracks import read_tracks
from playhead.events.model import Box
from playhead.inference.detectors.common import by_size, padded, rounded_up
from playhead.inference.detectors.graph import Graph, Preparation, check_images
from playhead.media.scaling import resize

__all__ = [
    "MASK_SIZE",
    "SIDE",
    "TEXT",
    "TextDetector",
    "decode_text",
    "read_text_boxes",
    "text_mask",
]

TEXT = "text"
"""The class of tracks that are boxes of text."""

MASK_SIZE = (36, 27)
"""Width and height of a mask."""

SIDE = 512
"""The longer side of an image as the detector sees it, in pixels."""
MULTIPLE = 32
PIXEL_THRESHOLD = 0.3
BOX_THRESHOLD = 0.5
EXPANSION = 1.6
SMALLEST = 3
"""The shorter side of a line before it is expanded, in pixels."""
# Mean and scale of the package's own configuration.
_PREPARATION = Preparation(
    axes="NCHW", outputs=("fetch_name_0",), mean=(127.5, 127.5, 127.5), scale=127.5
)


def read_text_boxes(path: Path) -> dict[int, list[Box]] | None:
    """The boxes of text of each frame in a track file, from its tracks of the class `text`.

    None if the file does not declare this class. Raises LabelError if it is not a track file.
    """
    file = read_tracks(path)
    if TEXT not in file.classes:
        return None
    boxes: dict[int, list[Box]] = {}
    for track in file.tracks:
        if track.label == TEXT:
            for frame, box in zip(track.frames.tolist(), track.boxes.tolist(), strict=True):
                boxes.setdefault(frame, []).append(tuple(box))
    return boxes


class TextDetector:
    """Boxes of lines of text by PP-OCRv6.

    Raises WeightsError if the weights `text` are not fetched.
    """

    name = "text"

    def __init__(self, *, threads: int | None = None) -> None:
        self._graph = Graph(self.name, _PREPARATION, threads=threads)

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """Boxes float32 (N, 4) in each RGB image (H, W, 3), in its pixels, inside it."""
        check_images(images)
        views, factors = [], []
        for image in images:
            height, width = image.shape[:2]
            factor = SIDE / max(width, height)
            size = max(round(width * factor), 1), max(round(height * factor), 1)
            view = resize(image, size)
            views.append(padded(view, rounded_up(view.shape, MULTIPLE)))
            factors.append((width / size[0], height / size[1]))
        results = []
        for (heat,), (fx, fy), image in zip(
            by_size(views, self._graph.run), factors, images, strict=True
        ):
            height, width = image.shape[:2]
            boxes = decode_text(heat[0]) * np.array([fx, fy, fx, fy], np.float32)
            boxes = np.clip(boxes, 0, np.array([width, height, width, height], np.float32))
            results.append(boxes[(boxes[:, 2:] > boxes[:, :2]).all(axis=1)])
        return results


def decode_text(probability: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probability (H, W) of shrunk text → boxes of lines, float32 (N, 4), in its pixels.

    Pixels of at least 0.3 that touch, also at a corner, are one line if their mean is at least 0.5
    and the sides of their upright box at least 3 pixels. If its shorter side is above a quarter of
    the image's, the line would not fit into the image: the network takes some plain images for one.
    """
    lines, _ = ndimage.label(probability >= PIXEL_THRESHOLD, np.ones((3, 3), np.int8))
    boxes = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(lines), start=1):
        height, width = rows.stop - rows.start, columns.stop - columns.start
        pixels = probability[rows, columns][lines[rows, columns] == number]
        if not SMALLEST <= min(height, width) <= min(probability.shape) / 4:
            continue
        if pixels.mean() < BOX_THRESHOLD:
            continue
        border = width * height * EXPANSION / (2 * (width + height))
        boxes.append(
            (
                columns.start - border,
                rows.start - border,
                columns.stop + border,
                rows.stop + border,
            )
        )
    return np.array(boxes, np.float32).reshape(-1, 4)


def text_mask(boxes: ArrayLike, image_size: tuple[int, int]) -> NDArray[np.bool_]:
    """Boxes (N, 4) in an image of size (width, height) → bool (27, 36), letterboxed like it.

    Every cell that a box touches is True; boxes that are outside of the image are left out.
    """
    width, height = image_size
    scale = min(MASK_SIZE[0] / width, MASK_SIZE[1] / height)
    inner = max(round(width * scale), 1), max(round(height * scale), 1)
    left, top = (MASK_SIZE[0] - inner[0]) // 2, (MASK_SIZE[1] - inner[1]) // 2
    cells = np.asarray(boxes, np.float64).reshape(-1, 4)
    cells = cells * np.tile(np.array(inner) / np.array(image_size), 2)
    mask = np.zeros(MASK_SIZE[::-1], np.bool_)
    view = mask[top : top + inner[1], left : left + inner[0]]
    for x1, y1, x2, y2 in cells:
        if x1 < x2 and y1 < y2 and x2 > 0 and y2 > 0:
            rows = slice(max(int(np.floor(y1)), 0), int(np.ceil(y2)))
            view[rows, max(int(np.floor(x1)), 0) : int(np.ceil(x2))] = True
    return mask
