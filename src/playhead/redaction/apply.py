"""Review and apply: write the review page of a track file; render a video with a person's edits."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from playhead.errors import ConfigError, LabelError, PlayheadError
from playhead.events.formats.tracks import SUFFIX, TrackFile, read_tracks, write_tracks
from playhead.execution.items import Item, output_path
from playhead.execution.outcomes import BatchResult, FileOutcome
from playhead.execution.outputs import check_folder, check_outputs
from playhead.execution.runner import Work, run_items
from playhead.media import Video, open_video
from playhead.media.kinds import is_image
from playhead.media.source import require_file
from playhead.progress import Progress, progress
from playhead.redaction.edits import apply_edits, checked_spans, is_drawn, read_edits
from playhead.redaction.outcome import outcome_of
from playhead.redaction.resolved import ResolvedRedaction, recorded_redaction
from playhead.redaction.resume import recorded_copy, refuse_foreign_tracks
from playhead.redaction.review import write_review
from playhead.redaction.run import check_same, output_of, remove_stale, render

__all__ = ["LoadedTracks", "apply_tracks", "find_tracks", "load_tracks", "write_review_page"]

_SPAN = re.compile(r"(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)")


def write_review_page(video: Path, tracks: Path | None, out: Path | None) -> Path:
    """The review page of a video and its track file, beside the video unless `out` is given."""
    require_file(video)
    path = find_tracks(video, tracks)
    page = out or output_path(video.with_suffix(""), ".review.html")
    with progress("reviewing", 1) as live:
        return write_review(video, read_tracks(path), path, page, live)


class LoadedTracks(NamedTuple):
    """A track file, its path, and the redaction that it will be rendered with."""

    path: Path
    file: TrackFile
    redaction: ResolvedRedaction


def load_tracks(video: Path, tracks: Path | None, settings: Sequence[str]) -> LoadedTracks:
    """The track file of a video, with `settings` over the recorded configuration."""
    require_file(video)
    path = find_tracks(video, tracks)
    file = read_tracks(path)
    return LoadedTracks(path, file, recorded_redaction(file, path, settings))


def apply_tracks(
    video: Path,
    loaded: LoadedTracks,
    *,
    edits: Path | None,
    keep: str | None,
    only: Sequence[str],
    out: Path | None,
    overwrite: bool,
) -> BatchResult:
    """Render a video from its track file, and record the edits in the track file.

    keep: numbers of tracks to leave visible, or `none`; only: time spans outside of which nothing
    is hidden, or `all`; both replace the choices in the file.
    Raises LabelError for tracks of another video, or edits of unknown tracks.
    """
    if out is not None:
        check_folder(out)
    path, file, redaction = loaded
    item = Item(video, Path(video.stem))
    check_outputs([video], [output_of(video, item.target(out))], overwrite=overwrite)
    with open_video(video) as opened:
        check_same(opened, file)
        edited = _edited(file, edits, keep, only, opened)
    edited = replace(edited, settings={**file.settings, **redaction.settings()})
    return run_items([item], out, _Applying(path, edited, redaction), task="applying")


@dataclass(frozen=True, slots=True)
class _Applying:
    """The rendering of an edited track file."""

    tracks_path: Path
    tracks: TrackFile
    redaction: ResolvedRedaction

    def open(self) -> Work:
        return self._apply

    def _apply(self, source: Path, target: Path, live: Progress) -> FileOutcome:
        config = self.redaction.config
        output = output_of(source, target)
        remove_stale([output], output)
        # The person's decisions are kept if rendering fails.
        write_tracks(self.tracks_path, recorded_copy(self.tracks, None, partial=False))
        with open_video(source, threads=config.threads or 0) as video:
            written = render(video, self.tracks, config, output, live)
            outcome = outcome_of(video, (output, self.tracks_path), self.tracks, written=written)
            partial = outcome.status == "partial"
            write_tracks(self.tracks_path, recorded_copy(self.tracks, output, partial=partial))
            return outcome


def find_tracks(video: Path, tracks: Path | None) -> Path:
    """The track file of a video; PlayheadError if it is missing."""
    if is_image(video):
        raise PlayheadError(f"{video}: is an image and has no tracks; use `redaction run`")
    path = tracks or output_path(video.with_suffix(""), SUFFIX)
    if not path.is_file():
        raise PlayheadError(
            f"{path}: no such track file; write it with `playhead redaction detect`, or give its "
            "path with --tracks"
        )
    if tracks is None:
        remedy = "run `playhead redaction detect`, and name its tracks with --tracks"
        refuse_foreign_tracks(path, remedy)
    return path


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
        chosen = () if [span.strip() for span in only] == ["all"] else tuple(map(_span, only))
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
            f"--keep {keep}: {', '.join(wrong)} is not a track of {file.video}, which has "
            f"{len(known)}; see their numbers with `playhead redaction review`"
        )
    return [int(word) for word in words]


def _span(text: str) -> tuple[float, float]:
    match = _SPAN.fullmatch(text.strip())
    if match is None or float(match[1]) >= float(match[2]):
        raise ConfigError(f"--only {text}: needs a span in seconds, such as 0-12.5")
    return float(match[1]), float(match[2])
