"""Evaluation of predicted events against the ground truth, beside chance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from playhead.errors import LabelError
from playhead.events.model import VideoEvents
from playhead.inference.scores import Scores
from playhead.media import open_video
from playhead.metrics.headline import Headline, choose_headline
from playhead.metrics.matching import match_events
from playhead.metrics.references import chance
from playhead.metrics.spotting import SpottingResult, evaluate_spotting
from playhead.output import counted
from playhead.spotting.lengths import length_of, video_lengths
from playhead.spotting.predict import decide, ranked_peaks
from playhead.spotting.truth import (
    DataSet,
    is_run,
    names_listed,
    open_data_set,
    pair_names,
    read_predictions,
    read_scores_of,
    read_truth,
    truth_of,
)

__all__ = [
    "Counts",
    "Evaluation",
    "by_frames_or_times",
    "evaluate_folder",
    "evaluate_videos",
    "measure",
    "pair_events",
    "read_pairs",
]

SHOWN = ("map@1", "tight", "loose", "frame_map@2", "best_f1")
COUNTED = ("truths", "predictions")


@dataclass(frozen=True, slots=True)
class Counts:
    """The events of one video, of all classes or of one; a hit is within the headline's window."""

    video: str
    truths: int
    predictions: int
    hits: int

    @property
    def misses(self) -> int:
        """True events without a prediction."""
        return self.truths - self.hits

    @property
    def count_error(self) -> int:
        """Predicted minus true events."""
        return self.predictions - self.truths

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            "video": self.video,
            "truths": self.truths,
            "predictions": self.predictions,
            "hits": self.hits,
            "misses": self.misses,
            "count_error": self.count_error,
        }


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The metrics of predictions, and what guessing reaches on the same videos.

    videos: their number in the ground truth
    result: AP and F1 by name, over all and of each class
    ranked: the predictions of `result`: all peaks of saved scores, else those that were decided
    headline: the metric to judge by
    counts: of each video, of all predictions as they were decided; per_class: of each class
    chance: the metrics of `result` for as many events as are true at random times and scores
    without_predictions: names of videos whose events are all missed, since they have no predictions
    trained_on: videos that have the split `train`
    """

    videos: int
    result: SpottingResult
    ranked: tuple[VideoEvents, ...]
    headline: Headline
    counts: tuple[Counts, ...]
    per_class: Mapping[str, tuple[Counts, ...]]
    chance: Mapping[str, float]
    without_predictions: tuple[str, ...] = ()
    trained_on: int = 0

    @property
    def metrics(self) -> dict[str, float]:
        """All metrics by name, with `precision`, `recall`, `f1` and `count_error`."""
        return {**self.result.metrics, **_count_metrics(self.counts)}

    def class_metrics(self) -> dict[str, dict[str, float]]:
        """As `metrics`, of each class."""
        return {
            label: {
                **values,
                **_count_metrics(self.per_class[label]),
                "predictions": float(sum(video.predictions for video in self.per_class[label])),
            }
            for label, values in self.result.per_class.items()
        }

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping: job, metrics, per_class, and what they stand beside."""
        return {
            "job": "spotting",
            "videos": self.videos,
            "metrics": self.metrics,
            "per_class": self.class_metrics(),
            "chance": dict(self.chance),
            "headline": self.headline.to_json(),
            "per_video": [counts.to_json() for counts in self.counts],
            "videos_without_predictions": list(self.without_predictions),
        }

    def rows(self) -> list[dict[str, Any]]:
        """A row for each class, one for all, and one for chance, to print."""
        names = tuple(dict.fromkeys((self.headline.metric, *SHOWN)))
        whole: dict[str, float] = {**self.metrics}
        for name in COUNTED:
            whole[name] = sum(values[name] for values in self.class_metrics().values())
        named: dict[str, Mapping[str, float]] = {**self.class_metrics(), "all": whole}
        rows = [
            {
                "class": label,
                **{name: values.get(name) for name in names},
                **{name: int(values[name]) for name in COUNTED},
                "count_error": values["count_error"],
            }
            for label, values in named.items()
        ]
        guessed = {name: self.chance.get(name) for name in names}
        return [
            *rows,
            {"class": "chance", **guessed, **dict.fromkeys((*COUNTED, "count_error"))},
        ]

    def notes(self) -> list[str]:
        """Lines to print below the rows."""
        notes = [
            self.headline.reason(),
            f"counts: {self.describe_counts()}",
            "chance: as many events as are true, at random times with random scores",
        ]
        if self.trained_on:
            notes.append(
                f"{self.trained_on} of {counted(self.videos, 'video')} have the split train, so "
                "these figures may be too good; --split valid or test measures others"
            )
        if self.without_predictions:
            missing = len(self.without_predictions)
            notes.append(
                f"{missing} of {counted(self.videos, 'video')} of the ground truth "
                f"{'has' if missing == 1 else 'have'} no predictions, so all their events count as "
                f"missed: {names_listed(self.without_predictions)}"
            )
        return notes

    def describe(self) -> str:
        """The headline and its chance in a few words, then the counts if events are dense."""
        name = self.headline.metric
        shown = "mAP@1" if name == "map@1" else name
        text = f"{shown} {self.metrics[name]:.3f} (chance {self.chance[name]:.3f})"
        return f"{text}, {self.describe_counts()}" if self.headline.dense else text

    def describe_counts(self) -> str:
        """Numbers of predicted and true events, and how far they differ in a video."""
        predictions = sum(counts.predictions for counts in self.counts)
        truths = sum(counts.truths for counts in self.counts)
        error = self.metrics["count_error"]
        return f"{predictions:,} events for {truths:,} true ones, off by {error:.1f} in a video"


