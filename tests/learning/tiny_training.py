"""A training small enough for tests, with everything on that could break an exact resume.

Drop-out, batch norm, augmentation drawn per sample, an average of the weights, a last batch that is
smaller, a validation that chooses.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from playhead.config import validate
from playhead.learning import training
from playhead.learning.losses import focal
from playhead.learning.settings import TrainingConfig

SETTINGS: dict[str, Any] = {
    "precision": "fp32",
    "epochs": 4,
    "warmup_epochs": 0.5,
    "batch_size": 4,
    "accumulate": 2,
    "rate": 1e-2,
    "final_rate": 1e-4,
    "clip_norm": 1.0,
    "ema": 0.9,
    "seed": 7,
    "threads": 1,
    "select": "error",
    "direction": "min",
    "keep_epochs": [2],
    "checkpoint_seconds": 1000,
    "log_steps": 2,
}


COUNT = 83
STEPS = 11


def settings(**changes: Any) -> TrainingConfig:
    return validate(TrainingConfig, SETTINGS | changes, source="test")


class Drawn:
    """Samples whose content is drawn, shifted and flipped by (seed, epoch, index) alone."""

    def __init__(self, count: int = COUNT, seed: int = 7) -> None:
        self.count, self.seed = count, seed

    def __len__(self) -> int:
        return self.count

    def sample(self, epoch: int, index: int) -> dict[str, NDArray[Any]]:
        rng = np.random.default_rng([self.seed, epoch, index])
        kind = int(rng.integers(2))
        luma = rng.integers(0, 120, (4, 8, 8), dtype=np.uint8)
        luma[kind * 2 : kind * 2 + 2] += 100
        if rng.random() < 0.5:
            luma = np.ascontiguousarray(luma[:, :, ::-1])
        target = np.float32([kind == 0, kind == 1])
        return {"frames": luma, "target": target}


class Chosen(Drawn):
    """Of twice as many samples, those that the model at the start of the epoch has least right."""

    chosen: NDArray[np.int64]

    def begin_epoch(self, model: nn.Module, epoch: int) -> dict[str, Tensor]:
        rows = [super(Chosen, self).sample(epoch, index) for index in range(2 * self.count)]
        luma = torch.from_numpy(np.stack([row["frames"] for row in rows])).float() / 255
        target = torch.from_numpy(np.stack([row["target"] for row in rows]))
        errors = (model(luma).sigmoid() - target).abs().sum(1)
        choice = {"hardest": errors.argsort(descending=True, stable=True)[: self.count]}
        self.resume_epoch(epoch, choice)
        return choice

    def resume_epoch(self, epoch: int, choice: Mapping[str, Tensor]) -> None:
        self.chosen = choice["hardest"].numpy()

    def sample(self, epoch: int, index: int) -> dict[str, NDArray[Any]]:
        return super().sample(epoch, int(self.chosen[index]))


def tiny_model(seed: int = 3) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(4, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.SiLU(),
        nn.Dropout(0.3),
        nn.Conv2d(8, 8, 3, padding=1, stride=2),
        nn.BatchNorm2d(8),
        nn.SiLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(8, 2),
    )


def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    return focal(model(batch["frames"].float() / 255), batch["target"], gamma=1.2)


def measure(model: nn.Module, epoch: int) -> dict[str, float]:
    """The error on samples of an epoch that training never sees."""
    rows = [Drawn(seed=99).sample(0, index) for index in range(32)]
    luma = torch.from_numpy(np.stack([row["frames"] for row in rows])).float() / 255
    target = torch.from_numpy(np.stack([row["target"] for row in rows]))
    return {"error": float(((model(luma) > 0) != (target > 0.5)).float().mean()), "epoch": epoch}


class Numbers:
    """Samples that are given: x, and y = 3 x."""

    def __init__(self, count: int) -> None:
        self.values = np.linspace(-1, 1, count, dtype=np.float32)

    def __len__(self) -> int:
        return len(self.values)

    def sample(self, epoch: int, index: int) -> dict[str, NDArray[Any]]:
        x = self.values[index : index + 1]
        return {"x": x, "y": 3 * x}


def square_error(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    return ((model(batch["x"]) - batch["y"]) ** 2).mean()


def line(value: float = 0.0) -> nn.Linear:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, value)
    return model


def run(
    folder: Path, *, resume: bool = False, samples: Drawn | None = None, **changes: Any
) -> training.FitResult:
    return training.fit(
        tiny_model(),
        samples or Drawn(),
        settings(**changes),
        folder,
        loss=loss,
        validate=measure,
        resume=resume,
    )


def run_chosen(folder: Path, *, resume: bool = False, **changes: Any) -> training.FitResult:
    return run(folder, resume=resume, samples=Chosen(), **changes)
