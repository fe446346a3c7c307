"""Outcomes: the result of each file of a batch, as JSON and as text."""

import re
import resource
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

__all__ = ["BatchResult", "FileOutcome", "exit_code", "peak_memory_bytes"]


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """The result of one file; `reason` if it is not ok, `notes` for further information."""

    path: Path
    status: Literal["ok", "partial", "failed"]
    outputs: tuple[Path, ...] = ()
    reason: str | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            "path": str(self.path),
            "status": self.status,
            "outputs": [str(output) for output in self.outputs],
            "reason": self.reason,
            **({"notes": list(self.notes)} if self.notes else {}),
        }


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The results of all files, the total time in seconds, and the peak memory.

    peak_memory_bytes: sum of the peak resident sets of this process and its workers; an upper
        bound, since the peaks need not coincide
    """

    files: tuple[FileOutcome, ...]
    seconds: float
    peak_memory_bytes: int

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            "files": [file.to_json() for file in self.files],
            "seconds": round(self.seconds, 3),
            "peak_memory_bytes": self.peak_memory_bytes,
        }

    def describe(self) -> str:
        """A line for each output, each note, and each file that is not ok."""
        lines = []
        for file in self.files:
            lines += [str(output) for output in file.outputs]
            lines += [f"{file.path}: {note}" for note in file.notes]
            if file.status != "ok":
                reason = (file.reason or "").removeprefix(f"{file.path}: ")
                lines.append(f"{file.path}: {file.status}: {reason}")
        return "\n".join(lines)


def exit_code(outcomes: Sequence[FileOutcome]) -> int:
    """0 if every file is ok, else 3."""
    return 0 if all(outcome.status == "ok" for outcome in outcomes) else 3


def peak_memory_bytes() -> int:
    """The peak resident set of this process."""
    status = Path("/proc/self/status")
    if status.is_file():  # Linux's ru_maxrss includes the parent's memory at the fork
        held = re.search(r"^VmHWM:\s*(\d+) kB$", status.read_text(encoding="ascii"), re.MULTILINE)
        if held is not None:
            return int(held[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, others KiB