def evaluate_folder(
    truth: Path, predictions: Path, *, split: str | None = None, rate: str | None = None
) -> Evaluation:
    """Evaluate saved predictions; all events of a video without predictions are missed.

    truth, predictions: as `spotting.truth` accepts them
    """
    data = open_data_set(truth)
    annotated, predicted = _pairs_of(data, truth, predictions, split, rate)
    scores = read_scores_of(predictions, annotated)
    found = evaluate_videos(annotated, predicted, scores, rate=rate)
    rows = () if data is None else data.rows
    trained = {row.video.as_posix() for row in rows if row.split == "train"}
    return replace(found, trained_on=len(trained & {video.video for video in predicted}))


def evaluate_videos(
    truth: Sequence[VideoEvents],
    predictions: Sequence[VideoEvents],
    scores: Mapping[str, Scores] | None = None,
    *,
    rate: str | None = None,
) -> Evaluation:
    """Evaluate paired predictions, see `pair_events`.

    scores: saved ones by video. From them come the lower peaks that AP and F1 rank, if the
        predictions are still as they were decided, and the lengths for chance; without them
        these are estimated from the events
    """
    scores = scores or {}
    ranked = [_ranked(video, scores.get(video.video)) for video in predictions]
    result = measure(truth, ranked, rate=rate)
    truth, predictions = by_frames_or_times(truth, predictions)
    headline = choose_headline(truth, 25 if rate is None else Fraction(rate))
    predicted = {video.video: video for video in predictions}
    counts = []
    per_class: dict[str, list[Counts]] = {label: [] for label in result.per_class}
    for video in truth:
        guesses = predicted.get(video.video, VideoEvents(video=video.video, classes=video.classes))
        declared = replace(video, classes=tuple(result.per_class))
        matches = match_events(declared, guesses, headline.width)
        counts.append(
            Counts(video.video, len(video.events), len(guesses.events), len(matches.hits))
        )
        for label, column in per_class.items():
            hits = [event for event, _ in matches.hits if event.label == label]
            column.append(
                Counts(video.video, _count(video, label), _count(guesses, label), len(hits))
            )

    lengths = {name: length_of(grid) for name, grid in scores.items()}
    known = video_lengths(truth, predictions, lengths, rate=rate)
    guessed = chance(truth, known, lambda guesses: measure(truth, guesses, rate=rate).metrics)
    return Evaluation(
        videos=len(truth),
        result=result,
        ranked=tuple(ranked),
        headline=headline,
        counts=tuple(counts),
        per_class={label: tuple(column) for label, column in per_class.items()},
        chance=guessed,
        without_predictions=tuple(v.video for v in truth if v.video not in predicted),
    )


def read_pairs(
    truth: Path, predictions: Path, *, split: str | None = None, rate: str | None = None
) -> tuple[list[VideoEvents], list[VideoEvents]]:
    """Read ground truth and predictions and pair them; with a split, only for its videos.

    The predictions of a run folder are those of its validation videos, so if the truth is a
    configuration or a run, and no split is given, it is that of the validation videos too.
    Raises LabelError for predictions of videos that the truth does not have in any split, and if
    none is left.
    """
    return _pairs_of(open_data_set(truth), truth, predictions, split, rate)


