"""The grids of a video: the output of collision networks for every frame, in constant memory.

Frame k is described by its clip: the frames around it, with the ends of the video repeated. A
network of two parts computes the features of a frame once, with and without the mark, and keeps
them until no later clip needs them. A network with the part `chunk` approximates the grids of
neighbouring frames at once.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from playhead.decisions.boxes import Boxes, kept_indices
from playhead.errors import BundleError
from playhead.impact.plan import ClipGridPlan
from playhead.impact.targets import grid_boxes
from playhead.inference.bundle import BundleManifest
from playhead.inference.dense import VideoStream
from playhead.inference.runtime import Backend
from playhead.samples.grid import make_grid

__all__ = [
    "CHUNK",
    "CentreMap",
    "FrameGrid",
    "Gate",
    "GridBoxes",
    "Member",
    "grid_candidates",
    "run_clips",
]

CHUNK = "chunk"
"""The part of a network that approximates the grids of a chunk of frames at once."""

CentreMap = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""Another network's centres of helmets: an image as the plan has it → (rows, columns) in [0, 1]."""

MOST = 300
"""Candidates that are kept in a frame, the best ones."""

DUPLICATE = 0.6
"""IoU above which two candidates are the same helmet, whatever is decided later."""


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One of the networks whose grids are averaged."""

    manifest: BundleManifest
    backend: Backend


@dataclass(frozen=True, slots=True, eq=False)
class FrameGrid:
    """The output for a frame: float32 (6, rows, columns), channels as in `targets.grid_target`.

    grid: None if the frame was skipped, or if a frame of its clip cannot be decoded
    seen: False if a frame of its clip cannot be decoded
    """

    frame: int
    grid: NDArray[np.float32] | None
    seen: bool = True


@dataclass(frozen=True, slots=True)
class Gate:
    """Which frames need the networks: those around frames in which two helmets are near each other.

    Every n-th frame is computed; the others only if the computed one before or after has two
    helmets whose centres are at most `distance` box widths apart.
    """

    every: int = 4
    distance: float = 2.5
    helmet_score: float = 0.25

    def opens(self, grid: NDArray[np.float32], plan: ClipGridPlan) -> bool:
        """Whether two helmets are near each other."""
        helmets = grid_candidates(grid, plan, plan.size, min_score=self.helmet_score, overlap=0.25)
        centres = (helmets.boxes[:, :2] + helmets.boxes[:, 2:]) / 2
        widths = helmets.boxes[:, 2] - helmets.boxes[:, 0]
        apart = np.hypot(*(centres[:, None] - centres[None]).transpose(2, 0, 1))
        reach = self.distance * (widths[:, None] + widths[None]) / 2
        return bool(np.triu(apart <= reach, k=1).any())


@dataclass(frozen=True, slots=True, eq=False)
class GridBoxes:
    """The candidates of one frame: boxes (n, 4), helmet and impact scores (n,), all float32."""

    boxes: NDArray[np.float32]
    helmet: NDArray[np.float32]
    impact: NDArray[np.float32]


def grid_candidates(
    grid: NDArray[np.float32],
    plan: ClipGridPlan,
    size: tuple[int, int],
    *,
    min_score: float = 0.05,
    overlap: float = DUPLICATE,
) -> GridBoxes:
    """The cells whose centre score is the highest of 3 x 3 and above `min_score`, the best first.

    grid: (6, rows, columns); size: (width, height) of the frame whose pixels the boxes get
    overlap: a box is dropped if its IoU with a better one is above this
    """
    peaks = (grid[0] > min_score) & (grid[0] >= maximum_filter(grid[0], 3, mode="constant"))
    rows, columns = np.nonzero(peaks)
    boxes = grid_boxes(grid, stride=plan.stride, unit=plan.box_unit)[rows, columns]
    scale = np.array([size[0] / plan.size[0], size[1] / plan.size[1]] * 2, np.float32)
    boxes = np.clip(boxes * scale, 0, np.array(size * 2, np.float32))
    helmet, impact = grid[0, rows, columns], grid[5, rows, columns]
    whole = np.flatnonzero((boxes[:, :2] < boxes[:, 2:]).all(1) & np.isfinite(impact))
    kept = whole[kept_indices(Boxes(boxes[whole], helmet[whole]), overlap, MOST)]
    return GridBoxes(boxes[kept], helmet[kept].clip(0, 1), impact[kept].clip(0, 1))


def run_clips(
    video: VideoStream,
    members: Sequence[Member],
    *,
    gate: Gate | None = None,
    chunks: bool = False,
    centres: CentreMap | None = None,
    batch: int | None = None,
) -> Iterator[FrameGrid]:
    """The mean of the networks' grids for each frame of the plan's time grid, in order.

    gate: skip frames by this rule; by default every frame is computed
    chunks: approximate every frame by the part `chunk`, which all networks need; without a gate
    centres: replaces the centre scores of the networks
    batch: clips per batch; by default by the size of the frames, or those of a chunk
    Raises BundleError if the networks have different plans or classes, or other parts.
    """
    plan = common_plan([member.manifest for member in members])
    points = make_grid(video.times, video.duration, plan.grid_rate).frames
    described = np.unique(points, return_index=True)[1]  # a fine grid repeats frames
    if chunks:
        described = np.arange(len(points))  # in a chunk, the next clip is one grid point later
    steps = np.arange(plan.frames) - plan.before
    clips = points[(described[:, None] + steps).clip(0, len(points) - 1)]  # (W, frames)
    stream = video.stream(pixels=plan.pixels, size=plan.size, wanted=np.unique(clips))
    batch = batch or max(1, min(32, 1_000_000 // (plan.size[0] * plan.size[1])))
    networks = _Networks(clips, plan.before, stream, members, centres, chunks=chunks)

    if chunks:
        last = -1
        batch = min(_chunk_frames(member.manifest) for member in members) - plan.frames + 1
        for start in range(0, len(clips), batch):
            networks.drop_before(int(clips[start].min()))
            for result in networks.run(np.arange(start, min(start + batch, len(clips)))):
                if result.frame > last:
                    yield result
                last = result.frame
        return

    if gate is None:
        for start in range(0, len(clips), batch):
            rows = np.arange(start, min(start + batch, len(clips)))
            networks.drop_before(int(clips[start].min()))
            yield from networks.run(rows)
        return

    anchors = np.unique(np.append(np.arange(0, len(clips), gate.every), len(clips) - 1))
    previous, was_open = -1, False
    for start in range(0, len(anchors), batch):
        # The frames between two anchors are read, and held until both anchors are known.
        networks.drop_before(int(clips[previous + 1].min()))
        for anchor, result in zip(
            anchors[start : start + batch],
            networks.run(anchors[start : start + batch]),
            strict=True,
        ):
            is_open = result.grid is None or gate.opens(result.grid, plan)
            between = np.arange(previous + 1, anchor)
            if was_open or is_open:
                for at in range(0, len(between), batch):
                    yield from networks.run(between[at : at + batch])
            else:
                yield from (FrameGrid(int(clips[row, plan.before]), None) for row in between)
            yield result
            previous, was_open = int(anchor), is_open


def common_plan(manifests: Sequence[BundleManifest]) -> ClipGridPlan:
    """The plan of networks that are averaged; they may differ in the mark.

    Raises BundleError if they differ in more, or are of another kind.
    """
    plans = [manifest.plan(ClipGridPlan) for manifest in manifests]
    for plan, manifest in zip(plans, manifests, strict=True):
        same = plan.model_copy(update={"marker": plans[0].marker}) == plans[0]
        if not same or manifest.classes != manifests[0].classes:
            raise BundleError(
                f"the bundles see {plans[0].describe()} ({', '.join(manifests[0].classes)}) and "
                f"{plan.describe()} ({', '.join(manifest.classes)}); only equal ones can be "
                "averaged"
            )
    return plans[0]


class _Networks:
    """Reads frames in one pass, and runs all networks on clips of them."""

    def __init__(
        self,
        clips: NDArray[np.int32],
        before: int,
        stream: Iterator[tuple[int, NDArray[np.uint8]]],
        members: Sequence[Member],
        centres: CentreMap | None,
        *,
        chunks: bool,
    ) -> None:
        self._clips, self._before, self._centres = clips, before, centres
        self._stream = stream
        self._reached = -1
        self._images: dict[int, NDArray[np.uint8]] = {}
        self._networks = [_network(member, before, chunks=chunks) for member in members]

    def drop_before(self, frame: int) -> None:
        """Release the frames that no later clip needs."""
        for held in [held for held in self._images if held < frame]:
            del self._images[held]
            for network in self._networks:
                network.drop(held)

    def run(self, rows: NDArray[np.intp]) -> list[FrameGrid]:
        """The grids of clips, by row."""
        clips = self._clips[rows]
        while self._reached < clips.max():
            self._reached, image = next(self._stream, (int(clips.max()), None))
            if image is not None:
                self._images[self._reached] = image
        seen = np.array([all(frame in self._images for frame in clip) for clip in clips.tolist()])
        grids: list[NDArray[np.float32] | None] = [None] * len(rows)
        if seen.any():
            outputs = [network.run(clips[seen], self._images) for network in self._networks]
            mean = outputs[0] if len(outputs) == 1 else np.mean(outputs, axis=0)
            for at, grid in zip(np.flatnonzero(seen).tolist(), mean, strict=True):
                grids[at] = grid
                if self._centres is not None:
                    centres = self._centres(self._images[int(clips[at, self._before])])
                    grids[at] = np.concatenate([centres[None], grid[1:]])
        marked = clips[:, self._before].tolist()
        return [
            FrameGrid(frame, grid, bool(known))
            for frame, grid, known in zip(marked, grids, seen, strict=True)
        ]


class _WholeNetwork:
    """A network of one part, which takes clips of frames."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def drop(self, frame: int) -> None:
        """Nothing is kept of a frame."""

    def run(
        self, clips: NDArray[np.int32], images: dict[int, NDArray[np.uint8]]
    ) -> NDArray[np.float32]:
        """clips: (B, T) frames → (B, 6, rows, columns)."""
        stacked = [np.stack([images[frame] for frame in clip]) for clip in clips.tolist()]
        return self._backend.run("model", np.stack(stacked))  # B, T, H, W or B, T, H, W, 3


