"""Decisions: from the candidates of a play's views to impacts.

1. Helmets: candidates above a score, after non-maximum suppression in each frame.
2. Impacts: helmets whose impact score, averaged along the helmet if so configured, is high enough.
3. In time, the strongest impact suppresses the others of its helmet nearby.
4. A weak impact without one at the same time in the other view of the play is dropped.
5. Each impact names the track of its helmet, and that of the helmet that it can have met.

A box continues in the box that overlaps it most in the next frame with boxes (or, if none does, in
the one after it).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import Boxes, iou, kept_indices
from playhead.errors import PlayheadError
from playhead.events.model import Event, VideoEvents
from playhead.impact.candidates import Candidates
from playhead.impact.decisions import ImpactDecisions
from playhead.impact.meetings import met_boxes, track_ids
from playhead.samples.views import partner_frames

__all__ = [
    "Helmets",
    "Impacts",
    "confirmed_scores",
    "decide_play",
    "find_helmets",
    "smoothed_scores",
    "strongest_impacts",
    "to_events",
]

LINK = 0.1
"""The least IoU of a helmet's boxes in consecutive frames."""

LOOKAHEAD = 2
"""Frames with boxes in which the continuation of a box is searched."""

TIE = 1e-6  # seconds


@dataclass(frozen=True, slots=True, eq=False)
class Helmets:
    """The helmets of one view, H boxes by frame, and how they continue.

    frames: (H,), never falling; boxes: (H, 4); impact: (H,), raw scores
    later, earlier: the index of the box that continues each one, or -1
    """

    candidates: Candidates
    frames: NDArray[np.int32]
    boxes: NDArray[np.float32]
    impact: NDArray[np.float32]
    later: list[int]
    earlier: list[int]


class Impacts(NamedTuple):
    """Impacts of one view: the indices of their helmets, and their scores, both (K,)."""

    helmets: Helmets
    rows: NDArray[np.intp]
    scores: NDArray[np.float64]

    @property
    def frames(self) -> NDArray[np.int32]:
        """(K,), the frame of each impact."""
        return self.helmets.frames[self.rows]

    def chosen(self, index: NDArray[np.bool_]) -> "Impacts":
        """The impacts of a mask."""
        return Impacts(self.helmets, self.rows[index], self.scores[index])


def decide_play(views: Sequence[Candidates], decisions: ImpactDecisions) -> list[VideoEvents]:
    """The impacts of a play's one or two views, for each view in order of time.

    Raises PlayheadError for another number of views.
    """
    if len(views) not in (1, 2):
        raise PlayheadError(f"a play has one or two views, got {len(views)}")
    found = []
    for view in views:
        helmets = find_helmets(view, decisions.helmet_threshold, decisions.overlap)
        scores = smoothed_scores(helmets, decisions.smoothing_frames)
        found.append(strongest_impacts(helmets, scores, decisions))
    return [
        to_events(impacts.chosen(scores >= decisions.impact_threshold), tracks=True)
        for impacts, scores in zip(found, confirmed_scores(found, decisions), strict=True)
    ]


def find_helmets(candidates: Candidates, threshold: float, overlap: float) -> Helmets:
    """The candidates that score at least `threshold`, after NMS at the IoU `overlap`."""
    rows = np.flatnonzero(candidates.helmet >= threshold)
    by_frame = _split(rows, candidates.frames[rows])
    kept = []
    for part in by_frame:
        detections = Boxes(candidates.boxes[part], candidates.helmet[part])
        kept.append(part[np.sort(kept_indices(detections, overlap))])
    rows = np.concatenate([rows[:0], *kept])
    frames, boxes = candidates.frames[rows], candidates.boxes[rows]
    groups = _split(np.arange(len(rows)), frames)
    return Helmets(
        candidates=candidates,
        frames=frames,
        boxes=boxes,
        impact=candidates.impact[rows],
        later=_links(boxes, frames, groups),
        earlier=_links(boxes, frames, groups[::-1]),
    )


