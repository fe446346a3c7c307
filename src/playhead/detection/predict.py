"""Predicting: what own detectors find in images, to be measured or handed in.

Scores go down to `LEAST`, so that thresholds can be chosen and curves drawn later without the
network. Never imports torch but where the CUDA backend is asked for.
"""

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes
from playhead.decisions.detection_config import DetectionDecisions
from playhead.decisions.hierarchy import penalise_orphans
from playhead.detection.labels.read import refuse_unseen
from playhead.errors import ConfigError, LabelError, MediaError, PlayheadError
from playhead.events.images import ImageSet, LabelledImage
from playhead.inference.bundle import Bundle
from playhead.inference.detectors import CustomDetector, open_custom
from playhead.inference.precision import PrecisionChoice
from playhead.learning.backends import cuda_detector
from playhead.media.stills import read_still
from playhead.progress import progress

__all__ = [
    "LEAST",
    "PredictOptions",
    "doubted",
    "open_bundles",
    "parse_weights",
    "predict_set",
    "predicted",
]

LEAST = 0.001
"""The least score that is kept: what lies below moves no figure by more than rounding does."""

TOGETHER = 8
"""Images that are read ahead while the ones before them are looked at."""

Seen = NDArray[np.uint8] | PlayheadError


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictOptions:
    """How bundles are run.

    threshold: the least score of a box; None takes that of each class, as the bundles say
    longest: pixels that the longer side of an image is brought to; None takes the bundles' own
    enlarge: bring smaller images to it too; None does as in training
    weights: how far each bundle is trusted
    settings: `key=value` over what the bundles say becomes of candidates, as overlap=0.5
    hierarchy: False leaves scores as they are where the bundles name parents, see `doubted`
    every_seconds, every_frames: how often a frame of a video is sampled, see `sampled_frames`
    """

    threshold: float | None = LEAST
    longest: int | None = None
    enlarge: bool | None = None
    weights: tuple[float, ...] | None = None
    settings: tuple[str, ...] = ()
    hierarchy: bool = True
    device: str = "auto"
    threads: int | None = None
    precision: PrecisionChoice = "auto"
    every_seconds: float = 0.16
    every_frames: int = 8


def open_bundles(bundles: Sequence[Bundle | Path], options: PredictOptions) -> CustomDetector:
    """The detector of one bundle or the ensemble of several, on the device that is asked for."""
    return open_custom(
        bundles,
        longest=options.longest,
        enlarge=options.enlarge,
        hierarchy=options.hierarchy,
        weights=options.weights,
        settings=options.settings,
        device=options.device,
        threads=options.threads,
        precision=options.precision,
        cuda_factory=cuda_detector,
    )


def predict_set(
    bundles: Sequence[Bundle | Path],
    images: ImageSet | Sequence[Path],
    options: PredictOptions | None = None,
    *,
    task: str = "predicting",
) -> ImageSet:
    """What the bundles find in each image, in the order of the images.

    images: a set, of which paths, groups and splits are kept and labels are not looked at, or
    the paths of image files. The classes are those of the bundles; boxes end at the image's
    edges. Raises MediaError for an image that cannot be read, LabelError for one that has not
    the size that its set says.
    """
    options = options or PredictOptions()
    detector = open_bundles(bundles, options)
    known: tuple[LabelledImage, ...] | None = None
    if isinstance(images, ImageSet):
        refuse_unseen(images, "the set to look at")
        known = images.images
        paths = [one.path for one in known]
    else:
        paths = list(images)
    made = []
    with progress(task, len(paths)) as live:
        for place, found in enumerate(predicted(detector, paths, options.threshold)):
            if isinstance(found, PlayheadError):
                raise found
            made.append(found if known is None else _as(known[place], found))
            live.advance(1, note=found.path.name)
    return ImageSet(detector.labels, tuple(made))


def doubted(found: ImageSet, decisions: DetectionDecisions) -> ImageSet:
    """What was predicted without the hierarchy, as these decisions doubt it; `LEAST` still holds.

    The detector doubts before boxes end at the image's edges, which tells for a child that passes
    one. Raises ConfigError for a parent that is no class of the set.
    """
    if not decisions.parents:
        return found
    return ImageSet(
        found.classes, tuple(_doubted(one, found.classes, decisions) for one in found.images)
    )


