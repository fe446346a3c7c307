"""Tuning: the decisions with the best F1, or for a number of alerts, on given candidates and truth.

All impact thresholds are tried at once: since only stronger impacts suppress, the impacts at a
threshold are those of a lower one whose confirmed score reaches it (see `decide`), and the matching
of the metric grows by one prediction at a time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from playhead.errors import LabelError
from playhead.events.model import VideoEvents
from playhead.events.pairing import pair_videos
from playhead.files import write_text
from playhead.impact.candidates import Candidates, read_folder
from playhead.impact.decide import (
    confirmed_scores,
    find_helmets,
    smoothed_scores,
    strongest_impacts,
    to_events,
)
from playhead.impact.decisions import ImpactDecisions
from playhead.impact.evaluate import Truth, is_scored, read_impacts
from playhead.impact.predict import play_names, recorded_decisions
from playhead.inference.bundle import note_in_bundle
from playhead.metrics.box_events import Counts, box_event_hits
from playhead.progress import Progress, progress

__all__ = [
    "QUICK",
    "SearchSpace",
    "Tuned",
    "best_threshold",
    "tune_decisions",
    "tune_folder",
    "tune_truth",
]

FEW_PLAYS = 10
"""Plays below which tuned decisions may not hold on others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSpace:
    """The values that are tried; every impact threshold from `lowest_impact` is.

    keep_scores: None is without the rule of two views
    """

    helmet_thresholds: tuple[float, ...] = (0.4, 0.3, 0.5, 0.2, 0.6)
    smoothing_frames: tuple[int, ...] = (0, 1)
    suppressions: tuple[str, ...] = ("follow", "window")
    suppression_frames: tuple[int, ...] = (4, 2, 3, 6, 8, 12)
    keep_scores: tuple[float | None, ...] = (0.55, None, 0.35, 0.45, 0.65, 0.75, 1.0)
    lowest_impact: float = 0.1

    @property
    def passes(self) -> int:
        """The number of combinations apart from the rule of two views."""
        return (
            len(self.helmet_thresholds)
            * len(self.smoothing_frames)
            * len(self.suppressions)
            * len(self.suppression_frames)
        )


