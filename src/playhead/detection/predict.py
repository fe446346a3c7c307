"""Prediction: run custom detectors on images.

Detections are kept down to `MIN_SCORE`, so that thresholds can be chosen and curves drawn later
without the network. Imports torch only if the CUDA backend is requested.
"""

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
from playhead.errors import LabelError, MediaError, PlayheadError
from playhead.events.images import ImageSet, LabelledImage
from playhead.inference.bundle import Bundle
from playhead.inference.detectors import CustomDetector, open_custom
from playhead.inference.precision import PrecisionChoice
from playhead.learning.backends import cuda_detector
from playhead.media.stills import read_still
from playhead.progress import progress

__all__ = [
    "MIN_SCORE",
    "PredictOptions",
    "apply_hierarchy",
    "iter_predictions",
    "open_bundles",
    "predict_set",
]

MIN_SCORE = 0.001
"""Detections with lower scores are dropped; they change no metric by more than rounding."""

BATCH_SIZE = 8
"""Images that are detected together, while the next ones are read."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictOptions:
    """How bundles are run.

    threshold: minimum score; None takes the threshold of each class from the bundles
    longest: longer side, in pixels, that images are resized to; None: as in training
    enlarge: also enlarge smaller images to it; None: as in training
    weights: of each bundle in the ensemble
    settings: `key=value` over the bundles' post-processing, such as overlap=0.5
    hierarchy: False leaves out the effect of parent classes on scores, see `apply_hierarchy`
    every_seconds, every_frames: detection interval in a video, see `sampled_frames`
    """

    threshold: float | None = MIN_SCORE
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
    """Open one bundle, or several as an ensemble, on the requested device."""
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
    """The detections of the bundles in each image, in the order of the images.

    images: a set (paths, groups and splits are kept, labels are ignored), or paths of image files
    The classes are those of the bundles; boxes are clipped to the image. Raises MediaError for an
    image that cannot be read, LabelError for one of another size than in its set.
    """
    options = options or PredictOptions()
    detector = open_bundles(bundles, options)
    known: tuple[LabelledImage, ...] | None = None
    if isinstance(images, ImageSet):
        refuse_unseen(images, "the set to predict")
        known = images.images
        paths = [image.path for image in known]
    else:
        paths = list(images)
    predicted = []
    with progress(task, len(paths)) as live:
        for k, result in enumerate(iter_predictions(detector, paths, options.threshold)):
            if isinstance(result, PlayheadError):
                raise result
            if known is None:
                predicted.append(result)
            else:
                image = known[k]
                if all(image.size) and image.size != result.size:  # (0, 0) is an unknown size
                    raise LabelError(
                        f"{image.path}: the image has {result.size[0]}x{result.size[1]} pixels, "
                        f"but its labels are for {image.size[0]}x{image.size[1]}; normalise the "
                        "set again"
                    )
                predicted.append(
                    replace(result, path=image.path, group=image.group, split=image.split)
                )
            live.advance(1, note=result.path.name)
    return ImageSet(detector.labels, tuple(predicted))


def apply_hierarchy(predictions: ImageSet, decisions: DetectionDecisions) -> ImageSet:
    """Lower the scores of children outside their parents, in predictions made without it.

    `decisions` names the parents; detections below `MIN_SCORE` are dropped. The detector itself
    does this before it clips boxes to the image, which matters for a child across the edge.
    Raises ConfigError for a parent that is not a class of the set.
    """
    if not decisions.parents:
        return predictions
    images = []
    for image in predictions.images:
        boxes = Boxes(image.boxes.astype(np.float32), image.scores)
        by_class = {
            label: boxes.chosen(image.labels == number)
            for number, label in enumerate(predictions.classes)
        }
        lowered = penalise_orphans(by_class, decisions)
        kept = {label: boxes.above(MIN_SCORE) for label, boxes in lowered.items()}
        images.append(_with_boxes(image, kept, predictions.classes))
    return ImageSet(predictions.classes, tuple(images))


def iter_predictions(
    detector: CustomDetector, paths: Sequence[Path], threshold: float | None
) -> Iterator[LabelledImage | PlayheadError]:
    """The detections in each image file, or the error that prevented them, in order.

    Labels index `detector.labels`.
    """
    batches = [paths[start : start + BATCH_SIZE] for start in range(0, len(paths), BATCH_SIZE)]
    with ThreadPoolExecutor(1) as reader:
        pending = [reader.submit(_read, batch) for batch in batches[:1]]
        for k, batch in enumerate(batches):
            images = pending.pop().result()
            pending = [reader.submit(_read, following) for following in batches[k + 1 : k + 2]]
            readable = [image for image in images if not isinstance(image, PlayheadError)]
            detections = iter(_detect(detector, readable, threshold))
            for path, image in zip(batch, images, strict=True):
                if isinstance(image, PlayheadError):
                    yield image
                    continue
                boxes = next(detections)
                if isinstance(boxes, PlayheadError):
                    yield boxes
                else:
                    yield _labelled(path, image.shape, boxes, detector.labels)


def _detect(
    detector: CustomDetector, images: list[Pixels], threshold: float | None
) -> list[dict[str, Boxes] | PlayheadError]:
    """Detect all images at once; if that fails, one by one, so that one cannot spoil the others."""
    try:
        return list(detector.detect(images, threshold=threshold))
    except PlayheadError as error:
        if len(images) == 1:
            return [error]
    return [result for image in images for result in _detect(detector, [image], threshold)]


def _read(paths: Sequence[Path]) -> list[Pixels | PlayheadError]:
    images: list[Pixels | PlayheadError] = []
    for path in paths:
        try:
            images.append(read_still(path))
        except PlayheadError as error:
            images.append(error)
        except OSError as error:
            images.append(MediaError(f"{path}: cannot be read: {error.strerror or error}"))
    return images


def _labelled(
    path: Path, shape: tuple[int, ...], detections: dict[str, Boxes], labels: tuple[str, ...]
) -> LabelledImage:
    """The detections of one image, clipped to it, ordered by class and then by score."""
    height, width = shape[:2]
    empty = np.zeros((0, 4)), np.zeros(0, np.int32), np.zeros(0, np.float32)
    image = _with_boxes(LabelledImage(path, (width, height), *empty), detections, labels)
    boxes = np.clip(image.boxes, 0, [width, height, width, height])
    kept = ((boxes[:, 2:] - boxes[:, :2]) > 0).all(axis=1)
    return replace(image, boxes=boxes[kept], labels=image.labels[kept], scores=image.scores[kept])


def _with_boxes(
    image: LabelledImage, detections: dict[str, Boxes], labels: tuple[str, ...]
) -> LabelledImage:
    """The image with these boxes, class by class."""
    boxes = Boxes.joined([detections[label] for label in labels])
    numbers = np.repeat(
        np.arange(len(labels), dtype=np.int32), [len(detections[label]) for label in labels]
    )
    return replace(image, boxes=boxes.boxes.astype(np.float64), labels=numbers, scores=boxes.scores)
