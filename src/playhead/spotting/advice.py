"""Advice after training: what the scores of the validation videos and the log say is wrong.

Everything here is silent on a good result: each line needs clear evidence, not only a bad metric.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from playhead.decisions.peaks import PeakConfig
from playhead.events.model import VideoEvents
from playhead.inference.scores import Scores
from playhead.spotting.config import SpottingConfig
from playhead.spotting.findings import Finding, listed, short, warning
from playhead.spotting.labelled import gaps_of
from playhead.spotting.predict import decide
from playhead.spotting.tune import Tuned
from playhead.times import nearest

__all__ = ["LabelShift", "advise", "find_shift"]

FLAT = 0.02
"""Range of scores below which they say nothing."""
HIGH = 0.9
"""Score that most moments of a saturated class exceed."""
ENOUGH_EVENTS = 5
"""Events below which nothing is concluded from them."""
LONGEST_SHIFT = 2.0
"""Seconds up to which labels are searched for an offset."""
CLEAR = 4.0
"""Standard errors by which scores must be higher on one side of the labels than on the other."""
MOST = 0.7
"""Share of the events of which that must hold."""
STANDS_OUT = 0.1
"""Prominence of a maximum that is not noise, as a share of the highest score."""
GOOD = 0.8
"""window_map, or F1 of a class, from which on nothing is advised about the training."""
FEW_EVENTS = 30
"""Training events of a class that may be too few, if its F1 is low."""
LOW = 0.5


def advise(
    config: SpottingConfig,
    truth: Sequence[VideoEvents],
    scores: Mapping[str, Scores],
    rows: Sequence[Mapping[str, Any]],
    *,
    tuned: Tuned,
    trained: Mapping[str, int],
) -> list[Finding]:
    """What would make the model better, each with the command or setting.

    truth: of each validation video; scores: by the video's name in the truth
    rows: the log of the training
    tuned: the decisions, and the F1 of each class with them
    trained: the number of training events of each class
    """
    known = [video for video in truth if video.video in scores]
    labels = {event.label for video in known for event in video.events}
    classes = [label for label in config.data.classes if label in labels]
    findings = [*_levels(config, classes, known, scores)]
    if not any(finding.name == "flat-scores" for finding in findings):
        shifted = [*_shifted(config, known, scores)]
        if shifted:  # that explains low scores at the labels
            findings = [finding for finding in findings if finding.name != "below-chance"]
        findings += shifted
        findings += _merged(config, classes, known, scores, tuned.decisions)
    findings += _few(classes, tuned, trained)
    findings += _curves(config, rows)
    return findings


def _levels(
    config: SpottingConfig,
    classes: Sequence[str],
    truth: Sequence[VideoEvents],
    scores: Mapping[str, Scores],
) -> Iterator[Finding]:
    """Scores that are flat, saturated, or not higher at events than elsewhere."""
    flat, saturated, chance = [], [], []
    for label in classes:
        by_video = list(_scores_at(label, truth, scores, config.target_seconds))
        at_events, elsewhere = (np.concatenate(parts) for parts in zip(*by_video, strict=True))
        values = np.concatenate([at_events, elsewhere])
        if not len(values):
            continue
        low, middle, high = np.quantile(values, [0.005, 0.5, 0.995])
        if high - low < FLAT:
            flat.append(f"{label} ({low:.3f} to {high:.3f})")
        elif middle > HIGH:
            saturated.append(f"{label} ({np.mean(values > HIGH):.0%} above {HIGH})")
        if high - low >= FLAT and len(at_events) >= ENOUGH_EVENTS and len(elsewhere):
            # Also within each video: the scores of one may all be higher than those of another.
            both = [(one, other) for one, other in by_video if len(one) and len(other)]
            within = sum(len(one) * _rank(one, other) for one, other in both)
            above = max(
                _rank(at_events, elsewhere), within / max(sum(len(one) for one, _ in both), 1)
            )
            error = 1 / np.sqrt(12 * len(at_events))
            if above < 0.5 + error:
                chance.append(f"{label} (higher than {above:.0%} of other moments)")
    if flat:
        yield warning(
            "flat-scores",
            f"the scores are flat: {listed(flat)}; the model has learned nothing",
            f"train longer (--set training.epochs={2 * config.training.epochs}), or from "
            "pretrained weights (`playhead weights get spotting`, model.encoder, model.weights)",
        )
    if saturated:
        yield warning(
            "saturated-scores",
            f"most moments have a high score: {listed(saturated)}",
            f"--set target_seconds={short(config.target_seconds / 2)}, or more windows away from "
            f"events (--set sampling.action_share={short(config.sampling.action_share / 2)})",
        )
    if chance:
        yield warning(
            "below-chance",
            f"the scores at events are not above chance: {listed(chance)}",
            "compare labels and video (`playhead convert` to subtitles shows them in any player); "
            "if they agree, label more videos or raise data.size",
        )


def _scores_at(
    label: str, truth: Sequence[VideoEvents], scores: Mapping[str, Scores], target: float
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Of each video the score nearest to each event, and those of moments away from all events."""
    for video in truth:
        found = scores[video.video]
        heights = _heights(found, label)
        times = np.sort([event.start for event in video.events if event.label == label])
        near = np.zeros(len(heights), bool)
        at_events = np.empty(0)
        if len(times):
            at_events = heights[nearest(found.times, times)]
            near = np.abs(found.times - times[nearest(times, found.times)]) <= target
        elsewhere = heights[~near]
        yield at_events[np.isfinite(at_events)], elsewhere[np.isfinite(elsewhere)]


