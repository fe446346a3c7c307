"""The configuration of synthesis: cut and paste into whole new images."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from playhead.config import override, validate
from playhead.detection.synthesis.pasting_config import CutPasteConfig, Filling, Share

__all__ = ["SynthesisConfig", "make_synthesis_config"]


class SynthesisConfig(CutPasteConfig):
    """What cut and paste needs, and what is pasted into."""

    probability: Share = Field(
        1.0, description="of pasting anything; the other images are background alone"
    )
    count: tuple[int, int] = Field((2, 6), description="fewest and most cut-outs in an image")
    clean: Share = Field(
        1.0,
        description="probability of removing a background's own objects; else they stay, labelled",
    )
    filling: Filling = Field(
        "texture", description="of the holes: pieces of the rest; grain is quick, smooth a blob"
    )
    filled_most: float = Field(
        0.7, gt=0, le=1, description="share of a background that filled holes may take"
    )
    size: int = Field(1280, ge=64, description="longer side of an image; larger ones are shrunk")
    quality: int = Field(95, ge=1, le=100, description="of the JPEGs that are written")
    background_mb: float = Field(
        256.0, ge=0, description="megabytes of filled backgrounds that are kept for another time"
    )


def make_synthesis_config(settings: Sequence[str], blending: str | None = None) -> SynthesisConfig:
    """The defaults with `key=value` settings over them; blending: names with commas between.

    Raises ConfigError naming every mistake.
    """
    values: dict[str, Any] = {}
    for setting in settings:
        override(values, setting)
    if blending is not None:
        values["blendings"] = [name.strip() for name in blending.split(",")]
    return validate(SynthesisConfig, values, source="synthesis")
