"""Checks of settings against the data: target, decisions, grid, window, sampling, augmentation."""

import math
import re
from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from playhead.output import counted
from playhead.spotting.config import SpottingConfig
from playhead.spotting.findings import Finding, listed, short, warning
from playhead.spotting.labelled import Side, gaps_of

__all__ = ["check_settings"]

SOME = 0.05
"""Share of gaps between events that may be too short without a finding."""
MOST = 0.8
"""Share of gaps from which the events cannot be told apart."""
MANY = 10
"""Gaps from which on their number says something."""
FEW_STEPS = 20
"""Optimiser steps below which nothing can be learned."""
SQUEEZE = 1.5
"""Ratio of the shapes of an image before and after its resizing."""
_ROUNDING = 1e-6
_SIDES = (("left", "right"), ("links", "rechts"), ("gauche", "droite"))

Gaps = Mapping[str, NDArray[np.float64]]


def check_settings(config: SpottingConfig, train: Side, valid: Side) -> Iterator[Finding]:
    """The settings that do not fit these videos and labels."""
    truth = [*train.truth, *valid.truth]
    step = _grid_step(config, train)
    gaps = {label: gaps_of(truth, label) for label in config.data.classes}
    twice = {label: int(np.count_nonzero(values < step / 2)) for label, values in gaps.items()}
    if any(twice.values()):
        pairs = listed(f"{label} ({number})" for label, number in twice.items() if number)
        yield warning(
            "labelled-twice",
            f"pairs of events of one class at the same moment: {pairs}",
            "remove one of each pair; perhaps two people labelled the same events",
        )
    # Pairs would hide the spacing of the other events.
    gaps = {label: kept for label, v in gaps.items() if len(kept := v[v >= step / 2])}
    dense = {event.label for video in truth for event in video.events} <= gaps.keys()
    yield from _spacing(config, gaps, step, dense=dense)
    yield from _names(config, train)
    if train.videos:
        yield from _grid(config, train, gaps, step)
        yield from _window(config, train, step)
        yield from _images(config, train)
        yield from _length(config, train)


def _spacing(config: SpottingConfig, gaps: Gaps, step: float, *, dense: bool) -> Iterator[Finding]:
    """dense: every class has events that follow each other in one video."""
    target, decisions = config.target_seconds, config.decisions
    close = _close(gaps, lambda label: 2 * target)
    if close:
        enough = short(max(0.4 * _least(gaps, close), step / 2))
        merged = [float(np.mean(values < 2 * target - _ROUNDING)) for values in gaps.values()]
        many = sum(len(values) for values in gaps.values()) >= MANY
        yield Finding(
            "refuse" if dense and many and min(merged) >= MOST else "warn",
            "target-spacing",
            f"events closer than twice target_seconds ({short(2 * target)} s), whose targets "
            f"merge: {_described(close, gaps)}",
            f"--set target_seconds={enough}",
        )
    close = _close(gaps, lambda label: decisions.of(label).distance_seconds)
    if close:
        yield warning(
            "distance-spacing",
            "events closer than decisions.distance_seconds, of which only one can be predicted: "
            f"{_described(close, gaps)}",
            _decision(config, close, "distance_seconds", 0.8 * _least(gaps, close)),
        )
    close = _close(gaps, lambda label: 2 * decisions.of(label).smoothing_seconds)
    if close:
        yield warning(
            "smoothing-spacing",
            "decisions.smoothing_seconds is wider than half the spacing of events, so that their "
            f"peaks merge: {_described(close, gaps)}",
            _decision(config, close, "smoothing_seconds", 0.4 * _least(gaps, close)),
        )
    wide = [
        label
        for label in config.data.classes
        if label not in close and decisions.of(label).smoothing_seconds > 2 * target + _ROUNDING
    ]
    if wide:
        yield warning(
            "smoothing-target",
            f"decisions.smoothing_seconds is more than twice target_seconds ({short(target)} s), "
            f"which flattens the peaks of {listed(wide)}",
            _decision(config, wide, "smoothing_seconds", target / 2),
        )


