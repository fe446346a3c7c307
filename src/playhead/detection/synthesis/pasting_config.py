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
    """Sides are in pixels of the picture at hand; a share of a box is one of its area."""

    probability: Share = Field(0.5, description="that anything is pasted into a picture")
    count: tuple[int, int] = Field((1, 3), description="fewest and most cut-outs in a picture")
    blendings: tuple[Blending, ...] = Field(
        ("none", "feather", "poisson"), min_length=1, description="one is drawn for each cut-out"
    )
    contrast_least: Share = Field(
        0.5, description="of a cut-out's contrast that poisson must leave; else a feather is used"
    )
    scale: tuple[float, float] = Field(
        (0.5, 1.5), description="range of the size beside that in the picture it was cut from"
    )
    enlarge_most: float = Field(2.0, gt=0, description="pixels that one of a cut-out may become")
    largest: float = Field(0.8, gt=0, le=1, description="of the picture's sides, taken at most")
    mirror: Share = Field(0.5, description="probability of left and right changing places")
    brightness: Share = Field(0.2, description="largest change of brightness, as a share of it")
    balance: Share = Field(
        0.5, description="0 draws classes as often as they were cut out, 1 all equally often"
    )
    overlap_most: Share = Field(
        0.3, description="of a labelled box that a paste may cover; 0: free places, 1: any place"
    )
    tries: int = Field(10, ge=1, description="places looked at before a cut-out is left out")
    hidden_most: Share = Field(
        0.7, description="share of a box that pastes may cover before its label goes"
    )

    margin: float = Field(0.1, ge=0, le=1, description="of a box's sides that is cut out around it")
    least: float = Field(8.0, ge=2, description="shorter side of a box that is cut out or pasted")
    least_part: float = Field(
        3.0, ge=1, description="shorter side at which what is left of a box keeps its label"
    )
    inside: float = Field(
        0.7, gt=0, le=1, description="share of a box within another at which it moves along"
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
