"""Evaluation of segments against ground truth: boundaries, precision and recall, false skips."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from playhead.episodes.results import EVENTS, SEASON, find_season_files, read_season
from playhead.episodes.segments import KINDS
from playhead.errors import LabelError
from playhead.events.formats import native, read_events, read_row
from playhead.events.formats.detect import detect
from playhead.events.manifest import read_manifest
from playhead.events.model import VideoEvents
from playhead.events.pairing import pair_videos
from playhead.media import open_video
from playhead.metrics.spans import SpanEvaluation, SpanResult, evaluate_spans

__all__ = ["EpisodeEvaluation", "Pairs", "evaluate_episodes", "evaluate_pairs", "read_pairs"]

FREE_SECONDS = 1.0
"""The contest's score forgives an error of this many seconds."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Ground truth and predictions under the same names, and the videos' durations in seconds."""

    truth: tuple[VideoEvents, ...]
    predictions: tuple[VideoEvents, ...]
    durations: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class EpisodeEvaluation:
    """The metrics of `videos` videos."""

    videos: int
    result: SpanEvaluation

    @property
    def score(self) -> float | None:
        """Mean of max(0, |error| - 1 s) over ends of openings and starts of endings that were hit.

        The contest asks for these two; there every clip has its boundary, and here what was missed
        counts in the recall. None if nothing was hit.
        """
        errors = []
        for _, real, guess in self.result.total.pairs:
            match real.label:
                case "opening":
                    errors.append((guess.end or 0.0) - (real.end or 0.0))
                case "ending":
                    errors.append(guess.start - real.start)
        late = np.maximum(0.0, np.abs(errors) - FREE_SECONDS)
        return float(late.mean()) if errors else None

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping: job, metrics, per_class."""
        return {
            "job": "episodes",
            "videos": self.videos,
            "metrics": {
                "score": self.score,
                **_figures(self.result.total),
                "false_skip_seconds_per_hour": self.result.false_skip_seconds_per_hour,
            },
            "per_class": {kind: _figures(result) for kind, result in self._kinds.items()},
        }

    def rows(self) -> list[dict[str, Any]]:
        """A row for each kind, and one for all, to print."""
        return [
            {"kind": name, **_figures(result)}
            for name, result in {**self._kinds, "all": self.result.total}.items()
        ]

    @property
    def _kinds(self) -> dict[str, SpanResult]:
        """The kinds that occur."""
        return {
            kind: result
            for kind, result in self.result.kinds.items()
            if result.overlap.truths or result.overlap.predictions
        }


def evaluate_episodes(
    truth: Path, predictions: Path, *, split: str | None = None
) -> EpisodeEvaluation:
    """Evaluate a folder of predictions; all segments of a video without predictions are missed.

    truth: a manifest (of which `split` selects videos), a label file, or a folder of them
    predictions: a folder of `X.events.json`, as `match` writes it, corrected or not
    Raises LabelError for predictions of a video that the truth does not have.
    """
    return evaluate_pairs(read_pairs(truth, predictions, split=split))


def evaluate_pairs(pairs: Pairs) -> EpisodeEvaluation:
    """The same with labels that were read already."""
    result = evaluate_spans(pairs.truth, pairs.predictions, kinds=KINDS, durations=pairs.durations)
    return EpisodeEvaluation(len(pairs.truth), result)


def read_pairs(truth: Path, predictions: Path, *, split: str | None = None) -> Pairs:
    """Read ground truth and predictions; times stay as they are written, between frames too.

    Durations come from `season.json` beside the predictions, else from the labels' frames and rate,
    else from the videos of the manifest.
    """
    annotated, excluded, files = _read_truth(truth, split)
    names = [*(video.video for video in annotated), *excluded]
    folder = predictions if predictions.is_dir() else predictions.parent
    paths = sorted(predictions.rglob(f"*{EVENTS}")) if predictions.is_dir() else [predictions]
    if not paths or not predictions.exists():
        raise LabelError(
            f"{predictions}: has no {EVENTS} files; write them with `playhead episodes match`"
        )
    stems = [path.relative_to(folder).as_posix()[: -len(EVENTS)] for path in paths]
    predicted = []
    for path, index in zip(paths, pair_videos(stems, names), strict=True):
        if index is None:
            raise LabelError(
                f"{path}: the ground truth does not have the video of these predictions; match "
                "into another folder"
            )
        if index < len(annotated):
            predicted.append(replace(native.read(path), video=names[index]))
    if not predicted:
        raise LabelError(f"{predictions}: has no predictions for the videos of the split {split!r}")
    return Pairs(tuple(annotated), tuple(predicted), _durations(annotated, folder, files))


def _read_truth(
    path: Path, split: str | None
) -> tuple[list[VideoEvents], list[str], dict[str, Path]]:
    """The labels, the names of videos outside of the split, and the files of videos by name."""
    if not path.is_file() or detect(path) != "manifest":
        if split is not None:
            raise LabelError(f"{path}: --split needs a manifest with a split column")
        return _read_labels(path), [], {}
    rows = read_manifest(path)
    chosen = [row for row in rows if split is None or row.split == split]
    if not chosen:
        raise LabelError(f"{path}: no video has the split {split!r}; check the split column")
    videos = [
        VideoEvents(video=row.name, classes=())  # an episode without any segment
        if row.labels is None
        else read_row(row)
        for row in chosen
    ]
    return (
        videos,
        [row.name for row in rows if row not in chosen],
        {row.name: row.video for row in chosen},
    )


def _read_labels(path: Path) -> list[VideoEvents]:
    """The labels of a file, or of a folder, where series may have episodes of equal names."""
    files = sorted(path.rglob(f"*{EVENTS}")) if path.is_dir() else []
    if not files:
        return list(read_events(path))
    videos = []
    for file in files:
        video, folder = native.read(file), file.parent.relative_to(path)
        videos.append(replace(video, video=(folder / PurePath(video.video).name).as_posix()))
    names = [video.video for video in videos]
    for name in [name for name in names if names.count(name) > 1][:1]:
        raise LabelError(f"{path}: two files have the events of {name!r}; keep one of them")
    return videos


def _durations(
    truth: Sequence[VideoEvents], predictions: Path, files: Mapping[str, Path]
) -> dict[str, float]:
    """Seconds of each video whose length is known."""
    recorded: dict[str, float] = {}
    for path in find_season_files(predictions) if any(predictions.rglob(f"*{SEASON}")) else ():
        season = read_season(path)
        folder = path.parent.relative_to(predictions)
        for record in (*season.episodes, *season.absent):
            if record.result.duration:
                name = (folder / record.result.video).as_posix()
                recorded[name] = record.result.duration
    names = [video.video for video in truth]
    durations = {
        names[index]: duration
        for duration, index in zip(
            recorded.values(), pair_videos(list(recorded), names), strict=True
        )
        if index is not None
    }
    for video in truth:
        if video.video in durations:
            continue
        file = files.get(video.video)
        if video.frames is not None and video.rate is not None:
            durations[video.video] = float(video.frames / video.rate)
        elif file is not None and file.is_file():
            with open_video(file) as opened:
                durations[video.video] = opened.duration
    return durations


def _figures(result: SpanResult) -> dict[str, float | int | None]:
    return {
        "median_error": result.errors.median,
        "p90_error": result.errors.p90,
        "max_error": result.errors.max,
        "precision": result.overlap.precision,
        "recall": result.overlap.recall,
        "precision_at_half_second": result.near.precision,
        "recall_at_half_second": result.near.recall,
        "truths": result.overlap.truths,
        "predictions": result.overlap.predictions,
    }
