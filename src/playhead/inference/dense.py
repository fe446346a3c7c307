"""Dense scoring: the output of a model for a window at every grid point of a video.

Windows overlap: with a step of 2 each stack of frames is part of 5 windows. So the feature maps of
a stack are computed once by the 2D part and kept in a ring until no later window needs them.
Stacks of the same frames (beyond the ends of a video, or if the grid repeats frames) are computed
once. A job reduces the outputs as a stream.
"""

from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from playhead.errors import BundleError, PlayheadError
from playhead.inference.ahead import read_ahead
from playhead.inference.bundle import BundleManifest, InputPlan
from playhead.inference.ring import RingBackend, StackBatch, Values, open_ring
from playhead.inference.runtime import Backend
from playhead.progress import Progress
from playhead.samples.grid import Grid
from playhead.samples.windows import WindowSpec
from playhead.times import GridRate, GridRateText, parse_grid_rate

__all__ = [
    "DensePlan",
    "VideoStream",
    "WindowOutputs",
    "WindowPlan",
    "plan_windows",
    "run_windows",
]


class WindowPlan(InputPlan):
    """The input of a video model: windows of frames on a time grid."""

    kind: ClassVar[str] = "windows"

    window: WindowSpec = Field(description="frames of a window, on the grid")
    rate: GridRateText = Field(
        description="grid points per second, as 25 or 30000/1001; or `native`"
    )
    size: tuple[PositiveInt, PositiveInt] = Field(
        description="width and height that frames are scaled to"
    )
    pixels: Literal["luma", "rgb"] = Field(
        default="luma", description="the stored Y plane, (H, W) per frame, or colour, (H, W, 3)"
    )
    fit: Literal["stretch", "letterbox"] = Field(
        default="stretch",
        description="`stretch`: each axis is scaled to `size`; `letterbox`: the aspect ratio is "
        "kept, and the rest is black",
    )

    @property
    def grid_rate(self) -> GridRate:
        """The rate in the form for `make_grid`."""
        return parse_grid_rate(self.rate)

    def describe(self) -> str:
        """The input in words, for the model card."""
        width, height = self.size
        rate = "every frame" if self.rate == "native" else f"{self.rate} frames per second"
        return (
            f"{self.pixels}, {width}x{height}{' letterboxed' if self.fit == 'letterbox' else ''}, "
            f"{rate}; windows of {self.window.frames} frames, "
            f"{self.window.step} apart"
        )

    def output_shape(self, classes: int) -> tuple[int | None, ...]:
        """(B, classes)."""
        return None, classes


class VideoStream(Protocol):
    """The part of `playhead.media.Video` that dense scoring uses."""

    @property
    def path(self) -> Path: ...
    @property
    def times(self) -> NDArray[np.float64]: ...
    @property
    def duration(self) -> float: ...
    def stream(
        self,
        *,
        pixels: Literal["luma", "rgb"],
        size: tuple[int, int],
        fit: Literal["stretch", "letterbox"] = "stretch",
        wanted: NDArray[np.int32],
    ) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """The readable ones of the `wanted` frames as (k, image), rising."""


@dataclass(frozen=True, slots=True, eq=False)
class DensePlan:
    """The computations for a video, as indices: stacks in time order, and windows of stacks.

    points: (W,), the grid points with a window; window_of: (W,), the row of each in `windows`
    windows: (V, n), rows of `stacks`; consecutive windows differ
    stacks: (U, S), the frames of each stack; consecutive stacks differ
    """

    points: NDArray[np.int32]
    window_of: NDArray[np.int32]
    windows: NDArray[np.int32]
    stacks: NDArray[np.int32]

    @property
    def frames(self) -> NDArray[np.int32]:
        """The required frames, rising."""
        return np.unique(self.stacks)

    def slots(self, batch: int) -> int:
        """The most consecutive stacks that a batch of windows spans."""
        first, last = self.windows.min(axis=1), self.windows.max(axis=1)
        ends = (np.arange(len(self.windows)) + batch - 1).clip(max=len(self.windows) - 1)
        return int((last[ends] - first).max()) + 1


