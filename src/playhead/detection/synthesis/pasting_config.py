"""The configuration of cut and paste, for augmentation in training and for `synthesise`.

`pasting.py` implements it.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from playhead.config import Settings

__all__ = ["Blending", "CutPasteConfig", "Filling", "Share"]

Blending = Literal["none", "feather", "poisson"]
Filling = Literal["texture", "grain", "smooth"]
Share = Annotated[float, Field(ge=0, le=1)]


class CutPasteConfig(Settings):
    """Sides are in pixels of the image; a share of a box is a share of its area."""

    probability: Share = Field(0.5, description="probability of pasting anything into an image")
    count: tuple[int, int] = Field((1, 3), description="minimum and maximum cut-outs in an image")
    blendings: tuple[Blending, ...] = Field(
        ("none", "feather", "poisson"),
        min_length=1,
        description="blending modes; one is drawn for each cut-out",
    )
    contrast_least: Share = Field(
        0.5,
        description="minimum share of a cut-out's contrast that poisson must keep; else feather",
    )
    scale: tuple[float, float] = Field(
        (0.5, 1.5), description="range of the size relative to that in the source image"
    )
    enlarge_most: float = Field(2.0, gt=0, description="largest enlargement of a cut-out")
    largest: float = Field(
        0.8, gt=0, le=1, description="largest share of the image's sides for a cut-out"
    )
    mirror: Share = Field(0.5, description="probability of a horizontal flip")
    brightness: Share = Field(0.2, description="largest relative change of brightness")
    balance: Share = Field(
        0.5, description="0 draws classes as often as they were cut out, 1 all equally often"
    )
    overlap_most: Share = Field(
        0.3, description="largest share of a labelled box that a paste may cover"
    )
    tries: int = Field(10, ge=1, description="positions tried before a cut-out is left out")
    hidden_most: Share = Field(
        0.7, description="share of a box that pastes may cover before its label is dropped"
    )

    margin: float = Field(
        0.1, ge=0, le=1, description="margin around a box that is cut out too, share of its sides"
    )
    least: float = Field(8.0, ge=2, description="minimum shorter side of a box to cut out or paste")
    least_part: float = Field(
        3.0, ge=1, description="minimum shorter side of a box's visible part to keep its label"
    )
    inside: float = Field(
        0.7, gt=0, le=1, description="share of a box inside another from which both are cut out"
    )
    neighbour_most: Share = Field(
        0.3, description="largest share of another, unlabelled box that a cut-out may show"
    )
    longest: int = Field(512, ge=16, description="longer side that cut-outs are shrunk to")
    memory_mb: float = Field(256.0, gt=0, description="memory limit for all cut-outs, megabytes")

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if not 0 <= self.count[0] <= self.count[1]:
            raise ValueError(
                f"count is {self.count}, but needs two numbers from 0, the smaller first"
            )
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(
                f"scale is {self.scale}, but needs two numbers above 0, the smaller first"
            )
        return self