def _pairs_of(
    data: DataSet | None, truth: Path, predictions: Path, split: str | None, rate: str | None
) -> tuple[list[VideoEvents], list[VideoEvents]]:
    """As `read_pairs`; data: the data set of `truth`, if it is one."""
    if data is not None and data.configured and split is None and is_run(predictions):
        split = "valid"
    if data is None:
        annotated = read_truth(truth, split=split, rate=rate)
    else:
        annotated = truth_of(data, split=split, rate=rate)
    videos = [] if data is None else [row.video.as_posix() for row in data.rows]
    predicted = read_predictions(predictions, rate=rate, times=_times_of(videos))
    if data is not None and len(annotated) < len(videos):
        chosen = {video.video for video in annotated}
        indices = pair_names([video.video for video in predicted], videos)
        predicted = [
            video
            for video, index in zip(predicted, indices, strict=True)
            if index is None or videos[index] in chosen
        ]
        if not predicted:
            of = "with labels" if split is None else f"of the split {split!r}"
            raise LabelError(
                f"{predictions}: has no predictions for the videos {of}; predict them first"
            )
    return pair_events(annotated, predicted)


def measure(
    truth: Sequence[VideoEvents], predictions: Sequence[VideoEvents], *, rate: str | None = None
) -> SpottingResult:
    """Every metric, by frames if all events have them, else by times and `rate`."""
    truth, predictions = by_frames_or_times(truth, predictions)
    if rate is None:
        return evaluate_spotting(truth, predictions)
    exact = Fraction(rate)
    return evaluate_spotting(truth, predictions, rate=round(exact), frame_rate=exact)


def by_frames_or_times(
    truth: Sequence[VideoEvents], predictions: Sequence[VideoEvents]
) -> tuple[Sequence[VideoEvents], Sequence[VideoEvents]]:
    """The same events, without their frames if any of them has none."""
    videos = (*truth, *predictions)
    if all(event.frame is not None for video in videos for event in video.events):
        return truth, predictions
    return _without_frames(truth), _without_frames(predictions)


def pair_events(
    truth: Sequence[VideoEvents], predictions: Sequence[VideoEvents]
) -> tuple[list[VideoEvents], list[VideoEvents]]:
    """Give each prediction the name of its video in the truth.

    Raises LabelError for a prediction that belongs to no video of the truth.
    """
    names = [video.video for video in truth]
    indices = pair_names([video.video for video in predictions], names)
    named = []
    for prediction, index in zip(predictions, indices, strict=True):
        if index is None:
            raise LabelError(
                f"{prediction.video}: the ground truth does not have the video of these "
                f"predictions; its videos are {names_listed(names)}. Predict into another folder, "
                "or give the truth of this video"
            )
        named.append(replace(prediction, video=truth[index].video))
    return list(truth), named


def _ranked(predicted: VideoEvents, scores: Scores | None) -> VideoEvents:
    """All peaks of the scores, or the predictions if they were not decided from these."""
    if scores is None:
        return predicted
    decided = [(event.label, event.frame) for event in decide(scores).events]
    if [(event.label, event.frame) for event in predicted.events] != decided:
        return predicted
    return replace(ranked_peaks(scores), video=predicted.video)


def _times_of(videos: Sequence[str]) -> Callable[[str], Any]:
    """The times of the frames of a video, for predictions that name it in their own way."""

    def times(name: str) -> Any:
        [index] = pair_names([name], videos)
        if index is None:
            return None
        with open_video(Path(videos[index])) as video:
            return video.times

    return times


def _count_metrics(counts: Sequence[Counts]) -> dict[str, float]:
    hits = sum(video.hits for video in counts)
    predictions = sum(video.predictions for video in counts)
    truths = sum(video.truths for video in counts)
    errors = [abs(video.count_error) for video in counts]
    return {
        "precision": hits / predictions if predictions else 0.0,
        "recall": hits / truths if truths else 0.0,
        "f1": 2 * hits / (predictions + truths) if predictions + truths else 0.0,
        "count_error": float(np.mean(errors)) if errors else 0.0,
    }


def _count(video: VideoEvents, label: str) -> int:
    return sum(event.label == label for event in video.events)


def _without_frames(videos: Sequence[VideoEvents]) -> list[VideoEvents]:
    return [
        replace(video, events=tuple(replace(event, frame=None) for event in video.events))
        for video in videos
    ]
