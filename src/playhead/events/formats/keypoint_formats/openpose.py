"""OpenPose: a folder with a JSON file for each frame, `NAME_000000000012_keypoints.json`.

BODY_25 and the COCO model are told by the number of values. People are not followed in these files;
they are here. Frames count from 0, as OpenPose numbers them; a joint that was not found is 0, 0, 0.
"""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playhead.errors import LabelError
from playhead.events.formats.keypoint_formats.recording import Recording, people_of, tracked
from playhead.events.formats.keypoint_formats.skeletons import OPENPOSE_18
from playhead.events.keypoints import BODY_25, Skeleton
from playhead.events.source import JsonEntry, read_json
from playhead.output import counted

__all__ = ["is_openpose", "read"]

NAME = re.compile(r"(?:(.*)_)?(\d+)_keypoints\.json", re.IGNORECASE)
_SKELETONS = {75: BODY_25, 54: OPENPOSE_18}


def is_openpose(folder: Path) -> bool:
    """Whether a folder has a file named as OpenPose names them."""
    return any(NAME.fullmatch(path.name) for path in folder.iterdir())


def read(folder: Path) -> list[Recording]:
    """The recordings of a folder, one for each NAME. Raises LabelError for another kind."""
    if not folder.is_dir():
        raise LabelError(
            f"{folder}: is a file; OpenPose writes a folder with a file for each frame"
        )
    frames: dict[str, dict[int, list[NDArray[np.float64]]]] = {}
    skeletons: dict[str, Skeleton] = {}
    for path in sorted(folder.iterdir()):
        named = NAME.fullmatch(path.name)
        if named is None:
            continue
        name, frame = named[1] or folder.name, int(named[2])
        found = frames.setdefault(name, {}).setdefault(frame, [])
        for number, person in JsonEntry.of(read_json(path), str(path)).items("people"):
            entry = JsonEntry.of(person, f"{path}: person {number}")
            skeleton, points = _points(entry)
            if skeletons.setdefault(name, skeleton) is not skeleton:
                raise LabelError(f"{entry.where}: has another skeleton than the frames before")
            if np.any(points[:, 2] > 0):
                found.append(points)
    if not frames:
        raise LabelError(f"{folder}: has no file as NAME_000000000000_keypoints.json")
    return [
        Recording(
            video=name,
            stem=name,
            skeleton=skeletons.get(name, BODY_25),
            people=people_of(str(folder), skeletons.get(name, BODY_25), tracked(found)),
            frames=max(found) + 1,
        )
        for name, found in frames.items()
    ]


def _points(entry: JsonEntry) -> tuple[Skeleton, NDArray[np.float64]]:
    values = [value for _, value in entry.items("pose_keypoints_2d")]
    if len(values) not in _SKELETONS:
        raise LabelError(
            f"{entry.where}: has {counted(len(values), 'value')}; BODY_25 has 75, the COCO model 54"
        )
    try:
        points = np.array(values, np.float64).reshape(-1, 3)
    except (TypeError, ValueError) as error:
        raise LabelError(f"{entry.where}: pose_keypoints_2d needs numbers") from error
    if not np.isfinite(points).all():
        raise LabelError(f"{entry.where}: a coordinate or confidence is not finite")
    return _SKELETONS[len(values)], points
