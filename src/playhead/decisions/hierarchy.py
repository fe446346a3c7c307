"""Hierarchy: what lies in what. A plate lies in a car, a face in a head, a head in a person.

A child that lies in no believed parent is doubted: its score is lowered, never its box removed, so
a face at a window, whose person nobody sees, can still be believed.
"""

from collections.abc import Mapping

import numpy as np

from playhead.decisions.boxes import Boxes, cover
from playhead.decisions.detection_config import DetectionDecisions
from playhead.errors import ConfigError

__all__ = ["doubt_orphans", "parents_first"]


def doubt_orphans(found: Mapping[str, Boxes], config: DetectionDecisions) -> dict[str, Boxes]:
    """The boxes of one image, the score of each that lies in no parent times `config.orphan`.

    found: by class, with every parent down to its own threshold. A parent counts from that
    threshold on, with the score that its own parents left it. Each class in falling order of score.
    Raises ConfigError for a class in `config.parents` that `found` does not have.
    """
    result = dict(found)
    for child in parents_first(config.parents):
        parent = config.parents[child]
        _check_known((child, parent), found)
        own, holders = result[child], result[parent].above(config.threshold(parent))
        shares = cover(own.boxes, holders.boxes).max(axis=1, initial=0.0)
        scores = np.where(shares >= config.inside, own.scores, own.scores * config.orphan)
        order = np.argsort(-scores, kind="stable")
        result[child] = Boxes(own.boxes, scores.astype(np.float32)).chosen(order)
    return result


def parents_first(parents: Mapping[str, str]) -> list[str]:
    """The children, each after its own parent where that is a child too."""

    def depth(label: str) -> int:
        return 1 + depth(parents[label]) if label in parents else 0

    return sorted(parents, key=depth)


def _check_known(labels: tuple[str, str], found: Mapping[str, Boxes]) -> None:
    unknown = [label for label in labels if label not in found]
    if unknown:
        raise ConfigError(
            f"parents: {labels[0]} in {labels[1]}: {unknown[0]} is no class of this detector; "
            f"known are {', '.join(found)}"
        )
