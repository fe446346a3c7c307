"""Worlds as data sets: generated on first use and kept in the cache folder."""

import hashlib
from pathlib import Path

from pydantic import Field

from playhead import __version__
from playhead.config import Settings
from playhead.files import cache_folder
from playhead.worlds import generate

__all__ = ["WorldConfig", "world_manifest"]


class WorldConfig(Settings):
    """A generated data set, written on first use and kept in the cache folder."""

    name: str = Field(default="football", description="football or street")
    count: int = Field(default=14, ge=1, description="videos or images")
    seed: int = Field(default=0, description="another seed gives other videos")
    settings: tuple[str, ...] = Field(default=(), description="key=value, settings of the world")

    @property
    def key(self) -> str:
        """A folder name that differs where any setting or the version of Playhead does."""
        made_by = f"{__version__} {self.model_dump_json()}"
        digest = hashlib.sha256(made_by.encode()).hexdigest()[:12]
        return f"{self.name}-{digest}"


def world_manifest(world: WorldConfig) -> Path:
    """The manifest of a generated world, which is generated if it is not in the cache."""
    folder = cache_folder() / "worlds" / world.key
    manifest = folder / "manifest.csv"
    if not manifest.is_file():
        generate(world.name, folder, count=world.count, seed=world.seed, settings=world.settings)
    return manifest
