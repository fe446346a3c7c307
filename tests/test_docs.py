"""The documents show commands that parse, links that lead somewhere, and the program's own tables.

No command is run, only parsed: that checks its names, options and types, and that none is missing.
"""

import contextlib
import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from playhead.cli import app
from playhead.config import Settings
from playhead.detection.config import DetectorConfig, load_detector_config
from playhead.detection.normalise.config import NormaliseConfig, load_normalise_config
from playhead.detection.synthesis.config import SynthesisConfig
from playhead.episodes.network.config import BoundaryConfig
from playhead.impact.config import ImpactConfig
from playhead.impact.helmets.config import HelmetConfig
from playhead.impact.tracked.config import TrackedConfig
from playhead.recognition.config import RecognitionConfig
from playhead.redaction.config import RedactionConfig
from playhead.spotting.config import SpottingConfig, load_spotting_config
from playhead.spotting.stages.plan import load_plan

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
SHELLS = {"", "sh", "bash", "console"}
COMMAND = re.compile(r"(?:\$ )?(?:\S+=\S+ )*(?:\S*/)?playhead (?P<rest>.*)")
PROGRAM = typer.main.get_command(app)
ids = [str(page.relative_to(ROOT)) for page in PAGES]


def reference() -> ModuleType:
    path = ROOT / "docs" / "reference" / "make_reference.py"
    spec = importlib.util.spec_from_file_location("make_reference", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shown_commands(text: str) -> Iterator[str]:
    """Command lines in shell blocks; what the shell does with them is cut away."""
    for language, block in FENCE.findall(text):
        if language in SHELLS:
            for line in block.replace("\\\n", " ").splitlines():
                if found := COMMAND.fullmatch(line.strip()):
                    yield re.split(r" (?:[|;>]|&&|2>)", found["rest"])[0]


def named_commands(text: str) -> Iterator[str]:
    """Commands in running text, whose arguments may be left out."""
    yield from re.findall(r"`playhead ([^`]+)`", FENCE.sub("", text))


def parse(line: str, *, whole: bool) -> None:
    """Parse a command line as the program would; raises TyperException where it does not parse."""
    command: Any = PROGRAM
    context: Any = None
    words = shlex.split(line, comments=True)
    name = "playhead"
    while True:
        context = command.make_context(
            name, words, parent=context, resilient_parsing=not whole and not _group(command)
        )
        if not _group(command):
            return
        words = [*context._protected_args, *context.args]
        name, command, words = command.resolve_command(context, words)
        if not words and (_group(command) or not whole):
            return


def _group(command: Any) -> bool:
    return hasattr(command, "commands")


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_command_shown_parses(page):
    text = page.read_text(encoding="utf-8")
    for line, whole in [
        *((line, True) for line in shown_commands(text)),
        *((line, False) for line in named_commands(text)),
    ]:
        try:
            with contextlib.suppress(typer.Exit):  # --help has done its work
                parse(line, whole=whole)
        except typer.TyperException as error:
            pytest.fail(f"{page.name}: playhead {line}: {error.format_message()}")


@pytest.mark.parametrize(
    "line",
    [
        "spotting predic bundle a.mp4 --out out",
        "spotting predict bundle a.mp4 --ouf out",
        "spotting predict bundle a.mp4",
        "spotting predict bundle a.mp4 --out out --every half",
        "nonsense",
    ],
)
def test_a_wrong_command_does_not_parse(line):
    with pytest.raises(typer.TyperException):
        parse(line, whole=True)


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_relative_link_leads_to_a_file_and_a_heading(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), f"{page.name} links to {target}, which is not there"
        assert not anchor or anchor in anchors(file), f"{page.name}: no heading {target}"


def anchors(page: Path) -> set[str]:
    """The names that headings are linked by."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


@pytest.mark.parametrize("page", ["cli.md", "config.md"])
def test_the_reference_says_what_the_program_says(page):
    module = reference()
    path = ROOT / "docs" / "reference" / page
    text = path.read_text(encoding="utf-8")
    made = module.page_with(text, module.PAGES[path]())
    assert text == made, f"run `python docs/reference/{Path(module.__file__).name}`"


@pytest.mark.parametrize(
    "model",
    [
        SpottingConfig,
        ImpactConfig,
        BoundaryConfig,
        HelmetConfig,
        TrackedConfig,
        RecognitionConfig,
        RedactionConfig,
        DetectorConfig,
        NormaliseConfig,
        SynthesisConfig,
    ],
    ids=lambda one: one.__name__,
)
def test_every_setting_has_a_meaning(model):
    assert list(unexplained(model)) == []


def unexplained(model: type[Settings]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        sections = reference()._models_of(field.annotation)
        for section in sections:
            yield from unexplained(section)
        if not sections and not field.description:
            yield f"{model.__name__}.{name}"


def test_the_defaults_of_a_section_are_those_that_its_field_gives_it():
    rows = "\n".join(reference()._sections(TrackedConfig, "", "Tracks: the whole"))
    assert TrackedConfig.model_fields["training"].default.batch_size == 32
    assert "| `training.batch_size` | `32` |" in rows
    assert "| `data.size` | needed |" in rows


def test_the_configurations_of_the_spotting_guide_are_valid(tmp_path):
    guide = (ROOT / "docs" / "guide" / "spotting.md").read_text(encoding="utf-8")
    single, recipe = [text for language, text in FENCE.findall(guide) if language == "yaml"]
    (tmp_path / "serves.yaml").write_text(single, encoding="utf-8")
    (tmp_path / "recipe.yaml").write_text(recipe, encoding="utf-8")
    config = load_spotting_config(tmp_path / "serves.yaml")
    assert config.training.select == "window_map"
    stages = load_plan(tmp_path / "recipe.yaml").stages
    assert [stage.earlier for stage in stages] == [(), ("basic",)]


def test_the_configurations_of_the_detection_guide_are_valid(tmp_path):
    guide = (ROOT / "docs" / "guide" / "detection.md").read_text(encoding="utf-8")
    sources, own = [text for language, text in FENCE.findall(guide) if language == "yaml"]
    (tmp_path / "sources.yaml").write_text(sources, encoding="utf-8")
    (tmp_path / "own.yaml").write_text(own, encoding="utf-8")
    assert len(load_normalise_config([str(tmp_path / "sources.yaml")], {}).sources) == 3
    assert load_detector_config(tmp_path / "own.yaml").data.classes == ("car", "plate")


def test_every_job_and_group_of_commands_is_in_the_reference():
    page = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    for group in PROGRAM.commands:  # type: ignore[attr-defined]
        assert f"`playhead {group}" in page
