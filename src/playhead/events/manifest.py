"""Manifests: a data set as a CSV, `video,labels,group,view,split,offset`, the last four optional.

Paths are relative to the CSV and must be inside its folder (or inside `root`, if given); those of
videos are relative to another folder if that is given as `videos`. Folds keep videos of one `group`
together: a match, a play, a series, a person.
"""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from playhead.errors import ConfigError, LabelError, PlayheadError
from playhead.events.source import csv_rows
from playhead.files import inside, write_text

__all__ = ["COLUMNS", "ManifestRow", "read_manifest", "require_manifest", "write_manifest"]

REQUIRED = ("video", "labels")
OPTIONAL = ("group", "view", "split", "offset")
COLUMNS = (*REQUIRED, *OPTIONAL)


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One video of a data set.

    group: by default each video is its own group
    offset: seconds from label time to video time (video time = label time + offset)
    name: the video as written in the manifest; the file name without a manifest
    """

    video: Path
    labels: Path | None = None
    group: str = ""
    view: str | None = None
    split: str | None = None
    offset: float = 0.0
    name: str = ""

    def __post_init__(self) -> None:
        if not math.isfinite(self.offset):
            raise LabelError(
                f"{self.video}: the offset is {self.offset}; a finite number of seconds is needed"
            )
        if not self.name:
            object.__setattr__(self, "name", self.video.name)
        if not self.group:
            object.__setattr__(self, "group", self.name)


def require_manifest(path: Path, setting: str = "data.manifest") -> None:
    """Raise ConfigError if the data set that a setting of a configuration names is not there."""
    if not path.exists():
        raise ConfigError(
            f"{setting}: {path} does not exist; give the labelled set to train on, for "
            f"example --set {setting}=set/manifest.csv"
        )


def read_manifest(
    path: Path | str, *, root: Path | None = None, videos: Path | None = None
) -> tuple[ManifestRow, ...]:
    """Read a manifest; its paths are resolved, and their files exist.

    root: the folder that paths may not leave; by default the folder of the CSV
    videos: the folder that the paths of videos are relative to and may not leave; by default that
        of the CSV, and `root`
    Raises LabelError naming the line for a missing or unknown column, a missing file, a path
    outside the folder, a video listed twice, or an offset that is not a number.
    """
    path = Path(path)
    if videos is not None and not videos.is_dir():
        raise LabelError(
            f"{videos}: is not a folder; give the one that the videos of {path} are relative to"
        )
    rows = []
    lines: dict[Path, str] = {}
    labels_in = (path.parent, root or path.parent)
    videos_in = labels_in if videos is None else (videos, videos)
    for where, cells in csv_rows(path, REQUIRED, OPTIONAL):
        row = _parse_row(where, cells, labels_in, videos_in)
        first = lines.setdefault(row.video, where)
        if first != where:
            raise LabelError(
                f"{where}: {cells['video']} is listed twice (first: {first}); remove one"
            )
        rows.append(row)
    return tuple(rows)


def write_manifest(
    rows: Sequence[ManifestRow], path: Path | str, *, videos: Path | None = None
) -> None:
    """Write a manifest with relative paths, atomically.

    videos: the folder that the paths of videos are relative to; by default that of the manifest
    Raises LabelError if there are no rows, or a file is outside its folder.
    """
    path = Path(path)
    if not rows:
        raise LabelError(f"{path}: a manifest needs at least one video")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    folder = path.parent.resolve()
    for row in rows:
        labels = "" if row.labels is None else _relative(row.labels, folder)
        offset = repr(float(row.offset)) if row.offset else ""
        video = _relative(row.video, folder if videos is None else videos.resolve())
        writer.writerow([video, labels, row.group, row.view or "", row.split or "", offset])
    write_text(path, text.getvalue())


def _parse_row(
    where: str, cells: dict[str, str], labels_in: tuple[Path, Path], videos_in: tuple[Path, Path]
) -> ManifestRow:
    """The row of `cells`; labels and videos lie in a folder and may not leave its root."""
    video = _file(where, "video", cells["video"], *videos_in)
    if video is None:
        raise LabelError(f"{where}: has no video")
    return ManifestRow(
        video=video,
        labels=_file(where, "labels", cells["labels"], *labels_in),
        group=cells.get("group", ""),
        view=cells.get("view") or None,
        split=cells.get("split") or None,
        offset=_offset(where, cells.get("offset", "")),
        name=cells["video"],
    )


def _file(where: str, column: str, cell: str, folder: Path, root: Path) -> Path | None:
    if not cell:
        return None
    try:
        path = inside(root, str(folder.resolve() / cell))
        there = path.is_file()
    except (PlayheadError, ValueError, OSError) as error:
        raise LabelError(
            f"{where}: {column} {cell!r} is outside of {root}; put the manifest above its files, "
            "or name a folder that contains them all"
        ) from error
    if not there:
        hint = ""
        if column == "video" and (folder / "config.yaml").is_file():
            hint = f"; if the videos lie elsewhere, name the folder {folder}, not its manifest"
        raise LabelError(f"{where}: {column} {cell!r}: there is no such file ({path}){hint}")
    return path


def _offset(where: str, cell: str) -> float:
    try:
        offset = float(cell or 0)
    except ValueError as error:
        raise LabelError(f"{where}: offset needs seconds as a number, got {cell!r}") from error
    if not math.isfinite(offset):
        raise LabelError(f"{where}: offset needs a finite number of seconds, got {cell!r}")
    return offset


def _relative(file: Path, folder: Path) -> str:
    path = file.resolve()
    if not path.is_relative_to(folder):
        raise LabelError(f"{file}: is outside of {folder}; put the manifest above its files")
    return path.relative_to(folder).as_posix()
