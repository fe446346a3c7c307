"""The configuration of augmentation, torch-free; `transforms.py` applies it."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from playhead.config import Settings

__all__ = ["AugmentationConfig"]

Probability = Annotated[float, Field(ge=0, le=1)]


class AugmentationConfig(Settings):
    """Probability and strength of each change; the defaults are the recipe's."""

    camera: Probability = Field(0.2, description="probability of a simulated camera move")
    camera_degrees: float = Field(2.5, ge=0, description="largest angle at its start and end")
    camera_shift: tuple[float, float] = Field(
        (0.1, 0.05), description="largest shift at its start and end, in widths and heights"
    )
    camera_zoom: tuple[float, float] = Field((0.95, 1.05), description="range of its scale")

    rotate: Probability = Field(0.3, description="probability of a rotation")
    rotate_degrees: float = Field(2.5, ge=0, description="largest angle to either side")

    crop: Probability = Field(0.8, description="probability of a random resized crop")
    crop_area: tuple[float, float] = Field((0.9, 1.0), description="share of the image kept")
    crop_aspect: float = Field(1.1, ge=1, description="largest change of width against height")

    flip: Probability = Field(0.5, description="probability of a horizontal flip")

    sharpness: Probability = Field(0.2, description="probability of a change of sharpness")
    sharpness_range: tuple[float, float] = Field(
        (0.0, 2.0), description="0 smooths, 1 leaves it as it is, 2 sharpens"
    )
    blur: Probability = Field(0.2, description="probability of motion blur")
    blur_pixels: float = Field(
        11, ge=1, description="longest blur, in pixels of an image 1280 wide"
    )
    blur_degrees: float = Field(7.5, ge=0, le=90, description="largest angle to the horizontal")

    brightness: Probability = Field(0.3, description="probability of a change of brightness")
    brightness_change: float = Field(0.2, ge=0, le=1, description="largest, of the full range")
    contrast: Probability = Field(0.3, description="probability of a change of contrast")
    contrast_range: tuple[float, float] = Field((0.8, 1.2), description="about the window's mean")
    posterise: Probability = Field(0.2, description="probability of fewer grey levels")
    posterise_bits: tuple[int, int] = Field((3, 7), description="fewest and most bits kept, of 8")
    noise: Probability = Field(0.2, description="probability of noise")
    noise_deviation: float = Field(0.05, ge=0, description="of Gaussian noise, of the full range")

    @model_validator(mode="after")
    def _ranges_rise(self) -> Self:
        for name in ("camera_zoom", "crop_area", "sharpness_range", "contrast_range"):
            low, high = getattr(self, name)
            if not 0 <= low <= high:
                raise ValueError(f"{name} must rise from 0 or more, it is {low:g} to {high:g}")
        if self.crop_area[1] > 1 or self.crop_area[0] == 0 or self.camera_zoom[0] == 0:
            raise ValueError("crop_area must lie above 0 and up to 1, camera_zoom above 0")
        if not 1 <= self.posterise_bits[0] <= self.posterise_bits[1] <= 8:
            raise ValueError("posterise_bits must rise within 1 to 8")
        return self
