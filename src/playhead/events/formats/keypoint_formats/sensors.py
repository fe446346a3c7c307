"""Sensor tracks in three dimensions: the `.ts` files of the UEA and UCR archives.

A file has many labelled series. Each becomes a recording `CLASS/NAME_0001` of one person, whose
joints are the sensors. The comments of the header may list the channels (`#7. Elbow left, X
coordinate`) and the classes (`#1: I have command`); without a list every three channels are one.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playhead.errors import LabelError
from playhead.events.formats.keypoint_formats.recording import Recording, people_of
from playhead.events.formats.keypoint_formats.skeletons import joint_name, named_skeleton
from playhead.events.keypoints import Skeleton
from playhead.output import counted

__all__ = ["read"]

_CHANNEL = re.compile(r"#\s*(\d+)\.\s*(.+?)[,\s]+([XYZ])\b.*", re.IGNORECASE)
_CLASS = re.compile(r"#\s*([\w.]+)\s*:\s*(.+)")
_MAX_BYTES = 1 << 30


def read(path: Path) -> list[Recording]:
    """The series of a file. Raises LabelError with the line if it is not a labelled 3D series."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise LabelError(f"{path}: is longer than the limit of {_MAX_BYTES} bytes; split it")
        # Headers hold names of authors in any encoding.
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise LabelError(f"{path}: cannot be read: {error.strerror or error}") from error
    start = next((k for k, line in enumerate(lines) if line.strip().casefold() == "@data"), None)
    if start is None:
        raise LabelError(f"{path}: has no line @data; needs a .ts file of the UEA or UCR archives")
    header = [line.strip() for line in lines[:start]]
    _check_header(path, header)
    labels = {_plain(m[1]): m[2].strip() for line in header if (m := _CLASS.fullmatch(line))}
    channels = [
        (int(m[1]), m[2], m[3].upper()) for line in header if (m := _CHANNEL.fullmatch(line))
    ]
    recordings: list[Recording] = []
    skeleton: Skeleton | None = None
    for line, label, series in _series(path, lines, start):
        where = f"{path}: line {line}"
        if len(series) % 3:
            raise LabelError(
                f"{where}: has {counted(len(series), 'channel')}; three for each sensor are needed"
            )
        order, names = _order(path, channels, len(series))
        if skeleton is None:
            skeleton = named_skeleton("sensors", names)
        elif len(skeleton.joints) != len(names):
            raise LabelError(
                f"{where}: has {len(series)} channels, but the series before "
                f"{3 * len(skeleton.joints)}"
            )
        points = series[order].reshape(len(names), 3, -1).transpose(2, 0, 1)  # T, J, 3
        seen: NDArray[np.bool_] = np.all(np.isfinite(points), axis=2)
        whole = np.concatenate([points, seen[..., None]], axis=2)
        whole[~seen] = 0.0
        people = people_of(
            where, skeleton, ((0, k, whole[k]) for k in np.flatnonzero(seen.any(axis=1)).tolist())
        )
        name = f"{path.stem}_{len(recordings) + 1:04d}"
        text = re.sub(r"[/\\\0]", "_", labels.get(_plain(label), label))
        folder = "_" + text[1:] if text.startswith(".") else text
        recordings.append(
            Recording(
                video=name,
                stem=f"{folder}/{name}",
                skeleton=skeleton,
                people=people,
                frames=len(points),
                coordinates=3,
            )
        )
    if not recordings:
        raise LabelError(f"{path}: has no series after @data")
    return recordings


def _check_header(path: Path, header: list[str]) -> None:
    marks = {words[0].casefold(): words[1:] for line in header if (words := line.split())}
    if (marks.get("@timestamps") or ["false"])[0].casefold() == "true":
        raise LabelError(
            f"{path}: has @timeStamps, which are not read; give series of values alone"
        )
    if (marks.get("@classlabel") or ["false"])[0].casefold() != "true":
        raise LabelError(f"{path}: has no @classLabel, so its series have no class")


def _series(
    path: Path, lines: list[str], start: int
) -> Iterator[tuple[int, str, NDArray[np.float64]]]:
    """The line, the label and the values (channels, T) of each series."""
    for number, line in enumerate(lines[start + 1 :], start + 2):
        if not line.strip():
            continue
        *channels, label = line.strip().split(":")
        where = f"{path}: line {number}"
        if not channels or not label.strip():
            raise LabelError(f"{where}: needs channels and a label, separated by ':'")
        try:
            rows = [
                [
                    np.nan if cell.strip() in ("?", "NaN") else float(cell)
                    for cell in channel.split(",")
                ]
                for channel in channels
            ]
        except ValueError as error:
            raise LabelError(f"{where}: has a value that is not a number") from error
        if len({len(row) for row in rows}) > 1:
            raise LabelError(f"{where}: its channels differ in length")
        yield number, label.strip(), np.array(rows, np.float64)


def _order(
    path: Path, channels: list[tuple[int, str, str]], count: int
) -> tuple[list[int], list[str]]:
    """The rows of the channels, x, y, z of each joint in turn, and the names of the joints."""
    if not channels:
        return list(range(count)), [f"joint_{number}" for number in range(count // 3)]
    found: dict[str, dict[str, int]] = {}
    for number, text, axis in channels:
        found.setdefault(joint_name(text), {})[axis] = number - 1
    rows = [axes.get(axis, -1) for axes in found.values() for axis in "XYZ"]
    if sorted(rows) != list(range(count)):
        raise LabelError(
            f"{path}: its header lists {counted(len(channels), 'channel')} that are not X, Y and Z "
            f"of each sensor of the {count} in the data"
        )
    return rows, list(found)


def _plain(label: str) -> str:
    """`1.0` and `1` are one label."""
    try:
        return f"{float(label):g}"
    except ValueError:
        return label.strip()
