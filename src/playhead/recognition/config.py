"""The configuration of recognition: the clips, the network, its training and decisions; torch-free.

`kind_config` makes one from a kind of network alone, so that a folder of clips is enough to train.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from playhead import config
from playhead.config import Settings, load_config
from playhead.learning.settings import TrainingConfig
from playhead.recognition.networks_config import (
    FramesNetworkConfig,
    KeypointNetworkConfig,
    NetworkConfig,
)
from playhead.samples.augmentation import AugmentationConfig

__all__ = [
    "FOLDS",
    "KeypointAugmentationConfig",
    "RecognitionConfig",
    "RecognitionDataConfig",
    "RecognitionDecisions",
    "StartConfig",
    "find_config",
    "load_recognition_config",
]

FOLDS = 5
"""Folds of clips without a split."""

Probability = Annotated[float, Field(ge=0, le=1)]


class RecognitionDataConfig(Settings):
    """Which clips, and how they are split into training and validation."""

    clips: Path = Field(
        description="a folder of class folders, an index (CSV with video,label), or a manifest"
    )
    keypoints: Path | None = Field(
        default=None,
        description="a folder of X.keypoints.npz that mirrors the clips; none: beside the clips",
    )
    people: Literal[1, 2] = Field(
        default=1, description="the central person, or the two people who interact"
    )
    everyone: bool = Field(
        default=False,
        description="learn from every person of a clip in place of the chosen ones, for comparison",
    )
    group: str | None = Field(
        default=None,
        description="a regular expression whose group is the person or source in a file name, as "
        "`_(g\\d+)_`; none: known patterns, else every clip by itself",
    )
    min_clips: PositiveInt = Field(
        default=2, description="classes with fewer clips are left out, with a note"
    )
    folds: int | None = Field(
        default=None,
        ge=2,
        description="number of folds of whole groups, which divides all clips but those of other "
        "splits, as test; none: the split of the clips, or 5 folds if they have none",
    )
    fold: int = Field(default=0, ge=0, description="the validation fold, from 0")
    train_on_all: bool = Field(
        default=False,
        description="train on the clips of both sides and validate on none, once epochs and "
        "decisions are chosen; the last epoch is kept",
    )

    @model_validator(mode="after")
    def _fold_exists(self) -> Self:
        if self.fold >= self.number_of_folds:
            raise ValueError(f"fold ({self.fold}) must be below folds ({self.number_of_folds})")
        return self

    @property
    def number_of_folds(self) -> int:
        """The number of folds, if the clips are divided into folds."""
        return self.folds or FOLDS


class KeypointAugmentationConfig(Settings):
    """Probability and strength of each change of the keypoints of a training clip."""

    flip: Probability = Field(
        default=0.5, description="probability of mirroring; left and right joints change places"
    )
    swap_people: Probability = Field(
        default=0.0, description="probability that two people exchange their places"
    )
    rotate_degrees: float = Field(default=10.0, ge=0, description="deviation of the rotation")
    scale: float = Field(default=0.15, ge=0, lt=1, description="largest change of the size")
    stretch: float = Field(default=0.1, ge=0, lt=1, description="largest change of one axis alone")
    noise: float = Field(default=0.02, ge=0, description="deviation of a joint, in torsos")
    drop_joints: Probability = Field(
        default=0.1, description="probability of a joint to be missing in a whole clip"
    )


class StartConfig(Settings):
    """Initial weights from another run, whose curves then stand before those of this one."""

    run: Path = Field(description="a run folder of the same network, or its bundle")


class RecognitionDecisions(Settings):
    """From log probabilities to answers."""

    temperature: float = Field(
        default=1.0, gt=0, description="divides log probabilities; found on validation clips"
    )
    unknown_below: Probability = Field(
        default=0.0,
        description="below this probability the answer is `unknown`; found on validation clips",
    )
    window_seconds: float | None = Field(
        default=None,
        gt=0,
        description="length of a window of a long video; none: the median clip of training",
    )
    window_step: float = Field(
        default=0.25, gt=0, le=1, description="from one window to the next, in lengths of a window"
    )
    long_from: float = Field(
        default=2.0,
        ge=1,
        description="videos of more lengths of a window are predicted by windows",
    )
    min_seconds: float = Field(
        default=0.0,
        ge=0,
        description="shorter spans of a label are left out in long videos, and what they divided "
        "is joined",
    )


class RecognitionConfig(Settings):
    """Everything that the training of one network depends on."""

    job: Literal["recognition"] = Field(default="recognition", description="always recognition")
    data: RecognitionDataConfig
    network: NetworkConfig = KeypointNetworkConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    keypoint_augmentation: KeypointAugmentationConfig = KeypointAugmentationConfig()
    time_crop: float = Field(
        default=0.7,
        gt=0,
        le=1,
        description="smallest share of a training clip that is kept and stretched to its length; "
        "not for single frames",
    )
    balance: Literal["none", "weights", "sampling"] = Field(
        default="none",
        description="of rare classes: `weights` in the loss, or `sampling` them more often",
    )
    label_smoothing: float = Field(
        default=0.1, ge=0, lt=1, description="share of the target spread over all classes"
    )
    start: StartConfig | None = None
    training: TrainingConfig = TrainingConfig()
    decisions: RecognitionDecisions = RecognitionDecisions()

    @property
    def sees_pixels(self) -> bool:
        """Whether the network sees frames, and not keypoints."""
        return not isinstance(self.network, KeypointNetworkConfig)

    @property
    def needs_people(self) -> bool:
        """Whether the network needs to know where the people are."""
        return not self.sees_pixels or getattr(self.network, "crop", "none") == "people"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        network = self.network
        frozen = isinstance(network, FramesNetworkConfig) and network.freeze_encoder
        if frozen and network.weights in (None, "none") and self.start is None:  # type: ignore[union-attr]
            raise ValueError(
                "network.freeze_encoder would keep random weights: give network.weights or "
                "start.run, or set network.freeze_encoder to false"
            )
        if self.data.train_on_all and self.training.select is not None:
            raise ValueError(
                "data.train_on_all leaves no clip that could select an epoch: set training.select "
                "to null"
            )
        if self.data.everyone and self.data.people == 2:
            raise ValueError("data.everyone learns from single people: set data.people to 1")
        return self


def find_config(name: str) -> Path:
    """The path of a packaged configuration, or of the user's YAML file."""
    return config.find_config(name, "playhead.recognition")


def load_recognition_config(path: Path, settings: Sequence[str] = ()) -> RecognitionConfig:
    """Read a configuration and apply `key=value` settings; relative paths start at the cwd."""
    return load_config(RecognitionConfig, path, settings)