class _ChunkNetwork:
    """A network that takes a chunk of consecutive frames, and gives the grids of all its clips."""

    def __init__(self, backend: Backend, length: int) -> None:
        self._backend, self._length = backend, length

    def drop(self, frame: int) -> None:
        """Nothing is kept of a frame."""

    def run(
        self, clips: NDArray[np.int32], images: dict[int, NDArray[np.uint8]]
    ) -> NDArray[np.float32]:
        """clips: (B, T) frames, at most as many as a chunk holds → (B, 6, rows, columns)."""
        grids = []
        for frames in _consecutive(clips):  # clips around unreadable frames are missing
            count = len(frames) - clips.shape[1] + 1
            padded = np.pad(frames, (0, self._length - len(frames)), mode="edge")
            chunk = np.stack([images[frame] for frame in padded.tolist()])[None]
            grids.append(self._backend.run(CHUNK, chunk)[:count])  # 1, L, H, W or with colours
        return np.concatenate(grids)


class _SharedNetwork:
    """A network of two parts: features of frames, which clips share, and the rest.

    The rest takes clips as `windows` or, in a network without marker, all clips of consecutive
    frames as `sequence`.
    """

    def __init__(self, backend: Backend, before: int, *, sequential: bool) -> None:
        self._backend, self._before, self._sequential = backend, before, sequential
        self._features: dict[int, NDArray[np.float32]] = {}  # (V, c, h, w): unmarked, marked

    def drop(self, frame: int) -> None:
        self._features.pop(frame, None)

    def run(
        self, clips: NDArray[np.int32], images: dict[int, NDArray[np.uint8]]
    ) -> NDArray[np.float32]:
        """clips: (B, T) frames → (B, 6, rows, columns)."""
        new = [frame for frame in np.unique(clips).tolist() if frame not in self._features]
        for start in range(0, len(new), len(clips)):
            frames = new[start : start + len(clips)]
            encoded = self._backend.run("frames", np.stack([images[frame] for frame in frames]))
            # Copies, since a view of one frame would keep the whole batch.
            self._features |= {
                frame: maps.copy() for frame, maps in zip(frames, encoded, strict=True)
            }
        if self._sequential:
            return np.concatenate([self._sequence(part) for part in _consecutive(clips)])
        shape = self._features[int(clips[0, 0])].shape[1:]
        windows = np.empty((*clips.shape, *shape), np.float32)  # B, T, c, h, w
        for row, clip in enumerate(clips.tolist()):
            for at, frame in enumerate(clip):
                windows[row, at] = self._features[frame][-1 if at == self._before else 0]
        return self._backend.run("windows", windows)

    def _sequence(self, frames: NDArray[np.int32]) -> NDArray[np.float32]:
        features = np.stack([self._features[frame][0] for frame in frames.tolist()])  # L, c, h, w
        return self._backend.run("sequence", features[None])