def _grid(config: SpottingConfig, train: Side, gaps: Gaps, step: float) -> Iterator[Finding]:
    rates = np.array([video.rate for video in train.videos])
    if config.data.rate == "native":
        if rates.max() > 1.02 * rates.min():
            yield warning(
                "native-rate",
                f"data.rate is native, but the videos have {short(rates.min())} to "
                f"{short(rates.max())} frames a second, so that a window lasts longer in some",
                f"--set data.rate={short(float(np.median(rates)))}",
            )
        return
    rate, usual = 1 / step, float(np.median(rates))
    close = _close(gaps, lambda label: 2 * step)
    if close:
        needed = min(2.5 / _least(gaps, close), usual)
        if needed > rate:
            yield warning(
                "coarse-grid",
                f"the grid ({short(rate)} points a second) is coarser than the labels, with fewer "
                f"than two points from event to event: {_described(close, gaps)}",
                f"--set data.rate={math.ceil(needed)}",
            )
    if config.target_seconds < step / 2 - _ROUNDING:
        yield warning(
            "target-grid",
            f"target_seconds ({short(config.target_seconds)}) is shorter than half a step of the "
            f"grid ({short(step)} s): one point an event is positive at most",
            f"--set data.rate={math.ceil(min(usual, 1 / config.target_seconds))} or "
            f"--set target_seconds={short(step)}",
        )
    if rate > 1.5 * usual:
        yield warning(
            "fine-grid",
            f"data.rate is {short(rate)}, but the videos have {short(usual)} frames a second, so "
            "that frames are read and scored more than once",
            f"--set data.rate={short(usual)}",
        )


def _window(config: SpottingConfig, train: Side, step: float) -> Iterator[Finding]:
    window = config.window
    span = (window.frames - 1) * window.step * step
    if span < 2 * config.target_seconds - _ROUNDING:
        steps = math.ceil(2 * config.target_seconds / step / max(window.frames - 1, 1))
        yield warning(
            "short-window",
            f"the window ({short(span)} s) is shorter than the target "
            f"(2 x {short(config.target_seconds)} s): a positive window may not show its event",
            f"--set window.step={steps}" if window.frames > 1 else "--set window.frames=15",
        )
    durations = np.array([video.grid.duration for video in train.videos])
    shorter = int(np.count_nonzero(durations < span))
    if 2 * shorter > len(durations):
        yield warning(
            "long-window",
            f"the window ({short(span)} s) is longer than {shorter} of "
            f"{counted(len(durations), 'training video')}, and mostly repeats their first and "
            "last frame",
            f"--set window.step={max(1, int(window.step * np.median(durations) / span / 2))}",
        )


def _images(config: SpottingConfig, train: Side) -> Iterator[Finding]:
    width, height = config.data.size
    shapes = np.array([video.size[0] / video.size[1] for video in train.videos])
    ratios = shapes * height / width
    squeezed = np.maximum(ratios, 1 / ratios) > SQUEEZE
    stretched = config.data.fit == "stretch"
    if stretched and 2 * np.count_nonzero(squeezed) > len(squeezed):
        shape, area = float(np.median(shapes)), width * height
        wide = max(16, 16 * round(math.sqrt(area * shape) / 16))
        high = max(16, 16 * round(math.sqrt(area / shape) / 16))
        example = train.videos[int(np.argmax(squeezed))]
        yield warning(
            "squeezed",
            f"frames of {example.size[0]}x{example.size[1]} ({example.row.name}) are resized to "
            f"{width}x{height}, which squeezes them",
            f"--set data.size=[{wide},{high}]",
        )
    elif stretched and squeezed.any():
        example = train.videos[int(np.argmax(squeezed))]
        yield warning(
            "squeezed",
            f"frames of {np.count_nonzero(squeezed)} of {counted(len(squeezed), 'training video')} "
            f"have another shape ({example.row.name}: {example.size[0]}x{example.size[1]}) and are "
            f"resized to {width}x{height}, which squeezes them",
            "--set data.fit=letterbox",
        )
    names = [set(re.split(r"[^a-z]+", label.casefold())) for label in config.data.classes]
    sided = [pair for pair in _SIDES if all(any(word in name for name in names) for word in pair)]
    if sided and config.augmentation.flip > 0:
        yield warning(
            "flipped-sides",
            f"classes tell {' from '.join(sided[0])}, but half the training frames are mirrored",
            "--set augmentation.flip=0",
        )


