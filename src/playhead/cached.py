"""What the cache folder holds and how much, and the removal of what is not used any more."""

import shutil
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playhead.files import cache_folder

__all__ = ["CacheEntry", "CacheUse", "cache_entries", "cache_uses", "clear_cache"]

_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """A file or folder of the cache; used: seconds since the epoch at which it last was."""

    kind: str
    path: Path
    bytes: int
    used: float


@dataclass(frozen=True, slots=True)
class CacheUse:
    """All entries of a kind: frames, worlds, sound and images of episodes, tables of videos."""

    kind: str
    entries: int
    bytes: int


def cache_entries() -> list[CacheEntry]:
    """Every entry of the cache folder, by kind, the longest unused first."""
    entries = [
        _entry(kind.name, path)
        for kind in sorted(cache_folder().iterdir())
        if kind.is_dir() and not kind.is_symlink()
        for path in kind.iterdir()
    ]
    return sorted(entries, key=lambda entry: (entry.kind, entry.used))


def cache_uses() -> list[CacheUse]:
    """How much each kind takes."""
    entries = cache_entries()
    return [
        CacheUse(kind, len(sizes), sum(sizes))
        for kind in dict.fromkeys(entry.kind for entry in entries)
        for sizes in [[entry.bytes for entry in entries if entry.kind == kind]]
    ]


def clear_cache(*, unused_days: float = 0.0) -> list[CacheEntry]:
    """Remove the entries that were not used for so many days; all of it can be made again."""
    last = time.time() - unused_days * _DAY
    removed = [entry for entry in cache_entries() if entry.used <= last]
    for entry in removed:
        if entry.path.is_dir() and not entry.path.is_symlink():
            shutil.rmtree(entry.path)
        else:
            entry.path.unlink(missing_ok=True)
    return removed


def _entry(kind: str, path: Path) -> CacheEntry:
    stats = [found.lstat() for found in (path, *_below(path))]
    return CacheEntry(
        kind=kind,
        path=path,
        bytes=sum(found.st_size for found in stats if not stat.S_ISDIR(found.st_mode)),
        used=max(max(found.st_mtime, found.st_atime) for found in stats),
    )


def _below(path: Path) -> Iterator[Path]:
    if path.is_dir() and not path.is_symlink():
        yield from path.rglob("*")
