"""Scores: what a model said at every grid point, saved before anything is decided from it.

NaN stands where nothing was seen (a window that touches unreadable frames), never for a low score.
"""

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.errors import PlayheadError
from playhead.files import atomic_path

__all__ = ["Scores", "read_scores", "write_scores"]

SCHEMA = 1
# RuntimeError: a damaged header can name an encryption or a compression that zipfile lacks.
_UNREADABLE = (EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """One score vector a grid point.

    times: float64 (T,), seconds of the grid points, rising; frames: int32 (T,), the frame shown at
    each; frame_times: float64 (T,), that frame's own time, which an event decided there gets;
    values: float32 (T, C), in [0, 1] or NaN; C is the number of classes; decisions: the settings
    that events were decided with, so that deciding again begins where the model left off;
    precision: the numbers that the model computed with, empty where nobody knows.
    """

    video: str
    times: NDArray[np.float64]
    frames: NDArray[np.int32]
    frame_times: NDArray[np.float64]
    classes: tuple[str, ...]
    values: NDArray[np.float32]
    decisions: Mapping[str, Any] = field(default_factory=dict)
    precision: str = ""

    def __post_init__(self) -> None:
        points = len(self.times)
        shapes = (self.frames.shape, self.frame_times.shape, self.values.shape)
        if shapes != ((points,), (points,), (points, len(self.classes))):
            raise PlayheadError(
                f"{self.video}: {points} times need frames and frame times ({points},) and values "
                f"({points}, {len(self.classes)}), got {shapes}"
            )


def write_scores(scores: Scores, path: Path) -> None:
    """Write NPZ without pickles, whole or not at all."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            schema=np.int64(SCHEMA),
            video=np.str_(scores.video),
            times=scores.times,
            frames=scores.frames,
            frame_times=scores.frame_times,
            classes=np.array(scores.classes, dtype=np.str_),
            values=scores.values,
            decisions=np.str_(json.dumps(dict(scores.decisions))),
            precision=np.str_(scores.precision),
        )


def read_scores(path: Path) -> Scores:
    """Read scores; PlayheadError for a file that is no score file or of a newer schema."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if int(file["schema"]) > SCHEMA:
                raise PlayheadError(
                    f"{path}: scores of schema {int(file['schema'])}, this version reads up to "
                    f"{SCHEMA}; update playhead"
                )
            return Scores(
                video=str(file["video"]),
                times=file["times"],
                frames=file["frames"],
                frame_times=file["frame_times"],
                classes=tuple(str(name) for name in file["classes"]),
                values=file["values"],
                decisions=json.loads(str(file["decisions"])),
                precision=str(file["precision"]) if "precision" in file else "",
            )
    except (*_UNREADABLE, OSError, KeyError, ValueError, TypeError) as error:
        raise PlayheadError(f"{path}: not a score file: {error}") from error
