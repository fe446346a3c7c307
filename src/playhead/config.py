"""Configurations: YAML plus `key=value`, validated by a model; all mistakes are listed at once.

A configuration is a `Settings` subclass: unknown keys are errors, values are frozen, and
the default of each field is only in the model.
"""

import difflib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from playhead.errors import ConfigError

__all__ = [
    "BAD_YAML",
    "Settings",
    "find_config",
    "load_config",
    "merge",
    "override",
    "read_settings",
    "source_of",
    "validate",
]

BAD_YAML = (yaml.YAMLError, RecursionError, ValueError)
"""What reading YAML raises, including deep nesting, invalid dates and too many digits."""


class Settings(BaseModel):
    """Base class of configurations: frozen, and an unknown key is an error.

    A section that is given in part keeps the field's own default in the rest of it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _keep_the_defaults_of_sections(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        sections = {
            name: merge(field.default.model_dump(exclude_unset=True), values[name])
            for name, field in cls.model_fields.items()
            if isinstance(field.default, Settings) and isinstance(values.get(name), Mapping)
        }
        return {**values, **sections}


def merge(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Nested mappings, in which a change of one key keeps those beside it."""
    inner = {
        key: merge(values[key], change)
        for key, change in changes.items()
        if isinstance(change, Mapping) and isinstance(values.get(key), Mapping)
    }
    return {**values, **changes, **inner}


SettingsT = TypeVar("SettingsT", bound=Settings)


def read_settings(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file, not validated. Raises ConfigError if it is not one."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: there is no such configuration file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as a configuration: {error}") from error
    except BAD_YAML as error:
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: needs a mapping of settings, but is a {type(values).__name__}")
    return values


def load_config(model: type[SettingsT], path: Path, settings: Sequence[str] = ()) -> SettingsT:
    """Read a YAML file, apply `key.inner=value` settings in order, and validate.

    Raises ConfigError with every mistake and its path, and the file or the name of the packaged
    configuration.
    """
    values = read_settings(path)
    for setting in settings:
        override(values, setting)
    return validate(model, values, source=source_of(path))


def find_config(name: str, package: str) -> Path:
    """The path of a packaged configuration in `package`/configs, or of a .yaml file.

    Raises ConfigError listing the packaged configurations, if there is none of this name.
    """
    path = Path(name)
    if path.suffix in {".yaml", ".yml"}:
        return path
    packaged = Path(str(resources.files(package) / "configs"))
    file = packaged / f"{name}.yaml"
    if not file.is_file():
        known = ", ".join(sorted(other.stem for other in packaged.glob("*.yaml")))
        raise ConfigError(
            f"{name}: there is no packaged configuration of this name; choose from {known}, "
            "or give a path that ends in .yaml"
        )
    return file


def override(values: dict[str, Any], setting: str) -> None:
    """Apply one `key.inner=value` to nested `values` in place; the value is YAML."""
    key, separator, text = setting.partition("=")
    if not separator or not key.strip():
        raise ConfigError(f"--set {setting}: needs the form key=value, as in training.epochs=3")
    *parents, last = key.strip().split(".")
    target = values
    for parent in parents:
        inner = target[parent] = {} if target.get(parent) is None else target[parent]
        if not isinstance(inner, dict):
            raise ConfigError(f"--set {setting}: {parent} is a value, not a section")
        target = inner
    try:
        target[last] = yaml.safe_load(text)
    except BAD_YAML as error:
        raise ConfigError(f"--set {setting}: the value is not valid YAML") from error


LOCAL = "local path"
"""Marks a string that may be a local path, as in `Annotated[str, LOCAL]`."""


def without_folders(settings: Any) -> dict[str, Any]:
    """Settings as JSON values, with paths reduced to file names, without local folders."""

    def public(value: Any, dumped: Any, local: bool) -> Any:
        if isinstance(value, Path):
            return value.name
        if isinstance(value, Settings):
            return without_folders(value)
        if isinstance(value, tuple):
            pairs = zip(value, dumped, strict=True)
            return [public(item, plain, local) for item, plain in pairs]
        return Path(value).name if local and isinstance(value, str) else dumped

    dumped = settings.model_dump(mode="json")
    return {
        name: public(getattr(settings, name), dumped[name], LOCAL in field.metadata)
        for name, field in type(settings).model_fields.items()
    }


