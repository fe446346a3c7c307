"""Reviewing and applying: from a track file to a page, and from a person's edits to a video."""

import copy
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from playhead.config import override, validate
from playhead.errors import ConfigError, LabelError, PlayheadError
from playhead.events.formats.tracks import SUFFIX, TrackFile, read_tracks, write_tracks
from playhead.execution.batch import BatchResult, FileOutcome, Item, output_path, run_items
from playhead.media import Video, open_video
from playhead.media.source import require_file
from playhead.progress import Progress, progress
from playhead.redaction.config import RedactionConfig
from playhead.redaction.edits import apply_edits, checked_spans, is_drawn, read_edits
from playhead.redaction.outcome import outcome_of
from playhead.redaction.resume import made_into
from playhead.redaction.review import write_review
from playhead.redaction.run import (
    check_out,
    check_outputs,
    check_same,
    is_picture,
    output_of,
    remove_stale,
    render,
)

__all__ = ["Loaded", "apply_tracks", "config_of", "find_tracks", "load_tracks", "write_review_page"]

_SPAN = re.compile(r"(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)")


def write_review_page(video: Path, tracks: Path | None, out: Path | None) -> Path:
    """The review page of a video and its track file, beside the video unless `out` is given."""
    require_file(video)
    path = find_tracks(video, tracks)
    page = out or output_path(video.with_suffix(""), ".review.html")
    with progress("reviewing", 1) as live:
        return write_review(video, read_tracks(path), path, page, live)


class Loaded(NamedTuple):
    """A track file, where it lies, and the configuration that it will be rendered with."""

    path: Path
    file: TrackFile
    config: RedactionConfig


def load_tracks(video: Path, tracks: Path | None, settings: Sequence[str]) -> Loaded:
    """The track file of a video, with settings over those that it was made with."""
    require_file(video)
    path = find_tracks(video, tracks)
    file = read_tracks(path)
    return Loaded(path, file, config_of(file, path, settings))


def apply_tracks(
    video: Path,
    loaded: Loaded,
    *,
    edits: Path | None,
    keep: str | None,
    only: Sequence[str],
    out: Path | None,
    overwrite: bool,
) -> BatchResult:
    """Render a video from its track file, which then says what was decided.

    keep: numbers of tracks to leave visible, or `none`; only: time spans outside of which nothing
    is hidden, or `all`; both replace what the file says.
    Raises LabelError for tracks of another video, or edits that name what is not there.
    """
    if out is not None:
        check_out(out)
    path, file, config = loaded
    item = Item(video, Path(video.stem))
    check_outputs([video], [output_of(video, item.target(out))], overwrite=overwrite)
    with open_video(video) as opened:
        check_same(opened, file)
        edited = _edited(file, edits, keep, only, opened)
    edited = replace(edited, settings={**file.settings, "config": config.published()})

    def work(source: Path, target: Path, live: Progress) -> FileOutcome:
        output = output_of(source, target)
        remove_stale([output], output)
        # What was decided stays where rendering fails.
        write_tracks(path, made_into(edited, None, partial=False))
        with open_video(source, threads=config.threads or 0) as opened:
            written = render(opened, edited, config, output, live)
            outcome = outcome_of(opened, (output, path), edited, written=written)
            write_tracks(path, made_into(edited, output, partial=outcome.status == "partial"))
            return outcome

    return run_items([item], out, work, task="applying")


def find_tracks(video: Path, tracks: Path | None) -> Path:
    """The track file of a video; PlayheadError with the command that makes it where it is not."""
    if is_picture(video):
        raise PlayheadError(f"{video}: is a picture, without tracks; `redaction run` hides in it")
    path = tracks or output_path(video.with_suffix(""), SUFFIX)
    if not path.is_file():
        raise PlayheadError(
            f"{path}: there is no such track file; `playhead redaction detect` makes it, and "
            "--tracks names one that lies elsewhere"
        )
    return path


def config_of(file: TrackFile, path: Path, settings: Sequence[str] = ()) -> RedactionConfig:
    """The configuration that tracks were made with, and settings over it.

    The picture of the style `picture` is to be named again: only the command line names paths.
    Tracks that another program made have no configuration, and get the defaults.
    """
    values = file.settings.get("config", {})
    if not isinstance(values, dict):
        raise LabelError(f"{path}: its configuration is a {type(values).__name__}, not a mapping")
    values = copy.deepcopy(values)
    if isinstance(values.get("style"), dict):
        values["style"].pop("picture", None)  # no path from a file is ever followed
    for setting in settings:
        override(values, setting)
    return validate(RedactionConfig, values, source=str(path))


def _edited(
    file: TrackFile,
    edits: Path | None,
    keep: str | None,
    only: Sequence[str],
    video: Video,
) -> TrackFile:
    times, duration = video.times, video.duration
    edited = file if edits is None else apply_edits(file, read_edits(edits), times, duration)
    if keep is not None:
        edited = replace(edited, shown=frozenset(_numbers(keep, edited)))
    if only:
        chosen = () if [one.strip() for one in only] == ["all"] else tuple(map(_span, only))
        edited = replace(edited, spans=checked_spans(chosen, "--only", times, duration))
    return edited


def _numbers(keep: str, file: TrackFile) -> list[int]:
    if keep.strip() == "none":
        return []
    known = {track.id for track in file.tracks if not is_drawn(track)}
    words = [word.strip() for word in keep.split(",") if word.strip()]
    wrong = [word for word in words if not word.isdecimal() or int(word) not in known]
    if wrong:
        raise LabelError(
            f"--keep {keep}: {', '.join(wrong)} is no track of {file.video}; it has {len(known)}, "
            "numbered from 0 as `playhead redaction review` shows them"
        )
    return [int(word) for word in words]


def _span(text: str) -> tuple[float, float]:
    match = _SPAN.fullmatch(text.strip())
    if match is None or float(match[1]) >= float(match[2]):
        raise ConfigError(f"--only {text}: needs seconds from-to, as in 0-12.5")
    return float(match[1]), float(match[2])
