"""The configuration of the training loop; torch-free, so that every command can read it.

A step is one update of the weights: it sees `batch_size * accumulate` samples. Epochs count from 1.
"""

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator, model_validator

from playhead.config import LOCAL, Settings
from playhead.inference.precision import PrecisionChoice

__all__ = ["DetectorNetworkConfig", "LossConfig", "TrainingConfig"]

BASE_BATCH = 4


class LossConfig(Settings):
    """What a classifier's logits are trained by."""

    kind: Literal["bce", "focal"] = Field(
        "focal", description="binary cross-entropy, or the same with easy samples counting less"
    )
    gamma: float = Field(1.2, ge=0, description="of focal: how much easy samples count less")
    alpha: float | None = Field(
        None, gt=0, lt=1, description="of focal: weight of positives; none: all weigh the same"
    )


class TrainingConfig(Settings):
    """How long, how fast and how exactly one model is trained."""

    epochs: int = Field(36, ge=1, description="all epochs, the warm-up's among them")
    warmup_epochs: float = Field(
        0.0, ge=0, description="linear warm-up; parts of an epoch are fine"
    )
    batch_size: int = Field(4, ge=1, description="samples that are in memory at once")
    accumulate: int = Field(1, ge=1, description="batches whose gradients make one step")

    optimiser: Literal["adamw", "sgd"] = Field("adamw", description="sgd has Nesterov momentum .9")
    rate: float = Field(3e-4, gt=0, description="learning rate after the warm-up")
    final_rate: float = Field(3e-6, ge=0, description="learning rate of the last step (cosine)")
    scale_rate_with_batch: bool = Field(
        False, description="the rates are for 4 samples a step and grow linearly with them"
    )
    weight_decay: float = Field(0.01, ge=0, description="not applied to norms and biases")
    clip_norm: float | None = Field(None, gt=0, description="largest norm of the gradient")
    ema: float | None = Field(
        None, gt=0, lt=1, description="decay of the averaged weights that are validated and kept"
    )

    precision: PrecisionChoice = Field(
        "auto",
        description="auto: bf16 where the processor has it natively, else fp32; fp16 needs CUDA",
    )
    channels_last: bool = Field(False, description="memory layout of convolutions; often faster")
    seed: int = Field(0, ge=0, description="of the sampler, the augmentation and drop-out")
    workers: int = Field(0, ge=0, description="processes that load samples; 0: none but this one")
    threads: int | None = Field(None, ge=1, description="of torch; none: as many as torch likes")

    validate_every: int = Field(1, ge=1, description="epochs; the last one is always validated")
    select: str | None = Field(
        None, description="metric of the validation that chooses the best epoch; none: the last"
    )
    direction: Literal["max", "min"] = Field("max", description="which value of it is the best")
    keep_epochs: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (), description="epochs whose weights are kept as epoch_N.safetensors"
    )
    checkpoint_seconds: float = Field(60.0, ge=0, description="at most this is lost by a crash")
    log_steps: int = Field(50, ge=1, description="steps between two lines of log.jsonl")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.warmup_epochs > self.epochs:
            raise ValueError(
                f"warmup_epochs ({self.warmup_epochs:g}) must not exceed epochs ({self.epochs})"
            )
        if self.final_rate > self.rate:
            raise ValueError(
                f"final_rate ({self.final_rate:g}) must not exceed rate ({self.rate:g})"
            )
        late = [epoch for epoch in self.keep_epochs if epoch > self.epochs]
        if late:
            raise ValueError(f"keep_epochs {late} lie past the last epoch ({self.epochs})")
        return self

    @property
    def batch_scale(self) -> float:
        """What the linear rule multiplies both rates by: 1 where it is off."""
        if not self.scale_rate_with_batch:
            return 1.0
        return self.batch_size * self.accumulate / BASE_BATCH


class DetectorNetworkConfig(Settings):
    """An encoder, a feature pyramid over its maps, and a decoupled head on each."""

    encoder: str = Field(default="mobilenetv2_100", description="a timm model name")
    weights: Annotated[str, LOCAL] = Field(
        default="mobilenet-v2",
        description="start of the encoder: a name of `playhead weights list`, `none` (random), "
        "`hub` (timm's own download), or the path of a .pth or .safetensors file",
    )
    strides: tuple[PositiveInt, ...] = Field(
        default=(8, 16, 32), description="pixels between the cells of each map; 4 for tiny objects"
    )
    channels: int = Field(default=64, ge=8, description="of the pyramid's maps and the heads")
    head_blocks: int = Field(default=2, ge=0, description="blocks of each branch of the head")
    frozen_blocks: NonNegativeInt = Field(
        default=0, description="blocks of the encoder, and its stem, that keep their start"
    )

    @field_validator("strides")
    @classmethod
    def _strides_double(cls, strides: tuple[int, ...]) -> tuple[int, ...]:
        if not strides or any(b != 2 * a for a, b in pairwise(strides)):
            raise ValueError("needs one stride or more, each twice the one before")
        return strides

    def without_start(self) -> Self:
        """The same network without its pretrained start: all of its weights come from elsewhere."""
        return self.model_copy(update={"weights": "none"})
