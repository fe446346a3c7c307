"""The configuration of image augmentation in training; `samples.py` applies it."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from playhead.config import Settings
from playhead.detection.synthesis.pasting_config import CutPasteConfig

__all__ = ["ImageAugmentation"]

Probability = Annotated[float, Field(ge=0, le=1)]


class ImageAugmentation(Settings):
    """The probability and the strength of each augmentation."""

    mosaic: Probability = Field(0.5, description="probability of a mosaic of four images")
    plain_epochs: int = Field(1, ge=0, description="number of last epochs without mosaic")
    scale: tuple[float, float] = Field(
        (0.6, 1.6), description="range of the scale, relative to an image that just fits"
    )
    least_visible: float = Field(
        0.3, ge=0, le=1, description="minimum share of a box inside the crop for it to be kept"
    )
    least_pixels: float = Field(2.0, ge=0, description="minimum shorter side of a kept box, pixels")
    multi_scale: tuple[float, float] = Field(
        (1.0, 1.0), description="range of a batch's size relative to data.size"
    )
    flip: Probability = Field(0.5, description="probability of a horizontal flip")
    brightness: float = Field(
        0.2, ge=0, le=1, description="largest shift of brightness, as a share of the full range"
    )
    contrast: float = Field(0.3, ge=0, lt=1, description="largest relative change of contrast")
    saturation: float = Field(0.4, ge=0, le=1, description="largest relative change of saturation")
    balance: float = Field(
        0.1, ge=0, lt=1, description="largest relative change of each colour channel"
    )
    warp: Probability = Field(
        0.0, description="probability of a rotation, perspective and lens distortion of the image"
    )
    rotation: float = Field(
        8.0, ge=0, le=45, description="largest rotation of a warped image, degrees"
    )
    perspective: float = Field(
        0.15,
        ge=0,
        le=0.4,
        description="largest shift of a corner of a warped image, as a share of its sides",
    )
    distortion: float = Field(
        0.25,
        ge=0,
        le=1,
        description="strongest barrel distortion of a warped image: the share by which a point "
        "half the longer side from the middle is moved",
    )
    darkness: Probability = Field(0.0, description="probability of an underexposed image")
    glare: Probability = Field(0.0, description="probability of one to three bright spots of light")
    motion_blur: Probability = Field(0.0, description="probability of motion blur")
    blur_pixels: float = Field(9.0, ge=1, description="longest motion blur, pixels")
    noise: float = Field(0.0, ge=0, description="largest standard deviation of noise, grey levels")
    compression: Probability = Field(
        0.0, description="probability of JPEG compression of a quality from 20 to 80"
    )
    cut_paste: CutPasteConfig | None = Field(
        default=None, description="paste objects cut out of other images; null: no pasting"
    )

    @model_validator(mode="after")
    def _ranges_rise(self) -> Self:
        for name in ("scale", "multi_scale"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(
                    f"{name} is {low:g} to {high:g}, but needs two numbers above 0, the smaller "
                    "first"
                )
        return self
