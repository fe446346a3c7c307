"""Who met whom: the tracks of helmets in candidates, and the nearest other helmet of each.

The core's association joins the helmets of a view into tracks. It takes longer than the other
decisions, so that tuning leaves it out.
"""

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.track_config import TrackConfig
from playhead.decisions.track_links import Detections, link_detections
from playhead.decisions.track_motion import box_states

__all__ = ["box_sizes", "centres_of", "met_boxes", "nearest_boxes", "track_ids"]

TRACKING = TrackConfig(gap_seconds=0.5, agility=8.0, near=0.8)
"""Other than the defaults, since helmets that collide change their speed from frame to frame."""

NEAR = 3.0
"""Box sizes within which another helmet can be the one that was met."""


def track_ids(
    times: NDArray[np.float64],
    frames: NDArray[np.int32],
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32] | None = None,
    *,
    start_score: float = 0.0,
) -> NDArray[np.int64]:
    """The track of each box, (N,), numbered from 0 in order of their start; -1 in none.

    times: (T,) seconds of all frames; frames: (N,), never falling; boxes: (N, 4), after
    non-maximum suppression in each frame
    scores: by default each box can start a track; a weak one can only continue one
    """
    known = Detections(
        times=times,
        bounds=np.searchsorted(frames, np.arange(len(times) + 1)),
        samples=frames,
        state=box_states(boxes),
        scores=np.ones(len(frames), np.float32) if scores is None else scores,
    )
    ids = np.full(len(frames), -1, np.int64)
    for number, rows in enumerate(link_detections(known, TRACKING, start_score=start_score)):
        ids[rows] = number
    return ids


def nearest_boxes(
    frames: NDArray[np.integer], boxes: NDArray[np.float32], rows: NDArray[np.intp], count: int
) -> NDArray[np.intp]:
    """The nearest other boxes in the frame of each of `rows`, by their centres: (B, count).

    frames: (N,), never falling; boxes: (N, 4)
    They are rows of `boxes`, the nearest first, and -1 where the frame has no more.
    """
    nearest = np.full((len(rows), count), -1, np.intp)
    if not len(rows) or not count:
        return nearest
    centres = centres_of(boxes)
    order = np.argsort(frames[rows], kind="stable")
    changes = np.flatnonzero(np.diff(frames[rows][order])) + 1
    for group in np.split(order, changes):
        own = rows[group]
        first = np.searchsorted(frames, frames[own[0]], "left")
        past = np.searchsorted(frames, frames[own[0]], "right")
        apart = np.hypot(*(centres[own, None] - centres[None, first:past]).transpose(2, 0, 1))
        apart[np.arange(len(own)), own - first] = np.inf
        found = np.argsort(apart, axis=1, kind="stable")[:, :count]
        others = np.isfinite(np.take_along_axis(apart, found, 1))
        nearest[group, : found.shape[1]] = np.where(others, first + found, -1)
    return nearest


def met_boxes(
    frames: NDArray[np.int32], boxes: NDArray[np.float32], rows: NDArray[np.intp]
) -> NDArray[np.intp]:
    """The box that each of `rows` can have met, (B,): the nearest within 3 box sizes, or -1.

    Arguments: see `nearest_boxes`. The size of a box is the mean of its width and height.
    """
    nearest = nearest_boxes(frames, boxes, rows, 1)[:, 0]
    centres, sizes = centres_of(boxes), box_sizes(boxes)
    apart = np.hypot(*(centres[nearest] - centres[rows]).T)
    return np.where(apart <= NEAR * sizes[rows], nearest, -1)


def centres_of(boxes: NDArray[np.floating]) -> NDArray[np.float64]:
    """The centres of boxes, (..., 4) → (..., 2)."""
    corners = np.asarray(boxes, np.float64)
    return (corners[..., :2] + corners[..., 2:]) / 2


def box_sizes(boxes: NDArray[np.floating]) -> NDArray[np.float64]:
    """The mean of the width and the height of boxes, (..., 4) → (...)."""
    corners = np.asarray(boxes, np.float64)
    sizes: NDArray[np.float64] = (corners[..., 2:] - corners[..., :2]).mean(-1)
    return sizes
