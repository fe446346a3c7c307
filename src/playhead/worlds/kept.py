"""Worlds as data sets: generated on first use and kept in the cache folder."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from playhead import __version__
from playhead.files import cache_folder
from playhead.worlds import generate

__all__ = ["WorldConfig", "world_manifest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldConfig:
    """A generated data set, written on first use and kept in the cache folder.

    count: videos or images; settings: `key=value`, of the world
    """

    name: str
    count: int
    seed: int
    settings: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """A folder name that differs where any setting or the version of Playhead does."""
        made_by = f"{__version__} {self}"
        digest = hashlib.sha256(made_by.encode()).hexdigest()[:12]
        return f"{self.name}-{digest}"


def world_manifest(world: WorldConfig) -> Path:
    """The manifest, or index, of a world, which is generated if it is not in the cache."""
    folder = cache_folder() / "worlds" / world.key
    for manifest in (folder / "manifest.csv", folder / "index.csv"):
        if manifest.is_file():
            return manifest
    return generate(world.name, folder, count=world.count, seed=world.seed, settings=world.settings)
