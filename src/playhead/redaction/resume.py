"""Resume a stopped batch: which inputs are done, and what a killed run left of the others.

Both outputs of a video are renamed to their final names when both are complete, the copy first. So
a track file without its copy was written for review, and is never replaced without --overwrite; a
leftover temporary track file shows that a run was killed between the two renames.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from playhead.errors import LabelError, PlayheadError
from playhead.events.formats.tracks import SUFFIX, TrackFile, read_tracks
from playhead.execution.outcomes import FileOutcome
from playhead.files import fingerprint, was_cut_short

__all__ = [
    "earlier_outcome",
    "is_cut_short",
    "is_done",
    "is_left_out",
    "recorded_copy",
    "refuse_foreign_tracks",
]

_COPY, _PARTIAL = "copy", "partial"


def recorded_copy(tracks: TrackFile, copy: Path | None, *, partial: bool) -> TrackFile:
    """The tracks with the checksum of the copy rendered from them, None if there is none.

    partial: whether the video ended `partial`, which a later run that skips it reports again
    """
    checksum = None if copy is None else fingerprint(copy)
    return replace(tracks, settings={**tracks.settings, _COPY: checksum, _PARTIAL: partial})


def earlier_outcome(source: Path, outputs: tuple[Path, ...]) -> FileOutcome:
    """The outcome of a file whose outputs an earlier run wrote, all of which exist."""
    note = "done by an earlier run"
    tracks = outputs[-1].name.endswith(SUFFIX)
    if tracks and read_tracks(outputs[-1]).settings.get(_PARTIAL):
        reason = f"{note}, which could not read or search all of it; run with --overwrite to see"
        return FileOutcome(source, "partial", outputs, reason)
    return FileOutcome(source, "ok", outputs, notes=(note,))


def is_cut_short(outputs: Sequence[Path]) -> bool:
    """Whether a run was killed after it renamed only some of these outputs."""
    *first, last = outputs
    return any(output.exists() for output in first) and not last.exists() and was_cut_short(last)


def is_left_out(source: Path, outputs: Sequence[Path]) -> bool:
    """Whether a resumed batch skips `source`, since it is done."""
    try:
        return is_done(source, outputs)
    except (PlayheadError, OSError):  # checked again in its turn, where it fails alone
        return False


def is_done(source: Path, outputs: Sequence[Path]) -> bool:
    """Whether all outputs of `source` exist and belong together; False if none exists.

    outputs: the copy and the track file of a video, or one of the two, or the copy of an image
    Raises PlayheadError for anything in between, which must not be replaced without --overwrite.
    """
    missing = [output for output in outputs if not output.exists()]
    if len(missing) == len(outputs):
        return False
    last = outputs[-1]
    if missing == [last]:
        raise PlayheadError(
            f"{outputs[0]}: exists without {last.name}; use --overwrite to write both again"
        )
    if missing:
        raise PlayheadError(
            f"{last}: exists without {missing[0].name}; render these tracks with `playhead "
            "redaction apply`, or detect again with --overwrite"
        )
    if not last.name.endswith(SUFFIX):
        return True
    settings = read_tracks(last).settings
    if settings.get("fingerprint") not in (None, fingerprint(source)):
        raise PlayheadError(
            f"{last}: belongs to another file than {source}; use --overwrite to replace it"
        )
    # Earlier versions did not record the copy.
    if len(outputs) > 1 and _COPY in settings and settings[_COPY] != fingerprint(outputs[0]):
        raise PlayheadError(
            f"{outputs[0]}: was not rendered from {last.name}; render these tracks with `playhead "
            "redaction apply --overwrite`, or detect again with `run --overwrite`"
        )
    return True


def refuse_foreign_tracks(output: Path, remedy: str = "choose another folder with --out") -> None:
    """Raise PlayheadError if `output` is a track file that was not written by a redaction.

    The ground truth of generated videos has this name.
    """
    if not output.name.endswith(SUFFIX) or not output.exists():
        return
    try:
        settings = read_tracks(output).settings
    except LabelError:  # an unreadable file has no tracks to protect
        return
    if "config" not in settings:
        raise PlayheadError(
            f"{output}: was not written by a redaction, so it may be ground truth; {remedy}"
        )
