"""The images of the files of a season, read side by side."""

from dataclasses import dataclass
from pathlib import Path

from playhead.episodes.images.looks import read_looks
from playhead.execution.outcomes import FileOutcome
from playhead.execution.runner import Work
from playhead.progress import Progress

__all__ = ["LooksWork"]


@dataclass(frozen=True, slots=True)
class LooksWork:
    """Reads the images of one file after another into the store of looks."""

    def open(self) -> Work:
        """Nothing is loaded."""
        return self._read

    def _read(self, path: Path, target: Path, progress: Progress) -> FileOutcome:
        read_looks(path)
        return FileOutcome(path, "ok")
