"""The motion of tracked helmets: filled tracks, and their features around a point in time.

Training and prediction share this code, with points of the time grid as the unit of time.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from playhead.impact.meetings import box_sizes, centres_of, nearest_boxes
from playhead.impact.tracked.plan import MOTION_VALUES

__all__ = ["FAR", "FilledTracks", "motion_features"]

FAR = 6.0
"""Box sizes to which displacements are limited, and that of a neighbour that does not exist."""

Rows = NDArray[np.intp]
Points = NDArray[np.integer]


@dataclass(frozen=True, slots=True, eq=False)
class FilledTracks:
    """K tracks with a box at every point from the first to the last: S boxes, track by track.

    ids: int64 (K,), rising; first: int64 (K,), the first point of each
    bounds: int64 (K + 1,): the boxes of track k are bounds[k]:bounds[k + 1]
    boxes: float32 (S, 4); missing: bool (S,), whether the box is interpolated
    """

    ids: NDArray[np.int64]
    first: NDArray[np.int64]
    bounds: NDArray[np.int64]
    boxes: NDArray[np.float32]
    missing: NDArray[np.bool_]

    @classmethod
    def of(cls, ids: NDArray[np.int64], points: Points, boxes: NDArray[np.floating]) -> Self:
        """Tracks of N boxes in any order, at most one for each id and point."""
        order = np.lexsort((points, ids))
        known_points = points[order].astype(np.int64)
        kept, starts = np.unique(ids[order], return_index=True)
        ends = np.append(starts[1:], len(order)) - 1
        first = known_points[starts]
        bounds = np.concatenate(([0], np.cumsum(known_points[ends] - first + 1)))
        counts = ends - starts + 1
        known = np.repeat(bounds[:-1] - first, counts) + known_points
        # The first and the last box of each track are known, so none is filled from another track.
        places = np.arange(bounds[-1])
        filled = np.zeros((len(places), 4), np.float32)
        missing = np.ones(len(places), np.bool_)
        missing[known] = False
        if len(order):
            for axis in range(4):
                filled[:, axis] = np.interp(places, known, boxes[order, axis])
        return cls(kept, first, bounds, filled, missing)

    @property
    def last(self) -> NDArray[np.int64]:
        """(K,), the last point of each track."""
        return self.first + np.diff(self.bounds) - 1

    def at(self, tracks: Rows, points: Points) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """The boxes of tracks (...) at points (...): (..., 4), and whether they are missing (...).

        Before its start and after its end, a track keeps its first and last box, as missing ones.
        """
        first, last = self.first[tracks], self.last[tracks]
        inside = points.clip(first, last)
        rows = self.bounds[tracks] + inside - first
        return self.boxes[rows], self.missing[rows] | (inside != points)

    def mirrored(self, width: float) -> Self:
        """The tracks in frames of `width` pixels that are flipped from left to right."""
        boxes = self.boxes.copy()
        boxes[:, [0, 2]] = width - self.boxes[:, [2, 0]]
        return replace(self, boxes=boxes)

    def sizes(self, tracks: Rows, points: Points, radius: int) -> NDArray[np.float64]:
        """The size of tracks (...) at points (...), the mean over `radius` points on either side.

        The mean, since the size of a detected box changes from frame to frame.
        """
        steps = np.arange(-radius, radius + 1)
        boxes, _ = self.at(tracks[..., None], points[..., None] + steps)
        mean: NDArray[np.float64] = box_sizes(boxes).mean(-1)
        return mean


def motion_features(
    filled: FilledTracks, tracks: Rows, points: Points, *, radius: int, neighbours: int
) -> NDArray[np.float32]:
    """The motion of tracks (B,) around points (B,): (B, (1 + neighbours) * 5 * (2 * radius + 1)).

    In each of the frames, for the helmet: x and y from its place at the point, the logarithms of
    width and height, whether the box is missing. The same for the nearest other helmets at the
    point, with x and y from the helmet in that frame. Lengths are in box sizes of the helmet,
    limited to 6. A neighbour that does not exist is at (6, 6), missing.
    """
    steps = np.arange(-radius, radius + 1)
    sizes = filled.sizes(tracks, points, radius)
    boxes, missing = filled.at(tracks[:, None], points[:, None] + steps)  # B, W, 4 and B, W
    centres = centres_of(boxes)  # B, W, 2
    features = np.zeros((len(tracks), 1 + neighbours, MOTION_VALUES, len(steps)), np.float32)
    features[:, 1:, :2], features[:, 1:, 4] = FAR, 1
    features[:, 0] = _values(centres - centres[:, radius, None], boxes, missing, sizes)

    here = np.unique(points)
    at, present = np.nonzero((filled.first <= here[:, None]) & (here[:, None] <= filled.last))
    keys = at * len(filled.ids) + present  # rising: by point, then by track
    own = np.searchsorted(keys, np.searchsorted(here, points) * len(filled.ids) + tracks)
    nearest = nearest_boxes(at, filled.at(present, here[at])[0], own, neighbours)
    for number in range(neighbours):
        rows = np.flatnonzero(nearest[:, number] >= 0)
        other = present[nearest[rows, number]]
        boxes, missing = filled.at(other[:, None], points[rows, None] + steps)
        away = centres_of(boxes) - centres[rows]
        features[rows, 1 + number] = _values(away, boxes, missing, sizes[rows])
    return features.reshape(len(tracks), -1)


def _values(
    away: NDArray[np.float64],
    boxes: NDArray[np.float32],
    missing: NDArray[np.bool_],
    sizes: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Displacements (B, W, 2), boxes (B, W, 4), missing (B, W), sizes (B,) → (B, 5, W)."""
    placed = (away / sizes[:, None, None]).clip(-FAR, FAR)
    sides = (boxes[..., 2:] - boxes[..., :2]).astype(np.float64) / sizes[:, None, None]
    return np.concatenate([placed, np.log(sides), missing[..., None]], -1).transpose(0, 2, 1)
