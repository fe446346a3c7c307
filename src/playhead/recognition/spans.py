"""From the probabilities of windows of a long video to spans with labels."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from playhead.events.model import Event
from playhead.recognition.answers import UNKNOWN
from playhead.recognition.config import RecognitionDecisions

__all__ = ["label_spans", "windows_of"]

Floats = NDArray[np.float64]


def windows_of(start: float, end: float, length: float, step: float) -> list[tuple[float, float]]:
    """Windows of `length` seconds, `step` apart, from `start` until the last one ends at `end`.

    A shorter stretch is one window.
    """
    if end - start <= length:
        return [(start, end)]
    count = int(np.ceil((end - start - length) / step - 1e-9)) + 1
    firsts = np.linspace(start, end - length, count)
    return [(float(first), float(first) + length) for first in firsts]


def label_spans(
    windows: Sequence[tuple[float, float]],
    probabilities: Floats,
    classes: Sequence[str],
    decisions: RecognitionDecisions,
    *,
    track: int | None = None,
) -> list[Event]:
    """Spans of one label each, one after the other.

    windows: (start, end) in order of time; probabilities: (W, C)
    A moment has the mean of the windows around it; neighbouring moments of one label are a span,
    whose score is their mean probability. Below `unknown_below` the label is `unknown`. Spans
    shorter than `min_seconds` are left out; what they divided is one span.
    """
    edges = np.unique([time for window in windows for time in window])
    middles = (edges[:-1] + edges[1:]) / 2
    starts, ends = np.array(windows, np.float64).T
    inside = (starts <= middles[:, None]) & (middles[:, None] < ends)  # (M, W)
    means = (inside @ probabilities) / inside.sum(1, keepdims=True)
    best = means.argmax(1)
    labels = np.where(means.max(1) >= decisions.unknown_below, best, -1)
    seconds = edges[1:] - edges[:-1]
    runs = np.split(np.arange(len(middles)), np.flatnonzero(np.diff(labels)) + 1)
    kept: list[NDArray[np.intp]] = []
    for rows in runs:
        if seconds[rows].sum() < decisions.min_seconds:
            continue
        if kept and labels[kept[-1][0]] == labels[rows[0]]:  # only short spans lay between them
            kept[-1] = np.arange(kept[-1][0], rows[-1] + 1)
        else:
            kept.append(rows)
    spans = []
    for rows in kept:
        label = int(labels[rows[0]])
        values = means[rows].max(1) if label < 0 else means[rows, label]
        spans.append(
            Event(
                label=UNKNOWN if label < 0 else classes[label],
                start=float(edges[rows[0]]),
                end=float(edges[rows[-1] + 1]),
                score=float(np.average(values, weights=seconds[rows])),
                track=track,
            )
        )
    return spans
