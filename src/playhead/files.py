"""Files: written whole or not at all, hashed, and kept inside the folder the user named.

What is not yet whole has a temporary name, which no other program gives and which names the process
that writes it. So what killed processes left is told from what others still write, and is removed.
"""

import hashlib
import os
import platform
import re
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import platformdirs

from playhead.errors import PlayheadError, StorageError

__all__ = [
    "atomic_path",
    "cache_folder",
    "data_folder",
    "fingerprint",
    "inside",
    "is_temporary",
    "remove_leftovers",
    "sha256",
    "was_cut_short",
    "write_text",
]

_PROBE = 1 << 20
_TEMPORARY = re.compile(
    r"\.playhead-(?P<machine>[0-9a-f]{8})-(?P<process>[0-9a-f]+)-(?P<started>[0-9a-f]+)"
    r"-(?P<final>[0-9a-f]{8})-[a-z0-9_]{8}\.partial(\.[^.]*)?"
)
_DAY = 86_400.0
"""Seconds without a change after which a temporary file of another machine counts as left."""

_swept: set[str] = set()
"""Folders that this process has already looked through for temporary files of killed ones."""


@contextmanager
def atomic_path(final: Path) -> Iterator[Path]:
    """A temporary path beside `final`, moved onto it when the block ends well.

    When the block raises, the temporary file is removed and whatever stood at `final` still stands.
    A process that is killed leaves it; the next one that writes into the folder removes it.
    The temporary name keeps the suffix of `final`, since encoders choose by it.
    Raises StorageError where the folder or the disk refuses.
    """
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        if str(final.parent.absolute()) not in _swept:
            remove_leftovers(final.parent)
        process = os.getpid()
        handle, name = tempfile.mkstemp(
            prefix=f".playhead-{_machine()}-{process:x}-{_started(process) or 0:x}"
            f"-{_short_hash(final.name)}-",
            suffix=f".partial{final.suffix}",
            dir=final.parent,
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


def is_temporary(path: Path) -> bool:
    """Whether a file's name is one under which `atomic_path` keeps what is not yet whole."""
    return _TEMPORARY.fullmatch(path.name) is not None


def was_cut_short(final: Path) -> bool:
    """Whether a process was killed while it wrote `final`, and left its temporary file."""
    return any(name == _short_hash(final.name) for _, name in _left_behind(final.parent))


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of `folder` whose processes no longer live.

    Processes of this machine, since it was started, are known by their number and the time of their
    start. Those of another one, which shares the folder, or of another container cannot be seen
    from here: their files go after a day without a change. Files of another user, and those that
    `atomic_path` did not make, are never touched.
    """
    _swept.add(str(folder.absolute()))
    for path, _ in list(_left_behind(folder)):
        with suppress(OSError):  # what cannot be removed costs its space, not the work
            path.unlink()


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


def _left_behind(folder: Path) -> Iterator[tuple[Path, str]]:
    """Our temporary files whose processes no longer live, each with the hash of its final name."""
    try:
        paths = list(folder.iterdir())
    except OSError:  # where nothing can be listed there is nothing to tell; writing says what it is
        return
    for path in paths:
        parts = _TEMPORARY.fullmatch(path.name)
        if parts is None:
            continue
        try:
            status = path.lstat()
        except FileNotFoundError:  # it has just become whole
            continue
        if parts["machine"] == _machine():
            lives = _started(int(parts["process"], 16)) == int(parts["started"], 16)
        else:
            lives = time.time() - status.st_mtime < _DAY
        # Of another user's processes not all can be seen.
        if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not lives:
            yield path, parts["final"]


@cache
def _machine() -> str:
    """What tells where a process number is one: this machine since its start, or a container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        return _short_hash(boot + str(Path("/proc/self/ns/pid").readlink()))
    except OSError:  # not Linux
        return _short_hash(platform.node())


def _started(process: int) -> int | None:
    """When a process started, which tells it from a later one of its number; None: it is dead."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self/stat").exists():
            return None
    else:
        state, *columns = status.rpartition(")")[2].split()  # a name may hold spaces and brackets
        return None if state in "ZX" else int(columns[18])
    try:  # not Linux: the number alone tells
        os.kill(process, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return 0


def _short_hash(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:8]


def _flush_to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
