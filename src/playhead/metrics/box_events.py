"""F1 of events with a frame and a box, over all videos and both views.

A prediction can match an event of its class in its video if their boxes overlap enough and their
frames are close enough. The matching is one to one with the most matches possible, which greedy
matching by score or overlap does not always reach.

Predictions are added one at a time, the highest score first, and each addition searches one
augmenting path. After every step the matching is a maximum one for the predictions so far, so a
single pass gives the counts at every score threshold; and a prediction that is a hit stays one when
lower scores are added (only its event may change).
"""

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import paired_iou
from playhead.errors import LabelError, PlayheadError
from playhead.events.model import Event, VideoEvents
from playhead.metrics.alignment import Pair, align
from playhead.metrics.bootstrap import Interval
from playhead.metrics.matching import ScoredHits

__all__ = [
    "BoxEventF1",
    "BoxEventMatches",
    "Counts",
    "box_event_f1",
    "box_event_hits",
    "box_event_intervals",
]

MIN_IOU = 0.35
MAX_FRAMES = 4

PAIRS = 1_000_000
"""Pairs of boxes that are compared at once, to bound memory."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Hits, false positives and misses; precision, recall and F1 are 0 where undefined."""

    tp: int = 0
    fp: int = 0
    fn: int = 0

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN)."""
        return 2 * self.tp / max(2 * self.tp + self.fp + self.fn, 1)

    @property
    def precision(self) -> float:
        """TP / (TP + FP)."""
        return self.tp / max(self.tp + self.fp, 1)

    @property
    def recall(self) -> float:
        """TP / (TP + FN)."""
        return self.tp / max(self.tp + self.fn, 1)

    def __add__(self, other: Self) -> "Counts":
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)


@dataclass(frozen=True, slots=True)
class BoxEventMatches:
    """The matches of one video, as indices into its ground truth and its predictions.

    hits: pairs (event, prediction), by event
    misses: events; false_positives: predictions
    ignored: predictions that are not counted, since they can only match events that are not scored
    """

    video: str
    hits: tuple[tuple[int, int], ...]
    misses: tuple[int, ...]
    false_positives: tuple[int, ...]
    ignored: tuple[int, ...]

    @property
    def counts(self) -> Counts:
        """The numbers of hits, false positives and misses."""
        return Counts(len(self.hits), len(self.false_positives), len(self.misses))


@dataclass(frozen=True, slots=True)
class BoxEventF1:
    """The counts over all videos (with `f1`, `precision`, `recall`), by view, and the matches.

    views: hits and misses count in the view of the event, false positives in their own or, without
        one, in that of the video's events if they have one view; what has no view is left out
    videos: in the order of the predictions, then those without predictions
    """

    counts: Counts
    views: dict[str, Counts]
    videos: tuple[BoxEventMatches, ...]


def box_event_f1(
    truth: Sequence[VideoEvents],
    predictions: Sequence[VideoEvents],
    *,
    min_iou: float = MIN_IOU,
    max_frames: int = MAX_FRAMES,
    threshold: float = -math.inf,
    scored: Callable[[Event], bool] | None = None,
) -> BoxEventF1:
    """Micro F1 of the predictions that score at least `threshold`.

    min_iou: the least IoU of a match; max_frames: the largest difference of frames
    scored: whether a ground truth event counts; by default all do. Others are no misses, and a
        prediction that can match only such events is ignored
    A video without predictions counts its misses. The views of events do not restrict matches.
    Raises LabelError for an event without a frame or box, predictions for an unknown video, or an
    unknown class; PlayheadError for a limit out of range.
    """
    _check_limits(min_iou, max_frames)
    videos, views, total = [], dict[str, Counts](), Counts()
    for pair in align(truth, predictions).pairs:
        problem = _Problem.of(pair, min_iou, max_frames, scored)
        keep = [at for at in problem.order if pair.predictions[at].score >= threshold]
        taken = _Matching(problem.candidates, len(pair.truth))
        for at in keep:
            taken.add(at)
        hits = {event: at for event, at in enumerate(taken.of_event) if at >= 0}
        hit = set(hits.values())
        matches = BoxEventMatches(
            video=pair.video,
            hits=tuple(hits.items()),
            misses=tuple(at for at in problem.events if at not in hits),
            false_positives=tuple(sorted(at for at in keep if at not in hit)),
            ignored=tuple(at for at in problem.ignored if pair.predictions[at].score >= threshold),
        )
        videos.append(matches)
        total += matches.counts
        for view, counts in _by_view(pair, matches):
            views[view] = views.get(view, Counts()) + counts
    return BoxEventF1(total, dict(sorted(views.items())), tuple(videos))


def box_event_hits(
    truth: Sequence[VideoEvents],
    predictions: Sequence[VideoEvents],
    *,
    min_iou: float = MIN_IOU,
    max_frames: int = MAX_FRAMES,
    scored: Callable[[Event], bool] | None = None,
) -> ScoredHits:
    """All predictions by score; the hits of any first part of them are a maximum matching of it.

    `curves.hits_curve` and `curves.hits_best_f1` of the result give F1 over score thresholds, with
    the same counts as `box_event_f1` at each threshold. Parameters and errors are those of
    `box_event_f1`; ignored predictions are left out.
    """
    _check_limits(min_iou, max_frames)
    scores: list[float] = []
    hits: list[bool] = []
    truths = 0
    for pair in align(truth, predictions).pairs:
        problem = _Problem.of(pair, min_iou, max_frames, scored)
        taken = _Matching(problem.candidates, len(pair.truth))
        hits += [taken.add(at) for at in problem.order]
        scores += [pair.predictions[at].score for at in problem.order]
        truths += len(problem.events)
    # Videos do not share events, so interleaving them by score keeps every first part maximum.
    pooled = np.array(scores, np.float64)
    order = np.argsort(-pooled, kind="stable")
    return ScoredHits(pooled[order], np.array(hits, np.bool_)[order], truths)


def box_event_intervals(
    result: BoxEventF1,
    groups: Mapping[str, str] | None = None,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Interval]:
    """Percentile intervals of `f1`, `precision` and `recall` over groups drawn with replacement.

    groups: the group of each video (both views of a play belong together); by default each video
        is one
    Raises PlayheadError for fewer than two groups, LabelError for a video without a group.
    """
    counts: dict[str, Counts] = {}
    for video in result.videos:
        if groups is not None and video.video not in groups:
            raise LabelError(f"{video.video}: has no group; name the play that it belongs to")
        group = video.video if groups is None else groups[video.video]
        counts[group] = counts.get(group, Counts()) + video.counts
    if len(counts) < 2 or resamples < 1 or not 0 < level < 1:
        raise PlayheadError(
            f"got {len(counts)} groups of videos, {resamples} resamples and level {level}; "
            "intervals need at least 2 groups, 1 resample and a level between 0 and 1"
        )
    table = np.array([(group.tp, group.fp, group.fn) for group in counts.values()])
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(table), np.full(len(table), 1 / len(table)), resamples)
    drawn = [Counts(*row) for row in (times @ table).tolist()]
    tails = [(1 - level) / 2, (1 + level) / 2]
    intervals = {}
    for name in ("f1", "precision", "recall"):
        low, high = np.quantile([getattr(sample, name) for sample in drawn], tails)
        value = float(getattr(result.counts, name))
        intervals[name] = Interval(value, float(low), float(high), level)
    return intervals


def _check_limits(min_iou: float, max_frames: int) -> None:
    if not (0 < min_iou <= 1 and max_frames >= 0):
        raise PlayheadError(
            f"the limits of a match are IoU {min_iou} and {max_frames} frames; they need an IoU "
            "above 0 and at most 1, and 0 frames or more"
        )


@dataclass(frozen=True, slots=True)
class _Problem:
    """What can match in one video, as indices into its ground truth and its predictions.

    events: the scored events
    order: the predictions that are not ignored, by descending score, ties in input order
    candidates: for each prediction the scored events that it can match, the best overlap first
    """

    events: list[int]
    order: list[int]
    ignored: list[int]
    candidates: list[list[int]]

    @classmethod
    def of(
        cls, pair: Pair, min_iou: float, max_frames: int, scored: Callable[[Event], bool] | None
    ) -> Self:
        counts = [scored is None or scored(event) for event in pair.truth]
        near = _near(pair, min_iou, max_frames)
        candidates = [[event for event in row if counts[event]] for row in near]
        ignored = [at for at, row in enumerate(near) if row and not candidates[at]]
        left_out = set(ignored)
        order = np.argsort([-event.score for event in pair.predictions], kind="stable").tolist()
        return cls(
            events=[at for at, is_scored in enumerate(counts) if is_scored],
            order=[at for at in order if at not in left_out],
            ignored=ignored,
            candidates=candidates,
        )


def _near(pair: Pair, min_iou: float, max_frames: int) -> list[list[int]]:
    """For each prediction the events of its class within both limits, the best overlap first."""
    near: list[list[int]] = [[] for _ in pair.predictions]
    true_frames, true_boxes = _arrays(pair.video, pair.truth, "the ground truth")
    frames, boxes = _arrays(pair.video, pair.predictions, "the predictions")
    by_frame = np.argsort(true_frames, kind="stable")
    starts = np.searchsorted(true_frames[by_frame], frames - max_frames, "left")
    stops = np.searchsorted(true_frames[by_frame], frames + max_frames, "right")
    counts = stops - starts
    blocks = np.flatnonzero(np.diff(np.cumsum(counts) // PAIRS)) + 1
    for block in np.split(np.arange(len(frames)), blocks):
        # All pairs within the frames, in order of the predictions and then of the events' frames.
        spans = map(np.arange, starts[block], stops[block])
        events = by_frame[np.concatenate([by_frame[:0], *spans])]
        rows = np.repeat(block, counts[block])
        overlaps = paired_iou(boxes[rows], true_boxes[events])
        kept = np.flatnonzero(overlaps >= min_iou)
        kept = kept[np.lexsort((-overlaps[kept], rows[kept]))]
        for row, event in zip(rows[kept].tolist(), events[kept].tolist(), strict=True):
            if pair.truth[event].label == pair.predictions[row].label:
                near[row].append(event)
    return near


def _arrays(
    video: str, events: Sequence[Event], side: str
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    for event in events:
        if event.frame is None or event.box is None:
            raise LabelError(
                f"{video}: {event.label} at {event.start} s in {side} needs a frame and a box"
            )
    frames = np.array([event.frame for event in events], np.int64)
    return frames, np.array([event.box for event in events], np.float64).reshape(-1, 4)


class _Matching:
    """A maximum matching that grows by one prediction at a time.

    of_event: the prediction of each event, or -1
    """

    def __init__(self, candidates: Sequence[Sequence[int]], events: int) -> None:
        self.candidates = candidates
        self.of_event = [-1] * events
        # All that a failed search reached leads to no free event, now or later: it is never
        # searched again, so all failed searches together pass each pair once.
        self.closed = [False] * events

    def add(self, prediction: int) -> bool:
        """Add a prediction; whether the matching grew, which makes it a hit."""
        reached_from: dict[int, int] = {}  # the prediction that an event was reached from
        previous: dict[int, int] = {prediction: -1}  # the event whose prediction that is
        queue = deque([prediction])
        while queue:
            searching = queue.popleft()
            for event in self.candidates[searching]:
                if self.closed[event] or event in reached_from:
                    continue
                reached_from[event] = searching
                holder = self.of_event[event]
                if holder >= 0:
                    previous[holder] = event
                    queue.append(holder)
                    continue
                free = event
                while free >= 0:  # back along the path: each event goes to who reached it
                    owner = reached_from[free]
                    self.of_event[free] = owner
                    free = previous[owner]
                return True
        for event in reached_from:
            self.closed[event] = True
        return False


def _by_view(pair: Pair, matches: BoxEventMatches) -> list[tuple[str, Counts]]:
    of_video = {event.view for event in pair.truth}
    default = of_video.pop() if len(of_video) == 1 else None
    counted = [(pair.truth[event].view, Counts(tp=1)) for event, _ in matches.hits]
    counted += [(pair.truth[event].view, Counts(fn=1)) for event in matches.misses]
    counted += [
        (pair.predictions[at].view or default, Counts(fp=1)) for at in matches.false_positives
    ]
    return [(view, counts) for view, counts in counted if view is not None]
