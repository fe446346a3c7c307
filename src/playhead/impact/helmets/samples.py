"""Training and validation frames of the helmet network, with the boxes of all helmets.

A training sample is `{"image": uint8 (H, W) or (H, W, 3), "target": float32 (H, W)}`, and depends
only on (seed, epoch, index). A frame without any box is left out, as its helmets may not be
annotated.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.errors import LabelError
from playhead.impact.augment import augment_clip, cut, move_window
from playhead.impact.data import ImpactVideos
from playhead.impact.helmets.config import HelmetConfig
from playhead.impact.targets import GRID_STRIDE, disc_target, point_target

__all__ = ["HelmetSamples", "ValidationImages", "heat_target", "labelled_frames"]

Image = NDArray[np.uint8]
Boxes = NDArray[np.float32]


class HelmetSamples:
    """A random share of the labelled frames in random order, cut and augmented.

    Raises LabelError if no frame can be decoded and has a box.
    """

    def __init__(self, videos: ImpactVideos, config: HelmetConfig) -> None:
        self.videos, self.config = videos, config
        self.frames = labelled_frames(videos)

    def __len__(self) -> int:
        return max(1, round(self.config.frames.share * len(self.frames)))

    def sample(self, epoch: int, index: int) -> dict[str, NDArray[Any]]:
        """Sample `index` of an epoch."""
        order = np.random.default_rng([self.config.training.seed, epoch])
        video, point = self.frames[order.permutation(len(self.frames))[index]].tolist()
        rng = np.random.default_rng([self.config.training.seed, epoch, index])
        clip = self.videos.read(video, point, frames=1, before=0)
        boxes = self.videos.videos[video].boxes_at(point)
        full = self.config.data.size
        size = self.config.frames.crop or full
        left, top = (int(rng.integers(full[axis] - size[axis] + 1)) for axis in (0, 1))
        window = float(left), float(top), float(left + size[0]), float(top + size[1])
        augmentation = self.config.augmentation
        clip, boxes = cut(clip, boxes, move_window(window, augmentation, rng), size)
        clip, boxes = augment_clip(clip, boxes, augmentation, rng)
        return {"image": clip[0], "target": heat_target(boxes, size, self.config.network.target)}


class ValidationImages:
    """Whole labelled frames, evenly spaced, at most `frames.validation`."""

    def __init__(self, videos: ImpactVideos, config: HelmetConfig) -> None:
        self.videos = videos
        frames = labelled_frames(videos)
        count = min(config.frames.validation, len(frames))
        self.frames = frames[np.arange(count) * len(frames) // count]

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> tuple[Image, Boxes]:
        """An image, (H, W) or (H, W, 3), and its boxes, (N, 4). Raises IndexError past the end."""
        video, point = self.frames[index].tolist()
        return (
            self.videos.read(video, point, frames=1, before=0)[0].copy(),  # writable, for torch
            self.videos.videos[video].boxes_at(point),
        )


def labelled_frames(videos: ImpactVideos) -> NDArray[np.int64]:
    """The frames that can be decoded and have a box: (N, 2) as video and grid point.

    Raises LabelError if there are none.
    """
    parts = []
    for video, labelled in enumerate(videos.videos):
        usable = np.flatnonzero(videos.usable(video, frames=1, before=0))
        points = np.intersect1d(labelled.points, usable)
        parts.append(np.column_stack([np.full(len(points), video), points]))
    frames = np.concatenate(parts).astype(np.int64)
    if not len(frames):
        raise LabelError(
            f"{', '.join(video.name for video in videos.videos[:4])}: no frame has the box of a "
            "helmet and can be decoded; see `playhead info`"
        )
    return frames


def heat_target(boxes: Boxes, size: tuple[int, int], kind: str) -> NDArray[np.float32]:
    """The target of a frame of `size` (width, height): (height, width).

    kind: `disc` or `point`. The head has a stride of 4, so a point fills the cell of its centre: a
    single pixel is more than the network can draw.
    """
    width, height = size
    match kind:
        case "disc":
            return disc_target(boxes, height, width)
        case "point":
            cells = point_target(boxes, height, width, stride=GRID_STRIDE)
            return cells.repeat(GRID_STRIDE, 0).repeat(GRID_STRIDE, 1)[:height, :width]
        case _:
            raise ValueError(f"target {kind!r} is unknown; choose disc or point")
