"""The configuration of a redaction: what to hide, how to detect, how to hide, what to write.

A preset is a packaged YAML file; the defaults are here.
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
    """Networks, image size, thresholds and sampling of the detection."""

    faces: Literal["centerface", "blazeface"] = Field(
        default="centerface",
        description="the face network; blazeface is small and detects only large faces without "
        "tiles",
    )
    plates: Literal["auto", "playhead-plates", "plates", "both"] = Field(
        default="auto",
        description="the plate network: Playhead's own, the packaged one, or both together; auto: "
        "both if the packaged one has been fetched, else Playhead's own",
    )
    plate_size: int = Field(
        default=960,
        ge=96,
        description="longer side of a frame for Playhead's own plate network, pixels, at most "
        "`size`; without tiles",
    )
    bundles: tuple[str, ...] = Field(
        default=(),
        description="folders of custom detectors, which replace the packaged network for each of "
        "their classes; the boxes of several are fused",
    )
    bundle_size: int | None = Field(
        default=None,
        ge=32,
        description="longer side of an image for custom detectors, pixels; null: as in training",
    )
    bundle_enlarge: bool | None = Field(
        default=None,
        description="whether smaller images are enlarged to that size; null: as in training",
    )
    bundle_weights: tuple[Annotated[float, Field(gt=0)], ...] | None = Field(
        default=None, description="the weight of each custom detector; null: equal"
    )
    precision: PrecisionChoice = Field(
        default="auto",
        description="precision of detectors; auto: bf16 for custom detectors if the processor "
        "supports it, fp32 for packaged networks",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="where custom detectors run; packaged networks run on the CPU"
    )
    every_seconds: float = Field(
        default=0.16,
        ge=0,
        le=1,
        description="detection interval in seconds, with tracking in between; 0: every frame",
    )
    every_frames: int = Field(
        default=8,
        ge=1,
        description="longest detection interval in frames, for high frame rates",
    )
    size: int = Field(
        default=1920,
        ge=96,
        description="longer side of a frame for packaged networks, pixels; without tiles",
    )
    tile: int | None = Field(
        default=None,
        ge=96,
        description="detect in overlapping tiles of this many pixels at full resolution instead, "
        "and in the whole frame shrunk to one tile",
    )
    overlap: int = Field(default=96, ge=0, description="overlap of neighbouring tiles, pixels")
    thresholds: dict[str, Annotated[float, Field(gt=0, le=1)]] = Field(
        default={},
        description="confidence threshold of a class, lower hides more; default: that of the "
        "custom detector, else 0.3 (0.65 for faces by blazeface, 0.4 for plates by Playhead's own "
        "network alone)",
    )

    @model_validator(mode="after")
    def _tiles_advance(self) -> Self:
        if self.tile is not None and self.overlap >= self.tile:
            raise ValueError(f"overlap ({self.overlap}) must be below tile ({self.tile})")
        return self


class ExtensionConfig(Settings):
    """How far tracks are extended past their detections; the defaults rather hide too much."""

    seconds: float = Field(
        default=0.25, ge=0, description="a track is extended by this much at both ends"
    )
    samples: int = Field(
        default=2,
        ge=1,
        description="a track is extended by at least this many sampled frames at both ends, where "
        "detections may have been missed",
    )
    edge_seconds: float = Field(
        default=1.5,
        ge=0,
        description="a track that enters or leaves over an edge of the frame is extended until it "
        "is outside, at most by this much; by half if it may be static",
    )
    edge_sizes: float = Field(
        default=1.0,
        ge=0,
        description="a box is near an edge within this many of its sizes; half if it may be static",
    )
    hold_seconds: float = Field(
        default=0.1,
        ge=0,
        description="width and height are a smoothed rolling maximum, this far to either side",
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
    """How much larger than its object a mask is."""

    scale: float = Field(
        default=1.5,
        ge=1,
        le=10,
        description="size of the mask relative to the box; an ellipse needs 1.42 to cover the "
        "box's corners",
    )
    motion: float = Field(
        default=0.5,
        ge=0,
        description="the mask also covers the object's position this many frames before and after",
    )


class WriteConfig(Settings):
    """How the redacted video is written."""

    codec: Literal["h264", "hevc"] = Field(default="h264", description="video codec")
    crf: int = Field(
        default=20,
        ge=0,
        le=51,
        description="quality: lower is better and larger; 20 looks like the source",
    )
    speed: str = Field(
        default="superfast", description="the encoder's preset; slower ones write smaller files"
    )
    audio: Literal["keep", "remove"] = Field(
        default="keep", description="copy the sound, or remove it: voices identify people"
    )
    keep_metadata: bool = Field(
        default=False, description="keep metadata such as titles, dates and locations"
    )
    keep_subtitles: bool = Field(default=False, description="keep subtitles")


class RedactionConfig(Settings):
    """Everything that `playhead redaction run` depends on."""

    job: Literal["redaction"] = Field(default="redaction", description="always redaction")
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
        default=None, ge=1, description="processor threads; null: every core"
    )

    @model_validator(mode="after")
    def _hides_each_once(self) -> Self:
        if len(set(self.hide)) != len(self.hide):
            raise ValueError(f"hide lists a class twice: {', '.join(self.hide)}")
        return self


def load_redaction_config(preset: str, settings: Sequence[str] = ()) -> RedactionConfig:
    """A packaged preset, or the user's YAML file, with settings over it.

    Raises ConfigError for an unknown preset, listing the packaged ones.
    """
    path = find_config(preset, "playhead.redaction")
    return load_config(RedactionConfig, path, settings)


def parse_labels(text: str, known: Sequence[str] = LABELS) -> list[str]:
    """`face,plate` as a list of classes; ConfigError lists the known ones."""
    labels = [label.strip() for label in text.split(",") if label.strip()]
    unknown = [label for label in labels if label not in known]
    if unknown or not labels:
        raise ConfigError(
            f"--hide {text}: unknown class {', '.join(unknown) or '(empty)'}; choose from "
            f"{', '.join(known)}"
        )
    return labels