def _rank(at_events: NDArray[np.float64], elsewhere: NDArray[np.float64]) -> float:
    """The probability that an event has a higher score than another moment; 0.5 is chance."""
    ordered = np.sort(elsewhere)
    below = np.searchsorted(ordered, at_events, side="left")
    upto = np.searchsorted(ordered, at_events, side="right")
    return float(np.mean(below + upto) / 2 / len(ordered))


class LabelShift(NamedTuple):
    """Seconds from the labels to the scores of their events; mean scores there and opposite."""

    seconds: float
    there: float
    opposite: float


def find_shift(
    truth: Sequence[VideoEvents], scores: Mapping[str, Scores], *, least: float
) -> LabelShift | None:
    """The constant time by which scores lie beside the labels; None if they fit.

    The labels are correlated with the scores of their class, at lags up to half the spacing of
    events. A shift is the middle of the highest part, if that is more than one grid point and
    than `least` seconds away, and the scores of most events are clearly higher there than as far
    on the other side.
    """
    classes = next(iter(scores.values())).classes
    steps = [np.median(np.diff(s.times)) for s in scores.values() if len(s.times) > 1]
    gaps = np.concatenate([gaps_of(truth, label) for label in classes])
    if sum(len(video.events) for video in truth) < ENOUGH_EVENTS or not steps:
        return None
    step = float(np.median(steps))
    spacing = float(np.median(gaps)) if len(gaps) else np.inf
    reach = int(min(LONGEST_SHIFT, spacing / 2) / step)
    lags = np.arange(-reach, reach + 1)
    rows = [_around(video, scores[video.video], lags) for video in truth]
    table = np.concatenate(rows)  # events, lags
    table = table[np.isfinite(table).all(axis=1)]
    if len(table) < ENOUGH_EVENTS or reach < 2:
        return None
    means = table.mean(axis=0)
    top, lowest = int(means.argmax()), float(means.min())
    if top in (0, 2 * reach):
        return None
    # A target makes a plateau: its middle counts, not the highest of its points.
    below = np.flatnonzero(means < (means[top] + lowest) / 2)
    first = below[below < top].max(initial=-1) + 1
    last = below[below > top].min(initial=len(lags)) - 1
    middle = (first + last) / 2 - reach
    if abs(middle) * step <= max(1.5 * step, least):
        return None
    there = table[:, first : last + 1].mean(axis=1)
    opposite = table[:, ::-1][:, first : last + 1].mean(axis=1)
    better = there - opposite
    error = max(float(better.std(ddof=1)), 1e-6) / np.sqrt(len(better))
    clear = better.mean() > CLEAR * error and np.mean(better > 0) > MOST
    if not clear or there.mean() - lowest < 1.6 * (opposite.mean() - lowest):
        return None
    return LabelShift(float(middle * step), float(there.mean()), float(opposite.mean()))


