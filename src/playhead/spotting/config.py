"""The configuration of spotting: the data, the network, its training and prediction.

Nothing here imports torch. The defaults are the small model of the demo, made for images of about
112x64 on a CPU; `full_size` gives the sizes of the slow-fusion recipe for 1280x720.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from playhead import config
from playhead.config import LOCAL, Settings, load_config
from playhead.decisions.peaks import PeakConfig
from playhead.events.games import GameFiles
from playhead.inference.precision import PrecisionChoice
from playhead.learning.settings import (
    Decoder,
    LossConfig,
    TrainingConfig,
    check_encoder_weights,
)
from playhead.samples.augmentation import AugmentationConfig
from playhead.samples.sampling import SamplingConfig, ShiftConfig
from playhead.samples.windows import WindowSpec
from playhead.times import GridRate, GridRateText, RateText, parse_grid_rate

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
    """A network that scores the middle frame of a window of frames.

    `slow_fusion` runs a 2D encoder over each stack of neighbouring frames, then fuses the stacks
    in 3D; `early_fusion`, the baseline, gives all frames to one 2D encoder as channels.
    """

    kind: Literal["slow_fusion", "early_fusion"] = Field(
        default="slow_fusion", description="network architecture"
    )
    encoder: str = Field(
        default="small", description="`small` (built in, stride 8), or a timm model name"
    )
    weights: Annotated[str | None, LOCAL] = Field(
        default=None,
        description="weights of a timm encoder: `none`, a name of `playhead weights list`, "
        "`hub` (timm's own download), or the path of a .pth or .safetensors file",
    )
    encoder_channels: int = Field(
        default=48, ge=8, description="output channels of the `small` encoder"
    )
    encoder_stride: int = Field(
        default=32, ge=1, description="output stride of a timm encoder, pixels"
    )
    pixels: Literal["luma", "rgb"] = Field(
        default="luma",
        description="grey or colour frames; a frame of colour is three channels of its stack",
    )
    stack_input: Literal["luma", "difference"] = Field(
        default="difference",
        description="`luma`: the frames of a stack as they are; `difference`: its middle frame and "
        "the differences of neighbouring frames",
    )
    normalisation: Literal["none", "encoder"] = Field(
        default="none",
        description="`none`: pixels in [0, 1]; `encoder`: mean and deviation of the timm encoder",
    )
    channels: int = Field(
        default=32, ge=1, description="channels of each stack's feature map and of the fusion"
    )
    fusion: Literal["dense", "inverted"] = Field(
        default="dense",
        description="`dense`: blocks of one 3x3x3 convolution; `inverted`: inverted residuals with "
        "depthwise 3x3x3",
    )
    fusion_blocks: int = Field(
        default=4, ge=0, description="number of fusion blocks; 0: only the head fuses"
    )
    pool_after: int = Field(
        default=2, ge=0, description="halve the maps after this many blocks; 0: never"
    )
    expansion: int = Field(
        default=3, ge=1, description="inverted blocks: ratio of hidden channels to channels"
    )
    squeeze: int = Field(
        default=24, ge=1, description="inverted blocks: squeeze ratio of the hidden channels"
    )
    head: Literal["shared", "joint"] = Field(
        default="joint",
        description="`shared`: one 1x1 for every stack, then concatenate; `joint`: concatenate, "
        "then one 1x1 over all stacks",
    )
    head_channels: int = Field(default=256, ge=1, description="output channels of the head's 1x1")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="dropout before the last layer")
    drop_path: float = Field(
        default=0.0, ge=0, lt=1, description="drop path of inverted blocks and timm encoders"
    )
    freeze_encoder: bool = Field(
        default=False, description="freeze the 2D part, including batch norm statistics"
    )

    def without_start(self) -> "ModelConfig":
        """The same network without pretrained weights, for loading all weights from elsewhere."""
        return self if self.encoder == "small" else self.model_copy(update={"weights": "none"})

    @model_validator(mode="after")
    def _weights_are_given(self) -> Self:
        check_encoder_weights(self.encoder, self.weights, self.normalisation)
        return self

    @model_validator(mode="after")
    def _differences_have_no_mean(self) -> Self:
        if self.normalisation == "encoder" and self.stack_input == "difference":
            raise ValueError("normalisation: encoder is for images: use it with stack_input: luma")
        return self


def full_size(weights: str) -> ModelConfig:
    """The slow-fusion recipe for 1280x720: EfficientNetV2-B0 and four inverted 3D blocks.

    weights: of the encoder; `hub` in the recipe, `none` to measure only speed
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


FoldNumber = Annotated[int, Field(ge=0)]


