"""`thresholds.yaml`: the thresholds of the detector that predicted, kept beside its predictions.

Evaluation uses them, since thresholds chosen on the evaluated images would give optimistic results.
"""

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field

from playhead.config import Settings, load_config
from playhead.files import write_text
from playhead.inference.detectors import CustomDetector
from playhead.inference.detectors.custom import checksum_of

__all__ = ["RECORD", "ThresholdRecord", "read_record", "write_thresholds_of"]

RECORD = "thresholds.yaml"


class BundleNote(Settings):
    """A bundle that predicted: the name of its folder and the SHA-256 of its checksums."""

    name: str
    sha256: str


class ThresholdRecord(Settings):
    """The confidence threshold of every class, and the bundles that predicted."""

    bundles: list[BundleNote]
    thresholds: dict[str, Annotated[float, Field(gt=0, le=1)]]
    minimum_score: float | None = None
    """The score below which no detection was written, as `--threshold` of `predict` asks for."""


def write_thresholds_of(
    detector: CustomDetector, folder: Path, *, minimum_score: float | None = None
) -> Path:
    """Write a detector's thresholds into the folder of its predictions; returns the path.

    minimum_score: the score below which detections were left out; None if all were written
    """
    record = ThresholdRecord(
        bundles=[
            BundleNote(name=bundle.folder.resolve().name, sha256=checksum_of(bundle))
            for bundle in detector.bundles
        ],
        thresholds={label: detector.decisions.threshold(label) for label in detector.labels},
        minimum_score=minimum_score,
    )
    path = folder / RECORD
    write_text(path, yaml.safe_dump(record.model_dump(), sort_keys=False, allow_unicode=True))
    return path


def read_record(predictions: Path) -> ThresholdRecord | None:
    """What is recorded beside predictions, None without a record.

    predictions: the output folder of `detection predict`, or a file or folder of labels in it.
    Raises ConfigError for a record that cannot be read.
    """
    path = predictions.resolve()
    inside = path.is_file() or path.name in ("labels", "Annotations")
    record = (path.parent if inside else path) / RECORD
    return load_config(ThresholdRecord, record) if record.is_file() else None
