"""The tables of the reference, made from the program itself: run this after changing either.

    python docs/reference/make_reference.py

rewrites what stands between the two marks of `cli.md` (from the commands) and of `config.md` (from
the configuration models). A test fails while a page and the program disagree.
"""

import json
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from playhead.cli import app
from playhead.config import Settings
from playhead.detection.config import DetectorConfig
from playhead.detection.normalise.config import NormaliseConfig
from playhead.detection.synthesis.config import SynthesisConfig
from playhead.episodes.network.config import BoundaryConfig
from playhead.impact.config import ImpactConfig
from playhead.impact.helmets.config import HelmetConfig
from playhead.impact.tracked.config import TrackedConfig
from playhead.recognition.config import RecognitionConfig
from playhead.redaction.audit import AuditConfig
from playhead.redaction.config import RedactionConfig
from playhead.spotting.config import SpottingConfig
from playhead.spotting.stages.plan import Links
from playhead.worlds.collisions import CollisionsConfig
from playhead.worlds.football import FootballConfig
from playhead.worlds.gestures import GesturesConfig
from playhead.worlds.season import SeasonConfig
from playhead.worlds.street import StreetConfig

__all__ = ["PAGES", "commands", "page_with", "settings"]

HERE = Path(__file__).parent
BEGIN, END = "<!-- made by make_reference.py -->\n", "<!-- end of what is made -->\n"
PROGRAM = "playhead"
BRACES = str.maketrans("", "", "{}")
BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


def commands() -> str:
    """Every command: what it does, its arguments and options, and its example."""
    parts = [_command(*found) for found in _walk(typer.main.get_command(app), None, PROGRAM)]
    return "\n".join(parts)


def settings() -> str:
    """Every setting of the jobs and of the worlds: default, values, meaning."""
    parts = [
        *_sections(SpottingConfig, "", "Spotting: the whole"),
        *_sections(Links, "", "Spotting, each of a recipe's `stages`: the whole"),
        *_sections(ImpactConfig, "", "Impact, collision network: the whole"),
        *_sections(HelmetConfig, "", "Impact, helmet network: the whole"),
        *_sections(TrackedConfig, "", "Impact, tracked helmets: the whole"),
        *_sections(RecognitionConfig, "", "Recognition: the whole"),
        *_sections(BoundaryConfig, "", "Episodes: the whole"),
        *_sections(RedactionConfig, "", "Redaction: the whole"),
        _section("Redaction: the audit", "", AuditConfig),
        *_sections(DetectorConfig, "", "A detector: the whole"),
        *_sections(NormaliseConfig, "", "Normalising: the whole"),
        _section("Synthesising", "", SynthesisConfig),
        _section("The football world", "", FootballConfig),
        _section("The street world", "", StreetConfig),
        _section("The collisions world", "", CollisionsConfig),
        _section("The gestures world", "", GesturesConfig),
        _section("The season world", "", SeasonConfig),
    ]
    return "\n".join(parts)


def page_with(text: str, made: str) -> str:
    """A page with `made` between its marks."""
    head, rest = text.split(BEGIN)
    return f"{head}{BEGIN}\n{made}\n{END}{rest.split(END)[1]}"


PAGES = {HERE / "cli.md": commands, HERE / "config.md": settings}


def _walk(command: Any, parent: Any, name: str) -> Iterator[tuple[Any, Any]]:
    context = command.make_context(name, [], parent=parent, resilient_parsing=True)
    inner = getattr(command, "commands", None)
    if inner is None:
        yield command, context
    else:
        for key, one in inner.items():
            yield from _walk(one, context, key)


def _command(command: Any, context: Any) -> str:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    params = [param for param in command.get_params(context) if param.name != "help"]
    rows = [param.get_help_record(context) for param in params]
    lines = [
        f"### `{context.command_path}`",
        command.help,
        f"```text\n{usage.translate(BRACES).replace('......', '...')}\n```",
        _table(("argument or option", "meaning"), [(f"`{_cell(a)}`", _cell(b)) for a, b in rows]),
        f"```sh\n{command.epilog.removeprefix('Example: ')}\n```",
    ]
    return "\n\n".join(lines) + "\n"


