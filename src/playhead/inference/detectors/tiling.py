"""Tiling: small objects are detected in tiles at full resolution, large ones in the whole image.

Tiles overlap, so that a box smaller than the overlap is entirely inside one of them. A box cut by
the inner edge of a tile may be part of a box of a neighbour or of the whole image. If so, the part
is dropped, and the whole box takes the higher of both scores: a part at full resolution may score
higher than the whole at a lower one.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes, cover, nms
from playhead.errors import PlayheadError
from playhead.inference.detectors.graph import check_images
from playhead.inference.detectors.protocol import Detector
from playhead.media.scaling import resize

__all__ = ["detect_tiled", "tiles_of"]

NEAR_EDGE = 0.02
"""A box that comes this near to a tile's inner edge, as a share of the tile, may be cut by it."""

SAME = 0.5
"""A cut box is part of a whole box that covers at least this share of it."""

OVERLAP = 0.4

Window = tuple[int, int, int, int]


def detect_tiled(
    detector: Detector,
    image: NDArray[np.uint8],
    *,
    tile: int,
    overlap: int,
    threshold: float,
) -> dict[str, Boxes]:
    """The detections in the whole image (H, W, 3) and in its tiles, merged.

    tile: side of a tile in pixels
    overlap: minimum pixels shared by neighbouring tiles, 0 <= overlap < tile
    threshold: minimum score
    The whole image is scaled down to a longer side of `tile`; an image that fits into one tile is
    processed once, unscaled.
    Raises PlayheadError for an invalid tile or overlap, and what the detector raises.
    """
    check_images([image])
    height, width = image.shape[:2]
    windows = list(tiles_of(width, height, tile=tile, overlap=overlap))
    whole = _detect_shrunk(detector, image, tile, threshold)
    if len(windows) == 1:
        return whole
    views = [np.ascontiguousarray(image[y1:y2, x1:x2]) for x1, y1, x2, y2 in windows]
    detections = detector.detect(views, threshold=threshold)
    return {
        label: _merged(
            whole[label], [detected[label] for detected in detections], windows, (width, height)
        )
        for label in whole
    }


def tiles_of(width: int, height: int, *, tile: int, overlap: int) -> Iterator[Window]:
    """Windows x1, y1, x2, y2 that cover an image, row by row, none larger than `tile` a side.

    Neighbours share at least `overlap` pixels.
    """
    if not 0 <= overlap < tile:
        raise PlayheadError(
            f"tiles of {tile} pixels that overlap by {overlap}: "
            "the overlap must be from 0 to below the tile"
        )
    for y in _starts(height, tile, overlap):
        for x in _starts(width, tile, overlap):
            yield x, y, min(x + tile, width), min(y + tile, height)


def _detect_shrunk(
    detector: Detector, image: NDArray[np.uint8], longest: int, threshold: float
) -> dict[str, Boxes]:
    height, width = image.shape[:2]
    scale = min(1.0, longest / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    detected = detector.detect([resize(image, size)], threshold=threshold)[0]
    back = width / size[0], height / size[1]
    return {label: boxes.scaled(*back) for label, boxes in detected.items()}


def _starts(length: int, tile: int, overlap: int) -> list[int]:
    """Where the tiles begin along one side: evenly spread, the first at 0, the last at the end."""
    if length <= tile:
        return [0]
    steps = -(-(length - tile) // (tile - overlap))
    # Rounded down, neighbours are never further apart than tile - overlap.
    return [k * (length - tile) // steps for k in range(steps + 1)]


def _merged(
    whole: Boxes, detections: list[Boxes], windows: list[Window], size: tuple[int, int]
) -> Boxes:
    """Uncut boxes after suppression, and the cut boxes that are not part of them."""
    uncut, cut = [], []
    for boxes, window in zip(detections, windows, strict=True):
        touching = _touches_inner_edge(boxes, window, size)
        placed = boxes.scaled(1, 1, window[0], window[1])
        uncut.append(placed.chosen(~touching))
        cut.append(placed.chosen(touching))
    # In a tie of scores the earlier box stays: that of a tile, at the higher resolution.
    kept = nms(Boxes.joined([*uncut, whole]), OVERLAP)
    kept, pieces = _explained(kept, Boxes.joined(cut))
    return nms(Boxes.joined([kept, pieces]), OVERLAP)


def _explained(whole: Boxes, pieces: Boxes) -> tuple[Boxes, Boxes]:
    """Whole boxes with the highest score of themselves and their parts, and the other parts."""
    if not len(whole):
        return whole, pieces
    shares = cover(pieces.boxes, whole.boxes)
    explained = shares.max(axis=1) >= SAME
    scores = whole.scores.copy()
    np.maximum.at(scores, shares[explained].argmax(axis=1), pieces.scores[explained])
    return Boxes(whole.boxes, scores), pieces.chosen(~explained)


def _touches_inner_edge(boxes: Boxes, window: Window, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Whether each box of a tile, in its pixels, reaches an edge inside the image."""
    x1, y1, x2, y2 = window
    near = NEAR_EDGE * max(x2 - x1, y2 - y1)
    left, top, right, bottom = boxes.boxes.T
    touches: NDArray[np.bool_] = (
        ((x1 > 0) & (left < near))
        | ((y1 > 0) & (top < near))
        | ((x2 < size[0]) & (right > x2 - x1 - near))
        | ((y2 < size[1]) & (bottom > y2 - y1 - near))
    )
    return touches
