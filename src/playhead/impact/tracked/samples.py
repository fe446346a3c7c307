"""Training and validation clips that follow helmets along their annotated tracks.

A sample is `{"crops": uint8 (T, side, side, C), "motion": float32 (M,), "impact": float32 (1,)}`,
without what the network does not see, and depends only on (seed, epoch, index). The boxes around it
get the noise of a detector, so that neighbours move as uncertainly as the helmet.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.decisions.boxes import iou
from playhead.errors import LabelError
from playhead.impact.augment import augment_clip, move_window
from playhead.impact.config import ClipAugmentationConfig
from playhead.impact.data import HelmetVideo, ImpactVideos
from playhead.impact.meetings import box_sizes, centres_of
from playhead.impact.tracked.config import JitterConfig, TrackedConfig
from playhead.impact.tracked.crops import crop_windows, cut_crops, marks
from playhead.impact.tracked.motion import FilledTracks, motion_features

__all__ = ["TrackedClips", "ValidationClips", "jittered"]

Sample = dict[str, NDArray[Any]]
Rows = NDArray[np.int64]


class _Clips:
    """What both share: all helmets with a track in frames whose clip can be decoded.

    rows: int64 (N, 2), as the video, and the row of its boxes; impacts: bool (N,)
    """

    def __init__(self, videos: ImpactVideos, config: TrackedConfig) -> None:
        self.videos, self.config, self.plan = videos, config, config.plan
        self.span = {"frames": self.plan.frames, "before": self.plan.before}
        parts, impacts = [], []
        for video, labelled in enumerate(videos.videos):
            usable = np.ones(len(labelled.grid), np.bool_)
            if self.plan.sees_pixels:
                usable = videos.usable(video, **self.span)
            rows = np.flatnonzero(usable[labelled.points] & (labelled.tracks >= 0))
            parts.append(np.column_stack([np.full(len(rows), video), rows]))
            impacts.append(labelled.impacts[rows])
        self.rows: Rows = np.concatenate(parts).astype(np.int64)
        self.impacts = np.concatenate(impacts)
        if not self.impacts.any():
            raise LabelError(
                "no impact can be followed: each needs a track of its helmet, and frames around it "
                "that can be decoded; see `playhead info`"
            )

    def clip(
        self, row: int, rng: np.random.Generator, augmentation: ClipAugmentationConfig | None
    ) -> Sample:
        """The sample of row `row` of `rows`, with noise on its boxes."""
        video, box = self.rows[row].tolist()
        labelled, plan = self.videos.videos[video], self.plan
        point, track = int(labelled.points[box]), labelled.tracks[box]
        mirrored = augmentation is not None and bool(rng.random() < augmentation.flip)
        filled = _around(labelled, box, plan.frames + 2 * plan.radius, self.config.jitter, rng)
        if mirrored:
            filled = filled.mirrored(self.config.data.size[0])
        at = np.searchsorted(filled.ids, [track])
        sample: Sample = {"impact": self.impacts[row : row + 1].astype(np.float32)}
        if plan.sees_motion:
            settings = {"radius": plan.radius, "neighbours": plan.neighbours}
            sample["motion"] = motion_features(filled, at, np.array([point]), **settings)[0]
        if not plan.sees_pixels:
            return sample
        points = np.arange(point - plan.before, point - plan.before + plan.frames)
        points = points.clip(0, len(labelled.grid) - 1)
        images = self.videos.read(video, point, **self.span)
        tracks = np.repeat(at, len(points))
        windows = crop_windows(filled, tracks, points, plan)
        if augmentation is not None:
            x1, y1, x2, _ = move_window((-0.5, -0.5, 0.5, 0.5), augmentation, rng)
            windows[:, :2] += windows[:, 2:] * ((x1 + x2) / 2, y1 + (x2 - x1) / 2)
            windows[:, 2] *= x2 - x1
        crops = np.stack(
            [
                cut_crops(image[:, ::-1] if mirrored else image, window[None], plan.side)[0]
                for image, window in zip(images, windows, strict=True)
            ]
        )
        if augmentation is not None:
            unflipped = augmentation.model_copy(update={"flip": 0})
            crops, _ = augment_clip(crops, np.zeros((0, 4), np.float32), unflipped, rng)
        mark = marks(*filled.at(tracks, points), windows, plan.side)[..., None]
        sample["crops"] = np.concatenate([crops if crops.ndim == 4 else crops[..., None], mark], -1)
        return sample


class TrackedClips(_Clips):
    """Clips of an epoch: helmets in an impact at even indices, others at odd ones, augmented.

    Every helmet in an impact is shown equally often. Of the others, a share overlaps another
    helmet.
    Raises LabelError if no impact can be followed, or no other helmet.
    """

    def __init__(self, videos: ImpactVideos, config: TrackedConfig) -> None:
        super().__init__(videos, config)
        self.positives = np.flatnonzero(self.impacts)
        self.negatives = np.flatnonzero(~self.impacts)
        if not len(self.negatives):
            raise LabelError(
                "every helmet of the training videos is in an impact: lower impact_frames, or "
                "annotate the other helmets too"
            )
        overlapping = [_overlapping(labelled) for labelled in videos.videos]
        is_hard = [bool(overlapping[video][row]) for video, row in self.rows.tolist()]
        self.hard = np.flatnonzero(~self.impacts & np.array(is_hard, np.bool_))
        self._order: tuple[int, NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        return self.config.clips.clips or 2 * len(self.positives)

    def sample(self, epoch: int, index: int) -> Sample:
        """Clip `index` of an epoch."""
        seed = self.config.training.seed
        rng = np.random.default_rng([seed, epoch, index])
        if index % 2 == 0:
            if self._order is None or self._order[0] != epoch:
                order = np.random.default_rng([seed, epoch]).permutation(self.positives)
                self._order = epoch, order
            row = self._order[1][index // 2 % len(self.positives)]
        else:
            hard = len(self.hard) and rng.random() < self.config.clips.hard
            row = rng.choice(self.hard if hard else self.negatives)
        return self.clip(int(row), rng, self.config.augmentation)


class ValidationClips(_Clips):
    """Clips of evenly spaced helmets, at most `clips.validation`: the same in every epoch."""

    def __init__(self, videos: ImpactVideos, config: TrackedConfig) -> None:
        super().__init__(videos, config)
        count = min(config.clips.validation, len(self.rows))
        self.chosen = np.arange(count) * len(self.rows) // count

    def __len__(self) -> int:
        return len(self.chosen)

    def sample(self, epoch: int, index: int) -> Sample:
        """Clip `index`; noise on its boxes, but no augmentation."""
        rng = np.random.default_rng([self.config.training.seed, index])
        return self.clip(int(self.chosen[index]), rng, None)


def jittered(
    boxes: NDArray[np.float32], config: JitterConfig, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Boxes (N, 4) with noise on their centres and sizes, independent for each."""
    size = box_sizes(boxes)[:, None]
    centres = centres_of(boxes) + config.centre * size * rng.standard_normal((len(boxes), 2))
    scale = np.exp(config.size * rng.standard_normal((len(boxes), 2)))
    halves = (boxes[:, 2:] - boxes[:, :2]) / 2 * scale
    return np.concatenate([centres - halves, centres + halves], 1).astype(np.float32)


