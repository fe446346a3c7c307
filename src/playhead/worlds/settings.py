"""Settings that all worlds share: frame size, frame rate and the split of the data set."""

from fractions import Fraction
from typing import Self

from pydantic import Field, field_validator, model_validator

from playhead.config import Settings
from playhead.times import RateText

__all__ = ["SPLITS", "WorldSettings"]

SPLITS = ("train", "valid", "test")
SLOWEST, FASTEST = 5, 240
"""Frames a second."""


class WorldSettings(Settings):
    """Settings that all worlds share; each adds its own sizes and qualities."""

    width: int
    height: int
    rate: RateText = Field("25", description="frames a second, also as a fraction: 30000/1001")
    train: float = Field(0.6, ge=0.0, le=1.0, description="share of the videos to train on")
    valid: float = Field(
        0.15, ge=0.0, le=1.0, description="share to validate on; the rest is for testing"
    )

    @field_validator("rate")
    @classmethod
    def _rate_is_usable(cls, rate: str) -> str:
        try:
            value = Fraction(rate)
        except (ValueError, ZeroDivisionError):
            value = Fraction(0)
        if not SLOWEST <= value <= FASTEST:
            raise ValueError(
                f"needs frames a second from {SLOWEST} to {FASTEST}, as 25 or 30000/1001"
            )
        return rate

    @model_validator(mode="after")
    def _shares_fit(self) -> Self:
        if self.train + self.valid > 1 + 1e-9:
            raise ValueError(f"train ({self.train}) and valid ({self.valid}) are more than 1")
        return self

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height

    def split(self, number: int, count: int) -> str:
        """The split of video `number` of `count`: training comes first, testing last."""
        edges = (round(count * self.train), round(count * (self.train + self.valid)))
        return SPLITS[sum(number >= edge for edge in edges)]
