"""The configuration of the training loop; torch-free, so that every command can read it.

A step is one update of the weights, on `batch_size * accumulate` samples. Epochs count from 1.
"""

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator, model_validator

from playhead.config import LOCAL, Settings
from playhead.inference.precision import PrecisionChoice

__all__ = [
    "Decoder",
    "DetectorNetworkConfig",
    "LossConfig",
    "TrainingConfig",
    "check_encoder_weights",
]

BASE_BATCH = 4

Decoder = Literal["auto", "pyav", "torchcodec"]
"""What decodes videos for prediction, see `learning.decoding`."""


class LossConfig(Settings):
    """The loss of a classifier's logits."""

    kind: Literal["bce", "focal"] = Field(
        "focal",
        description="binary cross-entropy, or focal loss, which gives easy samples less weight",
    )
    gamma: float = Field(
        1.2, ge=0, description="of focal: how strongly easy samples are down-weighted"
    )
    alpha: float | None = Field(
        None, gt=0, lt=1, description="of focal: weight of positives; none: equal weights"
    )


class TrainingConfig(Settings):
    """Epochs, batches, optimiser, precision and checkpoints of a training."""

    epochs: int = Field(36, ge=1, description="number of epochs, including the warm-up")
    warmup_epochs: float = Field(0.0, ge=0, description="linear warm-up; may be fractional")
    warmup_start: float = Field(
        0.0, ge=0, le=1, description="share of the learning rate that the warm-up starts from"
    )
    batch_size: int = Field(4, ge=1, description="samples per batch")
    accumulate: int = Field(1, ge=1, description="batches per step (gradient accumulation)")

    optimiser: Literal["adamw", "sgd"] = Field("adamw", description="sgd has Nesterov momentum 0.9")
    rate: float = Field(3e-4, gt=0, description="learning rate after the warm-up")
    schedule: Literal["cosine", "steps"] = Field(
        "cosine",
        description="of the learning rate: along half a cosine to final_rate, or multiplied by "
        "step_factor after each of step_epochs",
    )
    final_rate: float = Field(
        3e-6, ge=0, description="of cosine: learning rate of the last step; not above rate"
    )
    step_epochs: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (), description="of steps: rising, below epochs; 6 changes the rate of the seventh epoch"
    )
    step_factor: float = Field(0.1, gt=0, lt=1, description="of steps: factor of each change")
    scale_rate_with_batch: bool = Field(
        False, description="the rates are for 4 samples per step and scale linearly"
    )
    weight_decay: float = Field(0.01, ge=0, description="not applied to norms and biases")
    clip_norm: float | None = Field(None, gt=0, description="largest norm of the gradient")
    ema: float | None = Field(
        None, gt=0, lt=1, description="decay of the averaged weights, which are validated and kept"
    )

    precision: PrecisionChoice = Field(
        "auto",
        description="auto: bf16 if the processor supports it natively, else fp32; fp16 needs CUDA",
    )
    channels_last: bool = Field(
        False, description="memory layout of 2D and 3D convolutions; often faster"
    )
    compile: bool = Field(
        False,
        description="the model by torch.compile: minutes at the start, then usually faster on CUDA",
    )
    seed: int = Field(0, ge=0, description="of sampling, augmentation and dropout")
    workers: int = Field(0, ge=0, description="worker processes that load samples; 0: this process")
    threads: int | None = Field(None, ge=1, description="of torch; none: torch's default")

    validate_every: int = Field(1, ge=1, description="epochs; the last one is always validated")
    select: str | None = Field(
        None, description="validation metric that selects the best epoch; none: the last"
    )
    direction: Literal["max", "min"] = Field(
        "max", description="whether the metric is maximised or minimised"
    )
    keep_epochs: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (), description="epochs whose weights are kept as epoch_N.safetensors"
    )
    checkpoint_seconds: float = Field(60.0, ge=0, description="interval of checkpoints")
    log_steps: int = Field(50, ge=1, description="steps between two lines of log.jsonl")
    tensorboard: bool = Field(
        False,
        description="write what log.jsonl holds for TensorBoard too, into the folder tensorboard "
        "of the run; needs the extra tensorboard",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.warmup_epochs > self.epochs:
            raise ValueError(
                f"warmup_epochs ({self.warmup_epochs:g}) must not exceed epochs ({self.epochs}): "
                "with fewer epochs also set training.warmup_epochs, such as 0"
            )
        match self.schedule:
            case "cosine":
                if self.final_rate > self.rate:
                    raise ValueError(
                        f"final_rate ({self.final_rate:g}) must not exceed rate ({self.rate:g})"
                    )
            case "steps":
                bounds = (self.warmup_epochs, *self.step_epochs, self.epochs)
                rising = all(a < b for a, b in pairwise(bounds[1:])) and bounds[0] <= bounds[1]
                if not self.step_epochs or not rising:
                    given = ", ".join(f"{epoch:g}" for epoch in self.step_epochs)
                    raise ValueError(
                        f"step_epochs ({given}) must rise from warmup_epochs "
                        f"({self.warmup_epochs:g}) to below epochs ({self.epochs})"
                    )
        late = [epoch for epoch in self.keep_epochs if epoch > self.epochs]
        if late:
            raise ValueError(f"keep_epochs {late} are past the last epoch ({self.epochs})")
        return self

    @property
    def batch_scale(self) -> float:
        """The factor of both rates by the linear scaling rule, 1 if it is off."""
        if not self.scale_rate_with_batch:
            return 1.0
        return self.batch_size * self.accumulate / BASE_BATCH


class DetectorNetworkConfig(Settings):
    """An encoder, a feature pyramid over its maps, and a decoupled head on each."""

    encoder: str = Field(default="mobilenetv2_100", description="a timm model name")
    weights: Annotated[str, LOCAL] = Field(
        default="mobilenet-v2",
        description="initial weights of the encoder: a name in `playhead weights list`, `none` "
        "(random), `hub` (timm's own download), or the path of a .pth or .safetensors file",
    )
    strides: tuple[PositiveInt, ...] = Field(
        default=(8, 16, 32), description="pixels between the cells of each map; 4 for tiny objects"
    )
    channels: int = Field(default=64, ge=8, description="of the pyramid's maps and the heads")
    head_blocks: int = Field(default=2, ge=0, description="blocks of each branch of the head")
    frozen_blocks: NonNegativeInt = Field(
        default=0, description="blocks of the encoder that are frozen, with its stem"
    )

    @field_validator("strides")
    @classmethod
    def _strides_double(cls, strides: tuple[int, ...]) -> tuple[int, ...]:
        if not strides or any(b != 2 * a for a, b in pairwise(strides)):
            raise ValueError("needs at least one stride, each twice the one before")
        return strides

    def without_start(self) -> Self:
        """The same network without pretrained weights, for loading all of its weights later."""
        return self.model_copy(update={"weights": "none"})


def check_encoder_weights(encoder: str, weights: str | None, normalisation: str) -> None:
    """Raise ValueError unless `weights` and `normalisation` fit an encoder: `small`, or timm's."""
    if encoder == "small":
        if weights not in (None, "none"):
            raise ValueError(f"encoder small has no weights {weights}: omit weights")
        if normalisation == "encoder":
            raise ValueError("encoder small is not pretrained: use normalisation: none")
    elif weights is None:
        raise ValueError(
            f"encoder {encoder} needs weights: none (random), a name of "
            "`playhead weights list`, hub, or the path of a file"
        )
