"""The input plan of a network of tracked helmets: clips that follow a helmet, and its motion."""

from typing import ClassVar, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from playhead.impact.plan import ClipPlan

__all__ = ["Inputs", "TrackClipPlan"]

Inputs = Literal["pixels+motion", "pixels", "motion"]

MOTION_VALUES = 5
"""Numbers of a box in each frame: x, y, log width, log height, whether it is missing."""


class TrackClipPlan(ClipPlan):
    """Clips of neighbouring points of a time grid that follow one helmet, and its motion.

    Crops are those of `tracked.crops`, motion is that of `tracked.motion`. The part `crops` takes
    uint8 (B, T, side, side, C), the last channel being the mark, and gives features; the part
    `tracks` takes float32 (B, N), those features and then the motion, and gives probabilities of an
    impact in the marked frame, (B, 1). With one input alone there is no more in it: without pixels
    there is no part `crops`.
    """

    kind: ClassVar[str] = "track-clips"

    inputs: Inputs = Field(default="pixels+motion", description="what the network sees")
    side: PositiveInt = Field(description="side of a crop, pixels")
    box_sizes: float = Field(default=3.0, gt=0, description="side of a crop, in box sizes")
    radius: NonNegativeInt = Field(
        description="grid points before and after, of the motion and of the mean box size"
    )
    neighbours: NonNegativeInt = Field(
        default=2, description="nearest other helmets whose motion is seen"
    )

    @property
    def sees_pixels(self) -> bool:
        """Whether the network sees crops."""
        return self.inputs != "motion"

    @property
    def sees_motion(self) -> bool:
        """Whether the network sees motion."""
        return self.inputs != "pixels"

    @property
    def channels(self) -> int:
        """Channels of a crop, with the mark."""
        return 4 if self.pixels == "rgb" else 2

    @property
    def motion_values(self) -> int:
        """Numbers of the motion of one helmet in one frame; 0 if the network does not see it."""
        each = MOTION_VALUES * (2 * self.radius + 1)
        return (1 + self.neighbours) * each if self.sees_motion else 0

    def describe(self) -> str:
        """The input in words, for the model card."""
        clips = f"clips of {self.frames} crops of {self.side}x{self.side} that follow a helmet"
        motion = f"the motion of the helmet and of the {self.neighbours} nearest others"
        match self.inputs:
            case "pixels+motion":
                seen = f"{clips}, and {motion}"
            case "pixels":
                seen = clips
            case "motion":
                seen = motion
        return (
            f"{self.describe_frames()}; {seen}; the option --tracks of prediction takes it beside "
            "a collision network"
        )

    def output_shape(self, classes: int) -> tuple[int | None, ...]:
        """(B, classes)."""
        return None, classes
