"""People in an audit: which detections of the auditing network are a visible person.

Even if all people in a copy are covered, that network detects some: around several masks at once,
and around most of the frame. Such a box is doubtful, and counts only if one of two other networks
confirms it in the copy: the pedestrian network, or the face network.
`benchmarks/redaction_people.py` prints the hits and the false positives of these rules.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import iou
from playhead.inference.detectors import Detector, detect_tiled, open_detector
from playhead.redaction.plausibility import holds_face, large_boxes

__all__ = ["CONFIRMING", "PARTLY_HIDDEN", "PeopleConfirmation", "doubtful_people"]

CONFIRMING = ("people", "centerface")
"""The packaged networks that confirm a doubtful box."""

PARTLY_HIDDEN = 0.25
"""A box is doubtful if this share of its core is hidden: it may be drawn around masks."""

CONFIRMED = 0.5
"""The score of a person, or of a face, that confirms a box."""

SAME = 0.5
"""IoU from which the two boxes are of the same person."""

Image = NDArray[np.uint8]


def doubtful_people(
    boxes: NDArray[np.float32], hidden: Sequence[float], size: tuple[int, int]
) -> NDArray[np.bool_]:
    """Which of (N, 4) boxes need a confirmation.

    hidden: the hidden share of each box's core; size: width and height of the frame
    """
    partly: NDArray[np.bool_] = np.greater_equal(hidden, PARTLY_HIDDEN)
    return partly | large_boxes(boxes, size)


class PeopleConfirmation:
    """The two networks that confirm doubtful boxes; they run on frames that have one."""

    def __init__(self, *, tile: int, overlap: int, threads: int | None) -> None:
        self._people, self._faces = (open_detector(name, threads=threads) for name in CONFIRMING)
        self._tile, self._overlap = tile, overlap

    def confirmed(self, image: Image, boxes: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which of (N, 4) boxes in a frame of the copy, RGB (H, W, 3), a network confirms.

        A person of about the same box, or a face in its upper half, at least an eighth as high.
        """
        people = self._detected(self._people, image, "person")
        confirmed: NDArray[np.bool_] = iou(boxes, people).max(axis=1, initial=0) >= SAME
        if not confirmed.all():
            confirmed |= holds_face(boxes, self._detected(self._faces, image, "face"))
        return confirmed

    def _detected(self, detector: Detector, image: Image, label: str) -> NDArray[np.float32]:
        detections = detect_tiled(
            detector, image, tile=self._tile, overlap=self._overlap, threshold=CONFIRMED
        )
        return detections[label].boxes
