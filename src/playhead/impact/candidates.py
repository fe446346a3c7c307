"""Candidates: the raw output of the collision networks for a video, `X.candidates.npz`.

A candidate is a possible helmet in one frame, with its box and two scores. Everything else is
decided from the saved candidates, without a model.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from playhead.errors import PlayheadError
from playhead.events.formats.columns import ColumnKind, json_column, read_archive
from playhead.events.source import JsonEntry
from playhead.files import atomic_path

__all__ = [
    "CANDIDATES",
    "Candidates",
    "frame_ranges",
    "read_candidates",
    "read_folder",
    "write_candidates",
]

CANDIDATES = ".candidates.npz"
SCHEMA = 1
KEYS = ("schema", "video", "label", "width", "height", "play", "view", "offset", "settings")
COLUMNS: dict[str, ColumnKind] = {
    "meta": ("|u1", ()),
    "times": ("<f8", ()),
    "frames": ("<i4", ()),
    "boxes": ("<f4", (4,)),
    "helmet": ("<f4", ()),
    "impact": ("<f4", ()),
    "unseen": ("<i4", (2,)),
}


def _no_ranges() -> NDArray[np.int32]:
    return np.zeros((0, 2), np.int32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidates:
    """The M candidates of a video of N frames.

    label: the class of the impacts
    size: (width, height) of the displayed frame
    times: float64 (N,), seconds of all frames, never falling
    frames: int32 (M,), the frame of each candidate, never falling
    boxes: float32 (M, 4), pixels of the displayed frame
    helmet, impact: float32 (M,), in [0, 1]
    unseen: int32 (R, 2), half-open ranges of frames that could not be analysed
    play, view: the play that views share, and the name of this view; None if unknown
    offset: seconds from the play's clock to this video's times
    settings: how the candidates were computed, and the decisions that were made, as JSON values
    Raises PlayheadError naming the video if the fields contradict each other.
    """

    video: str
    label: str
    size: tuple[int, int]
    times: NDArray[np.float64]
    frames: NDArray[np.int32]
    boxes: NDArray[np.float32]
    helmet: NDArray[np.float32]
    impact: NDArray[np.float32]
    unseen: NDArray[np.int32] = field(default_factory=_no_ranges)
    play: str | None = None
    view: str | None = None
    offset: float = 0.0
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        problem = _problem(self)
        if problem is not None:
            raise PlayheadError(f"{self.video or 'candidates'}: {problem}")

    def __len__(self) -> int:
        return len(self.frames)


def frame_ranges(frames: ArrayLike) -> NDArray[np.int32]:
    """Rising frames as half-open ranges: int32 (R, 2)."""
    at = np.asarray(frames, np.int32)
    starts = at[np.diff(at, prepend=-2) > 1]
    stops = at[np.diff(at, append=np.iinfo(np.int32).max) > 1] + 1
    return np.stack([starts, stops], 1).astype(np.int32)


def write_candidates(candidates: Candidates, path: Path) -> None:
    """Write NPZ without pickles, atomically. Raises PlayheadError if the settings are not JSON."""
    width, height = candidates.size
    values = {
        "schema": SCHEMA,
        "video": candidates.video,
        "label": candidates.label,
        "width": width,
        "height": height,
        "play": candidates.play,
        "view": candidates.view,
        "offset": candidates.offset,
        "settings": dict(candidates.settings),
    }
    columns = {name: getattr(candidates, name) for name in COLUMNS if name != "meta"}
    columns["meta"] = json_column(path, values)
    typed = {name: column.astype(COLUMNS[name][0]) for name, column in columns.items()}
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **typed)


def read_candidates(path: Path) -> Candidates:
    """Read candidates. Raises PlayheadError for a newer schema or invalid content."""
    meta, columns = read_archive(path, COLUMNS, keys=KEYS, schema=SCHEMA, kind="candidates file")
    del columns["meta"]
    try:
        return Candidates(
            video=meta.text("video"),
            label=meta.text("label"),
            size=(meta.whole("width"), meta.whole("height")),
            play=meta.optional_text("play"),
            view=meta.optional_text("view"),
            offset=meta.number("offset"),
            settings=JsonEntry.of(meta.values["settings"], f"{path}: settings").values,
            **columns,
        )
    except PlayheadError as error:
        text = str(error)
        raise PlayheadError(text if text.startswith(str(path)) else f"{path}: {text}") from error


def read_folder(folder: Path) -> dict[str, Candidates]:
    """The candidates of every video below a folder, by their relative path without the suffix.

    Raises PlayheadError if there are none.
    """
    paths = sorted(folder.rglob(f"*{CANDIDATES}")) if folder.is_dir() else []
    if not paths:
        raise PlayheadError(
            f"{folder}: has no {CANDIDATES} files; write them with `playhead impact predict`"
        )
    return {
        path.relative_to(folder).as_posix()[: -len(CANDIDATES)]: read_candidates(path)
        for path in paths
    }


def _problem(candidates: Candidates) -> str | None:
    """What contradicts; None if nothing does. A NaN fails every comparison."""
    m, n = len(candidates.frames), len(candidates.times)
    shapes = (candidates.boxes.shape, candidates.helmet.shape, candidates.impact.shape)
    if shapes != ((m, 4), (m,), (m,)) or candidates.times.ndim != 1:
        return f"{m} frames need boxes ({m}, 4) and as many scores, got {shapes}"
    if not candidates.video or not candidates.label:
        return "the video and the class of the impacts need names"
    if min(candidates.size) < 1 or not np.isfinite(candidates.offset):
        return f"the size is {candidates.size} and the offset {candidates.offset}"
    if not np.isfinite(candidates.times).all() or (np.diff(candidates.times) < 0).any():
        return "the times of the frames must be finite and not fall"
    if (np.diff(candidates.frames) < 0).any():
        return "the frames of the candidates must not fall"
    if m and not 0 <= candidates.frames[0] <= candidates.frames[-1] < n:
        return f"a candidate is in frame {candidates.frames[-1]}, but the video has {n} frames"
    corners = candidates.boxes
    if not (np.isfinite(corners).all() and (corners[:, :2] < corners[:, 2:]).all()):
        return "a box has no area"
    for name in ("helmet", "impact"):
        scores = getattr(candidates, name)
        if not ((scores >= 0) & (scores <= 1)).all():
            return f"a score of {name} is not in [0, 1]"
    ranges = candidates.unseen
    if ranges.ndim != 2 or ranges.shape[1] != 2:
        return f"unseen has the shape {ranges.shape}; needs (R, 2)"
    if not ((ranges[:, 0] >= 0) & (ranges[:, 0] < ranges[:, 1]) & (ranges[:, 1] <= n)).all():
        return f"a range of unseen frames is not inside the {n} frames"
    return None
