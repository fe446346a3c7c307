"""Generated, labelled, really encoded videos.

    generate("football", Path("matches"), count=4, seed=7)

A world decides what happens before it draws anything, so its labels are exact.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playhead.config import override, validate
from playhead.errors import ConfigError

__all__ = ["WORLDS", "generate"]

WORLDS = ("football",)


def generate(
    name: str, out: Path, *, count: int, seed: int = 0, settings: Sequence[str] = ()
) -> Path:
    """Write `count` videos of a world into `out`; return the path of their manifest.

    settings: `key=value` of the world's configuration. The same name, seed and settings give the
    same labels and the same pictures.
    Raises ConfigError for an unknown world or setting, or a count below 1.
    """
    if count < 1:
        raise ConfigError(f"count is {count}; at least one video is needed")
    if seed < 0:
        raise ConfigError(f"seed is {seed}; it must be 0 or more")
    values: dict[str, Any] = {}
    for setting in settings:
        override(values, setting)
    match name:
        case "football":
            from playhead.worlds.football import FootballConfig, generate_football

            config = validate(FootballConfig, values, source="world football")
            return generate_football(Path(out), count=count, seed=seed, config=config)
        case _:
            raise ConfigError(f"{name}: no world of this name; known are {', '.join(WORLDS)}")
