"""Ensembles: several custom detectors on the same images, their boxes fused.

Each suppresses its own candidates; the boxes of one object become one, and only then are the scores
of children without a parent lowered.
"""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from playhead.config import override, validate
from playhead.decisions.boxes import Boxes
from playhead.decisions.detection import above_thresholds, floors_of
from playhead.decisions.detection_config import DetectionDecisions
from playhead.decisions.fusion import fuse_classes
from playhead.decisions.hierarchy import penalise_orphans
from playhead.errors import BundleError, ConfigError
from playhead.inference.bundle import Bundle
from playhead.inference.detectors.custom import (
    BundleDetector,
    check_classes,
    decisions_of,
    open_bundle,
)
from playhead.inference.precision import Precision
from playhead.inference.runtime import CudaFactory

__all__ = ["CustomDetector", "Ensemble", "joint_decisions", "open_custom"]

MEMBER_MINIMUM = 0.05
"""The minimum score of a member's box, at most: an unsure box still helps to place a fused one."""


class CustomDetector(Protocol):
    """One bundle or several: a `Detector` with thresholds of its own.

    longest: the longest side of an image after scaling, of any of them, pixels
    """

    name: str
    labels: tuple[str, ...]
    longest: int
    decisions: DetectionDecisions

    @property
    def bundles(self) -> tuple[Bundle, ...]:
        """The bundles that it runs."""

    @property
    def precision(self) -> Precision:
        """The numbers that they compute with."""

    def detect(
        self, images: Sequence[NDArray[np.uint8]], *, threshold: float | None
    ) -> list[dict[str, Boxes]]:
        """As `Detector.detect`; `threshold` None takes that of each class."""


class Ensemble:
    """Several custom detectors as one, which detects every class that any of them knows.

    weights: of each member, equal by default; decisions: None takes those of the bundles joined,
    see `joint_decisions`
    """

    def __init__(
        self,
        members: Sequence[BundleDetector],
        *,
        decisions: DetectionDecisions | None = None,
        weights: Sequence[float] | None = None,
    ) -> None:
        self._members = tuple(members)
        self._weights = weights
        self.bundles = tuple(one.bundle for one in self._members)
        self.name = " + ".join(one.name for one in self._members)
        self.labels = tuple(dict.fromkeys(chain.from_iterable(one.labels for one in members)))
        self.longest = max(one.longest for one in self._members)
        self.precision = self._members[0].precision
        self.decisions = decisions or joint_decisions(self.bundles)

    def detect(
        self, images: Sequence[NDArray[np.uint8]], *, threshold: float | None
    ) -> list[dict[str, Boxes]]:
        """The boxes of every class in each RGB image (H, W, 3), in its pixels.

        threshold: the minimum score of a fused box; None takes that of each class.
        """
        floor = min(MEMBER_MINIMUM, float(floors_of(self.labels, self.decisions, threshold).min()))
        seen = [one.detect(images, threshold=floor) for one in self._members]
        return [self._fused(found, threshold) for found in zip(*seen, strict=True)]

    def _fused(
        self, found: Sequence[dict[str, Boxes]], threshold: float | None
    ) -> dict[str, Boxes]:
        fused = fuse_classes(found, weights=self._weights)
        most = np.arange(self.decisions.most)
        kept = {label: fused[label].chosen(most[: len(fused[label])]) for label in self.labels}
        return above_thresholds(penalise_orphans(kept, self.decisions), self.decisions, threshold)


def open_custom(
    bundles: Sequence[Bundle | Path],
    *,
    longest: int | None = None,
    enlarge: bool | None = None,
    hierarchy: bool = True,
    settings: Sequence[str] = (),
    weights: Sequence[float] | None = None,
    device: str = "auto",
    threads: int | None = None,
    precision: str = "auto",
    cuda_factory: CudaFactory | None = None,
) -> CustomDetector:
    """The detector of one bundle, or the ensemble of several.

    hierarchy: False ignores the parents that bundles name, for a caller that merges the tiles of an
    image first; settings: `key=value` over the joint decisions, see `joint_decisions`
    The others: see `BundleDetector`. Raises BundleError for no bundle, or one twice, and what
    `BundleDetector` raises.
    """
    opened = [open_bundle(one) for one in bundles]
    if not opened:
        raise BundleError("a detector needs at least one bundle, got none")
    places = [one.folder.resolve() for one in opened]
    for place, one in zip(places, opened, strict=True):
        if places.count(place) > 1:
            raise BundleError(f"{one.folder}: is named twice; an ensemble needs different bundles")
    joint = joint_decisions(opened, settings)
    flat = joint.model_copy(update={"parents": {}})
    members = [
        BundleDetector(
            one,
            longest=longest,
            enlarge=enlarge,
            decisions=flat if len(opened) > 1 or not hierarchy else joint,
            device=device,
            threads=threads,
            precision=precision,
            cuda_factory=cuda_factory,
        )
        for one in opened
    ]
    if len(members) == 1:
        return members[0]
    return Ensemble(members, decisions=joint if hierarchy else flat, weights=weights)


def joint_decisions(bundles: Sequence[Bundle], settings: Sequence[str] = ()) -> DetectionDecisions:
    """The decisions of several bundles joined: the threshold of a class is the mean of those that
    know it, the parents are those of all, and the rest is that of the first.

    settings: `key=value` over that, as overlap=0.5 or parents.plate=car
    Raises ConfigError if two name different parents of one class, or a setting does not validate.
    """
    recorded = [(one.manifest.classes, decisions_of(one)) for one in bundles]
    labels = dict.fromkeys(chain.from_iterable(classes for classes, _ in recorded))
    thresholds = {
        label: float(
            np.mean([one.threshold(label) for classes, one in recorded if label in classes])
        )
        for label in labels
    }
    parents: dict[str, str] = {}
    for _, one in recorded:
        for child, parent in one.parents.items():
            if parents.setdefault(child, parent) != parent:
                raise ConfigError(
                    f"bundles disagree on the parent of {child}: {parents[child]} or {parent}; "
                    "change `parents` in the post_processing of one"
                )
    joint = recorded[0][1].model_copy(update={"thresholds": thresholds, "parents": parents})
    if not settings:
        return joint
    values = joint.model_dump()
    for setting in settings:
        override(values, setting)
    changed = validate(DetectionDecisions, values, source="--set")
    check_classes(changed, list(labels), source="--set")
    return changed
