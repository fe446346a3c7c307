"""The report of spotting: scores and events beside the ground truth, and the worst mistakes.

Written from saved scores and events, without a model.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from playhead.events.model import Event, VideoEvents
from playhead.inference.scores import Scores, read_scores
from playhead.metrics.curves import best_f1, precision_recall
from playhead.metrics.matching import match_events
from playhead.metrics.soccernet_map import TIGHT
from playhead.metrics.spotting import chance_map, confused_map
from playhead.report.curves import Line, training_curves
from playhead.report.images import RGB
from playhead.report.provenance import versions
from playhead.report.strips import read_frames
from playhead.spotting.evaluate import measure, read_pairs
from playhead.spotting.page import write_report_page
from playhead.spotting.report_data import Report, ShownMistake, Timeline
from playhead.spotting.truth import SCORES, pair_videos

__all__ = [
    "FrameReader",
    "durations_of",
    "read_scores_of",
    "report_of",
    "write_report",
]

TOLERANCE = 1.0  # seconds
MISTAKES_SHOWN = 6  # of each kind
STRIP_FRAMES = 5
STRIP_SPACING = 0.2  # seconds

FrameReader = Callable[[str, Sequence[float]], list[tuple[float, RGB]]]
"""Reads the frames of a video, by name, nearest to some times: (seconds, RGB (H, W, 3))."""


def write_report(
    truth: Path,
    predictions: Path,
    out: Path,
    *,
    split: str | None = None,
    run: Path | None = None,
) -> Path:
    """Write the report of a folder of saved scores and events, and return its path.

    split: only its videos; run: the training run, for its curves and configuration
    """
    annotated, predicted = read_pairs(truth, predictions, split=split)
    return report_of(annotated, predicted, read_scores_of(predictions, annotated), out, run=run)


def read_scores_of(folder: Path, truth: Sequence[VideoEvents]) -> dict[str, Scores]:
    """The saved scores in `folder`, by the name of their video in the ground truth."""
    files = sorted(folder.rglob(f"*{SCORES}"))
    names = [str(path.relative_to(folder))[: -len(SCORES)] for path in files]
    indices = pair_videos(names, [video.video for video in truth])
    return {
        truth[index].video: read_scores(path)
        for path, index in zip(files, indices, strict=True)
        if index is not None
    }


def report_of(
    truth: Sequence[VideoEvents],
    predictions: Sequence[VideoEvents],
    scores: Mapping[str, Scores],
    out: Path,
    *,
    title: str = "Spotting",
    run: Path | None = None,
    frames: FrameReader | None = None,
) -> Path:
    """Write the report and return its path.

    scores: by video; also give the duration of each video
    run: the training run, for its curves and configuration
    frames: reads the frames of film strips, by default from the video files
    """
    result = measure(truth, predictions)
    threshold = _best_threshold(truth, predictions)
    classes = list(result.per_class)
    ap = {
        label: [values[f"map@{t:g}"] for t in TIGHT] for label, values in result.per_class.items()
    }
    ap["mean"] = [result.metrics[f"map@{t:g}"] for t in TIGHT]
    durations = durations_of(scores)
    report = Report(
        title=title,
        summary=_summary(truth, durations),
        tiles=_tiles(result.metrics, truth, durations),
        classes=classes,
        timelines=_timelines(truth, predictions, scores),
        tolerance=TOLERANCE,
        threshold=round(threshold, 2),
        ap_tolerances=TIGHT,
        ap=ap,
        precision_recall=_curves(truth, predictions),
        mistakes=_mistakes(truth, predictions, scores, threshold, frames or _read_video),
        training=[] if run is None else training_curves(run),
        config="" if run is None else (run / "config.yaml").read_text(encoding="utf-8"),
        versions=versions(),
    )
    return write_report_page(report, out)


def _read_video(name: str, times: Sequence[float]) -> list[tuple[float, RGB]]:
    return read_frames(Path(name), times)


def _mistakes(
    truth: Sequence[VideoEvents],
    predictions: Sequence[VideoEvents],
    scores: Mapping[str, Scores],
    threshold: float,
    frames: FrameReader,
) -> list[ShownMistake]:
    """The misses with the lowest scores, then the false positives with the highest."""
    by_video = {video.video: video for video in predictions}
    misses: list[tuple[str, ShownMistake]] = []
    false_positives: list[tuple[str, ShownMistake]] = []

    for video in truth:
        if video.video not in by_video:
            continue
        match = match_events(video, by_video[video.video], TOLERANCE, threshold=threshold)
        name = Path(video.video).name
        for event in match.misses:
            score = _highest_near(scores.get(video.video), event)
            miss = ShownMistake(name, "miss", event.label, event.start, score)
            misses.append((video.video, miss))
        for event in match.false_positives:
            alarm = ShownMistake(name, "false positive", event.label, event.start, event.score)
            false_positives.append((video.video, alarm))
    misses.sort(key=lambda entry: entry[1].score or 0.0)
    false_positives.sort(key=lambda entry: entry[1].score or 0.0, reverse=True)
    offsets = (np.arange(STRIP_FRAMES) - STRIP_FRAMES // 2) * STRIP_SPACING
    return [
        replace(shown, frames=frames(path, (shown.time + offsets).clip(0).tolist()))
        for path, shown in misses[:MISTAKES_SHOWN] + false_positives[:MISTAKES_SHOWN]
    ]


def _highest_near(scores: Scores | None, event: Event) -> float | None:
    """The highest score of the event's class within the tolerance; None without any score."""
    if scores is None or event.label not in scores.classes:
        return None
    near = np.abs(scores.times - event.start) <= TOLERANCE / 2
    values = scores.values[near, scores.classes.index(event.label)]
    values = values[~np.isnan(values)]
    return float(values.max()) if len(values) else None


