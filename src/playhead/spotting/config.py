"""The configuration of spotting: what a model is made of, and how it is trained and used.

Nothing here imports torch. The defaults are the small model of the demo, made for images of about
112x64 on a CPU; `full_size` gives the sizes of the slow-fusion recipe for 1280x720.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, field_validator, model_validator

from playhead import config
from playhead.config import LOCAL, Settings, load_config
from playhead.decisions.peaks import PeakConfig
from playhead.inference.precision import PrecisionChoice
from playhead.learning.settings import LossConfig, TrainingConfig
from playhead.samples.augmentation import AugmentationConfig
from playhead.samples.sampling import SamplingConfig, ShiftConfig
from playhead.samples.windows import WindowSpec
from playhead.times import GridRate, parse_grid_rate

__all__ = [
    "DataConfig",
    "ModelConfig",
    "PredictionConfig",
    "SpottingConfig",
    "find_config",
    "full_size",
    "load_spotting_config",
]


class ModelConfig(Settings):
    """A network that sees a window of luma frames and scores its middle.

    `slow_fusion` runs a 2D encoder over each stack of neighbouring frames, then fuses the stacks
    in 3D; `early_fusion`, the baseline, gives all frames to one 2D encoder as channels.
    """

    kind: Literal["slow_fusion", "early_fusion"] = Field(
        default="slow_fusion", description="which of the two networks"
    )
    encoder: str = Field(
        default="small", description="`small`, our own at stride 8, or a timm model name"
    )
    weights: Annotated[str | None, LOCAL] = Field(
        default=None,
        description="start of a timm encoder: `none` (random), a name of `playhead weights list`, "
        "`hub` (timm's own download), or the path of a .pth or .safetensors file",
    )
    encoder_channels: int = Field(
        default=48, ge=8, description="channels out of the `small` encoder"
    )
    encoder_stride: int = Field(
        default=32, ge=1, description="pixels to one of the map that a timm encoder gives out"
    )
    stack_input: Literal["luma", "difference"] = Field(
        default="difference",
        description="`luma`: the frames of a stack as they are; `difference`: its middle frame and "
        "the differences between neighbours",
    )
    normalisation: Literal["none", "encoder"] = Field(
        default="none",
        description="`none`: luma in [0, 1]; `encoder`: mean and deviation of the timm encoder",
    )
    channels: int = Field(
        default=32, ge=1, description="channels of each stack's map and of the fusion"
    )
    fusion: Literal["dense", "inverted"] = Field(
        default="dense",
        description="blocks of one dense 3x3x3, or inverted residuals with depthwise 3x3x3",
    )
    fusion_blocks: int = Field(default=4, ge=0, description="0 leaves the fusion to the head alone")
    pool_after: int = Field(
        default=2, ge=0, description="halve the maps after so many blocks; 0: never"
    )
    expansion: int = Field(
        default=3, ge=1, description="inverted blocks: hidden channels over channels"
    )
    squeeze: int = Field(
        default=24, ge=1, description="inverted blocks: hidden channels over squeezed"
    )
    head: Literal["shared", "joint"] = Field(
        default="joint",
        description="`shared`: one 1x1 for every stack, then concatenate; `joint`: concatenate, "
        "then one 1x1 over all stacks",
    )
    head_channels: int = Field(default=256, ge=1, description="channels out of the head's 1x1")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="before the last layer")
    drop_path: float = Field(
        default=0.0, ge=0, lt=1, description="inverted blocks and timm encoders"
    )
    freeze_encoder: bool = Field(
        default=False, description="keep the 2D part as it is, batch-norm statistics included"
    )

    def without_start(self) -> "ModelConfig":
        """The same network without its pretrained start: all of its weights come from elsewhere."""
        return self if self.encoder == "small" else self.model_copy(update={"weights": "none"})

    @model_validator(mode="after")
    def _start_is_said(self) -> Self:
        if self.encoder == "small":
            if self.weights not in (None, "none"):
                raise ValueError(f"encoder small has no weights {self.weights}: leave weights out")
            if self.normalisation == "encoder":
                raise ValueError("encoder small was trained on no data: use normalisation: none")
        elif self.weights is None:
            raise ValueError(
                f"encoder {self.encoder} needs weights: none (a random start), a name of "
                "`playhead weights list`, hub, or the path of a file"
            )
        return self

    @model_validator(mode="after")
    def _differences_have_no_mean(self) -> Self:
        if self.normalisation == "encoder" and self.stack_input == "difference":
            raise ValueError("normalisation: encoder is for images: use it with stack_input: luma")
        return self


def full_size(weights: str) -> ModelConfig:
    """The slow-fusion recipe for 1280x720: EfficientNetV2-B0 and four inverted 3D blocks.

    weights: the start of the encoder; `hub` in the recipe, `none` to measure only speed.
    """
    return ModelConfig(
        encoder="tf_efficientnetv2_b0",
        weights=weights,
        stack_input="luma",
        channels=192,
        fusion="inverted",
        pool_after=0,
        head="shared",
        head_channels=256,
        dropout=0.2,
        drop_path=0.2,
    )


class DataConfig(Settings):
    """Which videos, which labels, and how they are cut into training and validation."""

    manifest: Path = Field(description="CSV; a relative path counts from the working folder")
    classes: tuple[str, ...] = Field(min_length=1, description="in the order of the scores")
    label_rate: str | None = Field(
        default=None, description="frames a second of labels that carry only frames"
    )
    rate: str = Field(default="25", description="grid points a second: 25, 30000/1001, or `native`")
    size: tuple[PositiveInt, PositiveInt] = Field(
        description="width and height that the model sees, pixels"
    )
    cached: bool = Field(
        default=True, description="keep decoded frames on disk at `size`; for small sizes"
    )
    folds: int | None = Field(
        default=None, ge=2, description="none: the manifest's split column decides; else groups do"
    )
    fold: int = Field(default=0, ge=0, description="the fold that validates, from 0")

    @field_validator("rate", "label_rate", mode="before")
    @classmethod
    def _number_is_text(cls, rate: object) -> object:
        # `rate: 25` is what everybody writes, and YAML makes a number of it.
        is_number = isinstance(rate, (int, float)) and not isinstance(rate, bool)
        return str(rate) if is_number else rate

    @field_validator("rate")
    @classmethod
    def _rate_is_rational(cls, rate: str) -> str:
        parse_grid_rate(rate)
        return rate

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.folds is not None and self.fold >= self.folds:
            raise ValueError(f"fold ({self.fold}) must be below folds ({self.folds})")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("a class is named twice")
        return self

    @property
    def grid_rate(self) -> GridRate:
        """What `make_grid` takes."""
        return parse_grid_rate(self.rate)


class StartConfig(Settings):
    """Weights to begin from: another run's or bundle's, as in the stages of the recipe."""

    weights: Path = Field(description="model.safetensors, best.safetensors or epoch_N.safetensors")
    strict: bool = Field(
        default=False,
        description="false leaves out what has another shape, as the last layer has, and says so; "
        "a frozen encoder must fit in any case",
    )


class PredictionConfig(Settings):
    """How a bundle is run where the command line does not say otherwise."""

    precision: PrecisionChoice = Field(
        default="auto",
        description="auto: bf16 where the processor has it natively, else fp32; a precision that "
        "the processor lacks is refused",
    )
    every: int = Field(
        default=1,
        ge=1,
        description="a window for every n-th grid point, scores between interpolated",
    )
    flip: bool = Field(default=False, description="the mean over the image and its mirror image")


class SpottingConfig(Settings):
    """Everything that a run of `playhead spotting train` depends on."""

    job: Literal["spotting"] = Field(default="spotting", description="the job it is for")
    data: DataConfig
    window: WindowSpec = WindowSpec()
    target_seconds: float = Field(
        default=0.28, gt=0, description="an event within this of the middle makes the target 1"
    )
    samples_per_epoch: int = Field(default=6000, ge=1, description="windows of an epoch")
    sampling: SamplingConfig = SamplingConfig()
    hard_scores: Path | None = Field(
        default=None, description="folder of out-of-fold scores that raise sampling weights"
    )
    shift: ShiftConfig = ShiftConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    model: ModelConfig
    start: StartConfig | None = None
    loss: LossConfig = LossConfig()
    training: TrainingConfig = TrainingConfig()
    prediction: PredictionConfig = PredictionConfig()
    decisions: PeakConfig = PeakConfig()

    @model_validator(mode="after")
    def _frozen_encoder_has_a_start(self) -> Self:
        if self.model.freeze_encoder and self.model.weights in (None, "none") and not self.start:
            raise ValueError(
                "model.freeze_encoder would keep random weights: give model.weights or "
                "start.weights, or set model.freeze_encoder to false"
            )
        return self


def find_config(name: str) -> Path:
    """The path of a packaged configuration, or of a file of the user's own."""
    return config.find_config(name, "playhead.spotting")


def load_spotting_config(path: Path, settings: Sequence[str] = ()) -> SpottingConfig:
    """Read a configuration and apply settings; relative paths count from the working folder."""
    return load_config(SpottingConfig, path, settings)
