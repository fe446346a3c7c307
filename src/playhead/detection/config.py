"""The configuration of a custom detector: its data, its network, its training.

Nothing here imports torch. `small`, `medium` and `large` are packaged.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, PositiveInt, model_validator

from playhead import config
from playhead.config import Settings, load_config
from playhead.decisions.detection_config import DetectionDecisions
from playhead.detection.sample_settings import ImageAugmentation
from playhead.learning.settings import DetectorNetworkConfig, TrainingConfig

__all__ = [
    "DataConfig",
    "DetectionLossConfig",
    "DetectorConfig",
    "find_config",
    "load_detector_config",
]


class DataConfig(Settings):
    """Which images, which labels, and how they are cut into training and validation."""

    manifest: Path = Field(
        description="a set of `detection normalise`, or labels in any layout; a relative path "
        "counts from the working folder",
    )
    more: tuple[Path, ...] = Field(
        default=(),
        description="further manifests, of `detection synthesise` say, whose images all train",
    )
    classes: tuple[str, ...] | None = Field(
        default=None, description="those to learn, in their order; none: all of the set"
    )
    size: tuple[PositiveInt, PositiveInt] = Field(
        default=(416, 416),
        description="width and height of what the network sees in training; the longer side of a "
        "image is brought to the longer of them, in use as well",
    )
    enlarge: bool = Field(default=False, description="bring smaller images to that size too")
    cache_megabytes: int = Field(
        default=2000,
        ge=0,
        description="decoded images kept in memory at most, a quarter of it for validation; 0 "
        "decodes anew",
    )
    folds: int | None = Field(
        default=None, ge=2, description="none: the manifest's split column decides; else groups do"
    )
    fold: int = Field(default=0, ge=0, description="the fold that validates, from 0")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.folds is not None and self.fold >= self.folds:
            raise ValueError(f"fold ({self.fold}) must be below folds ({self.folds})")
        if self.more and self.folds is not None:
            raise ValueError(
                "more images may be made of those that a fold validates on: use the split column "
                "instead of folds"
            )
        if self.classes is not None and len(set(self.classes)) != len(self.classes):
            raise ValueError("a class is named twice")
        return self


class DetectionLossConfig(Settings):
    """What a detector is trained by."""

    class_weight: float = Field(default=1.0, gt=0, description="of how sure the cells are")
    box_weight: float = Field(default=2.5, ge=0, description="of where the boxes are")
    cells: int = Field(default=10, ge=1, description="cells that learn one true box at most")


class StartConfig(Settings):
    """A detector to go on from, with other data or classes."""

    bundle: Path = Field(description="folder of a bundle that `detection train` made")


class DetectorConfig(Settings):
    """Everything that a run of `playhead detection train` depends on."""

    job: Literal["detection"] = Field(default="detection", description="the job it is for")
    data: DataConfig
    augmentation: ImageAugmentation = ImageAugmentation()
    model: DetectorNetworkConfig = DetectorNetworkConfig()
    start: StartConfig | None = None
    loss: DetectionLossConfig = DetectionLossConfig()
    training: TrainingConfig = TrainingConfig()
    decisions: DetectionDecisions = DetectionDecisions()

    def with_classes(self, classes: tuple[str, ...]) -> "DetectorConfig":
        """The same with these classes, and no others, to learn."""
        data = self.data.model_copy(update={"classes": classes})
        return self.model_copy(update={"data": data})

    @model_validator(mode="after")
    def _frozen_blocks_have_a_start(self) -> Self:
        if self.model.frozen_blocks and self.model.weights == "none" and self.start is None:
            raise ValueError(
                f"model.frozen_blocks ({self.model.frozen_blocks}) would keep random weights: give "
                "model.weights or start.bundle, or set model.frozen_blocks to 0"
            )
        return self

    @model_validator(mode="after")
    def _sides_fit(self) -> Self:
        last = self.model.strides[-1]
        if any(side % last for side in self.data.size):
            raise ValueError(
                f"data.size ({self.data.size[0]}x{self.data.size[1]}) must be multiples of the "
                f"last stride ({last})"
            )
        return self


def find_config(name: str) -> Path:
    """The path of a packaged configuration, or of a file of the user's own."""
    return config.find_config(name, "playhead.detection")


def load_detector_config(path: Path, settings: Sequence[str] = ()) -> DetectorConfig:
    """Read a configuration and apply settings; relative paths count from the working folder."""
    return load_config(DetectorConfig, path, settings)
