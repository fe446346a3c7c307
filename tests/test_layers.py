"""The core knows no job: no module of it holds a job's name in a text that the program uses."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import playhead

SOURCE = Path(playhead.__file__).parent
JOBS = ("spotting", "impact", "recognition", "detection", "redaction", "episodes")
NOT_CORE = {*JOBS, "demos", "cli.py", "__main__.py"}
NAMES_A_JOB = re.compile(
    rf"(playhead )?({'|'.join(JOBS)})|.*playhead ({'|'.join(JOBS)})\b.*", re.DOTALL
)


def core_modules() -> Iterator[Path]:
    for path in sorted(SOURCE.rglob("*.py")):
        if path.relative_to(SOURCE).parts[0] not in NOT_CORE:
            yield path


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Every string of a module but its docstrings, with its line."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in docstrings:
            continue
        if isinstance(node.value, str):
            yield node.lineno, node.value


@pytest.mark.parametrize(
    "path", list(core_modules()), ids=lambda path: str(path.relative_to(SOURCE))
)
def test_no_text_of_the_core_names_a_job(path: Path) -> None:
    named = [(line, text) for line, text in texts(path) if NAMES_A_JOB.fullmatch(text)]
    assert named == []


def test_a_text_that_names_a_job_is_noticed() -> None:
    for text in ("redaction", "use `playhead spotting train` first", "playhead detection"):
        assert NAMES_A_JOB.fullmatch(text)
    for text in ("a detection in frame 3", "results_spotting.json", "redactions"):
        assert not NAMES_A_JOB.fullmatch(text)
