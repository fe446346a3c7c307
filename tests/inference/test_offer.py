"""The offer to fetch weights: what it says, when it asks, and that nothing is fetched unasked."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest

from playhead.errors import WeightsError
from playhead.inference import offer
from playhead.inference.offer import require_weights
from playhead.inference.weights import find_weight

COMMAND = "playhead weights get pair"
GROUP, NAMES = "pair", ("centerface", "plates")


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PLAYHEAD_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that were fetched, in order, while nothing really is."""
    names: list[str] = []
    monkeypatch.setattr(offer, "get_weights", names.append)
    return names


@pytest.fixture
def at_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Terminal]:
    """A person who types this; returns what stands on standard error."""

    def sit(typed: str) -> Terminal:
        shown = Terminal()
        monkeypatch.setattr(sys, "stdin", Terminal(typed))
        monkeypatch.setattr(sys, "stderr", shown)
        return shown

    return sit


def put(shelf: Path, name: str) -> None:
    weight = find_weight(name)
    assert weight is not None
    path = shelf / "weights" / name / weight.file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"there")


def test_one_line_names_the_command_the_size_and_the_licences(
    shelf: Path, fetched: list[str]
) -> None:
    with pytest.raises(WeightsError) as caught:
        require_weights(NAMES, GROUP)
    line = str(caught.value)
    assert "\n" not in line
    assert f"`{COMMAND}`" in line
    assert "centerface, plates" in line
    assert "9.0 MB" in line  # 7,304,518 + 1,708,577 bytes
    assert "MIT (package), Apache-2.0" in line
    assert fetched == []


def test_only_what_is_missing_is_named(shelf: Path, fetched: list[str]) -> None:
    put(shelf, "centerface")
    with pytest.raises(WeightsError, match="weights plates .1.7 MB.* are not here yet"):
        require_weights(NAMES, GROUP)


def test_nothing_is_said_or_asked_where_everything_is_there(
    shelf: Path, fetched: list[str], at_terminal: Callable[[str], Terminal]
) -> None:
    for name in NAMES:
        put(shelf, name)
    shown = at_terminal("y\n")
    require_weights(NAMES, GROUP)
    assert shown.getvalue() == ""
    assert fetched == []


@pytest.mark.parametrize("answer", ["y\n", "yes\n", " Y \n"])
def test_a_yes_at_the_terminal_fetches_what_is_missing_once(
    answer: str, shelf: Path, fetched: list[str], at_terminal: Callable[[str], Terminal]
) -> None:
    shown = at_terminal(answer)
    require_weights((*NAMES, *NAMES), GROUP)
    assert fetched == list(NAMES)
    assert shown.getvalue().endswith("[y/N] ")
    assert "9.0 MB" in shown.getvalue()
    assert "Apache-2.0" in shown.getvalue()


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "yep\n", "no\n"])
def test_anything_but_a_yes_fetches_nothing(
    answer: str, shelf: Path, fetched: list[str], at_terminal: Callable[[str], Terminal]
) -> None:
    at_terminal(answer)
    with pytest.raises(WeightsError, match=COMMAND):
        require_weights(NAMES, GROUP)
    assert fetched == []


@pytest.mark.parametrize("redirected", ["stdin", "stderr"])
def test_nobody_is_asked_where_a_stream_is_no_terminal(
    redirected: str,
    shelf: Path,
    fetched: list[str],
    at_terminal: Callable[[str], Terminal],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = at_terminal("y\n")
    monkeypatch.setattr(sys, redirected, StringIO("y\n"))
    with pytest.raises(WeightsError, match=COMMAND):
        require_weights(NAMES, GROUP)
    assert shown.getvalue() == ""
    assert fetched == []


def test_a_name_that_is_not_in_the_table_is_refused(shelf: Path) -> None:
    with pytest.raises(WeightsError, match="horse: no such packaged weights"):
        require_weights(["plates", "horse"], GROUP)


_PROGRAM = """
from playhead.inference import offer
offer.get_weights = lambda name: print("fetched", name)
offer.require_weights(["plates"], "redaction")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals are Unix's")
def test_a_real_terminal_is_asked_on_standard_error_and_answers(tmp_path: Path) -> None:
    person, program = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM],
        stdin=program,
        stdout=subprocess.PIPE,
        stderr=program,
        text=True,
        env={**os.environ, "PLAYHEAD_HOME": str(tmp_path)},
    )
    os.write(person, b"y\n")
    out, _ = process.communicate(timeout=60)
    os.close(program)
    asked = os.read(person, 4096).decode()
    os.close(person)
    assert out == "fetched plates\n"
    assert "Fetch them now? [y/N]" in asked