class DataConfig(Settings):
    """Which videos and labels, and how they are split into training and validation."""

    manifest: Path = Field(
        description="CSV, or a folder of SoccerNet games; relative paths start at the working "
        "folder"
    )
    videos: Annotated[Path | None, LOCAL] = Field(
        default=None,
        description="folder that the videos of the manifest are relative to and may not leave; "
        "none: the manifest's folder",
    )
    resolution: str | None = Field(
        default=None,
        pattern=r"^\d+p$",
        description="of a folder of games: `720p` or `224p`; none: the best that there is",
    )
    label_file: str | None = Field(
        default=None,
        description="of a folder of games: the labels in each, needed where both are there; none: "
        "Labels-ball.json or Labels-v2.json",
    )
    classes: tuple[str, ...] = Field(min_length=1, description="classes, in the order of scores")
    class_map: dict[str, str | None] | None = Field(
        default=None,
        description="label: class, for labels that are not classes; several may become one, and "
        "null leaves the events of a label out",
    )
    label_rate: RateText | None = Field(
        default=None, description="frame rate of labels that only have frame numbers"
    )
    rate: GridRateText = Field(
        default="25", description="grid points a second: 25, 30000/1001, or `native`"
    )
    size: tuple[PositiveInt, PositiveInt] = Field(
        description="width and height of the model's input, pixels"
    )
    fit: Literal["stretch", "letterbox"] = Field(
        default="stretch",
        description="`stretch`: both axes are scaled to `size`; `letterbox`: the aspect ratio is "
        "kept and the rest is black, for videos of several shapes",
    )
    cached: bool = Field(
        default=True, description="cache decoded frames on disk at `size`; for small sizes"
    )
    folds: int | None = Field(
        default=None,
        ge=2,
        description="number of folds of whole groups; none: use the manifest's split column",
    )
    fold: FoldNumber | Annotated[tuple[FoldNumber, ...], Field(min_length=1)] = Field(
        default=0, description="the validation fold, from 0, or a list of several"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        last = self.fold if isinstance(self.fold, int) else max(self.fold)
        if self.folds is not None and last >= self.folds:
            raise ValueError(f"fold ({last}) must be below folds ({self.folds})")
        for label, name in (self.class_map or {}).items():
            if label in self.classes:
                raise ValueError(f"class_map.{label}: is a class already; remove it from one")
            if name is not None and name not in self.classes:
                raise ValueError(f"class_map.{label}: {name} is not one of the classes")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"a class is listed twice: {', '.join(self.classes)}")
        return self

    @property
    def games(self) -> GameFiles:
        """Which files are used of a folder of games."""
        return GameFiles(self.resolution, self.label_file)

    @property
    def grid_rate(self) -> GridRate:
        """The rate as `make_grid` takes it."""
        return parse_grid_rate(self.rate)


class StartConfig(Settings):
    """Initial weights from another run or bundle, as in the stages of the recipe."""

    weights: Path = Field(description="model.safetensors, best.safetensors or epoch_N.safetensors")
    strict: bool = Field(
        default=False,
        description="false skips layers of another shape, such as the last one, with a note; a "
        "frozen encoder must always fit",
    )


class PredictionConfig(Settings):
    """How a bundle is run by default; the command line overrides it."""

    precision: PrecisionChoice = Field(
        default="auto",
        description="auto: bf16 if the processor supports it, else fp32; an unsupported precision "
        "is an error",
    )
    every: int = Field(
        default=1,
        ge=1,
        description="score every n-th grid point and interpolate the others",
    )
    flip: bool = Field(default=False, description="average with the scores of the flipped image")
    compile: bool = Field(
        default=False,
        description="on CUDA: compile the model by torch.compile, which takes minutes at the start",
    )
    decoder: Decoder = Field(
        default="pyav",
        description="pyav, which tells damaged frames apart; auto: torchcodec if the model runs on "
        "CUDA and its first frames are pyav's; torchcodec: on any device, else an error",
    )


class SpottingConfig(Settings):
    """Everything that a run of `playhead spotting train` depends on."""

    job: Literal["spotting"] = Field(default="spotting", description="always spotting")
    data: DataConfig
    window: WindowSpec = WindowSpec()
    target_seconds: float = Field(
        default=0.28, gt=0, description="the target is 1 if an event is this close to the middle"
    )
    samples_per_epoch: int = Field(default=6000, ge=1, description="windows per epoch")
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
    tune: bool = Field(
        default=True,
        description="after training, choose the decisions that fit the validation videos best",
    )

    @model_validator(mode="after")
    def _frozen_encoder_has_a_start(self) -> Self:
        if self.model.freeze_encoder and self.model.weights in (None, "none") and not self.start:
            raise ValueError(
                "model.freeze_encoder would keep random weights: give model.weights or "
                "start.weights, or set model.freeze_encoder to false"
            )
        return self


def find_config(name: str) -> Path:
    """The path of a packaged configuration, of the user's YAML file, or the one in a folder."""
    inside = Path(name) / "config.yaml"
    return inside if inside.is_file() else config.find_config(name, "playhead.spotting")


def load_spotting_config(path: Path, settings: Sequence[str] = ()) -> SpottingConfig:
    """Read a configuration and apply `key=value` settings; relative paths start at the cwd."""
    return load_config(SpottingConfig, path, settings)
