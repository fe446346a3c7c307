"""Dense scoring: a score vector for every grid point of a video, in constant memory.

Windows overlap: with a step of 2 each stack of frames returns in 5 windows. What the 2D part makes
of a stack is therefore computed once and kept in a ring until no later window needs it. Stacks that
show the same frames (past the ends of a video, or where the grid repeats frames) are one stack.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from playhead.errors import BundleError, PlayheadError
from playhead.inference.bundle import BundleManifest
from playhead.inference.runtime import Backend
from playhead.inference.scores import Scores
from playhead.progress import Progress
from playhead.samples.grid import make_grid
from playhead.samples.windows import WindowSpec

__all__ = ["DensePlan", "VideoStream", "plan_windows", "score_video", "unseen_spans"]


class VideoStream(Protocol):
    """What dense scoring needs of a video: `playhead.media.Video` is one."""

    @property
    def path(self) -> Path: ...
    @property
    def times(self) -> NDArray[np.float64]: ...
    @property
    def duration(self) -> float: ...
    def stream(
        self, *, pixels: Literal["luma"], size: tuple[int, int], wanted: NDArray[np.int32]
    ) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """The readable ones of the `wanted` frames, rising, each with its number."""


@dataclass(frozen=True, slots=True, eq=False)
class DensePlan:
    """What is computed for a video, as rows of integers: stacks in time order, windows of stacks.

    points: (W,) the grid points that get a window; window_of: (W,) its row in `windows`;
    windows: (V, n) rows of `stacks`, every window different from the one before it;
    stacks: (U, S) the frames of each stack, likewise.
    """

    points: NDArray[np.int32]
    window_of: NDArray[np.int32]
    windows: NDArray[np.int32]
    stacks: NDArray[np.int32]

    @property
    def frames(self) -> NDArray[np.int32]:
        """The frames that are looked at, rising."""
        return np.unique(self.stacks)

    def slots(self, batch: int) -> int:
        """How many stacks in a row a batch of windows spans at most."""
        first, last = self.windows.min(axis=1), self.windows.max(axis=1)
        ends = (np.arange(len(self.windows)) + batch - 1).clip(max=len(self.windows) - 1)
        return int((last[ends] - first).max()) + 1


def plan_windows(
    frames: NDArray[np.int32], window: WindowSpec, *, every: int = 1, stack: int | None = None
) -> DensePlan:
    """Plan a window for every n-th grid point and for the last one.

    frames: (T,), the frame shown at each grid point, never falling; stack: frames that the model
    takes at once (the window's own stack, unless the whole window is one).
    """
    if every < 1:
        raise PlayheadError(f"every {every}: needs 1 (each grid point) or more")
    last = len(frames) - 1
    points = np.unique(np.append(np.arange(0, last + 1, every), last)).astype(np.int32)
    size = stack or window.stack
    starts = points[:, None] + window.offsets[::size].astype(np.int32)  # (W, n) first grid points
    places = np.unique(starts)
    shown = places[:, None] + np.arange(size, dtype=np.int32) * window.step
    stacks, stack_of = _distinct(frames[shown.clip(0, last)])
    windows, window_of = _distinct(stack_of[np.searchsorted(places, starts)])
    return DensePlan(points, window_of, windows, stacks)


def score_video(
    video: VideoStream,
    manifest: BundleManifest,
    backend: Backend,
    *,
    every: int = 1,
    flip: bool = False,
    batch: int | None = None,
    name: str | None = None,
    progress: Progress | None = None,
) -> Scores:
    """Score every grid point of a video; NaN where a window touches a frame that is unreadable.

    every: a window for every n-th grid point, the scores between linearly interpolated;
    flip: the mean over the picture and its mirror image; batch: stacks, and windows, that are
    computed at once, by default more of small pictures; name: what the scores call the video.
    Memory does not depend on the length of the video but for a few numbers a grid point.
    """
    plan = manifest.windows
    grid = make_grid(video.times, video.duration, plan.grid_rate)
    todo = plan_windows(grid.frames, plan.window, every=every, stack=_stack(manifest))
    stream = video.stream(pixels=plan.pixels, size=plan.size, wanted=todo.frames)
    batch = batch or _batch(plan.size)
    slots = todo.slots(batch)
    passes = [_Pass(backend, manifest, slots, mirrored) for mirrored in (False, True)[: 1 + flip]]
    values = np.full((len(todo.windows), len(manifest.classes)), np.nan, dtype=np.float32)
    reader = _Stacks(todo.stacks, stream)
    for start in range(0, len(todo.windows), batch):
        windows = todo.windows[start : start + batch]
        for rows, pictures in reader.up_to(int(windows.max()), batch):
            for one in passes:
                one.encode(rows, pictures)
        seen = reader.seen[windows].all(axis=1)
        if seen.any():
            values[start : start + batch][seen] = np.mean(
                [one.fuse(windows[seen]) for one in passes], axis=0
            )
        if progress is not None:
            progress.advance(len(windows) / len(todo.windows))
    return Scores(
        video=name or video.path.name,
        times=grid.times,
        frames=grid.frames,
        frame_times=video.times[grid.frames],
        classes=manifest.classes,
        values=_between(todo.points, values[todo.window_of], len(grid)),
        decisions=manifest.post_processing,
    )


def unseen_spans(scores: Scores) -> list[tuple[float, float]]:
    """The spans (first, last) of grid times, in seconds, in which nothing could be scored."""
    blind = np.isnan(scores.values).any(axis=1).astype(np.int8)
    edges = np.diff(blind, prepend=0, append=0)
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return [
        (float(scores.times[a]), float(scores.times[b - 1]))
        for a, b in zip(starts, stops, strict=True)
    ]


class _Stacks:
    """Reads stacks in time order out of one pass over a video, holding only frames still needed."""

    def __init__(
        self, stacks: NDArray[np.int32], stream: Iterator[tuple[int, NDArray[np.uint8]]]
    ) -> None:
        self._stacks = stacks
        self._stream = stream
        self._held: dict[int, NDArray[np.uint8]] = {}
        self._reached = -1  # the last frame that the stream gave out
        self._next = 0
        self.seen = np.zeros(len(stacks), dtype=np.bool_)

    def up_to(self, last: int, batch: int) -> Iterator[tuple[list[int], NDArray[np.uint8]]]:
        """Rows and pictures (N, S, H, W) of the readable stacks up to `last`, N at most `batch`."""
        rows: list[int] = []
        pictures: list[NDArray[np.uint8]] = []
        for row in range(self._next, last + 1):
            stack = self._read(row)
            if stack is not None:
                rows.append(row)
                pictures.append(stack)
            if rows and (len(rows) == batch or row == last):
                yield rows, np.stack(pictures)
                rows, pictures = [], []
        if rows:
            yield rows, np.stack(pictures)
        self._next = max(self._next, last + 1)

    def _read(self, row: int) -> NDArray[np.uint8] | None:
        wanted = [int(frame) for frame in self._stacks[row]]
        for frame in [held for held in self._held if held < wanted[0]]:
            del self._held[frame]
        while self._reached < wanted[-1]:
            self._reached, picture = next(self._stream, (wanted[-1], None))
            if picture is not None:
                self._held[self._reached] = picture
        if any(frame not in self._held for frame in wanted):
            return None
        self.seen[row] = True
        return np.stack([self._held[frame] for frame in wanted])


class _Pass:
    """One way through the model, plain or mirrored, with the ring of what its 2D part made."""

    def __init__(
        self, backend: Backend, manifest: BundleManifest, slots: int, mirrored: bool
    ) -> None:
        self._backend = backend
        self._first, *rest = _parts(manifest)
        self._fuse = rest[0] if rest else None
        self._mirrored = mirrored
        self._slots = slots
        self._ring: NDArray[np.float32] | None = None

    def encode(self, rows: list[int], pictures: NDArray[np.uint8]) -> None:
        made = self._backend.run(self._first, pictures[..., ::-1] if self._mirrored else pictures)
        if self._ring is None:
            self._ring = np.empty((self._slots, *made.shape[1:]), dtype=np.float32)
        self._ring[np.array(rows) % self._slots] = made

    def fuse(self, windows: NDArray[np.int32]) -> NDArray[np.float32]:
        """Windows (B, n) of rows → probabilities (B, classes)."""
        assert self._ring is not None
        maps = self._ring[windows % self._slots]
        return self._backend.run(self._fuse, maps) if self._fuse else maps[:, 0]


def _parts(manifest: BundleManifest) -> tuple[str, ...]:
    """The parts in the order of the data: a 2D part and a fusion, or the whole model."""
    match sorted(manifest.parts):
        case ["model"]:
            return ("model",)
        case ["encode", "fuse"]:
            return ("encode", "fuse")
        case other:
            raise BundleError(
                f"a bundle with the parts {', '.join(other)}: dense scoring needs `encode` and "
                "`fuse`, or `model`"
            )


def _stack(manifest: BundleManifest) -> int | None:
    """How many frames the first part takes as channels."""
    return manifest.parts[_parts(manifest)[0]].input.shape[1]


def _batch(size: tuple[int, int]) -> int:
    """Enough pictures to keep every stream busy, few enough to hold what they become."""
    width, height = size
    return max(4, min(64, 1_000_000 // (width * height)))


def _distinct(rows: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Rows without those that equal the row before, and where each row went."""
    changed = (rows[1:] != rows[:-1]).any(axis=1)
    keep = np.concatenate([[True], changed])
    return rows[keep], np.cumsum(keep, dtype=np.int32) - 1


def _between(
    points: NDArray[np.int32], values: NDArray[np.float32], length: int
) -> NDArray[np.float32]:
    """Scores at `points` → scores at every point, linearly between; NaN beside a NaN."""
    right = np.searchsorted(points, np.arange(length))
    left = (right - 1).clip(0)
    gap = (points[right] - points[left]).clip(1)
    weight = ((points[right] - np.arange(length)) / gap).astype(np.float32)[:, None]
    mixed: NDArray[np.float32] = weight * values[left] + (1 - weight) * values[right]
    mixed[points] = values
    return mixed
