"""The input plan of a network of clips: the sound, frames and text that it takes.

The prepared features of a clip are MFCC of its sound, one frame a second and the mask of text in
it. A moment is one second of a clip.
"""

from typing import ClassVar, Literal

from pydantic import Field, PositiveInt

from playhead.inference.bundle import InputPlan

__all__ = [
    "CELL",
    "COEFFICIENTS",
    "COLUMNS_PER_SECOND",
    "CUT",
    "FRAME_SHAPE",
    "MASK_SHAPE",
    "OUTPUTS",
    "BoundaryClipPlan",
    "Input",
    "columns_of",
]

Input = Literal["sound", "frames", "text"]

COEFFICIENTS = 20
"""MFCC of a column."""

COLUMNS_PER_SECOND = 22050 / 512
"""MFCC columns a second."""

FRAME_SHAPE = (66, 88)
"""Rows and columns of a frame, letterboxed with black."""

MASK_SHAPE = (27, 36)
"""Rows and columns of a text mask."""

CELL, CUT = 10, 20
"""Seconds that the second look sees: of a cell, and of a cut centred on the first answer."""

OUTPUTS = ("seconds", "first", "presence")
"""The first outputs of a network: the answer, the first answer and the probability of any."""


def columns_of(seconds: float) -> int:
    """MFCC columns of a clip, padded to a multiple of 8: 8616 for 200 s."""
    columns = 1 + int(seconds * 22050) // 512
    return -(-columns // 8) * 8


class BoundaryClipPlan(InputPlan):
    """Clips of a fixed length in which one boundary is found.

    The part `sound` takes MFCC, float32 (B, 20, columns), and gives (B, moments, S); the part
    `frames` takes uint8 (N, 66, 88, 3) and gives (N, F); the part `text` takes uint8 (N, 27, 36) in
    {0, 1} and gives (N, X). The last part, `answer`, takes their outputs side by side in this
    order, (B, moments, S + F + X), and gives (B, 3 + moments): the answer and the first answer in
    seconds, the probability that there is a boundary (1 if the network does not say), and with
    `scores` the probability of each moment. Without an input there is no such part.
    """

    kind: ClassVar[str] = "boundary-clips"

    seconds: PositiveInt = Field(description="length of a clip, and its number of moments")
    inputs: tuple[Input, ...] = Field(description="what the network sees")
    scores: bool = Field(description="whether it gives a probability for each moment")
    presence: bool = Field(description="whether it says if there is a boundary")

    @property
    def columns(self) -> int:
        """MFCC columns of a clip."""
        return columns_of(self.seconds)

    def describe(self) -> str:
        """The input in words, for the model card."""
        names = {
            "sound": "MFCC of its sound",
            "frames": "a frame of 88x66 a second",
            "text": "masks of text in these frames",
        }
        seen = ", ".join(names[name] for name in self.inputs)
        return f"a clip of {self.seconds} s: {seen}"

    def output_shape(self, classes: int) -> tuple[int | None, ...]:
        """(B, 3 + moments), or (B, 3) without scores of moments, whatever the classes."""
        return None, len(OUTPUTS) + (self.seconds if self.scores else 0)
