"""The configuration of what happens to images in training. Torch-free; `images.py` does it."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from playhead.config import Settings
from playhead.detection.synthesis.pasting_config import CutPasteConfig

__all__ = ["ImageAugmentation"]

Probability = Annotated[float, Field(ge=0, le=1)]


class ImageAugmentation(Settings):
    """How likely and how strong each change is."""

    mosaic: Probability = Field(0.5, description="probability of four images in one")
    plain_epochs: int = Field(
        1, ge=0, description="last epochs without mosaic, of images as they will be seen"
    )
    scale: tuple[float, float] = Field(
        (0.6, 1.6), description="range of an image's size beside the one that just fits"
    )
    least_visible: float = Field(
        0.3, ge=0, le=1, description="share of a box that must be left for it to stay"
    )
    least_pixels: float = Field(2.0, ge=0, description="shorter side at which a box stays")
    multi_scale: tuple[float, float] = Field(
        (1.0, 1.0), description="range of a batch's size beside data.size"
    )
    flip: Probability = Field(0.5, description="probability of left and right changing places")
    brightness: float = Field(0.2, ge=0, le=1, description="largest change, of the full range")
    contrast: float = Field(0.3, ge=0, lt=1, description="largest change about the mean, share")
    saturation: float = Field(0.4, ge=0, le=1, description="largest change of colourfulness, share")
    balance: float = Field(0.1, ge=0, lt=1, description="largest change of each colour, share")
    cut_paste: CutPasteConfig | None = Field(
        default=None, description="objects cut out of other images, pasted in; null: none"
    )

    @model_validator(mode="after")
    def _ranges_rise(self) -> Self:
        for name in ("scale", "multi_scale"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(f"{name} must rise from above 0, it is {low:g} to {high:g}")
        return self