def _timelines(
    truth: Sequence[VideoEvents],
    predictions: Sequence[VideoEvents],
    scores: Mapping[str, Scores],
) -> list[Timeline]:
    by_video = {video.video: video for video in predictions}
    return [
        Timeline(
            name=Path(video.video).name,
            duration=_duration(scores[video.video]),
            truth=video,
            predictions=by_video[video.video],
            scores=scores[video.video],
        )
        for video in truth
        if video.video in by_video and video.video in scores
    ]


def _tiles(
    metrics: Mapping[str, float], truth: Sequence[VideoEvents], durations: Mapping[str, float]
) -> dict[str, float]:
    tiles = {
        "mAP@1": metrics["map@1"],
        "tight mAP": metrics["tight"],
        "loose mAP": metrics["loose"],
        "mAP within 2 frames": metrics["frame_map@2"],
        "best F1": metrics["best_f1"],
        "confused classes, mAP@1": confused_map(truth),
    }
    if all(video.video in durations for video in truth):
        tiles["chance, mAP@1"] = chance_map(truth, durations)
    return tiles


def _curves(truth: Sequence[VideoEvents], predictions: Sequence[VideoEvents]) -> list[Line]:
    curves = precision_recall(truth, predictions, tolerance=TOLERANCE)
    return [
        Line(name=label, x=curve.recall.tolist(), y=curve.precision.tolist())
        for label, curve in curves.items()
    ]


def _summary(truth: Sequence[VideoEvents], durations: Mapping[str, float]) -> str:
    events = sum(len(video.events) for video in truth)
    minutes = sum(durations.values()) / 60
    return f"{len(truth)} videos, {minutes:.1f} minutes, {events} events"


def _best_threshold(truth: Sequence[VideoEvents], predictions: Sequence[VideoEvents]) -> float:
    threshold = best_f1(truth, predictions, tolerance=TOLERANCE).overall.threshold
    return 0.5 if threshold is None else threshold


def durations_of(scores: Mapping[str, Scores]) -> dict[str, float]:
    """The duration of each video in seconds, from the grid of its scores."""
    return {name: _duration(grid) for name, grid in scores.items()}


def _duration(scores: Scores) -> float:
    return float(2 * scores.times[-1] - scores.times[-2]) if len(scores.times) > 1 else 1.0
