"""The configuration of recognition's networks; torch-free.

The defaults train on a CPU in minutes.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from playhead.config import LOCAL, Settings

__all__ = [
    "ClipNetworkConfig",
    "FramesNetworkConfig",
    "KeypointNetworkConfig",
    "NetworkConfig",
]

Size = tuple[PositiveInt, PositiveInt]
Crop = Literal["none", "people"]


class FramesNetworkConfig(Settings):
    """An image encoder on single frames, whose logits are averaged over a clip."""

    kind: Literal["frames"] = Field(default="frames", description="single frames")
    encoder: str = Field(
        default="mobilenetv2_100", description="a timm model name, such as resnet18; or `small`"
    )
    weights: Annotated[str | None, LOCAL] = Field(
        default="mobilenet-v2",
        description="initial weights of the encoder: a name in `playhead weights list`, `none` "
        "(random), `hub` (timm's own download), or the path of a .pth or .safetensors file",
    )
    size: Size = Field(default=(160, 160), description="width and height of a frame, pixels")
    frames: PositiveInt = Field(default=8, description="frames of a clip in prediction")
    train_frames: PositiveInt = Field(default=2, description="frames of a clip in a training step")
    crop: Crop = Field(
        default="none", description="the whole frame, or a square around the chosen people"
    )
    dropout: float = Field(default=0.3, ge=0, lt=1, description="before the last layer")
    freeze_encoder: bool = Field(default=False, description="train only the last layer")


class ClipNetworkConfig(Settings):
    """A network of 3D convolutions on a whole clip."""

    kind: Literal["clip"] = Field(default="clip", description="whole clips, by 3D convolutions")
    backbone: Literal["i3d", "factored"] = Field(
        default="factored", description="I3D ResNet, or a small network of (2+1)D convolutions"
    )
    size: Size = Field(default=(96, 96), description="width and height of a frame, pixels")
    frames: int = Field(default=16, ge=4, description="frames of a clip")
    crop: Crop = Field(
        default="none", description="the whole frame, or a square around the chosen people"
    )
    widths: tuple[PositiveInt, ...] = Field(
        default=(24, 48, 96), min_length=1, description="of factored: channels of each stage"
    )
    blocks: PositiveInt = Field(default=1, description="of factored: blocks of each stage")
    depths: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt] = Field(
        default=(1, 1, 1, 1), description="of i3d: bottlenecks of each stage; (3, 4, 6, 3) full"
    )
    width: PositiveInt = Field(default=16, description="of i3d: channels of the stem; 64 full")
    weights: Annotated[str | None, LOCAL] = Field(
        default=None,
        description="of i3d: initial weights of the backbone, a .safetensors file of `playhead "
        "bundle convert`; none: random",
    )
    dropout: float = Field(default=0.3, ge=0, lt=1, description="before the last layer")


class KeypointNetworkConfig(Settings):
    """A network of the joints of people over time."""

    kind: Literal["tcn", "lstm"] = Field(
        default="tcn",
        description="`tcn`: temporal convolutions with residual blocks; `lstm`: recurrent layers, "
        "the reference's",
    )
    length: int = Field(default=48, ge=8, description="points in time of a clip")
    width: PositiveInt = Field(default=128, description="channels")
    layers: PositiveInt = Field(default=2, description="of lstm: recurrent layers")
    dilations: tuple[PositiveInt, ...] = Field(
        default=(1, 2, 4), min_length=1, description="of tcn: dilation of each residual block"
    )
    halve: bool = Field(
        default=True, description="of tcn: halve the points in time between residual blocks"
    )
    inputs: tuple[Literal["positions", "motion", "distances", "bones", "between"], ...] = Field(
        default=("positions", "motion", "distances"),
        min_length=1,
        description="joints around the root and its path; velocities over 1 and 4 steps; distances "
        "of all pairs of joints of a person; `bones`: directions along the edges of the skeleton; "
        "`between`: distances of each joint of one person to each of the other, for two people",
    )
    average_views: bool = Field(
        default=False,
        description="in prediction, average the logits over the clip, its mirror image, and both "
        "orders of two people; not for classes that a mirror exchanges",
    )
    dropout: float = Field(default=0.3, ge=0, lt=1, description="inside residual blocks")
    last_dropout: float = Field(default=0.5, ge=0, lt=1, description="before the last layer")

    @model_validator(mode="after")
    def _is_long_enough(self) -> Self:
        shortest = 2 ** (len(self.dilations) - 1)
        if self.kind == "tcn" and self.halve and self.length < shortest:
            raise ValueError(
                f"network.halve leaves nothing of network.length ({self.length}) after "
                f"{len(self.dilations)} blocks: set the length to {shortest} or more"
            )
        return self


NetworkConfig = Annotated[
    FramesNetworkConfig | ClipNetworkConfig | KeypointNetworkConfig, Field(discriminator="kind")
]
