"""Targets of the impact networks, drawn from the boxes of a frame.

Boxes are (N, 4) as x1, y1, x2, y2 in pixels. The pixel in row i and column j covers y from i to
i + 1 and x from j to j + 1. A box whose centre lies outside of the image is not drawn.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["BOX_UNIT", "GRID_STRIDE", "disc_target", "grid_boxes", "grid_target", "point_target"]

GRID_STRIDE = 4
"""Pixels between the cells of the collision network's grid."""

BOX_UNIT = 224.0
"""The pixels of a height or width of 1 in the grid."""


def disc_target(boxes: ArrayLike, height: int, width: int) -> NDArray[np.float32]:
    """A disc for each box, 1 at its centre and 0 at the rim: (height, width).

    The diameter is (w + h) / 2 of the box. Values are those of the centres of the pixels; where
    discs overlap, the larger one counts.
    """
    target = np.zeros((height, width), np.float32)
    for x1, y1, x2, y2 in _inside(boxes, height, width):
        x, y, radius = (x1 + x2) / 2, (y1 + y2) / 2, (x2 - x1 + y2 - y1) / 4
        if radius <= 0:
            continue
        rows = slice(max(0, int(y - radius)), min(height, int(y + radius) + 1))
        columns = slice(max(0, int(x - radius)), min(width, int(x + radius) + 1))
        dy = np.arange(rows.start, rows.stop) + 0.5 - y
        dx = np.arange(columns.start, columns.stop) + 0.5 - x
        disc = 1 - np.hypot(dy[:, None], dx[None, :]) / radius
        target[rows, columns] = np.maximum(target[rows, columns], disc)
    return target


def point_target(
    boxes: ArrayLike, height: int, width: int, *, stride: int = 1
) -> NDArray[np.float32]:
    """1 in the cell of each box's centre: (ceil(height / stride), ceil(width / stride))."""
    target = np.zeros((-(-height // stride), -(-width // stride)), np.float32)
    inside = _inside(boxes, height, width)
    columns, rows = ((inside[:, :2] + inside[:, 2:]) / 2 // stride).astype(int).T
    target[rows, columns] = 1
    return target


def grid_target(
    boxes: ArrayLike,
    impacts: ArrayLike,
    height: int,
    width: int,
    *,
    stride: int = GRID_STRIDE,
    unit: float = BOX_UNIT,
) -> NDArray[np.float32]:
    """The grid of a frame: (6, ceil(height / stride), ceil(width / stride)).

    Channels, in the cell of each box's centre: 1; y and x of the centre in the cell; height and
    width in `unit` pixels, at most 1; whether the box is in an impact. Others are 0. If boxes share
    a cell, the one in an impact counts, else the larger one.
    impacts: (N,), a box's label, or its strength in [0, 1]
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    hits = np.asarray(impacts, np.float64).reshape(-1)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    order = np.lexsort((area, hits))  # the last one drawn in a cell counts
    kept = order[_centre_inside(boxes[order], height, width)]
    boxes, hits = boxes[kept], hits[kept]
    target = np.zeros((6, -(-height // stride), -(-width // stride)), np.float32)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2 / stride
    columns, rows = centres.astype(int).T
    x, y = (centres % 1).T
    w, h = np.minimum((boxes[:, 2:] - boxes[:, :2]) / unit, 1).T
    target[:, rows, columns] = np.ones(len(rows)), y, x, h, w, hits  # the last of a cell stays
    return target


def grid_boxes(
    grid: NDArray[np.float32], *, stride: int = GRID_STRIDE, unit: float = BOX_UNIT
) -> NDArray[np.float32]:
    """The box of every cell of a grid, the inverse of `grid_target`: (6, h, w) → (h, w, 4)."""
    rows, columns = np.indices(grid.shape[1:], dtype=np.float32)
    y, x = (rows + grid[1]) * stride, (columns + grid[2]) * stride
    half_height, half_width = grid[3] * unit / 2, grid[4] * unit / 2
    corners = (x - half_width, y - half_height, x + half_width, y + half_height)
    return np.stack(corners, -1).astype(np.float32)


def _inside(boxes: ArrayLike, height: int, width: int) -> NDArray[np.float64]:
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    return boxes[_centre_inside(boxes, height, width)]


def _centre_inside(boxes: NDArray[np.float64], height: int, width: int) -> NDArray[np.bool_]:
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    inside = (centres >= 0) & (centres < (width, height))
    return np.asarray(inside.all(1), np.bool_)
