"""The configuration of synthesis: cut and paste into new images."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from playhead.config import override, validate
from playhead.detection.synthesis.pasting_config import CutPasteConfig, Filling, Share

__all__ = ["SynthesisConfig", "make_synthesis_config"]


class SynthesisConfig(CutPasteConfig):
    """Cut and paste, and the backgrounds."""

    probability: Share = Field(
        1.0, description="probability of pasting anything; other images are only background"
    )
    count: tuple[int, int] = Field((2, 6), description="minimum and maximum cut-outs in an image")
    clean: Share = Field(
        1.0,
        description="probability of removing a background's own objects; else they stay, labelled",
    )
    filling: Filling = Field(
        "texture",
        description="how holes are filled: texture (patches of the rest), grain (faster), smooth",
    )
    filled_most: float = Field(
        0.7, gt=0, le=1, description="largest share of a background that may be filled holes"
    )
    size: int = Field(1280, ge=64, description="longer side of an image; larger ones are shrunk")
    quality: int = Field(95, ge=1, le=100, description="JPEG quality of the new images")
    background_mb: float = Field(256.0, ge=0, description="cache of filled backgrounds, megabytes")


def make_synthesis_config(settings: Sequence[str], blending: str | None = None) -> SynthesisConfig:
    """The defaults with `key=value` settings over them; blending: comma-separated names.

    Raises ConfigError listing every mistake.
    """
    values: dict[str, Any] = {}
    for setting in settings:
        override(values, setting)
    if blending is not None:
        values["blendings"] = [name.strip() for name in blending.split(",")]
    return validate(SynthesisConfig, values, source="synthesis")
