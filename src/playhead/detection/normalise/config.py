"""What is to be made into one set: the sources, their classes, and what counts as wrong."""

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
"""The split of the pictures that the shares leave over."""

_YAML = frozenset({".yaml", ".yml"})


class SourceConfig(Settings):
    """Labels of pictures in one format."""

    model_config = ConfigDict(populate_by_name=True)

    path: Path = Field(description="folder of labels, COCO document, CSV of boxes, or manifest")
    format: Literal["auto", "manifest", "yolo", "voc", "coco", "csv"] = Field(
        default="auto", description="auto: told by what is found"
    )
    name: str = Field(
        default="",
        pattern=r"^[^/\\]*$",
        description="in reports and folders; the name of its folder without one",
    )
    images: Path | None = Field(default=None, description="folder of the pictures")
    class_: str | None = Field(
        default=None, alias="class", description="every box is of this class, whatever it says"
    )
    classes: dict[int | str, str | None] = Field(
        default_factory=dict, description="number or name of a class: its new name, null for none"
    )
    units: Literal["shares", "pixels"] = Field(default="shares", description="of YOLO's numbers")
    first_pixel: Literal[0, 1] = Field(
        default=1, description="VOC: number of the first pixel; 0 means half-open boxes from 0"
    )
    split: str | None = Field(default=None, description="of every picture of this source")
    group: str | None = Field(default=None, description="of every picture of this source")

    @field_validator("class_")
    @classmethod
    def _is_class(cls, value: str | None) -> str | None:
        return _plain(value)

    @field_validator("classes")
    @classmethod
    def _are_classes(cls, value: dict[int | str, str | None]) -> dict[int | str, str | None]:
        return _plain_names(value)

    @field_validator("name")
    @classmethod
    def _is_name(cls, value: str) -> str:
        if value in {".", ".."}:
            raise ValueError("is no name of a folder")
        return value


class NormaliseConfig(Settings):
    """Sources, and how they become one set."""

    sources: tuple[SourceConfig, ...] = Field(
        default=(), description="labels, at least one; of two that differ the earlier holds"
    )
    images: Path | None = Field(default=None, description="folder of the pictures of all sources")
    classes: tuple[str, ...] = Field(
        default=(), description="of the set, in order; boxes of others are left out; none: all"
    )
    map: dict[str, str | None] = Field(
        default_factory=dict, description="old name of a class: new name, in every source"
    )
    duplicates: float = Field(
        default=0.9, gt=0, le=1, description="IoU from which two boxes of a class are one"
    )
    min_size: float = Field(
        default=1.0, ge=0, description="shorter side of a box in pixels; smaller are left out"
    )
    unlabelled: Literal["leave", "empty"] = Field(
        default="leave",
        description="pictures that no label speaks of: leave out, or hold empty of objects",
    )
    group_by: str | None = Field(
        default=None, description="regular expression on a picture's name; its first group or all"
    )
    split: dict[str, float] = Field(
        default_factory=dict, description=f"share of each split; what is left over is {REST}"
    )
    seed: int = Field(default=0, ge=0, description="another one deals out other splits")
    check: Literal["pixels", "header"] = Field(
        default="pixels", description="pixels: decode every picture; header: believe its header"
    )
    loud: float = Field(
        default=0.1, ge=0, le=1, description="share of labels without a picture that is warned of"
    )
    examples: int = Field(default=5, ge=0, description="places that a report names of each kind")

    @field_validator("classes")
    @classmethod
    def _are_classes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name.strip() for name in value)

    @field_validator("map")
    @classmethod
    def _are_names(cls, value: dict[str, str | None]) -> dict[str, str | None]:
        return _plain_names(value)

    @field_validator("group_by")
    @classmethod
    def _is_expression(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"is no regular expression ({error})") from error
        return value

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if not self.sources:
            raise ValueError("names no source of labels; give each a path under `sources`")
        total = sum(self.split.values())
        if any(share <= 0 for share in self.split.values()) or total > 1 + 1e-9:
            raise ValueError(
                f"the shares of splits are above 0 and at most 1 in all, got {total:g}"
            )
        if REST in self.split and total < 1 - 1e-9:
            raise ValueError(f"the shares of splits add up to {total:g}, with {REST} they need 1")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"a class is named twice: {', '.join(self.classes)}")
        for source in self.sources:
            name = source.class_ and self.map.get(source.class_, source.class_)
            if self.classes and name and name not in self.classes:
                raise ValueError(
                    f"{source.path}: is to be of class {name!r}, which is none of "
                    f"{', '.join(self.classes)}"
                )
        return self

    def shares(self) -> dict[str, float]:
        """The share of every split, what is left over included."""
        left = 1 - sum(self.split.values())
        return self.split | ({REST: left} if left > 1e-9 else {})


