"""Detecting a set of labels: packaged networks and custom detectors behind one interface.

Each label is detected by the custom detectors that have it, else by its packaged network. All boxes
of at least the minimum score are returned; thresholds are applied by the caller.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes
from playhead.decisions.hierarchy import penalise_orphans
from playhead.errors import ConfigError
from playhead.inference.bundle import Bundle
from playhead.inference.detectors import CustomDetector, Detector, open_custom, open_detector
from playhead.inference.detectors.custom import open_bundle, scaled_size
from playhead.inference.detectors.ensemble import joint_decisions
from playhead.inference.detectors.tiling import detect_tiled
from playhead.inference.precision import Precision, PrecisionChoice
from playhead.inference.runtime import CudaFactory

__all__ = ["ObjectDetector", "PackagedNetworks"]

Image = NDArray[np.uint8]
Detected = dict[str, Boxes]
PackagedNetworks = Mapping[str, str]
"""The packaged network of each label."""


class ObjectDetector:
    """Detects labels in images; each network is opened once.

    labels: what to detect; minimum_scores: the minimum score of each label
    packaged: the network of each label that no custom detector has
    bundles: folders of custom detectors; several are an ensemble
    size: longest side in pixels of frames for the packaged networks; None: full resolution
    tile: detect in overlapping tiles of this many pixels at full resolution, and in the whole frame
        scaled down to one tile; overlap: pixels that neighbouring tiles share
    plate_size: longer side of a frame for `playhead-plates`, without tiles; None: as in training
    bundle_size, enlarge, weights, settings, device, cuda_factory: of the custom detectors, see
        `open_custom`; precision: `auto` leaves the packaged networks in fp32
    threads: None uses every core
    Raises ConfigError if no detector has a label, WeightsError if a packaged file is missing,
    BundleError if a folder is not the bundle of a detector.
    """

    def __init__(
        self,
        labels: Sequence[str],
        *,
        minimum_scores: Mapping[str, float],
        packaged: PackagedNetworks,
        bundles: Sequence[Path] = (),
        size: int | None = None,
        tile: int | None = None,
        overlap: int = 0,
        plate_size: int | None = None,
        threads: int | None = None,
        bundle_size: int | None = None,
        enlarge: bool | None = None,
        weights: Sequence[float] | None = None,
        settings: Sequence[str] = (),
        device: str = "auto",
        precision: PrecisionChoice = "auto",
        cuda_factory: CudaFactory | None = None,
    ) -> None:
        self.labels = tuple(labels)
        self._size, self._tile, self._overlap = size, tile, overlap
        opened = [open_bundle(path) for path in bundles]
        known = {label for bundle in opened for label in bundle.manifest.classes}
        custom_labels = [label for label in self.labels if label in known]
        network_of = {label: packaged[label] for label in self.labels if label in packaged}
        network_of = {label: name for label, name in network_of.items() if label not in known}
        missing = [
            label for label in self.labels if label not in custom_labels and label not in network_of
        ]
        if missing:
            raise ConfigError(
                f"{', '.join(missing)}: no packaged network and none of the custom detectors "
                f"detects it; known are {', '.join(dict.fromkeys((*packaged, *sorted(known))))}"
            )
        self.precisions: dict[str, Precision] = {}
        """The numeric precision of each detector, by its name."""
        self._custom: CustomDetector | None = None
        self._custom_labels = custom_labels
        if custom_labels:
            # Parents are applied after tiles are merged.
            self._custom = open_custom(
                opened,
                longest=bundle_size,
                enlarge=enlarge,
                hierarchy=False,
                settings=settings,
                weights=weights,
                device=device,
                threads=threads,
                precision=precision,
                cuda_factory=cuda_factory,
            )
            self._decisions = joint_decisions(opened, settings)
            self._custom_minimum = min(minimum_scores[label] for label in custom_labels)
            self.precisions[self._custom.name] = self._custom.precision
        self._networks: list[tuple[Detector, list[str], float]] = []
        for name in dict.fromkeys(network_of.values()):
            names = [label for label, other in network_of.items() if other == name]
            min_score = min(minimum_scores[label] for label in names)
            # The accuracy of packaged networks in bf16 is unknown: it must be chosen explicitly.
            numbers = "fp32" if precision == "auto" else precision
            detector = open_detector(
                name, threads=threads, precision=numbers, plate_size=tile or plate_size
            )
            self._networks.append((detector, names, min_score))
            self.precisions[name] = numbers

    @property
    def bundles(self) -> tuple[Bundle, ...]:
        """The bundles of the custom detectors."""
        return () if self._custom is None else self._custom.bundles

    def read_size(self, width: int, height: int) -> tuple[int, int]:
        """The (width, height) at which to read frames of a video, never enlarged."""
        if self._tile is not None:
            return width, height
        sizes = [self._size or max(width, height)] if self._networks else []
        sizes += [] if self._custom is None else [self._custom.longest]
        return scaled_size((height, width), max(sizes), enlarge=False)

    def detect(self, images: Sequence[Image]) -> list[Detected]:
        """The boxes of every label in each RGB image (H, W, 3), in its pixels."""
        return self._detect(images, self._tile)

    def detect_still(self, image: Image) -> Detected:
        """Detect in one still image; packaged networks run on tiles at full resolution.

        Custom detectors run on the whole image at their size, unless `tile` is set.
        """
        return self._detect([image], self._tile or self._size)[0]

    def _detect(self, images: Sequence[Image], tile: int | None) -> list[Detected]:
        results: list[Detected] = [{} for _ in images]
        for detector, labels, min_score in self._networks:
            detections = self._run(detector, images, tile, min_score)
            for result, detected in zip(results, detections, strict=True):
                result.update({label: detected[label] for label in labels})
        if self._custom is not None:
            for result, detected in zip(results, self._detect_custom(images), strict=True):
                result.update(detected)
        return [{label: result[label] for label in self.labels} for result in results]

    def _detect_custom(self, images: Sequence[Image]) -> list[Detected]:
        assert self._custom is not None
        parents = set(self._decisions.parents.values())
        min_score = min(
            [self._custom_minimum, *(self._decisions.threshold(label) for label in parents)]
        )
        results = []
        for detected in self._run(self._custom, images, self._tile, min_score):
            penalised = penalise_orphans(detected, self._decisions)
            results.append(
                {
                    label: penalised[label].above(self._custom_minimum)
                    for label in self._custom_labels
                }
            )
        return results

    def _run(
        self, detector: Detector, images: Sequence[Image], tile: int | None, min_score: float
    ) -> list[Detected]:
        if tile is None:
            return detector.detect(images, threshold=min_score)
        return [
            detect_tiled(detector, image, tile=tile, overlap=self._overlap, threshold=min_score)
            for image in images
        ]
