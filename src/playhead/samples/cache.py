"""Frames for training: from a memory-mapped cache at a small size, or directly from the videos.

Videos are decoded once, at the training size, into one file each; a window then costs microseconds
instead of a seek. A cache file is written atomically and belongs to one version of one video at one
size. Frames that could not be decoded are marked, never filled in.
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
from playhead.media.pixels import Fit, Pixels
from playhead.media.video import Video, open_video
from playhead.progress import progress

__all__ = ["CacheEstimate", "CachedFrames", "DecodedFrames", "FrameSource", "estimate_cache"]

Size = tuple[int, int]
Points = NDArray[np.bool_]

MAGIC = b"PHFRAME1"
"""The last bytes of every cache file; the digit is the version of the layout."""

RESERVE = 64 * 2**20
"""Bytes that the cache leaves free on its disk."""

T = TypeVar("T")


class FrameSource(Protocol):
    """Frames of some videos, numbered from 0, at one size: luma (H, W) or RGB (H, W, 3)."""

    size: Size
    """Width and height."""

    def __len__(self) -> int:
        """The number of videos."""

    def readable(self, video: int) -> Points:
        """Bool (N,), one per frame of the video: False if it cannot be decoded."""

    def read(self, video: int, frames: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        """These frames, (T, H, W) or (T, H, W, 3). Raises DamagedError if one is unreadable."""


@dataclass(frozen=True, slots=True)
class CacheEstimate:
    """The cost of a cache: bytes to write, bytes free on its disk, videos and frames to decode."""

    needed: int
    free: int
    videos: int
    frames: int

    def check(self, folder: Path) -> None:
        """Raise StorageError if the disk of `folder` has too little space."""
        if self.needed + RESERVE > self.free:
            raise StorageError(
                f"{folder}: the frame cache needs {self.needed / 1e6:,.0f} MB and "
                f"{self.free / 1e6:,.0f} MB are free; make room, set PLAYHEAD_CACHE to another "
                "disk, train at a smaller size, or read from the videos without a cache"
            )


def estimate_cache(
    videos: Sequence[Path],
    size: Size,
    *,
    pixels: Pixels = "luma",
    fit: Fit = "stretch",
    folder: Path | None = None,
) -> CacheEstimate:
    """The space that a cache of these videos at `size` still needs, and the free space."""
    home = _home(folder)
    missing = _missing(videos, size, pixels, fit, home)
    frames = 0
    for path in missing.values():
        with open_video(path) as video:
            frames += video.frames
    needed = frames * (_frame_bytes(size, pixels) + 1) + len(missing) * len(MAGIC)
    return CacheEstimate(needed, shutil.disk_usage(home).free, len(missing), frames)


class CachedFrames:
    """Frames from memory-mapped cache files, shared between processes."""

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
        fit: Fit = "stretch",
        folder: Path | None = None,
    ) -> "CachedFrames":
        """Decode the videos that are not cached yet, in constant memory, and open the cache.

        size: (width, height) of the cached frames; fit: how frames of another shape fill it
        folder: by default the user's cache folder
        Raises StorageError if the disk is too full, MediaError if a video cannot be read.
        """
        home = _home(folder)
        missing = _missing(videos, size, pixels, fit, home)
        if missing:
            estimate = estimate_cache(videos, size, pixels=pixels, fit=fit, folder=folder)
            estimate.check(home)
            _build(missing, size, pixels, fit, estimate)
        files = [cache_file(path, size, home, pixels, fit) for path in videos]
        return cls(files, [str(path) for path in videos], size, pixels)

    def __len__(self) -> int:
        return len(self.files)

    def readable(self, video: int) -> Points:
        """Bool (N,): False if a frame of the video could not be decoded."""
        return self._open(video)[1]

    def read(self, video: int, frames: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        """These frames, read-only if they are consecutive. DamagedError: one is not decodable."""
        pixels, readable = self._open(video)
        if frames.size and not 0 <= frames.min() <= frames.max() < len(pixels):
            raise MediaError(
                f"{self.names[video]}: frames {frames.min()} to {frames.max()} were requested, "
                f"but it has 0 to {len(pixels) - 1}"
            )
        if not readable[frames].all():
            raise DamagedError(
                f"{self.names[video]}: frame {frames[~readable[frames]][0]} cannot be decoded"
            )
        # A slice is not copied: most samples are a small part of each frame.
        consecutive = frames.size > 0 and bool((np.diff(frames) == 1).all())
        chosen: NDArray[np.uint8] = pixels[
            slice(int(frames[0]), int(frames[-1]) + 1) if consecutive else frames
        ]
        return chosen

    def _open(self, video: int) -> tuple[NDArray[np.uint8], Points]:
        return self._maps.get(video, lambda: _map(self.files[video], self.size, self.pixels))


class DecodedFrames:
    """Frames decoded from the videos on request; each process has its own decoders.

    A first pass over each video finds its unreadable frames; the result is cached.
    """

    def __init__(
        self,
        videos: Sequence[Path],
        size: Size,
        *,
        pixels: Pixels = "luma",
        fit: Fit = "stretch",
        keep: int = 8,
        folder: Path | None = None,
    ) -> None:
        """size: (width, height) of the frames; keep: the most decoders that stay open.

        fit: how frames of another shape fill the size
        """
        self.videos = tuple(videos)
        self.size = size
        self.pixels: Pixels = pixels
        self.fit: Fit = fit
        self.folder = folder
        self._open: _Recent[Video] = _Recent(keep, close=Video.close)

    def __len__(self) -> int:
        return len(self.videos)

    def readable(self, video: int) -> Points:
        """Bool (N,): False if a frame of the video cannot be decoded."""
        path = self.videos[video]
        target = cache_file(path, (0, 0), _home(self.folder), "luma")
        if not target.exists():
            with progress(f"Checking {path.name} for damage", None) as bar:
                _decode(path, target, (0, 0), "luma", "stretch", advance=bar.advance)
        return _map(target, (0, 0), "luma")[1]

    def read(self, video: int, frames: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        """Decode these frames. Raises DamagedError if one cannot be decoded."""
        opened = self._open.get(video, lambda: open_video(self.videos[video]))
        wanted = [int(frame) for frame in frames]
        return opened.read(wanted, pixels=self.pixels, size=self.size, fit=self.fit)


class _Recent(Generic[T]):
    """An LRU cache of opened resources for one process.

    After pickling or forking, the other process starts with an empty cache.
    """

    def __init__(self, limit: int, close: Callable[[T], None] | None = None) -> None:
        self.limit = limit
        self.close = close
        self.opened: OrderedDict[int, T] = OrderedDict()
        self.process = os.getpid()
        self.inherited: list[OrderedDict[int, T]] = []

    def get(self, key: int, make: Callable[[], T]) -> T:
        if self.process != os.getpid():
            # Kept, not closed: the threads of a decoder do not exist in a forked child, and closing
            # it there would wait for them.
            self.inherited.append(self.opened)
            self.opened, self.process = OrderedDict(), os.getpid()
        if key not in self.opened:
            self.opened[key] = make()
            if len(self.opened) > self.limit:
                _, oldest = self.opened.popitem(last=False)
                if self.close is not None:
                    self.close(oldest)
        self.opened.move_to_end(key)
        return self.opened[key]

    def __reduce__(self) -> tuple[Any, ...]:
        return (_Recent, (self.limit, self.close))


def cache_file(video: Path, size: Size, home: Path, pixels: Pixels, fit: Fit = "stretch") -> Path:
    """The cache file of the current version of a video at `size`."""
    try:
        status = video.stat()
    except OSError as error:
        raise MediaError(f"{video}: cannot be read: {error.strerror}; check the path") from error
    source = f"{video.resolve()}|{size[0]}x{size[1]}|{pixels}"
    if fit != "stretch":
        source += f"|{fit}"
    state = f"{status.st_size}|{status.st_mtime_ns}|{MAGIC!r}"
    return home / f"{_digest(source)}-{_digest(state)}.frames"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:20]


def _home(folder: Path | None) -> Path:
    home = (folder or cache_folder()) / "frames"
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"{home}: cannot be created ({error.strerror}); set PLAYHEAD_CACHE to a writable folder"
        ) from error
    return home


def _missing(
    videos: Sequence[Path], size: Size, pixels: Pixels, fit: Fit, home: Path
) -> dict[Path, Path]:
    """The missing cache files, each with its video."""
    files = {cache_file(path, size, home, pixels, fit): path for path in videos}
    return {file: path for file, path in files.items() if not file.exists()}


def _build(
    missing: dict[Path, Path], size: Size, pixels: Pixels, fit: Fit, estimate: CacheEstimate
) -> None:
    task = f"Decoding {estimate.videos} videos ({estimate.needed / 1e6:,.0f} MB cache)"
    with progress(task, estimate.frames) as bar:
        for file, path in missing.items():
            _decode(path, file, size, pixels, fit, threads=0, advance=bar.advance)


def _decode(
    path: Path,
    target: Path,
    size: Size,
    pixels: Pixels,
    fit: Fit,
    *,
    threads: int = 1,
    advance: Callable[[float], None] | None = None,
) -> None:
    """Decode one video into a cache file: frames, then `readable` (N,), then MAGIC.

    At size (0, 0) no pixels are stored, only `readable`.
    """
    with (
        open_video(path, threads=threads) as video,
        atomic_path(target) as temporary,
        temporary.open("wb") as file,
    ):
        if size == (0, 0):
            video.check(advance)
        else:
            _write_pixels(video, size, pixels, fit=fit, file=file, advance=advance)
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
    *,
    fit: Fit,
    file: BinaryIO,
    advance: Callable[[float], None] | None,
) -> None:
    """Write each frame at its offset; an unreadable frame leaves a hole that is never read."""
    for number, image in video.stream(pixels=pixels, size=size, fit=fit):
        file.seek(number * _frame_bytes(size, pixels))
        file.write(np.ascontiguousarray(image).data)
        if advance is not None:
            advance(1)


def _remove_stale(current: Path) -> None:
    """Remove the cache files of earlier versions of the same video at the same size."""
    source = current.name.split("-")[0]
    for file in current.parent.glob(f"{source}-*.frames"):
        if file != current:
            with suppress(PermissionError):  # Windows: another process still reads it
                file.unlink(missing_ok=True)


def _frame_bytes(size: Size, pixels: Pixels) -> int:
    return size[0] * size[1] * (1 if pixels == "luma" else 3)


def _map(file: Path, size: Size, pixels: Pixels) -> tuple[NDArray[np.uint8], Points]:
    """The frames of a cache file and `readable` (N,), memory-mapped read-only."""
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
