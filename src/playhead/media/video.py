"""Video: a file as numbered frames with times, read exactly.

Frame k is the k-th frame that the decoder outputs, however it is reached. All conversions between
frames and times use the table of the video.
"""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from playhead.errors import DamagedError, MediaError
from playhead.media.damage import Damage, DamageLog
from playhead.media.pixels import Converter, Fit, Pixels
from playhead.media.reading import Cursor
from playhead.media.scan import file_state, table_of
from playhead.media.source import DEFAULT_LIMITS, Clock, Limits, Source, check_file
from playhead.media.table import FrameTable
from playhead.times import nearest

__all__ = ["Pixels", "Video", "open_video"]


def open_video(
    path: str | Path,
    *,
    threads: int = 1,
    max_pixels: int = DEFAULT_LIMITS.max_pixels,
    max_seconds: float = DEFAULT_LIMITS.max_seconds,
) -> "Video":
    """Open a video and index all its frames; the first time reads the file once.

    threads: decoding threads, 0 for one per core
    max_pixels: the largest image that is decoded
    max_seconds: the longest that opening, one `read` or one step of a `stream` may take
    Raises MediaError if the file is not a readable video, LimitError if it exceeds a limit.

    >>> from playhead import open_video
    >>> with open_video("match.mp4") as video:
    ...     image = video.read([25], pixels="rgb")[0]
    ...     print(video.frames, video.times[25], image.shape, image.dtype)
    300 1.0 (36, 64, 3) uint8
    """
    path = Path(path)
    check_file(path, "video", empty=True)
    limits = Limits(max_pixels, max_seconds)
    clock = Clock(path, max_seconds)
    state = file_state(path)
    table = table_of(path, limits, clock)
    source = Source(path, table.identity, threads=threads, limits=limits, reorder=table.reorder)
    return Video(source, table, clock, limits, state)