def load_normalise_config(
    sources: Sequence[str], said: Mapping[str, Any], settings: Sequence[str] = ()
) -> NormaliseConfig:
    """The configuration of a command line: sources, or one YAML file, with what was `said` over it.

    A source is `PATH` or `CLASS=PATH`. Paths in a YAML file are relative to it.
    Raises ConfigError naming every mistake.
    """
    if len(sources) == 1 and _is_config(sources[0]):
        path = Path(sources[0])
        config = load_config(NormaliseConfig, path, settings)
        values = _beside(config, path.parent).model_dump(by_alias=True)
        values |= {key: value for key, value in said.items() if value is not None}
        return validate(NormaliseConfig, values, source=str(path))
    alone = next((text for text in sources if _is_config(text)), None)
    if alone is not None:
        raise ConfigError(f"{alone}: a configuration names all sources; write the others into it")
    values = {key: value for key, value in said.items() if value is not None}
    values["sources"] = [_source(text) for text in sources]
    for setting in settings:
        override(values, setting)
    return validate(NormaliseConfig, values, source="normalise")


def normalise_options(
    sources: Sequence[str],
    settings: Sequence[str],
    *,
    images: Path | None,
    classes: str | None,
    renamed: Sequence[str],
    group_by: str | None,
    split: str | None,
    seed: int | None,
) -> NormaliseConfig:
    """The configuration that the options of the command line ask for; None is not said."""
    said = {
        "images": images,
        "classes": None if classes is None else _names(classes),
        "map": _renamed(renamed),
        "group_by": group_by,
        "split": None if split is None else _shares(split),
        "seed": seed,
    }
    return load_normalise_config(sources, said, settings)


def _plain(name: str | None) -> str | None:
    """The name of a class without the spaces around it, as those of the sources are read."""
    return None if name is None else name.strip()


def _plain_names(names: Mapping[Any, str | None]) -> dict[Any, str | None]:
    """Names by numbers or names of classes, all without the spaces around them."""
    plain = {
        key.strip() if isinstance(key, str) else key: _plain(name) for key, name in names.items()
    }
    if len(plain) < len(names):
        raise ValueError(f"a class is named twice: {', '.join(map(repr, names))}")
    return plain


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _renamed(texts: Sequence[str]) -> dict[str, str | None] | None:
    """`old=new` each, `old=` for a class to leave out; None for no text."""
    pairs = [text.partition("=") for text in texts]
    for text, (old, equals, _) in zip(texts, pairs, strict=True):
        if not old or not equals:
            raise ConfigError(f"--map {text}: needs old=new, or old= to leave a class out")
    return {old.strip(): new.strip() or None for old, _, new in pairs} or None


def _shares(text: str) -> dict[str, float]:
    """`train=.7,valid=.15` as shares by split."""
    shares = {}
    for part in text.split(","):
        name, equals, share = part.partition("=")
        try:
            shares[name.strip()] = float(share)
        except ValueError:
            equals = ""
        if not equals or not name.strip():
            raise ConfigError(f"--split {text}: needs the form train=.7,valid=.15")
    return shares


def _source(text: str) -> dict[str, str]:
    label, equals, path = text.partition("=")
    if not equals or Path(text).exists():
        return {"path": text}
    if not label or not path:
        raise ConfigError(f"{text}: a source is PATH or CLASS=PATH, as in face=labels/faces")
    return {"path": path, "class": label}


def _is_config(text: str) -> bool:
    """Whether a source is a configuration, and not the `data.yaml` of a data set."""
    path = Path(text)
    if path.suffix.lower() not in _YAML or ("=" in text and not path.exists()):
        return False
    if not path.is_file():
        raise ConfigError(f"{path}: there is no such configuration file")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, *BAD_YAML):
        return True  # whose reader says what is wrong with it
    return not isinstance(values, dict) or "names" not in values


def _beside(config: NormaliseConfig, folder: Path) -> NormaliseConfig:
    sources = tuple(
        source.model_copy(
            update={
                "path": folder / source.path,
                "images": None if source.images is None else folder / source.images,
            }
        )
        for source in config.sources
    )
    images = None if config.images is None else folder / config.images
    return config.model_copy(update={"sources": sources, "images": images})