def _doubted(
    one: LabelledImage, labels: tuple[str, ...], decisions: DetectionDecisions
) -> LabelledImage:
    every = Boxes(one.boxes.astype(np.float32), one.scores)
    seen = {label: every.chosen(one.labels == place) for place, label in enumerate(labels)}
    known = penalise_orphans(seen, decisions)
    return _filled(one, {label: boxes.above(LEAST) for label, boxes in known.items()}, labels)


def predicted(
    detector: CustomDetector, paths: Sequence[Path], threshold: float | None
) -> Iterator[LabelledImage | PlayheadError]:
    """For each image file what was found in it, or why nothing could be, in their order.

    Labels are places in `detector.labels`.
    """
    groups = [paths[start : start + TOGETHER] for start in range(0, len(paths), TOGETHER)]
    with ThreadPoolExecutor(1) as reader:
        coming = [reader.submit(_read, group) for group in groups[:1]]
        for place, group in enumerate(groups):
            seen = coming.pop().result()
            coming = [reader.submit(_read, one) for one in groups[place + 1 : place + 2]]
            yield from _look(detector, group, seen, threshold)


def _look(
    detector: CustomDetector, paths: Sequence[Path], seen: list[Seen], threshold: float | None
) -> Iterator[LabelledImage | PlayheadError]:
    readable = [one for one in seen if not isinstance(one, PlayheadError)]
    found = iter(_detect(detector, readable, threshold))
    for path, one in zip(paths, seen, strict=True):
        if isinstance(one, PlayheadError):
            yield one
            continue
        boxes = next(found)
        if isinstance(boxes, PlayheadError):
            yield boxes
        else:
            yield _labelled(path, one.shape, boxes, detector.labels)


def _detect(
    detector: CustomDetector, images: list[NDArray[np.uint8]], threshold: float | None
) -> list[dict[str, Boxes] | PlayheadError]:
    """All images at once; one by one where that fails, since one may be to blame."""
    try:
        return list(detector.detect(images, threshold=threshold))
    except PlayheadError as error:
        if len(images) == 1:
            return [error]
    return [one for image in images for one in _detect(detector, [image], threshold)]


def _read(paths: Sequence[Path]) -> list[Seen]:
    """The pixels of each image, or why there are none."""
    seen: list[Seen] = []
    for path in paths:
        try:
            seen.append(read_still(path))
        except PlayheadError as error:
            seen.append(error)
        except OSError as error:
            seen.append(MediaError(f"{path}: cannot be read: {error.strerror or error}"))
    return seen


def _labelled(
    path: Path, shape: tuple[int, ...], found: dict[str, Boxes], labels: tuple[str, ...]
) -> LabelledImage:
    """Boxes of each class as one image's, cut at its edges, class by class, best first."""
    height, width = shape[:2]
    empty = np.zeros((0, 4)), np.zeros(0, np.int32), np.zeros(0, np.float32)
    one = _filled(LabelledImage(path, (width, height), *empty), found, labels)
    boxes = np.clip(one.boxes, 0, [width, height, width, height])
    inside = ((boxes[:, 2:] - boxes[:, :2]) > 0).all(axis=1)
    return replace(one, boxes=boxes[inside], labels=one.labels[inside], scores=one.scores[inside])


def _filled(one: LabelledImage, found: dict[str, Boxes], labels: tuple[str, ...]) -> LabelledImage:
    """The image with these boxes of each class, class by class."""
    every = Boxes.joined([found[label] for label in labels])
    places = np.repeat(
        np.arange(len(labels), dtype=np.int32), [len(found[label]) for label in labels]
    )
    return replace(one, boxes=every.boxes.astype(np.float64), labels=places, scores=every.scores)


def _as(true: LabelledImage, found: LabelledImage) -> LabelledImage:
    """What was found, as that image of the set; a size of (0, 0) is not known there."""
    if all(true.size) and true.size != found.size:
        raise LabelError(
            f"{true.path}: has {found.size[0]}x{found.size[1]} pixels, its labels are of "
            f"{true.size[0]}x{true.size[1]}; normalise the set again"
        )
    return replace(found, path=true.path, group=true.group, split=true.split)


def parse_weights(text: str, count: int) -> tuple[float, ...]:
    """`2,1` as the weights of so many bundles; ConfigError for what is none."""
    try:
        weights = tuple(float(one) for one in text.split(","))
    except ValueError:
        weights = ()
    usable = all(math.isfinite(one) and one > 0 for one in weights)
    if len(weights) != count or not usable:
        raise ConfigError(
            f"--weights {text}: {count} bundles need as many numbers above 0, as in "
            f"{','.join(['1'] * count)}"
        )
    return weights
