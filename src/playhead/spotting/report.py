"""The report of spotting: scores and events beside the truth, and the worst mistakes to look at."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playhead.errors import DamagedError
from playhead.events.model import Event, VideoEvents
from playhead.inference.scores import Scores, read_scores
from playhead.media import Video, open_video
from playhead.metrics.curves import best_f1, precision_recall
from playhead.metrics.matching import match_events
from playhead.metrics.soccernet_map import TIGHT
from playhead.metrics.spotting import chance_map, confused_map
from playhead.report.curves import Line
from playhead.report.made import training_curves, versions
from playhead.spotting.evaluate import measure, read_pairs
from playhead.spotting.page import Report, Strip, Timeline, write_html
from playhead.spotting.truth import SCORES, pair_videos

__all__ = [
    "Pictures",
    "durations_of",
    "read_scores_of",
    "report_of",
    "video_pictures",
    "write_report",
]

TOLERANCE = 1.0
STRIPS = 6
STRIP_PICTURES = 5
STRIP_SECONDS = 0.2
STRIP_WIDTH = 448

Pictures = Callable[[str, Sequence[float]], list[tuple[float, NDArray[np.uint8]]]]
"""Pictures of a video, RGB (H, W, 3), for the frames nearest to some times in seconds."""


def write_report(
    truth: Path,
    predictions: Path,
    out: Path,
    *,
    split: str | None = None,
    run: Path | None = None,
) -> Path:
    """Write the report of a folder of saved scores and events; needs no model."""
    real, made = read_pairs(truth, predictions, split=split)
    return report_of(real, made, read_scores_of(predictions, real), out, run=run)


def read_scores_of(folder: Path, truth: Sequence[VideoEvents]) -> dict[str, Scores]:
    """The saved scores of each video of the truth that has any."""
    files = sorted(folder.rglob(f"*{SCORES}"))
    names = [str(path.relative_to(folder))[: -len(SCORES)] for path in files]
    places = pair_videos(names, [one.video for one in truth])
    return {
        truth[place].video: read_scores(path)
        for path, place in zip(files, places, strict=True)
        if place is not None
    }


def report_of(
    truth: Sequence[VideoEvents],
    predictions: Sequence[VideoEvents],
    scores: Mapping[str, Scores],
    out: Path,
    *,
    title: str = "Spotting",
    run: Path | None = None,
    pictures: Pictures | None = None,
) -> Path:
    """Write the report and return its path.

    scores: by video, also the videos' durations; pictures: where film strips come from, the
    videos themselves by default.
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
        strips=_strips(truth, predictions, scores, threshold, pictures or video_pictures),
        training=[] if run is None else training_curves(run),
        config="" if run is None else (run / "config.yaml").read_text(encoding="utf-8"),
        versions=versions(),
    )
    return write_html(report, out)


def video_pictures(name: str, times: Sequence[float]) -> list[tuple[float, NDArray[np.uint8]]]:
    """Pictures read from the video itself, at most 448 wide; none of what cannot be read.

    A video that is not there has none: labels of one's own may name it alone.
    """
    if not Path(name).is_file():
        return []
    with open_video(name) as video:
        frames = sorted(set(video.nearest(np.asarray(times)).tolist()))
        width = min(STRIP_WIDTH, video.width)
        size = (width, max(1, round(video.height * width / video.width)))
        found = [(float(video.times[frame]), _picture(video, frame, size)) for frame in frames]
    return [(time, picture) for time, picture in found if picture is not None]


def _picture(video: Video, frame: int, size: tuple[int, int]) -> NDArray[np.uint8] | None:
    try:
        picture: NDArray[np.uint8] = video.read([frame], size=size)[0]
        return picture
    except DamagedError:  # an event in a damaged stretch is missed for just this reason
        return None


@dataclass(frozen=True, slots=True)
class _Mistake:
    video: str
    kind: str
    event: Event
    score: float | None
    weight: float


def _mistakes(
    truth: Sequence[VideoEvents],
    predictions: Sequence[VideoEvents],
    scores: Mapping[str, Scores],
    threshold: float,
) -> list[_Mistake]:
    """The misses that the model saw least of, then the false alarms it was surest of."""
    made = {one.video: one for one in predictions}
    misses, alarms = [], []
    for real in truth:
        if real.video not in made:
            continue
        found = match_events(real, made[real.video], TOLERANCE, threshold=threshold)
        for event in found.misses:
            seen = _highest_near(scores.get(real.video), event)
            misses.append(_Mistake(real.video, "miss", event, seen, -(seen or 0.0)))
        alarms += [
            _Mistake(real.video, "false alarm", event, event.score, event.score)
            for event in found.false_alarms
        ]

    def worst(mistakes: list[_Mistake]) -> list[_Mistake]:
        return sorted(mistakes, key=lambda one: one.weight, reverse=True)[:STRIPS]

    return worst(misses) + worst(alarms)


def _strips(
    truth: Sequence[VideoEvents],
    predictions: Sequence[VideoEvents],
    scores: Mapping[str, Scores],
    threshold: float,
    pictures: Pictures,
) -> list[Strip]:
    offsets = (np.arange(STRIP_PICTURES) - STRIP_PICTURES // 2) * STRIP_SECONDS
    return [
        Strip(
            video=Path(one.video).name,
            kind=one.kind,
            label=one.event.label,
            time=one.event.start,
            score=one.score,
            pictures=pictures(one.video, (one.event.start + offsets).clip(0).tolist()),
        )
        for one in _mistakes(truth, predictions, scores, threshold)
    ]


def _highest_near(scores: Scores | None, event: Event) -> float | None:
    """The highest score of the event's class within the tolerance, None where nothing was seen."""
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
    made = {one.video: one for one in predictions}
    return [
        Timeline(
            name=Path(real.video).name,
            duration=_duration(scores[real.video]),
            truth=real,
            predictions=made[real.video],
            scores=scores[real.video],
        )
        for real in truth
        if real.video in made and real.video in scores
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
    if all(one.video in durations for one in truth):
        tiles["chance, mAP@1"] = chance_map(truth, durations)
    return tiles


def _curves(truth: Sequence[VideoEvents], predictions: Sequence[VideoEvents]) -> list[Line]:
    found = precision_recall(truth, predictions, tolerance=TOLERANCE)
    return [
        Line(name=label, x=curve.recall.tolist(), y=curve.precision.tolist())
        for label, curve in found.items()
    ]


def _summary(truth: Sequence[VideoEvents], durations: Mapping[str, float]) -> str:
    events = sum(len(one.events) for one in truth)
    minutes = sum(durations.values()) / 60
    return f"{len(truth)} videos, {minutes:.1f} minutes, {events} events"


def _best_threshold(truth: Sequence[VideoEvents], predictions: Sequence[VideoEvents]) -> float:
    threshold = best_f1(truth, predictions, tolerance=TOLERANCE).overall.threshold
    return 0.5 if threshold is None else threshold


def durations_of(scores: Mapping[str, Scores]) -> dict[str, float]:
    """Seconds of each video, from its grid."""
    return {name: _duration(one) for name, one in scores.items()}


def _duration(scores: Scores) -> float:
    return float(2 * scores.times[-1] - scores.times[-2]) if len(scores.times) > 1 else 1.0
