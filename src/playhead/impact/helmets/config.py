"""The configuration of the training of a helmet network; torch-free.

The defaults are for frames of about 384x216 on a CPU; the packaged `helmets-full` has the sizes of
the recipe for 1280x720.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, PositiveInt, model_validator

from playhead.config import Settings, load_config
from playhead.impact.config import ClipAugmentationConfig, ImpactDataConfig
from playhead.impact.helmets.plan import HeatMapPlan
from playhead.impact.network_config import HelmetNetworkConfig
from playhead.learning.settings import TrainingConfig

__all__ = ["HelmetConfig", "HelmetFramesConfig", "load_helmet_config"]


class HelmetFramesConfig(Settings):
    """Which frames a helmet network is trained on and validated with."""

    crop: tuple[PositiveInt, PositiveInt] | None = Field(
        default=None,
        description="width and height of random crops, pixels at `data.size`; none: whole frames",
    )
    share: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="share of the frames in each epoch, drawn anew; neighbours differ little",
    )
    validation: int = Field(default=240, ge=1, description="most validation frames, evenly spaced")


class HelmetConfig(Settings):
    """Everything that the training of a helmet network depends on."""

    job: Literal["impact"] = Field(default="impact", description="always impact")
    task: Literal["helmets"] = Field(description="always helmets")
    data: ImpactDataConfig
    network: HelmetNetworkConfig = HelmetNetworkConfig()
    frames: HelmetFramesConfig = HelmetFramesConfig()
    augmentation: ClipAugmentationConfig = ClipAugmentationConfig()
    training: TrainingConfig = TrainingConfig()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.data.pixels != self.network.pixels:
            raise ValueError(
                f"data.pixels is {self.data.pixels}, but network.pixels is {self.network.pixels}"
            )
        crop, size = self.frames.crop, self.data.size
        if crop is not None and (crop[0] > size[0] or crop[1] > size[1]):
            raise ValueError(f"frames.crop {crop} must not exceed data.size {size}")
        return self

    @property
    def decisions(self) -> Settings:
        """None: a heat map is the input of prediction, which decides."""
        return Settings()

    @property
    def plan(self) -> HeatMapPlan:
        """The input plan of a bundle of this configuration."""
        return HeatMapPlan(size=self.data.size, pixels=self.data.pixels)


def load_helmet_config(path: Path, settings: Sequence[str] = ()) -> HelmetConfig:
    """Read a configuration and apply `key=value` settings; relative paths start at the cwd."""
    return load_config(HelmetConfig, path, settings)
