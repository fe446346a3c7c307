"""What the cache folder holds and how much, and the removal of what is not used any more."""

import shutil
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from playhead.errors import StorageError
from playhead.files import cache_folder, is_temporary

__all__ = ["CacheEntry", "cache_entries", "remove_entries"]


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """A file or folder of the cache.

    kind: the folder of the cache that holds it
    used: seconds since the epoch at which it was last read or written
    """

    kind: str
    path: Path
    bytes: int
    used: float

    def is_unused(self, days: float) -> bool:
        """Whether it was neither read nor written for so many days."""
        return self.used <= time.time() - days * 86_400


def cache_entries(kinds: Collection[str]) -> list[CacheEntry]:
    """The files in the folders `kinds` of the cache, without those that are being written.

    Other folders are not Playhead's: the cache may share its folder with other programs.
    """
    folders = [cache_folder() / kind for kind in kinds]
    return [
        _entry(path)
        for folder in folders
        if folder.is_dir() and not folder.is_symlink()
        for path in folder.iterdir()
        if not is_temporary(path)
    ]


def remove_entries(entries: Iterable[CacheEntry]) -> None:
    """Remove entries; all of them can be made again. Raises StorageError if one cannot be."""
    for entry in entries:
        try:
            if entry.path.is_dir() and not entry.path.is_symlink():
                shutil.rmtree(entry.path)
            else:
                entry.path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"{entry.path}: cannot be removed: {error.strerror}") from error


def _entry(path: Path) -> CacheEntry:
    within = path.rglob("*") if path.is_dir() and not path.is_symlink() else ()
    files = [file.lstat() for file in (path, *within) if file.is_symlink() or not file.is_dir()]
    times = [time for file in files for time in (file.st_mtime, file.st_atime)]
    return CacheEntry(
        kind=path.parent.name,
        path=path,
        bytes=sum(file.st_size for file in files),
        used=max(times, default=0.0),
    )
