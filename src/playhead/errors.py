"""The exceptions, and the exit code of the command line for them.

    PlayheadError           wrong use or bad input: exit code 2
    ├── ConfigError         an invalid configuration; all mistakes are listed at once
    ├── MediaError          a video or sound file that cannot be used
    │   ├── DamagedError    frames inside a readable file that cannot be decoded
    │   └── LimitError      a file that exceeds the limits on pixels or time
    ├── LabelError          invalid labels, or labels that do not match their classes or video
    ├── BundleError         a bundle that is incomplete, changed or of another schema
    ├── WeightsError        pretrained weights that are missing, unknown or changed
    ├── StorageError        a file that could not be written; an existing one is unchanged
    └── MissingExtraError   a feature whose optional dependency is not installed

A message is one sentence: what was given, what is needed, what to do.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = [
    "BundleError",
    "ConfigError",
    "DamagedError",
    "FileFailure",
    "LabelError",
    "LimitError",
    "MediaError",
    "MissingExtraError",
    "PlayheadError",
    "StorageError",
    "WeightsError",
    "needs_extra",
]

_log = logging.getLogger(__name__)


class PlayheadError(Exception):
    """Base class of all exceptions that Playhead raises."""


class ConfigError(PlayheadError):
    """A configuration is invalid."""


class MediaError(PlayheadError):
    """A video or sound file cannot be used."""


class DamagedError(MediaError):
    """Frames inside a readable file cannot be decoded."""


class LimitError(MediaError):
    """A file exceeds the limits on pixels or time."""


class LabelError(PlayheadError):
    """Labels are invalid, or do not match their classes or video."""


class BundleError(PlayheadError):
    """A bundle is incomplete, changed, or of another schema."""


class WeightsError(PlayheadError):
    """Pretrained weights are missing, unknown, or changed."""


class StorageError(PlayheadError):
    """A file could not be written."""


class MissingExtraError(PlayheadError):
    """A feature needs an optional dependency that is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs the extra [{extra}]: install it with "
            f"`pip install 'playhead[{extra}]'`"
        )


@contextmanager
def needs_extra(feature: str, extra: str) -> Iterator[None]:
    """Turn ModuleNotFoundError into MissingExtraError with the install command."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("playhead"):
            raise
        raise MissingExtraError(feature, extra) from error


class FileFailure:
    """A context manager for work on one file: an exception ends the block and becomes a `reason`.

    Media libraries can raise anything for a broken file, and the other files must still be
    processed. Interrupts and MemoryError propagate, because the other files would fail too.
    Unexpected exceptions are logged with their traceback, which `--debug` shows.
    """

    def __init__(self, path: Path) -> None:
        self.reason = ""
        self._path = path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if not isinstance(error, Exception) or isinstance(error, MemoryError):
            return False
        _log.debug("%s: the work on this file failed", self._path, exc_info=error)
        if isinstance(error, PlayheadError | OSError):
            self.reason = str(error)
        else:
            words = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
            self.reason = f"{self._path}: an unexpected error ({words}); --debug shows where"
        return True
