"""Detection: how well boxes agree with true ones, counted as COCO does.

In each image found boxes are matched in falling order of score, each to the free true box that it
overlaps most, if enough. Average precision is the mean of the precision envelope at 101 recalls; an
area is that of the box, in square pixels of its image.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes
from playhead.errors import LabelError
from playhead.events.images import ImageSet
from playhead.metrics.box_matching import ALL_AREAS, MAX_FOUND, BoxMatches, BoxTable, match_boxes
from playhead.metrics.matching import ScoredHits

__all__ = [
    "AREAS",
    "MAX_FOUND",
    "OVERLAPS",
    "ClassDetection",
    "DetectionResult",
    "average_precision",
    "check_sets",
    "detection_result",
    "measure_classes",
    "resampled_ap",
]

OVERLAPS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
AREAS = (ALL_AREAS, (0.0, 32.0**2), (32.0**2, 96.0**2), (96.0**2, 1e10))
"""All boxes; small, medium and large ones, as COCO parts them."""


@dataclass(frozen=True, slots=True)
class DetectionResult:
    """Agreement for one class at one overlap; NaN where there is nothing to divide by.

    ap: average precision; precision, recall: of the boxes that count
    """

    ap: float
    precision: float
    recall: float
    tp: int
    fp: int
    fn: int


@dataclass(frozen=True, slots=True, eq=False)
class ClassDetection:
    """Agreement for one class of labelled images; NaN where no true box counts.

    ap: (areas, overlaps), of `AREAS` and `OVERLAPS`; boxes: true ones that count
    hits: at overlap .5, without what crowds swallow
    ranked: for each found box that counts at .5 or above, what `resampled_ap` needs
    """

    ap: NDArray[np.float64]
    boxes: int
    hits: ScoredHits
    ranked: "Ranked"

    @property
    def ap50(self) -> float:
        """Average precision at overlap .5."""
        return float(self.ap[0, 0])

    @property
    def ap50_95(self) -> float:
        """The mean of the average precisions at overlaps .5, .55 to .95."""
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
    """Found boxes of one class, the surest first, of all areas.

    images: (F,); hits, counted: bool (O, F), at each overlap; truths: (T,), the images of the
    true boxes that count
    """

    images: NDArray[np.intp]
    hits: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    truths: NDArray[np.intp]


def measure_classes(truth: ImageSet, found: ImageSet) -> dict[str, ClassDetection]:
    """Every class of labelled images, by name; both sets hold the same images in one order.

    True boxes of score 0 are crowds. Raises LabelError for sets that do not belong together, or a
    score that is no number.
    """
    check_sets(truth, found)
    real, made = BoxTable.true(truth), BoxTable.found(found)
    return {
        label: _measured(
            real.chosen(np.flatnonzero(real.labels == place)),
            made.chosen(np.flatnonzero(made.labels == place)),
        )
        for place, label in enumerate(truth.classes)
    }


def check_sets(truth: ImageSet, found: ImageSet) -> None:
    """Raise LabelError where the sets differ in classes or in their number of images."""
    if truth.classes != found.classes:
        raise LabelError(
            f"what was found is of the classes {', '.join(found.classes) or 'none'}, the truth of "
            f"{', '.join(truth.classes) or 'none'}; pair them first"
        )
    if len(truth) != len(found):
        raise LabelError(
            f"what was found is of {len(found)} images, the truth of {len(truth)} images; pair "
            "them first"
        )


def resampled_ap(result: ClassDetection, times: NDArray[np.integer]) -> NDArray[np.float64]:
    """AP of all areas at each overlap, each image counted `times`; NaN without any true box."""
    return _average_precisions(result.ranked, times)


def detection_result(
    truth: Sequence[NDArray[np.floating]], found: Sequence[Boxes], *, overlap: float = 0.5
) -> DetectionResult:
    """Compare the boxes of one class, an image an entry.

    truth: for each image (N, 4) true boxes; found: for each image what was found
    overlap: the least intersection over union of a match
    """
    ranked = _lists(truth, found, np.array([overlap]))
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


def average_precision(truth: Sequence[NDArray[np.floating]], found: Sequence[Boxes]) -> float:
    """The mean of the average precisions at overlaps .5, .55 to .95, as COCO's main figure."""
    return float(_average_precisions(_lists(truth, found, OVERLAPS)).mean())


