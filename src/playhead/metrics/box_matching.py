"""Box matching: assigns detections to ground truth boxes, for many images and classes at once.

As in COCO: in each image, the detections of a class in descending order of score each take the free
ground truth box of highest IoU, if that is at least the threshold; in a tie the later box. An
ignored ground truth box (a crowd, outside the area range, or too narrow) is taken only if no other
box can be, and its detection is ignored too. A match depends only on detections with higher scores,
so raising the score threshold removes matches and never changes the remaining ones.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from playhead.errors import LabelError
from playhead.events.images import ImageSet

__all__ = ["ALL_AREAS", "MAX_DETECTIONS", "BoxMatches", "BoxTable", "match_boxes"]

MAX_DETECTIONS = 100
"""The most detections of a class in an image that count, by score, as in COCO."""

ALL_AREAS = (0.0, 1e10)
PAIRS = 1_000_000
"""Pairs of boxes compared at once, to bound memory."""

Index = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class BoxTable:
    """N boxes of many images, image by image.

    boxes: float64 (N, 4), pixels
    labels, images: (N,), indices of the class and of the image
    scores: float64 (N,)
    crowd: bool (N,), ground truth regions that count neither as hits nor as misses
    """

    boxes: NDArray[np.float64]
    labels: Index
    images: Index
    scores: NDArray[np.float64]
    crowd: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def of_truth(cls, truth: ImageSet) -> Self:
        """The ground truth boxes of a set; those of score 0 are crowds."""
        table = cls.of_detections(truth)
        return replace(table, crowd=table.scores <= 0)

    @classmethod
    def of_detections(cls, detections: ImageSet) -> Self:
        """The detections of a set. Raises LabelError if a score is not finite."""
        images = detections.images
        for image in images:
            if not np.isfinite(image.scores).all():
                raise LabelError(f"{image.path}: a score is not finite; each box needs a number")
        counts = [len(image.labels) for image in images]
        return cls(
            np.concatenate([np.zeros((0, 4)), *(image.boxes for image in images)]),
            np.concatenate([np.zeros(0, np.intp), *(image.labels for image in images)]),
            np.repeat(np.arange(len(images)), counts),
            np.concatenate([np.zeros(0), *(image.scores for image in images)]),
            np.zeros(sum(counts), np.bool_),
        )

    def chosen(self, index: Index) -> Self:
        """The boxes at these indices, in that order."""
        return type(self)(
            self.boxes[index],
            self.labels[index],
            self.images[index],
            self.scores[index],
            self.crowd[index],
        )

    def widths(self) -> NDArray[np.float64]:
        """The width of each box: (N,)."""
        width: NDArray[np.float64] = self.boxes[:, 2] - self.boxes[:, 0]
        return width

    def areas(self) -> NDArray[np.float64]:
        """The area of each box: (N,)."""
        area: NDArray[np.float64] = (self.boxes[:, 2] - self.boxes[:, 0]) * (
            self.boxes[:, 3] - self.boxes[:, 1]
        )
        return area


@dataclass(frozen=True, slots=True, eq=False)
class BoxMatches:
    """Matches of D detections and T ground truth boxes, for A ranges of area and O overlaps.

    taken: int32 (A, O, D), the ground truth box that a detection took, or -1
    counted: bool (A, O, D), whether a detection counts, as a hit or as a false positive
    sought: bool (A, T), whether a ground truth box counts
    """

    taken: NDArray[np.int32]
    counted: NDArray[np.bool_]
    sought: NDArray[np.bool_]


def match_boxes(
    truth: BoxTable,
    detections: BoxTable,
    *,
    overlaps: Sequence[float] | NDArray[np.float64],
    areas: Sequence[tuple[float, float]] = (ALL_AREAS,),
    min_width: float = 0,
    most: int | None = MAX_DETECTIONS,
) -> BoxMatches:
    """Match detections with ground truth boxes of the same class and image.

    overlaps: minimum IoU of a match; for a crowd, minimum share of the detection inside it
    areas: ranges in square pixels, both ends included
    min_width: in pixels; narrower boxes are treated like those outside every range of area
    most: the most detections of a class in an image, by score; None for all
    """
    order, rank = _ranked(detections)
    inside = np.array([_within(detections, limits, min_width) for limits in areas])
    sought = np.array([_within(truth, limits, min_width) for limits in areas]) & ~truth.crowd
    limits = np.minimum(np.asarray(overlaps, np.float64), 1 - 1e-10)
    kept = order if most is None else order[rank < most]
    candidates = _Candidates.of(truth, detections, kept, float(limits.min()))
    taken = _taken(candidates, limits, sought, truth.crowd, len(detections))
    counted = np.broadcast_to(inside[:, None], taken.shape).copy()
    area, overlap, box = np.nonzero(taken >= 0)
    counted[area, overlap, box] = sought[area, taken[area, overlap, box]]
    if most is not None:
        counted[..., order[rank >= most]] = False
    return BoxMatches(taken, counted, sought)


def _ranked(detections: BoxTable) -> tuple[Index, Index]:
    """The order by image, class and descending score, and the rank of each box in its group."""
    order = np.lexsort((-detections.scores, detections.labels, detections.images))
    group = _new(detections.images[order]) | _new(detections.labels[order])
    return order, _count_from(group)


def _new(values: Index) -> NDArray[np.bool_]:
    """Whether each value differs from the one before."""
    return np.append(np.ones(min(1, len(values)), np.bool_), values[1:] != values[:-1])


def _count_from(starts: NDArray[np.bool_]) -> Index:
    """0, 1, 2 from each start on."""
    indices = np.arange(len(starts))
    return indices - np.maximum.accumulate(np.where(starts, indices, 0))


def _within(table: BoxTable, limits: tuple[float, float], min_width: float) -> NDArray[np.bool_]:
    area = table.areas()
    within: NDArray[np.bool_] = (area >= limits[0]) & (area <= limits[1])
    return within & (table.widths() >= min_width)


@dataclass(frozen=True, slots=True, eq=False)
class _Candidates:
    """Pairs of sufficient overlap, in rounds with at most one detection per image and class.

    detections, truth: (P,), the pairs; overlap: (P,), rising within a detection; turn: (P,), the
    round
    """

    detections: Index
    truth: Index
    overlap: NDArray[np.float64]
    turn: Index

    @classmethod
    def of(cls, truth: BoxTable, detections: BoxTable, order: Index, min_overlap: float) -> Self:
        parts = list(_overlapping(truth, detections, order, min_overlap))
        rank = np.concatenate([np.zeros(0, np.intp), *(part[0] for part in parts)])
        true = np.concatenate([np.zeros(0, np.intp), *(part[1] for part in parts)])
        overlap = np.concatenate([np.zeros(0), *(part[2] for part in parts)])
        turn = _turns(detections, order, rank)
        sorted_ = np.lexsort((true, overlap, rank, turn))
        return cls(order[rank[sorted_]], true[sorted_], overlap[sorted_], turn[sorted_])


def _turns(detections: BoxTable, order: Index, rank: Index) -> Index:
    """For each pair, how many higher-scoring boxes of its group have a pair; rank: rising."""
    first = _new(rank)
    boxes = order[rank[first]]
    turns = _count_from(_new(detections.images[boxes]) | _new(detections.labels[boxes]))
    return turns[np.cumsum(first) - 1] if len(rank) else rank


def _overlapping(
    truth: BoxTable, detections: BoxTable, order: Index, min_overlap: float
) -> Iterator[tuple[Index, Index, NDArray[np.float64]]]:
    """Pairs of one image and class: index in `order`, ground truth box, overlap."""
    classes = int(max(truth.labels.max(initial=0), detections.labels.max(initial=0))) + 1
    true_key = truth.images * classes + truth.labels
    by_key = np.argsort(true_key, kind="stable")
    key = (detections.images * classes + detections.labels)[order]
    start = np.searchsorted(true_key[by_key], key, "left")
    count = np.searchsorted(true_key[by_key], key, "right") - start
    chunk = np.cumsum(count) // PAIRS
    for part in np.split(np.arange(len(order)), np.flatnonzero(np.diff(chunk)) + 1):
        rank = np.repeat(part, count[part])
        offset = _count_from(_new(rank))
        true = by_key[start[rank] + offset]
        overlap = _overlap(detections.boxes[order[rank]], truth.boxes[true], truth.crowd[true])
        enough = overlap >= min_overlap
        yield rank[enough], true[enough], overlap[enough]


def _overlap(
    detections: NDArray[np.float64], truth: NDArray[np.float64], crowd: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """IoU of each pair; for a crowd, intersection over the area of the detection."""
    low, high = (
        np.maximum(detections[:, :2], truth[:, :2]),
        np.minimum(detections[:, 2:], truth[:, 2:]),
    )
    shared = np.prod(np.maximum(high - low, 0.0), axis=1)
    own = np.prod(np.maximum(detections[:, 2:] - detections[:, :2], 0.0), axis=1)
    other = np.prod(np.maximum(truth[:, 2:] - truth[:, :2], 0.0), axis=1)
    whole = np.where(crowd, own, own + other - shared)
    ratio = np.zeros(len(shared))
    np.divide(shared, whole, out=ratio, where=whole > 0)
    return ratio


def _taken(
    candidates: _Candidates,
    limits: NDArray[np.float64],
    sought: NDArray[np.bool_],
    crowd: NDArray[np.bool_],
    count: int,
) -> NDArray[np.int32]:
    """The ground truth box of each detection, or -1: (areas, overlaps, detections)."""
    areas, truths = sought.shape
    taken = np.full((areas, len(limits), count), -1, np.int32)
    free = np.ones((areas, len(limits), truths), np.bool_)
    turns = int(candidates.turn.max(initial=-1)) + 1
    edges = np.searchsorted(candidates.turn, np.arange(turns + 1))
    for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        true, box = candidates.truth[low:high], candidates.detections[low:high]
        starts = np.flatnonzero(_new(box))
        can = (candidates.overlap[low:high] >= limits[:, None]) & free[:, :, true]
        # The last candidate overlaps most; boxes that count come before all others.
        worth = np.arange(len(true)) + len(true) * sought[:, true][:, None]
        best = np.maximum.reduceat(np.where(can, worth, -1), starts, axis=2)
        area, overlap, at = np.nonzero(best >= 0)
        chosen = true[best[area, overlap, at] % len(true)]
        taken[area, overlap, box[starts[at]]] = chosen
        free[area, overlap, chosen] = crowd[chosen]
    return taken
