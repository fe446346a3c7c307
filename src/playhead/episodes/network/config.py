"""The configuration of the training of a network of clips; torch-free."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from playhead import config
from playhead.config import Settings, load_config
from playhead.episodes.features.table import Part
from playhead.episodes.network.plan import CUT, BoundaryClipPlan
from playhead.episodes.network.settings import BoundaryLossConfig, BoundaryNetworkConfig
from playhead.learning.settings import TrainingConfig

__all__ = [
    "BoundaryConfig",
    "ClipDataConfig",
    "find_config",
    "load_boundary_config",
]


class ClipDataConfig(Settings):
    """Which prepared clips, and how they are split into training and validation."""

    features: Path = Field(
        description="the folder that `playhead episodes prepare` wrote, or its features.csv"
    )
    seconds: int = Field(
        default=200, ge=CUT, description="length of a clip; of longer ones the start or end is seen"
    )
    parts: tuple[Part, ...] = Field(
        default=("start", "end"),
        min_length=1,
        description="clips that are used: starts of episodes, where the opening ends, and ends, "
        "where the ending starts",
    )
    cached: bool = Field(
        default=True, description="keep the features of all clips in memory, 4 MB for 200 s each"
    )
    folds: int | None = Field(
        default=None,
        ge=2,
        description="number of folds of whole series; none: use the table's split column",
    )
    fold: NonNegativeInt = Field(default=0, description="the validation fold, from 0")

    @model_validator(mode="after")
    def _fold_exists(self) -> Self:
        if self.folds is not None and self.fold >= self.folds:
            raise ValueError(f"fold ({self.fold}) must be below folds ({self.folds})")
        return self


class BoundaryConfig(Settings):
    """Everything that the training of a network of clips depends on."""

    job: Literal["episodes"] = Field(default="episodes", description="always episodes")
    data: ClipDataConfig
    network: BoundaryNetworkConfig = BoundaryNetworkConfig()
    shift_seconds: NonNegativeInt = Field(
        default=0,
        description="a clip and its boundary are moved by up to so many whole seconds; 0: never",
    )
    repeats: PositiveInt = Field(default=1, description="how often an epoch shows each clip")
    loss: BoundaryLossConfig = BoundaryLossConfig()
    keep_from: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        description="share of the run past which the weights of every epoch are kept",
    )
    training: TrainingConfig = TrainingConfig()

    @property
    def decisions(self) -> Settings:
        """None: an answer is a number."""
        return Settings()

    @property
    def plan(self) -> BoundaryClipPlan:
        """The input plan of a bundle of this configuration."""
        return BoundaryClipPlan(
            seconds=self.data.seconds,
            inputs=self.network.inputs,
            scores=self.network.head == "moments",
            presence=self.network.presence,
        )

    def with_kept_epochs(self) -> Self:
        """The same, with the epochs that `keep_from` asks for in `training.keep_epochs`."""
        if self.keep_from is None:
            return self
        epochs = self.training.epochs
        first = math.floor(self.keep_from * epochs) + 2  # epochs count from 1 here
        kept = sorted({*self.training.keep_epochs, *range(first, epochs + 1)})
        training = self.training.model_copy(update={"keep_epochs": tuple(kept)})
        return self.model_copy(update={"training": training})


def find_config(name: str) -> Path:
    """The path of a packaged configuration, or of the user's YAML file."""
    return config.find_config(name, "playhead.episodes.network")


def load_boundary_config(path: Path, settings: Sequence[str] = ()) -> BoundaryConfig:
    """Read a configuration and apply `key=value` settings; relative paths start at the cwd."""
    return load_config(BoundaryConfig, path, settings)