class Video:
    """An open video; close it, or use it as a context manager.

    Use a Video in only one thread of one process: each worker opens its own.
    """

    def __init__(
        self,
        source: Source,
        table: FrameTable,
        clock: Clock,
        limits: Limits,
        state: tuple[int, int] | None,
    ) -> None:
        self.path = source.path
        self._state = state
        self._table = table
        self._clock = clock
        self._log = DamageLog(len(table))
        self._log.mark(table.spoilt_by_holes(), "data is missing from the file here")
        self._cursor = Cursor(source, table, self._log, clock, limits)
        self._converters: dict[tuple[Pixels, tuple[int, int] | None, Fit], Converter] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the file."""
        self._cursor.close()

    @property
    def table(self) -> FrameTable:
        """The table of all frames: identity in the file, time, key frames."""
        return self._table

    @property
    def frames(self) -> int:
        """The number of frames."""
        return len(self._table)

    @property
    def times(self) -> NDArray[np.float64]:
        """The time of each frame in seconds from the first, float64 (frames,)."""
        return self._table.times

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the end of the last one."""
        return self._table.duration

    @property
    def rate(self) -> Fraction:
        """Frames per second; the mean where the rate varies."""
        return self._table.rate

    @property
    def variable_rate(self) -> bool:
        """Whether the frames are not evenly spaced."""
        return self._table.variable_rate

    @property
    def timestamps(self) -> Literal["container", "synthesised"]:
        """Whether the times come from the container or are computed from the rate."""
        return self._table.timestamps

    @property
    def width(self) -> int:
        """Width of the displayed image in pixels."""
        return self._table.layout.displayed[0]

    @property
    def height(self) -> int:
        """Height of the displayed image in pixels."""
        return self._table.layout.displayed[1]

    @property
    def rotation(self) -> int:
        """Degrees clockwise by which reading rotates the stored image: 0, 90, 180 or 270."""
        return self._table.layout.rotation

    @property
    def has_audio(self) -> bool:
        """Whether the file has sound."""
        return self._table.has_audio

    @property
    def damage(self) -> tuple[Damage, ...]:
        """Ranges of frames found unreadable so far; `check` finds them all."""
        known = self._log.ranges()
        if not self._table.missing:
            return known
        end = self.frames + self._table.missing
        return (*known, Damage(self.frames, end, "the file ends before them"))

    @property
    def missing(self) -> int:
        """How many frames at the end the header promises but the file does not have."""
        return self._table.missing

    def nearest(self, times: NDArray[np.float64]) -> NDArray[np.int32]:
        """For each time in seconds the nearest frame; in a tie the earlier."""
        wanted = np.asarray(times, np.float64)
        if np.isnan(wanted).any():
            raise MediaError(f"{self.path}: a time is not a number; give seconds")
        return nearest(self._table.times, wanted)

    def read(
        self,
        frames: Sequence[int] | NDArray[np.integer],
        *,
        pixels: Pixels = "rgb",
        size: tuple[int, int] | None = None,
        fit: Fit = "stretch",
        out: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.uint8]:
        """Read exactly these frames, in any order and with repeats.

        pixels: "rgb" returns uint8 (N, H, W, 3), "luma" uint8 (N, H, W)
        size: (width, height) to scale to; the displayed size if None
        fit: "stretch" fills the size, "letterbox" keeps the aspect ratio, centred on black
        out: an array of that shape to write into, which is returned
        Raises MediaError if a frame does not exist, DamagedError if one cannot be read.
        """
        self._clock.restart()
        wanted = self._checked(frames)
        converter = self._converter(pixels, size, fit)
        shape = (len(wanted), *converter.shape)
        if out is None:
            out = np.empty(shape, np.uint8)
        elif out.shape != shape or out.dtype != np.uint8:
            raise MediaError(
                f"{self.path}: out is {out.dtype} {out.shape}; the frames need uint8 {shape}"
            )
        rows = {int(wanted[row]): row for row in np.argsort(-wanted, kind="stable").tolist()}
        written = set()

        def write(k: int, frame: VideoFrame) -> bool:
            if k not in rows:
                return False
            converter.write(frame, out[rows[k]])
            written.add(k)
            return True

        for k in sorted(rows):
            if not self._cursor.bring(k, write, taken=k in written):
                raise self._unreadable(k)
        for row, k in enumerate(wanted.tolist()):
            if rows[k] != row:
                out[row] = out[rows[k]]
        return out

    def stream(
        self,
        start: int = 0,
        stop: int | None = None,
        *,
        pixels: Pixels = "rgb",
        size: tuple[int, int] | None = None,
        fit: Fit = "stretch",
        wanted: NDArray[np.integer] | None = None,
    ) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Yield (k, image) for the readable frames of [start, stop) in order, in constant memory.

        wanted: sorted frames to yield; the others are decoded as needed, never converted
        Frames that cannot be read are skipped and added to `damage`.
        """
        stop = self.frames if stop is None else min(stop, self.frames)
        converter = self._converter(pixels, size, fit)
        chosen: range | dict[int, None] = range(start, stop)
        if wanted is not None:
            chosen = self._within(wanted, start, stop)
        ready: dict[int, NDArray[np.uint8]] = {}

        def convert(k: int, frame: VideoFrame) -> bool:
            if k not in chosen:
                return False
            ready[k] = np.empty(converter.shape, np.uint8)
            converter.write(frame, ready[k])
            return True

        for k in chosen:
            self._clock.restart()
            if self._cursor.bring(k, convert, taken=k in ready):
                yield k, ready[k]
            for old in [index for index in ready if index <= k]:
                del ready[old]

    def decoded(self, start: int = 0) -> Iterator[tuple[int, VideoFrame | None]]:
        """Yield (k, frame) from `start` on in order, unconverted; None if frame k cannot be read.

        The decoder may still need the pixels of a frame: call `make_writable` before changing them.
        """
        ready: dict[int, VideoFrame] = {}
        for k in range(start, self.frames):

            def keep(index: int, frame: VideoFrame, wanted: int = k) -> bool:
                if index >= wanted:
                    ready[index] = frame
                return index >= wanted

            self._clock.restart()
            readable = self._cursor.bring(k, keep, taken=k in ready)
            frame = ready.pop(k, None)
            yield k, frame if readable else None

    def check(self, advance: Callable[[float], None] | None = None) -> None:
        """Decode everything once, so that `damage` is complete; nothing is converted.

        advance: called with 1 after every frame
        """
        for k in range(self.frames):
            self._clock.restart()
            self._cursor.bring(k, lambda k, frame: True, taken=True)
            if advance is not None:
                advance(1)

    def require_unchanged(self) -> None:
        """Raise MediaError if the file has changed since it was opened."""
        if file_state(self.path) != self._state:
            raise MediaError(
                f"{self.path}: the file changed while it was read; wait until it is complete and "
                "run this again"
            )

    def _unreadable(self, k: int) -> DamagedError:
        around = next((d for d in self.damage if d.start <= k < d.stop), None)
        why = (
            f"frames {around.start} to {around.stop - 1}: {around.reason}" if around else "damaged"
        )
        return DamagedError(
            f"{self.path}: frame {k} cannot be read ({why}); use the frames around it, or "
            "another copy of the file"
        )

    def _checked(self, frames: Sequence[int] | NDArray[np.integer]) -> NDArray[np.intp]:
        wanted = np.asarray(frames)
        if wanted.ndim != 1 or (wanted.size and not np.issubdtype(wanted.dtype, np.integer)):
            raise MediaError(
                f"{self.path}: frames are {wanted.dtype} {wanted.shape}; "
                "a list of whole numbers is needed"
            )
        for k in wanted[(wanted < 0) | (wanted >= self.frames)][:1]:
            raise MediaError(
                f"{self.path}: frame {k} is past the last frame ({self.frames - 1}); the numbers "
                "may belong to another cut: see `playhead info`"
                if k >= 0
                else f"{self.path}: frame {k} does not exist; frames count from 0"
            )
        return wanted.astype(np.intp)

    def _within(self, wanted: NDArray[np.integer], start: int, stop: int) -> dict[int, None]:
        chosen = self._checked(wanted)
        if np.any(np.diff(chosen) < 0):
            raise MediaError(f"{self.path}: wanted frames are not in rising order; sort them")
        return dict.fromkeys(chosen[(chosen >= start) & (chosen < stop)].tolist())

    def _converter(self, pixels: Pixels, size: tuple[int, int] | None, fit: Fit) -> Converter:
        if pixels not in ("rgb", "luma"):
            raise MediaError(f'{self.path}: pixels are "{pixels}"; choose "rgb" or "luma"')
        if size is not None and (len(size) != 2 or min(size) < 1):
            raise MediaError(
                f"{self.path}: size is {size}; (width, height) of at least 1 is needed"
            )
        if fit not in ("stretch", "letterbox"):
            raise MediaError(f'{self.path}: fit is "{fit}"; choose "stretch" or "letterbox"')
        key = (pixels, size, fit)
        if key not in self._converters:
            self._converters[key] = Converter(self._table.layout, pixels, size, fit)
        return self._converters[key]
