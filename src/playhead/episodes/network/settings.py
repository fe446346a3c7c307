"""The configuration of the networks of clips; torch-free.

The defaults are the small network of the demo, for a CPU; the packaged `full`, `full-normalised`
and `full-yolt` give the three networks of the recipe.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from playhead.config import LOCAL, Settings
from playhead.episodes.network.plan import Input
from playhead.learning.settings import check_encoder_weights

__all__ = ["BoundaryLossConfig", "BoundaryNetworkConfig"]


class BoundaryNetworkConfig(Settings):
    """A network that finds one boundary in a clip from its sound, frames and text."""

    inputs: tuple[Input, ...] = Field(
        default=("sound", "frames", "text"), min_length=1, description="what the network sees"
    )
    head: Literal["one-layer", "two-layer", "moments"] = Field(
        default="moments",
        description="`one-layer`: one number for each moment, then two linear layers over all "
        "moments; `two-layer`: the same, the number from two layers; `moments`: a score for each "
        "moment, the answer is the mean of the moments weighted by the softmax of the scores",
    )
    second: Literal["none", "cell", "centred"] = Field(
        default="centred",
        description="second look at a part of the clip: `cell`: the cell of 10 s that holds the "
        "first answer; `centred`: the 20 s around it",
    )
    presence: bool = Field(
        default=False, description="whether the network also says if there is a boundary at all"
    )

    sound_widths: tuple[PositiveInt, ...] = Field(
        default=(16, 24, 32, 48), min_length=1, description="channels of the 1D ResNet's stages"
    )
    sound_blocks: PositiveInt = Field(default=1, description="blocks of each of its stages")
    encoder: str = Field(
        default="small", description="2D network of single frames: `small`, or a timm model name"
    )
    weights: Annotated[str | None, LOCAL] = Field(
        default=None,
        description="weights of a timm encoder: `none`, a name of `playhead weights list`, "
        "`hub` (timm's own download), or the path of a .pth or .safetensors file",
    )
    frame_channels: int = Field(default=16, ge=2, description="channels of the `small` encoder")
    frame_scale: PositiveInt = Field(
        default=2, description="frames are averaged over squares of this side, pixels"
    )
    normalisation: Literal["none", "encoder"] = Field(
        default="none",
        description="of frames: `none`: RGB in [0, 1]; `encoder`: mean and deviation of the timm "
        "encoder",
    )
    frame_dropout: float = Field(default=0.0, ge=0, lt=1, description="dropout of their features")
    text_widths: tuple[PositiveInt, ...] = Field(
        default=(4, 8, 8, 8),
        min_length=1,
        max_length=4,
        description="channels of the stages for text masks; each halves the mask",
    )

    hidden: PositiveInt = Field(default=24, description="recurrent units in each direction")
    recurrent_layers: PositiveInt = Field(default=1, description="recurrent layers")
    recurrent_dropout: float = Field(default=0.0, ge=0, lt=1, description="dropout between them")
    squeeze: PositiveInt = Field(
        default=4, description="squeeze and excitation of the fusion: ratio of channels to hidden"
    )
    fused_dropout: float = Field(default=0.0, ge=0, lt=1, description="dropout after the fusion")
    head_channels: PositiveInt = Field(
        default=48, description="of `two-layer` and `moments`: channels of the first layer"
    )
    head_units: PositiveInt = Field(
        default=64,
        description="of `one-layer` and `two-layer`: units between the linear layers over moments",
    )

    def without_start(self) -> Self:
        """The same network without pretrained weights, for loading all of its weights later."""
        return self if self.encoder == "small" else self.model_copy(update={"weights": "none"})

    @model_validator(mode="after")
    def _weights_are_given(self) -> Self:
        if len(set(self.inputs)) != len(self.inputs):
            raise ValueError(f"an input is listed twice: {', '.join(self.inputs)}")
        check_encoder_weights(self.encoder, self.weights, self.normalisation)
        return self


class BoundaryLossConfig(Settings):
    """The sum of the losses of the first answer, the second look, the moments and the presence."""

    kind: Literal["smooth-l1", "l1"] = Field(
        default="smooth-l1", description="of the first answer, in seconds"
    )
    moments_weight: float = Field(
        default=1.0, ge=0, description="of `moments`: weight of the cross-entropy of the moments"
    )
    first_weight: float = Field(
        default=1.0, ge=0, description="weight of the loss of the first answer in seconds"
    )
    second_weight: float = Field(default=1.0, ge=0, description="weight of the second look")
    presence_weight: float = Field(
        default=1.0, ge=0, description="weight of the binary cross-entropy of the presence"
    )