def validate(model: type[SettingsT], values: dict[str, Any], *, source: str) -> SettingsT:
    """Validate `values`. Raises ConfigError with all mistakes, each with its path and value."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        causes = _causes(error.errors(include_url=False))
        mistakes = [_sentence(model, mistake) for mistake in causes]
    count = f"{len(mistakes)} mistakes" if len(mistakes) > 1 else "a mistake"
    raise ConfigError(f"{source}: {count} in the configuration: " + "; ".join(mistakes))


def source_of(path: Path) -> str:
    """The file as the user named it, or the name of a packaged configuration."""
    packaged = path.parent.name == "configs" and path.is_relative_to(Path(__file__).parent)
    return path.stem if packaged else str(path)


def _causes(mistakes: Sequence[Any]) -> list[Any]:
    """The mistakes without consequences of others: a list is too short if its items are invalid."""
    locations = [mistake["loc"] for mistake in mistakes]
    return [
        mistake
        for mistake in mistakes
        if mistake["type"] != "too_short"
        or not any(_is_inside(p, mistake["loc"]) for p in locations)
    ]


def _is_inside(location: Sequence[Any], section: Sequence[Any]) -> bool:
    return len(location) > len(section) and location[: len(section)] == section


def _sentence(model: type[Settings], mistake: Any) -> str:
    location, _ = _followed(model, mistake["loc"])
    path = ".".join(str(part) for part in location)
    if mistake["type"] == "extra_forbidden":
        known = _fields_at(model, mistake["loc"][:-1])
        close = difflib.get_close_matches(str(mistake["loc"][-1]), known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
        return f"{path} is not a setting ({hint})"
    if mistake["type"] == "missing":
        return f"{path} is missing"
    message = _needed(mistake)
    # For a section that contradicts itself, leave out its values, which would fill a page.
    if not (mistake["type"] == "value_error" and _is_section(mistake["input"])):
        message = f"{message}, got {_got(mistake['input'])}"
    return f"{path}: {message}" if path else message


def _needed(mistake: Any) -> str:
    """What a setting needs, in the terms of a YAML file."""
    got = mistake["input"]
    match mistake["type"]:
        case "tuple_type" | "list_type":
            single = isinstance(got, str | int | float)
            return f"needs a list, as [{got}]" if single else "needs a list"
        case "dict_type" | "model_type":
            return "needs a section of settings"
        case "union_tag_invalid":
            context = mistake["ctx"]
            return (
                f"{context['discriminator'].strip(chr(39))} needs one of {context['expected_tags']}"
            )
        case "union_tag_not_found":
            return f"needs {mistake['ctx']['discriminator'].strip(chr(39))}"
    message: str = mistake["msg"].removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _fields_at(model: type[Settings], location: Sequence[Any]) -> list[str]:
    """The names of the settings at a location, as in a YAML file."""
    _, section = _followed(model, location)
    fields = getattr(section, "model_fields", {})
    return sorted(field.alias or name for name, field in fields.items())


def _followed(model: type[Settings], location: Sequence[Any]) -> tuple[list[Any], Any]:
    """A location as in a YAML file, and the section there, None if there is none.

    Of a section that is one of several, pydantic's location also holds its kind, which is left out.
    """
    path: list[Any] = []
    possible: list[Any] = [model]
    for part in location:
        chosen = [section for section in possible if len(possible) > 1 and _is_kind(section, part)]
        if chosen:
            possible = chosen
            continue
        path.append(part)
        if isinstance(part, int):  # an index in a list of sections
            continue
        fields = [section.model_fields.get(part) for section in possible]
        possible = [] if fields[:1] in ([], [None]) else _sections(fields[0].annotation)
    return path, next(iter(possible), None)


def _sections(annotation: Any) -> list[Any]:
    """The models of a field, also inside a list or an optional."""
    if hasattr(annotation, "model_fields"):
        return [annotation]
    return [section for part in get_args(annotation) for section in _sections(part)]


def _is_kind(section: Any, value: Any) -> bool:
    return any(value in get_args(field.annotation) for field in section.model_fields.values())


def _is_section(value: Any) -> bool:
    return isinstance(value, dict | BaseModel)


def _got(value: Any) -> str:
    """A value as in a YAML file, shortened; sections are not printed."""
    if _is_section(value):
        return "a section"
    if isinstance(value, list | tuple) and any(map(_is_section, value)):
        return "a list of sections"
    text = repr(str(value) if isinstance(value, Path) else value)
    return text if len(text) <= 60 else text[:57] + "..."
