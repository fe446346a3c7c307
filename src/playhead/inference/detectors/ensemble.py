"""Ensembles: several custom detectors on the same images, their boxes fused.

Each detector runs its own non-maximum suppression; the boxes are fused, and then the scores of
children without a parent are lowered.
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
"""The minimum score of a member's box, at most: low scores still improve the fused position."""


class CustomDetector(Protocol):
    """A detector of one or several bundles: a `Detector` with its own thresholds.

    longest: pixels of the longest side of a scaled image, of any bundle
    """

    name: str
    labels: tuple[str, ...]
    longest: int
    decisions: DetectionDecisions

    @property
    def bundles(self) -> tuple[Bundle, ...]:
        """The bundles of the detector."""

    @property
    def precision(self) -> Precision:
        """The numeric precision they compute with."""

    def detect(
        self, images: Sequence[NDArray[np.uint8]], *, threshold: float | None
    ) -> list[dict[str, Boxes]]:
        """As `Detector.detect`; `threshold` None uses that of each class."""


class Ensemble:
    """Several custom detectors as one, for all classes that any of them detects.

    decisions: by default those of the bundles joined, see `joint_decisions`
    weights: one per member, equal by default
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
        self.bundles = tuple(member.bundle for member in self._members)
        self.name = " + ".join(member.name for member in self._members)
        self.labels = tuple(dict.fromkeys(chain.from_iterable(member.labels for member in members)))
        self.longest = max(member.longest for member in self._members)
        self.precision = self._members[0].precision
        self.decisions = decisions or joint_decisions(self.bundles)

    def detect(
        self, images: Sequence[NDArray[np.uint8]], *, threshold: float | None
    ) -> list[dict[str, Boxes]]:
        """The boxes of every class in each RGB image (H, W, 3), in its pixels.

        threshold: minimum score of a fused box; None uses that of each class
        """
        floor = min(MEMBER_MINIMUM, float(floors_of(self.labels, self.decisions, threshold).min()))
        by_member = [member.detect(images, threshold=floor) for member in self._members]
        return [self._fused(detections, threshold) for detections in zip(*by_member, strict=True)]

    def _fused(
        self, detections: Sequence[dict[str, Boxes]], threshold: float | None
    ) -> dict[str, Boxes]:
        fused = fuse_classes(detections, weights=self._weights)
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

    hierarchy: False ignores the parents in the bundles, for a caller that first merges the tiles of
        an image
    settings: `key=value` overrides of the joint decisions, see `joint_decisions`
    The others are as in `BundleDetector`. Raises BundleError for no bundles or a duplicate, and as
    `BundleDetector` does.
    """
    opened = [open_bundle(bundle) for bundle in bundles]
    if not opened:
        raise BundleError("a detector needs at least one bundle, got none")
    folders = [bundle.folder.resolve() for bundle in opened]
    for folder, bundle in zip(folders, opened, strict=True):
        if folders.count(folder) > 1:
            raise BundleError(
                f"{bundle.folder}: is listed twice; an ensemble needs different bundles"
            )
    joint = joint_decisions(opened, settings)
    flat = joint.model_copy(update={"parents": {}})
    members = [
        BundleDetector(
            bundle,
            longest=longest,
            enlarge=enlarge,
            decisions=flat if len(opened) > 1 or not hierarchy else joint,
            device=device,
            threads=threads,
            precision=precision,
            cuda_factory=cuda_factory,
        )
        for bundle in opened
    ]
    if len(members) == 1:
        return members[0]
    return Ensemble(members, decisions=joint if hierarchy else flat, weights=weights)


def joint_decisions(bundles: Sequence[Bundle], settings: Sequence[str] = ()) -> DetectionDecisions:
    """The joint decisions of several bundles: the threshold of a class is the mean over the bundles
    that detect it, the parents are those of all, and the rest is that of the first.

    settings: `key=value` overrides, as overlap=0.5 or parents.plate=car
    Raises ConfigError if two bundles disagree on the parent of a class, or a setting is invalid.
    """
    recorded = [(bundle.manifest.classes, decisions_of(bundle)) for bundle in bundles]
    labels = dict.fromkeys(chain.from_iterable(classes for classes, _ in recorded))
    thresholds = {
        label: float(
            np.mean(
                [decisions.threshold(label) for classes, decisions in recorded if label in classes]
            )
        )
        for label in labels
    }
    parents: dict[str, str] = {}
    for _, decisions in recorded:
        for child, parent in decisions.parents.items():
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
