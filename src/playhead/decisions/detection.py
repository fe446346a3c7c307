"""Detection: from a detector's candidates in one image to what it found there.

Of each class the surest candidates suppress those that overlap them, children without a parent are
doubted, and what is not sure enough then goes.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes, kept_places, nms
from playhead.decisions.detection_config import DetectionDecisions
from playhead.decisions.hierarchy import doubt_orphans
from playhead.errors import PlayheadError

__all__ = ["believed", "decide", "floors_of"]

CANDIDATES = 3000
"""The surest candidates of a class that are compared with each other."""


def decide(
    boxes: NDArray[np.floating],
    probabilities: NDArray[np.floating],
    classes: Sequence[str],
    config: DetectionDecisions,
    threshold: float | None = None,
) -> dict[str, Boxes]:
    """What was found of each class in one image, in falling order of score.

    boxes: (N, 4) x1, y1, x2, y2 in pixels; probabilities: (N, C), of each class in each box.
    threshold: the least score of a box, for every class; None takes those of `config`.
    Candidates without an area or with a number that is not finite are left out.
    Raises PlayheadError for other shapes, ConfigError for a parent that is no class.
    """
    if boxes.shape != (len(boxes), 4) or probabilities.shape != (len(boxes), len(classes)):
        raise PlayheadError(
            f"candidates {boxes.shape} with probabilities {probabilities.shape}: (N, 4) and "
            f"(N, {len(classes)}) are needed"
        )
    floors = floors_of(classes, config, threshold)
    able = np.isfinite(probabilities).all(axis=1) & (probabilities >= floors).any(axis=1)
    corners, shares = boxes[able].astype(np.float32), probabilities[able].astype(np.float32)
    able = _usable(corners)
    corners, shares = corners[able], shares[able]
    if config.class_agnostic:
        found = _suppressed_together(corners, shares, floors, config)
    else:
        found = [
            _suppressed(corners, shares[:, place], floor, config)
            for place, floor in enumerate(floors.tolist())
        ]
    known = dict(zip(classes, found, strict=True))
    return believed(doubt_orphans(known, config), config, threshold)


def believed(
    found: Mapping[str, Boxes], config: DetectionDecisions, threshold: float | None
) -> dict[str, Boxes]:
    """The boxes with a score of `threshold`, or of that of their class where it is None."""
    return {
        label: boxes.above(config.threshold(label) if threshold is None else threshold)
        for label, boxes in found.items()
    }


def floors_of(
    classes: Sequence[str], config: DetectionDecisions, threshold: float | None
) -> NDArray[np.float32]:
    """The score from which candidates of each class matter (C,): a parent's may be lower.

    A parent that is believed holds its children even where it is not itself asked for.
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
    """What stays of one class."""
    candidates = Boxes(boxes, scores).above(floor)
    best = np.argsort(-candidates.scores, kind="stable")[:CANDIDATES]
    return nms(candidates.chosen(best), config.overlap, config.most)


def _suppressed_together(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    floors: NDArray[np.float32],
    config: DetectionDecisions,
) -> list[Boxes]:
    """What stays of each class where a surer box of another class suppresses too."""
    rows, labels = np.nonzero(scores >= floors)
    best = np.argsort(-scores[rows, labels], kind="stable")[: CANDIDATES * len(floors)]
    rows, labels = rows[best], labels[best]
    candidates = Boxes(boxes[rows], scores[rows, labels])
    kept = kept_places(candidates, config.overlap)
    return [
        candidates.chosen(kept[labels[kept] == label][: config.most])
        for label in range(len(floors))
    ]
