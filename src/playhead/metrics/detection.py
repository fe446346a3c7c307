"""Detection metrics as in COCO: average precision, precision and recall of boxes.

Matching is that of `box_matching.py`. Average precision is the mean of the interpolated precision
at 101 recalls; the area of an object is that of its box, in square pixels of its image.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes
from playhead.errors import LabelError
from playhead.events.images import ImageSet, LabelledImage
from playhead.metrics.box_matching import (
    ALL_AREAS,
    MAX_DETECTIONS,
    BoxMatches,
    BoxTable,
    match_boxes,
)
from playhead.metrics.matching import ScoredHits

__all__ = [
    "AREAS",
    "MAX_DETECTIONS",
    "OVERLAPS",
    "ClassDetection",
    "DetectionResult",
    "average_precision",
    "check_sets",
    "counted_boxes",
    "detection_result",
    "measure_classes",
    "resampled_ap",
]

OVERLAPS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
AREAS = (ALL_AREAS, (0.0, 32.0**2), (32.0**2, 96.0**2), (96.0**2, 1e10))
"""All, small, medium and large boxes, as in COCO."""


@dataclass(frozen=True, slots=True)
class DetectionResult:
    """Metrics of one class at one IoU; NaN for 0 / 0.

    ap: average precision; precision, recall: of all detections
    """

    ap: float
    precision: float
    recall: float
    tp: int
    fp: int
    fn: int


@dataclass(frozen=True, slots=True, eq=False)
class ClassDetection:
    """Metrics of one class of labelled images; NaN if no ground truth box counts.

    ap: (areas, overlaps), of `AREAS` and `OVERLAPS`; boxes: ground truth boxes that count
    hits: at IoU 0.5, without ignored detections
    ranked: what `resampled_ap` needs
    """

    ap: NDArray[np.float64]
    boxes: int
    hits: ScoredHits
    ranked: "Ranked"

    @property
    def ap50(self) -> float:
        """Average precision at IoU 0.5."""
        return float(self.ap[0, 0])

    @property
    def ap50_95(self) -> float:
        """The mean of the average precisions at IoU 0.5, 0.55, ..., 0.95."""
        return float(self.ap[0].mean())

    @property
    def small(self) -> float:
        """AP50-95 of boxes up to 32² pixels."""
        return float(self.ap[1].mean())

    @property
    def medium(self) -> float:
        """AP50-95 of boxes from 32² to 96² pixels."""
        return float(self.ap[2].mean())

    @property
    def large(self) -> float:
        """AP50-95 of boxes from 96² pixels."""
        return float(self.ap[3].mean())


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """Detections of one class and all areas, in descending order of score.

    images: (D,); hits, counted: bool (O, D), at each overlap; truths: (T,), the images of the
    ground truth boxes that count
    """

    images: NDArray[np.intp]
    hits: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    truths: NDArray[np.intp]


def measure_classes(
    truth: ImageSet, detections: ImageSet, *, min_width: float = 0
) -> dict[str, ClassDetection]:
    """Metrics of every class by name; both sets have the same images in the same order.

    min_width: in pixels of the image; narrower ground truth boxes are ignored, and so are narrower
    detections that match no box that counts, as COCO treats boxes outside a range of area
    Ground truth boxes of score 0 are crowds. Raises LabelError if the sets do not match, or a score
    is not finite.
    """
    check_sets(truth, detections)
    real, detected = BoxTable.of_truth(truth), BoxTable.of_detections(detections)
    return {
        label: _measured(
            real.chosen(np.flatnonzero(real.labels == index)),
            detected.chosen(np.flatnonzero(detected.labels == index)),
            min_width,
        )
        for index, label in enumerate(truth.classes)
    }


def counted_boxes(
    truth: ImageSet, detections: ImageSet, *, min_width: float, overlap: float = 0.5
) -> tuple[ImageSet, ImageSet]:
    """Only the ground truth boxes and detections that count, as in `measure_classes`.

    Matching them again at the IoU `overlap`, at any score threshold, gives the same hits, false
    positives and misses. Raises as `measure_classes` does.
    """
    check_sets(truth, detections)
    real, detected = BoxTable.of_truth(truth), BoxTable.of_detections(detections)
    matches = match_boxes(real, detected, overlaps=[overlap], min_width=min_width)
    return _kept(truth, matches.sought[0]), _kept(detections, matches.counted[0, 0])


def _kept(images: ImageSet, kept: NDArray[np.bool_]) -> ImageSet:
    """kept: bool (boxes of all images,)"""
    chosen: list[LabelledImage] = []
    start = 0
    for image in images.images:
        part = kept[start : start + len(image.labels)]
        start += len(image.labels)
        boxes, labels, scores = image.boxes[part], image.labels[part], image.scores[part]
        chosen.append(replace(image, boxes=boxes, labels=labels, scores=scores))
    return ImageSet(images.classes, tuple(chosen))


def check_sets(truth: ImageSet, detections: ImageSet) -> None:
    """Raise LabelError if the sets differ in their classes or their number of images."""
    if truth.classes != detections.classes:
        raise LabelError(
            f"the detections have the classes {', '.join(detections.classes) or 'none'}, the "
            f"ground truth {', '.join(truth.classes) or 'none'}; pair them first"
        )
    if len(truth) != len(detections):
        raise LabelError(
            f"the detections are of {len(detections)} images, the ground truth of {len(truth)}; "
            "pair them first"
        )


def resampled_ap(result: ClassDetection, times: NDArray[np.integer]) -> NDArray[np.float64]:
    """AP of all areas at each overlap → (O,); times: (images,), the weight of each image."""
    return _average_precisions(result.ranked, times)


def detection_result(
    truth: Sequence[NDArray[np.floating]], detections: Sequence[Boxes], *, overlap: float = 0.5
) -> DetectionResult:
    """Metrics of one class, with one entry per image.

    truth: (N, 4) ground truth boxes per image; detections: Boxes per image
    overlap: minimum IoU of a match
    """
    ranked = _lists(truth, detections, np.array([overlap]))
    tp, fp = int(ranked.hits.sum()), int((ranked.counted & ~ranked.hits).sum())
    total = len(ranked.truths)
    return DetectionResult(
        ap=float(_average_precisions(ranked)[0]),
        precision=tp / (tp + fp) if tp + fp else float("nan"),
        recall=tp / total if total else float("nan"),
        tp=tp,
        fp=fp,
        fn=total - tp,
    )


def average_precision(truth: Sequence[NDArray[np.floating]], detections: Sequence[Boxes]) -> float:
    """The mean of the average precisions at IoU 0.5, 0.55, ..., 0.95: COCO's main metric."""
    return float(_average_precisions(_lists(truth, detections, OVERLAPS)).mean())


