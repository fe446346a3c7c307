"""The report of spotting: scores and events beside the ground truth and chance, and the mistakes.

Written from saved scores and events, without a model.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from playhead.events.model import VideoEvents
from playhead.inference.scores import Scores
from playhead.metrics.curves import best_f1, precision_recall
from playhead.metrics.frame_map import frame_map
from playhead.metrics.headline import Headline
from playhead.metrics.references import chance
from playhead.metrics.spotting import confused_map
from playhead.output import counted
from playhead.report.curves import Line, training_curves
from playhead.report.provenance import versions
from playhead.report.tables import Cell
from playhead.spotting.evaluate import (
    Evaluation,
    by_frames_or_times,
    evaluate_videos,
    read_pairs,
)
from playhead.spotting.lengths import length_of, video_lengths
from playhead.spotting.mistakes import FrameReader, worst_mistakes
from playhead.spotting.moments import local_link
from playhead.spotting.page import write_report_page
from playhead.spotting.report_data import Report, Table, Timeline
from playhead.spotting.truth import is_run, read_scores_of

__all__ = [
    "FrameReader",
    "durations_of",
    "report_of",
    "write_report",
]

FRAMES: tuple[int, ...] = (0, 1, 2, 3, 4, 6, 8, 12, 18, 25, 37, 50, 75)
FEWEST_FRAMES = 6  # of these are shown where events are dense


def write_report(
    truth: Path,
    predictions: Path,
    out: Path,
    *,
    split: str | None = None,
    run: Path | None = None,
) -> Path:
    """Write the report of saved scores and events, and return its path.

    split: only its videos
    run: the training run, for its curves and configuration; by default `predictions` if it is one
    """
    annotated, predicted = read_pairs(truth, predictions, split=split)
    scores = read_scores_of(predictions, annotated)
    if run is None and is_run(predictions):
        run = predictions
    return report_of(annotated, predicted, scores, out, run=run)


def report_of(
    truth: Sequence[VideoEvents],
    predictions: Sequence[VideoEvents],
    scores: Mapping[str, Scores],
    out: Path,
    *,
    title: str = "Spotting",
    run: Path | None = None,
    frames: FrameReader | None = None,
    evaluation: Evaluation | None = None,
) -> Path:
    """Write the report and return its path.

    scores: by video; also give the duration of each video
    run: the training run, for its curves and configuration
    frames: reads the frames of film strips, by default from the video files
    evaluation: of these predictions, if it was computed already
    """
    measured = evaluation or evaluate_videos(truth, predictions, scores)
    headline = measured.headline
    tolerances, ap = _ap_by_frames(truth, measured.ranked, scores, headline)
    report = Report(
        title=title,
        summary=_summary(truth, durations_of(scores)),
        tiles=_tiles(measured, truth),
        note=". ".join([headline.reason().capitalize(), *measured.notes()[3:]]) + ".",
        metrics=_metrics(measured),
        per_class=_per_class(measured, truth),
        per_video=_per_video(measured),
        classes=list(measured.result.per_class),
        timelines=_timelines(truth, predictions, scores, out),
        tolerance=round(headline.width, 4),
        threshold=_threshold(predictions, scores),
        ap_frames=tolerances,
        ap=ap,
        precision_recall=[
            Line(name=label, x=curve.recall.tolist(), y=curve.precision.tolist())
            for label, curve in precision_recall(
                truth, measured.ranked, tolerance=headline.width
            ).items()
        ],
        mistakes=worst_mistakes(truth, predictions, scores, headline, page=out, frames=frames),
        training=[] if run is None else training_curves(run),
        config="" if run is None else (run / "config.yaml").read_text(encoding="utf-8"),
        versions=versions(),
    )
    return write_report_page(report, out)


def durations_of(scores: Mapping[str, Scores]) -> dict[str, float]:
    """The duration of each video in seconds, from the grid of its scores."""
    return {name: length_of(grid).seconds for name, grid in scores.items()}


def _ap_by_frames(
    truth: Sequence[VideoEvents],
    predictions: Sequence[VideoEvents],
    scores: Mapping[str, Scores],
    headline: Headline,
) -> tuple[tuple[int, ...], dict[str, list[float]]]:
    """Tolerances in frames, and the AP at each of them: of classes, of their mean and of chance.

    Where events are dense, tolerances end at the distance between them.
    """
    lengths = video_lengths(
        truth, predictions, {name: length_of(grid) for name, grid in scores.items()}
    )
    truth, predictions = by_frames_or_times(truth, predictions)
    tolerances = FRAMES
    if headline.dense and headline.spacing is not None:
        near = sum(k <= headline.spacing.frames for k in FRAMES)
        tolerances = FRAMES[: max(near, FEWEST_FRAMES)]

    def mean_ap(guesses: Sequence[VideoEvents]) -> dict[str, float]:
        by_frame = frame_map(truth, guesses, tolerances=tolerances)
        return {str(k): by_frame.map_at(k) for k in tolerances}

    found = frame_map(truth, predictions, tolerances=tolerances)
    ap = {label: found.ap[:, n].tolist() for n, label in enumerate(found.classes)}
    ap["mean"] = [found.map_at(k) for k in tolerances]
    ap["chance"] = list(chance(truth, lengths, mean_ap, repeats=3).values())
    return tolerances, ap


def _timelines(
    truth: Sequence[VideoEvents],
    predictions: Sequence[VideoEvents],
    scores: Mapping[str, Scores],
    page: Path,
) -> list[Timeline]:
    by_video = {video.video: video for video in predictions}
    return [
        Timeline(
            name=Path(video.video).name,
            duration=length_of(scores[video.video]).seconds,
            truth=video,
            predictions=by_video[video.video],
            scores=scores[video.video],
            link=local_link(Path(video.video), page),
        )
        for video in truth
        if video.video in by_video and video.video in scores
    ]


def _tiles(measured: Evaluation, truth: Sequence[VideoEvents]) -> dict[str, Cell]:
    metrics, name = measured.metrics, measured.headline.metric
    found = sum(counts.predictions for counts in measured.counts)
    true = sum(counts.truths for counts in measured.counts)
    shown = "mAP@1" if name == "map@1" else f"mAP within {counted(_frames_of(name), 'frame')}"
    tiles: dict[str, Cell] = {
        shown: metrics[name],
        f"chance, {shown}": measured.chance[name],
        "precision": metrics["precision"],
        "recall": metrics["recall"],
        "events found / true": f"{found:,} / {true:,}",
        "count error a video": f"{metrics['count_error']:.1f}",
    }
    if len(measured.result.per_class) > 1 and not measured.headline.dense:
        tiles["confused classes, mAP@1"] = confused_map(truth)
    return tiles


def _frames_of(name: str) -> int:
    return int(name.removeprefix("frame_map@"))


def _metrics(measured: Evaluation) -> Table:
    metrics = measured.metrics
    return Table(
        titles=("metric", "all classes", "chance"),
        rows=[(name, value, measured.chance.get(name)) for name, value in metrics.items()],
        bold=[list(metrics).index(measured.headline.metric)],
    )


def _per_class(measured: Evaluation, truth: Sequence[VideoEvents]) -> Table:
    best = best_f1(truth, measured.ranked, tolerance=measured.headline.width)
    rows: list[tuple[Cell, ...]] = []
    named = {**measured.class_metrics(), "all": measured.metrics}
    for label, values in named.items():
        counts = measured.counts if label == "all" else measured.per_class[label]
        f1 = best.overall if label == "all" else best.per_class[label]
        rows.append(
            (
                label,
                sum(video.truths for video in counts),
                sum(video.predictions for video in counts),
                sum(video.hits for video in counts),
                values["precision"],
                values["recall"],
                values["f1"],
                f1.f1,
                f1.threshold,
            )
        )
    titles = (
        "class",
        "events",
        "found",
        "hits",
        "precision",
        "recall",
        "F1",
        "best F1",
        "at score",
    )
    return Table(titles, rows, bold=[len(rows) - 1])


def _per_video(measured: Evaluation) -> Table:
    rows = [
        (
            Path(counts.video).name,
            counts.truths,
            counts.predictions,
            counts.hits,
            counts.misses,
            counts.predictions - counts.hits,
            counts.count_error,
        )
        for counts in measured.counts
    ]
    titles = ("video", "events", "found", "hits", "misses", "false positives", "count error")
    return Table(titles, rows)


def _threshold(predictions: Sequence[VideoEvents], scores: Mapping[str, Scores]) -> float:
    """The minimum score of an event in the decisions, else the lowest score there is."""
    heights = []
    for grid in scores.values():
        common = grid.decisions.get("min_height")
        classes = grid.decisions.get("per_class") or {}
        heights += [common, *(settings.get("min_height") for settings in classes.values())]
    known = [float(height) for height in heights if height is not None]
    lowest = known or [event.score for video in predictions for event in video.events]
    return math.floor(100 * min(max(min(lowest, default=0.0), 0.0), 1.0) + 1e-9) / 100


def _summary(truth: Sequence[VideoEvents], durations: Mapping[str, float]) -> str:
    events = sum(len(video.events) for video in truth)
    minutes = sum(durations.values()) / 60
    return f"{len(truth)} videos, {minutes:.1f} minutes, {events} events"