def _length(config: SpottingConfig, train: Side) -> Iterator[Finding]:
    training = config.training
    steps = math.ceil(config.samples_per_epoch / training.batch_size) * training.epochs
    if steps < FEW_STEPS:
        yield warning(
            "short-training",
            f"the training has only {counted(steps, 'step')} of {training.batch_size} windows",
            f"--set samples_per_epoch={max(400, config.samples_per_epoch)} "
            f"--set training.epochs={max(4, training.epochs)}",
        )
        return
    drawn = config.samples_per_epoch * training.epochs * config.sampling.action_share
    events = sum(train.counts().values())
    if events and drawn < events:
        epochs = math.ceil(training.epochs * 3 * events / drawn)
        yield warning(
            "short-training",
            f"the training draws {drawn:.0f} windows near events, but there are {events} events",
            f"--set training.epochs={epochs}",
        )


def _names(config: SpottingConfig, train: Side) -> Iterator[Finding]:
    classes = config.data.classes
    for place, named in (
        ("decisions.per_class", config.decisions.per_class),
        ("sampling.class_weights", config.sampling.class_weights or {}),
    ):
        unknown = [label for label in named if label not in classes]
        if unknown:
            yield Finding(
                "refuse",
                "unknown-class",
                f"{place} names {listed(unknown)}, but the classes are {listed(classes, 20)}",
                f"correct the name in {place}, or add it to data.classes",
            )
    weights = config.sampling.class_weights
    if weights is not None:
        left = [label for label in train.counts() if label not in weights]
        if left:
            yield Finding(
                "refuse",
                "class-weight",
                f"sampling.class_weights has no weight for {listed(left)}",
                " ".join(f"--set sampling.class_weights.{label}=1" for label in left[:5]),
            )


def _close(gaps: Gaps, limit: Callable[[str], float]) -> list[str]:
    """The classes of which more than SOME of the gaps are below the limit."""
    return [
        label for label, values in gaps.items() if np.mean(values < limit(label) - _ROUNDING) > SOME
    ]


def _least(gaps: Gaps, labels: list[str]) -> float:
    """The gap that all but a few events keep, in seconds."""
    return min(float(np.quantile(gaps[label], SOME)) for label in labels)


def _described(labels: list[str], gaps: Gaps) -> str:
    parts = (
        f"{label} (half of {counted(len(gaps[label]), 'gap')} below "
        f"{short(float(np.median(gaps[label])))} s)"
        for label in labels
    )
    return listed(parts)


def _decision(config: SpottingConfig, labels: list[str], name: str, value: float) -> str:
    """The `--set` of a decision, for single classes if the others can keep theirs."""
    # Rounded down, so that the value still is below the spacing.
    digits = 10 ** (math.floor(math.log10(max(value, 1e-3))) - 1)
    rounded = f"{math.floor(value / digits) * digits:.4g}"
    everywhere = len(labels) == len(config.data.classes)
    own = any(config.decisions.per_class.get(label) is not None for label in labels)
    if everywhere and not own:
        return f"--set decisions.{name}={rounded}"
    return " ".join(f"--set decisions.per_class.{label}.{name}={rounded}" for label in labels[:5])


def _grid_step(config: SpottingConfig, train: Side) -> float:
    """Seconds from point to point; on a native grid those of the usual video, or 0."""
    rate = config.data.grid_rate
    if rate != "native":
        return 1 / float(rate)
    return 1 / float(np.median([video.rate for video in train.videos])) if train.videos else 0.0
