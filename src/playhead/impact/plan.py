"""The input plans of clips, and of a collision network: the clips it takes, the grid it gives."""

from typing import ClassVar, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from playhead.impact.targets import BOX_UNIT, GRID_STRIDE
from playhead.inference.bundle import InputPlan
from playhead.times import GridRate, GridRateText, parse_grid_rate

__all__ = ["ClipGridPlan", "ClipPlan"]


class ClipPlan(InputPlan):
    """Clips of neighbouring points of a time grid, of which one frame is described."""

    size: tuple[PositiveInt, PositiveInt] = Field(
        description="width and height that frames are scaled to"
    )
    pixels: Literal["luma", "rgb"] = Field(
        default="luma", description="the stored Y plane, (H, W) per frame, or colour, (H, W, 3)"
    )
    rate: GridRateText = Field(
        description="grid points per second, as 25 or 30000/1001; or `native`"
    )
    frames: PositiveInt = Field(description="frames of a clip, at neighbouring points of the grid")
    before: int = Field(ge=0, description="frames of a clip before the marked frame")

    @model_validator(mode="after")
    def _clip_holds_the_marked_frame(self) -> Self:
        if self.before >= self.frames:
            raise ValueError(f"before ({self.before}) must be below frames ({self.frames})")
        return self

    @property
    def grid_rate(self) -> GridRate:
        """The rate in the form for `make_grid`."""
        return parse_grid_rate(self.rate)

    def describe_frames(self) -> str:
        """The frames in words."""
        width, height = self.size
        rate = "every frame" if self.rate == "native" else f"{self.rate} frames per second"
        return f"{self.pixels}, {width}x{height}, {rate}"


class ClipGridPlan(ClipPlan):
    """Clips of a collision network; the output describes the marked frame.

    The last graph returns probabilities (B, 6, h, w), one cell for each `stride` pixels, with the
    channels of `impact.targets.grid_target`.
    """

    kind: ClassVar[str] = "clip-grid"

    marker: bool = Field(default=True, description="whether the network marks that frame")
    box_unit: float = Field(
        default=BOX_UNIT, gt=0, description="pixels of a box height or width of 1"
    )
    stride: PositiveInt = Field(default=GRID_STRIDE, description="pixels between cells")

    @property
    def grid_size(self) -> tuple[int, int]:
        """Rows and columns of the output."""
        width, height = self.size
        return -(-height // self.stride), -(-width // self.stride)

    def describe(self) -> str:
        """The input in words, for the model card."""
        return (
            f"{self.describe_frames()}; clips of {self.frames} frames, {self.before} of them "
            "before the one that is described"
        )

    def output_shape(self, classes: int) -> tuple[int | None, ...]:
        """(B, 6, rows, columns), whatever the number of classes."""
        return None, 6, *self.grid_size