def smoothed_scores(helmets: Helmets, frames: int) -> NDArray[np.float64]:
    """The impact score of each helmet, averaged over up to `frames` frames before and after."""
    if not frames:
        return helmets.impact.astype(np.float64)
    raw, at = helmets.impact.tolist(), helmets.frames.tolist()
    means = []
    for start in range(len(raw)):
        values = [raw[start]]
        for links in (helmets.earlier, helmets.later):
            box = links[start]
            while box >= 0 and abs(at[box] - at[start]) <= frames:
                values.append(raw[box])
                box = links[box]
        means.append(sum(values) / len(values))
    return np.array(means, np.float64)


def strongest_impacts(
    helmets: Helmets,
    scores: NDArray[np.float64],
    decisions: ImpactDecisions,
    *,
    threshold: float | None = None,
) -> Impacts:
    """The impacts, the highest score first, after suppression in time.

    threshold: by default that of the decisions. With a higher one the result is the first part of
        this one, since only stronger impacts suppress.
    """
    threshold = decisions.impact_threshold if threshold is None else threshold
    impacts = np.flatnonzero(scores >= threshold)
    order = impacts[np.argsort(-scores[impacts], kind="stable")]
    first, last = _reach(helmets, decisions)
    suppressed = np.zeros(len(scores), np.bool_)
    kept = []
    if decisions.suppression == "follow":
        at = helmets.frames.tolist()
        for start in order.tolist():
            if suppressed[start]:
                continue
            kept.append(start)
            for links in (helmets.earlier, helmets.later):
                box = links[start]
                while box >= 0 and first[start] <= at[box] <= last[start]:
                    suppressed[box] = True
                    box = links[box]
    else:
        frames, boxes = helmets.frames[impacts], helmets.boxes[impacts]
        starts = np.searchsorted(frames, first[order], "left").tolist()
        stops = np.searchsorted(frames, last[order], "right").tolist()
        for start, low, high in zip(order.tolist(), starts, stops, strict=True):
            if suppressed[start]:
                continue
            kept.append(start)
            near = iou(helmets.boxes[start : start + 1], boxes[low:high])[0]
            suppressed[impacts[low:high][near > decisions.window_overlap]] = True
    rows = np.array(kept, np.intp)
    return Impacts(helmets, rows, scores[rows])


def confirmed_scores(
    views: Sequence[Impacts], decisions: ImpactDecisions
) -> list[NDArray[np.float64]]:
    """For each view (K,), the highest impact threshold at which an impact is still decided.

    It is the score of the impact, unless the other view has to confirm a weak one: then it is at
    most the score of the strongest impact at the same time in the other view, and -1 without any.
    """
    if len(views) < 2 or not decisions.two_views:
        return [impacts.scores for impacts in views]
    first, second = views
    return [_confirmed(first, second, decisions), _confirmed(second, first, decisions)]


def _confirmed(own: Impacts, other: Impacts, decisions: ImpactDecisions) -> NDArray[np.float64]:
    """Where the other view has no readable frame, nothing needs confirmation."""
    here, there = own.helmets.candidates, other.helmets.candidates
    confirmed = own.scores.copy()
    if not len(own.rows) or not len(there.times):
        return confirmed
    offset = here.offset - there.offset
    moments = here.times[own.frames] - offset
    partners = partner_frames(here.times, there.times, offset=offset)[own.frames]
    step, other_step = _step(here), _step(there)
    # A frame of the slower view is as long as several of the faster one.
    reach = ceil(decisions.view_frames * max(1.0, step / other_step) - 1e-2)
    covered = (moments >= there.times[0] - other_step) & (moments <= there.times[-1] + other_step)
    covered &= ~_is_unseen(there, partners)
    order = np.argsort(other.frames, kind="stable")
    frames, strengths = other.frames[order], other.scores[order]
    starts = np.searchsorted(frames, partners - reach, "left")
    stops = np.searchsorted(frames, partners + reach, "right")
    for at in np.flatnonzero(covered & (confirmed < decisions.keep_score)).tolist():
        near = strengths[starts[at] : stops[at]]
        confirmed[at] = min(confirmed[at], near.max()) if len(near) else -1
    return confirmed


