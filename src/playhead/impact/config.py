"""The configuration of impact: the data, the collision network, its training and decisions.

Nothing here imports torch. The defaults are the small network of the demo, for frames of about
384x216 on a CPU; the packaged `full` has the sizes of the recipe for 1280x720.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, PositiveInt, model_validator

from playhead import config
from playhead.config import Settings, load_config
from playhead.impact.decisions import ImpactDecisions
from playhead.impact.network_config import CollisionLossConfig, CollisionNetworkConfig
from playhead.impact.plan import ClipGridPlan
from playhead.impact.targets import GRID_STRIDE
from playhead.learning.settings import TrainingConfig
from playhead.times import GridRate, GridRateText, RateText, parse_grid_rate

__all__ = [
    "ClipAugmentationConfig",
    "ImpactConfig",
    "ImpactDataConfig",
    "MiningConfig",
    "PatchConfig",
    "StartConfig",
    "Task",
    "find_config",
    "load_impact_config",
    "task_of",
]

Task = Literal["collisions", "helmets", "tracks"]

Probability = Annotated[float, Field(ge=0, le=1)]


class ImpactDataConfig(Settings):
    """Which videos and labels, and how they are split into training and validation."""

    manifest: Path = Field(description="CSV; relative paths start at the working folder")
    label: str = Field(default="impact", min_length=1, description="the class of the impacts")
    label_rate: RateText | None = Field(
        default=None, description="frame rate of labels that only have frame numbers"
    )
    rate: GridRateText = Field(
        default="native", description="grid points a second: 25, 30000/1001, or `native`"
    )
    size: tuple[PositiveInt, PositiveInt] = Field(
        description="width and height that frames are scaled to, pixels"
    )
    pixels: Literal["luma", "rgb"] = Field(default="luma", description="grey or colour frames")
    cached: bool = Field(
        default=True, description="cache decoded frames on disk at `size`; for small sizes"
    )
    folds: int | None = Field(
        default=None,
        ge=2,
        description="number of folds of whole groups; none: use the manifest's split column",
    )
    fold: int = Field(default=0, ge=0, description="the validation fold, from 0")

    @model_validator(mode="after")
    def _fold_exists(self) -> Self:
        if self.folds is not None and self.fold >= self.folds:
            raise ValueError(f"fold ({self.fold}) must be below folds ({self.folds})")
        return self

    @property
    def grid_rate(self) -> GridRate:
        """The rate as `make_grid` takes it."""
        return parse_grid_rate(self.rate)


class PatchConfig(Settings):
    """Where the patches of training are cut; lengths are pixels at `data.size`."""

    side: int = Field(default=48, ge=8, description="side of a patch; a multiple of 4")
    around: Literal["grid", "helmets"] = Field(
        default="grid",
        description="`grid`: patches at the steps below; `helmets`: one around each helmet, of "
        "which those in an impact are the ones with an impact",
    )
    positive_step: int | None = Field(
        default=None, ge=1, description="distance of the patches around an impact; none: side / 8"
    )
    positive_within: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="an impact lies in this central share of the side of its patch",
    )
    jitter: int = Field(
        default=0,
        ge=0,
        description="each patch is moved by up to this many pixels, at random in every epoch",
    )
    negative_step: int | None = Field(
        default=None, ge=1, description="distance of patches without an impact; none: side / 2"
    )
    negatives_per_positive: float = Field(
        default=2.0, ge=0, description="patches without an impact in an epoch, for each with one"
    )
    windows: int = Field(
        default=1,
        ge=1,
        description="neighbouring frames that a patch describes, which share most of their work; "
        "above 1 needs network.marker false. An i3d then learns from chunks, as its fast mode "
        "predicts",
    )
    clear_frames: int = Field(
        default=0,
        ge=0,
        description="a patch without an impact has none within this many grid points either",
    )

    @model_validator(mode="after")
    def _impacts_are_reached(self) -> Self:
        if self.side % GRID_STRIDE:
            raise ValueError(f"side ({self.side}) must be a multiple of {GRID_STRIDE}")
        if self.around == "helmets" and self.jitter > self.side / 2:
            raise ValueError(
                f"jitter ({self.jitter}) must not exceed half of the side ({self.side}), or "
                "helmets leave their patches"
            )
        if self.step_of_positives > self.side * self.positive_within:
            raise ValueError(
                f"positive_step ({self.step_of_positives}) must not exceed positive_within "
                f"({self.positive_within:g}) of the side ({self.side}), or impacts are missed"
            )
        return self

    @property
    def step_of_positives(self) -> int:
        """Pixels between patches around an impact."""
        return self.positive_step or max(1, self.side // 8)

    @property
    def step_of_negatives(self) -> int:
        """Pixels between patches without an impact."""
        return self.negative_step or self.side // 2


class MiningConfig(Settings):
    """Hard negatives: patches without an impact that the network takes for one."""

    from_epoch: int | None = Field(
        default=2, ge=2, description="first epoch with hard negatives; none: never"
    )
    min_score: float = Field(
        default=0.1, ge=0, lt=1, description="impact score above which a negative is hard"
    )
    share: float = Field(
        default=0.5, gt=0, le=1, description="share of the frames that an epoch searches"
    )


class FramesConfig(Settings):
    """Whole frames, for the second stage of training and for validation."""

    others: float = Field(
        default=0.2, ge=0, le=1, description="share of the frames without an impact in an epoch"
    )
    validation: int = Field(
        default=240, ge=2, description="most validation frames, up to half of them with an impact"
    )


class ClipAugmentationConfig(Settings):
    """Probability and strength of each change of a clip; the defaults are the recipe's."""

    flip: Probability = Field(0.5, description="probability of a horizontal flip")
    move: Probability = Field(0.4, description="probability of a shift and a scale")
    shift: float = Field(0.1, ge=0, lt=1, description="largest shift, as a share of its sides")
    scale: float = Field(0.1, ge=0, lt=1, description="largest relative change of the scale")

    light: Probability = Field(0.8, description="probability of one change of light or colour")
    jitter: float = Field(
        0.2, ge=0, lt=1, description="largest relative change of brightness, contrast, saturation"
    )
    hue: float = Field(80.0, ge=0, le=180, description="colour: largest turn of the hue, degrees")
    saturation: float = Field(
        0.6, ge=0, le=1, description="colour: largest relative change of saturation, with the hue"
    )
    value: float = Field(
        0.16,
        ge=0,
        le=1,
        description="colour: largest shift of the value, with the hue, of the full range",
    )
    channel_shift: float = Field(
        0.24, ge=0, le=1, description="colour: largest shift of a channel, of the full range"
    )
    gamma: tuple[float, float] = Field(
        (0.2, 2.0), description="range of the exponent of a gamma curve"
    )

    focus: Probability = Field(0.6, description="probability of one blur, noise or median filter")
    blur_deviation: float = Field(1.2, gt=0, description="largest sigma of Gaussian blur, pixels")
    blur_pixels: int = Field(7, ge=3, description="longest motion blur, pixels")
    noise: tuple[float, float] = Field(
        (3.2, 7.1), description="range of sigma of noise, grey levels"
    )
    median: int = Field(5, ge=3, description="side of the median filter, pixels")

    @model_validator(mode="after")
    def _ranges_rise(self) -> Self:
        for name in ("gamma", "noise"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(f"{name} must rise from above 0, it is {low:g} to {high:g}")
        return self


class StartConfig(Settings):
    """Initial weights from another run or bundle, as in the second stage of the recipe."""

    weights: Path = Field(
        description="a run folder, for its best weights, or a .safetensors file of one"
    )
    strict: bool = Field(
        default=True, description="false skips layers of another shape, with a note"
    )

    @property
    def file(self) -> Path:
        """The file of the weights."""
        return self.weights / "best.safetensors" if self.weights.is_dir() else self.weights


class ImpactConfig(Settings):
    """Everything that the training of a collision network depends on."""

    job: Literal["impact"] = Field(default="impact", description="always impact")
    task: Literal["collisions"] = Field(
        default="collisions",
        description="always collisions; files of the tasks `helmets` and `tracks` have settings of "
        "their own",
    )
    data: ImpactDataConfig
    network: CollisionNetworkConfig = CollisionNetworkConfig()
    stage: Literal["patches", "frames"] = Field(
        default="patches",
        description="`patches`: train on patches; `frames`: a second stage on whole frames, from "
        "`start` and with network.freeze_backbone",
    )
    start: StartConfig | None = None
    impact_frames: int = Field(
        default=0, ge=0, description="grid points before and after an impact labelled as one too"
    )
    impact_falloff: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="what a label of an impact is multiplied by with each grid point away from it",
    )
    patches: PatchConfig = PatchConfig()
    mining: MiningConfig = MiningConfig()
    frames: FramesConfig = FramesConfig()
    augmentation: ClipAugmentationConfig = ClipAugmentationConfig()
    loss: CollisionLossConfig = CollisionLossConfig()
    training: TrainingConfig = TrainingConfig()
    decisions: ImpactDecisions = ImpactDecisions()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.data.pixels != self.network.pixels:
            raise ValueError(
                f"data.pixels is {self.data.pixels}, but network.pixels is {self.network.pixels}"
            )
        if self.stage == "patches" and self.patches.side > min(self.data.size):
            raise ValueError(
                f"patches.side ({self.patches.side}) must not exceed data.size {self.data.size}"
            )
        if self.patches.windows > 1 and self.network.marker:
            raise ValueError(
                f"patches.windows ({self.patches.windows}) above 1 needs network.marker false"
            )
        if self.network.freeze_backbone and self.start is None and self.network.weights is None:
            raise ValueError(
                "network.freeze_backbone would keep random weights: give start.weights or "
                "network.weights, or set network.freeze_backbone to false"
            )
        return self

    @property
    def plan(self) -> ClipGridPlan:
        """The input plan of a bundle of this configuration."""
        return ClipGridPlan(
            size=self.data.size,
            pixels=self.data.pixels,
            rate=self.data.rate,
            frames=self.network.frames,
            before=self.network.before,
            marker=self.network.marker,
            box_unit=self.network.box_unit,
        )


def find_config(name: str) -> Path:
    """The path of a packaged configuration, or of the user's YAML file."""
    return config.find_config(name, "playhead.impact")


def load_impact_config(path: Path, settings: Sequence[str] = ()) -> ImpactConfig:
    """Read a configuration and apply `key=value` settings; relative paths start at the cwd."""
    return load_config(ImpactConfig, path, settings)


def task_of(path: Path, settings: Sequence[str] = ()) -> Task:
    """What a configuration trains: a collision network, or one of helmets or of tracks.

    Raises ConfigError for another `task`, or a file that is not YAML.
    """
    return load_config(_AnyConfig, path, settings).task


class _AnyConfig(Settings):
    """A configuration of any task."""

    model_config = ConfigDict(extra="ignore")

    task: Task = "collisions"
