"""COCO keypoints: a document of images and annotations, or a list of results.

    document   images (id, file_name, optional width, height, frame_id, video_id), annotations
               (image_id, keypoints, optional track_id), categories with names of the joints
    results    a list of image_id, keypoints, score, optional track_id (or idx, as AlphaPose writes)

The frame of an image is its `frame_id`, else the number at the end of its file name; its video is
named in `videos`, or by the folder of the file. Of results without images the image id is the
frame. Frames count from 0. In a document the third number is COCO's visibility: 0 is not seen, 1
counts half, 2 is seen; if it is no such number, and in results, it is a confidence.
"""

import json
import re
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.errors import LabelError
from playhead.events.formats.keypoint_formats.recording import Recording, people_of, tracked
from playhead.events.formats.keypoint_formats.skeletons import named_skeleton, numbered_skeleton
from playhead.events.formats.keypoints import KeypointFile
from playhead.events.keypoints import Skeleton
from playhead.events.source import JsonEntry, read_json
from playhead.files import write_text
from playhead.output import counted

__all__ = ["is_coco", "read", "write"]

_NUMBER = re.compile(r"(\d+)$")
_TRACKS = ("track_id", "instance_id", "idx")


def is_coco(path: Path) -> bool:
    """Whether a JSON file has keypoints of COCO; False if it cannot be read as JSON."""
    try:
        document = read_json(path)
    except LabelError:
        return False
    if isinstance(document, dict):
        document = document.get("annotations") if "images" in document else None
    first = document[0] if isinstance(document, list) and document else None
    return isinstance(first, dict) and {"image_id", "keypoints"} <= set(first)


def read(path: Path) -> list[Recording]:
    """The recordings of a file, one for each video. Raises LabelError naming a wrong entry."""
    document = read_json(path)
    images: dict[str, tuple[str, int]] = {}
    sizes: dict[str, tuple[int, int]] = {}
    lengths: dict[str, int] = {}
    skeleton: Skeleton | None = None
    if isinstance(document, dict):
        whole = JsonEntry.of(document, str(path))
        entries = list(whole.items("annotations"))
        skeleton = _skeleton(whole)
        names = {
            str(video.values.get("id")): video.text(
                "name" if "name" in video.values else "file_name"
            )
            for number, value in (whole.items("videos") if "videos" in document else ())
            for video in [JsonEntry.of(value, f"{path}: video {number}")]
        }
        for number, value in whole.items("images"):
            image = JsonEntry.of(value, f"{path}: image {number}")
            video, frame = _place(image, names, path.stem)
            images[str(image.values.get("id"))] = video, frame
            lengths[video] = max(lengths.get(video, 0), frame + 1)
            if {"width", "height"} <= set(image.values):
                sizes.setdefault(video, (image.whole("width"), image.whole("height")))
    elif isinstance(document, list):
        entries = list(enumerate(document, 1))
    else:
        raise LabelError(f"{path}: needs a COCO document or a list of results")
    found: dict[str, list[tuple[int | None, int, NDArray[np.float64]]]] = {}
    for number, value in entries:
        entry = JsonEntry.of(value, f"{path}: entry {number}")
        if not entry.values.get("keypoints"):  # an object of another category
            continue
        points = _points(entry, by_visibility=isinstance(document, dict))
        skeleton = skeleton or numbered_skeleton(len(points))
        if len(points) != len(skeleton.joints):
            raise LabelError(
                f"{entry.where}: has {counted(len(points), 'joint')}, but there are "
                f"{len(skeleton.joints)} in the skeleton"
            )
        video, frame = _image(entry, images, path.stem)
        lengths[video] = max(lengths.get(video, 0), frame + 1)
        if np.any(points[:, 2] > 0):
            found.setdefault(video, []).append((_track(entry), frame, points))
    if skeleton is None:
        raise LabelError(f"{path}: has no keypoints")
    return [
        Recording(
            video=video,
            stem=str(PurePosixPath(video).with_suffix("")) if "." in video else video,
            skeleton=skeleton,
            people=people_of(str(path), skeleton, _followed(found.get(video, []))),
            frames=length,
            size=sizes.get(video),
        )
        for video, length in lengths.items()
    ]