def to_events(impacts: Impacts, *, tracks: bool = False) -> VideoEvents:
    """Impacts as events with a frame, a box and their score, in order of time.

    tracks: also give the track of each one's helmet, and that of the nearest other helmet within 3
        box sizes; tracks are numbered from 0 in order of their start
    """
    helmets, candidates = impacts.helmets, impacts.helmets.candidates
    order = np.argsort(impacts.rows)  # helmets are by frame
    rows = impacts.rows[order]
    track = other = [-1] * len(rows)
    if tracks and len(rows):
        ids = track_ids(candidates.times, helmets.frames, helmets.boxes)
        met = met_boxes(helmets.frames, helmets.boxes, rows)
        track, other = ids[rows].tolist(), np.where(met >= 0, ids[met], -1).tolist()
    events = []
    for at, (box, score) in enumerate(
        zip(rows.tolist(), impacts.scores[order].tolist(), strict=True)
    ):
        frame = int(helmets.frames[box])
        x1, y1, x2, y2 = helmets.boxes[box].tolist()
        events.append(
            Event(
                label=candidates.label,
                start=float(candidates.times[frame]),
                frame=frame,
                box=(x1, y1, x2, y2),
                score=score,
                view=candidates.view,
                track=None if track[at] < 0 else track[at],
                other=None if other[at] < 0 else other[at],
            )
        )
    return VideoEvents(
        video=candidates.video,
        classes=(candidates.label,),
        events=tuple(events),
        frames=len(candidates.times),
    )


def _split(rows: NDArray[np.intp], frames: NDArray[np.int32]) -> list[NDArray[np.intp]]:
    """Rows with equal frames, in order."""
    return np.split(rows, np.flatnonzero(np.diff(frames)) + 1) if len(rows) else []


def _links(
    boxes: NDArray[np.float32], frames: NDArray[np.int32], groups: Sequence[NDArray[np.intp]]
) -> list[int]:
    """For each box the one that overlaps it most in the next groups, or -1."""
    links = np.full(len(frames), -1, np.intp)
    for at, rows in enumerate(groups):
        for following in groups[at + 1 : at + 1 + LOOKAHEAD]:
            open_rows = rows[links[rows] < 0]
            if not len(open_rows):
                break
            overlaps = iou(boxes[open_rows], boxes[following])
            best = overlaps.argmax(1)
            linked = overlaps[np.arange(len(open_rows)), best] >= LINK
            links[open_rows[linked]] = following[best[linked]]
    return [int(link) for link in links]


def _reach(
    helmets: Helmets, decisions: ImpactDecisions
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first and the last frame that an impact in each helmet suppresses."""
    frames = helmets.frames.astype(np.int64)
    if decisions.suppression_seconds is None:
        return frames - decisions.suppression_frames, frames + decisions.suppression_frames
    times = helmets.candidates.times
    reach = decisions.suppression_seconds + TIE
    first = np.searchsorted(times, times[frames] - reach, "left")
    last = np.searchsorted(times, times[frames] + reach, "right") - 1
    return first.astype(np.int64), last.astype(np.int64)


def _step(candidates: Candidates) -> float:
    """The usual seconds between two frames."""
    steps = np.diff(candidates.times)
    return max(float(np.median(steps)), TIE) if len(steps) else 1.0


def _is_unseen(candidates: Candidates, frames: NDArray[np.int32]) -> NDArray[np.bool_]:
    starts, stops = candidates.unseen[:, 0], candidates.unseen[:, 1]
    inside = (frames[:, None] >= starts) & (frames[:, None] < stops)
    return np.asarray(inside.any(1), np.bool_)
