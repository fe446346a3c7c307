"""The configuration of cut and paste: what is cut out, and how much of it is pasted where.

`pasting.py` carries it out. The same settings serve training and `playhead detection synthesise`.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from playhead.config import Settings

__all__ = ["Blending", "CutPasteConfig", "Filling", "Share"]

Blending = Literal["none", "feather", "poisson"]
Filling = Literal["texture", "grain", "smooth"]
Share = Annotated[float, Field(ge=0, le=1)]


class CutPasteConfig(Settings):
    """Sides are in pixels of the image; a share of a box is one of its area."""

    probability: Share = Field(0.5, description="of pasting anything into an image")
    count: tuple[int, int] = Field((1, 3), description="fewest and most cut-outs in an image")
    blendings: tuple[Blending, ...] = Field(
        ("none", "feather", "poisson"), min_length=1, description="one is drawn for each cut-out"
    )
    contrast_least: Share = Field(
        0.5,
        description="share of a cut-out's contrast that poisson must keep; else a feather is used",
    )
    scale: tuple[float, float] = Field(
        (0.5, 1.5), description="range of the size relative to that in the image it was cut from"
    )
    enlarge_most: float = Field(2.0, gt=0, description="largest enlargement of a cut-out")
    largest: float = Field(
        0.8, gt=0, le=1, description="share of the image's sides that a cut-out may take"
    )
    mirror: Share = Field(0.5, description="probability of mirroring left and right")
    brightness: Share = Field(0.2, description="largest change of brightness, as a share of it")
    balance: Share = Field(
        0.5, description="0 draws classes as often as they were cut out, 1 all equally often"
    )
    overlap_most: Share = Field(
        0.3, description="of a labelled box that a paste may cover; 0: free places, 1: any place"
    )
    tries: int = Field(10, ge=1, description="places tried before a cut-out is left out")
    hidden_most: Share = Field(
        0.7, description="share of a box that pastes may cover before its label is dropped"
    )

    margin: float = Field(0.1, ge=0, le=1, description="of a box's sides that is cut out around it")
    least: float = Field(8.0, ge=2, description="shorter side of a box that is cut out or pasted")
    least_part: float = Field(
        3.0, ge=1, description="shorter side at which what is left of a box keeps its label"
    )
    inside: float = Field(
        0.7, gt=0, le=1, description="share of a box inside another from which it moves along"
    )
    neighbour_most: Share = Field(
        0.3, description="share that a cut-out may show of a box that does not move along"
    )
    longest: int = Field(512, ge=16, description="longer side at which a cut-out is kept")
    memory_mb: float = Field(256.0, gt=0, description="megabytes that all cut-outs may take")

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if not 0 <= self.count[0] <= self.count[1]:
            raise ValueError(f"count must rise from 0 or more, it is {self.count}")
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"scale must rise from above 0, it is {self.scale}")
        return self