def _sections(
    model: type[Settings], path: str, title: str, given: Settings | None = None
) -> Iterator[str]:
    """The table of a model and those of its sections; given: the default of the field it is in."""
    yield _section(title, path, model, given)
    job = title.partition(":")[0]
    for name, field in model.model_fields.items():
        choices = _models_of(field.annotation)
        for inner in choices:
            key = f"{path}{field.alias or name}"
            default = _default(name, field, given)
            inner_given = default if isinstance(default, inner) else None
            which = f", `{_kinds(inner)}`" if len(choices) > 1 else ""
            yield from _sections(inner, f"{key}.", f"{job}: `{key}`{which}", inner_given)


def _section(title: str, path: str, model: type[Settings], given: Settings | None = None) -> str:
    rows = []
    for name, field in model.model_fields.items():
        inner = _model_of(field.annotation)
        key = f"`{path}{field.alias or name}`"
        meaning = field.description or (f"see {key} below" if inner else "")
        default = _written(_default(name, field, given))
        rows.append((key, default, _cell(_sort_of(field, inner)), _cell(meaning)))
    doc = " ".join((model.__doc__ or "").split())
    return f"### {title}\n\n{doc}\n\n{_table(('setting', 'default', 'values', 'meaning'), rows)}\n"


def _model_of(annotation: Any) -> type[Settings] | None:
    """The section that a field holds, if it is one; the first of several that it may be."""
    return next(iter(_models_of(annotation)), None)


def _models_of(annotation: Any) -> list[type[Settings]]:
    """The section that a field holds, or the several of which it is one."""
    return [
        one
        for one in get_args(annotation) or (annotation,)
        if isinstance(one, type) and issubclass(one, Settings)
    ]


def _kinds(model: type[Settings]) -> str:
    """The values of `kind` that choose this section among others."""
    return "`, `".join(get_args(model.model_fields["kind"].annotation))


def _sort_of(field: FieldInfo, section: type[Settings] | None) -> str:
    if section is None:
        return _values(field)
    return "list of sections" if get_origin(field.annotation) is tuple else "a section"


def _default(name: str, field: FieldInfo, given: Settings | None) -> Any:
    if given is not None:
        return getattr(given, name)
    return field.get_default(call_default_factory=True)


def _written(default: Any) -> str:
    if default is PydanticUndefined:
        return "needed"
    if isinstance(default, Settings):
        return ""
    return f"`{json.dumps(default)}`"


def _values(field: FieldInfo) -> str:
    bounds = [
        f"{words} {value:g}"
        for one in field.metadata
        for name, words in BOUNDS.items()
        if (value := getattr(one, name, None)) is not None
    ]
    return ", ".join([_words(field.annotation), *bounds])


def _words(annotation: Any) -> str:
    """A type in words that a writer of YAML knows."""
    origin, inner = get_origin(annotation), get_args(annotation)
    match origin:
        case None:
            names = {bool: "true or false", int: "whole number", float: "number", str: "text"}
            return names.get(annotation, "path" if annotation is Path else str(annotation))
        case _ if origin is Literal:
            return ", ".join(f"`{value}`" for value in inner)
        case _ if origin in (Union, types.UnionType):
            return " or ".join("null" if one is type(None) else _words(one) for one in inner)
        case _ if origin is tuple and inner[-1] is Ellipsis:
            words = _words(inner[0])
            return f"list of {words}" if words.startswith("`") else f"list of {words}s"
        case _ if origin is tuple:
            return f"[{', '.join(_words(one) for one in inner)}]"
        case _ if origin is dict:
            return f"mapping of {_words(inner[0])} to {_words(inner[1])}"
        case _:  # Annotated
            return _words(inner[0])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _table(titles: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [titles, ("---",) * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    for page, made in PAGES.items():
        page.write_text(page_with(page.read_text(encoding="utf-8"), made()), encoding="utf-8")
