"""The settings of the decisions: from grids to impacts."""

from pydantic import Field

from playhead.config import Settings

__all__ = ["ImpactDecisions"]


class ImpactDecisions(Settings):
    """Thresholds of helmets and impacts."""

    helmet_threshold: float = Field(default=0.4, ge=0, le=1, description="least score of a helmet")
    impact_threshold: float = Field(
        default=0.45, ge=0, le=1, description="least score of an impact"
    )
    overlap: float = Field(
        default=0.25, ge=0, le=1, description="IoU above which the weaker of two boxes is dropped"
    )
