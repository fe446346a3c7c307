"""Plausibility of boxes around most of the frame: they need support by other boxes.

Networks that shrink the whole frame sometimes give a false positive around nearly all of it, with a
low score and in a single frame. An object close to the camera gives such a box too, but also in the
sampled frames before and after, or with a high score, or with a face of a fitting size in it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes, cover, iou

__all__ = ["LARGE_SHARE", "holds_face", "large_boxes", "supported_boxes"]

LARGE_SHARE = 0.6
"""A box that covers this share of the frame needs support; smaller ones never do."""

CERTAIN = 0.6
"""A box with this score needs no support."""

WINDOW_SECONDS = 0.5
"""Sampled frames within this many seconds before and after can support a box."""

SAME = 0.5
"""IoU from which two boxes are of the same object."""

FACE_INSIDE, FACE_HEIGHT = 0.9, 0.125
"""A face supports a box if at least this share of it lies in the box's upper half, and it has at
least this share of the box's height."""


def supported_boxes(
    detections: Sequence[Boxes],
    times: NDArray[np.float64],
    *,
    size: tuple[int, int],
    start_score: float,
    faces: Sequence[Boxes] = (),
) -> list[NDArray[np.bool_]]:
    """For each sampled frame, which of its boxes to keep: True for all that are not large.

    A large box is kept if its score is at least CERTAIN; if another sampled frame within
    WINDOW_SECONDS has a box at the same position and one of the two has at least `start_score`; if
    there is no sampled frame within WINDOW_SECONDS, so that nothing could support it; or if a face
    supports it.

    detections: the boxes of D sampled frames; times: (D,) seconds of those frames, not decreasing
    size: width and height of the frame; start_score: the score at which a box starts a track
    faces: the faces in each sampled frame, if faces are detected too
    """
    kept = []
    for k, (boxes, time) in enumerate(zip(detections, times.tolist(), strict=True)):
        large = large_boxes(boxes.boxes, size)
        keep = ~large | (boxes.scores >= CERTAIN)
        first = int(np.searchsorted(times, time - WINDOW_SECONDS - 1e-9))
        past = int(np.searchsorted(times, time + WINDOW_SECONDS + 1e-9, side="right"))
        near = [detections[other] for other in range(first, past) if other != k]
        if not near:
            keep[:] = True
        elif not keep.all():
            others = Boxes.joined(near)
            same = iou(boxes.boxes, others.boxes) >= SAME
            good = np.maximum(boxes.scores[:, None], others.scores[None]) >= start_score
            keep |= (same & good).any(axis=1)
            if faces:
                keep |= holds_face(boxes.boxes, faces[k].boxes)
        kept.append(keep)
    return kept


def large_boxes(boxes: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which of (N, 4) boxes cover LARGE_SHARE or more of a frame of (width, height)."""
    frame = np.array([[0, 0, *size]], np.float32)
    large: NDArray[np.bool_] = cover(frame, boxes).ravel() >= LARGE_SHARE
    return large


def holds_face(boxes: NDArray[np.float32], faces: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which of (N, 4) boxes have one of (M, 4) faces in their upper half, large enough for them."""
    upper = boxes.copy()
    upper[:, 3] = (boxes[:, 1] + boxes[:, 3]) / 2
    inside = cover(faces, upper).T >= FACE_INSIDE
    high = (faces[:, 3] - faces[:, 1])[None] >= FACE_HEIGHT * (boxes[:, 3] - boxes[:, 1])[:, None]
    holds: NDArray[np.bool_] = (inside & high).max(axis=1, initial=False)
    return holds