QUICK = SearchSpace(
    helmet_thresholds=(0.4, 0.3, 0.5), suppressions=("follow",), suppression_frames=(4, 6, 8)
)
"""About a seventh of all: for the end of a training."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """The best decisions, and what they reach on the plays that they were tuned on.

    alerts: events per play, of all its views
    """

    decisions: ImpactDecisions
    counts: Counts
    plays: int
    alerts: float

    @property
    def warning(self) -> str | None:
        """What to keep in mind; None with enough plays."""
        if self.plays >= FEW_PLAYS:
            return None
        return (
            f"tuned on {self.plays} plays; with fewer than {FEW_PLAYS}, the decisions may fit only "
            "these: evaluate them on others"
        )

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        counts = self.counts
        return {
            "decisions": self.decisions.model_dump(mode="json"),
            "f1": counts.f1,
            "precision": counts.precision,
            "recall": counts.recall,
            "plays": self.plays,
            "alerts_per_play": self.alerts,
            "warning": self.warning,
        }


def tune_folder(
    candidates: Path,
    truth: Path,
    out: Path,
    *,
    split: str | None = None,
    alerts: float | None = None,
    bundle: Path | None = None,
    space: SearchSpace | None = None,
) -> Tuned:
    """Tune on a folder of candidates, and write the decisions as YAML.

    alerts: see `tune_decisions`; bundle: also note the decisions in this bundle, as its defaults
    Candidates of videos outside of the split are left out. A play counts if one of its views has
    candidates.
    Raises LabelError for candidates of a video that the truth does not have.
    """
    return tune_truth(
        candidates,
        read_impacts(truth, split=split),
        out,
        alerts=alerts,
        bundle=bundle,
        space=space,
    )


def tune_truth(
    candidates: Path,
    known: Truth,
    out: Path,
    *,
    alerts: float | None = None,
    bundle: Path | None = None,
    space: SearchSpace | None = None,
) -> Tuned:
    """The same with ground truth that was read already."""
    held = read_folder(candidates)
    names = [*(video.video for video in known.videos), *known.excluded]
    chosen: dict[str, Candidates] = {}
    indices = pair_videos(list(held), names)
    for (name, found), index in zip(held.items(), indices, strict=True):
        if index is None:
            raise LabelError(
                f"{name}: the ground truth does not have the video of these candidates"
            )
        if index < len(known.videos):
            chosen[names[index]] = replace(found, video=names[index])
    plays = [[chosen[name] for name in play] for play in play_names(chosen)]
    annotated = [video for video in known.videos if video.video in chosen]
    base = recorded_decisions(plays[0][0]) if plays else ImpactDecisions()
    tuned = tune_decisions(plays, annotated, alerts=alerts, space=space, base=base)
    values = tuned.decisions.model_dump(mode="json")
    write_text(out, yaml.safe_dump(values, sort_keys=False))
    if bundle is not None:
        metrics = {"tuned_f1": tuned.counts.f1, "tuned_on_plays": tuned.plays}
        note_in_bundle(bundle, post_processing=values, metrics=metrics)
    return tuned


def tune_decisions(
    plays: Sequence[Sequence[Candidates]],
    truth: Sequence[VideoEvents],
    *,
    alerts: float | None = None,
    space: SearchSpace | None = None,
    base: ImpactDecisions | None = None,
) -> Tuned:
    """The decisions with the best F1; of equal ones the first in the order of the space.

    plays: the candidates of the one or two views of each play
    truth: of each video by its name; events that are not scored count neither way
    alerts: instead of the best F1, the most hits with at most this many events a play on average,
        both views together
    base: the values that are not searched
    Raises LabelError for fewer than two plays, without an event in the truth, or if no decisions
    find one.
    """
    space, base = space or SearchSpace(), base or ImpactDecisions()
    if len(plays) < 2:
        raise LabelError(
            f"candidates of {len(plays)} play{'' if len(plays) == 1 else 's'}; tuning needs at "
            "least 2 with ground truth, better 10"
        )
    if not any(is_scored(event) for video in truth for event in video.events):
        raise LabelError("the ground truth of these plays has no scored impact to tune on")
    most = None if alerts is None else int(alerts * len(plays))
    if most == 0:
        raise LabelError(f"{alerts:g} alerts a play allow none on {len(plays)} plays; allow more")
    best: Tuned | None = None
    with progress("tuning", space.passes) as live:
        for decisions, predictions in _combinations(plays, space, base, live):
            point = _best_point(truth, predictions, most)
            if point is None:
                continue
            threshold, counts, events = point
            better = best is None or (
                counts.f1 > best.counts.f1
                if most is None
                else (counts.tp, -counts.fp) > (best.counts.tp, -best.counts.fp)
            )
            if better:
                chosen = decisions.model_copy(update={"impact_threshold": threshold})
                best = Tuned(chosen, counts, len(plays), events / len(plays))
    if best is None:
        limit = "" if most is None else f" with at most {alerts:g} alerts a play"
        raise LabelError(f"no decisions find any impact{limit}; check the candidates")
    return best


def _combinations(
    plays: Sequence[Sequence[Candidates]],
    space: SearchSpace,
    base: ImpactDecisions,
    live: Progress,
) -> Iterator[tuple[ImpactDecisions, list[VideoEvents]]]:
    """Decisions, and all impacts from the lowest threshold; their scores are the confirmed ones."""
    in_time = list(product(space.smoothing_frames, space.suppressions, space.suppression_frames))
    for helmet_threshold in space.helmet_thresholds:
        helmets = [
            [find_helmets(view, helmet_threshold, base.overlap) for view in play] for play in plays
        ]
        smoothed = {
            frames: [[smoothed_scores(view, frames) for view in play] for play in helmets]
            for frames in space.smoothing_frames
        }
        for smoothing, suppression, frames in in_time:
            decisions = base.model_copy(
                update={
                    "helmet_threshold": helmet_threshold,
                    "smoothing_frames": smoothing,
                    "suppression": suppression,
                    "suppression_frames": frames,
                    "suppression_seconds": None,
                }
            )
            kept = [
                [
                    strongest_impacts(view, score, decisions, threshold=space.lowest_impact)
                    for view, score in zip(views, scores, strict=True)
                ]
                for views, scores in zip(helmets, smoothed[smoothing], strict=True)
            ]
            tried: Sequence[float | None] = space.keep_scores
            if all(len(play) == 1 for play in plays):
                tried = tried[:1]
            for keep_score in tried:
                update: dict[str, Any] = {"two_views": keep_score is not None}
                if keep_score is not None:
                    update["keep_score"] = keep_score
                chosen = decisions.model_copy(update=update)
                predictions = [
                    to_events(impacts._replace(scores=confirmed).chosen(confirmed >= 0))
                    for impacts_of_play in kept
                    for impacts, confirmed in zip(
                        impacts_of_play, confirmed_scores(impacts_of_play, chosen), strict=True
                    )
                ]
                yield chosen, predictions
            live.advance()


def best_threshold(truth: Sequence[VideoEvents], predictions: Sequence[VideoEvents]) -> float:
    """The score from which predictions have the best F1; above all scores if none is a hit."""
    point = _best_point(truth, predictions, None)
    return float("inf") if point is None else point[0]


def _best_point(
    truth: Sequence[VideoEvents], predictions: Sequence[VideoEvents], most: int | None
) -> tuple[float, Counts, int] | None:
    """The best impact threshold, its counts, and the number of events; None without a hit."""
    matched = box_event_hits(truth, predictions, scored=is_scored)
    if not matched.hits.any():
        return None
    scores = np.sort([event.score for video in predictions for event in video.events])[::-1]
    levels, last = np.unique(-matched.scores[::-1], return_index=True)
    levels = -levels  # the distinct scores, the highest first
    counted = len(matched.scores) - last  # predictions from the level on
    hits = np.cumsum(matched.hits)[counted - 1]
    events = np.searchsorted(-scores, -levels, side="right")
    if most is None:
        value = 2 * hits / (counted + matched.truths)
    else:
        value = np.where(events <= most, hits - counted / (len(scores) + 1), -1.0)
    best = int(np.argmax(value))
    if value[best] <= 0:
        return None
    lower = scores[scores < levels[best]]
    threshold = float((levels[best] + lower[0]) / 2 if len(lower) else levels[best])
    tp, fp = int(hits[best]), int(counted[best] - hits[best])
    return threshold, Counts(tp, fp, matched.truths - tp), int(events[best])
