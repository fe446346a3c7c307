"""Files: written whole or not at all, hashed, and kept inside the folder the user named."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from playhead.errors import PlayheadError, StorageError

__all__ = [
    "atomic_path",
    "cache_folder",
    "data_folder",
    "fingerprint",
    "inside",
    "sha256",
    "write_text",
]

_PROBE = 1 << 20


@contextmanager
def atomic_path(final: Path) -> Iterator[Path]:
    """A temporary path beside `final`, moved onto it when the block ends well.

    When the block raises, the temporary file is removed and whatever stood at `final` still stands.
    The temporary name keeps the suffix of `final`, since encoders choose by it.
    Raises StorageError where the folder or the disk refuses.
    """
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            prefix=".", suffix=f".partial{final.suffix}", dir=final.parent
        )
    except OSError as error:
        raise StorageError(f"{final}: cannot write here: {error.strerror or error}") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _flush_to_disk(temporary)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(final)
    except OSError as error:
        raise StorageError(f"{final}: writing failed: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(final: Path, text: str) -> None:
    """Write UTF-8 text to `final`, whole or not at all.

    Raises StorageError where a part of it, such as the name of a file, is of bytes that are not.
    """
    try:
        written = text.encode()
    except UnicodeEncodeError as error:
        around = text[max(0, error.start - 30) : error.end + 30]
        raise StorageError(
            f"{final}: would hold a name that is not UTF-8, in {around!r}; rename that file"
        ) from error
    with atomic_path(final) as temporary:
        temporary.write_bytes(written)


def sha256(path: Path) -> str:
    """The SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(path: Path) -> str:
    """A checksum that tells files apart by their size, their beginning and their end.

    Enough to notice another file of the same kind, at no cost for one of any length.
    """
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        digest.update(file.read(_PROBE))
        file.seek(max(0, size - _PROBE))
        digest.update(file.read(_PROBE))
    return digest.hexdigest()


def inside(folder: Path, relative: str) -> Path:
    """`folder / relative`, refused where it would leave `folder`."""
    root = folder.resolve()
    try:
        path = (root / relative).resolve()
    except ValueError as error:  # a NUL, which no system has in a path
        raise PlayheadError(f"{relative!r}: is no path ({error})") from error
    if not path.is_relative_to(root):
        raise PlayheadError(f"{relative}: leads out of {folder}; use a path inside it")
    return path


def cache_folder() -> Path:
    """Where what can be made again is kept (`PLAYHEAD_CACHE` overrides the system's place)."""
    return _user_folder("PLAYHEAD_CACHE", platformdirs.user_cache_path("playhead", False))


def data_folder() -> Path:
    """Where fetched weights are kept (`PLAYHEAD_HOME` overrides the system's place)."""
    return _user_folder("PLAYHEAD_HOME", platformdirs.user_data_path("playhead", False))


def _user_folder(variable: str, default: Path) -> Path:
    folder = Path(os.environ.get(variable) or default)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"{folder}: cannot be made ({error.strerror}); set {variable} to a folder you can write"
        ) from error
    return folder


def _flush_to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
