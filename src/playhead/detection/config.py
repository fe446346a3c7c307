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
from playhead.inference.bundle import DataSource
from playhead.learning.settings import DetectorNetworkConfig, TrainingConfig

__all__ = [
    "DataConfig",
    "DetectionLossConfig",
    "DetectorConfig",
    "find_config",
    "load_detector_config",
]


class DataConfig(Settings):
    """Which images and labels, and how they are split into training and validation."""

    manifest: Path = Field(
        description="a data set written by `detection normalise`, or labels in any layout; "
        "relative paths start at the working folder",
    )
    more: tuple[Path, ...] = Field(
        default=(),
        description="further manifests, such as those of `detection synthesise`; all of their "
        "images are used for training",
    )
    classes: tuple[str, ...] | None = Field(
        default=None, description="classes to train on, in order; none: every class of the set"
    )
    size: tuple[PositiveInt, PositiveInt] = Field(
        default=(416, 416),
        description="width and height of the network's input in training; the longer side of an "
        "image is resized to the longer of them, also in prediction",
    )
    enlarge: bool = Field(default=False, description="also enlarge smaller images to that size")
    cache_megabytes: int = Field(
        default=2000,
        ge=0,
        description="memory limit for decoded images, a quarter of it for validation; 0: no cache",
    )
    sources: tuple[DataSource, ...] = Field(
        default=(), description="the data sets used, with licences, for the card of the bundle"
    )
    folds: int | None = Field(
        default=None,
        ge=2,
        description="number of folds of whole groups; none: use the manifest's split column",
    )
    fold: int = Field(default=0, ge=0, description="the validation fold, from 0")
    ignore_below: float = Field(
        default=0,
        ge=0,
        description="boxes narrower than this are ignored: they neither train nor count in "
        "validation; pixels of the image; 0: none",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.folds is not None and self.fold >= self.folds:
            raise ValueError(f"fold ({self.fold}) must be below folds ({self.folds})")
        if self.more and self.folds is not None:
            raise ValueError(
                "data.more cannot be combined with folds, because its images may be synthesised "
                "from images of the validation fold: use the split column instead"
            )
        if self.classes is not None and len(set(self.classes)) != len(self.classes):
            raise ValueError(f"a class is listed twice: {', '.join(self.classes)}")
        return self


class DetectionLossConfig(Settings):
    """The weights of the loss terms, and how many cells are assigned to a box."""

    class_weight: float = Field(default=1.0, gt=0, description="weight of the classification loss")
    box_weight: float = Field(default=2.5, ge=0, description="weight of the box (GIoU) loss")
    cells: int = Field(default=10, ge=1, description="most cells assigned to one true box")


class StartConfig(Settings):
    """A trained detector whose weights a run starts from, with other data or classes."""

    bundle: Path = Field(description="folder of a bundle exported by `detection train`")


class DetectorConfig(Settings):
    """Everything that a run of `playhead detection train` depends on."""

    job: Literal["detection"] = Field(default="detection", description="always detection")
    data: DataConfig
    augmentation: ImageAugmentation = ImageAugmentation()
    model: DetectorNetworkConfig = DetectorNetworkConfig()
    start: StartConfig | None = None
    loss: DetectionLossConfig = DetectionLossConfig()
    training: TrainingConfig = TrainingConfig()
    decisions: DetectionDecisions = DetectionDecisions()

    def with_classes(self, classes: tuple[str, ...]) -> "DetectorConfig":
        """A copy that trains on exactly these classes."""
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
    """The path of a packaged configuration (`small`, ...), or of the user's YAML file."""
    return config.find_config(name, "playhead.detection")


def load_detector_config(path: Path, settings: Sequence[str] = ()) -> DetectorConfig:
    """Read a configuration and apply `key=value` settings; relative paths start at the cwd."""
    return load_config(DetectorConfig, path, settings)