def _consecutive(clips: NDArray[np.int32]) -> list[NDArray[np.int32]]:
    """The frames of clips (B, T), split where a clip does not start one frame after the last."""
    breaks = np.flatnonzero((clips[1:, :-1] != clips[:-1, 1:]).any(1)) + 1
    return [np.append(part[0], part[1:, -1]) for part in np.split(clips, breaks)]


def _chunk_frames(manifest: BundleManifest) -> int:
    """The frames of a chunk: the second axis of the part `chunk`."""
    if CHUNK not in manifest.parts:
        raise BundleError(
            f"the bundle has the parts {', '.join(manifest.parts)}; chunks need `{CHUNK}`"
        )
    shape = manifest.parts[CHUNK].input.shape
    if len(shape) < 2 or shape[1] is None:
        raise BundleError(f"the part `{CHUNK}` of the bundle must have a fixed number of frames")
    return shape[1]


def _network(
    member: Member, before: int, *, chunks: bool
) -> _WholeNetwork | _ChunkNetwork | _SharedNetwork:
    if chunks:
        return _ChunkNetwork(member.backend, _chunk_frames(member.manifest))
    match sorted(member.manifest.parts):
        case ["model"] | ["chunk", "model"]:
            return _WholeNetwork(member.backend)
        case ["frames", "windows"]:
            return _SharedNetwork(member.backend, before, sequential=False)
        case ["frames", "sequence"]:
            return _SharedNetwork(member.backend, before, sequential=True)
        case other:
            raise BundleError(
                f"the bundle has the parts {', '.join(other)}; needs `frames` and `windows`, "
                "`frames` and `sequence`, or `model`"
            )