def plan_windows(
    frames: NDArray[np.int32], window: WindowSpec, *, every: int = 1, stack: int | None = None
) -> DensePlan:
    """Plan a window for every n-th grid point and for the last one.

    frames: (T,), the frame at each grid point, never falling
    stack: frames that the model takes at once; by default the stack of the window
    """
    if every < 1:
        raise PlayheadError(f"every {every}: needs 1 (each grid point) or more")
    last = len(frames) - 1
    points = np.unique(np.append(np.arange(0, last + 1, every), last)).astype(np.int32)
    size = stack or window.stack
    starts = points[:, None] + window.offsets[::size].astype(np.int32)  # (W, n) first grid points
    first_points = np.unique(starts)
    points_of = first_points[:, None] + np.arange(size, dtype=np.int32) * window.step
    stacks, stack_of = _distinct(frames[points_of.clip(0, last)])
    windows, window_of = _distinct(stack_of[np.searchsorted(first_points, starts)])
    return DensePlan(points, window_of, windows, stacks)


@dataclass(frozen=True, slots=True, eq=False)
class WindowOutputs:
    """The outputs of a model for consecutive windows of a video.

    points: int32 (W,), the middle of each window on the grid, rising
    seen: bool (W,), False if a frame of the window cannot be decoded
    values: float32 (W, ...), the output of the last part of the model, NaN if not seen
    """

    points: NDArray[np.int32]
    seen: NDArray[np.bool_]
    values: NDArray[np.float32]


def run_windows(
    video: VideoStream,
    grid: Grid,
    manifest: BundleManifest,
    backend: Backend,
    *,
    every: int = 1,
    flip: bool = False,
    batch: int | None = None,
    progress: Progress | None = None,
) -> Generator[WindowOutputs, None, None]:
    """Run a bundle of kind `windows` on a video, and yield its raw outputs in order of time.

    every: a window for every n-th grid point, and one for the last
    flip: average the outputs for the frames and for their mirror images
    batch: stacks and windows per batch; by default by the size of the frames
    Memory is constant except for a few numbers per grid point. No thread reads the video any more
    when this ends, fails or is closed.
    Raises BundleError if the bundle is of another kind.
    """
    plan = manifest.plan(WindowPlan)
    todo = plan_windows(grid.frames, plan.window, every=every, stack=_stack(manifest))
    frames = video.stream(pixels=plan.pixels, size=plan.size, fit=plan.fit, wanted=todo.frames)
    behind = 0
    if isinstance(backend, RingBackend):
        # The device computes one batch while the CPU decodes and sends the next.
        batch, behind = batch or backend.batch_size(plan.size), 1
    batch = batch or _batch(plan.size)
    stream = read_ahead(frames, 2 * batch)
    slots = todo.slots(batch)
    passes = [_Pass(backend, manifest, slots, mirrored) for mirrored in (False, True)[: 1 + flip]]
    reader = _Stacks(todo.stacks, stream)
    begun: deque[tuple[int, NDArray[np.bool_], list[Values]]] = deque()

    def finish() -> WindowOutputs:
        start, seen, waiting = begun.popleft()
        shape = tuple(size or 1 for size in list(manifest.parts.values())[-1].output.shape[1:])
        values = np.full((len(seen), *shape), np.nan, dtype=np.float32)
        if waiting:
            values[seen] = np.mean([result() for result in waiting], axis=0)
        if progress is not None:
            progress.advance(len(seen) / len(todo.windows))
        first, stop = np.searchsorted(todo.window_of, (start, start + len(seen)))
        rows_of = todo.window_of[first:stop] - start
        return WindowOutputs(todo.points[first:stop], seen[rows_of], values[rows_of])

    try:
        for start in range(0, len(todo.windows), batch):
            windows = todo.windows[start : start + batch]
            for stacks in reader.up_to(int(windows.max()), batch):
                for model_pass in passes:
                    model_pass.encode(stacks)
            seen = np.atleast_1d(reader.seen[windows].all(axis=1))
            waiting = [model_pass.fuse(windows[seen]) for model_pass in passes if seen.any()]
            begun.append((start, seen, waiting))
            if len(begun) > behind:
                yield finish()
        while begun:
            yield finish()
    finally:
        stream.close()


