"""Raw scores of a model at every grid point, saved before decisions are made.

NaN means no prediction (a window with unreadable frames), never a low score.
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
# RuntimeError: a damaged header can name an encryption or compression unknown to zipfile.
_UNREADABLE = (EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """One score vector per grid point.

    times: float64 (T,), seconds of the grid points, rising
    frames: int32 (T,), the frame at each grid point
    frame_times: float64 (T,), the time of that frame, which an event there gets
    values: float32 (T, C), in [0, 1] or NaN, for C classes
    decisions: the settings that the events were decided with, as defaults for deciding again
    precision: the numeric precision of the model, empty if unknown
    members: how many models or runs these are the mean of
    """

    video: str
    times: NDArray[np.float64]
    frames: NDArray[np.int32]
    frame_times: NDArray[np.float64]
    classes: tuple[str, ...]
    values: NDArray[np.float32]
    decisions: Mapping[str, Any] = field(default_factory=dict)
    precision: str = ""
    members: int = 1

    def __post_init__(self) -> None:
        points = len(self.times)
        shapes = (self.frames.shape, self.frame_times.shape, self.values.shape)
        if shapes != ((points,), (points,), (points, len(self.classes))):
            raise PlayheadError(
                f"{self.video}: {points} times need frames and frame times ({points},) and values "
                f"({points}, {len(self.classes)}), got {shapes}"
            )


def write_scores(scores: Scores, path: Path) -> None:
    """Write NPZ without pickles, atomically."""
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
            members=np.int64(scores.members),
        )


def read_scores(path: Path) -> Scores:
    """Read scores. Raises PlayheadError if the file is not a score file or has a newer schema."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if int(file["schema"]) > SCHEMA:
                raise PlayheadError(
                    f"{path}: has schema {int(file['schema'])}, but this version reads up to "
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
                members=int(file["members"]) if "members" in file else 1,
            )
    except (*_UNREADABLE, OSError, KeyError, ValueError, TypeError) as error:
        raise PlayheadError(f"{path}: not a score file: {error}") from error