def _lists(
    truth: Sequence[NDArray[np.floating]], found: Sequence[Boxes], overlaps: NDArray[np.float64]
) -> Ranked:
    if len(truth) != len(found):
        raise LabelError(f"found boxes of {len(found)} images, true ones of {len(truth)}")
    real = _table(truth, [np.ones(len(boxes)) for boxes in truth])
    made = _table([one.boxes for one in found], [one.scores for one in found])
    return _ranked(real, made, match_boxes(real, made, overlaps=overlaps), 0)


def _table(
    boxes: Sequence[NDArray[np.floating]], scores: Sequence[NDArray[np.floating]]
) -> BoxTable:
    counts = [len(one) for one in boxes]
    return BoxTable(
        np.concatenate([np.zeros((0, 4)), *boxes]),
        np.zeros(sum(counts), np.intp),
        np.repeat(np.arange(len(counts)), counts),
        np.concatenate([np.zeros(0), *scores]),
        np.zeros(sum(counts), np.bool_),
    )


def _measured(truth: BoxTable, found: BoxTable) -> ClassDetection:
    """truth, found: of one class."""
    matches = match_boxes(truth, found, overlaps=OVERLAPS, areas=AREAS)
    areas = [_ranked(truth, found, matches, area) for area in range(len(AREAS))]
    first = areas[0].counted[0]
    order = _falling(found)[first]
    hits = ScoredHits(found.scores[order], areas[0].hits[0][first], len(areas[0].truths))
    ap = np.array([_average_precisions(one) for one in areas])
    return ClassDetection(ap, len(areas[0].truths), hits, areas[0])


def _ranked(truth: BoxTable, found: BoxTable, matches: BoxMatches, area: int) -> Ranked:
    order = _falling(found)
    counted = matches.counted[area][:, order]
    hits = counted & (matches.taken[area][:, order] >= 0)
    return Ranked(found.images[order], hits, counted, truth.images[matches.sought[area]])


def _falling(found: BoxTable) -> NDArray[np.intp]:
    """The surest first; of equal scores the earlier image, in it the earlier box."""
    return np.argsort(-found.scores, kind="stable")


def _average_precisions(
    ranked: Ranked, times: NDArray[np.integer] | None = None
) -> NDArray[np.float64]:
    """At each overlap; times: how often each image counts, once by default."""
    if times is None:
        times = np.ones(1 + max(ranked.images.max(initial=0), ranked.truths.max(initial=0)), int)
    weights, total = times[ranked.images], int(times[ranked.truths].sum())
    whole = np.cumsum(weights * ranked.counted[0])
    found = []
    for hits, counted in zip(ranked.hits, ranked.counted, strict=True):
        # Only crowds and limits of size make overlaps differ in what counts.
        same = np.array_equal(counted, ranked.counted[0])
        made = whole if same else np.cumsum(weights * counted)
        at = np.flatnonzero(hits)
        found.append(_envelope_mean(np.cumsum(weights[at]), made[at], total))
    return np.array(found)


def _envelope_mean(tp: NDArray[np.integer], made: NDArray[np.integer], total: int) -> float:
    """The mean precision at 101 recalls.

    tp, made: at each hit, the surest first, how many hits and boxes there are down to it; between
    hits precision only falls.
    """
    if not total:
        return float("nan")
    precision = tp / np.maximum(made, 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(tp / total, RECALLS, side="left")
    return float(np.append(envelope, 0.0)[places].mean())
