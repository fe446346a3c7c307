"""Small networks of clips for the tests."""

from typing import Any

from playhead.episodes.network.plan import BoundaryClipPlan
from playhead.episodes.network.settings import BoundaryNetworkConfig

TINY: dict[str, Any] = {
    "sound_widths": (4, 4, 6),
    "frame_channels": 4,
    "text_widths": (2, 3),
    "hidden": 5,
    "head_channels": 6,
    "head_units": 7,
}


def tiny(**changes: Any) -> BoundaryNetworkConfig:
    """A network of a few thousand parameters."""
    return BoundaryNetworkConfig(**{**TINY, **changes})


def plan_of(config: BoundaryNetworkConfig, seconds: int = 24) -> BoundaryClipPlan:
    """Its input plan for clips of `seconds`."""
    return BoundaryClipPlan(
        seconds=seconds,
        inputs=config.inputs,
        scores=config.head == "moments",
        presence=config.presence,
    )
