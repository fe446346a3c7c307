"""Crops that follow a helmet: square windows around its box, scaled to one size.

The crop of a track at a point does not depend on the clip, so that clips share it. Beyond the edges
of the frames, their outermost pixels repeat.
"""

import numpy as np
from numpy.typing import NDArray

from playhead.impact.meetings import centres_of
from playhead.impact.tracked.motion import FilledTracks
from playhead.impact.tracked.plan import TrackClipPlan

__all__ = ["crop_windows", "cut_crops", "marked_crops", "marks"]

Image = NDArray[np.uint8]


def crop_windows(
    filled: FilledTracks, tracks: NDArray[np.intp], points: NDArray[np.integer], plan: TrackClipPlan
) -> NDArray[np.float64]:
    """The windows of tracks (B,) at points (B,): centre x, y and side, (B, 3), in pixels."""
    boxes, _ = filled.at(tracks, points)
    sides = plan.box_sizes * filled.sizes(tracks, points, plan.radius)
    return np.column_stack([centres_of(boxes), sides])


def cut_crops(image: Image, windows: NDArray[np.float64], side: int) -> Image:
    """Bilinear crops of an image: (H, W) or (H, W, 3), windows (B, 3) → (B, side, side[, 3])."""
    height, width = image.shape[:2]
    # Centres of the pixels of a crop, of its side, from its centre.
    steps = (np.arange(side) + 0.5) / side - 0.5
    x = (windows[:, :1] + windows[:, 2:] * steps - 0.5).clip(0, width - 1)  # B, side
    y = (windows[:, 1:2] + windows[:, 2:] * steps - 0.5).clip(0, height - 1)
    left, top = x.astype(np.intp), y.astype(np.intp)
    right, bottom = (left + 1).clip(max=width - 1), (top + 1).clip(max=height - 1)
    colour = (1,) * (image.ndim - 2)
    across = (x - left).astype(np.float32).reshape(len(windows), 1, side, *colour)
    down = (y - top).astype(np.float32).reshape(len(windows), side, 1, *colour)

    def row(of: NDArray[np.intp]) -> NDArray[np.float32]:
        first: NDArray[np.float32] = image[of[:, :, None], left[:, None]].astype(np.float32)
        second = image[of[:, :, None], right[:, None]]
        first += across * (second - first)
        return first

    upper = row(top)
    levels: Image = (upper + down * (row(bottom) - upper) + np.float32(0.5)).astype(np.uint8)
    return levels


def marks(
    boxes: NDArray[np.float32],
    missing: NDArray[np.bool_],
    windows: NDArray[np.float64],
    side: int,
) -> Image:
    """The ellipses in boxes (B, 4), as they lie in the crops: 255 inside, else 0, (B, side, side).

    There is none where the box is missing, (B,).
    """
    steps = (np.arange(side) + 0.5) / side - 0.5
    centres = centres_of(boxes)
    halves = (boxes[:, 2:] - boxes[:, :2]).astype(np.float64) / 2
    x, y = (
        (windows[:, axis, None] + windows[:, 2:] * steps - centres[:, axis, None])
        / halves[:, axis, None]
        for axis in (0, 1)
    )
    inside = x[:, None] ** 2 + y[:, :, None] ** 2 <= 1
    return np.where(inside & ~missing[:, None, None], np.uint8(255), np.uint8(0))


def marked_crops(
    image: Image,
    filled: FilledTracks,
    tracks: NDArray[np.intp],
    point: int,
    plan: TrackClipPlan,
) -> Image:
    """The crops of tracks (B,) at a point, as the network takes them: (B, side, side, C)."""
    points = np.full(len(tracks), point)
    windows = crop_windows(filled, tracks, points, plan)
    crops = cut_crops(image, windows, plan.side)
    boxes, missing = filled.at(tracks, points)
    mark = marks(boxes, missing, windows, plan.side)[..., None]
    return np.concatenate([crops if crops.ndim == 4 else crops[..., None], mark], -1)
