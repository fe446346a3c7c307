"""Resume: which inputs of a stopped batch are done, and what a killed run left of the others.

Both outputs of a video get their names when both are whole, the copy first. So a track file without
its copy was made to be reviewed, and is never replaced unasked; and of a run that was killed
between the two names the temporary track file tells.
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
    """The tracks with the checksum of the copy rendered from them; None: there is none.

    partial: whether the video ended `partial`, which a later run that skips it must report again
    """
    checksum = None if copy is None else fingerprint(copy)
    return replace(tracks, settings={**tracks.settings, _COPY: checksum, _PARTIAL: partial})


def earlier_outcome(source: Path, outputs: tuple[Path, ...]) -> FileOutcome:
    """How a file ended whose outputs an earlier run made; they are all there."""
    note = "done by an earlier run"
    tracks = outputs[-1].name.endswith(SUFFIX)
    if tracks and read_tracks(outputs[-1]).settings.get(_PARTIAL):
        reason = f"{note}, which could not read or detect all of it; --overwrite tells more"
        return FileOutcome(source, "partial", outputs, reason)
    return FileOutcome(source, "ok", outputs, notes=(note,))


def is_cut_short(outputs: Sequence[Path]) -> bool:
    """Whether a run was killed after it had given some of these outputs their names."""
    *first, last = outputs
    return any(output.exists() for output in first) and not last.exists() and was_cut_short(last)


def is_left_out(source: Path, outputs: Sequence[Path]) -> bool:
    """Whether a batch that goes on skips `source`, since it is done."""
    try:
        return is_done(source, outputs)
    except (PlayheadError, OSError):  # it is asked again in its turn, where it fails alone
        return False


def is_done(source: Path, outputs: Sequence[Path]) -> bool:
    """Whether all outputs of `source` are there and belong together; False where none is there.

    outputs: the copy and the track file of a video, or one of the two, or the copy of an image
    Raises PlayheadError for anything between, which nothing that is not asked for may replace.
    """
    missing = [output for output in outputs if not output.exists()]
    if len(missing) == len(outputs):
        return False
    last = outputs[-1]
    if missing == [last]:
        raise PlayheadError(
            f"{outputs[0]}: exists without {last.name}; --overwrite writes both again"
        )
    if missing:
        raise PlayheadError(
            f"{last}: exists without {missing[0].name}; `playhead redaction apply` renders these "
            "tracks, --overwrite detects again"
        )
    if not last.name.endswith(SUFFIX):
        return True
    settings = read_tracks(last).settings
    if settings.get("fingerprint") not in (None, fingerprint(source)):
        raise PlayheadError(
            f"{last}: was made from another file than {source}; --overwrite replaces it"
        )
    # Earlier versions do not record the copy.
    if len(outputs) > 1 and _COPY in settings and settings[_COPY] != fingerprint(outputs[0]):
        raise PlayheadError(
            f"{outputs[0]}: was not made from {last.name}; `playhead redaction apply --overwrite` "
            "renders these tracks, run --overwrite detects again"
        )
    return True


def refuse_foreign_tracks(output: Path, remedy: str = "write elsewhere with --out") -> None:
    """Raise PlayheadError if `output` is a whole track file that no redaction made.

    Generated videos lie beside their ground truth under this very name.
    """
    if not output.name.endswith(SUFFIX) or not output.exists():
        return
    try:
        settings = read_tracks(output).settings
    except LabelError:  # what cannot be read is nobody's tracks
        return
    if "config" not in settings:
        raise PlayheadError(
            f"{output}: holds tracks that no redaction made, ground truth perhaps; {remedy}"
        )
