"""The configuration of the impact networks and their losses; torch-free.

The defaults are the small networks of the demo, for a CPU; `full_size_collision` and
`full_size_helmet` give those of the recipe for 1280x720.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from playhead.config import LOCAL, Settings
from playhead.learning.settings import LossConfig

__all__ = [
    "CollisionLossConfig",
    "CollisionNetworkConfig",
    "HelmetNetworkConfig",
    "full_size_collision",
    "full_size_helmet",
]


class CollisionNetworkConfig(Settings):
    """A network that sees a clip and describes one of its frames, the marked one, on a grid.

    `i3d` is a 3D ResNet, `factored` a small network whose features of single frames are shared by
    all clips that overlap.
    """

    kind: Literal["factored", "i3d"] = Field(default="factored", description="architecture")
    pixels: Literal["luma", "rgb"] = Field(default="luma", description="grey or colour frames")
    frames: int = Field(
        default=8, ge=1, description="frames of a clip; even, or 1 for a network without motion"
    )
    before: int = Field(default=4, ge=0, description="frames of a clip before the marked frame")
    marker: bool = Field(
        default=True, description="one more input channel, which is 1 on the marked frame"
    )
    box_unit: float = Field(
        default=224.0,
        gt=0,
        description="largest height and width of a predicted box, pixels at `data.size`",
    )

    stem: Literal["5x7x7", "3x7x7"] = Field(
        default="5x7x7", description="of i3d: 3x7x7 is smaller and not padded in time"
    )
    depths: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt] = Field(
        default=(3, 4, 6, 3), description="of i3d: bottlenecks of each stage"
    )
    width: int = Field(default=64, ge=1, description="of i3d: channels of the stem")
    weights: Annotated[str | None, LOCAL] = Field(
        default=None,
        description="of i3d: initial weights of the backbone, a .safetensors file of `playhead "
        "bundle convert`; none: random. They were trained on colours normalised by mean .45 and "
        "deviation .225, but are given values in [0, 1], as in the recipe",
    )

    chunk_frames: int = Field(
        default=0,
        ge=0,
        description="of i3d without marker: frames of a chunk, on which the fast mode runs the "
        "backbone once for all clips in it, such as 25; 0: none. Odd, since time is halved at the "
        "chunk's even frames. Memory grows with it",
    )

    stem_channels: int = Field(
        default=16, ge=1, description="of factored: channels of the features of single frames"
    )
    widths: tuple[PositiveInt, ...] = Field(
        default=(24, 40, 56),
        min_length=1,
        description="of factored: channels at strides 4, 8, 16 and so on",
    )

    fine_channels: int = Field(
        default=0,
        ge=0,
        description="of factored: channels of two convolutions that see the finest map at all time "
        "steps, where small objects move; 0: none",
    )

    pyramid_channels: int = Field(
        default=24, ge=1, description="channels of the pyramid's top-down path"
    )
    branch_channels: int = Field(default=24, ge=1, description="channels of the pyramid's branches")
    norm: Literal["batch", "group"] = Field(
        default="batch",
        description="normalisation of the pyramid; group norms depend on the whole map, and so "
        "tell patches from whole frames",
    )
    dropout: float = Field(
        default=0.0, ge=0, lt=1, description="probability of dropping a channel of the pyramid"
    )
    freeze_backbone: bool = Field(
        default=False, description="train only the pyramid, without the backbone's batch norm"
    )

    @model_validator(mode="after")
    def _clip_holds_the_marked_frame(self) -> Self:
        if self.before >= self.frames:
            raise ValueError(f"before ({self.before}) must be below frames ({self.frames})")
        if self.frames % 2 and self.frames > 1:
            raise ValueError(f"frames ({self.frames}) must be even, or 1")
        if self.kind == "i3d" and self.frames == 1:
            raise ValueError("an i3d needs frames of at least 2; a factored network can have 1")
        if self.kind == "i3d" and self.stem == "3x7x7" and self.frames < 4:
            raise ValueError("stem 3x7x7 needs frames of at least 4")
        chunked = self.kind == "i3d" and not self.marker
        if chunked and 0 < self.chunk_frames <= self.frames:
            raise ValueError(
                f"chunk_frames ({self.chunk_frames}) must be above frames ({self.frames}), or 0"
            )
        if self.kind != "i3d" and self.weights is not None:
            raise ValueError(f"weights are only for the kind i3d, but the kind is {self.kind}")
        return self


class HelmetNetworkConfig(Settings):
    """A network that predicts a heat map of helmets for single frames."""

    pixels: Literal["luma", "rgb"] = Field(
        default="rgb",
        description="colour, or grey, which the encoder sees as three equal channels; that of the "
        "collision network that it is used with",
    )
    encoder: str = Field(default="mobilenetv2_100", description="a timm model name")
    weights: Annotated[str, LOCAL] = Field(
        default="mobilenet-v2",
        description="initial weights of the encoder: a name in `playhead weights list`, `none` "
        "(random), `hub` (timm's own download), or the path of a .pth or .safetensors file",
    )
    target: Literal["disc", "point"] = Field(
        default="disc",
        description="`disc`: fades from 1 at the centre of a box to 0 at the rim; `point`: 1 in "
        "the 4x4 pixels of the grid cell of the centre",
    )
    pyramid_channels: int = Field(
        default=64, ge=1, description="channels of the pyramid's top-down path"
    )
    branch_channels: int = Field(default=32, ge=1, description="channels of the pyramid's branches")
    norm: Literal["batch", "group"] = Field(
        default="batch",
        description="normalisation of the pyramid; group norms depend on the whole map, and so "
        "tell crops from whole frames",
    )
    dropout: float = Field(
        default=0.0, ge=0, lt=1, description="probability of dropping a channel of the pyramid"
    )
    positive_weight: float = Field(
        default=1.0, gt=0, description="weight of the target's positive part in the loss"
    )

    def without_start(self) -> Self:
        """The same network without pretrained weights, for loading all of its weights later."""
        return self.model_copy(update={"weights": "none"})


class CollisionLossConfig(Settings):
    """The weighted sum of the losses of the centre, the box and the impact."""

    centre: LossConfig = Field(
        default=LossConfig(kind="bce"), description="loss of the centre, over all cells"
    )
    centre_positive_weight: float = Field(
        default=5.0, gt=0, description="of bce: weight of cells that hold a centre"
    )
    impact: LossConfig = Field(default=LossConfig(kind="bce"), description="loss of the impact")
    impact_over: Literal["cells", "map"] = Field(
        default="cells",
        description="`cells`: only cells that hold a centre learn the impact; `map`: all cells",
    )
    box: Literal["huber", "l1"] = Field(
        default="huber",
        description="loss of the box; l1 keeps refining boxes that are nearly right",
    )
    centre_weight: float = Field(default=10.0, ge=0, description="weight of the centre loss")
    box_weight: float = Field(default=10.0, ge=0, description="weight of the box loss")
    impact_weight: float = Field(default=1.0, ge=0, description="weight of the impact loss")


def full_size_collision() -> CollisionNetworkConfig:
    """The collision network of the recipe: I3D ResNet-50 on 8 frames in colour."""
    return CollisionNetworkConfig(
        kind="i3d",
        pixels="rgb",
        pyramid_channels=256,
        branch_channels=128,
        norm="group",
        dropout=0.2,
    )


def full_size_helmet(weights: str) -> HelmetNetworkConfig:
    """The helmet network of the recipe, on ResNet-34.

    weights: of the encoder; `hub` in the recipe, `none` to measure only speed
    """
    return HelmetNetworkConfig(
        encoder="resnet34",
        weights=weights,
        pyramid_channels=256,
        branch_channels=128,
        norm="group",
        dropout=0.2,
    )
