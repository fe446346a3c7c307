"""Prepared clips: the table that lists them, their features, and the part that a network sees."""

import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playhead.episodes.config import KINDS_OF_CLIPS, ClipKind
from playhead.episodes.plan import (
    COEFFICIENTS,
    COLUMNS_PER_SECOND,
    FRAME_SHAPE,
    MASK_SHAPE,
    BoundaryClipPlan,
)
from playhead.errors import LabelError, PlayheadError
from playhead.events.source import csv_rows
from playhead.files import inside
from playhead.samples.folds import chosen_fold

__all__ = [
    "ClipFeatures",
    "ClipRow",
    "clip_kind",
    "read_clips",
    "read_features",
    "seen_part",
    "split_clips",
]


@dataclass(frozen=True, slots=True, eq=False)
class ClipFeatures:
    """The features of a clip of `seconds`.

    sound: float32 (20, columns), MFCC; frames: uint8 (T, 66, 88, 3), RGB, one a second;
    text: uint8 (T, 27, 36) in {0, 1}
    """

    sound: NDArray[np.float32]
    frames: NDArray[np.uint8]
    text: NDArray[np.uint8]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipRow:
    """One prepared clip.

    boundary: seconds from its start, None if there is none; series: what folds keep together
    """

    path: Path
    name: str
    kind: ClipKind
    boundary: float | None = None
    series: str = ""
    split: str | None = None


def read_clips(path: Path) -> tuple[ClipRow, ...]:
    """Read a CSV `clip,kind,boundary,series,split`, the last two optional; paths are relative to it.

    An empty boundary says that the clip has none. Without a series each clip is its own.
    Raises LabelError naming the line for an unknown kind, a missing file, one outside the folder,
    one listed twice, or a boundary that is not a number from 0.
    """
    rows: dict[Path, ClipRow] = {}
    columns = ("clip", "kind", "boundary"), ("series", "split")
    for where, cells in csv_rows(path, *columns):
        try:
            clip = inside(path.parent, cells["clip"])
        except PlayheadError as error:
            raise LabelError(f"{where}: clip {cells['clip']!r} is outside of the folder") from error
        if not clip.is_file():
            raise LabelError(f"{where}: {cells['clip']!r}: there is no such file ({clip})")
        if clip in rows:
            raise LabelError(f"{where}: {cells['clip']} is listed twice; remove one")
        kind = next((kind for kind in KINDS_OF_CLIPS if kind == cells["kind"]), None)
        if kind is None:
            raise LabelError(
                f"{where}: kind {cells['kind']!r}; needs one of {', '.join(KINDS_OF_CLIPS)}"
            )
        rows[clip] = ClipRow(
            path=clip,
            name=cells["clip"],
            kind=kind,
            boundary=_boundary(where, cells["boundary"]),
            series=cells.get("series") or cells["clip"],
            split=cells.get("split") or None,
        )
    return tuple(rows.values())


def split_clips(
    rows: Sequence[ClipRow], *, folds: int | None, fold: int
) -> tuple[list[ClipRow], list[ClipRow]]:
    """The clips for training and for validation, whole series each; see `chosen_fold`.

    Raises LabelError if a side is empty or a series is on both.
    """
    chosen = chosen_fold(
        [row.series for row in rows], [row.split for row in rows], folds=folds, fold=fold
    )
    if not chosen.train or not chosen.validation:
        raise LabelError(
            f"the table has {len(chosen.train)} training and {len(chosen.validation)} validation "
            "clips, but both are needed: fill its split column with train and valid, or set "
            "data.folds"
        )
    return [rows[i] for i in chosen.train], [rows[i] for i in chosen.validation]


def read_features(path: Path) -> ClipFeatures:
    """Read a prepared clip: an NPZ with `mfcc`, `frames`, `text` and `seconds`.

    Raises LabelError if it is not one, or an array has another shape.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            sound, frames, text = (arrays[name] for name in ("mfcc", "frames", "text"))
            seconds = float(arrays["seconds"])
    except (OSError, KeyError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise LabelError(
            f"{path}: is not a prepared clip ({error}); `playhead episodes prepare` makes them"
        ) from error
    for name, shape, needed in (
        ("mfcc", sound.shape[:1], (COEFFICIENTS,)),
        ("frames", frames.shape[1:], (*FRAME_SHAPE, 3)),
        ("text", text.shape[1:], MASK_SHAPE),
    ):
        if shape != needed:
            raise LabelError(f"{path}: {name} has the shape {shape}, but {needed} is needed")
    if not math.isfinite(seconds) or seconds <= 0 or not np.isfinite(sound).all():
        raise LabelError(f"{path}: has features that are not finite, or no length; prepare it anew")
    return ClipFeatures(
        sound.astype(np.float32), frames.astype(np.uint8), text.astype(np.uint8), seconds
    )


def clip_kind(path: Path) -> ClipKind:
    """The kind by the end of a name: `X_end` is an ending, all else an opening."""
    return "ending" if path.stem.endswith("_end") else "opening"


def seen_part(
    clip: ClipFeatures, plan: BoundaryClipPlan, kind: ClipKind
) -> tuple[dict[str, NDArray[np.float32] | NDArray[np.uint8]], int]:
    """The inputs of a network of `plan` without the batch, and the second at which they start.

    Of a clip that is longer than the plan, an opening's start and an ending's end are seen; a
    shorter one is followed by silence and black.
    """
    spare = int(clip.seconds) - plan.seconds
    start = max(0, spare) if kind == "ending" else 0
    column = round(start * COLUMNS_PER_SECOND)
    arrays: dict[str, NDArray[np.float32] | NDArray[np.uint8]] = {}
    for name in plan.inputs:
        match name:
            case "sound":
                cut = clip.sound[:, column : column + plan.columns]
                arrays[name] = np.pad(cut, ((0, 0), (0, plan.columns - cut.shape[1])))
            case "frames":
                arrays[name] = _filled(clip.frames[start : start + plan.seconds], plan.seconds)
            case "text":
                arrays[name] = _filled(clip.text[start : start + plan.seconds], plan.seconds)
    return arrays, start


def _filled(images: NDArray[np.uint8], length: int) -> NDArray[np.uint8]:
    missing = length - len(images)
    return np.pad(images, ((0, missing), *((0, 0),) * (images.ndim - 1)))


def _boundary(where: str, cell: str) -> float | None:
    if not cell:
        return None
    try:
        seconds = float(cell)
    except ValueError as error:
        raise LabelError(f"{where}: boundary needs seconds as a number, got {cell!r}") from error
    if not math.isfinite(seconds) or seconds < 0:
        raise LabelError(f"{where}: boundary needs seconds from 0, got {cell!r}")
    return seconds
