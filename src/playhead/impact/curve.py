"""The curve of F1 over the impact threshold, computed from saved candidates.

Every threshold from the lowest on is counted in one pass: the impacts at a threshold are those of a
lower one whose confirmed score reaches it (see `decide`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from playhead.events.model import VideoEvents
from playhead.impact.candidates import Candidates
from playhead.impact.decide import (
    confirmed_scores,
    find_helmets,
    smoothed_scores,
    strongest_impacts,
    to_events,
)
from playhead.impact.evaluate import is_scored
from playhead.impact.predict import play_names, recorded_decisions
from playhead.metrics.box_events import box_event_hits
from playhead.metrics.curves import hits_curve
from playhead.report.curves import Line

__all__ = ["threshold_curve"]

LOWEST_THRESHOLD = 0.1  # where the curve begins
CURVE_POINTS = 200


def threshold_curve(
    candidates: Mapping[str, Candidates], truth: Sequence[VideoEvents]
) -> tuple[list[Line], float | None]:
    """F1, precision and recall over the impact threshold, and the threshold that was chosen.

    candidates: by the names of the videos in `truth`; the other decisions are those recorded in
        them. Videos without candidates count their misses
    Returns no line without candidates, and no threshold if they were decided with several.
    """
    if not candidates:
        return [], None
    chosen = {recorded_decisions(held).impact_threshold for held in candidates.values()}
    lowest = min(LOWEST_THRESHOLD, *chosen)
    named = {name: replace(held, video=name) for name, held in candidates.items()}
    events = []
    for play in play_names(named):
        decisions = recorded_decisions(named[play[0]])
        impacts = []
        for name in play:
            helmets = find_helmets(named[name], decisions.helmet_threshold, decisions.overlap)
            scores = smoothed_scores(helmets, decisions.smoothing_frames)
            impacts.append(strongest_impacts(helmets, scores, decisions, threshold=lowest))
        for found, confirmed in zip(impacts, confirmed_scores(impacts, decisions), strict=True):
            events.append(to_events(found._replace(scores=confirmed).chosen(confirmed >= lowest)))
    curve = hits_curve(box_event_hits(truth, events, scored=is_scored))
    if not len(curve.thresholds):
        return [], None
    rows = np.unique(np.linspace(0, len(curve.thresholds) - 1, CURVE_POINTS).round().astype(int))
    precision, recall = curve.precision[rows], curve.recall[rows]
    both = np.maximum(precision + recall, 1e-12)
    x = curve.thresholds[rows][::-1].tolist()
    values = {"F1": 2 * precision * recall / both, "precision": precision, "recall": recall}
    lines = [Line(name=name, x=x, y=y[::-1].tolist()) for name, y in values.items()]
    return lines, chosen.pop() if len(chosen) == 1 else None
