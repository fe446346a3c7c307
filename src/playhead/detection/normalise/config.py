"""The configuration of normalisation: the sources, their classes, and how labels are repaired."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import ConfigDict, Field, field_validator, model_validator

from playhead.config import BAD_YAML, Settings, load_config, override, validate
from playhead.errors import ConfigError

__all__ = [
    "REST",
    "NormaliseConfig",
    "SourceConfig",
    "load_normalise_config",
    "normalise_options",
]

REST = "test"
"""The split of the images that the given shares do not cover."""

_YAML = frozenset({".yaml", ".yml"})


class SourceConfig(Settings):
    """One source of labels, in one format."""

    model_config = ConfigDict(populate_by_name=True)

    path: Path = Field(
        description="folder of labels, data.yaml, COCO document, CSV of boxes, or manifest"
    )
    format: Literal["auto", "manifest", "yolo", "voc", "coco", "csv"] = Field(
        default="auto", description="auto: detected from the files"
    )
    name: str = Field(
        default="",
        pattern=r"^([^./\\][^/\\]*)?$",
        description="name in reports and folders; by default the name of its folder",
    )
    images: Path | None = Field(default=None, description="folder of the images")
    class_: str | None = Field(
        default=None, alias="class", description="class of every box, overriding its label"
    )
    classes: dict[int | str, str | None] = Field(
        default_factory=dict,
        description="number or name of a class: its new name, or null to drop it",
    )
    first_pixel: Literal[0, 1] = Field(
        default=1, description="VOC: number of the first pixel; 0: half-open boxes from 0"
    )
    split: str | None = Field(default=None, description="split of every image of this source")
    group: str | None = Field(default=None, description="group of every image of this source")


class NormaliseConfig(Settings):
    """The sources, and how they are merged into one data set."""

    sources: tuple[SourceConfig, ...] = Field(
        default=(), description="label sources, at least one; earlier ones take precedence"
    )
    images: Path | None = Field(default=None, description="folder of the images of all sources")
    classes: tuple[str, ...] = Field(default=(), description="classes to keep, in order; none: all")
    map: dict[str, str | None] = Field(
        default_factory=dict, description="old class name: new name, for every source"
    )
    duplicates: float = Field(
        default=0.9, gt=0, le=1, description="IoU at which two boxes of a class are duplicates"
    )
    min_size: float = Field(default=1.0, ge=0, description="minimum shorter side of a box, pixels")
    unlabelled: Literal["leave", "empty"] = Field(
        default="leave",
        description="images without labels: leave them out, or keep them as images without objects",
    )
    group_by: str | None = Field(
        default=None,
        description="regular expression on an image's name; its first group, or the whole match, "
        "is the image's group",
    )
    split: dict[str, float] = Field(
        default_factory=dict, description=f"share of each split; the rest is {REST}"
    )
    seed: int = Field(default=0, ge=0, description="seed of the assignment to splits")
    check: Literal["pixels", "header"] = Field(
        default="pixels", description="pixels: decode every image; header: read its header only"
    )

    @field_validator("group_by")
    @classmethod
    def _is_expression(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"is not a valid regular expression ({error})") from error
        return value

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if not self.sources:
            raise ValueError("has no label source; list at least one, with its path, in `sources`")
        total = sum(self.split.values())
        if any(share <= 0 for share in self.split.values()) or total > 1 + 1e-9:
            raise ValueError(
                f"each share of a split must be above 0, and their sum at most 1, got {total:g}"
            )
        if REST in self.split and total < 1 - 1e-9:
            raise ValueError(f"the shares of splits with {REST} must add up to 1, got {total:g}")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"a class is listed twice: {', '.join(self.classes)}")
        for source in self.sources:
            name = source.class_ and self.map.get(source.class_, source.class_)
            if self.classes and name and name not in self.classes:
                raise ValueError(
                    f"{source.path}: its class {name!r} is not one of the classes "
                    f"{', '.join(self.classes)}"
                )
        return self

    def shares(self) -> dict[str, float]:
        """The share of every split, including the rest."""
        left = 1 - sum(self.split.values())
        return self.split | ({REST: left} if left > 1e-9 else {})


def load_normalise_config(
    sources: Sequence[str], options: Mapping[str, Any], settings: Sequence[str] = ()
) -> NormaliseConfig:
    """The configuration of a command line: sources, or one YAML file, with `options` over it.

    A source is `PATH` or `CLASS=PATH`. Paths in a YAML file are relative to it.
    options: by field; None leaves the field unchanged. Raises ConfigError listing every mistake.
    """
    changes = {key: value for key, value in options.items() if value is not None}
    file = next((text for text in sources if _is_config(text)), None)
    if file is not None and len(sources) > 1:
        raise ConfigError(
            f"{file}: a configuration file must be the only argument; add the other sources to it"
        )
    if file is None:
        values: dict[str, Any] = {**changes, "sources": [_source(text) for text in sources]}
        for setting in settings:
            override(values, setting)
        return validate(NormaliseConfig, values, source="normalise")
    path = Path(file)
    values = load_config(NormaliseConfig, path, settings).model_dump(by_alias=True)
    for part in (values, *values["sources"]):
        for key in ("path", "images"):
            if part.get(key) is not None:
                part[key] = path.parent / part[key]
    return validate(NormaliseConfig, values | changes, source=file)


def normalise_options(
    sources: Sequence[str],
    settings: Sequence[str],
    *,
    classes: str | None,
    renamed: Sequence[str],
    split: str | None,
    **options: Any,
) -> NormaliseConfig:
    """The configuration from the options of the command line.

    classes: `car,plate`; renamed: `old=new` each; split: `train=.7,valid=.15`; options: by field
    """
    if classes is not None:
        options["classes"] = [name.strip() for name in classes.split(",") if name.strip()]
    for text in renamed:
        old, equals, new = (part.strip() for part in text.partition("="))
        if not old or not equals:
            raise ConfigError(f"--map {text}: needs old=new, or old= to drop a class")
        options.setdefault("map", {})[old] = new or None
    for part in () if split is None else split.split(","):
        name, _, share = (text.strip() for text in part.partition("="))
        try:
            options.setdefault("split", {})[name] = float(share)
        except ValueError:
            name = ""
        if not name:
            raise ConfigError(f"--split {split}: needs shares, such as train=.7,valid=.15")
    return load_normalise_config(sources, options, settings)


def _source(text: str) -> dict[str, str]:
    label, equals, path = text.partition("=")
    if not equals or Path(text).exists():
        return {"path": text}
    if not label or not path:
        raise ConfigError(f"{text}: a source is PATH or CLASS=PATH, such as face=labels/faces")
    return {"path": path, "class": label}


def _is_config(text: str) -> bool:
    """Whether a source is a configuration, and not the `data.yaml` of a data set."""
    path = Path(text)
    if path.suffix.lower() not in _YAML or ("=" in text and not path.exists()):
        return False
    if not path.is_file():
        raise ConfigError(f"{path}: no such configuration file; give its path")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, *BAD_YAML):
        return True  # loading it says what is wrong
    return not isinstance(values, dict) or "names" not in values
