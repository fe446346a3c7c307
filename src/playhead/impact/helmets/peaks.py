"""Centres of helmets in a heat map, and how well they match the true ones."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label, maximum_filter

from playhead.impact.targets import GRID_STRIDE
from playhead.metrics.matching import ScoredHits
from playhead.metrics.thresholds import best_f1_threshold

__all__ = ["centre_metrics", "heat_peaks", "match_centres", "to_grid"]

Heat = NDArray[np.float32]


def to_grid(heat: Heat, stride: int = GRID_STRIDE) -> Heat:
    """The maximum of each cell of `stride` pixels: (H, W) → (ceil(H / stride), ceil(W / stride)).

    Not the mean: in the cell of its centre a disc of 8 pixels has a mean down to .26, below the
    usual threshold of .4, but a maximum of at least .82.
    """
    height, width = heat.shape
    padded = np.pad(heat, ((0, -height % stride), (0, -width % stride)))
    cells = padded.reshape(padded.shape[0] // stride, stride, padded.shape[1] // stride, stride)
    maxima: Heat = cells.max(axis=(1, 3))
    return maxima


def heat_peaks(
    heat: Heat, *, min_score: float = 0.05
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """The peaks of a heat map (H, W): points (N, 2) as x and y in pixels, scores (N,).

    A peak is a cell of the grid whose maximum is the highest of 3 x 3 and above `min_score`, as for
    candidates; its point is the centre of its highest pixel. Of neighbouring cells with the same
    maximum, the first one counts.
    """
    grid = to_grid(heat)
    highest = (grid > min_score) & (grid >= maximum_filter(grid, 3, mode="constant"))
    groups, count = label(highest, np.ones((3, 3)))
    first = np.unique(groups.ravel(), return_index=True)[1][-count:] if count else np.zeros(0, int)
    points = []
    for row, column in zip(*np.unravel_index(first, grid.shape), strict=True):
        top, left = row * GRID_STRIDE, column * GRID_STRIDE
        cell = heat[top : top + GRID_STRIDE, left : left + GRID_STRIDE]
        y, x = np.unravel_index(int(cell.argmax()), cell.shape)
        points.append((left + x + 0.5, top + y + 0.5))
    return np.array(points, np.float64).reshape(-1, 2), grid.ravel()[first]


def match_centres(
    points: NDArray[np.float64], scores: NDArray[np.float32], boxes: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Which peaks of a frame are hits: bool (N,).

    points: (N, 2); boxes: (M, 4), the true ones
    In order of score, each peak takes the nearest free centre within half of its box, that is,
    within a quarter of width + height, the radius of its disc.
    """
    hits = np.zeros(len(points), np.bool_)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    reach = (boxes[:, 2:] - boxes[:, :2]).sum(1) / 4
    free = np.ones(len(boxes), np.bool_)
    for peak in np.argsort(-scores, kind="stable").tolist():
        distances = np.hypot(*(centres - points[peak]).T)
        distances[~free | (distances > reach)] = np.inf
        if np.isfinite(distances).any():
            free[distances.argmin()] = False
            hits[peak] = True
    return hits


def centre_metrics(frames: Iterable[tuple[Heat, NDArray[np.float32]]]) -> dict[str, float]:
    """The F1 of centres at the best threshold, with its precision, recall and threshold.

    frames: heat maps (H, W) and true boxes (M, 4). A box with its centre outside of the image does
    not count. The threshold is 1 if no peak is a hit.
    """
    all_scores, all_hits, truths = [np.zeros(0)], [np.zeros(0, np.bool_)], 0
    for heat, boxes in frames:
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        inside = ((centres >= 0) & (centres < heat.shape[::-1])).all(1)
        points, scores = heat_peaks(heat)
        all_scores.append(scores.astype(np.float64))
        all_hits.append(match_centres(points, scores, boxes[inside]))
        truths += int(inside.sum())
    pooled = np.concatenate(all_scores)
    order = np.argsort(-pooled, kind="stable")
    best = best_f1_threshold(ScoredHits(pooled[order], np.concatenate(all_hits)[order], truths))
    return {
        "best_f1": best.f1,
        "precision": best.precision,
        "recall": best.recall,
        "threshold": 1.0 if best.threshold is None else best.threshold,
    }
