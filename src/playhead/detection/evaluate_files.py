"""Evaluation of files: saved predictions against labels, with an HTML report on request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from playhead.detection.evaluate import (
    ImageEvaluation,
    measure_images,
    number,
    read_sets,
)
from playhead.detection.intervals import (
    Intervals,
    image_differences,
    image_intervals,
)
from playhead.detection.recorded_thresholds import read_record
from playhead.detection.report import write_detector_report
from playhead.errors import ConfigError
from playhead.metrics.bootstrap import Interval
from playhead.metrics.confusion import Confusion, confusion_matrix
from playhead.metrics.detection import counted_boxes
from playhead.output import print_error

__all__ = ["EvaluatedFiles", "evaluate_images"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedFiles:
    """The metrics, the confusion matrix at their thresholds, and the page if one was written.

    beside: difference of AP to other predictions, empty if there are none
    unpredicted: number of images that the predictions do not list
    """

    result: ImageEvaluation
    confusion: Confusion
    beside: Intervals
    report: Path | None
    unpredicted: int

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        document = {
            **self.result.to_json(),
            "confusion": self.confusion.to_json(),
            "without_prediction": self.unpredicted,
        }
        if self.beside:
            document["beside"] = {
                label: {
                    name: {
                        "difference": number(interval.value),
                        "in": [number(interval.low), number(interval.high)],
                    }
                    for name, interval in intervals.items()
                }
                for label, intervals in self.beside.items()
            }
        return document if self.report is None else {**document, "report": str(self.report)}

    def notes(self) -> list[str]:
        """A sentence on the thresholds, and one on images without predictions if there are any."""
        notes = [self.result.threshold_note()]
        if self.unpredicted:
            has = "has" if self.unpredicted == 1 else "have"
            notes.append(
                f"{self.unpredicted} of {self.result.images} images {has} no prediction: every "
                "object in them counts as missed"
            )
        return notes

    def beside_rows(self) -> list[dict[str, Any]]:
        """A row for each class: the difference of each AP, and its interval."""
        return [
            {"class": label, **_columns("ap50", intervals), **_columns("ap50_95", intervals)}
            for label, intervals in self.beside.items()
        ]


def evaluate_images(
    truth: Path,
    predictions: Path,
    *,
    split: str | None = None,
    images: Path | None = None,
    classes: Sequence[str] | None = None,
    threshold: float | None = None,
    intervals: bool = False,
    beside: Path | None = None,
    report: Path | None = None,
    run: Path | None = None,
    ignore_below: float = 0,
) -> EvaluatedFiles:
    """Evaluate predictions in any format against labelled images.

    threshold: for precision and recall; None takes the thresholds that `detection predict` recorded
    beside the predictions, else the best F1 of each class on these images
    beside: predictions of another detector on the same images, to compare AP with
    report: where to write an HTML page; run: a run folder, whose training curves the page shows
    ignore_below: narrower boxes are ignored, in pixels of the image
    Raises LabelError for invalid labels or labels that do not belong together, PlayheadError for
    intervals over fewer than two groups, ConfigError for a run without a report, a folder that is
    not a run, or recorded thresholds that cannot be read.
    """
    if run is not None and report is None:
        raise ConfigError(f"--run {run}: needs a page to show the training in; add --report PAGE")
    if run is not None and not (run / "config.yaml").is_file():
        raise ConfigError(
            f"--run {run}: has no config.yaml, so it is not a run folder; give the --out of "
            "`detection train`"
        )
    real, predicted, unpredicted = read_sets(
        truth, predictions, split=split, images=images, classes=classes
    )
    record = read_record(predictions)
    if record is not None and record.minimum_score is not None:
        print_error(
            f"warning: {predictions}: has no detection below a score of {record.minimum_score:g}, "
            "so average precision comes out too low; predict without --threshold to evaluate"
        )
    recorded = record.thresholds if record is not None and threshold is None else None
    result = measure_images(
        real,
        predicted,
        thresholds=threshold if recorded is None else recorded,
        source="given" if recorded is None else "bundle",
        ignore_below=ignore_below,
    )
    if intervals:
        result = replace(
            result, intervals=image_intervals(real, predicted, ignore_below=ignore_below)
        )
    differences: Intervals = {}
    if beside is not None:
        same, others, _ = read_sets(truth, beside, split=split, images=images, classes=classes)
        differences = image_differences(same, predicted, others, ignore_below=ignore_below)
    if ignore_below:  # the page and the confusion matrix show the boxes that count
        real, predicted = counted_boxes(real, predicted, min_width=ignore_below)
    if report is not None:
        title = f"{predictions.resolve().name} evaluated on {truth.resolve().name}"
        write_detector_report(real, predicted, report, title=title, run=run, result=result)
    return EvaluatedFiles(
        result=result,
        confusion=confusion_matrix(real, predicted, thresholds=result.thresholds),
        beside=differences,
        report=report,
        unpredicted=unpredicted,
    )


def _columns(name: str, intervals: Mapping[str, Interval]) -> dict[str, Any]:
    interval = intervals[name]
    known = not np.isnan(interval.low)
    return {
        f"{name} higher by": number(interval.value),
        f"{name} in": f"{interval.low:+.3f} to {interval.high:+.3f}" if known else None,
    }
