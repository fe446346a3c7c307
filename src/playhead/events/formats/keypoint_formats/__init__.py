"""Keypoints made elsewhere: COCO keypoint JSON, OpenPose JSON, NPZ arrays, sensor tracks.

Each module reads one format into recordings: people with their joints by frame, without times. This
module gives them the times and the size of their video, or those of a rate.
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from playhead.errors import LabelError
from playhead.events.formats.detect import unknown_format
from playhead.events.formats.keypoint_formats import arrays, coco, openpose, sensors
from playhead.events.formats.keypoint_formats.recording import Recording
from playhead.events.formats.keypoints import SUFFIX, KeypointFile, read_keypoints, write_keypoints
from playhead.events.formats.raw import as_rate
from playhead.events.names import find_media
from playhead.files import inside
from playhead.output import counted

__all__ = ["KEYPOINTS", "convert_keypoints", "detect_keypoints", "holds_keypoints"]

KEYPOINTS = ("keypoints", "coco-keypoints", "openpose", "npz", "ts")
"""The formats of keypoints. The first two are also written."""


def holds_keypoints(source: Path, target: Path, names: tuple[str | None, str | None]) -> bool:
    """Whether a conversion is one of keypoints.

    names: the formats of both, None if they are not given. Then the source tells it by name and
        content (a JSON file and a folder can hold many things), or the name of the target.
    """
    if any(name in KEYPOINTS for name in names):
        return True
    if names[0] is not None:
        return False
    named = names[1] is None and target.name.lower().endswith(SUFFIX)
    return named or detect_keypoints(source) is not None


def detect_keypoints(path: Path) -> str | None:
    """The format of keypoints at `path`, by name and content; None if it does not hold any."""
    name = path.name.lower()
    if name.endswith(SUFFIX):
        return "keypoints"
    if path.is_dir():
        return "openpose" if openpose.is_openpose(path) else None
    if name.endswith(".ts"):
        return "ts"
    if name.endswith(".json") and path.is_file() and coco.is_coco(path):
        return "coco-keypoints"
    is_track_file = name.endswith((".tracks.npz", ".scores.npz"))
    return "npz" if name.endswith(".npz") and not is_track_file else None


def convert_keypoints(
    source: Path,
    target: Path,
    *,
    source_format: str | None = None,
    target_format: str | None = None,
    rate: str | float | Fraction | None = None,
    media: Path | None = None,
) -> int:
    """Read keypoints, write them as `X.keypoints.npz` or COCO JSON; return the number of people.

    media: the folder of the videos, for the times of their frames and their size
    rate: frames per second, without media
    Several videos become `target/<name>.keypoints.npz`, and labelled series `target/<class>/...`.
    Raises LabelError for files that are not of the format, or that need times.
    """
    if not source.exists():
        raise LabelError(f"{source}: cannot be read: No such file or directory")
    files = _read(source, source_format or detect_keypoints(source), rate, media)
    in_json = target.suffix == ".json"
    as_coco = target_format == "coco-keypoints" or (target_format is None and in_json)
    if not as_coco and (target_format not in (None, "keypoints") or in_json):
        raise LabelError(
            f"{target}: keypoints are written as X{SUFFIX}, into a folder of such files, or as "
            "COCO (X.json, --to coco-keypoints)"
        )
    is_file = in_json or target.name.endswith(SUFFIX)
    if is_file and len(files) > 1:
        raise LabelError(
            f"{target}: one file holds one video, but there are {len(files)}; name a folder"
        )
    if not is_file and target.suffix == ".npz":
        raise LabelError(f"{target}: keypoint files are named {target.stem}{SUFFIX}")
    for stem, file in files.items():
        if as_coco:
            coco.write(target if is_file else inside(target, f"{stem}.json"), file)
        else:
            write_keypoints(target if is_file else inside(target, stem + SUFFIX), file)
    return sum(len(file.people) for file in files.values())


def _read(
    source: Path, name: str | None, rate: str | float | Fraction | None, media: Path | None
) -> dict[str, KeypointFile]:
    """The keypoint files to write, by their path without a suffix."""
    match name:
        case "keypoints":
            return {source.name.removesuffix(SUFFIX): read_keypoints(source)}
        case "coco-keypoints":
            return _timed(source, coco.read(source), rate, media)
        case "openpose":
            return _timed(source, openpose.read(source), rate, media)
        case "npz":
            return _timed(source, [arrays.read(source)], rate, media)
        case "ts":
            return _timed(source, sensors.read(source), rate, media)
        case None:
            raise LabelError(
                f"{source}: holds no keypoints that are known; name the format with --from, one of "
                f"{', '.join(KEYPOINTS)}"
            )
        case _:
            raise unknown_format(source, name, KEYPOINTS)


def _timed(
    source: Path,
    recordings: Sequence[Recording],
    rate: str | float | Fraction | None,
    media: Path | None,
) -> dict[str, KeypointFile]:
    files = {}
    given = as_rate(rate)
    for recording in recordings:
        size, video = recording.size, recording.video
        if media is not None:
            from playhead.media import open_video

            found = find_media(media, video)
            with open_video(found) as opened:
                times, size, video = opened.times, (opened.width, opened.height), found.name
            if recording.frames > len(times):
                raise LabelError(
                    f"{source}: {video} has {counted(len(times), 'frame')}, but keypoints up to "
                    f"frame {recording.frames - 1}; they may belong to another cut"
                )
        else:
            known = given or as_rate(recording.rate)
            if known is None:
                raise LabelError(
                    f"{source}: tells no times; name the folder of the videos with --media, or the "
                    "frames per second with --rate (any will do if it is not known)"
                )
            times = np.arange(recording.frames) / float(known)
        if recording.stem in files:
            raise LabelError(f"{source}: has two recordings {recording.stem!r}; rename one")
        files[recording.stem] = KeypointFile(
            video=video,
            times=times,
            size=size,
            skeleton=recording.skeleton,
            people=recording.people,
            coordinates=recording.coordinates,
            settings={"source": source.name},
        )
    return files
