"""Detection: from a detector's candidates in one image to its detections.

Per class: non-maximum suppression, lower scores for children without a parent (see `hierarchy`),
then the confidence threshold.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes, kept_indices, nms
from playhead.decisions.detection_config import DetectionDecisions
from playhead.decisions.hierarchy import penalise_orphans
from playhead.errors import PlayheadError

__all__ = ["above_thresholds", "decide", "floors_of"]

CANDIDATES = 3000
"""The most candidates of a class, by score, that non-maximum suppression compares."""


def decide(
    boxes: NDArray[np.floating],
    probabilities: NDArray[np.floating],
    classes: Sequence[str],
    config: DetectionDecisions,
    threshold: float | None = None,
) -> dict[str, Boxes]:
    """The detections of each class in one image, in descending order of score.

    boxes: (N, 4) x1, y1, x2, y2 in pixels
    probabilities: (N, C), of each class in each box
    threshold: minimum score for every class; None uses those of `config`
    Candidates with no area or a non-finite number are dropped.
    Raises PlayheadError for other shapes, ConfigError if a parent is not one of the classes.
    """
    if boxes.shape != (len(boxes), 4) or probabilities.shape != (len(boxes), len(classes)):
        raise PlayheadError(
            f"boxes are {boxes.shape} and probabilities {probabilities.shape}; (N, 4) and "
            f"(N, {len(classes)}) are needed"
        )
    floors = floors_of(classes, config, threshold)
    able = np.isfinite(probabilities).all(axis=1) & (probabilities >= floors).any(axis=1)
    corners, shares = boxes[able].astype(np.float32), probabilities[able].astype(np.float32)
    able = _usable(corners)
    corners, shares = corners[able], shares[able]
    if config.class_agnostic:
        detections = _suppressed_together(corners, shares, floors, config)
    else:
        detections = [
            _suppressed(corners, shares[:, column], floor, config)
            for column, floor in enumerate(floors.tolist())
        ]
    known = dict(zip(classes, detections, strict=True))
    return above_thresholds(penalise_orphans(known, config), config, threshold)


def above_thresholds(
    detections: Mapping[str, Boxes], config: DetectionDecisions, threshold: float | None
) -> dict[str, Boxes]:
    """The boxes with a score of at least `threshold`, or of their class's threshold if None."""
    return {
        label: boxes.above(config.threshold(label) if threshold is None else threshold)
        for label, boxes in detections.items()
    }


def floors_of(
    classes: Sequence[str], config: DetectionDecisions, threshold: float | None
) -> NDArray[np.float32]:
    """The minimum score of candidates of each class (C,).

    A parent keeps its own lower threshold, since it counts for its children even if its score is
    below `threshold`.
    """
    own = np.array([config.threshold(label) for label in classes], np.float32)
    if threshold is None:
        return own
    parents = np.array([label in config.parents.values() for label in classes], bool)
    return np.where(parents, np.minimum(own, threshold), threshold).astype(np.float32)


def _usable(boxes: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Whether each box has an area and finite corners."""
    x1, y1, x2, y2 = boxes.T
    usable: NDArray[np.bool_] = np.isfinite(boxes).all(axis=1) & (x2 > x1) & (y2 > y1)
    return usable


def _suppressed(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    floor: float,
    config: DetectionDecisions,
) -> Boxes:
    """Non-maximum suppression within one class."""
    candidates = Boxes(boxes, scores).above(floor)
    best = np.argsort(-candidates.scores, kind="stable")[:CANDIDATES]
    return nms(candidates.chosen(best), config.overlap, config.most)


def _suppressed_together(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    floors: NDArray[np.float32],
    config: DetectionDecisions,
) -> list[Boxes]:
    """Non-maximum suppression across classes → the kept boxes of each class."""
    rows, labels = np.nonzero(scores >= floors)
    best = np.argsort(-scores[rows, labels], kind="stable")[: CANDIDATES * len(floors)]
    rows, labels = rows[best], labels[best]
    candidates = Boxes(boxes[rows], scores[rows, labels])
    kept = kept_indices(candidates, config.overlap)
    return [
        candidates.chosen(kept[labels[kept] == label][: config.most])
        for label in range(len(floors))
    ]
