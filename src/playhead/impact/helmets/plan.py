"""The input plan of a helmet network: single frames in, a heat map of the same size out."""

from typing import ClassVar, Literal

from pydantic import Field, PositiveInt

from playhead.inference.bundle import InputPlan

__all__ = ["HeatMapPlan"]


class HeatMapPlan(InputPlan):
    """Single frames of any size; the output is a probability for each pixel, (B, H, W).

    `size` is that of the training. The graph takes sides that are multiples of `multiple`.
    """

    kind: ClassVar[str] = "heat-map"

    size: tuple[PositiveInt, PositiveInt] = Field(
        description="width and height that frames are scaled to"
    )
    pixels: Literal["luma", "rgb"] = Field(
        default="rgb", description="the stored Y plane, (H, W) per frame, or colour, (H, W, 3)"
    )
    multiple: PositiveInt = Field(default=32, description="of the sides of the graph's input")

    def describe(self) -> str:
        """The input in words, for the model card."""
        width, height = self.size
        return (
            f"{self.pixels}, {width}x{height}, single frames, of which it gives a heat map; the "
            "option --helmets of prediction takes it beside a collision network"
        )

    def output_shape(self, classes: int) -> tuple[int | None, ...]:
        """(B, H, W), whatever the number of classes."""
        return None, None, None
