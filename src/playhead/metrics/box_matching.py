"""Box matching: which found boxes take which true ones, in many images and classes at once.

As COCO does it: in each image the found boxes of a class, in falling order of score, each take
the free true box that they overlap most, if enough; of equal overlaps the later. A true box that
does not count (a crowd, or one of another size than asked for) is taken only where no other can be,
and what takes it counts neither. A match depends only on boxes with higher scores, so raising a
threshold takes matches away and never changes those that stay.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from playhead.errors import LabelError
from playhead.events.images import ImageSet

__all__ = ["ALL_AREAS", "MAX_FOUND", "BoxMatches", "BoxTable", "match_boxes"]

MAX_FOUND = 100
"""Boxes of a class in an image that count, the surest first, as in COCO."""

ALL_AREAS = (0.0, 1e10)
PAIRS = 1_000_000
"""Pairs of boxes that are looked at together, which bounds memory."""

Index = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class BoxTable:
    """N boxes of many images, image by image.

    boxes: float64 (N, 4), pixels; labels, images: (N,), places in the classes and among the
    images; scores: float64 (N,); crowd: bool (N,), true boxes that are neither missed nor found
    """

    boxes: NDArray[np.float64]
    labels: Index
    images: Index
    scores: NDArray[np.float64]
    crowd: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def true(cls, truth: ImageSet) -> Self:
        """The true boxes of a set; those of score 0 are crowds."""
        table = cls.found(truth)
        return replace(table, crowd=table.scores <= 0)

    @classmethod
    def found(cls, found: ImageSet) -> Self:
        """The found boxes of a set. Raises LabelError for a score that is no number."""
        images = found.images
        for one in images:
            if not np.isfinite(one.scores).all():
                raise LabelError(f"{one.path}: a score is no number; each box needs one")
        counts = [len(one.labels) for one in images]
        return cls(
            np.concatenate([np.zeros((0, 4)), *(one.boxes for one in images)]),
            np.concatenate([np.zeros(0, np.intp), *(one.labels for one in images)]),
            np.repeat(np.arange(len(images)), counts),
            np.concatenate([np.zeros(0), *(one.scores for one in images)]),
            np.zeros(sum(counts), np.bool_),
        )

    def chosen(self, index: Index) -> Self:
        """The boxes at these places, in that order."""
        return type(self)(
            self.boxes[index],
            self.labels[index],
            self.images[index],
            self.scores[index],
            self.crowd[index],
        )

    def areas(self) -> NDArray[np.float64]:
        """The area of each box: (N,)."""
        area: NDArray[np.float64] = (self.boxes[:, 2] - self.boxes[:, 0]) * (
            self.boxes[:, 3] - self.boxes[:, 1]
        )
        return area


@dataclass(frozen=True, slots=True, eq=False)
class BoxMatches:
    """What became of F found and T true boxes, for A ranges of area and O overlaps.

    taken: int32 (A, O, F), the true box that a found one took, or -1
    counted: bool (A, O, F), whether a found box counts, as a hit or as a mistake
    sought: bool (A, T), whether a true box counts
    """

    taken: NDArray[np.int32]
    counted: NDArray[np.bool_]
    sought: NDArray[np.bool_]


def match_boxes(
    truth: BoxTable,
    found: BoxTable,
    *,
    overlaps: Sequence[float] | NDArray[np.float64],
    areas: Sequence[tuple[float, float]] = (ALL_AREAS,),
    most: int | None = MAX_FOUND,
) -> BoxMatches:
    """Match found boxes with true ones of their class and image.

    overlaps: the least intersection over union of a match; with a crowd the share of the found box
    areas: in square pixels, both ends included; most: found boxes of a class in an image
    """
    order, rank = _ranked(found)
    inside = np.array([_within(found, limits) for limits in areas])
    sought = np.array([_within(truth, limits) for limits in areas]) & ~truth.crowd
    limits = np.minimum(np.asarray(overlaps, np.float64), 1 - 1e-10)
    kept = order if most is None else order[rank < most]
    candidates = _Candidates.of(truth, found, kept, float(limits.min()))
    taken = _taken(candidates, limits, sought, truth.crowd, len(found))
    counted = np.broadcast_to(inside[:, None], taken.shape).copy()
    area, overlap, box = np.nonzero(taken >= 0)
    counted[area, overlap, box] = sought[area, taken[area, overlap, box]]
    if most is not None:
        counted[..., order[rank >= most]] = False
    return BoxMatches(taken, counted, sought)


def _ranked(found: BoxTable) -> tuple[Index, Index]:
    """The boxes image by image and class by class, the surest first, and each one's rank."""
    order = np.lexsort((-found.scores, found.labels, found.images))
    group = _new(found.images[order]) | _new(found.labels[order])
    return order, _count_from(group)


