"""Errors: what can go wrong, each with the exit code that the command line gives it.

    PlayheadError           wrong use or bad input: exit code 2
    ├── ConfigError         a configuration that does not validate; every mistake is named at once
    ├── MediaError          a video or sound file that cannot be used
    │   ├── DamagedError    frames inside a readable file that cannot be decoded
    │   └── LimitError      a file past the limits on pixels or on time
    ├── LabelError          labels that contradict themselves, their classes or their video
    ├── BundleError         a trained model on disk that is incomplete, changed or of a newer schema
    ├── WeightsError        pretrained weights that are missing, unknown or not the expected file
    ├── StorageError        a file that could not be written; what stood there before still stands
    └── MissingExtraError   a feature whose optional dependency is not installed

A message is one sentence with what was got, what was needed, and the remedy.
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
    """The root of every error that Playhead raises on purpose."""


class ConfigError(PlayheadError):
    """A configuration does not validate."""


class MediaError(PlayheadError):
    """A video or sound file cannot be used."""


class DamagedError(MediaError):
    """Frames inside a readable file cannot be decoded."""


class LimitError(MediaError):
    """A file is past the limits on pixels or on time."""


class LabelError(PlayheadError):
    """Labels contradict themselves, their classes or their video."""


class BundleError(PlayheadError):
    """A bundle is incomplete, changed, or of a newer schema."""


class WeightsError(PlayheadError):
    """Pretrained weights are missing, unknown, or not the expected file."""


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
    """Turn a package that is not installed into MissingExtraError, naming the line that helps."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("playhead"):
            raise
        raise MissingExtraError(feature, extra) from error


class FileFailure:
    """A block of work on one file: what it raises ends the block and becomes a `reason`.

    Media libraries raise anything at a strange file, and the other files must be done all the same.
    Interruptions and a lack of memory go on upwards: the other files would fail too. What nobody
    foresaw is logged with its traceback, which `--debug` shows.
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