class _Stacks:
    """Reads stacks in time order in one pass over a video, keeping only frames still needed."""

    def __init__(
        self, stacks: NDArray[np.int32], stream: Iterator[tuple[int, NDArray[np.uint8]]]
    ) -> None:
        self._stacks = stacks
        self._stream = stream
        self._held: dict[int, NDArray[np.uint8]] = {}
        self._reached = -1  # the last frame of the stream so far
        self._next = 0
        self.seen = np.zeros(len(stacks), dtype=np.bool_)

    def up_to(self, last: int, batch: int) -> Iterator[StackBatch]:
        """The readable stacks up to row `last`, at most `batch` at once."""
        rows: list[int] = []
        frames: list[list[NDArray[np.uint8]]] = []
        for row in range(self._next, last + 1):
            stack = self._read(row)
            if stack is not None:
                rows.append(row)
                frames.append(stack)
            if rows and (len(rows) == batch or row == last):
                yield StackBatch(rows, frames)
                rows, frames = [], []
        if rows:
            yield StackBatch(rows, frames)
        self._next = max(self._next, last + 1)

    def _read(self, row: int) -> list[NDArray[np.uint8]] | None:
        wanted = [int(frame) for frame in self._stacks[row]]
        for frame in [held for held in self._held if held < wanted[0]]:
            del self._held[frame]
        while self._reached < wanted[-1]:
            self._reached, image = next(self._stream, (wanted[-1], None))
            if image is not None:
                self._held[self._reached] = image
        if any(frame not in self._held for frame in wanted):
            return None
        self.seen[row] = True
        return [self._held[frame] for frame in wanted]


class _Pass:
    """One pass through the model, plain or mirrored, with the ring of its 2D maps."""

    def __init__(
        self, backend: Backend, manifest: BundleManifest, slots: int, mirrored: bool
    ) -> None:
        self._first, *rest = _parts(manifest)
        self._fuse = rest[0] if rest else None
        self._mirrored = mirrored
        self._ring = open_ring(backend, slots)

    def encode(self, stacks: StackBatch) -> None:
        self._ring.encode(self._first, stacks, mirrored=self._mirrored)

    def fuse(self, windows: NDArray[np.int32]) -> Values:
        """Windows (B, n) of rows → the output of the last part (B, ...), once it is called."""
        return self._ring.fuse(self._fuse, windows)


def _parts(manifest: BundleManifest) -> tuple[str, ...]:
    """The parts in the order of the data: the 2D part and the fusion, or the whole model."""
    match sorted(manifest.parts):
        case ["model"]:
            return ("model",)
        case ["encode", "fuse"]:
            return ("encode", "fuse")
        case other:
            raise BundleError(
                f"the bundle has the parts {', '.join(other)}; dense scoring needs `encode` and "
                "`fuse`, or `model`"
            )


def _stack(manifest: BundleManifest) -> int | None:
    """The number of frames that the first part takes as channels."""
    return manifest.parts[_parts(manifest)[0]].input.shape[1]


def _batch(size: tuple[int, int]) -> int:
    """Enough images to keep every stream busy, few enough for memory."""
    width, height = size
    return max(4, min(64, 1_000_000 // (width * height)))


def _distinct(rows: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Rows without consecutive duplicates, and the new index of each row."""
    changed = (rows[1:] != rows[:-1]).any(axis=1)
    keep = np.concatenate([[True], changed])
    return rows[keep], np.cumsum(keep, dtype=np.int32) - 1
