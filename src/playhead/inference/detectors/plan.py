"""The input plan of a custom detector: the input and output of its graph."""

from typing import ClassVar, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from playhead.inference.bundle import InputPlan

__all__ = ["DetectorPlan"]


class DetectorPlan(InputPlan):
    """The input of a detector: single images of any size.

    Its graph takes uint8 RGB (B, H, W, 3), H and W multiples of the last stride, and returns
    (B, N, 4 + classes): for every cell of every stride, finest first, row by row, the distances in
    pixels from its centre to the left, top, right and bottom edge of the box, then probabilities.
    """

    kind: ClassVar[str] = "detector"

    pixels: Literal["rgb"] = "rgb"
    longest: PositiveInt = Field(
        description="default size in pixels of the longer side of a scaled image"
    )
    enlarge: bool = Field(default=False, description="whether smaller images are scaled up to it")
    strides: tuple[PositiveInt, ...] = Field(
        min_length=1, description="pixels between the cells of each map, rising"
    )

    @model_validator(mode="after")
    def _strides_rise(self) -> Self:
        if list(self.strides) != sorted(set(self.strides)):
            raise ValueError(f"strides {self.strides} must rise")
        return self

    def describe(self) -> str:
        """The input in words, for the model card."""
        return f"{self.pixels} images, the longer side {self.longest} pixels"

    def output_shape(self, classes: int) -> tuple[int | None, ...]:
        """(B, N, 4 + classes)."""
        return None, None, 4 + classes
