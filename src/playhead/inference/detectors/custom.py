"""Custom detectors: a trained bundle, run on images of any size.

An image is scaled down until its longer side is that of the training images, up to it if those were
scaled up, and padded with grey on its right and below. The graph outputs the box and the
probabilities of every cell; decoding and non-maximum suppression happen outside of it, so that
thresholds can be changed later.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from playhead.config import validate
from playhead.decisions.boxes import Boxes
from playhead.decisions.detection import decide, floors_of
from playhead.decisions.detection_config import DetectionDecisions
from playhead.errors import BundleError, ConfigError
from playhead.files import sha256
from playhead.inference.bundle import Bundle, load_bundle
from playhead.inference.detectors.common import rounded_up
from playhead.inference.detectors.graph import check_images
from playhead.inference.detectors.plan import DetectorPlan
from playhead.inference.precision import Precision
from playhead.inference.runtime import CudaFactory, open_backend
from playhead.media.scaling import GREY, resize

__all__ = [
    "BundleDetector",
    "View",
    "cells",
    "checksum_of",
    "decisions_of",
    "describe_decisions",
    "open_bundle",
]

PART = "model"

BATCH_SIZE = 8
"""Images per call of the backend."""


class View(NamedTuple):
    """The model input of an image: x_view = x_image * sx; the padding is grey."""

    pixels: NDArray[np.uint8]
    size: tuple[int, int]
    sx: float
    sy: float


class BundleDetector:
    """Detects the classes of one bundle.

    longest: pixels of the longer side of a scaled image; by default the bundle's
    enlarge: whether smaller images are scaled up to it too; by default as in training
    decisions: thresholds, suppression and parents; by default the bundle's
    device, threads, precision, cuda_factory: see `open_backend`
    Raises BundleError if the folder is not the bundle of a detector, ConfigError if decisions name
    a class that it does not detect.
    """

    def __init__(
        self,
        bundle: Bundle | Path,
        *,
        longest: int | None = None,
        enlarge: bool | None = None,
        decisions: DetectionDecisions | None = None,
        device: str = "auto",
        threads: int | None = None,
        precision: str = "auto",
        cuda_factory: CudaFactory | None = None,
    ) -> None:
        self.bundle = open_bundle(bundle)
        manifest = self.bundle.manifest
        self.name = self.bundle.folder.resolve().name
        self.labels: tuple[str, ...] = manifest.classes
        plan = manifest.plan(DetectorPlan)
        self.longest = longest or plan.longest
        self.decisions = decisions or decisions_of(self.bundle)
        self._enlarge = plan.enlarge if enlarge is None else enlarge
        self._strides = plan.strides
        self._backend = open_backend(
            self.bundle,
            device=device,
            threads=threads,
            precision=precision,
            cuda_factory=cuda_factory,
        )

    @property
    def precision(self) -> Precision:
        """The numeric precision it computes with."""
        return self._backend.precision

    @property
    def bundles(self) -> tuple[Bundle, ...]:
        """The bundle, as a tuple like that of an ensemble."""
        return (self.bundle,)

    def detect(
        self, images: Sequence[NDArray[np.uint8]], *, threshold: float | None
    ) -> list[dict[str, Boxes]]:
        """The boxes of every class in each RGB image (H, W, 3), in its pixels.

        threshold: minimum score; None uses that of each class. Boxes may extend past the edges of
        the image.
        Raises BundleError if the output of the graph has another shape or is not finite.
        """
        check_images(images)
        results: dict[int, dict[str, Boxes]] = {}
        groups: dict[tuple[int, ...], list[int]] = {}
        for index, image in enumerate(images):
            shape = view_shape(image.shape, self.longest, self._strides[-1], self._enlarge)
            groups.setdefault(shape, []).append(index)
        for members in groups.values():
            for start in range(0, len(members), BATCH_SIZE):
                indices = members[start : start + BATCH_SIZE]
                detected = self._detect_batch([images[index] for index in indices], threshold)
                results.update(zip(indices, detected, strict=True))
        return [results[index] for index in range(len(images))]

    def _detect_batch(
        self, images: list[NDArray[np.uint8]], threshold: float | None
    ) -> list[dict[str, Boxes]]:
        """Detections in images whose views have the same shape."""
        views = [
            view_of(image, self.longest, self._strides[-1], enlarge=self._enlarge)
            for image in images
        ]
        outputs = self._backend.run(PART, np.stack([view.pixels for view in views]))
        self._check(outputs, views[0].pixels.shape)
        return [
            self._decide(output, view, threshold)
            for output, view in zip(outputs, views, strict=True)
        ]

    def _decide(
        self, output: NDArray[np.float32], view: View, threshold: float | None
    ) -> dict[str, Boxes]:
        floors = floors_of(self.labels, self.decisions, threshold)
        height, width = view.pixels.shape[:2]
        middles, strides = cells(height, width, self._strides)
        # Cells next to the image may predict an object in it; cells farther out are ignored.
        near = (middles - strides[:, None] < view.size).all(axis=1)
        chosen = near & (output[:, 4:] >= floors).any(axis=1)
        output, middles = output[chosen], middles[chosen]
        corners = np.concatenate([middles - output[:, :2], middles + output[:, 2:4]], axis=1)
        boxes = corners / np.array([view.sx, view.sy, view.sx, view.sy], np.float32)
        # Boxes entirely outside the image are dropped.
        limits = np.array(view.size) / (view.sx, view.sy)
        seen = (boxes[:, 2:] > 0).all(axis=1) & (boxes[:, :2] < limits).all(axis=1)
        return decide(boxes[seen], output[seen, 4:], self.labels, self.decisions, threshold)

    def _check(self, outputs: NDArray[np.float32], shape: tuple[int, ...]) -> None:
        height, width = shape[:2]
        needed = len(cells(height, width, self._strides)[1]), 4 + len(self.labels)
        if outputs.shape[1:] != needed:
            raise BundleError(
                f"{self.bundle.folder}: the output is {outputs.shape[1:]} for an image of "
                f"{width}x{height}, but {needed} is needed; its strides or classes do not match "
                "its graph"
            )
        if not np.isfinite(outputs).all():
            raise BundleError(
                f"{self.bundle.folder}: the output has numbers that are not finite for an image of "
                f"{width}x{height}; train it again, or in fp32"
            )


def open_bundle(bundle: Bundle | Path) -> Bundle:
    """The bundle of a detector, loaded if a path is given.

    Raises BundleError if the bundle is of another kind.
    """
    opened = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
    try:
        opened.manifest.plan(DetectorPlan)
    except BundleError as error:
        raise BundleError(f"{opened.folder}: {error}") from error
    opened.graph(PART)
    return opened


def decisions_of(bundle: Bundle) -> DetectionDecisions:
    """The thresholds, suppression and parents in a bundle, else the defaults.

    Raises ConfigError if they name a class that the bundle does not detect.
    """
    manifest = bundle.manifest
    decisions = validate(
        DetectionDecisions, manifest.post_processing, source=f"{bundle.folder}: post_processing"
    )
    check_classes(decisions, manifest.classes, source=f"{bundle.folder}: post_processing")
    return decisions


def describe_decisions(bundle: Bundle) -> str:
    """The confidence threshold and the parent of each class, in words."""
    labels, decisions = bundle.manifest.classes, decisions_of(bundle)
    thresholds = ", ".join(f"{label} {decisions.threshold(label):g}" for label in labels)
    lines = [f"Confidence thresholds: {thresholds}."]
    if decisions.parents:
        pairs = ", ".join(f"{child} in {parent}" for child, parent in decisions.parents.items())
        lines.append(
            f"Parents: {pairs}; the score of a box outside of them is multiplied by "
            f"{decisions.orphan:g}."
        )
    return "\n\n".join(lines)


def check_classes(decisions: DetectionDecisions, classes: Sequence[str], *, source: str) -> None:
    """Raise ConfigError if decisions name a class that is not detected."""
    named = {*decisions.thresholds, *decisions.parents, *decisions.parents.values()}
    unknown = sorted(named - set(classes))
    if unknown:
        raise ConfigError(
            f"{source}: {', '.join(unknown)} is not a class of the detector; its classes are "
            f"{', '.join(classes)}"
        )


def checksum_of(bundle: Bundle) -> str:
    """The SHA-256 of SHA256SUMS, which identifies a bundle."""
    return sha256(bundle.folder / "SHA256SUMS")


def scaled_size(shape: tuple[int, ...], longest: int, enlarge: bool) -> tuple[int, int]:
    """(width, height) of an image of shape (H, W, ...) whose longer side becomes `longest`."""
    height, width = shape[:2]
    scale = longest / max(height, width)
    if not enlarge:
        scale = min(scale, 1.0)
    return max(1, round(width * scale)), max(1, round(height * scale))


def view_shape(
    shape: tuple[int, ...], longest: int, multiple: int, enlarge: bool
) -> tuple[int, ...]:
    """(H, W, 3) of the view of an image of shape (H, W, 3)."""
    width, height = scaled_size(shape, longest, enlarge)
    width, height = rounded_up((height, width), multiple)
    return height, width, 3


def view_of(
    image: NDArray[np.uint8], longest: int, multiple: int, *, enlarge: bool = False
) -> View:
    """An image (H, W, 3) scaled, with grey to its right and below up to the next multiple."""
    height, width = image.shape[:2]
    size = scaled_size(image.shape, longest, enlarge)
    pixels = np.full(view_shape(image.shape, longest, multiple, enlarge), GREY, np.uint8)
    pixels[: size[1], : size[0]] = resize(image, size)
    return View(pixels, size, size[0] / width, size[1] / height)


@lru_cache(maxsize=32)
def cells(
    height: int, width: int, strides: tuple[int, ...]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The cells of a view, stride by stride and row by row: middles (N, 2), x and y, and strides.

    Both are shared: do not write to them.
    """
    middles, sides = [], []
    for stride in strides:
        y = (np.arange(height // stride, dtype=np.float32) + 0.5) * stride
        x = (np.arange(width // stride, dtype=np.float32) + 0.5) * stride
        middles.append(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2))
        sides.append(np.full(len(middles[-1]), stride, np.float32))
    return np.concatenate(middles), np.concatenate(sides)
