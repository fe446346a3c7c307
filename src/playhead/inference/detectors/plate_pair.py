"""Number plates by two networks: Playhead's own and the packaged one of Chinese plates.

Each misses plates that the other detects, and each has false positives of its own. A plate that
both detect gets the score 1 - (1 - a)(1 - b) and the mean box, weighted by the scores; the score of
a plate that only one detects is multiplied by ALONE. A wide box, which is rarely a plate, needs
both.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes, iou, nms
from playhead.inference.detectors.protocol import Detector

__all__ = ["ALONE", "PlatePair", "agreed"]

ALONE = 0.7
"""The factor of a score that only one of the networks gives."""

SAME = 0.4
"""The minimum IoU of two boxes of the same plate."""

WIDE = 0.25
"""A box wider than this share of the image's longer side must be detected by both networks."""


class PlatePair:
    """Two plate detectors as one."""

    name = "plate-pair"
    labels: tuple[str, ...] = ("plate",)

    def __init__(self, first: Detector, second: Detector) -> None:
        self._first, self._second = first, second

    def detect(
        self, images: Sequence[NDArray[np.uint8]], *, threshold: float
    ) -> list[dict[str, Boxes]]:
        """As `Detector.detect`; `threshold` is the minimum of the joint score."""
        # Two scores a give 1 - (1 - a)² together.
        member_threshold = 1 - np.sqrt(1 - min(threshold, 1.0))
        pairs = zip(
            self._first.detect(images, threshold=member_threshold),
            self._second.detect(images, threshold=member_threshold),
            strict=True,
        )
        return [
            {
                "plate": agreed(
                    first["plate"], second["plate"], wide=WIDE * max(image.shape[:2])
                ).above(threshold)
            }
            for image, (first, second) in zip(images, pairs, strict=True)
        ]


def agreed(first: Boxes, second: Boxes, *, wide: float = np.inf) -> Boxes:
    """The boxes of two detectors with joint scores, by descending score.

    From the pair of boxes with the highest product of scores down, each box is joined with at most
    one of the other detector, at an IoU of at least SAME.
    wide: pixels; wider boxes of a single detector are dropped
    """
    overlaps = iou(first.boxes, second.boxes)
    products = np.where(overlaps >= SAME, first.scores[:, None] * second.scores[None], 0.0)
    boxes, scores = [], []
    free = [np.ones(len(first), bool), np.ones(len(second), bool)]
    for index in np.argsort(-products, axis=None, kind="stable").tolist():
        a, b = divmod(index, len(second))
        if not products[a, b]:
            break
        if not (free[0][a] and free[1][b]):
            continue
        free[0][a] = free[1][b] = False
        weights = np.array([first.scores[a], second.scores[b]])
        boxes.append(np.average([first.boxes[a], second.boxes[b]], axis=0, weights=weights))
        scores.append(1 - (1 - weights[0]) * (1 - weights[1]))
    alone = Boxes.joined([first.chosen(free[0]), second.chosen(free[1])])
    alone = alone.chosen(alone.boxes[:, 2] - alone.boxes[:, 0] <= wide)
    both = Boxes(np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32))
    return nms(Boxes.joined([both, Boxes(alone.boxes, alone.scores * np.float32(ALONE))]), SAME)
