"""Files and folders: atomic writing, checksums, and paths confined to a folder.

Until it is complete, a file or folder has a temporary name that only Playhead uses and that
identifies the process writing it. So leftovers of killed processes are distinguished from files
that are still being written, and are removed.
"""

import hashlib
import os
import platform
import re
import shutil
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
    "new_folder",
    "remove_leftovers",
    "sha256",
    "temporary_folder",
    "was_cut_short",
    "write_text",
]

_PROBE = 1 << 20
_TEMPORARY = re.compile(
    r"\.playhead-(?P<machine>[0-9a-f]{8})-(?P<process>[0-9a-f]+)-(?P<started>[0-9a-f]+)"
    r"-(?P<final>[0-9a-f]{8})-[a-z0-9_]{8}\.partial(\.[^.]*)?"
)
_REPLACED = "replaced"
"""In the temporary folder of `new_folder`, the old content of the final path during replacement."""

_DAY = 86_400.0
"""Seconds without a change after which a temporary file of another machine is a leftover."""

_swept: set[str] = set()
"""Folders in which this process has already removed leftovers of killed processes."""


@contextmanager
def atomic_path(final: Path) -> Iterator[Path]:
    """A temporary path beside `final`, renamed to it when the block ends without an exception.

    If the block raises, the temporary file is removed and an existing `final` stays as it was.
    A killed process leaves its temporary file; the next one that writes into the folder removes it.
    The temporary name keeps the suffix of `final`, since encoders choose the format by it.
    Raises StorageError if the folder cannot be written to, or the disk is full.
    """
    try:
        prefix = _prepare(final)
        handle, name = tempfile.mkstemp(
            prefix=prefix, suffix=f".partial{final.suffix}", dir=final.parent
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


@contextmanager
def new_folder(final: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary folder beside `final`, renamed to it when the block ends without an exception.

    If the block raises, the temporary folder is removed and an existing `final` stays as it was.
    overwrite: whether a folder with content is replaced, as a whole. The caller decides which
        folders may be; an empty one always is.
    Raises StorageError if `final` may not be replaced, if its parent cannot be written to, or if
    the disk is full.
    """
    try:
        if not overwrite and final.exists() and not (final.is_dir() and _is_empty(final)):
            raise StorageError(f"{final}: already exists; remove it or choose another folder")
        prefix = _prepare(final)
        temporary = Path(tempfile.mkdtemp(prefix=prefix, suffix=".partial", dir=final.parent))
    except OSError as error:
        raise StorageError(f"{final}: cannot write here: {error.strerror or error}") from error
    new, old = temporary / "new", temporary / _REPLACED
    try:
        new.mkdir()
        yield new
        if final.exists():
            final.rename(old)
        try:
            new.rename(final)
        except OSError:
            if old.exists():
                old.rename(final)
            raise
    except OSError as error:
        raise StorageError(f"{final}: writing failed: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """A temporary folder in `parent`, which is removed when the block ends.

    A killed process leaves it; the next one that writes into `parent` removes it. Raises
    StorageError if `parent` cannot be written to.
    """
    try:
        prefix = _prepare(parent / "folder")
        folder = Path(tempfile.mkdtemp(prefix=prefix, suffix=".partial", dir=parent))
    except OSError as error:
        raise StorageError(f"{parent}: cannot write here: {error.strerror or error}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def is_temporary(path: Path) -> bool:
    """Whether a file or folder has a temporary name of `atomic_path` or `new_folder`."""
    return _TEMPORARY.fullmatch(path.name) is not None


def was_cut_short(final: Path) -> bool:
    """Whether a killed process has left a temporary file for `final`."""
    return any(name == _short_hash(final.name) for _, name in _left_behind(final.parent))


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files and folders in `folder` whose processes are dead.

    A process of this machine is identified by its number and its start time. Processes of another
    machine that shares the folder, or of another container, cannot be seen from here: their files
    are removed after a day without a change. Never touched: files of other users, files that were
    not made by `atomic_path` or `new_folder`, and a folder that holds what was being replaced.
    """
    _swept.add(str(folder.absolute()))
    for path, _ in list(_left_behind(folder)):
        with suppress(OSError):  # a leftover that cannot be removed costs space, not the run
            if not path.is_dir():
                path.unlink()
            elif not (path / _REPLACED).exists():
                shutil.rmtree(path)


def write_text(final: Path, text: str) -> None:
    """Write text to `final` as UTF-8, atomically.

    Raises StorageError if the text cannot be encoded, as for a file name of undecodable bytes.
    """
    try:
        written = text.encode()
    except UnicodeEncodeError as error:
        around = text[max(0, error.start - 30) : error.end + 30]
        raise StorageError(
            f"{final}: would have a name that is not UTF-8, in {around!r}; rename that file"
        ) from error
    with atomic_path(final) as temporary:
        temporary.write_bytes(written)


def sha256(path: Path) -> str:
    """The SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(path: Path) -> str:
    """A checksum of a file's size, its first and its last megabyte.

    It detects a replaced file, at a cost that does not depend on its size.
    """
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        digest.update(file.read(_PROBE))
        file.seek(max(0, size - _PROBE))
        digest.update(file.read(_PROBE))
    return digest.hexdigest()


def inside(folder: Path, relative: str) -> Path:
    """`folder / relative`; raises PlayheadError if that path is outside of `folder`."""
    root = folder.resolve()
    try:
        path = (root / relative).resolve()
    except ValueError as error:  # a NUL character
        raise PlayheadError(f"{relative!r}: is not a valid path ({error})") from error
    if not path.is_relative_to(root):
        raise PlayheadError(f"{relative}: is outside of {folder}; use a path inside it")
    return path


def cache_folder() -> Path:
    """The folder for files that can be recreated; `PLAYHEAD_CACHE` overrides the default."""
    return _user_folder("PLAYHEAD_CACHE", platformdirs.user_cache_path("playhead", False))


def data_folder() -> Path:
    """The folder for downloaded weights; `PLAYHEAD_HOME` overrides the default."""
    return _user_folder("PLAYHEAD_HOME", platformdirs.user_data_path("playhead", False))


def _user_folder(variable: str, default: Path) -> Path:
    folder = Path(os.environ.get(variable) or default)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"{folder}: cannot be created ({error.strerror}); set {variable} to a writable folder"
        ) from error
    return folder


def _prepare(final: Path) -> str:
    """Create the parent of `final`, remove leftovers there; return a prefix of temporary names."""
    final.parent.mkdir(parents=True, exist_ok=True)
    if str(final.parent.absolute()) not in _swept:
        remove_leftovers(final.parent)
    process = os.getpid()
    started = _started(process) or 0
    return f".playhead-{_machine()}-{process:x}-{started:x}-{_short_hash(final.name)}-"


def _is_empty(folder: Path) -> bool:
    return next(folder.iterdir(), None) is None


def _left_behind(folder: Path) -> Iterator[tuple[Path, str]]:
    """Temporary files and folders of dead processes, each with the hash of its final name."""
    try:
        paths = list(folder.iterdir())
    except OSError:  # a folder that cannot be listed: writing into it will raise the error
        return
    for path in paths:
        parts = _TEMPORARY.fullmatch(path.name)
        if parts is None:
            continue
        try:
            status = path.lstat()
        except FileNotFoundError:  # it has just been completed
            continue
        if parts["machine"] == _machine():
            lives = _started(int(parts["process"], 16)) == int(parts["started"], 16)
        else:
            lives = time.time() - status.st_mtime < _DAY
        is_plain = stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
        # The processes of another user may be invisible.
        if is_plain and status.st_uid == os.geteuid() and not lives:
            yield path, parts["final"]


@cache
def _machine() -> str:
    """Identifies the scope of process numbers: this machine since its boot, or a container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        return _short_hash(boot + str(Path("/proc/self/ns/pid").readlink()))
    except OSError:  # not Linux
        return _short_hash(platform.node())


def _started(process: int) -> int | None:
    """The start time of a process, to tell it from a later one with its number; None if dead."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self/stat").exists():
            return None
    else:
        state, *columns = status.rpartition(")")[2].split()  # a name may hold spaces and brackets
        return None if state in "ZX" else int(columns[18])
    try:  # not Linux: only the number is known
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
