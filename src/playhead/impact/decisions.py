"""The settings of the decisions: from candidates to impacts, as `impact.decide` takes them."""

from typing import Literal

from pydantic import Field

from playhead.config import Settings

__all__ = ["ImpactDecisions"]


class ImpactDecisions(Settings):
    """How impacts are decided in the candidates of a play's views."""

    helmet_threshold: float = Field(default=0.4, ge=0, le=1, description="least score of a helmet")
    impact_threshold: float = Field(
        default=0.45, ge=0, le=1, description="least score of an impact"
    )
    overlap: float = Field(
        default=0.25, ge=0, le=1, description="IoU above which the weaker of two helmets is dropped"
    )
    smoothing_frames: int = Field(
        default=0,
        ge=0,
        le=30,
        description="frames before and after, over which a helmet's impact score is averaged",
    )
    suppression: Literal["follow", "window"] = Field(
        default="follow",
        description="`follow`: one impact suppresses others of its helmet, which is followed from "
        "frame to frame; `window`: others whose box overlaps its own",
    )
    suppression_frames: int = Field(
        default=4, ge=0, le=600, description="frames before and after that an impact suppresses"
    )
    suppression_seconds: float | None = Field(
        default=None,
        ge=0,
        le=10,
        description="the same in seconds, in place of suppression_frames; 0.067 is 4 frames at "
        "60 a second",
    )
    window_overlap: float = Field(
        default=0.3, ge=0, le=1, description="of window: IoU above which impacts are one"
    )
    two_views: bool = Field(
        default=True, description="whether weak impacts need one in the play's other view"
    )
    view_frames: int = Field(
        default=1,
        ge=0,
        le=60,
        description="largest distance to the impact in the other view, frames",
    )
    keep_score: float = Field(
        default=0.55, ge=0, le=1, description="score from which no other view is needed"
    )
