"""A training of the real network on windows that are really drawn, shifted and augmented."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tiny_training import loss, settings
from torch import nn

from playhead.events.model import Event
from playhead.learning.training import FitResult, fit
from playhead.samples.augmentation import AugmentationConfig
from playhead.samples.dataset import LabelledVideos, TrainingWindows
from playhead.samples.grid import make_grid
from playhead.samples.sampling import SamplingConfig, ShiftConfig
from playhead.samples.transforms import Augmentation
from playhead.samples.windows import NearEvents, WindowSpec
from playhead.spotting.config import ModelConfig
from playhead.spotting.model import build_model

FRAMES = 90


class Noise:
    """Frames of two videos in memory; elsewhere a cache or a decoder."""

    size = (32, 32)

    def __init__(self) -> None:
        rng = np.random.default_rng(5)
        self.luma = rng.integers(0, 256, (2, FRAMES, 32, 32), dtype=np.uint8)

    def __len__(self) -> int:
        return len(self.luma)

    def readable(self, video: int) -> NDArray[np.bool_]:
        return np.ones(self.luma.shape[1], dtype=bool)

    def read(self, video: int, frames: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        return self.luma[video, frames]


def windows() -> TrainingWindows:
    grid = make_grid(np.arange(FRAMES) / 25, FRAMES / 25, Fraction(25))
    truth = [("a", 1.0), ("b", 2.5)], [("b", 1.7)]
    events = tuple(tuple(Event(label=label, start=at) for label, at in one) for one in truth)
    return TrainingWindows(
        LabelledVideos(Noise(), (grid, grid), events, WindowSpec(), NearEvents(("a", "b"))),
        length=43,
        seed=7,
        sampling=SamplingConfig(),
        shift=ShiftConfig(probability=0.5),
        transform=Augmentation(AugmentationConfig()),
    )


def network() -> nn.Module:
    torch.manual_seed(3)
    config = ModelConfig(
        encoder_channels=8, channels=8, fusion="inverted", fusion_blocks=2, expansion=2, squeeze=4,
        head_channels=16, dropout=0.2, drop_path=0.2,
    )  # fmt: skip
    return build_model(config, 2, WindowSpec())


def weights_apart(model: nn.Module, epoch: int) -> dict[str, float]:
    """A number that every bit of the weights decides, and that chooses neither first nor last."""
    total = sum(float(value.double().abs().sum()) for value in model.state_dict().values())
    return {"error": abs(epoch - 2) + total % 0.1}


def run(folder: Path, *, resume: bool = False, **changes: Any) -> FitResult:
    chosen = settings(channels_last=True, **changes)
    return fit(
        network(), windows(), chosen, folder, loss=loss, validate=weights_apart, resume=resume
    )
