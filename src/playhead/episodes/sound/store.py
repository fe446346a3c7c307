"""Store: what has been read from a video, kept so that a second run need not read it again.

An entry is a folder of arrays and a few values, under the fingerprint of the video's content; so a
renamed file keeps its entry and a replaced one loses it. Arrays grow on disk while they are written
and are memory-mapped when they are read.
"""

import json
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from playhead.errors import StorageError
from playhead.files import cache_folder, fingerprint, new_folder

__all__ = ["EntryWriter", "entry_path", "load_entry", "new_entry"]

SCHEMA = 1
_CHECKED = 1 << 22
"""Bytes: only smaller arrays are compared with a checksum, since that reads them."""


def entry_path(path: Path, name: str, folder: Path | None = None) -> Path:
    """The folder of an entry for a video.

    name: what is stored, with the settings and the version of the method
    folder: the store; the default one in the cache if None
    Raises MediaError or OSError if the video cannot be read.
    """
    root = cache_folder() / "episodes" if folder is None else folder
    return root / fingerprint(path) / name


def load_entry(entry: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
    """The arrays, memory-mapped, and the values of an entry; None if it is missing or damaged."""
    try:
        stored = json.loads((entry / "entry.json").read_bytes())
        if stored["schema"] != SCHEMA:
            return None
        arrays: dict[str, NDArray[Any]] = {}
        for name, (size, checksum) in stored["arrays"].items():
            file = entry / f"{name}.npy"
            if file.stat().st_size != size:
                return None
            if size <= _CHECKED and zlib.crc32(file.read_bytes()) != checksum:
                return None
            array = np.load(file, allow_pickle=False, mmap_mode="r")
            arrays[name] = array
        return arrays, dict(stored["values"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # An unreadable entry counts as missing: it is made again.
        return None


class EntryWriter:
    """Arrays that grow in a new entry.

    values: what is stored beside the arrays, anything that JSON can hold
    """

    def __init__(self, folder: Path) -> None:
        self.values: dict[str, Any] = {}
        self._folder = folder
        self._files: dict[str, BinaryIO] = {}
        self._forms: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {}
        self._lengths: dict[str, int] = {}
        self._stack = ExitStack()

    def append(self, name: str, rows: NDArray[Any]) -> None:
        """Write rows (N, ...) at the end of an array; all must have one type and shape."""
        if name not in self._files:
            file = (self._folder / f"{name}.npy").open("wb")
            self._files[name] = self._stack.enter_context(file)
            self._forms[name], self._lengths[name] = (rows.dtype, rows.shape[1:]), 0
            self._write_header(name)
        if (rows.dtype, rows.shape[1:]) != self._forms[name]:
            raise ValueError(f"{name}: rows of {rows.dtype} {rows.shape} do not fit")
        self._files[name].write(np.ascontiguousarray(rows).data)
        self._lengths[name] += len(rows)

    def finish(self) -> None:
        """Write the lengths of the arrays, and the values."""
        with self._stack:
            for name in self._files:
                self._write_header(name)
        arrays = {}
        for name in self._files:
            file = self._folder / f"{name}.npy"
            size = file.stat().st_size
            arrays[name] = size, zlib.crc32(file.read_bytes()) if size <= _CHECKED else 0
        document = {"schema": SCHEMA, "arrays": arrays, "values": self.values}
        (self._folder / "entry.json").write_text(json.dumps(document), encoding="utf-8")

    def close(self) -> None:
        """Close the files of an entry that will not be finished."""
        self._stack.close()

    def _write_header(self, name: str) -> None:
        """The header of a NumPy file; its size is the same for every length."""
        dtype, shape = self._forms[name]
        description = {
            "descr": np.lib.format.dtype_to_descr(dtype),
            "fortran_order": False,
            "shape": (self._lengths[name], *shape),
        }
        self._files[name].seek(0)
        np.lib.format.write_array_header_1_0(self._files[name], description)


@contextmanager
def new_entry(entry: Path) -> Iterator[EntryWriter]:
    """Write an entry, which appears, or replaces a damaged one, when the block succeeds.

    Raises StorageError if it cannot be written.
    """
    with new_folder(entry, overwrite=True) as folder:
        writer = EntryWriter(folder)
        try:
            yield writer
            writer.finish()
        except OSError as error:
            raise StorageError(f"{entry}: writing failed: {error.strerror or error}") from error
        finally:
            writer.close()