def _around(
    labelled: HelmetVideo, box: int, reach: int, config: JitterConfig, rng: np.random.Generator
) -> FilledTracks:
    """The tracks up to `reach` points around a box, as a detector would give them.

    The box itself is not missing, since only detected helmets are classified.
    """
    point = labelled.points[box]
    first, past = np.searchsorted(labelled.points, [point - reach, point + reach + 1])
    kept = rng.random(past - first) >= config.missing
    kept[box - first] = True
    rows = first + np.flatnonzero(kept)
    rows = rows[labelled.tracks[rows] >= 0]
    boxes = jittered(labelled.boxes[rows], config, rng)
    return FilledTracks.of(labelled.tracks[rows], labelled.points[rows], boxes)


def _overlapping(labelled: HelmetVideo) -> NDArray[np.bool_]:
    """Which boxes of a video overlap another one of the same frame: bool (N,)."""
    overlapping = np.zeros(len(labelled.points), np.bool_)
    ends = np.flatnonzero(np.diff(labelled.points)) + 1
    for rows in np.split(np.arange(len(labelled.points)), ends):
        overlaps = iou(labelled.boxes[rows], labelled.boxes[rows])
        np.fill_diagonal(overlaps, 0)
        overlapping[rows] = (overlaps > 0).any(1)
    return overlapping
