"""Evaluation: predicted events against the truth, with what chance would reach beside it."""

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
    """The figures of some predictions."""

    videos: int
    result: SpottingResult

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping: job, metrics, per_class."""
        return {"job": "spotting", "videos": self.videos, **self.result.to_json()}

    def rows(self) -> list[dict[str, Any]]:
        """A row a class and one for all, for people."""
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
    """Measure a folder of predictions; a video without a prediction counts as nothing found."""
    real, made = read_pairs(truth, predictions, split=split, rate=rate)
    return Evaluation(len(real), measure(real, made, rate=rate))


def read_pairs(
    truth: Path, predictions: Path, *, split: str | None = None, rate: str | None = None
) -> tuple[list[VideoEvents], list[VideoEvents]]:
    """Read both sides and pair them; of a split, predictions for the other videos are left out.

    Raises LabelError for predictions of videos that the truth does not hold in any split, and
    where none is left.
    """
    real, made = read_truth(truth, split=split, rate=rate), read_predictions(predictions)
    if split is not None:
        videos = [row.video.as_posix() for row in read_manifest(truth)]
        chosen = {one.video for one in real}
        places = pair_videos([one.video for one in made], videos)
        made = [
            one
            for one, place in zip(made, places, strict=True)
            if place is None or videos[place] in chosen
        ]
        if not made:
            raise LabelError(f"{predictions}: holds no predictions for the videos of {split!r}")
    return pair_events(real, made)


def measure(
    truth: Sequence[VideoEvents], predictions: Sequence[VideoEvents], *, rate: str | None = None
) -> SpottingResult:
    """Every metric. Frames count where both sides know them all, else time and `rate` do."""
    if not all(event.frame is not None for one in (*truth, *predictions) for event in one.events):
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
    places = pair_videos([one.video for one in predictions], [one.video for one in truth])
    named = []
    for prediction, place in zip(predictions, places, strict=True):
        if place is None:
            raise LabelError(
                f"{prediction.video}: predictions for a video that the truth does not hold; "
                "predict into another folder"
            )
        named.append(replace(prediction, video=truth[place].video))
    return list(truth), named


def _without_frames(videos: Sequence[VideoEvents]) -> list[VideoEvents]:
    return [
        replace(one, events=tuple(replace(event, frame=None) for event in one.events))
        for one in videos
    ]


def _shown(name: str, values: dict[str, float]) -> float | int | None:
    value = values.get(name)
    return int(value) if name in {"truths", "predictions"} and value is not None else value
