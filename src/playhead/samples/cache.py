"""Frames for training: from a memory-mapped cache at a small size, or straight from the videos.

Small training sizes are decoded once into one file per video; a window then costs microseconds
instead of a seek. A cache file is complete or absent, and belongs to exactly one state of one video
file at one size. Frames that could not be decoded are marked, never filled in.
"""

import hashlib
import os
import shutil
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from playhead.errors import DamagedError, MediaError, StorageError
from playhead.files import atomic_path, cache_folder
from playhead.media.pixels import Pixels
from playhead.media.video import Video, open_video
from playhead.progress import progress

__all__ = ["CacheEstimate", "CachedFrames", "DecodedFrames", "FrameSource", "estimate_cache"]

Size = tuple[int, int]
Points = NDArray[np.bool_]

MAGIC = b"PHFRAME1"
"""The end of every cache file; the digit rises when the layout changes."""

RESERVE = 64 * 2**20
"""Bytes of a disk that a cache leaves free."""

T = TypeVar("T")


class FrameSource(Protocol):
    """Frames of some videos, numbered from 0, at one size: luma (H, W) or RGB (H, W, 3)."""

    size: Size
    """Width and height."""

    def __len__(self) -> int:
        """How many videos there are."""

    def readable(self, video: int) -> Points:
        """Bool (N,), one a frame of the video: False where it cannot be decoded."""

    def read(self, video: int, frames: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        """(T, H, W) or (T, H, W, 3): these frames, in order; DamagedError for an unreadable one."""


@dataclass(frozen=True, slots=True)
class CacheEstimate:
    """What a cache will take: bytes still to write, bytes free on its disk, videos to decode."""

    needed: int
    free: int
    videos: int
    frames: int

    def check(self, folder: Path) -> None:
        """StorageError where the disk of `folder` is too full."""
        if self.needed + RESERVE > self.free:
            raise StorageError(
                f"{folder}: the frame cache needs {self.needed / 1e6:,.0f} MB and "
                f"{self.free / 1e6:,.0f} MB are free; make room, set PLAYHEAD_CACHE to another "
                "disk, train at a smaller size, or read from the videos without a cache"
            )


def estimate_cache(
    videos: Sequence[Path], size: Size, *, pixels: Pixels = "luma", folder: Path | None = None
) -> CacheEstimate:
    """How much a cache of these videos at `size` would still take, and how much is free."""
    home = _home(folder)
    missing = _missing(videos, size, pixels, home)
    frames = 0
    for path in missing.values():
        with open_video(path) as video:
            frames += video.frames
    needed = frames * (_frame_bytes(size, pixels) + 1) + len(missing) * len(MAGIC)
    return CacheEstimate(needed, shutil.disk_usage(home).free, len(missing), frames)


class CachedFrames:
    """Frames from cache files, memory-mapped: processes share the pages, and hold only paths."""

    def __init__(
        self, files: Sequence[Path], names: Sequence[str], size: Size, pixels: Pixels = "luma"
    ) -> None:
        self.files = tuple(files)
        self.names = tuple(names)
        self.size = size
        self.pixels: Pixels = pixels
        self._maps: _Recent[tuple[NDArray[np.uint8], Points]] = _Recent(256)

    @classmethod
    def build(
        cls,
        videos: Sequence[Path],
        size: Size,
        *,
        pixels: Pixels = "luma",
        folder: Path | None = None,
    ) -> "CachedFrames":
        """Decode what is not cached yet, in constant memory, and open the cache.

        size: width, height of the cached frames; folder: None for the user's cache folder.
        Raises StorageError where the disk is too full, MediaError for a video that cannot be used.
        """
        home = _home(folder)
        missing = _missing(videos, size, pixels, home)
        if missing:
            estimate = estimate_cache(videos, size, pixels=pixels, folder=folder)
            estimate.check(home)
            _build(missing, size, pixels, estimate)
        files = [cache_file(path, size, home, pixels) for path in videos]
        return cls(files, [str(path) for path in videos], size, pixels)

    def __len__(self) -> int:
        return len(self.files)

    def readable(self, video: int) -> Points:
        """Bool (N,): False where a frame of the video could not be decoded."""
        return self._open(video)[1]

    def read(self, video: int, frames: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        """A copy of these frames; DamagedError where one could not be decoded."""
        pixels, readable = self._open(video)
        if frames.size and not 0 <= frames.min() <= frames.max() < len(pixels):
            raise MediaError(
                f"{self.names[video]}: frames {frames.min()} to {frames.max()} were asked for, "
                f"it has 0 to {len(pixels) - 1}"
            )
        if not readable[frames].all():
            raise DamagedError(
                f"{self.names[video]}: frame {frames[~readable[frames]][0]} cannot be decoded"
            )
        chosen: NDArray[np.uint8] = pixels[frames]
        return chosen

    def _open(self, video: int) -> tuple[NDArray[np.uint8], Points]:
        return self._maps.get(video, lambda: _map(self.files[video], self.size, self.pixels))


class DecodedFrames:
    """Frames decoded from the videos when they are asked for; each process has its own decoders.

    A first pass over each video finds its unreadable frames, and is remembered in the cache folder.
    """

    def __init__(
        self,
        videos: Sequence[Path],
        size: Size,
        *,
        pixels: Pixels = "luma",
        keep: int = 8,
        folder: Path | None = None,
    ) -> None:
        """size: width, height of the frames; keep: decoders that stay open in a process."""
        self.videos = tuple(videos)
        self.size = size
        self.pixels: Pixels = pixels
        self.folder = folder
        self._open: _Recent[Video] = _Recent(keep, close=Video.close)

    def __len__(self) -> int:
        return len(self.videos)

    def readable(self, video: int) -> Points:
        """Bool (N,): False where a frame of the video cannot be decoded."""
        path = self.videos[video]
        target = cache_file(path, (0, 0), _home(self.folder), "luma")
        if not target.exists():
            with progress(f"Looking for damage in {path.name}", None) as bar:
                _decode(path, target, (0, 0), "luma", advance=bar.advance)
        return _map(target, (0, 0), "luma")[1]

    def read(self, video: int, frames: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        """These frames, decoded; DamagedError where one cannot be."""
        opened = self._open.get(video, lambda: open_video(self.videos[video]))
        wanted = [int(frame) for frame in frames]
        return opened.read(wanted, pixels=self.pixels, size=self.size)


class _Recent(Generic[T]):
    """The few most recently used of many things that are dear to open, for one process.

    Neither pickling nor forking carries an opened thing into another process.
    """

    def __init__(self, limit: int, close: Callable[[T], None] | None = None) -> None:
        self.limit = limit
        self.close = close
        self.things: OrderedDict[int, T] = OrderedDict()
        self.process = os.getpid()
        self.inherited: list[OrderedDict[int, T]] = []

    def get(self, key: int, make: Callable[[], T]) -> T:
        if self.process != os.getpid():
            # Kept, not closed: a decoder's threads do not live on in a forked child, and freeing
            # it there would wait for them.
            self.inherited.append(self.things)
            self.things, self.process = OrderedDict(), os.getpid()
        if key not in self.things:
            self.things[key] = make()
            if len(self.things) > self.limit:
                _, oldest = self.things.popitem(last=False)
                if self.close is not None:
                    self.close(oldest)
        self.things.move_to_end(key)
        return self.things[key]

    def __reduce__(self) -> tuple[Any, ...]:
        return (_Recent, (self.limit, self.close))


def cache_file(video: Path, size: Size, home: Path, pixels: Pixels) -> Path:
    """Where the frames of a video in its present state are cached at `size`."""
    try:
        status = video.stat()
    except OSError as error:
        raise MediaError(f"{video}: cannot be read: {error.strerror}; check the path") from error
    place = f"{video.resolve()}|{size[0]}x{size[1]}|{pixels}"
    state = f"{status.st_size}|{status.st_mtime_ns}|{MAGIC!r}"
    return home / f"{_digest(place)}-{_digest(state)}.frames"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:20]


def _home(folder: Path | None) -> Path:
    home = (folder or cache_folder()) / "frames"
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"{home}: cannot be made ({error.strerror}); set PLAYHEAD_CACHE to a folder you can "
            "write"
        ) from error
    return home


def _missing(videos: Sequence[Path], size: Size, pixels: Pixels, home: Path) -> dict[Path, Path]:
    """The cache files that are still to be made, each with its video."""
    files = {cache_file(path, size, home, pixels): path for path in videos}
    return {file: path for file, path in files.items() if not file.exists()}


def _build(missing: dict[Path, Path], size: Size, pixels: Pixels, estimate: CacheEstimate) -> None:
    task = f"Decoding {estimate.videos} videos ({estimate.needed / 1e6:,.0f} MB cache)"
    with progress(task, estimate.frames) as bar:
        for file, path in missing.items():
            _decode(path, file, size, pixels, threads=0, advance=bar.advance)


def _decode(
    path: Path,
    target: Path,
    size: Size,
    pixels: Pixels,
    *,
    threads: int = 1,
    advance: Callable[[float], None] | None = None,
) -> None:
    """Decode one video into a cache file: the frames, readable (N,), the magic.

    At size (0, 0) no pixels are kept, only which frames are readable.
    """
    with (
        open_video(path, threads=threads) as video,
        atomic_path(target) as temporary,
        temporary.open("wb") as file,
    ):
        if size == (0, 0):
            video.check(advance)
        else:
            _write_pixels(video, size, pixels, file, advance)
        readable = np.ones(video.frames, dtype=bool)
        for damage in video.damage:
            readable[damage.start : damage.stop] = False
        file.seek(video.frames * _frame_bytes(size, pixels))
        file.write(readable.tobytes() + MAGIC)
    _remove_stale(target)


def _write_pixels(
    video: Video,
    size: Size,
    pixels: Pixels,
    file: BinaryIO,
    advance: Callable[[float], None] | None,
) -> None:
    """Each frame at its place; where one is unreadable the file has a hole that is never read."""
    for number, image in video.stream(pixels=pixels, size=size):
        file.seek(number * _frame_bytes(size, pixels))
        file.write(np.ascontiguousarray(image).data)
        if advance is not None:
            advance(1)


def _remove_stale(current: Path) -> None:
    """Remove what was cached of earlier states of the same video at the same size."""
    place = current.name.split("-")[0]
    for file in current.parent.glob(f"{place}-*.frames"):
        if file != current:
            with suppress(PermissionError):  # Windows: another process still reads it
                file.unlink(missing_ok=True)


def _frame_bytes(size: Size, pixels: Pixels) -> int:
    return size[0] * size[1] * (1 if pixels == "luma" else 3)


def _map(file: Path, size: Size, pixels: Pixels) -> tuple[NDArray[np.uint8], Points]:
    """The frames of a cache file and which are readable (N,), memory-mapped read-only."""
    area = _frame_bytes(size, pixels)
    try:
        whole = np.asarray(np.memmap(file, np.uint8, "r"))
    except (OSError, ValueError) as error:
        raise StorageError(f"{file}: the frame cache cannot be opened: {error}") from error
    frames, rest = divmod(len(whole) - len(MAGIC), area + 1)
    if rest or frames < 0 or whole[-len(MAGIC) :].tobytes() != MAGIC:
        raise StorageError(f"{file}: not a frame cache of {size[0]}x{size[1]}; delete it")
    shape = (size[1], size[0]) if pixels == "luma" else (size[1], size[0], 3)
    readable = whole[frames * area : frames * (area + 1)].view(np.bool_)
    return whole[: frames * area].reshape(frames, *shape), readable
