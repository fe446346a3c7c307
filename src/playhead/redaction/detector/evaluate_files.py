"""Evaluating files: saved predictions against labels, with a page where that is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from playhead.metrics.confusion import Confusion, confusion_matrix
from playhead.redaction.detector.evaluate import (
    PictureEvaluation,
    measure_pictures,
    picture_intervals,
    read_sets,
)
from playhead.redaction.detector.reporting import write_detector_report

__all__ = ["EvaluatedFiles", "evaluate_pictures"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedFiles:
    """Figures, what is taken for what at their thresholds, and the page if one was written."""

    result: PictureEvaluation
    confusion: Confusion
    report: Path | None

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        document = {**self.result.to_json(), "confusion": self.confusion.to_json()}
        return document if self.report is None else {**document, "report": str(self.report)}


def evaluate_pictures(
    truth: Path,
    predictions: Path,
    *,
    split: str | None = None,
    images: Path | None = None,
    classes: Sequence[str] | None = None,
    threshold: float | None = None,
    intervals: bool = False,
    report: Path | None = None,
    run: Path | None = None,
) -> EvaluatedFiles:
    """Compare predictions in any format with labelled pictures.

    threshold: of precision and recall, None for that of each class with the best F1
    report: where to write a page; run: the run folder whose training it shows
    Raises LabelError for labels that are wrong or do not belong together, PlayheadError for
    intervals of less than two groups.
    """
    real, found = read_sets(truth, predictions, split=split, images=images, classes=classes)
    result = measure_pictures(real, found, thresholds=threshold)
    if intervals:
        result = replace(result, intervals=picture_intervals(real, found))
    if report is not None:
        title = f"{predictions.resolve().name} beside {truth.resolve().name}"
        write_detector_report(real, found, report, title=title, run=run, result=result)
    return EvaluatedFiles(
        result=result,
        confusion=confusion_matrix(real, found, thresholds=result.thresholds),
        report=report,
    )