def _new(values: Index) -> NDArray[np.bool_]:
    """Where a value differs from the one before."""
    return np.append(np.ones(min(1, len(values)), np.bool_), values[1:] != values[:-1])


def _count_from(starts: NDArray[np.bool_]) -> Index:
    """0, 1, 2 from each start on."""
    places = np.arange(len(starts))
    return places - np.maximum.accumulate(np.where(starts, places, 0))


def _within(table: BoxTable, limits: tuple[float, float]) -> NDArray[np.bool_]:
    area = table.areas()
    within: NDArray[np.bool_] = (area >= limits[0]) & (area <= limits[1])
    return within


@dataclass(frozen=True, slots=True, eq=False)
class _Candidates:
    """Pairs that overlap enough, in rounds: in each, no two found boxes are of one group.

    found, truth: (P,), the pair; overlap: (P,), rising within a found box; turn: (P,), the round
    """

    found: Index
    truth: Index
    overlap: NDArray[np.float64]
    turn: Index

    @classmethod
    def of(cls, truth: BoxTable, found: BoxTable, order: Index, least: float) -> Self:
        parts = list(_overlapping(truth, found, order, least))
        place = np.concatenate([np.zeros(0, np.intp), *(part[0] for part in parts)])
        true = np.concatenate([np.zeros(0, np.intp), *(part[1] for part in parts)])
        overlap = np.concatenate([np.zeros(0), *(part[2] for part in parts)])
        turn = _turns(found, order, place)
        sorted_ = np.lexsort((true, overlap, place, turn))
        return cls(order[place[sorted_]], true[sorted_], overlap[sorted_], turn[sorted_])


def _turns(found: BoxTable, order: Index, place: Index) -> Index:
    """For each pair, how many boxes of its group that have a pair are surer; place: rising."""
    first = _new(place)
    boxes = order[place[first]]
    turns = _count_from(_new(found.images[boxes]) | _new(found.labels[boxes]))
    return turns[np.cumsum(first) - 1] if len(place) else place


def _overlapping(
    truth: BoxTable, found: BoxTable, order: Index, least: float
) -> Iterator[tuple[Index, Index, NDArray[np.float64]]]:
    """Pairs of one image and class: place in `order`, true box, overlap of at least `least`."""
    classes = int(max(truth.labels.max(initial=0), found.labels.max(initial=0))) + 1
    true_key = truth.images * classes + truth.labels
    by_key = np.argsort(true_key, kind="stable")
    key = (found.images * classes + found.labels)[order]
    start = np.searchsorted(true_key[by_key], key, "left")
    count = np.searchsorted(true_key[by_key], key, "right") - start
    chunk = np.cumsum(count) // PAIRS
    for part in np.split(np.arange(len(order)), np.flatnonzero(np.diff(chunk)) + 1):
        place = np.repeat(part, count[part])
        offset = _count_from(_new(place))
        true = by_key[start[place] + offset]
        overlap = _overlap(found.boxes[order[place]], truth.boxes[true], truth.crowd[true])
        enough = overlap >= least
        yield place[enough], true[enough], overlap[enough]


def _overlap(
    found: NDArray[np.float64], truth: NDArray[np.float64], crowd: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Intersection over union of each pair; over the found box where the true one is a crowd."""
    low, high = np.maximum(found[:, :2], truth[:, :2]), np.minimum(found[:, 2:], truth[:, 2:])
    shared = np.prod(np.maximum(high - low, 0.0), axis=1)
    own = np.prod(np.maximum(found[:, 2:] - found[:, :2], 0.0), axis=1)
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
    found: int,
) -> NDArray[np.int32]:
    """Round by round, what each found box takes: (areas, overlaps, found)."""
    areas, truths = sought.shape
    taken = np.full((areas, len(limits), found), -1, np.int32)
    free = np.ones((areas, len(limits), truths), np.bool_)
    turns = int(candidates.turn.max(initial=-1)) + 1
    edges = np.searchsorted(candidates.turn, np.arange(turns + 1))
    for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        true, box = candidates.truth[low:high], candidates.found[low:high]
        starts = np.flatnonzero(_new(box))
        can = (candidates.overlap[low:high] >= limits[:, None]) & free[:, :, true]
        # The last that can be taken overlaps most; those that count come before all others.
        worth = np.arange(len(true)) + len(true) * sought[:, true][:, None]
        best = np.maximum.reduceat(np.where(can, worth, -1), starts, axis=2)
        area, overlap, at = np.nonzero(best >= 0)
        chosen = true[best[area, overlap, at] % len(true)]
        taken[area, overlap, box[starts[at]]] = chosen
        free[area, overlap, chosen] = crowd[chosen]
    return taken
