"""Class hierarchy: a plate lies in a car, a face in a head, a head in a person.

The score of a child that is not inside a detected parent is lowered. Its box is not removed, so a
face at a window, whose person is not visible, can still be detected.
"""

from collections.abc import Mapping

import numpy as np

from playhead.decisions.boxes import Boxes, cover
from playhead.decisions.detection_config import DetectionDecisions
from playhead.errors import ConfigError

__all__ = ["parents_first", "penalise_orphans"]


def penalise_orphans(
    detections: Mapping[str, Boxes], config: DetectionDecisions
) -> dict[str, Boxes]:
    """Multiply the score of each box that lies in no parent by `config.orphan`.

    detections: boxes of one image by class, parents down to their own thresholds. A parent counts
    if its score, after its own parents were applied, is at least its threshold.
    Returns each class in descending order of score.
    Raises ConfigError for a class in `config.parents` that `detections` does not have.
    """
    result = dict(detections)
    for child in parents_first(config.parents):
        parent = config.parents[child]
        _check_known((child, parent), detections)
        children, parents = result[child], result[parent].above(config.threshold(parent))
        shares = cover(children.boxes, parents.boxes).max(axis=1, initial=0.0)
        scores = np.where(shares >= config.inside, children.scores, children.scores * config.orphan)
        order = np.argsort(-scores, kind="stable")
        result[child] = Boxes(children.boxes, scores.astype(np.float32)).chosen(order)
    return result


def parents_first(parents: Mapping[str, str]) -> list[str]:
    """The children, each after its own parent if that is a child too."""

    def depth(label: str) -> int:
        return 1 + depth(parents[label]) if label in parents else 0

    return sorted(parents, key=depth)


def _check_known(labels: tuple[str, str], detections: Mapping[str, Boxes]) -> None:
    unknown = [label for label in labels if label not in detections]
    if unknown:
        raise ConfigError(
            f"parents: {labels[0]} in {labels[1]}: {unknown[0]} is not a class of this detector; "
            f"its classes are {', '.join(detections)}"
        )