def _around(video: VideoEvents, scores: Scores, lags: NDArray[np.int64]) -> NDArray[np.float64]:
    """The scores of each event's class around its grid point, NaN outside: (events, lags)."""
    if not video.events:
        return np.empty((0, len(lags)))
    points = nearest(scores.times, [event.start for event in video.events])
    columns = [scores.classes.index(event.label) for event in video.events]
    places = points[:, None] + lags
    inside = (places >= 0) & (places < len(scores.times))
    values = scores.values[places.clip(0, len(scores.times) - 1), np.array(columns)[:, None]]
    return np.where(inside, values, np.nan).astype(np.float64)


def _shifted(
    config: SpottingConfig, truth: Sequence[VideoEvents], scores: Mapping[str, Scores]
) -> Iterator[Finding]:
    """Labels that are off by a constant time, in most videos or in single ones."""
    least = config.target_seconds / 2
    shifts = {}
    for video in truth:
        shift = find_shift([video], scores, least=least)
        if shift is not None:
            shifts[video.video] = shift
    full = sum(len(video.events) >= ENOUGH_EVENTS for video in truth)
    whole = find_shift(truth, scores, least=least) if truth else None
    if whole is not None and (not shifts or 2 * len(shifts) > full):
        shifts = {"the validation videos": whole}
    for name, (seconds, there, opposite) in shifts.items():
        yield warning(
            "shifted-labels",
            f"the scores of {name} are highest {abs(seconds):.2f} s "
            f"{'after' if seconds > 0 else 'before'} the labels (mean {there:.2f}, as far on the "
            f"other side {opposite:.2f}): the labels may be off by a constant time",
            f"`playhead convert LABELS shifted.csv --shift {seconds:.2f}`, or {seconds:.2f} in the "
            "manifest's column offset",
        )


def _merged(
    config: SpottingConfig,
    classes: Sequence[str],
    truth: Sequence[VideoEvents],
    scores: Mapping[str, Scores],
    decisions: PeakConfig,
) -> Iterator[Finding]:
    """Dense places with more true events than peaks."""
    for label in classes:
        own = decisions.of(label)
        reach = 2 * max(own.distance_seconds, 2 * own.smoothing_seconds, 2 * config.target_seconds)
        spans = {video.video: _dense(video, label, reach) for video in truth}
        events = sum(count for found in spans.values() for _, _, count in found)
        if events < 2 * ENOUGH_EVENTS:
            continue
        peaks = _peaks_in(label, spans, scores, own)
        if peaks >= 0.7 * events or not _higher_inside(label, spans, scores):
            continue
        low = own.model_copy(update={"min_height": 0.0})
        if _peaks_in(label, spans, scores, low) >= 0.85 * events:
            continue  # they are too low, not merged
        apart = _maxima_in(label, spans, scores)
        usual = float(np.quantile(gaps_of(truth, label), 0.1))
        found = (
            f"peaks of {label} merge: {peaks} where {events} events follow each other within "
            f"{short(reach)} s"
        )
        if apart >= 0.85 * events:
            decide_with = (
                f"--set per_class.{label}.distance_seconds={short(0.7 * usual)} "
                f"--set per_class.{label}.smoothing_seconds={short(usual / 5)}"
            )
            yield warning("merged-peaks", found, f"`playhead spotting decide` with {decide_with}")
        else:
            target = min(config.target_seconds / 2, 0.4 * usual)
            yield warning("merged-peaks", found, f"train with --set target_seconds={short(target)}")


Span = tuple[float, float, int]


def _dense(video: VideoEvents, label: str, reach: float) -> list[Span]:
    """Runs of at least three events of a class that follow each other within `reach` seconds."""
    times = np.sort([event.start for event in video.events if event.label == label])
    runs = np.split(times, np.flatnonzero(np.diff(times) > reach) + 1)
    return [
        (float(run[0] - half), float(run[-1] + half), len(run))
        for run in runs
        if len(run) >= 3
        for half in [float(np.median(np.diff(run))) / 2]
    ]


def _peaks_in(
    label: str, spans: Mapping[str, list[Span]], scores: Mapping[str, Scores], own: PeakConfig
) -> int:
    found = 0
    for video, runs in spans.items():
        column = _column(scores[video], label)
        times = np.array([event.start for event in decide(column, own).events])
        found += sum(int(np.sum((times >= start) & (times <= end))) for start, end, _ in runs)
    return found