def _lists(
    truth: Sequence[NDArray[np.floating]],
    detections: Sequence[Boxes],
    overlaps: NDArray[np.float64],
) -> Ranked:
    if len(truth) != len(detections):
        raise LabelError(
            f"detections of {len(detections)} images, but ground truth of {len(truth)}"
        )
    real = _table(truth, [np.ones(len(boxes)) for boxes in truth])
    detected = _table([boxes.boxes for boxes in detections], [boxes.scores for boxes in detections])
    return _ranked(real, detected, match_boxes(real, detected, overlaps=overlaps), 0)


def _table(
    boxes: Sequence[NDArray[np.floating]], scores: Sequence[NDArray[np.floating]]
) -> BoxTable:
    counts = [len(part) for part in boxes]
    return BoxTable(
        np.concatenate([np.zeros((0, 4)), *boxes]),
        np.zeros(sum(counts), np.intp),
        np.repeat(np.arange(len(counts)), counts),
        np.concatenate([np.zeros(0), *scores]),
        np.zeros(sum(counts), np.bool_),
    )


def _measured(truth: BoxTable, detections: BoxTable, min_width: float) -> ClassDetection:
    """truth, detections: of one class."""
    matches = match_boxes(truth, detections, overlaps=OVERLAPS, areas=AREAS, min_width=min_width)
    areas = [_ranked(truth, detections, matches, area) for area in range(len(AREAS))]
    first = areas[0].counted[0]
    order = _falling(detections)[first]
    hits = ScoredHits(detections.scores[order], areas[0].hits[0][first], len(areas[0].truths))
    ap = np.array([_average_precisions(ranked) for ranked in areas])
    return ClassDetection(ap, len(areas[0].truths), hits, areas[0])


def _ranked(truth: BoxTable, detections: BoxTable, matches: BoxMatches, area: int) -> Ranked:
    order = _falling(detections)
    counted = matches.counted[area][:, order]
    hits = counted & (matches.taken[area][:, order] >= 0)
    return Ranked(detections.images[order], hits, counted, truth.images[matches.sought[area]])


def _falling(detections: BoxTable) -> NDArray[np.intp]:
    """Indices by descending score; in a tie the earlier image, then the earlier box."""
    return np.argsort(-detections.scores, kind="stable")


def _average_precisions(
    ranked: Ranked, times: NDArray[np.integer] | None = None
) -> NDArray[np.float64]:
    """Average precision at each overlap; times: weight of each image, 1 by default."""
    if times is None:
        times = np.ones(1 + max(ranked.images.max(initial=0), ranked.truths.max(initial=0)), int)
    weights, total = times[ranked.images], int(times[ranked.truths].sum())
    whole = np.cumsum(weights * ranked.counted[0])
    values = []
    for hits, counted in zip(ranked.hits, ranked.counted, strict=True):
        # Which boxes count depends on the overlap only through ignored boxes.
        same = np.array_equal(counted, ranked.counted[0])
        counts = whole if same else np.cumsum(weights * counted)
        at = np.flatnonzero(hits)
        values.append(_envelope_mean(np.cumsum(weights[at]), counts[at], total))
    return np.array(values)


def _envelope_mean(tp: NDArray[np.integer], counts: NDArray[np.integer], total: int) -> float:
    """The mean precision at 101 recalls.

    tp, counts: at each hit, by descending score, how many hits and boxes there are so far; between
    hits precision only falls.
    """
    if not total:
        return float("nan")
    precision = tp / np.maximum(counts, 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    indices = np.searchsorted(tp / total, RECALLS, side="left")
    return float(np.append(envelope, 0.0)[indices].mean())
