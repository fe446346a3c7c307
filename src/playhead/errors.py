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

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = [
    "BundleError",
    "ConfigError",
    "DamagedError",
    "LabelError",
    "LimitError",
    "MediaError",
    "MissingExtraError",
    "PlayheadError",
    "StorageError",
    "WeightsError",
    "needs_extra",
]


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
