"""Evaluating files: saved predictions against labels, with a page where that is asked for."""

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
from playhead.detection.recorded_thresholds import read_thresholds
from playhead.detection.report import write_detector_report
from playhead.errors import ConfigError
from playhead.metrics.bootstrap import Interval
from playhead.metrics.confusion import Confusion, confusion_matrix

__all__ = ["EvaluatedFiles", "evaluate_images"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedFiles:
    """Figures, what is taken for what at their thresholds, and the page if one was written.

    beside: how much higher the figures are than those of other predictions, empty without any
    unpredicted: images without a prediction, in which nothing counts as found
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
                        "difference": number(one.value),
                        "in": [number(one.low), number(one.high)],
                    }
                    for name, one in rows.items()
                }
                for label, rows in self.beside.items()
            }
        return document if self.report is None else {**document, "report": str(self.report)}

    def notes(self) -> list[str]:
        """A sentence on the thresholds, and one on images without a prediction if there are."""
        count = self.unpredicted
        has = "has" if count == 1 else "have"
        told = f"{count} of {self.result.images} images {has} no prediction"
        unpredicted = [f"{told}: nothing counts as found there"] if count else []
        return [self.result.threshold_note(), *unpredicted]

    def beside_rows(self) -> list[dict[str, Any]]:
        """A row for each class: how much higher the figures are, and where that lies."""
        return [
            {"class": label, **_columns("ap50", rows), **_columns("ap50_95", rows)}
            for label, rows in self.beside.items()
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
) -> EvaluatedFiles:
    """Compare predictions in any format with labelled images.

    threshold: of precision and recall; None takes those that `detection predict` recorded beside
    the predictions, else that of each class with the best F1 in these images
    beside: predictions of another detector in the same images, that these are compared with
    report: where to write a page; run: the run folder whose training it shows
    Raises LabelError for labels that are wrong or do not belong together, PlayheadError for
    intervals of less than two groups, ConfigError for a run without a report or that is none, or
    recorded thresholds that cannot be read.
    """
    if run is not None:
        _check_run(run, report)
    real, found, unpredicted = read_sets(
        truth, predictions, split=split, images=images, classes=classes
    )
    recorded = read_thresholds(predictions) if threshold is None else None
    result = measure_images(
        real,
        found,
        thresholds=threshold if recorded is None else recorded,
        source="given" if recorded is None else "bundle",
    )
    if intervals:
        result = replace(result, intervals=image_intervals(real, found))
    differences: Intervals = {}
    if beside is not None:
        same, others, _ = read_sets(truth, beside, split=split, images=images, classes=classes)
        differences = image_differences(same, found, others)
    if report is not None:
        title = f"{predictions.resolve().name} beside {truth.resolve().name}"
        write_detector_report(real, found, report, title=title, run=run, result=result)
    return EvaluatedFiles(
        result=result,
        confusion=confusion_matrix(real, found, thresholds=result.thresholds),
        beside=differences,
        report=report,
        unpredicted=unpredicted,
    )


def _check_run(run: Path, report: Path | None) -> None:
    if report is None:
        raise ConfigError(f"--run {run}: shows a training in a report; name one with --report")
    if not (run / "config.yaml").is_file():
        raise ConfigError(
            f"--run {run}: is no run folder, it has no config.yaml; name the --out of a training"
        )


def _columns(name: str, rows: Mapping[str, Interval]) -> dict[str, Any]:
    one = rows[name]
    known = not np.isnan(one.low)
    return {
        f"{name} higher by": number(one.value),
        f"{name} in": f"{one.low:+.3f} to {one.high:+.3f}" if known else None,
    }
