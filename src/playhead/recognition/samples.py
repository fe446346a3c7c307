"""Training and validation samples by index: keypoints or frames of a clip, and its class.

A training sample depends only on (seed, epoch, index), a validation sample only on its index.
    keypoints: {"keypoints": float32 (length, P, J, D + 1), "target": int64}
    pixels: {"frames": uint8 (T, H, W, 3), "target": int64}
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from playhead.recognition.config import KeypointAugmentationConfig, RecognitionConfig
from playhead.recognition.data import LoadedClip
from playhead.recognition.networks_config import ClipNetworkConfig, FramesNetworkConfig
from playhead.recognition.pixels import box_of_people, cached_clip
from playhead.recognition.plan import KeypointClipPlan, PixelClipPlan
from playhead.recognition.poses import flip, keypoints_between
from playhead.samples.transforms import augment

__all__ = ["ClipSamples", "KeypointSamples", "PixelSamples", "build_samples"]

Sample = dict[str, NDArray[Any]]

DENSE = 2
"""Frames that are cached of a clip for each one that a network sees, for variety in training."""


class ClipSamples(Protocol):
    """Samples of labelled clips."""

    targets: NDArray[np.int64]
    """The class of each sample, (N,)."""

    clips: NDArray[np.int64]
    """The clip that each sample is of, (N,); several if everyone is learnt from."""

    def __len__(self) -> int:
        """The number of samples of an epoch."""

    def sample(self, epoch: int, index: int) -> Sample:
        """One sample."""


def build_samples(
    clips: Sequence[LoadedClip],
    config: RecognitionConfig,
    plan: KeypointClipPlan | PixelClipPlan,
    *,
    training: bool,
) -> ClipSamples:
    """The samples of clips for a network of `plan`, augmented if they are for training."""
    if isinstance(plan, KeypointClipPlan):
        return KeypointSamples(clips, config, plan, training=training)
    return PixelSamples(clips, config, plan, training=training)


class KeypointSamples:
    """Normalised keypoints of clips, all in memory."""

    def __init__(
        self,
        clips: Sequence[LoadedClip],
        config: RecognitionConfig,
        plan: KeypointClipPlan,
        *,
        training: bool,
    ) -> None:
        self.plan, self.training = plan, training
        self.config, self.time_crop = config.keypoint_augmentation, config.time_crop
        self.seed = config.training.seed
        self.people: list[tuple[LoadedClip, tuple[int, ...]]] = []
        owners = []
        for index, clip in enumerate(clips):
            each = [(track,) for track in clip.people] if config.data.everyone else [clip.people]
            self.people += [(clip, people) for people in each or [()]]
            owners += [index] * max(1, len(each))
        self.clips = np.array(owners, np.int64)
        self.targets = np.array([clip.target for clip, _ in self.people], np.int64)
        self.order = _Order(self.targets, config)

    def __len__(self) -> int:
        return len(self.order) if self.training else len(self.targets)

    def sample(self, epoch: int, index: int) -> Sample:
        """Sample `index` of an epoch."""
        if not self.training:
            clip, people = self.people[index]
            return self._sample(self._points(clip, people, clip.span), clip)
        rng = np.random.default_rng([self.seed, epoch, index])
        clip, people = self.people[self.order.row(epoch, index)]
        start, end = clip.span
        seconds = (end - start) * rng.uniform(self.time_crop, 1)
        first = start + rng.uniform(0, 1) * (end - start - seconds)
        points = self._points(clip, people, (first, first + seconds))
        return self._sample(vary(points, self.config, self.plan, rng), clip)

    def _points(
        self, clip: LoadedClip, people: tuple[int, ...], span: tuple[float, float]
    ) -> NDArray[np.float32]:
        assert clip.keypoints is not None
        return keypoints_between(clip.keypoints, people, self.plan, span)

    def _sample(self, points: NDArray[np.float32], clip: LoadedClip) -> Sample:
        return {"keypoints": points, "target": np.array(clip.target, np.int64)}


class PixelSamples:
    """Frames of clips, decoded once into the cache."""

    def __init__(
        self,
        clips: Sequence[LoadedClip],
        config: RecognitionConfig,
        plan: PixelClipPlan,
        *,
        training: bool,
    ) -> None:
        network = config.network
        assert isinstance(network, FramesNetworkConfig | ClipNetworkConfig)
        self.loaded, self.plan, self.training = clips, plan, training
        self.config, self.seed = config, config.training.seed
        self.together = plan.together
        self.frames = plan.frames
        if training and isinstance(network, FramesNetworkConfig):
            self.frames = network.train_frames
        self.dense = DENSE * plan.frames if training else plan.frames
        self.files: list[Path] = [self._cached(clip) for clip in clips]
        self.targets = np.array([clip.target for clip in clips], np.int64)
        self.clips = np.arange(len(clips))
        self.order = _Order(self.targets, config)

    def __len__(self) -> int:
        return len(self.order) if self.training else len(self.targets)

    def sample(self, epoch: int, index: int) -> Sample:
        """Sample `index` of an epoch."""
        if not self.training:
            return self._sample(self._read(index, np.arange(self.dense)), index)
        rng = np.random.default_rng([self.seed, epoch, index])
        clip = self.order.row(epoch, index)
        if self.together:  # evenly over a part of the clip
            part = self.dense * rng.uniform(self.config.time_crop, 1)
            first = rng.uniform(0, self.dense - part)
            rows = first + (np.arange(self.frames) + rng.uniform(0, 1)) / self.frames * part
        else:  # one from each part of the clip
            rows = (np.arange(self.frames) + rng.uniform(0, 1, self.frames)) / self.frames
            rows *= self.dense
        frames = self._read(clip, rows.astype(int).clip(0, self.dense - 1))
        changed = augment(torch.from_numpy(frames), self.config.augmentation, rng).numpy()
        return self._sample(changed, clip)

    def _read(self, clip: int, rows: NDArray[np.integer]) -> NDArray[np.uint8]:
        frames: NDArray[np.uint8] = np.load(self.files[clip], mmap_mode="r")[rows]
        return frames

    def _sample(self, frames: NDArray[np.uint8], clip: int) -> Sample:
        return {"frames": frames, "target": self.targets[clip].reshape(())}

    def _cached(self, clip: LoadedClip) -> Path:
        box = None
        if self.plan.crop == "people" and clip.keypoints is not None:
            box = box_of_people(clip.keypoints, clip.people, *clip.span)
        return cached_clip(clip.clip.path, clip.span, self.dense, self.plan.size, box)


def vary(
    points: NDArray[np.float32],
    config: KeypointAugmentationConfig,
    plan: KeypointClipPlan,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Augment normalised keypoints (T, P, J, D + 1); the confidence 0 marks dropped joints."""
    if rng.random() < config.flip:
        points = flip(points, plan.skeleton)
    points = _swapped(points, config, rng).copy()
    coordinates = points[..., :-1]
    angle = math.radians(rng.normal(0, config.rotate_degrees)) if config.rotate_degrees else 0.0
    if angle:
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        coordinates[..., :2] = coordinates[..., :2] @ turn.T.astype(np.float32)
    dimensions = coordinates.shape[-1]
    factor = 1 + rng.uniform(-config.scale, config.scale)
    stretch = 1 + rng.uniform(-config.stretch, config.stretch, dimensions)
    coordinates *= np.asarray(factor * stretch, np.float32)
    if config.noise:
        coordinates += rng.normal(0, config.noise, coordinates.shape).astype(np.float32)
    if config.drop_joints:
        dropped = rng.random(points.shape[1:3]) < config.drop_joints
        points[:, dropped, -1] = 0
    return points


def _swapped(
    points: NDArray[np.float32], config: KeypointAugmentationConfig, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Two people in the other order, with the probability of the configuration."""
    swaps = config.swap_people and points.shape[1] == 2 and rng.random() < config.swap_people
    return points[:, ::-1] if swaps else points


class _Order:
    """The rows of an epoch in random order; rare classes come several times if `sampling`."""

    def __init__(self, targets: NDArray[np.int64], config: RecognitionConfig) -> None:
        self.rows, self.seed = np.arange(len(targets)), config.training.seed
        if config.balance == "sampling":
            most = int(np.bincount(targets).max())
            self.rows = np.concatenate(
                [np.resize(self.rows[targets == target], most) for target in np.unique(targets)]
            )
        self._drawn: tuple[int, NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def row(self, epoch: int, index: int) -> int:
        """Row `index` of an epoch."""
        if self._drawn is None or self._drawn[0] != epoch:
            rng = np.random.default_rng([self.seed, epoch])
            self._drawn = epoch, rng.permutation(self.rows)
        return int(self._drawn[1][index])
