"""The configuration of a redaction: what to hide, how to detect, how to hide, what to write.

A preset is a packaged YAML file; what it leaves out stands here.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from playhead.config import Settings, find_config, load_config
from playhead.decisions.track_config import TrackConfig
from playhead.errors import ConfigError
from playhead.inference.precision import PrecisionChoice
from playhead.redaction.hide import HideConfig

__all__ = [
    "LABELS",
    "DetectionConfig",
    "ExtensionConfig",
    "MaskConfig",
    "RedactionConfig",
    "WriteConfig",
    "load_redaction_config",
    "parse_labels",
]

LABELS = ("face", "plate", "person", "head", "car")
"""The classes of the packaged networks; heads are derived from faces and people."""


class DetectionConfig(Settings):
    """Where and how closely to detect."""

    faces: Literal["centerface", "blazeface"] = Field(
        default="centerface",
        description="the network for faces; blazeface is small and finds only large ones unless "
        "there are tiles",
    )
    bundles: tuple[str, ...] = Field(
        default=(),
        description="folders of custom detectors, which replace the packaged network of every "
        "class that they know; the boxes of several are fused",
    )
    bundle_size: int | None = Field(
        default=None,
        ge=32,
        description="longest side of an image for custom detectors, pixels; null: that of their "
        "training, to which a smaller image is enlarged if it was in training",
    )
    bundle_enlarge: bool | None = Field(
        default=None,
        description="whether a smaller image is enlarged to that size; null: as in training",
    )
    bundle_weights: tuple[Annotated[float, Field(gt=0)], ...] | None = Field(
        default=None, description="the weight of each custom detector; null: all the same"
    )
    precision: PrecisionChoice = Field(
        default="auto",
        description="numbers that detectors compute with; auto: bf16 for custom detectors if the "
        "processor has it, fp32 for packaged networks",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="where custom detectors run; packaged networks run on the CPU"
    )
    every_seconds: float = Field(
        default=0.16,
        ge=0,
        le=1,
        description="detect in a frame this often and track in between; 0: in every frame",
    )
    every_frames: int = Field(
        default=8,
        ge=1,
        description="detect at least every so many frames too, where a high rate fits more into "
        "every_seconds",
    )
    size: int = Field(
        default=1920,
        ge=96,
        description="longest side of a frame for packaged networks, pixels; without tiles",
    )
    tile: int | None = Field(
        default=None,
        ge=96,
        description="detect in overlapping tiles of this many pixels at full resolution instead, "
        "and in the whole frame shrunk to one tile",
    )
    overlap: int = Field(
        default=96, ge=0, description="pixels that neighbouring tiles share: the largest small face"
    )
    thresholds: dict[str, Annotated[float, Field(gt=0, le=1)]] = Field(
        default={},
        description="confidence threshold of a class, lower hides more; others: that of the custom "
        "detector, or 0.3, of faces by blazeface 0.65",
    )

    @model_validator(mode="after")
    def _tiles_advance(self) -> Self:
        if self.tile is not None and self.overlap >= self.tile:
            raise ValueError(f"overlap ({self.overlap}) must be below tile ({self.tile})")
        return self


class ExtensionConfig(Settings):
    """How far tracks reach past their detections; the defaults rather hide too much."""

    seconds: float = Field(
        default=0.25, ge=0, description="a track starts this much early and ends this much late"
    )
    samples: int = Field(
        default=2,
        ge=1,
        description="both ends reach over so many sampled frames, however far apart: the first or "
        "last detections may have been missed",
    )
    edge_seconds: float = Field(
        default=1.5,
        ge=0,
        description="a track that starts or ends near an edge of the frame and moves out over it "
        "is extended until it has left, at most so long; half as long if it may stand still",
    )
    edge_sizes: float = Field(
        default=1.0,
        ge=0,
        description="a box this many sizes from an edge is near it; half as many if it may stand "
        "still",
    )
    hold_seconds: float = Field(
        default=0.1,
        ge=0,
        description="width and height are held at their maximum this far to either side, smoothly",
    )
    margin: float = Field(
        default=2.0,
        ge=0,
        description="boxes without a detection are padded on each side by this many standard "
        "deviations of the position, at most by `growth_limit`",
    )
    growth_limit: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="boxes without a detection are padded on each side by at most this share of "
        "their width and height; those of people by at most a quarter",
    )


class MaskConfig(Settings):
    """How much larger than the object its mask is."""

    scale: float = Field(
        default=1.5,
        ge=1,
        le=10,
        description="width and height of the mask over those of the box; an ellipse needs 1.42 to "
        "hold the box's corners",
    )
    motion: float = Field(
        default=0.5,
        ge=0,
        description="the mask also covers where the object is this many frames before and after",
    )


class WriteConfig(Settings):
    """What the redacted video is written as."""

    codec: Literal["h264", "hevc"] = Field(default="h264", description="how images are encoded")
    crf: int = Field(
        default=20, ge=0, le=51, description="quality: lower is better and larger; 20 looks alike"
    )
    speed: str = Field(
        default="superfast", description="the encoder's preset; slower ones write smaller files"
    )
    audio: Literal["keep", "remove"] = Field(
        default="keep", description="sound is copied as it is, or left out: voices tell who speaks"
    )
    keep_metadata: bool = Field(
        default=False, description="keep titles, dates, places and the like"
    )
    keep_subtitles: bool = Field(default=False, description="keep subtitles")


class RedactionConfig(Settings):
    """Everything that `playhead redaction run` depends on."""

    job: Literal["redaction"] = Field(default="redaction", description="the job it is for")
    hide: tuple[str, ...] = Field(
        default=("face", "plate"),
        min_length=1,
        description=f"the classes to hide: {', '.join(LABELS)}, or any of a custom detector",
    )
    detection: DetectionConfig = DetectionConfig()
    tracking: TrackConfig = TrackConfig()
    extension: ExtensionConfig = ExtensionConfig()
    mask: MaskConfig = MaskConfig()
    style: HideConfig = HideConfig()
    write: WriteConfig = WriteConfig()
    threads: int | None = Field(
        default=None, ge=1, description="processor threads; null takes every core"
    )

    @model_validator(mode="after")
    def _hides_each_once(self) -> Self:
        if len(set(self.hide)) != len(self.hide):
            raise ValueError(f"hide names a class twice: {', '.join(self.hide)}")
        return self


def load_redaction_config(preset: str, settings: Sequence[str] = ()) -> RedactionConfig:
    """A packaged preset, or a file of the user's own, with settings over it.

    Raises ConfigError for an unknown preset, naming those there are.
    """
    path = find_config(preset, "playhead.redaction")
    return load_config(RedactionConfig, path, settings)


def parse_labels(text: str, known: Sequence[str] = LABELS) -> list[str]:
    """`face,plate` as a list of classes; ConfigError names the known ones."""
    labels = [label.strip() for label in text.split(",") if label.strip()]
    unknown = [label for label in labels if label not in known]
    if unknown or not labels:
        raise ConfigError(
            f"--hide {text}: {', '.join(unknown) or 'nothing'} is not a class; "
            f"known are {', '.join(known)}"
        )
    return labels
