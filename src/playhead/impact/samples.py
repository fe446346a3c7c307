"""Training and validation samples of impact: patches around impacts and without one, whole frames.

A sample is `{"clip": uint8 (T, H, W) or (T, H, W, 3), "target": float32 (6, h, w)}`, with the grid
of the clip's marked frame; for patches of K > 1 windows, T + K - 1 frames and (K, 6, h, w). It
depends only on (seed, epoch, index), and for patches on the hard negatives of the epoch, which
`begin_epoch` looks for and a checkpoint keeps.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from playhead.errors import LabelError
from playhead.impact.augment import Window, augment_clip, cut, move_window
from playhead.impact.config import ImpactConfig, PatchConfig
from playhead.impact.data import ImpactVideos
from playhead.impact.targets import grid_target

__all__ = ["Mine", "Patches", "Sample", "TrainingFrames", "TrainingPatches", "ValidationFrames"]

Sample = dict[str, NDArray[Any]]

Mine = Callable[[nn.Module, int, "TrainingPatches"], NDArray[np.int64]]
"""A model, an epoch and its samples → rows of `samples.negatives`, the hardest first."""


@dataclass(frozen=True, slots=True, eq=False)
class Patches:
    """N patches: video, grid point, and left and top pixel of each, int32 (N,)."""

    video: NDArray[np.int32]
    point: NDArray[np.int32]
    left: NDArray[np.int32]
    top: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.video)

    def __getitem__(self, row: int) -> tuple[int, int, int, int]:
        """Video, point, left and top of one patch."""
        columns = (self.video, self.point, self.left, self.top)
        video, point, left, top = (int(column[row]) for column in columns)
        return video, point, left, top


class _Clips:
    """What all samples share: a clip with its boxes, cut, augmented, and its target."""

    def __init__(self, videos: ImpactVideos, config: ImpactConfig, *, windows: int = 1) -> None:
        self.videos, self.config, self.windows = videos, config, windows
        self.span = {
            "frames": config.network.frames + windows - 1,
            "before": config.network.before,
        }
        self.starts = [videos.usable(video, **self.span) for video in range(len(videos.videos))]
        for starts in self.starts:
            starts[len(starts) - windows + 1 :] = False
        # A point can be used if it is in one of the chunks of `windows` points.
        self.usable = [
            np.convolve(starts, np.ones(windows, int))[: len(starts)] > 0 for starts in self.starts
        ]
        self.impact_points = [
            np.intersect1d(labelled.points[labelled.impacts], np.flatnonzero(usable))
            for labelled, usable in zip(videos.videos, self.usable, strict=True)
        ]
        if not any(len(points) for points in self.impact_points):
            raise LabelError(
                "no frame with an impact can be used, since frames around each cannot be decoded; "
                "see `playhead info`"
            )

    def clip(
        self, video: int, point: int, window: Window | None, rng: np.random.Generator | None
    ) -> Sample:
        """The sample of a window in space (None: the whole frame), augmented with `rng`.

        point: that of the first of the sample's windows in time
        """
        clip = self.videos.read(video, point, **self.span)
        labelled = self.videos.videos[video]
        rows = [labelled.at(point + k) for k in range(self.windows)]
        boxes = labelled.boxes[rows[0].start : rows[-1].stop]  # those of consecutive points
        width, height = self.config.data.size
        window = window or (0.0, 0.0, float(width), float(height))
        size = round(window[2] - window[0]), round(window[3] - window[1])
        if rng is not None:
            window = move_window(window, self.config.augmentation, rng)
        clip, boxes = cut(clip, boxes, window, size)
        if rng is not None:
            clip, boxes = augment_clip(clip, boxes, self.config.augmentation, rng)
        unit, falloff = self.config.network.box_unit, self.config.impact_falloff
        parts = np.split(boxes, [part.start - rows[0].start for part in rows[1:]])
        grids = [
            grid_target(part, labelled.strengths(here, falloff), size[1], size[0], unit=unit)
            for part, here in zip(parts, rows, strict=True)
        ]
        return {"clip": clip, "target": grids[0] if self.windows == 1 else np.stack(grids)}


class TrainingPatches(_Clips):
    """All patches around impacts, and random or hard ones without an impact, in random order.

    positives, negatives: all patches that can be drawn
    hard: rows of `negatives` that this epoch begins with, the hardest first
    Raises LabelError if there is no positive, or no negative to draw.
    """

    def __init__(
        self, videos: ImpactVideos, config: ImpactConfig, *, mine: Mine | None = None
    ) -> None:
        super().__init__(videos, config, windows=config.patches.windows)
        self.mine = mine
        if config.patches.around == "helmets":
            self.positives, self.negatives = (self._around_helmets(hit) for hit in (True, False))
        else:
            self.positives = self._positives(config.patches)
            self.negatives = self._negatives(config.patches)
        self.hard: NDArray[np.int64] = np.zeros(0, np.int64)
        self.drawn = round(config.patches.negatives_per_positive * len(self.positives))
        if self.drawn and not len(self.negatives):
            raise LabelError(
                "every patch of the training videos has an impact: lower patches.clear_frames or "
                "impact_frames, or set patches.negatives_per_positive to 0"
            )
        self._order: tuple[int, NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        return len(self.positives) + self.drawn

    def begin_epoch(self, model: nn.Module, epoch: int) -> Mapping[str, Tensor]:
        """Look for the hard negatives of an epoch; returns the state for `resume_epoch`."""
        first, hard = self.config.mining.from_epoch, np.zeros(0, np.int64)
        if self.mine is not None and self.drawn and first is not None and epoch >= first:
            hard = self.mine(model, epoch, self)[: self.drawn]
        state = {"hard": torch.from_numpy(np.ascontiguousarray(hard))}
        self.resume_epoch(epoch, state)
        return state

    def resume_epoch(self, epoch: int, state: Mapping[str, Tensor]) -> None:
        """Take the hard negatives from the state that `begin_epoch` returned."""
        self.hard, self._order = state["hard"].numpy(), None

    def sample(self, epoch: int, index: int) -> Sample:
        """Patch `index` of an epoch."""
        if self._order is None or self._order[0] != epoch:
            self._order = epoch, self._rows(epoch)
        row = int(self._order[1][index])
        count = len(self.positives)
        patch = self.positives[row] if row < count else self.negatives[row - count]
        video, point, left, top = patch
        side, jitter = self.config.patches.side, self.config.patches.jitter
        rng = np.random.default_rng([self.config.training.seed, epoch, index])
        if jitter:
            right, down = rng.integers(-jitter, jitter + 1, 2).tolist()
            width, height = self.config.data.size
            left = min(max(left + right, 0), max(width - side, 0))
            top = min(max(top + down, 0), max(height - side, 0))
        if self.windows > 1:  # the patch's frame is any of the chunk's
            first = np.arange(max(0, point - self.windows + 1), point + 1)
            point = int(rng.choice(first[self.starts[video][first]]))
        return self.clip(video, point, (left, top, left + side, top + side), rng)

    def _rows(self, epoch: int) -> NDArray[np.int64]:
        """The rows of an epoch, of `positives` and then `negatives`, in random order."""
        rng = np.random.default_rng([self.config.training.seed, epoch])
        missing = self.drawn - len(self.hard)
        easy = np.delete(np.arange(len(self.negatives)), self.hard)
        if len(easy) == 0:
            easy = np.arange(len(self.negatives))
        chosen = rng.choice(easy, missing, replace=missing > len(easy)) if missing else easy[:0]
        count = len(self.positives)
        return rng.permutation(
            np.concatenate([np.arange(count), self.hard + count, chosen + count])
        )

    def _around_helmets(self, in_impact: bool) -> Patches:
        """One patch around each helmet that is, or is not, in an impact; all in the frame."""
        side = self.config.patches.side
        parts = []
        for video, (labelled, usable) in enumerate(
            zip(self.videos.videos, self.usable, strict=True)
        ):
            rows = usable[labelled.points] & (labelled.impacts == in_impact)
            centres = (labelled.boxes[rows, :2] + labelled.boxes[rows, 2:]) / 2
            corners = np.rint(centres - side / 2).clip(0, np.subtract(self.config.data.size, side))
            videos = np.full(len(corners), video)
            parts.append(np.stack([videos, labelled.points[rows], *corners.T]).astype(np.int32))
        return Patches(*np.concatenate(parts, axis=1))

    def _positives(self, patches: PatchConfig) -> Patches:
        """Patches on a grid of positions, with an impact in the central part.

        At the edges of the frame, where no patch has it there, those that come nearest.
        """
        step, reach = patches.step_of_positives, patches.side * patches.positive_within / 2
        most = np.subtract(self.config.data.size, patches.side)
        found: set[tuple[int, int, int, int]] = set()
        for video, points in enumerate(self.impact_points):
            labelled = self.videos.videos[video]
            usable = labelled.impacts & np.isin(labelled.points, points)
            centres = (labelled.boxes[usable, :2] + labelled.boxes[usable, 2:]) / 2
            for point, centre in zip(labelled.points[usable].tolist(), centres, strict=True):
                low = np.ceil((centre - patches.side / 2 - reach) / step).astype(int)
                high = np.ceil((centre - patches.side / 2 + reach) / step).astype(int)
                lefts, tops = (
                    np.unique((np.arange(low[axis], high[axis]) * step).clip(0, most[axis]))
                    for axis in (0, 1)
                )
                found |= {(video, point, int(x), int(y)) for x in lefts for y in tops}
        return _as_patches(sorted(found))

    def _negatives(self, patches: PatchConfig) -> Patches:
        """All patches on the coarser grid that no box of an impact touches."""
        width, height = self.config.data.size
        side, step = patches.side, patches.step_of_negatives
        # The last ones end at the edge of the frame.
        lefts = np.unique(np.arange(0, width - side + step, step).clip(0, width - side))
        tops = np.unique(np.arange(0, height - side + step, step).clip(0, height - side))
        parts = []
        for video, (labelled, usable) in enumerate(
            zip(self.videos.videos, self.usable, strict=True)
        ):
            free = np.broadcast_to(usable[:, None, None], (len(usable), len(tops), len(lefts)))
            free = free.copy()
            boxes = labelled.boxes[labelled.impacts]
            for point, (x1, y1, x2, y2) in zip(
                labelled.points[labelled.impacts].tolist(), boxes.tolist(), strict=True
            ):
                near = slice(max(0, point - patches.clear_frames), point + patches.clear_frames + 1)
                rows = np.flatnonzero((tops < y2) & (tops + side > y1))
                columns = np.flatnonzero((lefts < x2) & (lefts + side > x1))
                if len(rows) and len(columns):
                    free[near, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = False
            point_of, row_of, column_of = np.nonzero(free)
            videos = np.full(len(point_of), video)
            patches_of = np.stack([videos, point_of, lefts[column_of], tops[row_of]])
            parts.append(patches_of.astype(np.int32))
        return Patches(*np.concatenate(parts, axis=1))


class TrainingFrames(_Clips):
    """Whole frames: all with an impact, and a random share of the others, in random order."""

    def __init__(self, videos: ImpactVideos, config: ImpactConfig) -> None:
        super().__init__(videos, config)
        self.impacts, self.others = _frames_by_impact(self)
        self.drawn = round(config.frames.others * len(self.others))

    def __len__(self) -> int:
        return len(self.impacts) + self.drawn

    def sample(self, epoch: int, index: int) -> Sample:
        """Frame `index` of an epoch."""
        order = np.random.default_rng([self.config.training.seed, epoch])
        chosen = order.choice(len(self.others), self.drawn, replace=False)
        row = int(order.permutation(len(self))[index])
        count = len(self.impacts)
        video, point = self.impacts[row] if row < count else self.others[chosen[row - count]]
        rng = np.random.default_rng([self.config.training.seed, epoch, index])
        return self.clip(int(video), int(point), None, rng)


class ValidationFrames(_Clips):
    """Whole frames, evenly spaced among those with an impact and among the others; no augmentation.

    At most `frames.validation`, of which up to half have an impact.
    """

    def __init__(self, videos: ImpactVideos, config: ImpactConfig) -> None:
        super().__init__(videos, config)
        impacts, others = _frames_by_impact(self)
        impacts = _thinned(impacts, config.frames.validation // 2)
        self.frames = np.concatenate([impacts, _thinned(others, config.frames.validation // 2)])

    def __len__(self) -> int:
        return len(self.frames)

    def sample(self, epoch: int, index: int) -> Sample:
        """Frame `index`, the same in every epoch."""
        video, point = self.frames[index].tolist()
        return self.clip(video, point, None, None)


def _frames_by_impact(clips: _Clips) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The usable frames with and without an impact, int64 (N, 2) as video and grid point."""
    sides: tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]] = ([], [])
    for video, (usable, points) in enumerate(zip(clips.usable, clips.impact_points, strict=True)):
        others = np.setdiff1d(np.flatnonzero(usable), points)
        for side, chosen in zip(sides, (points, others), strict=True):
            side.append(np.column_stack([np.full(len(chosen), video), chosen]).astype(np.int64))
    return np.concatenate(sides[0]), np.concatenate(sides[1])


def _thinned(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most `most` rows, evenly spaced."""
    count = min(most, len(rows))
    return rows[np.arange(count) * len(rows) // max(count, 1)]


def _as_patches(rows: list[tuple[int, int, int, int]]) -> Patches:
    return Patches(*np.array(rows, np.int32).reshape(-1, 4).T)
