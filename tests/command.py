"""Running the command line in this process: as fast as a call, with what a shell would see."""

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any
from unittest import mock

from playhead.cli import main

__all__ = ["Finished", "playhead", "playhead_json", "run"]


@dataclass(frozen=True)
class Finished:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


def run(*arguments: object) -> Finished:
    """Run a command, whatever its exit code."""
    out, err = io.StringIO(), io.StringIO()
    argv = ["playhead", *map(str, arguments)]
    with mock.patch.object(sys, "argv", argv), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            return Finished(int(end.code or 0), out.getvalue(), err.getvalue())
    raise AssertionError("the command line always ends with an exit code")


def playhead(*arguments: object, code: int = 0) -> str:
    """The standard output of a command; another exit code than `code` fails the test."""
    finished = run(*arguments)
    assert finished.code == code, finished.err
    return finished.out


def playhead_json(*arguments: object, code: int = 0) -> Any:
    """The one document that `--json` prints."""
    return json.loads(playhead(*arguments, "--json", code=code))