def _maxima_in(label: str, spans: Mapping[str, list[Span]], scores: Mapping[str, Scores]) -> int:
    """The maxima of the raw scores that stand out from what is between them."""
    found = 0
    for video, runs in spans.items():
        heights = np.nan_to_num(_heights(scores[video], label))
        tops, _ = scipy.signal.find_peaks(heights, prominence=STANDS_OUT * heights.max())
        times = scores[video].times[tops]
        found += sum(int(np.sum((times >= start) & (times <= end))) for start, end, _ in runs)
    return found


def _higher_inside(
    label: str, spans: Mapping[str, list[Span]], scores: Mapping[str, Scores]
) -> bool:
    """Whether the scores know of the dense places: missed events are not merged ones."""
    inside, outside = [np.empty(0)], [np.empty(0)]
    for video, runs in spans.items():
        heights, times = _heights(scores[video], label), scores[video].times
        dense = np.zeros(len(times), bool)
        for start, end, _ in runs:
            dense |= (times >= start) & (times <= end)
        inside.append(heights[dense])
        outside.append(heights[~dense])
    within, beyond = np.concatenate(inside), np.concatenate(outside)
    if not np.isfinite(beyond).any():
        return bool(np.nanmean(within) > LOW)
    return bool(np.nanmean(within) > 2 * np.nanmean(beyond) or np.nanmean(within) > LOW)


def _few(classes: Sequence[str], tuned: Tuned, trained: Mapping[str, int]) -> Iterator[Finding]:
    for label in classes:
        result = tuned.per_class.get(label)
        if result and trained.get(label, 0) < FEW_EVENTS and result.after < LOW:
            yield warning(
                "too-little-data",
                f"{label} has {trained.get(label, 0)} training events and an F1 of "
                f"{result.after:.2f}",
                f"label more of it: {FEW_EVENTS} events at least, better 100",
            )


def _curves(config: SpottingConfig, rows: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """The training fits its videos but not those of the validation, or is still improving."""
    epochs = [row for row in rows if row.get("kind") == "epoch" and row.get("metrics")]
    maps = [row["metrics"].get("window_map") for row in epochs]
    losses = [row["loss"] for row in epochs]
    if len(epochs) < 3 or any(value is None for value in (*maps, *losses)) or max(maps) >= GOOD:
        return
    best = int(np.argmax(maps))
    fell = losses[-1] < 0.6 * losses[0]
    number = len(epochs)
    if fell and best < number / 2 and maps[-1] < maps[best] - 0.05:
        yield warning(
            "overfitting",
            f"the loss fell from {losses[0]:.3f} to {losses[-1]:.3f}, but window_map went from "
            f"{maps[best]:.3f} (epoch {best + 1}) to {maps[-1]:.3f}: the model learns the training "
            "videos by heart",
            "label videos of other groups; until then train with "
            f"--set training.epochs={best + 1} or from pretrained weights",
        )
    elif fell and maps[-1] < maps[0] + 0.05:
        yield warning(
            "generalisation",
            f"the loss fell from {losses[0]:.3f} to {losses[-1]:.3f}, but window_map stayed at "
            f"{maps[-1]:.3f}: what is learned does not hold in other videos",
            "label videos of more groups, or train from pretrained weights "
            "(`playhead weights get spotting`)",
        )
    elif best == number - 1 and maps[-1] > maps[-2] + 0.03:
        yield warning(
            "still-improving",
            f"window_map was still rising at the end ({maps[-2]:.3f}, {maps[-1]:.3f})",
            f"train longer: --set training.epochs={2 * config.training.epochs}",
        )
    elif losses[-1] > 0.95 * losses[0]:
        yield warning(
            "not-learning",
            f"the loss hardly fell ({losses[0]:.3f} to {losses[-1]:.3f})",
            f"train longer (--set training.epochs={2 * config.training.epochs}), or with another "
            f"rate (--set training.rate={short(3 * config.training.rate)})",
        )


def _heights(scores: Scores, label: str) -> NDArray[np.float64]:
    return np.asarray(scores.values[:, scores.classes.index(label)], np.float64)


def _column(scores: Scores, label: str) -> Scores:
    number = scores.classes.index(label)
    return replace(scores, classes=(label,), values=scores.values[:, number : number + 1])
