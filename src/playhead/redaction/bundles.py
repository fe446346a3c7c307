"""Own bundles in a redaction: what they find, and what they say of it, put into a configuration.

A configuration that has been resolved names each bundle by its checksum, knows what it finds, and
holds its thresholds, so that nothing afterwards has to open it but the networks.
"""

from collections.abc import Sequence
from pathlib import Path

from playhead.errors import ConfigError
from playhead.inference.bundle import Bundle
from playhead.inference.detectors.custom import checksum_of, open_bundle
from playhead.inference.detectors.ensemble import joint_decisions
from playhead.inference.detectors.plan import DetectorPlan
from playhead.redaction.config import LABELS, DetectionConfig, OwnBundle, RedactionConfig

__all__ = ["is_derived", "known_classes", "located", "looked_for", "resolve"]

SOURCES = {"head": ("face", "person")}
"""What a class is derived from where no network finds it."""


def resolve(config: RedactionConfig) -> RedactionConfig:
    """The configuration with what its bundles are, and their thresholds where none is said.

    Raises BundleError for a folder that is no detector's bundle, ConfigError for a class that
    nobody finds, or bundles that find nothing of what is to be hidden.
    """
    if not config.detection.bundles or config.detection.own:
        return config
    bundles = [open_bundle(Path(one)) for one in config.detection.bundles]
    known = [*LABELS, *(label for one in bundles for label in one.manifest.classes)]
    _check(config, bundles, list(dict.fromkeys(known)))
    own = joint_decisions(bundles, config.detection.bundle_settings).thresholds
    said = config.detection.thresholds.model_dump(exclude_unset=True, exclude_none=True)
    thresholds = own | said
    detection = {
        **config.detection.model_dump(exclude={"thresholds"}),
        "thresholds": thresholds,
        "own": [_described(one) for one in bundles],
    }
    changed = DetectionConfig.model_validate(detection)
    return config.model_copy(update={"detection": changed})


def known_classes(config: RedactionConfig) -> list[str]:
    """Every class that can be hidden: those of the packaged networks, then of the bundles."""
    bundles = [open_bundle(Path(one)) for one in config.detection.bundles]
    own = (label for one in bundles for label in one.manifest.classes)
    return list(dict.fromkeys((*LABELS, *own)))


def looked_for(label: str, config: RedactionConfig) -> tuple[str, ...]:
    """What networks look for to find a class: heads that none knows come from faces and people."""
    return SOURCES[label] if is_derived(label, config) else (label,)


def located(config: RedactionConfig, folders: Sequence[Path]) -> RedactionConfig:
    """The configuration of a track file with the folders of the custom detectors that it names.

    Raises ConfigError where it names none; whether these are the ones their checksums tell.
    """
    if folders and not config.detection.own:
        raise ConfigError(f"--bundle {folders[0]}: no custom detector hid here; leave --bundle out")
    detection = config.detection.model_copy(update={"bundles": tuple(map(str, folders))})
    return config.model_copy(update={"detection": detection}) if folders else config


def is_derived(label: str, config: RedactionConfig) -> bool:
    """Whether a class is made of what was seen of others."""
    return label in SOURCES and not config.detection.knowing(label)


def _check(config: RedactionConfig, bundles: list[Bundle], known: list[str]) -> None:
    asked = {"hide": config.hide, "thresholds": config.detection.thresholds.model_extra or {}}
    for where, labels in asked.items():
        unknown = [label for label in labels if label not in known]
        if unknown:
            raise ConfigError(
                f"{where}: {', '.join(unknown)} is no class; known are {', '.join(known)}"
            )
    wanted = {source for label in config.hide for source in (label, *SOURCES.get(label, ()))}
    for one in bundles:
        if not wanted & set(one.manifest.classes):
            raise ConfigError(
                f"{one.folder}: finds {', '.join(one.manifest.classes)}, and nothing of that is "
                f"hidden; add --hide {one.manifest.classes[0]} or leave the bundle out"
            )


def _described(bundle: Bundle) -> OwnBundle:
    manifest = bundle.manifest
    return OwnBundle(
        name=bundle.folder.resolve().name,
        sha256=checksum_of(bundle),
        classes=manifest.classes,
        longest=manifest.plan(DetectorPlan).longest,
    )
