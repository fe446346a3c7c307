"""Evaluation of predicted events against the ground truth."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from playhead.errors import LabelError
from playhead.events.manifest import read_manifest
from playhead.events.model import VideoEvents
from playhead.metrics.spotting import SpottingResult, evaluate_spotting
from playhead.spotting.truth import pair_videos, read_predictions, read_truth

__all__ = ["Evaluation", "evaluate_folder", "measure", "pair_events", "read_pairs"]

SHOWN = ("map@1", "tight", "loose", "frame_map@2", "best_f1", "truths", "predictions")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The metrics of the predictions for `videos` videos."""

    videos: int
    result: SpottingResult

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping: job, metrics, per_class."""
        return {"job": "spotting", "videos": self.videos, **self.result.to_json()}

    def rows(self) -> list[dict[str, Any]]:
        """A row for each class, and one for all, to print."""
        whole = {**self.result.metrics}
        for count in ("truths", "predictions"):
            whole[count] = sum(values[count] for values in self.result.per_class.values())
        named = {**self.result.per_class, "all": whole}
        return [
            {"class": label, **{name: _shown(name, values) for name in SHOWN}}
            for label, values in named.items()
        ]


def evaluate_folder(
    truth: Path, predictions: Path, *, split: str | None = None, rate: str | None = None
) -> Evaluation:
    """Evaluate a folder of predictions; all events of a video without predictions are missed."""
    annotated, predicted = read_pairs(truth, predictions, split=split, rate=rate)
    return Evaluation(len(annotated), measure(annotated, predicted, rate=rate))


def read_pairs(
    truth: Path, predictions: Path, *, split: str | None = None, rate: str | None = None
) -> tuple[list[VideoEvents], list[VideoEvents]]:
    """Read ground truth and predictions and pair them; with a split, only for its videos.

    Raises LabelError for predictions of videos that the truth does not have in any split, and if
    none is left.
    """
    annotated, predicted = read_truth(truth, split=split, rate=rate), read_predictions(predictions)
    if split is not None:
        videos = [row.video.as_posix() for row in read_manifest(truth)]
        chosen = {video.video for video in annotated}
        indices = pair_videos([video.video for video in predicted], videos)
        predicted = [
            video
            for video, index in zip(predicted, indices, strict=True)
            if index is None or videos[index] in chosen
        ]
        if not predicted:
            raise LabelError(
                f"{predictions}: has no predictions for the videos of the split {split!r}; predict "
                "them first"
            )
    return pair_events(annotated, predicted)


def measure(
    truth: Sequence[VideoEvents], predictions: Sequence[VideoEvents], *, rate: str | None = None
) -> SpottingResult:
    """Every metric, by frames if all events have them, else by times and `rate`."""
    videos = (*truth, *predictions)
    if not all(event.frame is not None for video in videos for event in video.events):
        truth, predictions = _without_frames(truth), _without_frames(predictions)
    if rate is None:
        return evaluate_spotting(truth, predictions)
    exact = Fraction(rate)
    return evaluate_spotting(truth, predictions, rate=round(exact), frame_rate=exact)


def pair_events(
    truth: Sequence[VideoEvents], predictions: Sequence[VideoEvents]
) -> tuple[list[VideoEvents], list[VideoEvents]]:
    """Give each prediction the name of its video in the truth.

    Raises LabelError for a prediction that belongs to no video of the truth.
    """
    indices = pair_videos([video.video for video in predictions], [video.video for video in truth])
    named = []
    for prediction, index in zip(predictions, indices, strict=True):
        if index is None:
            raise LabelError(
                f"{prediction.video}: the ground truth does not have the video of these "
                "predictions; predict into another folder"
            )
        named.append(replace(prediction, video=truth[index].video))
    return list(truth), named


def _without_frames(videos: Sequence[VideoEvents]) -> list[VideoEvents]:
    return [
        replace(video, events=tuple(replace(event, frame=None) for event in video.events))
        for video in videos
    ]


def _shown(name: str, values: dict[str, float]) -> float | int | None:
    value = values.get(name)
    return int(value) if name in {"truths", "predictions"} and value is not None else value
