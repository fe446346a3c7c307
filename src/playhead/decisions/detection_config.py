"""The settings of decisions on boxes: from a detector's candidates to what it found."""

from typing import Self

from pydantic import Field, model_validator

from playhead.config import Settings

__all__ = ["DEFAULT_THRESHOLD", "DetectionDecisions"]

DEFAULT_THRESHOLD = 0.3


class DetectionDecisions(Settings):
    """What becomes of a detector's candidates in one image."""

    thresholds: dict[str, float] = Field(
        default_factory=dict,
        description=f"score at which an object is believed, by class; {DEFAULT_THRESHOLD} else",
    )
    overlap: float = Field(
        default=0.6, gt=0, le=1, description="IoU above which the lower of two boxes goes"
    )
    class_agnostic: bool = Field(
        default=False, description="boxes of different classes suppress each other too"
    )
    parents: dict[str, str] = Field(
        default_factory=dict, description="what lies in what: a plate in a car, a face in a head"
    )
    inside: float = Field(
        default=0.7, gt=0, le=1, description="share of a box that must lie in one of its parent"
    )
    orphan: float = Field(
        default=0.5, ge=0, le=1, description="factor of the score of a box that lies in no parent"
    )
    most: int = Field(default=300, ge=1, description="boxes of a class in an image at most")

    @model_validator(mode="after")
    def _usable(self) -> Self:
        for label, threshold in self.thresholds.items():
            if not 0 < threshold <= 1:
                raise ValueError(f"thresholds.{label} must be above 0 and at most 1")
        for child in self.parents:
            line = [child]
            while (parent := self.parents.get(line[-1])) is not None:
                if parent in line:
                    raise ValueError(
                        f"parents go round in a circle: {' in '.join([*line, parent])}"
                    )
                line.append(parent)
        return self

    def threshold(self, label: str) -> float:
        """The score at which an object of a class is believed."""
        return self.thresholds.get(label, DEFAULT_THRESHOLD)