def write(path: Path, file: KeypointFile) -> None:
    """Write two-dimensional keypoints as a document, atomically: an image for each frame.

    Raises LabelError for keypoints in space, which COCO does not have.
    """
    if file.coordinates != 2:
        raise LabelError(f"{path}: COCO has keypoints in images, but these have 3 coordinates")
    stem = PurePosixPath(file.video).with_suffix("").name
    size = {} if file.size is None else dict(zip(("width", "height"), file.size, strict=True))
    joints = file.skeleton.joints
    annotations: list[dict[str, Any]] = []
    for person in file.people:
        for frame, points in zip(person.frames.tolist(), person.points, strict=True):
            seen = points[points[:, 2] > 0, :2]
            low = seen.min(axis=0) if len(seen) else np.zeros(2)
            sides = seen.max(axis=0) - low if len(seen) else np.zeros(2)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": frame,
                    "category_id": 1,
                    "track_id": person.track,
                    "keypoints": [round(float(value), 3) for value in points.ravel()],
                    "num_keypoints": len(seen),
                    "bbox": [round(float(value), 3) for value in (*low, *sides)],
                    "area": round(float(sides.prod()), 3),
                    "iscrowd": 0,
                }
            )
    document = {
        "videos": [{"id": 1, "name": file.video}],
        "images": [
            {"id": k, "file_name": f"{stem}/{k:06d}.jpg", "video_id": 1, "frame_id": k, **size}
            for k in range(len(file.times))
        ],
        "annotations": annotations,
        "categories": [
            {
                "id": 1,
                "name": "person",
                "keypoints": list(joints),
                "skeleton": [
                    [joints.index(a) + 1, joints.index(b) + 1] for a, b in file.skeleton.edges
                ],
            }
        ],
    }
    write_text(path, json.dumps(document, allow_nan=False) + "\n")


def _skeleton(document: JsonEntry) -> Skeleton | None:
    """The skeleton of the first category with keypoints; None if no category names its joints."""
    if "categories" not in document.values:
        return None
    for number, value in document.items("categories"):
        category = JsonEntry.of(value, f"{document.where}: category {number}")
        names = category.values.get("keypoints")
        if not names:
            continue
        edges = category.values.get("skeleton") or []
        try:
            joints = [str(name) for name in names]
            named = [(joints[int(a) - 1], joints[int(b) - 1]) for a, b in edges if min(a, b) > 0]
            return named_skeleton("coco", joints, named)
        except (LabelError, TypeError, ValueError, IndexError) as error:
            raise LabelError(
                f"{category.where}: its keypoints and skeleton do not fit: {error}"
            ) from error
    return None


def _place(image: JsonEntry, videos: dict[str, str], stem: str) -> tuple[str, int]:
    """The video of an image and its frame."""
    name = PurePosixPath(image.optional_text("file_name") or "")
    key = next((key for key in ("video_id", "vid_id") if key in image.values), None)
    folder = name.parent.name or stem
    video = folder if key is None else videos.get(str(image.values[key]), str(image.values[key]))
    if "frame_id" in image.values:
        return video, image.whole("frame_id")
    number = _NUMBER.search(name.stem)
    if number is None:
        raise LabelError(
            f"{image.where}: its frame is not known; needs a frame_id, or a file_name that ends in "
            f"a number, got {str(name)!r}"
        )
    return video, int(number[1])


def _image(entry: JsonEntry, images: dict[str, tuple[str, int]], stem: str) -> tuple[str, int]:
    value = entry.values.get("image_id")
    if images:
        if str(value) not in images:
            raise LabelError(f"{entry.where}: there is no image {value!r}")
        return images[str(value)]
    number = _NUMBER.search(
        PurePosixPath(str(value)).stem if isinstance(value, str) else str(value)
    )
    if number is None or isinstance(value, bool | float) or str(value).startswith("-"):
        raise LabelError(f"{entry.where}: image_id needs the number of a frame, got {value!r}")
    return stem, int(number[1])


def _points(entry: JsonEntry, *, by_visibility: bool) -> NDArray[np.float64]:
    try:
        points = np.array([value for _, value in entry.items("keypoints")], np.float64)
    except (TypeError, ValueError) as error:
        raise LabelError(f"{entry.where}: keypoints need numbers") from error
    if points.ndim != 1 or len(points) % 3 or not np.isfinite(points).all():
        raise LabelError(
            f"{entry.where}: keypoints need x, y and visibility of each joint, got "
            f"{counted(points.size, 'number')}"
        )
    points = points.reshape(-1, 3)
    flags = points[:, 2]
    if by_visibility and np.isin(flags, (0, 1, 2)).all():
        points[:, 2] = flags / 2
    points[:, 2] = points[:, 2].clip(min=0)
    return points


def _track(entry: JsonEntry) -> int | None:
    key = next((key for key in _TRACKS if isinstance(entry.values.get(key), int | float)), None)
    return None if key is None else entry.whole(key)


def _followed(
    found: list[tuple[int | None, int, NDArray[np.float64]]],
) -> list[tuple[int, int, NDArray[np.float64]]]:
    """Detections with their people: by the tracks of the file if all have one."""
    known = [(track, frame, points) for track, frame, points in found if track is not None]
    if len(known) == len(found):
        return known
    frames: dict[int, list[NDArray[np.float64]]] = {}
    for _, frame, points in found:
        frames.setdefault(frame, []).append(points)
    return tracked(frames)
