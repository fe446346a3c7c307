"""Settings of postprocessing: from a detector's candidates to its detections."""

from typing import Self

from pydantic import Field, model_validator

from playhead.config import Settings

__all__ = ["DEFAULT_THRESHOLD", "DetectionDecisions"]

DEFAULT_THRESHOLD = 0.3


class DetectionDecisions(Settings):
    """Thresholds, suppression and hierarchy for the candidates in one image."""

    thresholds: dict[str, float] = Field(
        default_factory=dict,
        description=f"confidence threshold by class; {DEFAULT_THRESHOLD} for the others",
    )
    overlap: float = Field(
        default=0.6,
        gt=0,
        le=1,
        description="IoU above which the lower-scoring of two boxes is removed",
    )
    class_agnostic: bool = Field(
        default=False, description="boxes of different classes suppress each other too"
    )
    parents: dict[str, str] = Field(
        default_factory=dict,
        description="class to its parent: a plate lies in a car, a face in a head",
    )
    inside: float = Field(
        default=0.7,
        gt=0,
        le=1,
        description="share of a box that must lie inside a box of its parent",
    )
    orphan: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="factor applied to the score of a box that is in no parent",
    )
    most: int = Field(default=300, ge=1, description="the most boxes of a class in an image")

    @model_validator(mode="after")
    def _usable(self) -> Self:
        for label, threshold in self.thresholds.items():
            if not 0 < threshold <= 1:
                raise ValueError(f"thresholds.{label} must be above 0 and at most 1")
        for child in self.parents:
            line = [child]
            while (parent := self.parents.get(line[-1])) is not None:
                if parent in line:
                    raise ValueError(f"parents form a cycle: {' in '.join([*line, parent])}")
                line.append(parent)
        return self

    def threshold(self, label: str) -> float:
        """The confidence threshold of a class."""
        return self.thresholds.get(label, DEFAULT_THRESHOLD)
