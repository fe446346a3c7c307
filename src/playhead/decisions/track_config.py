"""Configuration of tracking: how boxes of sampled frames are associated into tracks."""

import math

from pydantic import Field

from playhead.config import Settings

__all__ = ["TrackConfig"]


class TrackConfig(Settings):
    """How detections become tracks.

    Speeds and distances are in sizes, the square root of a box's area, so that a small distant face
    and a large near one are treated alike.
    """

    low_score: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="a box with this score or more can continue a track; lower ones are ignored",
    )
    min_hits: int = Field(
        default=1, ge=1, description="a track with fewer detections is dropped; 1: none is"
    )
    gap_seconds: float = Field(
        default=1.0,
        ge=0,
        description="a track without detections for at most this long is resumed, the gap filled",
    )
    smooth_seconds: float = Field(
        default=0.2,
        ge=0,
        description="velocities come from a line fitted this far to either side; 0: to neighbours",
    )
    start_speed: float = Field(
        default=16.0,
        gt=0,
        description="standard deviation of the speed of an object detected once, sizes a second",
    )
    agility: float = Field(
        default=4.0,
        gt=0,
        description="standard deviation of the change of speed in one second, sizes a second",
    )
    jitter: float = Field(
        default=0.07, gt=0, description="standard deviation of a detected centre, in sizes"
    )
    gate: float = Field(
        default=3.0,
        gt=0,
        description="a box farther from the prediction than this many standard deviations is not "
        "matched",
    )
    near: float = Field(
        default=0.6, ge=0, description="a box within so many sizes of a prediction can be matched"
    )
    reach: float = Field(
        default=3.5, gt=0, description="a box more sizes away from its prediction is never matched"
    )
    resize: float = Field(
        default=2.2, ge=1, description="a box wider or higher by a greater factor is never matched"
    )

    @property
    def log_resize(self) -> float:
        """The logarithm of `resize`, since sizes are compared by their logarithms."""
        return math.log(self.resize)
