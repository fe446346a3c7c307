"""A resolved redaction: the configuration with its loaded bundles and class thresholds.

Custom detectors are described by checksums and classes, and every class has its threshold, so that
only the detector itself has to open a bundle. Track files record this.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from playhead.config import Settings, override, validate
from playhead.decisions.detection_config import DEFAULT_THRESHOLD
from playhead.errors import ConfigError, LabelError
from playhead.events.formats.tracks import TrackFile
from playhead.inference.bundle import Bundle
from playhead.inference.detectors import PLATE_PAIR, weights_of
from playhead.inference.detectors.custom import checksum_of, open_bundle
from playhead.inference.detectors.ensemble import joint_decisions
from playhead.inference.weights import is_fetched
from playhead.redaction.config import LABELS, ExtensionConfig, RedactionConfig

__all__ = [
    "FACE_THRESHOLDS",
    "PEOPLE_GROWTH",
    "CustomBundle",
    "ResolvedRedaction",
    "known_classes",
    "recorded_redaction",
    "resolve",
]

SOURCES = {"head": ("face", "person")}
"""The classes that a class without a detector is derived from."""

PACKAGED = {"person": "people", "car": "objectron"}
"""The packaged network of each class; those of faces and plates are configured."""

FACE_THRESHOLDS = {"centerface": 0.3, "blazeface": 0.65}
"""BlazeFace has false positives in leaves and walls far above 0.3."""

PLATE_THRESHOLDS = {"playhead-plates": 0.4, "plates": 0.3, "both": 0.3}
"""About one false positive in ten images at most, on validation images."""

PEOPLE_GROWTH = 0.25
"""The `growth_limit` for people: motion is measured in object sizes, and a person is several times
as large as the faces that the default was tuned on."""

_Threshold = Annotated[float, Field(gt=0, le=1)]


class CustomBundle(Settings):
    """A custom detector of a redaction, identified without a path."""

    name: str = Field(description="name of its folder")
    sha256: str = Field(description="SHA-256 of the checksums of its files")
    classes: tuple[str, ...] = Field(description="classes that it detects")


class _Record(Settings):
    """The data that a track file records besides the configuration."""

    custom_detectors: tuple[CustomBundle, ...] = ()
    thresholds: dict[str, _Threshold] = Field(default={})


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedRedaction:
    """A configuration, its custom detectors, and the confidence threshold of each class.

    config: with the plate networks in use instead of `auto`
    The folders of the custom detectors are in `config.detection.bundles`; track files record none.
    """

    config: RedactionConfig
    bundles: tuple[CustomBundle, ...]
    thresholds: Mapping[str, float]

    def threshold(self, label: str) -> float:
        """The confidence threshold of a class."""
        return self.thresholds.get(label, DEFAULT_THRESHOLD)

    def minimum_score(self, label: str) -> float:
        """The lowest score of a detection that can continue a track of a class."""
        return min(self.threshold(label), self.config.tracking.low_score)

    def extension(self, label: str) -> ExtensionConfig:
        """How far tracks of a class are extended."""
        extension = self.config.extension
        if label != "person":
            return extension
        limit = min(PEOPLE_GROWTH, extension.growth_limit)
        return extension.model_copy(update={"growth_limit": limit})

    def custom(self, label: str) -> tuple[CustomBundle, ...]:
        """The custom detectors of a class."""
        return tuple(bundle for bundle in self.bundles if label in bundle.classes)

    def is_derived(self, label: str) -> bool:
        """Whether a class is derived from the detections of others."""
        return label in SOURCES and not self.custom(label)

    def sources(self, label: str) -> tuple[str, ...]:
        """The classes to detect for a class: itself, or those that it is derived from."""
        return SOURCES[label] if self.is_derived(label) else (label,)

    def detected(self) -> tuple[str, ...]:
        """The classes to detect for all hidden classes, each once."""
        sources = (source for label in self.config.hide for source in self.sources(label))
        return tuple(dict.fromkeys(sources))

    def packaged(self) -> dict[str, str]:
        """The packaged network of each class that has one."""
        detection = self.config.detection
        plates = PLATE_PAIR if detection.plates == "both" else detection.plates
        return {"face": detection.faces, "plate": plates, **PACKAGED}

    def weights(self) -> list[str]:
        """The packaged networks to load, each once."""
        packaged = self.packaged()
        names = (
            name
            for label in self.detected()
            if not self.custom(label)
            for name in weights_of(packaged[label])
        )
        return list(dict.fromkeys(names))

    def detectors(self, label: str) -> tuple[str, ...]:
        """The names of the detectors of a class, or of the classes that it is derived from."""
        names: list[str] = []
        for source in self.sources(label):
            custom = [bundle.name for bundle in self.custom(source)]
            names += custom or weights_of(self.packaged()[source])
        return tuple(names)

    def located(self, folders: Sequence[Path]) -> "ResolvedRedaction":
        """A copy with the folders of its custom detectors; unchanged without folders.

        Raises ConfigError if it has no custom detector. Checksums are compared on opening.
        """
        if not folders:
            return self
        if not self.bundles:
            raise ConfigError(
                f"--bundle {folders[0]}: the redaction used no custom detector; omit --bundle"
            )
        return self.changed(bundles=tuple(map(str, folders)))

    def changed(self, **detection: Any) -> "ResolvedRedaction":
        """A copy with other settings of `detection`."""
        changed = self.config.detection.model_copy(update=detection)
        return replace(self, config=self.config.model_copy(update={"detection": changed}))

    def settings(self) -> dict[str, Any]:
        """The settings that a track file records, without the folders of bundles."""
        config = self.config.model_dump(mode="json")
        config["detection"]["bundles"] = []
        return {
            "config": config,
            "custom_detectors": [bundle.model_dump(mode="json") for bundle in self.bundles],
            "thresholds": {label: self.threshold(label) for label in self._recorded_labels()},
        }

    def _recorded_labels(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.config.hide, *self.detected())))


def resolve(config: RedactionConfig) -> ResolvedRedaction:
    """Open the bundles of a configuration and determine the threshold of each class.

    The threshold of a class comes from the configuration, else from its custom detectors, else from
    its packaged network.
    Raises BundleError for a folder that is not a detector bundle, ConfigError for a class without a
    detector, or bundles that detect none of the hidden classes.
    """
    config = _with_plates(config)
    detection = config.detection
    bundles = [open_bundle(Path(folder)) for folder in detection.bundles]
    known = _classes(bundles)
    for where, labels in (("hide", config.hide), ("detection.thresholds", detection.thresholds)):
        unknown = [label for label in labels if label not in known]
        if unknown:
            raise ConfigError(
                f"{where}: unknown class {', '.join(unknown)}; choose from {', '.join(known)}"
            )
    wanted = {source for label in config.hide for source in (label, *SOURCES.get(label, ()))}
    for bundle in bundles:
        classes = bundle.manifest.classes
        if not wanted & set(classes):
            raise ConfigError(
                f"{bundle.folder}: detects {', '.join(classes)}, but none of these is hidden; add "
                f"--hide {classes[0]} or omit the bundle"
            )
    weights = detection.bundle_weights
    if weights is not None and len(weights) != len(bundles):
        raise ConfigError(
            f"detection.bundle_weights: got {len(weights)} weights for {len(bundles)} bundles; "
            "give one for each"
        )
    custom = joint_decisions(bundles).thresholds if bundles else {}
    return ResolvedRedaction(
        config=config,
        bundles=tuple(
            CustomBundle(
                name=bundle.folder.resolve().name,
                sha256=checksum_of(bundle),
                classes=bundle.manifest.classes,
            )
            for bundle in bundles
        ),
        thresholds={**_default_thresholds(config), **custom, **detection.thresholds},
    )


def known_classes(config: RedactionConfig) -> list[str]:
    """Every class that can be hidden: of the packaged networks, then of the bundles."""
    return _classes([open_bundle(Path(folder)) for folder in config.detection.bundles])


def recorded_redaction(
    file: TrackFile, path: Path, settings: Sequence[str] = ()
) -> ResolvedRedaction:
    """The redaction recorded in a track file, with `key=value` settings over its configuration.

    The image of the style `image` must be given again, since paths in files are never followed.
    Tracks of another program have no configuration, and get the defaults.
    Raises LabelError for a track file of an earlier version, ConfigError for invalid settings.
    """
    values = file.settings.get("config", {})
    if not isinstance(values, dict):
        raise LabelError(f"{path}: its configuration is a {type(values).__name__}, not a mapping")
    values = copy.deepcopy(values)
    detection = values.get("detection")
    if isinstance(detection, dict) and "own" in detection:
        raise LabelError(
            f"{path}: has settings of an earlier version of Playhead, which cannot be read; detect "
            "again with `playhead redaction detect --overwrite`"
        )
    if isinstance(values.get("style"), dict):
        values["style"].pop("image", None)  # no path from a file is ever followed
    for setting in settings:
        override(values, setting)
    known = {
        key: file.settings[key]
        for key in ("custom_detectors", "thresholds")
        if key in file.settings
    }
    config = _with_plates(validate(RedactionConfig, values, source=str(path)))
    record = validate(_Record, known, source=str(path))
    return ResolvedRedaction(
        config=config,
        bundles=record.custom_detectors,
        thresholds={
            **_default_thresholds(config),
            **record.thresholds,
            **config.detection.thresholds,
        },
    )


def _classes(bundles: Sequence[Bundle]) -> list[str]:
    custom = (label for bundle in bundles for label in bundle.manifest.classes)
    return list(dict.fromkeys((*LABELS, *custom)))


def _with_plates(config: RedactionConfig) -> RedactionConfig:
    """The configuration with the plate networks that `auto` stands for."""
    if config.detection.plates != "auto":
        return config
    plates = "both" if is_fetched("plates") else "playhead-plates"
    detection = config.detection.model_copy(update={"plates": plates})
    return config.model_copy(update={"detection": detection})


def _default_thresholds(config: RedactionConfig) -> dict[str, float]:
    defaults = dict.fromkeys(LABELS, DEFAULT_THRESHOLD)
    return {
        **defaults,
        "face": FACE_THRESHOLDS[config.detection.faces],
        "plate": PLATE_THRESHOLDS[config.detection.plates],
    }
