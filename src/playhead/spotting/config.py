"""The configuration of spotting: what a model is made of, and how it is trained and used.

Nothing here imports torch. The defaults are the small model of the demo, made for pictures of about
112x64 on a CPU; `full_size` gives the sizes of the slow-fusion recipe for 1280x720.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from playhead.config import Settings

__all__ = ["ModelConfig", "full_size"]


class ModelConfig(Settings):
    """A network that sees a window of luma frames and scores its middle.

    `slow_fusion` runs a 2D encoder over each stack of neighbouring frames, then fuses the stacks
    in 3D; `early_fusion`, the baseline, gives all frames to one 2D encoder as channels.
    """

    kind: Literal["slow_fusion", "early_fusion"] = "slow_fusion"
    encoder: str = Field(
        default="small", description="`small`, our own at stride 8, or a timm model name"
    )
    weights: str | None = Field(
        default=None,
        description="start of a timm encoder: `none` (random), a name of `playhead weights list`, "
        "`hub` (timm's own download), or the path of a .pth or .safetensors file",
    )
    encoder_channels: int = Field(
        default=48, ge=8, description="channels out of the `small` encoder"
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
    head_channels: int = Field(default=192, ge=1, description="channels out of the head's 1x1")
    dropout: float = Field(default=0.0, ge=0, lt=1)
    drop_path: float = Field(
        default=0.0, ge=0, lt=1, description="inverted blocks and timm encoders"
    )
    freeze_encoder: bool = Field(
        default=False, description="keep the 2D part as it is, batch-norm statistics included"
    )

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
            raise ValueError(
                "normalisation: encoder is for pictures: use it with stack_input: luma"
            )
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
