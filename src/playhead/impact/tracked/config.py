"""The configuration of the training of a network of tracked helmets; torch-free.

The defaults are for frames of about 384x216 on a CPU; the packaged `tracks-full` has the sizes for
1280x720.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from playhead.config import Settings, load_config
from playhead.impact.config import ClipAugmentationConfig, ImpactDataConfig
from playhead.impact.tracked.plan import Inputs, TrackClipPlan
from playhead.learning.settings import LossConfig, TrainingConfig

__all__ = [
    "ClipSamplesConfig",
    "CropConfig",
    "JitterConfig",
    "TrackedConfig",
    "TrackedNetworkConfig",
    "load_tracked_config",
]


class TrackedNetworkConfig(Settings):
    """A small network of clips, and a perceptron for motion that joins before its last layer."""

    inputs: Inputs = Field(default="pixels+motion", description="what the network sees")
    widths: tuple[PositiveInt, ...] = Field(
        default=(24, 48, 96),
        min_length=1,
        description="channels of each stage; every stage but the first halves space and time",
    )
    blocks: PositiveInt = Field(default=1, description="blocks of each stage")
    motion_widths: tuple[PositiveInt, ...] = Field(
        default=(128, 96), min_length=1, description="channels of the layers that see motion"
    )
    dropout: float = Field(default=0.1, ge=0, lt=1, description="dropout before the last layer")


class CropConfig(Settings):
    """The clips that follow a helmet, and the frames of its motion."""

    frames: PositiveInt = Field(
        default=8, description="frames of a clip, at neighbouring grid points"
    )
    before: NonNegativeInt = Field(
        default=4, description="frames of a clip before the marked frame"
    )
    side: int = Field(default=32, ge=8, description="side of a crop as the network sees it, pixels")
    box_sizes: float = Field(
        default=3.0,
        gt=0,
        description="side of a crop in the frame, in box sizes: means of width and height",
    )
    radius: NonNegativeInt = Field(
        default=4, description="grid points before and after, of the motion and the mean box size"
    )
    neighbours: NonNegativeInt = Field(
        default=2, description="nearest other helmets whose motion is seen"
    )

    @model_validator(mode="after")
    def _clip_holds_the_marked_frame(self) -> Self:
        if self.before >= self.frames:
            raise ValueError(f"before ({self.before}) must be below frames ({self.frames})")
        return self


class JitterConfig(Settings):
    """Noise on the annotated boxes, so that training sees tracks as a detector gives them."""

    centre: float = Field(
        default=0.06, ge=0, description="standard deviation of a centre, in box sizes"
    )
    size: float = Field(
        default=0.06, ge=0, description="standard deviation of the logarithm of width and height"
    )
    missing: float = Field(
        default=0.05,
        ge=0,
        lt=1,
        description="share of the boxes that are left out and interpolated",
    )


class ClipSamplesConfig(Settings):
    """Which helmets in which frames an epoch shows; half of them are in an impact."""

    clips: PositiveInt | None = Field(
        default=None, description="clips of an epoch; none: twice the helmets in an impact"
    )
    hard: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="least share of the clips without an impact whose helmet overlaps another",
    )
    validation: PositiveInt = Field(
        default=4000, description="most validation clips, evenly spaced"
    )


class TrackedConfig(Settings):
    """Everything that the training of a network of tracked helmets depends on."""

    job: Literal["impact"] = Field(default="impact", description="always impact")
    task: Literal["tracks"] = Field(description="always tracks")
    data: ImpactDataConfig
    network: TrackedNetworkConfig = TrackedNetworkConfig()
    crops: CropConfig = CropConfig()
    jitter: JitterConfig = JitterConfig()
    clips: ClipSamplesConfig = ClipSamplesConfig()
    impact_frames: int = Field(
        default=1, ge=0, description="grid points before and after an impact labelled as one too"
    )
    augmentation: ClipAugmentationConfig = ClipAugmentationConfig()
    loss: LossConfig = LossConfig(kind="bce")
    training: TrainingConfig = TrainingConfig(batch_size=32)

    @model_validator(mode="after")
    def _batches_are_even(self) -> Self:
        for name, count in (
            ("training.batch_size", self.training.batch_size),
            ("clips.clips", self.clips.clips or 0),
        ):
            if count % 2:
                raise ValueError(f"{name} is {count}, but half of it is in an impact: make it even")
        return self

    @property
    def decisions(self) -> Settings:
        """None: the scores are an input of prediction, which decides."""
        return Settings()

    @property
    def plan(self) -> TrackClipPlan:
        """The input plan of a bundle of this configuration."""
        return TrackClipPlan(
            size=self.data.size,
            pixels=self.data.pixels,
            rate=self.data.rate,
            inputs=self.network.inputs,
            **self.crops.model_dump(),
        )


def load_tracked_config(path: Path, settings: Sequence[str] = ()) -> TrackedConfig:
    """Read a configuration and apply `key=value` settings; relative paths start at the cwd."""
    return load_config(TrackedConfig, path, settings)
