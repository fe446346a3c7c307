"""NPZ: an array `points` of one recording, made with `numpy.savez`.

    points       (T, J, D) or (P, T, J, D): frames, joints, coordinates; people come first
    confidence   optional, the same without the last axis; NaN and 0 are joints that were not seen
    names        optional, (J,) names of the joints
    fps          optional, frames per second

Without `confidence` a third column is one if it lies in [0, 1] everywhere, else the third
coordinate; a fourth is always one.
"""

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.errors import LabelError
from playhead.events.formats.columns import UNREADABLE
from playhead.events.formats.keypoint_formats.recording import Recording, people_of
from playhead.events.formats.keypoint_formats.skeletons import named_skeleton, numbered_skeleton
from playhead.events.keypoints import Skeleton

__all__ = ["read"]

ARRAYS = ("points", "confidence", "names", "fps")
_MAX_BYTES = 1 << 30


def read(path: Path) -> Recording:
    """The recording of a file. Raises LabelError for other arrays, by name, and wrong shapes."""
    held = _load(path)
    if "points" not in held:
        raise LabelError(f"{path}: needs an array points, but has {', '.join(held) or 'none'}")
    points = held["points"]
    if (
        points.dtype.kind not in "fiu"
        or points.ndim not in (3, 4)
        or points.shape[-1] not in (2, 3, 4)
    ):
        raise LabelError(
            f"{path}: points are {points.dtype} {points.shape}; needs numbers of the shape "
            "(frames, joints, 2 to 4) or (people, frames, joints, 2 to 4)"
        )
    points = points[None] if points.ndim == 3 else points
    _, frames, joints, columns = points.shape
    if not frames or not joints:
        raise LabelError(f"{path}: points have the shape {held['points'].shape}, without any joint")
    values = points.astype(np.float64)
    confidence = held.get("confidence")
    if confidence is not None:
        if confidence.dtype.kind not in "fiub" or confidence.shape != held["points"].shape[:-1]:
            raise LabelError(
                f"{path}: confidence is {confidence.dtype} {confidence.shape}; needs numbers of "
                f"the shape {held['points'].shape[:-1]}"
            )
        if columns == 4:
            raise LabelError(
                f"{path}: points have 4 columns, with confidence apart 2 or 3 are needed"
            )
        scores = confidence.astype(np.float64).reshape(points.shape[:-1])
    elif columns == 4 or (columns == 3 and _is_confidence(values[..., 2])):
        values, scores = values[..., :-1], values[..., -1]
    else:
        scores = np.ones(points.shape[:-1])
    seen = np.isfinite(values).all(axis=-1) & np.isfinite(scores) & (scores > 0)
    whole = np.concatenate([values, scores[..., None]], axis=-1)
    whole[~seen] = 0.0
    skeleton = _skeleton(path, held.get("names"), joints)
    detections = (
        (number, frame, whole[number, frame])
        for number, frame in zip(*np.nonzero(seen.any(axis=-1)), strict=True)
    )
    return Recording(
        video=path.stem,
        stem=path.stem,
        skeleton=skeleton,
        people=people_of(str(path), skeleton, ((int(a), int(b), c) for a, b, c in detections)),
        frames=frames,
        coordinates=values.shape[-1],
        rate=_rate(path, held.get("fps")),
    )


def _load(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {
                info.filename.removesuffix(".npy"): info.file_size for info in archive.infolist()
            }
        others = sorted(set(sizes) - set(ARRAYS))
        if others:
            raise LabelError(
                f"{path}: has {', '.join(others[:8])}, which are not known; needs points, and may "
                "have confidence, names and fps"
            )
        if sum(sizes.values()) > _MAX_BYTES:
            raise LabelError(
                f"{path}: unpacks to more than {_MAX_BYTES} bytes; split the recording"
            )
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in ARRAYS if name in sizes}
    except UNREADABLE as error:
        reason = getattr(error, "strerror", None) or error
        raise LabelError(f"{path}: cannot be read as NPZ: {reason}") from error


def _is_confidence(column: NDArray[np.float64]) -> bool:
    known = column[np.isfinite(column)]
    return bool(((known >= 0) & (known <= 1)).all())


def _skeleton(path: Path, names: NDArray[Any] | None, joints: int) -> Skeleton:
    if names is None:
        return numbered_skeleton(joints)
    if names.shape != (joints,) or names.dtype.kind != "U":
        raise LabelError(f"{path}: names are {names.dtype} {names.shape}; needs {joints} texts")
    try:
        return named_skeleton("joints", names.tolist())
    except LabelError as error:
        raise LabelError(f"{path}: {error}") from error


def _rate(path: Path, fps: NDArray[Any] | None) -> float | None:
    if fps is None:
        return None
    rate = float(fps.reshape(-1)[0]) if fps.size == 1 and fps.dtype.kind in "fiu" else math.nan
    if not 0 < rate < math.inf:
        raise LabelError(f"{path}: fps needs one number above 0, got {fps.tolist()!r}")
    return rate
