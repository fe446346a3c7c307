"""The configuration of a redaction: what to hide, where to look, how to hide it, what to write.

A preset is a packaged YAML file; what it leaves out stands here.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from playhead.config import Settings, find_config, load_config
from playhead.decisions.detection_config import DEFAULT_THRESHOLD
from playhead.decisions.track_config import TrackConfig
from playhead.errors import ConfigError
from playhead.redaction.hide import HideConfig

__all__ = [
    "LABELS",
    "DetectionConfig",
    "ExtensionConfig",
    "MaskConfig",
    "OwnBundle",
    "RedactionConfig",
    "Thresholds",
    "WriteConfig",
    "load_redaction_config",
    "parse_labels",
]

LABELS = ("face", "plate", "person", "head", "car")
"""What the packaged networks find, heads derived from faces and people."""


FACE_THRESHOLDS = {"centerface": 0.3, "blazeface": 0.65}
"""Where a network's faces are believed: blazeface finds faces in leaves and walls far above .3."""

PEOPLE_GROWTH = 0.25
"""At most by this share of its size a person's box grows where nobody saw it: motion is counted in
sizes of the object, and a person is several times as large as the faces it was measured on."""


class Thresholds(Settings):
    """The score at which an object of a class is believed; lower hides more.

    Classes that only own bundles know are named here too. Where a bundle finds a class and no
    threshold is said for it, that of the bundle counts.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[float, Field(gt=0, le=1)]] = Field(init=False)

    face: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="of faces; null: that of the network, "
        + ", ".join(f"{value} of {name}" for name, value in FACE_THRESHOLDS.items()),
    )
    plate: float = Field(default=0.3, gt=0, le=1, description="of number plates")
    person: float = Field(default=0.3, gt=0, le=1, description="of people")
    head: float = Field(default=0.3, gt=0, le=1, description="of heads, derived from the others")
    car: float = Field(default=0.3, gt=0, le=1, description="of cars and other vehicles")


class OwnBundle(Settings):
    """What an own bundle was when it looked: enough to tell it again, and no path of a machine."""

    name: str = Field(description="of its folder")
    sha256: str = Field(description="over the checksums of its files")
    classes: tuple[str, ...] = Field(description="that it finds")
    longest: int = Field(ge=1, description="longest side at which it looks by itself, pixels")


class DetectionConfig(Settings):
    """Where and how closely the networks look."""

    faces: Literal["centerface", "blazeface"] = Field(
        default="centerface",
        description="the network that finds faces; blazeface is small, and sees large ones only "
        "unless there are tiles",
    )
    bundles: tuple[str, ...] = Field(
        default=(),
        description="folders of own detectors, which take the place of the packaged networks for "
        "every class that they know; of several the boxes are fused",
    )
    bundle_size: int | None = Field(
        default=None,
        ge=32,
        description="longest side at which own detectors look, pixels; null: that of their "
        "training, to which a smaller picture is enlarged where those were",
    )
    bundle_enlarge: bool | None = Field(
        default=None,
        description="whether a smaller picture is enlarged to that size; null: as in training",
    )
    bundle_weights: tuple[Annotated[float, Field(gt=0)], ...] | None = Field(
        default=None, description="how far each own detector is trusted; null: all the same"
    )
    bundle_settings: tuple[str, ...] = Field(
        default=(),
        description="`key=value` over what own detectors say becomes of candidates, as overlap=0.5",
    )
    bundle_precision: Literal["fp32", "bf16", "fp16"] = Field(
        default="fp32", description="the numbers that own detectors compute with"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="where own detectors run; packaged networks run on the CPU"
    )
    own: tuple[OwnBundle, ...] = Field(
        default=(), description="filled in by the program: what those bundles were"
    )
    every_seconds: float = Field(
        default=0.16,
        ge=0,
        le=1,
        description="look at a frame this often and follow in between; 0 looks at every frame",
    )
    every_frames: int = Field(
        default=8,
        ge=1,
        description="look at least at every so many frames too, where a high rate fits more into "
        "every_seconds",
    )
    size: int = Field(
        default=1920,
        ge=96,
        description="longest side of the picture that is looked at, pixels; without tiles",
    )
    tile: int | None = Field(
        default=None,
        ge=96,
        description="look at overlapping tiles of this many pixels at full resolution instead, and "
        "at the whole shrunk to one tile",
    )
    overlap: int = Field(
        default=96, ge=0, description="pixels that neighbouring tiles share: the largest small face"
    )
    thresholds: Thresholds = Thresholds()

    @model_validator(mode="after")
    def _tiles_advance(self) -> Self:
        if self.tile is not None and self.overlap >= self.tile:
            raise ValueError(f"overlap ({self.overlap}) must be below tile ({self.tile})")
        return self

    @model_validator(mode="after")
    def _weights_fit(self) -> Self:
        weights, count = self.bundle_weights, len(self.own or self.bundles)
        if weights is not None and len(weights) != count:
            raise ValueError(f"bundle_weights names {len(weights)} weights of {count} bundles")
        return self

    def knowing(self, label: str) -> tuple[OwnBundle, ...]:
        """The own bundles that find a class."""
        return tuple(one for one in self.own if label in one.classes)


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

    codec: Literal["h264", "hevc"] = Field(default="h264", description="how pictures are encoded")
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
        description=f"the classes that are hidden: {', '.join(LABELS)}, or any of an own bundle",
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
    def _consistent(self) -> Self:
        if len(set(self.hide)) != len(self.hide):
            raise ValueError(f"hide names a class twice: {', '.join(self.hide)}")
        self._check_known("hide", [label for label in self.hide if label not in LABELS])
        self._check_known("detection.thresholds", list(self.detection.thresholds.model_extra or {}))
        return self

    def _check_known(self, where: str, others: Sequence[str]) -> None:
        """Refuse classes that no network finds; what bundles that are not read yet find may be."""
        detection = self.detection
        own = [label for one in detection.own for label in one.classes]
        unread = detection.bundles and not detection.own
        unknown = [label for label in others if label not in own and not unread]
        if unknown:
            known = ", ".join(dict.fromkeys((*LABELS, *own)))
            raise ValueError(f"{where}: {', '.join(unknown)} is no class; known are {known}")

    def least_score(self, label: str) -> float:
        """The lowest score of a detection that can continue a track of a class."""
        return min(self.threshold(label), self.tracking.low_score)

    def extension_of(self, label: str) -> ExtensionConfig:
        """How far tracks of a class reach."""
        if label != "person":
            return self.extension
        limit = min(PEOPLE_GROWTH, self.extension.growth_limit)
        return self.extension.model_copy(update={"growth_limit": limit})

    def threshold(self, label: str) -> float:
        """The score at which an object of a class is believed."""
        threshold: float | None = getattr(self.detection.thresholds, label, DEFAULT_THRESHOLD)
        if threshold is not None:
            return threshold
        own = self.detection.knowing(label)
        return DEFAULT_THRESHOLD if own else FACE_THRESHOLDS[self.detection.faces]

    def published(self) -> dict[str, Any]:
        """As JSON holds it, without the places of bundles: those are of one machine."""
        values = self.model_dump(mode="json")
        values["detection"]["bundles"] = []
        return values


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
            f"--hide {text}: {', '.join(unknown) or 'nothing'} is no class; "
            f"known are {', '.join(known)}"
        )
    return labels
