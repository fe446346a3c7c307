"""Reading and writing labels and predictions in any format."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from playhead.errors import LabelError, PlayheadError
from playhead.events.formats import (
    e2espot,
    edl,
    native,
    nfl,
    soccernet,
    soccernet_games,
    sportscode,
    srt,
    table,
)
from playhead.events.formats.detect import (
    WRITTEN,
    detect,
    format_to_write,
    parse,
    unknown_format,
)
from playhead.events.formats.raw import (
    RawVideo,
    Reading,
    TimesOf,
    as_rate,
    log_notes,
    resolve,
)
from playhead.events.formats.rows import read_row
from playhead.events.manifest import read_manifest
from playhead.events.model import VideoEvents
from playhead.events.names import video_stem
from playhead.events.source import Mistakes
from playhead.files import inside

__all__ = ["read_events", "write_events"]

FOLDERS = (
    ("native", "*.events.json"),
    ("soccernet", "Labels-*.json"),
    ("soccernet", "results_*.json"),
    ("srt", "*.srt"),
)
"""Formats that a folder is searched for first, as folders of results have other files too."""
LABELS = (".boris", ".eaf", ".xml", ".csv", ".tsv", ".json")


def read_events(
    path: Path | str,
    *,
    format: str | None = None,
    rate: str | float | Fraction | None = None,
    times: TimesOf | None = None,
    classes: Sequence[str] | None = None,
    columns: Mapping[str, str] | None = None,
    notes: list[str] | None = None,
) -> tuple[VideoEvents, ...]:
    """Read the labels or predictions in `path`, one `VideoEvents` per video.

    path: a file of any known format, a manifest (the labels of every row that has some), or a
        folder of files of one format
    format: one of FORMATS; by default detected from name and content
    rate: frames per second, for labels by frame if neither their file nor the media tell it
    times: the table of times of a video by its name, if the media is available
    classes: the allowed labels; by default those of the file
    columns: names of columns in a table, as `{"time": "Zeit"}`, where they are not known
    notes: what the user should know is appended: columns that were ignored, equal rows that were
        merged, an encoding that was guessed; without a list it is logged as warnings
    Raises LabelError naming the file and row of the mistakes, of a table all of them.

    >>> import pathlib, tempfile
    >>> labels = pathlib.Path(tempfile.mkdtemp(), "my.csv")
    >>> _ = labels.write_text("video,label,time\\nmatch.mp4,pass,12.48\\n")
    >>> read_events(labels)[0].events[0].start
    12.48
    """
    path = Path(path)
    known = None if classes is None else tuple(classes)
    collected = [] if notes is None else notes
    reading = Reading(rate=as_rate(rate), times=times, classes=known, notes=collected)
    if path.is_dir():
        videos = _one_set(path, _read_folder(path, format, columns, reading))
    elif not path.exists():
        raise LabelError(f"{path}: cannot be read: No such file or directory")
    elif (name := format or detect(path)) == "manifest":
        videos = _one_set(path, _read_manifest(path, reading))
    else:
        videos = resolve(parse(path, name, columns=columns, notes=collected), reading)
    if notes is None:
        log_notes(collected)
    return videos


def write_events(
    videos: VideoEvents | Sequence[VideoEvents],
    path: Path | str,
    *,
    format: str | None = None,
    rate: str | float | Fraction | None = None,
) -> None:
    """Write events in a format (by default from the name of `path`), atomically.

    native, srt and sportscode files hold one video each: several videos, or a folder as `path`,
    become `path/<video without its suffix>.events.json` (`.srt`, `.xml`). A SoccerNet file whose
    name begins with `results` holds predictions, and so do a ZIP and a folder, of many games; an
    NFL file is a submission.
    Raises LabelError if the format cannot hold the events.
    """
    path = Path(path)
    several = [videos] if isinstance(videos, VideoEvents) else list(videos)
    if not several:
        raise LabelError(f"{path}: there are no videos to write")
    name = format or format_to_write(path)
    match name:
        case "native":
            _write_each(several, path, ".events.json", native.write)
        case "srt":
            _write_each(several, path, ".srt", srt.write)
        case "sportscode":
            _write_each(several, path, ".xml", sportscode.write)
        case "csv":
            table.write(several, path)
        case "edl":
            edl.write(several, path, as_rate(rate))
        case "soccernet" if path.suffix.lower() != ".json":
            soccernet_games.write_games(several, path)
        case "soccernet":
            soccernet.write(several, path, predictions=path.name.startswith("results"))
        case "e2espot":
            e2espot.write(several, path, as_rate(rate))
        case "nfl":
            nfl.write(several, path)
        case _:
            raise unknown_format(path, name, WRITTEN)


def _write_each(
    videos: Sequence[VideoEvents],
    path: Path,
    suffix: str,
    write: Callable[[VideoEvents, Path], None],
) -> None:
    if len(videos) == 1 and path.suffix and not path.is_dir():
        write(videos[0], path)
        return
    if path.is_file():
        raise LabelError(
            f"{path}: a {suffix} file holds one video, but there are {len(videos)}; name a folder"
        )
    targets: dict[Path, VideoEvents] = {}
    for video in videos:
        try:
            target = inside(path, video_stem(video.video) + suffix)
        except PlayheadError as error:
            raise LabelError(f"{video.video!r} is outside of {path}; rename the video") from error
        if target in targets:
            raise LabelError(
                f"{video.video!r} and {targets[target].video!r} would share {target}; rename one"
            )
        targets[target] = video
    for target, video in targets.items():
        write(video, target)


def _read_folder(
    folder: Path, wanted: str | None, columns: Mapping[str, str] | None, reading: Reading
) -> tuple[VideoEvents, ...]:
    files = _files_of(folder, wanted)
    if not files:
        raise LabelError(
            f"{folder}: has no {wanted or 'label'} files; a folder is searched for "
            f"{', '.join(pattern for _, pattern in FOLDERS)}, tables, and files of annotation tools"
        )
    raws: list[RawVideo] = []
    mistakes = Mistakes()
    for file, name in files:
        with mistakes.collect():
            for raw in parse(file, name, columns=columns, notes=reading.notes):
                video = raw.video
                if not raw.named or _is_called(file, raw):  # by its path in the folder
                    video = (file.parent.relative_to(folder) / video).as_posix()
                raws.append(replace(raw, video=video))
    mistakes.raise_any()
    return resolve(raws, reading)


def _is_called(file: Path, raw: RawVideo) -> bool:
    """Whether a native file has the name of its video, as `predict` writes it."""
    return file.name == f"{video_stem(raw.video)}.events.json"


def _files_of(folder: Path, wanted: str | None) -> list[tuple[Path, str]]:
    """The label files below a folder, each with its format, which is the same for all."""
    for name, pattern in FOLDERS:
        files = sorted(path for path in folder.rglob(pattern) if path.is_file())
        if files and wanted in (None, name):
            return [(file, name) for file in files]
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and Path(path.name.lower().removesuffix(".gz")).suffix in LABELS
    )
    if wanted is not None:
        return [(file, wanted) for file in files if _is(file, wanted)]
    found = [(file, detect(file)) for file in files]
    kinds = {name: file for file, name in found}
    if len(kinds) > 1:
        listed = ", ".join(f"{name} ({file.name})" for name, file in kinds.items())
        raise LabelError(f"{folder}: has files of several formats: {listed}; choose with --from")
    return found


def _is(file: Path, wanted: str) -> bool:
    try:
        return detect(file) == wanted
    except LabelError:
        return False


def _read_manifest(path: Path, reading: Reading) -> tuple[VideoEvents, ...]:
    rows = [row for row in read_manifest(path) if row.labels is not None]
    if not rows:
        raise LabelError(f"{path}: no row of the manifest has labels")
    return tuple(
        read_row(
            row,
            times=reading.table(row.name),
            rate=reading.rate,
            classes=reading.classes,
            notes=reading.notes,
        )
        for row in rows
    )


def _one_set(path: Path, videos: tuple[VideoEvents, ...]) -> tuple[VideoEvents, ...]:
    """Give the videos of a set the same classes: the union over its files."""
    (name, count), *_ = Counter(video.video for video in videos).most_common(1)
    if count > 1:
        raise LabelError(f"{path}: {count} files have the events of {name!r}; keep one of them")
    if len({video.classes for video in videos}) == 1:
        return videos
    classes = tuple(sorted({name for video in videos for name in video.classes}))
    return tuple(replace(video, classes=classes) for video in videos)
